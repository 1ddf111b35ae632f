//! Who a pod is: its namespace's own to choose, and never somebody of another namespace, nor somebody it is no longer.

use std::collections::BTreeSet;

use netintent_tests::Installed;
use serde_json::{Value, json};

use super::attempt::pod;
use super::{Attempt, Hostile};
use crate::Result;
use crate::manifests::{account, approval, create, reserved};

/// What somebody writes who wants to be `elsewhere/approved`.
const NAMES: [&str; 14] = [
    "approved",
    "elsewhere/approved",
    "../elsewhere/approved",
    "./approved",
    "elsewhere%2Fapproved",
    "elsewhere.approved",
    "elsewhere\u{2215}approved",
    " elsewhere/approved ",
    "\n- elsewhere/approved",
    "elsewhere/approved\u{0}",
    "*",
    "*/*",
    "",
    "-",
];

/// Owners in the namespace that are called as a caller elsewhere is, or as nobody can be.
fn owners() -> Vec<Value> {
    let kinds = [
        ("apps/v1", "ReplicaSet"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("batch/v1", "Job"),
        ("batch/v1", "CronJob"),
        ("v1", "ReplicationController"),
        ("v1", "Pod"),
        ("v1", "Node"),
        ("argoproj.io/v1alpha1", "Rollout"),
        ("netintent.dev/v1alpha1", "Approval"),
    ];
    let names = ["approved", "elsewhere/approved", "approved-5c6d", "../../elsewhere/replicasets/approved"];
    let uid = "8f6f1f0e-0000-4000-8000-000000000000";
    let of = |(version, kind): (&str, &str)| {
        names.map(|name| json!({"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": true}))
    };
    kinds.into_iter().flat_map(of).collect()
}

/// Every pod that pretends to be the caller elsewhere, and declares what that one may call.
fn pretenders(hostile: &Hostile<'_>) -> Vec<Attempt> {
    let calls = format!("{}/ledger:admin", hostile.bank);
    let mut all: Vec<Value> = NAMES.iter().map(|name| json!({"annotations": {"netintent.dev/caller": name}})).collect();
    all.extend(owners().into_iter().map(|owner| json!({"ownerReferences": [owner]})));
    let two = |first: bool| {
        let owner = |name: &str, controls: bool| {
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name,
                "uid": format!("8f6f1f0e-0000-4000-8000-00000000000{}", u8::from(controls)), "controller": controls})
        };
        json!({"ownerReferences": [owner("a", first), owner("approved", !first)]})
    };
    all.extend([two(true), two(false)]);
    all.push(json!({"annotations": {"kubernetes.io/config.mirror": "elsewhere/approved"}}));
    all.push(json!({"annotations": {"Netintent.dev/caller": "approved", "netintent.dev/Caller": "approved"}}));
    all.push(json!({"namespace": "elsewhere"}));
    let mut attempts = Vec::new();
    for (at, mut metadata) in all.into_iter().enumerate() {
        let name = format!("pretends-{at}");
        metadata["annotations"]["netintent.dev/calls"] = calls.as_str().into();
        metadata["labels"]["app"] = "a".into();
        metadata["labels"]["pod-template-hash"] = "5c6d".into();
        attempts.push(Attempt::post(hostile, &name, &pod(hostile, &name, &metadata)));
        let (part, patch) = [("", "json"), ("", "merge"), ("/status", "merge"), ("", "apply")][at % 4];
        attempts.push(Attempt::patch(hostile, &format!("{name}-later"), part, patch, &metadata));
    }
    let mut generated = pod(hostile, "", &json!({"annotations": {"netintent.dev/calls": calls}}));
    generated["metadata"]["name"] = Value::Null;
    for prefix in ["approved-", "approved", "elsewhere/approved-", "-", "elsewhere."] {
        generated["metadata"]["generateName"] = prefix.into();
        attempts.push(Attempt::post(hostile, prefix, &generated));
    }
    attempts
}

fn nobody_elsewhere(mode: &str) -> Result {
    let hostile = Hostile::new(Installed::shared()?, &format!("identity-{mode}"), mode)?;
    assert_eq!(hostile.attempt(&pretenders(&hostile))?, BTreeSet::new());
    hostile.check_approved("web")
}

#[test]
fn a_pod_is_nobody_of_another_namespace_in_enforce() -> Result {
    nobody_elsewhere("enforce")
}

#[test]
fn a_pod_is_nobody_of_another_namespace_in_shadow() -> Result {
    nobody_elsewhere("shadow")
}

/// Declarations that would say the unapproved in another way, by an annotation of the pod or its ServiceAccount, on a new
/// pod and on a running one.
#[test]
fn no_declaration_says_more_than_is_approved() -> Result {
    let hostile = Hostile::new(Installed::shared()?, "declarations", "shadow")?;
    let bank = &hostile.bank;
    let calls = [
        format!("{bank}/ledger"),
        format!("{bank}/*"),
        format!("{bank}/*:rpc"),
        "*/*".to_owned(),
        "*/*:rpc".to_owned(),
        "@backend".to_owned(),
        "@backend:rpc".to_owned(),
        format!("{bank}/ledger:80"),
        format!("{bank}/ledger:all.ports"),
        format!("{bank}/ledger:rpc/admin"),
        format!("ledger.{bank}:admin"),
        format!("{bank}.to.netintent.dev/admin"),
        format!("../{bank}/ledger:admin"),
        format!("{bank}/ledger:ADMIN"),
        format!("{bank}/ledger:admin#:rpc"),
        format!("{bank}/ledger:admin\r\n{bank}/ledger:admin"),
        format!("{bank}/ledger:admin\u{0}"),
    ];
    let mut attempts = Vec::new();
    for (at, calls) in calls.iter().enumerate() {
        let name = format!("says-{at}");
        let annotations = json!({"annotations": {"netintent.dev/calls": calls}});
        attempts.push(Attempt::post(&hostile, &name, &pod(&hostile, &name, &annotations)));
        attempts.push(Attempt::patch(&hostile, &format!("{name}-later"), "", "merge", &annotations));
        attempts.push(Attempt::patch(&hostile, &format!("{name}-by-status"), "/status", "merge", &annotations));
        let account = account(&hostile.namespace, &name, calls);
        create(&hostile.user, &account)?;
        let mut by_account = pod(&hostile, &format!("{name}-account"), &json!({}));
        by_account["spec"]["serviceAccountName"] = name.as_str().into();
        attempts.push(Attempt::post(&hostile, &format!("{name}-account"), &by_account));
    }
    assert_eq!(hostile.attempt(&attempts)?, BTreeSet::new());
    hostile.check_approved("web")
}

/// Who owns a namespace approves what is called there: nothing of another namespace.
#[test]
fn an_approval_of_ones_own_covers_nobody_elses_service() -> Result {
    let hostile = Hostile::new(Installed::shared()?, "own-approvals", "shadow")?;
    let bank = &hostile.bank;
    let callees = [
        "*".to_owned(),
        "*:admin".to_owned(),
        "ledger:admin".to_owned(),
        "ledger".to_owned(),
        format!("{bank}/ledger:admin"),
        format!("{bank}/*"),
        format!("../{bank}/ledger:admin"),
        format!("ledger.{bank}:admin"),
        format!("ledger.{bank}.to.netintent.dev/admin"),
        "*/*".to_owned(),
        "@backend:admin".to_owned(),
    ];
    for (at, callee) in callees.iter().enumerate() {
        let mut object = approval(&hostile.namespace, &format!("own-{at}"), &["*/*"], &[callee]);
        let path = |namespace: &str| format!("/apis/netintent.dev/v1alpha1/namespaces/{namespace}/approvals");
        hostile.user.post(&path(&hostile.namespace), &object)?;
        object["metadata"]["namespace"] = bank.as_str().into();
        let elsewhere = hostile.user.post(&path(bank), &object)?;
        assert_eq!(elsewhere.status, 403, "{elsewhere:?}");
        object["metadata"]["namespace"] = Value::Null;
        object["kind"] = "ClusterApproval".into();
        let everywhere = hostile.user.post("/apis/netintent.dev/v1alpha1/clusterapprovals", &object)?;
        assert_eq!(everywhere.status, 403, "{everywhere:?}");
    }
    let mut attempts = Vec::new();
    for (at, calls) in ["ledger:admin", "ledger", "*", "*:admin", "@backend:admin"].into_iter().enumerate() {
        let name = format!("own-{at}");
        let calls = if calls.starts_with('@') { calls.to_owned() } else { format!("{bank}/{calls}") };
        let annotations = json!({"annotations": {"netintent.dev/calls": calls}});
        attempts.push(Attempt::post(&hostile, &name, &pod(&hostile, &name, &annotations)));
    }
    assert_eq!(hostile.attempt(&attempts)?, BTreeSet::new());
    hostile.check_approved("web")
}

/// A pod that stops to be whom the approval names, or to say what it covers, loses the label with the same request.
#[test]
fn who_is_another_now_keeps_nothing() -> Result {
    let installed = Installed::shared()?;
    for mode in ["enforce", "shadow"] {
        let hostile = Hostile::new(installed, &format!("another-{mode}"), mode)?;
        let one = format!("{}/approved", hostile.namespace);
        create(installed.admin(), &approval(&hostile.bank, "one", &[&one], &["ledger:metrics"]))?;
        let calls = format!("{}/ledger:metrics", hostile.bank);
        let expected = BTreeSet::from([format!("ledger.{}.to.netintent.dev/metrics=allowed", hostile.bank)]);
        let changes = [
            json!({"annotations": {"netintent.dev/caller": "other"}}),
            json!({"annotations": {"netintent.dev/caller": null}}),
            json!({"annotations": {"netintent.dev/calls": null}}),
            json!({"annotations": {"netintent.dev/calls": format!("{}/ledger:admin", hostile.bank)}}),
            json!({"annotations": {"netintent.dev/calls": "no intent at all"}}),
            json!({"annotations": null}),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            for part in ["", "/status"] {
                let name = format!("changes-{at}{}", part.replace('/', "-"));
                let annotations = json!({"netintent.dev/calls": calls, "netintent.dev/caller": "approved"});
                let made = create(&hostile.user, &pod(&hostile, &name, &json!({"annotations": annotations})))?;
                assert_eq!(reserved(&made), expected, "{made:#}");
                let path = format!("{}/{name}{part}", hostile.pods());
                let changed = hostile.user.patch(&path, "merge", &json!({"metadata": change}))?;
                assert!(changed.is_success(), "{changed:?}");
                assert_eq!(reserved(&changed.body), BTreeSet::new(), "{name}");
            }
        }
        named_anew(&hostile, &calls, &expected)?;
    }
    Ok(())
}

/// `generateName` names the caller as long as the API server has made the name from it.
fn named_anew(hostile: &Hostile<'_>, calls: &str, expected: &BTreeSet<String>) -> Result {
    let annotations = json!({"netintent.dev/calls": calls});
    let mut generated = pod(hostile, "", &json!({"annotations": annotations, "generateName": "approved-"}));
    generated["metadata"]["name"] = Value::Null;
    let made = create(&hostile.user, &generated)?;
    assert_eq!(reserved(&made), *expected, "{made:#}");
    let name = made["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let path = format!("{}/{name}", hostile.pods());
    hostile.user.patch(&path, "merge", &json!({"metadata": {"generateName": "other-"}}))?;
    let stored = hostile.installed.admin().get(&path)?.body;
    let renamed = stored["metadata"]["generateName"] == "other-";
    assert_eq!(reserved(&stored), if renamed { BTreeSet::new() } else { expected.clone() }, "{stored:#}");
    // And the other way round: called `approved` later on.
    let annotations = json!({"netintent.dev/calls": calls});
    create(&hostile.user, &pod(hostile, "approve-ab3de", &json!({"annotations": annotations, "generateName": "x-"})))
        .ok();
    let path = format!("{}/approve-ab3de", hostile.pods());
    for prefix in ["approved-", "approve-", "approved"] {
        hostile.user.patch(&path, "merge", &json!({"metadata": {"generateName": prefix}}))?;
        assert_eq!(reserved(&hostile.installed.admin().get(&path)?.body), BTreeSet::new(), "{prefix}");
    }
    Ok(())
}
