//! What the webhook knows of a cluster stays fresh though nothing happens in it, and counts at once when something does.

use netintent_tests::Installed;
use serde_json::json;

use crate::Result;
use crate::manifests::{api_version, approval, create, path, reserved, service, workload};

const WATCHED: [&str; 9] = [
    "Namespace",
    "ServiceAccount",
    "Service",
    "Approval",
    "ClusterApproval",
    "ClusterProhibition",
    "ReplicaSet",
    "Job",
    "Pod",
];

/// Twice in a row, so that a watch that ends has gone on from where it was.
#[test]
fn the_api_server_confirms_every_kind_again_and_again() -> Result {
    let installed = Installed::shared()?;
    let confirmed = |kind: &str| installed.webhook().counted("watch_confirmations", &format!("\"{kind}\""));
    let before: Vec<u64> = WATCHED.iter().map(|kind| confirmed(kind)).collect::<std::result::Result<_, _>>()?;
    for (kind, before) in WATCHED.iter().zip(before) {
        installed
            .until(&format!("{kind} is confirmed twice more"), || Ok((confirmed(kind)? >= before + 2).then_some(())))?;
    }
    Ok(())
}

/// An approval that was applied a moment ago counts: before anything is refused the API server is asked.
#[test]
fn what_was_just_applied_counts() -> Result {
    let installed = Installed::shared()?;
    for name in ["fresh-shop", "fresh-bank"] {
        installed.namespace(name, "enforce")?;
    }
    let admin = installed.admin();
    create(admin, &service("fresh-bank", "ledger"))?;
    for number in 0..20 {
        let (name, calls) = (format!("web{number}"), "fresh-bank/ledger:rpc");
        create(admin, &approval("fresh-bank", &name, &[&format!("fresh-shop/{name}")], &["ledger:rpc"]))?;
        create(admin, &workload("Deployment", "fresh-shop", &name, calls))?;
        let pod = create(admin, &workload("Pod", "fresh-shop", &name, calls))?;
        assert_eq!(reserved(&pod).len(), 1, "{pod:#}");
    }
    Ok(())
}

/// One object that can't be read is left out, counted, and nothing else suffers.
#[test]
fn a_malformed_object_affects_itself_alone() -> Result {
    let installed = Installed::start()?;
    let admin = installed.admin();
    for name in ["shop", "bank"] {
        installed.namespace(name, "enforce")?;
    }
    // The schema lets through nothing that could not be read: an administrator has taken it away.
    let crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/approvals.netintent.dev";
    let mut object = admin.get(crd)?.body;
    object["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let reply = admin.put(crd, &object)?;
    assert!(reply.is_success(), "{reply:?}");
    create(admin, &service("bank", "ledger"))?;
    let wrong = json!({"apiVersion": api_version("Approval"), "kind": "Approval",
        "metadata": {"namespace": "bank", "name": "wrong"}, "spec": {"callers": 7, "callees": {"a": null}}});
    let approvals = path("Approval", "bank");
    installed.until("the API server takes what the schema refused", || {
        Ok(admin.post(&approvals, &wrong)?.is_success().then_some(()))
    })?;
    create(admin, &approval("bank", "right", &["shop/web"], &["ledger:rpc"]))?;
    installed.until("the object is counted", || {
        Ok((installed.webhook().counted("malformed_objects", "\"Approval\"")? > 0).then_some(()))
    })?;
    let pod = create(admin, &workload("Pod", "shop", "web", "bank/ledger:rpc"))?;
    assert_eq!(reserved(&pod).len(), 1, "{pod:#}");
    // It can go, and be changed to what it should have been.
    let reply = admin.patch(&format!("{approvals}/wrong"), "merge", &json!({"spec": {"callers": ["shop/cart"]}}))?;
    assert!(reply.is_success(), "{reply:?}");
    assert!(admin.delete(&format!("{approvals}/wrong"))?.is_success());
    Ok(())
}
