//! An upgrade: what is granted stays granted while it runs, and what is made meanwhile gets its labels.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use netintent::names::is_reserved;
use netintent_tests::expected::Key;
use netintent_tests::history::{Event, Recorder};
use netintent_tests::{Certificates, Error, Installation, Installed};
use serde_json::Value;

use crate::Result;
use crate::plugin::{Said, netintent, workload};

/// What an earlier version was installed by, but for the custom resource definitions, which were the same.
const EARLIER: &str = include_str!("earlier.yaml");
const CRDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/crd");
/// What the caller has a right to.
const LABEL: &str = "ledger.up-bank.to.netintent.dev/rpc";

/// The earlier version, and what it has granted.
fn earlier() -> Result<Installed> {
    let wanted =
        Installation { replicas: 2, certificates: Certificates::Own, controller: true, ..Installation::default() };
    let installed = Installed::start_by(&wanted, |plane| {
        plane.admin().text(["apply", "--server-side", "-k", CRDS])?;
        plane.admin().pipe(["apply", "--server-side", "-f", "-"], EARLIER)?;
        Ok(())
    })?;
    let kubectl = installed.admin().kubectl();
    installed.namespace("up-shop", "shadow")?;
    installed.namespace("up-bank", "shadow")?;
    kubectl.pipe(["apply", "-f", "-"], &workload("up-bank", "ledger", ""))?;
    let approval = "{apiVersion: netintent.dev/v1alpha1, kind: Approval, metadata: {namespace: up-bank, name: web}, \
        spec: {callers: [up-shop/web], callees: ['ledger:rpc']}}";
    kubectl.pipe(["apply", "-f", "-"], approval)?;
    kubectl.pipe(["apply", "-f", "-"], &workload("up-shop", "web", "up-bank/ledger:rpc"))?;
    kubectl.text(["label", "--overwrite", "namespace", "up-shop", "up-bank", "netintent.dev/mode=enforce"])?;
    kubectl.text(["scale", "deployment", "-n", "up-shop", "web", "--replicas=5"])?;
    installed.until("five pods are granted, and the policy is there", || {
        let count = kubectl.text(["get", "pods", "-n", "up-shop", "-o=name", "-l", LABEL])?.lines().count();
        let policies = kubectl.text(["get", "networkpolicies", "-n", "up-bank", "-o=name"])?;
        Ok((count == 5 && policies.contains("/netintent-ledger\n")).then_some(()))
    })?;
    installed.run_pods()?;
    Ok(installed)
}

/// Makes pods anew, one after the other, until it is told to stop: how many.
fn churn(installed: &Installed, stop: &AtomicBool) -> std::result::Result<u32, Error> {
    let kubectl = installed.admin().kubectl();
    let mut made = 0;
    while !stop.load(Ordering::Relaxed) {
        let pods = kubectl.text(["get", "pods", "-n", "up-shop", "-o=name"])?;
        if let Some(pod) = pods.lines().next() {
            kubectl.text(["delete", "-n", "up-shop", "--grace-period=0", "--force", pod])?;
            made += 1;
        }
        installed.until("there are five pods again", || {
            let pods = kubectl.text(["get", "pods", "-n", "up-shop", "-o=name"])?;
            Ok((pods.lines().count() >= 5).then_some(()))
        })?;
    }
    Ok(made)
}

/// Has the replicas' pods run as soon as they are made, as nodes would.
fn kubelets(installed: &Installed, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        // One that has gone in the same moment needs none.
        let _ = installed.run_pods();
        thread::sleep(Duration::from_millis(200));
    }
}

/// Upgrades to another image, so that the pods are rolled out anew; some of the callers' pods are made before it, and some
/// after.
fn upgrade(installed: &Installed, recorder: &Recorder) -> Result<Said> {
    let made = |count| installed.until("pods are made anew", || Ok((recorder.len() > count).then_some(())));
    made(recorder.len() + 10)?;
    let image = "--image=example.invalid/netintent-webhook:next";
    let args = ["install", "--apply", "--force-conflicts", "--timeout=120s", image];
    let said = netintent(installed.admin().kubectl(), &args)?;
    // The processes behind the pods are replaced in the same way.
    for replica in installed.replicas() {
        replica.signal("TERM")?;
        replica.ended()?;
        replica.run()?;
        installed.wait_until_ready()?;
    }
    made(recorder.len() + 10)?;
    Ok(said)
}

#[test]
fn an_upgrade_keeps_every_grant_while_it_runs() -> Result {
    let installed = earlier()?;
    let kubectl = installed.admin().kubectl();
    let policy = ["get", "networkpolicy", "-n", "up-bank", "netintent-ledger", "-o=jsonpath={.metadata.uid}"];
    let before = kubectl.text(policy)?;

    // Another tool has written what differs: that is said, and nothing is changed.
    let version = ["get", "clusterrole", "netintent-controller", "-o=jsonpath={.metadata.resourceVersion}"];
    let old = kubectl.text(version)?;
    let said = netintent(kubectl, &["install", "--apply"])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains("conflict with \"kubectl\"") && said.err.contains("--force-conflicts"), "{said:?}");
    assert_eq!(kubectl.text(version)?, old);

    let began = version_of(&installed.admin().get("/api/v1/namespaces/up-shop/pods")?.body["metadata"]);
    let recorder = Recorder::start(installed.admin())?;
    let stop = AtomicBool::new(false);
    let (said, made) = thread::scope(|scope| -> Result<_> {
        let churning = scope.spawn(|| churn(&installed, &stop));
        let nodes = scope.spawn(|| kubelets(&installed, &stop));
        let said = upgrade(&installed, &recorder);
        stop.store(true, Ordering::Relaxed);
        let made = churning.join().map_err(|_| "the churn panicked")??;
        nodes.join().map_err(|_| "the nodes panicked")?;
        Ok((said?, made))
    })?;
    assert_eq!(said.status, Some(0), "{said:?}");
    installed.until("every pod that was made is recorded", || {
        let pods = installed.admin().get("/api/v1/namespaces/up-shop/pods")?.body;
        let events = recorder.events();
        let is_new = |pod: &&Value| version_of(&pod["metadata"]) > began;
        let is_heard = |pod: &Value| events.iter().any(|event| event.version == version_of(&pod["metadata"]));
        Ok(pods["items"].as_array().into_iter().flatten().filter(is_new).all(is_heard).then_some(()))
    })?;
    let history = recorder.end()?;
    let granted = granted(history.events());
    assert!(made > 3 && granted >= made, "{made} pods were made anew, and {granted} seen with their label");
    let at = |text: &str| said.err.find(text).ok_or_else(|| format!("{text}: {said:?}"));
    assert!(at("changed: ClusterRole netintent-controller")? < at("changed: Deployment")?, "{said:?}");
    assert!(at("changed: Deployment")? < at(": ValidatingWebhookConfiguration")?, "{said:?}");
    assert_eq!(kubectl.text(policy)?, before, "the policy is the same");
    assert_ne!(kubectl.text(version)?, old, "what differs was changed");
    Ok(())
}

/// The version of an object, or of a list.
fn version_of(metadata: &Value) -> u64 {
    metadata["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// That every pod of the caller has its label in each of its versions: how many pods there were.
fn granted(events: &[Event]) -> u32 {
    let mut seen: BTreeMap<&Key, u32> = BTreeMap::new();
    for event in events.iter().filter(|event| event.kind == "Pod" && event.key.0 == "up-shop") {
        let Some(object) = &event.object else { continue };
        let labels = object["metadata"]["labels"].as_object();
        let derived: Vec<&str> =
            labels.into_iter().flatten().map(|(key, _)| key.as_str()).filter(|key| is_reserved(key)).collect();
        assert_eq!(derived, [LABEL], "{event:?}");
        *seen.entry(&event.key).or_default() += 1;
    }
    u32::try_from(seen.len()).unwrap_or(u32::MAX)
}
