//! Whether netintent is as it should be.

use jiff::SignedDuration;
use netintent_tests::{Certificates, ControlPlane, Fault, Installation, Installed, Kubectl, Proxy};
use serde_json::{Value, json};

use crate::Result;
use crate::errors::kubeconfig;
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

/// Makes a JSON Patch of something.
fn patch(kubectl: &Kubectl, kind: &str, name: &str, patch: &Value) -> Result {
    kubectl.text(["patch", kind, name, "--type=json", "-p", &patch.to_string()])?;
    Ok(())
}

/// What narrows what is asked is found, and told with what puts it right.
fn narrowed(installed: &Installed, base: &str) -> Result {
    let kubectl = installed.admin().kubectl();
    let hooks = "validatingwebhookconfiguration";
    let less = json!([{"op": "replace", "path": "/webhooks/3/rules/0/operations", "value": ["CREATE"]},
        {"op": "add", "path": "/webhooks/2/timeoutSeconds", "value": 1}]);
    patch(kubectl, hooks, "netintent", &less)?;
    let some = json!([{"op": "add", "path": "/webhooks/3/objectSelector", "value": {"matchLabels": {"a": "b"}}}]);
    patch(kubectl, hooks, "netintent", &some)?;
    let created =
        json!([{"op": "replace", "path": "/spec/matchConstraints/resourceRules/0/operations", "value": ["CREATE"]}]);
    patch(kubectl, "validatingadmissionpolicy", "netintent-modes", &created)?;
    let elsewhere = json!([{"op": "add", "path": "/spec/matchResources",
        "value": {"namespaceSelector": {"matchLabels": {"a": "b"}}}}]);
    patch(kubectl, "validatingadmissionpolicybinding", "netintent-keys", &elsewhere)?;
    let said = netintent(kubectl, &STATUS)?;
    assert_eq!(said.status, Some(1), "{said:?}");
    let expected = "of shadow.workloads.netintent.dev timeoutSeconds is 1 in place of 10; \
        of guard.netintent.dev rules[0].operations[1] is missing";
    assert_eq!(found(&said, "validating webhook"), expected);
    let expected = "of netintent-modes matchConstraints.resourceRules[0].operations[1] is missing; \
        of the binding of netintent-keys matchResources.namespaceSelector.matchLabels.a should not be there";
    assert_eq!(found(&said, "admission policies"), expected);
    assert_eq!((state(&said, "mutating webhook"), state(&said, "answers")), ("ok".to_owned(), "unknown".to_owned()));
    let edit = "kubectl edit validatingwebhookconfiguration netintent";
    assert!(said.out.contains("install --apply --force-conflicts") && said.out.contains(edit), "{said:?}");

    // What is more than was applied stays, as it is said.
    kubectl.text(["apply", "--server-side", "--force-conflicts", "-k", base])?;
    let said = netintent(kubectl, &STATUS)?;
    let left = "of guard.netintent.dev objectSelector.matchLabels.a should not be there";
    assert_eq!((said.status, found(&said, "validating webhook").as_str()), (Some(1), left));
    patch(kubectl, hooks, "netintent", &json!([{"op": "remove", "path": "/webhooks/3/objectSelector"}]))?;
    let none = json!([{"op": "remove", "path": "/spec/matchResources"}]);
    patch(kubectl, "validatingadmissionpolicybinding", "netintent-keys", &none)?;
    until_said(installed, kubectl, &["status"], |said| said.status == Some(0))?;
    Ok(())
}

/// Whose clock counts: that of the API server.
fn by_another_clock(installed: &Installed) -> Result {
    let (plane, kubectl) = (installed.plane(), installed.admin().kubectl());
    let proxy = Proxy::start(plane.url(), &plane.authority().pem())?;
    kubectl.text(["create", "serviceaccount", "st-clock", "-n", "default"])?;
    let role = ["--clusterrole=cluster-admin", "--serviceaccount=default:st-clock"];
    kubectl.text(["create", "clusterrolebinding", "st-clock"].into_iter().chain(role))?;
    let token = kubectl.text(["create", "token", "st-clock", "-n", "default"])?;
    let user = json!({"token": token.trim()}).to_string();
    let config = kubeconfig(kubectl, &proxy.url(), &user)?;
    let status = [&STATUS[..], &["--kubeconfig", &config]].concat();
    let said = netintent(kubectl, &status)?;
    assert_eq!((said.status, state(&said, "leader").as_str()), (Some(0), "ok"), "{said:?}");
    proxy.set(Fault::Ahead(SignedDuration::from_hours(1)));
    let said = netintent(kubectl, &status)?;
    assert_eq!((said.status, state(&said, "leader").as_str()), (Some(1), "wrong"), "{said:?}");
    let leader = found(&said, "leader");
    let seconds = leader.split_once("renewed ").and_then(|(_, rest)| rest.split(' ').next()?.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| (3590..=3700).contains(&seconds)), "{leader}");
    // By a clock of two years later the authority has had its time as well.
    proxy.set(Fault::Ahead(SignedDuration::from_hours(2 * 366 * 24)));
    let said = netintent(kubectl, &status)?;
    assert_eq!(state(&said, "certificate"), "wrong", "{said:?}");
    kubectl.text(["delete", "clusterrolebinding", "st-clock"])?;
    kubectl.text(["delete", "serviceaccount", "st-clock", "-n", "default"])?;
    Ok(())
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
    assert_eq!(json["versions"], json!({"plugin": version, "webhook": [version]}));
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
    let expected = json!({"name": "st-bank", "mode": "shadow", "unknownMode": null,
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

    narrowed(&installed, base)?;
    by_another_clock(&installed)?;

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
    admin.pipe(["apply", "-f", "-"], &workload("st-view", "web", "web:rpc, other:rpc"))?;
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
    // What hangs on approvals of the whole cluster, or on callers of all of it, is not counted.
    let counts = json!([{"name": "st-view", "mode": "shadow", "unknownMode": null,
        "services": {"off": 0, "shadow": 1, "enforce": 0}, "callers": 1, "granted": null, "refused": null,
        "wouldBeCut": null}]);
    assert_eq!(said.json()["namespaces"], counts, "{said:?}");
    let table = netintent(user.kubectl(), &["status", "-n", "st-view"])?;
    let row = table.out.lines().find(|line| line.starts_with("st-view")).unwrap_or_default();
    let row: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(row, ["st-view", "shadow", "1", "1", "?", "?", "?"], "{table:?}");
    assert!(table.out.contains("There may be more of them: not all Namespaces could be read."), "{table:?}");
    assert!(table.err.contains("not permitted to be read") && table.err.contains("ClusterApprovals"), "{table:?}");
    let elsewhere = netintent(user.kubectl(), &["status", "-n", "default"])?;
    assert!(elsewhere.out.contains("Which namespaces take part can't be told"), "{elsewhere:?}");
    assert!(said.json()["unread"].as_array().is_some_and(|unread| !unread.is_empty()), "{said:?}");
    // Whoever may create pods there gets an answer, and nothing more is needed for it.
    admin.text(["create", "role", "st-creator", "-n", "st-view", "--verb=create", "--resource=pods"])?;
    admin.text(["create", "rolebinding", "st-creator", "-n", "st-view", "--role=st-creator", "--user=st-viewer"])?;
    let said = netintent(user.kubectl(), &["status", "-n", "st-view", "-o", "json"])?;
    assert!(found(&said, "answers").contains("which was taken"), "{said:?}");
    assert_eq!(state(&said, "answers"), "unknown", "whether it is registered can't be read: {said:?}");
    Ok(())
}
