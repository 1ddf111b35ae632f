//! What concerns neither labels nor intents is asked about by nobody.

use netintent_tests::Installed;
use serde_json::json;

use crate::Result;
use crate::manifests::{approval, create, path, service, workload};

/// On an installation of its own, since others' requests would be counted too.
#[test]
fn what_does_not_concern_us_never_reaches_the_webhook() -> Result {
    let installed = Installed::start()?;
    let admin = installed.admin();
    for (name, mode) in [("shop", "enforce"), ("away", "off"), ("bank", "enforce")] {
        installed.namespace(name, mode)?;
    }
    create(admin, &service("bank", "ledger"))?;
    create(admin, &approval("bank", "a", &["shop/*"], &["ledger:rpc"]))?;
    create(admin, &workload("Pod", "shop", "declares", "bank/ledger:rpc"))?;
    create(admin, &workload("Pod", "shop", "plain", ""))?;
    let count = || installed.webhook().counted("admissions", "");
    let before = count()?;
    let mut asked: Vec<(String, u64)> = Vec::new();
    let mut done = |what: &str, reply: netintent_tests::Reply| -> Result {
        assert!(reply.is_success(), "{what}: {} {}", reply.status, reply.message());
        asked.push((what.to_owned(), count()?));
        Ok(())
    };
    // By the node: heartbeats, status, bindings.
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}});
    done("a node", admin.post("/api/v1/nodes", &node)?)?;
    let lease =
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "node"}, "spec": {}});
    done("a lease", admin.post("/apis/coordination.k8s.io/v1/namespaces/shop/leases", &lease)?)?;
    for name in ["declares", "plain"] {
        let pod = format!("{}/{name}", path("Pod", "shop"));
        let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
            "target": {"kind": "Node", "name": "node"}});
        done("a binding", admin.post(&format!("{pod}/binding"), &binding)?)?;
        let ready = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
        done("a status", admin.patch(&format!("{pod}/status"), "merge", &ready)?)?;
        let annotation = json!({"metadata": {"annotations": {"cni.example/ip": "10.0.0.1"}}});
        done("an annotation of somebody else's", admin.patch(&pod, "merge", &annotation)?)?;
        let image = json!({"spec": {"containers": [{"name": "main", "image": "example.invalid/2"}]}});
        done("an image", admin.patch(&pod, "strategic-merge", &image)?)?;
        done("a deletion", admin.delete(&pod)?)?;
    }
    // In a namespace that takes no part, whatever it declares.
    for kind in crate::manifests::KINDS {
        let name = kind.to_ascii_lowercase();
        done("away", admin.post(&path(kind, "away"), &workload(kind, "away", &name, "bank/ledger:rpc"))?)?;
        if kind != "Pod" && kind != "CronJob" && kind != "Job" {
            let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "example.invalid/2"}]}}}});
            let object = format!("{}/{name}", path(kind, "away"));
            done("an image, away", admin.patch(&object, "strategic-merge", &image)?)?;
        }
    }
    // Workloads without intents. Their pods are another matter: a ServiceAccount may declare for them.
    for kind in crate::manifests::KINDS.into_iter().filter(|kind| *kind != "Pod") {
        let mut object = workload(kind, "shop", &kind.to_ascii_lowercase(), "");
        if object["spec"]["replicas"].is_number() {
            object["spec"]["replicas"] = 0.into();
        }
        if kind == "Job" {
            object["spec"]["suspend"] = true.into();
        }
        if kind == "DaemonSet" {
            object["spec"]["template"]["spec"]["nodeSelector"] = json!({"no": "node"});
        }
        done("a workload without intents", admin.post(&path(kind, "shop"), &object)?)?;
    }
    let reached: Vec<&String> = asked
        .iter()
        .zip(std::iter::once(before).chain(asked.iter().map(|(_, count)| *count)))
        .filter(|((_, count), last)| count != last)
        .map(|((what, _), _)| what)
        .collect();
    assert!(reached.is_empty(), "{reached:?}");
    // And what does concern us does reach it, or nothing was counted at all.
    create(admin, &workload("Deployment", "shop", "declares", "bank/ledger:rpc"))?;
    assert!(count()? > before);
    Ok(())
}
