//! Policies come, follow and go as the pure `compile` says, and what is not netintent's is left alone.

use serde_json::{Value, json};

use crate::Result;
use crate::cluster::{event, from_block, items, namespaces, settles, shared};
use crate::objects::{approval, create, delete, merge, path, service, set_mode};

#[test]
fn policies_come_follow_and_go() -> Result {
    let installed = shared()?;
    let (bank, admin) = ("policies-bank", installed.admin());
    namespaces(installed, &[(bank, "shadow")])?;
    let names = || -> Result<Vec<String>> {
        let policies = items(installed, "NetworkPolicy", bank)?;
        Ok(policies.iter().map(|p| p["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect())
    };
    for name in ["ledger", "cards"] {
        create(admin, &service(bank, name))?;
    }
    settles(installed, "in shadow there is none", &[bank])?;
    assert!(names()?.is_empty());
    set_mode(admin, bank, "enforce")?;
    settles(installed, "enforce", &[bank])?;
    assert_eq!(names()?, ["netintent", "netintent-cards", "netintent-ledger"]);
    for policy in items(installed, "NetworkPolicy", bank)? {
        assert_eq!(policy["metadata"]["ownerReferences"], Value::Null, "{policy:#}");
    }

    let ledger = format!("{}/ledger", path("Service", bank));
    let ports = json!({"spec": {"ports": [{"name": "rpc", "port": 80, "targetPort": "web"}]}});
    merge(admin, &ledger, &ports)?;
    settles(installed, "other ports", &[bank])?;
    let mut open = approval(bank, "outside", &[], &["ledger"]);
    open["spec"] = json!({"callees": ["ledger"], "from": from_block("10.0.0.0/8")});
    create(admin, &open)?;
    settles(installed, "a from", &[bank])?;
    delete(admin, &format!("{}/outside", path("Approval", bank)))?;
    settles(installed, "no from", &[bank])?;

    let mode = |mode: Value| json!({"metadata": {"labels": {"netintent.dev/mode": mode}}});
    merge(admin, &ledger, &mode("shadow".into()))?;
    settles(installed, "one Service has left, so that its namespace is not closed", &[bank])?;
    assert_eq!(names()?, ["netintent-cards"]);
    merge(admin, &ledger, &mode(Value::Null))?;
    settles(installed, "it is back", &[bank])?;
    delete(admin, &format!("{}/cards", path("Service", bank)))?;
    settles(installed, "a Service has gone", &[bank])?;
    assert_eq!(names()?, ["netintent", "netintent-ledger"]);
    set_mode(admin, bank, "off")?;
    settles(installed, "the namespace has left", &[bank])?;
    assert!(names()?.is_empty());
    Ok(())
}

#[test]
fn what_somebody_edits_or_deletes_is_put_right() -> Result {
    let installed = shared()?;
    let (bank, admin) = ("edited-bank", installed.admin());
    namespaces(installed, &[(bank, "enforce")])?;
    create(admin, &service(bank, "ledger"))?;
    settles(installed, "enforce", &[bank])?;
    let at = format!("{}/netintent-ledger", path("NetworkPolicy", bank));
    let uid = admin.get(&at)?.body["metadata"]["uid"].clone();
    for edit in [
        json!({"spec": {"ingress": [{}]}}),
        json!({"spec": {"podSelector": {"matchLabels": {"app": "another"}}}}),
        json!({"spec": {"policyTypes": ["Ingress", "Egress"], "egress": []}}),
        json!({"spec": {"policyTypes": ["Egress"], "ingress": null, "egress": [{}]}}),
        json!({"metadata": {"annotations": {"netintent.dev/service": "another"}}}),
    ] {
        merge(admin, &at, &edit)?;
        installed.until(&format!("{edit} is put right"), || {
            let policy = admin.get(&at)?.body;
            let right = policy["metadata"]["annotations"]["netintent.dev/service"] == "ledger";
            let differences = installed.differences(&[bank])?;
            Ok((right && differences.is_empty()).then_some(()))
        })?;
    }
    assert_eq!(admin.get(&at)?.body["metadata"]["uid"], uid, "it was never made anew");
    // What changes nothing is left as it is.
    merge(admin, &at, &json!({"metadata": {"annotations": {"team": "a"}}}))?;
    let noted = admin.get(&at)?.body["metadata"]["resourceVersion"].clone();
    delete(admin, &format!("{}/netintent", path("NetworkPolicy", bank)))?;
    settles(installed, "a policy that was deleted is back", &[bank])?;
    assert_eq!(admin.get(&at)?.body["metadata"]["resourceVersion"], noted);
    Ok(())
}

#[test]
fn a_name_that_is_taken_is_told_and_left_alone() -> Result {
    let installed = shared()?;
    let (bank, admin) = ("taken-bank", installed.admin());
    namespaces(installed, &[(bank, "shadow")])?;
    let theirs = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"namespace": bank, "name": "netintent-ledger", "labels": {"app.kubernetes.io/managed-by": "Helm"}},
        "spec": {"podSelector": {"matchLabels": {"app": "theirs"}}, "policyTypes": ["Ingress"]}});
    create(admin, &theirs)?;
    let at = format!("{}/netintent-ledger", path("NetworkPolicy", bank));
    let version = || -> Result<Value> { Ok(admin.get(&at)?.body["metadata"]["resourceVersion"].clone()) };
    let before = version()?;
    for name in ["ledger", "cards"] {
        create(admin, &service(bank, name))?;
    }
    set_mode(admin, bank, "enforce")?;
    let note = event(installed, bank, "NameTaken", "ledger")?;
    assert!(note.starts_with("NetworkPolicy taken-bank/netintent-ledger has the name"), "{note}");
    installed.until("the others have their policies", || {
        Ok((items(installed, "NetworkPolicy", bank)?.len() == 3).then_some(()))
    })?;
    set_mode(admin, bank, "off")?;
    installed
        .until("the others' have gone", || Ok((items(installed, "NetworkPolicy", bank)?.len() == 1).then_some(())))?;
    assert_eq!(version()?, before);
    set_mode(admin, bank, "enforce")?;
    delete(admin, &at)?;
    settles(installed, "the name is free", &[bank])
}
