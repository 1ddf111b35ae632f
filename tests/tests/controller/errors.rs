//! What goes wrong with one object is told on it, and nothing else suffers.

use netintent_tests::Installed;
use serde_json::json;

use crate::Result;
use crate::cluster::{event, items, namespaces, settles, shared, until_labels};
use crate::objects::{approval, create, delete, deployment, path, revoke, service};

/// Nobody changes labels of pods in a namespace any more: a policy of somebody else's says so.
fn freeze(installed: &Installed, namespace: &str) -> Result {
    let admissions = "/apis/admissionregistration.k8s.io/v1";
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": namespace}, "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"],
                    "resources": ["pods", "pods/status"]}]},
            "validations": [{"expression": "object.metadata.labels == oldObject.metadata.labels",
                "message": "labels are frozen"}]}});
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": namespace}, "spec": {"policyName": namespace, "validationActions": ["Deny"]}});
    for (plural, object) in [("validatingadmissionpolicies", policy), ("validatingadmissionpolicybindings", binding)] {
        let reply = installed.admin().post(&format!("{admissions}/{plural}"), &object)?;
        assert!(reply.is_success(), "{reply:?}");
    }
    let pod = items(installed, "Pod", namespace)?.pop().ok_or("no pod")?;
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let at = format!("{}/{name}?dryRun=All", path("Pod", namespace));
    installed.until("labels are frozen", || {
        let reply = installed.admin().patch(&at, "merge", &json!({"metadata": {"labels": {"a": "b"}}}))?;
        Ok((!reply.is_success()).then_some(()))
    })?;
    Ok(())
}

/// A namespace that goes takes what is in it with it, and nothing is tried in vain.
#[test]
fn a_namespace_that_goes_is_left_alone() -> Result {
    let installed = shared()?;
    let (gone, bank, admin) = ("going-bank", "staying-bank", installed.admin());
    namespaces(installed, &[(gone, "enforce"), (bank, "enforce")])?;
    for namespace in [gone, bank] {
        create(admin, &service(namespace, "ledger"))?;
        settles(installed, "enforce", &[namespace])?;
    }
    delete(admin, &format!("{}/{gone}", path("Namespace", "")))?;
    create(admin, &service(bank, "cards"))?;
    settles(installed, "another namespace goes", &[bank])?;
    let at = format!("{}/{gone}", path("Namespace", ""));
    installed.until("the namespace has gone", || Ok((admin.get(&at)?.status == 404).then_some(())))?;
    for kind in ["Service", "Namespace"] {
        assert_eq!(installed.webhook().counted("controller_failures", &format!("kind=\"{kind}\""))?, 0);
    }
    Ok(())
}

#[test]
fn a_pod_that_can_not_be_changed_has_its_event_and_others_their_labels() -> Result {
    let installed = shared()?;
    let (frozen, shop, bank, admin) = ("frozen-shop", "thawed-shop", "frozen-bank", installed.admin());
    namespaces(installed, &[(frozen, "shadow"), (shop, "shadow"), (bank, "enforce")])?;
    create(admin, &service(bank, "ledger"))?;
    for shop in [frozen, shop] {
        create(admin, &deployment(shop, "web", "frozen-bank/ledger:rpc"))?;
        until_labels(installed, shop, "nothing is approved", &[])?;
    }
    installed.until("both have their pods", || {
        let count = items(installed, "Pod", frozen)?.len() + items(installed, "Pod", shop)?.len();
        Ok((count == 2).then_some(()))
    })?;
    freeze(installed, frozen)?;
    let failures = || installed.webhook().counted("controller_failures", "kind=\"Pod\"");
    let before = failures()?;
    create(admin, &approval(bank, "web", &["frozen-shop/web", "thawed-shop/web"], &["ledger:rpc"]))?;
    until_labels(installed, shop, "approved", &["ledger.frozen-bank.to.netintent.dev/rpc"])?;
    let pod = items(installed, "Pod", frozen)?.pop().ok_or("no pod")?;
    let note = event(installed, frozen, "LabelsFailed", pod["metadata"]["name"].as_str().unwrap_or_default())?;
    assert!(note.contains("labels are frozen"), "{note}");
    assert!(failures()? > before);
    // Meanwhile policies are written.
    create(admin, &service(bank, "cards"))?;
    let at = format!("{}/netintent-cards", path("NetworkPolicy", bank));
    installed.until("the new Service has its policy", || Ok(admin.get(&at)?.is_success().then_some(())))?;
    let bindings = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
    delete(admin, &format!("{bindings}/{frozen}"))?;
    settles(installed, "labels may change again", &[frozen, shop, bank])?;
    let events = items(installed, "Event", frozen)?;
    let told = events.iter().filter(|event| event["reason"] == "LabelsFailed");
    assert_eq!(told.filter(|event| event["note"] == note.as_str()).count(), 1, "{events:#?}");
    revoke(admin, bank, "web")?;
    settles(installed, "in the end", &[frozen, shop, bank])
}
