//! With the webhook gone, what runs goes on.

use http::Method;
use netintent_tests::Installed;
use serde_json::{Value, json};

use crate::Result;
use crate::manifests::{KINDS, approval, create, path, pods, reserved, service, workload};

/// Everything on one control plane, since its webhook is gone for good.
#[test]
fn running_workloads_do_not_notice() -> Result {
    let installed = Installed::start()?;
    let admin = installed.admin();
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}});
    assert!(admin.post("/api/v1/nodes", &node)?.is_success());
    for (name, mode) in [("shop", "enforce"), ("bank", "enforce")] {
        installed.namespace(name, mode)?;
    }
    create(admin, &service("bank", "ledger"))?;
    create(admin, &approval("bank", "a", &["shop/*"], &["ledger:rpc"]))?;
    for kind in KINDS {
        let name = kind.to_ascii_lowercase();
        create(admin, &workload(kind, "shop", &name, "bank/ledger:rpc"))?;
        if kind != "CronJob" {
            let pod = &pods(&installed, "shop", &name)?[0];
            assert_eq!(reserved(pod).len(), 1, "{kind}: {pod:#}");
        }
    }
    installed.webhook().kill();
    passes(&installed)?;
    waits(&installed)?;
    goes(&installed)
}

fn done(what: &str, reply: &netintent_tests::Reply) {
    assert!(reply.is_success(), "{what}: {} {}", reply.status, reply.message());
}

/// What must not wait for anybody.
fn passes(installed: &Installed) -> Result {
    let admin = installed.admin();
    let pods_path = path("Pod", "shop");
    let name = pods(installed, "shop", "deployment")?[0]["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let pod = format!("{pods_path}/{name}");
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
        "target": {"kind": "Node", "name": "node"}});
    done("a scheduler binds", &admin.post(&format!("{pod}/binding"), &binding)?);
    let ready = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    done("a kubelet reports", &admin.patch(&format!("{pod}/status"), "merge", &ready)?);
    let label = json!({"metadata": {"labels": {"operator": "was-here"}}});
    done("an operator labels", &admin.patch(&pod, "merge", &label)?);
    let annotation = json!({"metadata": {"annotations": {"cni.example/ip": "10.0.0.1"}}});
    done("a CNI annotates", &admin.patch(&pod, "merge", &annotation)?);
    let image = json!({"spec": {"containers": [{"name": "main", "image": "example.invalid/other"}]}});
    done("an image changes", &admin.patch(&pod, "strategic-merge", &image)?);
    for kind in ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"] {
        let scale = json!({"spec": {"replicas": 0}});
        let object = format!("{}/{}", path(kind, "shop"), kind.to_ascii_lowercase());
        done(&format!("{kind} is scaled"), &admin.patch(&format!("{object}/scale"), "merge", &scale)?);
        done(&format!("{kind} is scaled itself"), &admin.patch(&object, "merge", &scale)?);
        let image =
            json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "example.invalid/2"}]}}}});
        done(&format!("{kind} gets another image"), &admin.patch(&object, "strategic-merge", &image)?);
    }
    let lease =
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "node"}, "spec": {}});
    done("a node's heart beats", &admin.post("/apis/coordination.k8s.io/v1/namespaces/shop/leases", &lease)?);
    // Pods without intents, by hand and by a controller.
    create(admin, &workload("Pod", "shop", "plain", ""))?;
    create(admin, &workload("Deployment", "shop", "plain-too", ""))?;
    pods(installed, "shop", "plain-too")?;
    let job = workload("Pod", "shop", "evicted", "");
    create(admin, &job)?;
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "evicted"}});
    done("a node is drained", &admin.post(&format!("{pods_path}/evicted/eviction"), &eviction)?);
    Ok(())
}

/// What waits for an answer: what gains a label, a new pod and a new declaration with intents.
fn waits(installed: &Installed) -> Result {
    let admin = installed.admin();
    let refused = |what: &str, reply: &netintent_tests::Reply| {
        let said = reply.message();
        assert!(!reply.is_success() && said.contains("netintent.dev\""), "{what}: {} {said}", reply.status);
    };
    let pod = workload("Pod", "shop", "new", "bank/ledger:rpc");
    refused("a new pod with intents", &admin.post(&path("Pod", "shop"), &pod)?);
    for kind in KINDS.into_iter().filter(|kind| *kind != "Pod") {
        let object = workload(kind, "shop", "new", "bank/ledger:rpc");
        refused(&format!("a new {kind} with intents"), &admin.post(&path(kind, "shop"), &object)?);
    }
    let more = json!({"spec": {"template": {"metadata": {"annotations": {"netintent.dev/calls": "bank/ledger"}}}}});
    refused(
        "another declaration",
        &admin.patch(&format!("{}/deployment", path("Deployment", "shop")), "merge", &more)?,
    );
    let key = "ledger.bank.to.netintent.dev/rpc";
    let gains = json!({"metadata": {"labels": {key: "allowed"}}});
    refused("a label gained", &admin.patch(&format!("{}/plain", path("Pod", "shop")), "merge", &gains)?);
    // In shadow nobody waits for labels; gaining one by hand is refused there too.
    let shadow = json!({"metadata": {"labels": {"netintent.dev/mode": "shadow"}}});
    done("the mode changes", &admin.patch("/api/v1/namespaces/shop", "merge", &shadow)?);
    installed.until("the namespace is in shadow", || {
        let name = "in-shadow";
        let reply = admin.post(&path("Pod", "shop"), &workload("Pod", "shop", name, "bank/ledger:rpc"))?;
        Ok(reply.is_success().then_some(()))
    })?;
    refused("a label gained in shadow", &admin.patch(&format!("{}/plain", path("Pod", "shop")), "merge", &gains)?);
    let back = json!({"metadata": {"labels": {"netintent.dev/mode": "enforce"}}});
    done("the mode changes back", &admin.patch("/api/v1/namespaces/shop", "merge", &back)?);
    Ok(())
}

/// What ends, ends: by each way of deletion, with all that hangs on it.
fn goes(installed: &Installed) -> Result {
    let admin = installed.admin();
    for (kind, policy) in [
        ("Deployment", "Foreground"),
        ("StatefulSet", "Foreground"),
        ("DaemonSet", "Background"),
        ("ReplicaSet", "Foreground"),
        ("ReplicationController", "Background"),
        ("Job", "Foreground"),
        ("CronJob", "Background"),
        ("Pod", "Background"),
    ] {
        let name = kind.to_ascii_lowercase();
        let object = format!("{}/{name}", path(kind, "shop"));
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy,
            "gracePeriodSeconds": 0});
        let body = options.to_string().into_bytes();
        done(&format!("{kind} is deleted"), &admin.send(&Method::DELETE, &object, "application/json", body)?);
        // No kubelet ends the pods.
        let list = format!("{}?labelSelector=app%3D{name}", path("Pod", "shop"));
        installed.until(&format!("{kind} and its pods are gone"), || {
            let left: Vec<Value> = admin.get(&list)?.body["items"].as_array().cloned().unwrap_or_default();
            for pod in left.iter().filter(|pod| !pod["metadata"]["deletionTimestamp"].is_null()) {
                let name = pod["metadata"]["name"].as_str().unwrap_or_default();
                let now = json!({"gracePeriodSeconds": 0}).to_string().into_bytes();
                admin.send(&Method::DELETE, &format!("{}/{name}", path("Pod", "shop")), "application/json", now)?;
            }
            Ok((left.is_empty() && admin.get(&object)?.status == 404).then_some(()))
        })?;
    }
    Ok(())
}
