//! Templates, selectors and labels of every kind of workload, revisions of templates, and pods that change hands.

use std::collections::BTreeSet;

use netintent_tests::{Installed, Reply, User};
use serde_json::{Value, json};

use super::Hostile;
use crate::Result;
use crate::manifests::{KINDS, create, path, pods, reserved, workload};

/// The kinds that have a template.
fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.into_iter().filter(|kind| *kind != "Pod")
}

/// Where the labels of a kind's template are.
fn template(kind: &str) -> &'static str {
    if kind == "CronJob" { "/spec/jobTemplate/spec/template" } else { "/spec/template" }
}

fn set(object: &mut Value, pointer: &str, value: &Value) {
    let (map, key) = pointer.rsplit_once('/').unwrap_or_default();
    if let Some(map) = object.pointer_mut(map) {
        map[key.replace("~1", "/")] = value.clone();
    }
}

/// Workloads with a reserved key in the template or the selector, each by what it is called.
pub(super) fn forged(hostile: &Hostile<'_>, key: &str) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    let escaped = key.replace('/', "~1");
    for kind in kinds() {
        let plain =
            |what: &str| workload(kind, &hostile.namespace, &format!("{what}-{}", kind.to_ascii_lowercase()), "");
        let mut labelled = plain("labelled");
        set(&mut labelled, &format!("{}/metadata/labels/{escaped}", template(kind)), &"allowed".into());
        all.push((format!("{kind} labelled"), labelled.clone()));
        if kind == "CronJob" {
            continue;
        }
        let mut selected = labelled;
        selected["metadata"]["name"] = format!("selected-{}", kind.to_ascii_lowercase()).into();
        if kind == "ReplicationController" {
            set(&mut selected, &format!("/spec/selector/{escaped}"), &"allowed".into());
        } else {
            set(&mut selected, "/spec/selector", &json!({"matchLabels": {"app": "a", key: "allowed"}}));
            set(&mut selected, &format!("{}/metadata/labels/app", template(kind)), &"a".into());
        }
        if kind == "Job" {
            selected["spec"]["manualSelector"] = true.into();
        }
        all.push((format!("{kind} selected"), selected));
        if kind != "ReplicationController" {
            let mut without = plain("without");
            if kind == "Job" {
                without["spec"]["manualSelector"] = true.into();
            }
            let app = without.pointer(&format!("{}/metadata/labels", template(kind))).cloned().unwrap_or_default();
            let expression = json!({"key": key, "operator": "DoesNotExist"});
            without["spec"]["selector"] = json!({"matchLabels": app, "matchExpressions": [expression]});
            all.push((format!("{kind} selects those without"), without));
        }
    }
    all
}

/// Asks for an object, and says only whether it would go.
pub(super) fn would(user: &User, object: &Value) -> Result<Reply> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    Ok(user.post(&format!("{}?dryRun=All", path(text("/kind"), text("/metadata/namespace"))), object)?)
}

/// No workload has a reserved key in its template or selector, be it new or be it changed.
pub(super) fn refused(hostile: &Hostile<'_>) -> Result {
    for key in
        [hostile.wanted(), hostile.approved(), "to.netintent.dev/admin".to_owned(), "a.type.netintent.dev/b".to_owned()]
    {
        for (what, object) in forged(hostile, &key) {
            let reply = would(&hostile.user, &object)?;
            assert!(!reply.is_success() && reply.message().contains("netintent's own"), "{what}: {reply:?}");
        }
    }
    Ok(())
}

fn in_mode(mode: &str) -> Result {
    let hostile = Hostile::new(Installed::shared()?, &format!("templates-{mode}"), mode)?;
    refused(&hostile)?;
    let (wanted, user) = (hostile.wanted(), &hostile.user);
    let escaped = wanted.replace('/', "~1");
    for kind in kinds() {
        let name = format!("plain-{}", kind.to_ascii_lowercase());
        let mut object = workload(kind, &hostile.namespace, &name, "");
        // A workload's own labels are nobody's concern, and a Job's of a CronJob neither.
        object["metadata"]["labels"][&wanted] = "allowed".into();
        if kind == "CronJob" {
            object["spec"]["jobTemplate"]["metadata"] = json!({"labels": {&wanted: "allowed"}});
        }
        create(user, &object)?;
        let of = path(kind, &hostile.namespace) + "/" + &name;
        let labels = template(kind).to_owned() + "/metadata/labels";
        let mut merge = json!({});
        let mut at = &mut merge;
        for part in labels.split('/').skip(1) {
            at = &mut at[part];
        }
        *at = json!({&wanted: "allowed"});
        for part in ["", "/status"] {
            let mut whole = user.get(&of)?.body;
            set(&mut whole, &format!("{labels}/{escaped}"), &"allowed".into());
            let mut apply = object.clone();
            set(&mut apply, &format!("{labels}/{escaped}"), &"allowed".into());
            let at = format!("{of}{part}");
            let json = json!([{"op": "add", "path": format!("{labels}/{escaped}"), "value": "allowed"}]);
            let replies = [
                user.put(&at, &whole)?,
                user.patch(&at, "merge", &merge)?,
                user.patch(&at, "strategic-merge", &merge)?,
                user.patch(&at, "json", &json)?,
                user.patch(&format!("{at}?fieldManager=a&force=true"), "apply", &apply)?,
            ];
            for (way, reply) in replies.iter().enumerate() {
                assert!(!reply.is_success() || part == "/status", "{kind}{part} {way}: {reply:?}");
            }
            let stored = hostile.installed.admin().get(&of)?.body;
            assert_eq!(stored.pointer(&format!("{labels}/{escaped}")), None, "{kind}{part}");
        }
    }
    for kind in kinds().filter(|kind| !["DaemonSet", "CronJob"].contains(kind)) {
        pods(hostile.installed, &hostile.namespace, &format!("plain-{}", kind.to_ascii_lowercase()))?;
    }
    hostile.check_none()?;
    // A controller whose pods lose what it selects them by makes more without end.
    let count = hostile.labels()?.len();
    assert!(count < 20, "{count} pods");
    Ok(())
}

#[test]
fn no_template_or_selector_has_a_reserved_key_in_enforce() -> Result {
    in_mode("enforce")
}

#[test]
fn no_template_or_selector_has_a_reserved_key_in_off() -> Result {
    in_mode("off")
}

/// A StatefulSet makes its pods from a revision that somebody has written by hand: no policy looks at revisions, and only
/// the pods themselves are refused.
#[test]
fn a_forged_revision_gives_no_label() -> Result {
    let installed = Installed::shared()?;
    for mode in ["enforce", "off"] {
        let hostile = Hostile::new(installed, &format!("revisions-{mode}"), mode)?;
        let (user, namespace) = (&hostile.user, &hostile.namespace);
        let mut set = workload("StatefulSet", namespace, "set", "");
        set["spec"]["updateStrategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
        create(user, &set)?;
        pods(installed, namespace, "set")?;
        let revisions = format!("/apis/apps/v1/namespaces/{namespace}/controllerrevisions");
        let mut forged = user.get(&revisions)?.body["items"][0].clone();
        assert!(forged["data"].is_object(), "{forged:#}");
        let (metadata, labels) = (&forged["metadata"], json!({"app": "set", hostile.wanted(): "allowed"}));
        let metadata =
            json!({"name": "forged", "labels": metadata["labels"], "ownerReferences": metadata["ownerReferences"]});
        forged["apiVersion"] = "apps/v1".into();
        forged["kind"] = "ControllerRevision".into();
        forged["metadata"] = metadata;
        forged["data"]["spec"]["template"]["metadata"]["labels"] = labels;
        let made = user.post(&revisions, &forged)?;
        assert!(made.is_success(), "{made:?}");
        let path = path("StatefulSet", namespace) + "/set/status";
        let events = format!("/api/v1/namespaces/{namespace}/events?fieldSelector=reason%3DFailedCreate");
        installed.until("the controller is told why it cannot make the pod", || {
            // The controller writes its own status; whose was first does not matter.
            user.patch(&path, "merge", &json!({"status": {"currentRevision": "forged"}}))?;
            user.delete(&format!("{}/set-0?gracePeriodSeconds=0", hostile.pods()))?;
            let events = installed.admin().get(&events)?.body;
            let refused = |event: &Value| event["message"].as_str().unwrap_or_default().contains(&hostile.wanted());
            Ok(events["items"].as_array().into_iter().flatten().any(refused).then_some(()))
        })?;
        hostile.check_none()?;
    }
    Ok(())
}

/// Pods that are adopted, set free, and adopted by another keep no more than what is approved.
#[test]
fn a_pod_that_changes_hands_gains_nothing() -> Result {
    let installed = Installed::shared()?;
    let hostile = Hostile::new(installed, "hands", "shadow")?;
    let (user, namespace) = (&hostile.user, &hostile.namespace);
    let calls = format!("{0}/ledger:rpc, {0}/ledger:admin", hostile.bank);
    let mut pod = workload("Pod", namespace, "pod", &calls);
    pod["metadata"]["labels"]["app"] = "approved".into();
    let made = create(user, &pod)?;
    let approved = BTreeSet::from([hostile.approved() + "=allowed"]);
    assert_eq!(reserved(&made), approved);
    let at = format!("{}/pod", hostile.pods());
    for kind in ["ReplicaSet", "ReplicationController", "StatefulSet"] {
        let owner = workload(kind, namespace, "approved", "");
        create(user, &owner)?;
        let owned = |user: &User| {
            Ok::<_, netintent_tests::Error>(user.get(&at)?.body["metadata"]["ownerReferences"].is_array())
        };
        if kind != "StatefulSet" {
            installed.until(&format!("the {kind} has adopted the pod"), || Ok(owned(user)?.then_some(())))?;
        }
        user.patch(&at, "merge", &json!({"metadata": {"labels": {hostile.wanted(): "allowed"}}}))?;
        hostile.check()?;
        let orphan = json!({"propagationPolicy": "Orphan"}).to_string().into_bytes();
        let path = path(kind, namespace) + "/approved";
        user.send(&http::Method::DELETE, &path, "application/json", orphan)?;
        installed.until(&format!("the {kind} is gone"), || Ok((user.get(&path)?.status == 404).then_some(())))?;
        installed.until("the pod is nobody's", || Ok((!owned(user)?).then_some(())))?;
        hostile.check()?;
    }
    assert_eq!(reserved(&installed.admin().get(&at)?.body), approved);
    Ok(())
}
