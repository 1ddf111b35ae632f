//! Whether netintent is as it should be.

use netintent_tests::{Certificates, ControlPlane, Installation, Installed};
use serde_json::Value;

use crate::Result;
use crate::limited::viewer;
use crate::plugin::{Said, netintent, shared, until_said, workload};

/// The state of the checks of a name; of several the first that is not `ok`.
fn state(said: &Said, name: &str) -> String {
    let checks = said.json()["checks"].as_array().cloned().unwrap_or_default();
    let states: Vec<&str> =
        checks.iter().filter(|check| check["name"] == name).filter_map(|check| check["state"].as_str()).collect();
    let other = states.iter().find(|state| **state != "ok");
    other.or(states.first()).map_or_else(|| "none".to_owned(), |state| (*state).to_owned())
}

fn found(said: &Said, name: &str) -> String {
    let checks = said.json()["checks"].as_array().cloned().unwrap_or_default();
    let texts = checks.iter().filter(|check| check["name"] == name).filter_map(|check| check["text"].as_str());
    texts.collect::<Vec<_>>().join("\n")
}

const STATUS: [&str; 3] = ["status", "-o", "json"];

/// How often the guard has denied something, which is an alarm.
fn denied(installed: &Installed) -> Result<u64> {
    let of =
        |replica: &netintent_tests::Webhook| replica.counted("admissions", "registration=\"guard\",outcome=\"denied\"");
    Ok(installed.replicas().iter().map(of).sum::<std::result::Result<u64, _>>()?)
}

/// As in a cluster: the manifests, a Service, pods that can be asked.
#[test]
fn all_that_is_as_it_should_be_is_told_and_what_is_not() -> Result {
    let wanted =
        Installation { replicas: 2, certificates: Certificates::Own, controller: true, ..Installation::default() };
    let base = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/base");
    let installed = Installed::start_by(&wanted, |plane| {
        plane.admin().text(["apply", "--server-side", "-k", base])?;
        Ok(())
    })?;
    installed.run_pods()?;
    let kubectl = installed.admin().kubectl();
    let before = denied(&installed)?;
    // The namespaces in which the installation was tried go.
    let none = "No namespace takes part: kubectl netintent mode NAMESPACE shadow begins.";
    until_said(&installed, kubectl, &["status"], |said| said.status == Some(0) && said.out.contains(none))?;
    installed.namespace("st-bank", "shadow")?;
    kubectl.pipe(["apply", "-f", "-"], &workload("st-bank", "ledger", ""))?;
    kubectl.pipe(["apply", "-f", "-"], &workload("st-bank", "teller", "ledger:rpc"))?;
    let good = until_said(&installed, kubectl, &STATUS, |said| {
        said.status == Some(0) && said.json()["namespaces"][0]["wouldBeCut"] == 1
    })?;
    let json = good.json();
    assert_eq!((&json["kind"], &json["ok"]), (&Value::from("Status"), &Value::from(true)));
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(json["versions"], serde_json::json!({"plugin": version, "webhook": [version]}));
    for name in [
        "kinds",
        "mutating webhook",
        "validating webhook",
        "admission policies",
        "certificate",
        "replicas",
        "leader",
        "answers",
        "told by replicas",
        "served certificate",
        "modes",
        "policies",
        "labels",
    ] {
        assert_eq!(state(&good, name), "ok", "{name}: {good:?}");
    }
    assert!(found(&good, "replicas").starts_with("2 of 2 are ready"), "{good:?}");
    let expected = serde_json::json!({"name": "st-bank", "mode": "shadow", "unknownMode": null,
        "services": {"off": 0, "shadow": 2, "enforce": 0}, "callers": 1, "granted": 0, "refused": 1, "wouldBeCut": 1});
    assert_eq!(json["namespaces"][0], expected, "{json}");

    // Asking leaves nothing, and is no alarm.
    assert!(!kubectl.text(["get", "pods", "-A", "-o", "name"])?.contains("netintent-status"));
    assert_eq!(denied(&installed)?, before);

    // What somebody changed is named.
    let weak = r#"[{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]"#;
    kubectl.text(["patch", "mutatingwebhookconfiguration", "netintent", "--type=json", "-p", weak])?;
    kubectl.text(["delete", "validatingadmissionpolicybinding", "netintent-modes"])?;
    let said = netintent(kubectl, &STATUS)?;
    assert_eq!((said.status, state(&said, "mutating webhook").as_str()), (Some(1), "wrong"), "{said:?}");
    assert!(
        found(&said, "mutating webhook").contains("of new.derive.netintent.dev failurePolicy is Ignore"),
        "{said:?}"
    );
    assert!(found(&said, "admission policies").contains("the binding of netintent-modes is missing"), "{said:?}");
    kubectl.text(["apply", "--server-side", "--force-conflicts", "-k", base])?;
    until_said(&installed, kubectl, &["status"], |said| said.status == Some(0))?;

    // Without the webhook.
    installed.replicas().iter().for_each(netintent_tests::Webhook::kill);
    installed.wait_until_ready()?;
    let down = until_said(&installed, kubectl, &STATUS, |said| state(said, "answers") == "wrong")?;
    assert_eq!(down.status, Some(1), "{down:?}");
    assert!(found(&down, "answers").contains("failed calling webhook \"guard.netintent.dev\""), "{down:?}");
    assert_eq!(state(&down, "told by replicas"), "told", "{down:?}");
    let table = netintent(kubectl, &["status"])?;
    assert!(table.status == Some(1) && table.out.contains("What to do:\n- answers: pods with intents"), "{table:?}");
    Ok(())
}

#[test]
fn where_nothing_is_installed_it_says_how() -> Result {
    let plane = ControlPlane::shared()?;
    let said = netintent(plane.admin(), &["status"])?;
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.out.contains("netintent is not installed in this cluster"), "{said:?}");
    assert!(said.out.contains("kubectl netintent install"), "{said:?}");
    let said = netintent(plane.admin(), &["mode", "default", "shadow", "--yes"])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains("a mode would change nothing"), "{said:?}");
    Ok(())
}

#[test]
fn who_may_read_little_is_told_what_cannot_be_told() -> Result {
    let installed = shared()?;
    let admin = installed.admin().kubectl();
    installed.namespace("st-view", "shadow")?;
    let user = viewer("st-viewer", "st-view")?;
    let said = netintent(user.kubectl(), &["status", "-n", "st-view", "-o", "json"])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    assert_eq!(said.json()["ok"], Value::Null);
    for name in
        ["kinds", "mutating webhook", "validating webhook", "certificate", "replicas", "leader", "answers", "labels"]
    {
        assert_eq!(state(&said, name), "unknown", "{name}: {said:?}");
    }
    assert!(found(&said, "answers").contains("could not be asked in namespace st-view"), "{said:?}");
    assert!(said.json()["unread"].as_array().is_some_and(|unread| !unread.is_empty()), "{said:?}");
    // Whoever may create pods there gets an answer, and nothing more is needed for it.
    admin.text(["create", "role", "st-creator", "-n", "st-view", "--verb=create", "--resource=pods"])?;
    admin.text(["create", "rolebinding", "st-creator", "-n", "st-view", "--role=st-creator", "--user=st-viewer"])?;
    let said = netintent(user.kubectl(), &["status", "-n", "st-view", "-o", "json"])?;
    assert!(found(&said, "answers").contains("which was taken"), "{said:?}");
    assert_eq!(state(&said, "answers"), "unknown", "whether it is registered can't be read: {said:?}");
    Ok(())
}
