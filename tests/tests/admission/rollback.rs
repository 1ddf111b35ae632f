//! A revocation takes access, never a rollback, a restart or a controller's pods.

use std::collections::BTreeSet;

use netintent_tests::Installed;
use serde_json::{Value, json};

use crate::Result;
use crate::manifests::{approval, create, path, pods, reserved, service, workload};

fn set_up(installed: &Installed, shop: &str, bank: &str) -> Result {
    for name in [shop, bank] {
        installed.namespace(name, "enforce")?;
    }
    let admin = installed.admin();
    create(admin, &service(bank, "ledger"))?;
    create(admin, &approval(bank, "rpc", &[&format!("{shop}/*")], &["ledger:rpc"]))?;
    create(admin, &approval(bank, "metrics", &[&format!("{shop}/*")], &["ledger:metrics"]))?;
    Ok(())
}

/// Revokes the approval of rpc, and waits until the webhook knows.
fn revoke(installed: &Installed, shop: &str, bank: &str) -> Result {
    let admin = installed.admin();
    let approval = format!("{}/rpc", path("Approval", bank));
    let revoked = json!({"metadata": {"annotations": {"netintent.dev/revoked": "test"}}});
    assert!(admin.patch(&approval, "merge", &revoked)?.is_success());
    assert!(admin.delete(&approval)?.is_success());
    let probe = workload("Deployment", shop, "probe", &format!("{bank}/ledger:rpc"));
    installed.until("the webhook knows of the revocation", || {
        let reply = admin.post(&format!("{}?dryRun=All", path("Deployment", shop)), &probe)?;
        Ok((reply.status == 403).then_some(()))
    })?;
    Ok(())
}

fn keys(bank: &str, ports: &[&str]) -> BTreeSet<String> {
    ports.iter().map(|port| format!("ledger.{bank}.to.netintent.dev/{port}=allowed")).collect()
}

/// Waits until the pods of an application, all of this revision, carry just these labels.
fn carry(installed: &Installed, shop: &str, app: &str, calls: &str, expected: &BTreeSet<String>) -> Result {
    installed.until(&format!("{app}'s pods are those that declare {calls}"), || {
        let list = format!("{}?labelSelector=app%3D{app}", path("Pod", shop));
        let all = installed.admin().get(&list)?.body["items"].as_array().cloned().unwrap_or_default();
        let ours = |pod: &&Value| pod["metadata"]["annotations"]["netintent.dev/calls"] == *calls;
        let found: Vec<&Value> = all.iter().filter(ours).collect();
        let right = found.iter().all(|pod| reserved(pod) == *expected);
        assert!(right, "{found:#?}");
        Ok((!found.is_empty()).then_some(()))
    })?;
    Ok(())
}

fn declare(installed: &Installed, kind: &str, shop: &str, app: &str, calls: &str) -> Result<netintent_tests::Reply> {
    let patch = json!({"spec": {"template": {"metadata": {"annotations": {"netintent.dev/calls": calls}}}}});
    Ok(installed.admin().patch(&format!("{}/{app}", path(kind, shop)), "merge", &patch)?)
}

/// `kubectl rollout undo` of each kind that can, to a template whose intent was revoked since: by the old ReplicaSet where
/// it is kept, and by a new one where it is not.
#[test]
fn rollout_undo_goes_through() -> Result {
    let installed = Installed::shared()?;
    let (shop, bank) = ("rollback-shop", "rollback-bank");
    set_up(installed, shop, bank)?;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}});
    installed.admin().post("/api/v1/nodes", &node)?;
    let (old, new) = (format!("{bank}/ledger:rpc"), format!("{bank}/ledger:metrics"));
    let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
    for kind in kinds {
        let app = kind.to_ascii_lowercase();
        let mut object = workload(kind, shop, &app, &old);
        if kind == "Deployment" {
            // No pod gets ready here, which a rolling update would wait for.
            object["spec"]["strategy"] = json!({"type": "Recreate"});
        }
        create(installed.admin(), &object)?;
        carry(installed, shop, &app, &old, &keys(bank, &["rpc"]))?;
        let reply = declare(installed, kind, shop, &app, &new)?;
        assert!(reply.is_success(), "{reply:?}");
    }
    carry(installed, shop, "deployment", &new, &keys(bank, &["metrics"]))?;
    // The templates that are kept for a rollback: one of each revision.
    for kind in ["ReplicaSet", "ControllerRevision"] {
        let list = format!("/apis/apps/v1/namespaces/{shop}/{}s", kind.to_ascii_lowercase());
        let wanted = if kind == "ReplicaSet" { 2 } else { 4 };
        installed.until(&format!("there are {wanted} {kind}s"), || {
            let count = installed.admin().get(&list)?.body["items"].as_array().map_or(0, Vec::len);
            Ok((count == wanted).then_some(()))
        })?;
    }
    revoke(installed, shop, bank)?;
    // Another workload does not get it, and neither does a new declaration of one that never had it.
    let other = workload("Deployment", shop, "other", &new);
    create(installed.admin(), &other)?;
    assert_eq!(declare(installed, "Deployment", shop, "other", &old)?.status, 403);
    for kind in kinds {
        let app = kind.to_ascii_lowercase();
        let kubectl = installed.admin().kubectl();
        let output = kubectl.output(["rollout", "undo", "-n", shop, &format!("{app}/{app}")])?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{kind}: {said}");
        assert!(said.contains("may not call rollback-bank/ledger:rpc: nobody has approved it"), "{kind}: {said}");
    }
    // The pods come back, without the label: a DaemonSet's and a StatefulSet's wait for the old ones to end.
    carry(installed, shop, "deployment", &old, &keys(bank, &[]))?;
    // The ReplicaSet of the other template goes, and a new one is made of it.
    let sets = format!("/apis/apps/v1/namespaces/{shop}/replicasets");
    let all = installed.admin().get(&sets)?.body["items"].as_array().cloned().unwrap_or_default();
    for set in
        all.iter().filter(|set| set["spec"]["template"]["metadata"]["annotations"]["netintent.dev/calls"] == *old)
    {
        let name = set["metadata"]["name"].as_str().unwrap_or_default();
        assert!(installed.admin().delete(&format!("{sets}/{name}"))?.is_success());
        installed.until("the controller makes the ReplicaSet again", || {
            let again = installed.admin().get(&format!("{sets}/{name}"))?.body;
            let other = !again["metadata"]["uid"].is_null() && again["metadata"]["uid"] != set["metadata"]["uid"];
            Ok(other.then_some(()))
        })?;
    }
    carry(installed, shop, "deployment", &old, &keys(bank, &[]))
}

/// A controller's pods keep starting, without the label; so does a CronJob's next Job.
#[test]
fn controllers_go_on_after_a_revocation() -> Result {
    let installed = Installed::shared()?;
    let (shop, bank) = ("revoked-shop", "revoked-bank");
    set_up(installed, shop, bank)?;
    let admin = installed.admin();
    let calls = format!("{bank}/ledger:rpc, {bank}/ledger:metrics");
    let kinds = ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"];
    for kind in kinds {
        create(admin, &workload(kind, shop, &kind.to_ascii_lowercase(), &calls))?;
        carry(installed, shop, &kind.to_ascii_lowercase(), &calls, &keys(bank, &["rpc", "metrics"]))?;
    }
    let mut every_minute = workload("CronJob", shop, "cronjob", &calls);
    every_minute["spec"]["schedule"] = "* * * * *".into();
    create(admin, &every_minute)?;
    revoke(installed, shop, bank)?;
    for kind in kinds {
        let app = kind.to_ascii_lowercase();
        let before: BTreeSet<String> = names(&pods(installed, shop, &app)?);
        for name in &before {
            let now = json!({"gracePeriodSeconds": 0}).to_string().into_bytes();
            let pod = format!("{}/{name}", path("Pod", shop));
            assert!(admin.send(&http::Method::DELETE, &pod, "application/json", now)?.is_success());
        }
        installed.until(&format!("{kind} has another pod"), || {
            let list = format!("{}?labelSelector=app%3D{app}", path("Pod", shop));
            let all = admin.get(&list)?.body["items"].as_array().cloned().unwrap_or_default();
            let after: Vec<Value> = all
                .into_iter()
                .filter(|pod| pod["metadata"]["labels"]["ledger.revoked-bank.to.netintent.dev/rpc"].is_null())
                .collect();
            assert!(after.iter().all(|pod| reserved(pod) == keys(bank, &["metrics"])), "{after:#?}");
            Ok((!after.is_empty()).then_some(()))
        })?;
    }
    // Restarted by hand, as kubectl does it: the template changes, what it declares does not.
    let said = admin.kubectl().text(["rollout", "restart", "-n", shop, "deployment/deployment"])?;
    assert!(said.contains("restarted"), "{said}");
    let jobs = installed.until("the CronJob has run since", || {
        let all = admin.get(&path("Job", shop))?.body["items"].as_array().cloned().unwrap_or_default();
        let mut ran = Vec::new();
        for job in &all {
            let app = job["metadata"]["name"].as_str().unwrap_or_default();
            let list = format!("{}?labelSelector=job-name%3D{app}", path("Pod", shop));
            let pods = admin.get(&list)?.body["items"].as_array().cloned().unwrap_or_default();
            ran.extend(pods.into_iter().filter(|pod| reserved(pod) == keys(bank, &["metrics"])));
        }
        Ok((!ran.is_empty()).then_some(ran))
    })?;
    assert!(!jobs.is_empty());
    Ok(())
}

fn names(pods: &[Value]) -> BTreeSet<String> {
    pods.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect()
}
