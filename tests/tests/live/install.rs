//! `install` and `uninstall` from nothing to nothing, beside objects of somebody else's that nobody touches.

use netintent::names;
use netintent_tests::expected::Key;
use netintent_tests::history::{Event, Recorder};
use netintent_tests::{Certificates, ControlPlane, Error, Installation, Installed};
use serde_json::{Value, json};

use crate::Result;
use crate::against::{enforced_again, goes_against, owner_of_evil};
use crate::equal::{DEMO, apply, until_pods_are_there};
use crate::inventory::{Inventory, added, foreign, inventory, touched, until_inventory};
use crate::plugin::{Said, netintent};

/// As an error of the harness.
fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::Client { what: error.to_string() }
}

/// Installs from nothing, and looks at each way of asking for it.
fn install(plane: &ControlPlane) -> Result<Inventory> {
    let kubectl = plane.admin();
    foreign(kubectl)?;
    let before = inventory(kubectl)?;
    let unchanged = |said: &Said| -> Result {
        assert_eq!((touched(&before, &inventory(kubectl)?), added(&before, &inventory(kubectl)?)), Default::default());
        assert_eq!(said.out, "", "{said:?}");
        Ok(())
    };

    // What has the name of something of netintent's stops it before anything is written.
    kubectl.text(["create", "clusterrole", "netintent-viewer", "--verb=get", "--resource=pods"])?;
    let said = netintent(kubectl, &["install", "--apply", "--wait=false"])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains("ClusterRole netintent-viewer is there already, and not netintent's"), "{said:?}");
    kubectl.text(["delete", "clusterrole", "netintent-viewer"])?;
    unchanged(&said)?;
    // What the cluster can't take is known before, too.
    let said = netintent(kubectl, &["install", "--apply", "--cert-manager"])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains("there is no cert-manager in this cluster"), "{said:?}");
    unchanged(&said)?;
    for (dry_run, words) in [
        ("--dry-run=client", "dry run: Deployment netintent-system/netintent would be applied"),
        ("--dry-run=server", "the API server would take it: CustomResourceDefinition approvals.netintent.dev"),
    ] {
        let said = netintent(kubectl, &["install", "--apply", dry_run])?;
        assert!(said.status == Some(0) && said.err.contains(words), "{said:?}");
        unchanged(&said)?;
    }

    let said = netintent(kubectl, &["install", "--apply", "--wait=false"])?;
    assert_eq!((said.status, said.out.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.err.contains("created: MutatingWebhookConfiguration netintent\n"), "{said:?}");
    assert!(said.err.contains("is installed once this ends: kubectl rollout status"), "{said:?}");
    let at = |text: &str| said.err.find(&format!("created: {text}")).ok_or_else(|| format!("{text}: {said:?}"));
    let order = [at("Namespace")?, at("CustomResourceDefinition")?, at("Deployment")?, at("ValidatingWebhook")?];
    assert!(order.is_sorted(), "{said:?}");
    let after = inventory(kubectl)?;
    assert_eq!(touched(&before, &after), [] as [&str; 0]);
    for key in added(&before, &after) {
        assert!(key.contains("netintent") || key.starts_with("IPAddress "), "{key}");
    }

    // A second time nothing changes, whoever applies it.
    let printed = netintent(kubectl, &["install"])?;
    assert_eq!((printed.status, printed.err.as_str()), (Some(0), ""), "{printed:?}");
    let taken = kubectl.pipe(["apply", "--server-side", "--dry-run=server", "-f", "-"], &printed.out)?;
    assert_eq!(taken.lines().count(), printed.out.matches("\nkind: ").count(), "{taken}");
    // What is printed to be deleted is the same, in another order.
    let printed = netintent(kubectl, &["uninstall"])?;
    assert!(printed.status == Some(0) && printed.err.contains("take the modes away before"), "{printed:?}");
    let gone = kubectl.pipe(["delete", "--dry-run=server", "-f", "-"], &printed.out)?;
    assert_eq!(gone.lines().count(), taken.lines().count(), "{gone}");
    assert!(gone.starts_with("mutatingwebhookconfiguration") && gone.contains("\nnamespace \"netintent-sys"), "{gone}");
    // A cluster has one netintent, in one namespace.
    for args in [&["install", "--apply", "-n", "other"][..], &["uninstall", "--apply", "--yes", "-n", "other"]] {
        let said = netintent(kubectl, args)?;
        assert_eq!(said.status, Some(2), "{said:?}");
        assert!(said.err.contains("netintent is installed in the namespace netintent-system: nothing was"), "{said:?}");
    }
    let said = netintent(kubectl, &["install", "--apply", "--wait=false"])?;
    assert!(said.status == Some(0) && said.err.ends_with("version 0.1.0 has it\n"), "{said:?}");
    assert!(!said.err.contains("created: ") && !said.err.contains("\nchanged: "), "{said:?}");
    Ok(before)
}

#[test]
fn what_is_installed_can_be_taken_away_and_nothing_else_is_touched() -> Result {
    let wanted =
        Installation { replicas: 2, certificates: Certificates::Own, controller: true, ..Installation::default() };
    let mut before = Inventory::new();
    let installed = Installed::start_by(&wanted, |plane| {
        before = install(plane).map_err(|error| failed(&error))?;
        Ok(())
    })?;
    let kubectl = installed.admin().kubectl();
    waits_for_replicas(&installed)?;
    tells_what_would_be_as_by_default(&installed)?;

    for namespace in ["in-effect", "in-effect-shadow"] {
        kubectl.text(["wait", "--for=delete", "--timeout=60s", "namespace", namespace])?;
    }
    apply(&installed, &[DEMO], &["shop", "bank", "platform"])?;
    until_pods_are_there(&installed)?;
    let policies = ["get", "networkpolicies", "-A", "-o=name", "-l=app.kubernetes.io/managed-by=netintent"];
    let labelled = ["get", "pods", "-A", "-o=name", "-l=ledger.bank.to.netintent.dev/rpc"];
    installed.until("all is enforced", || {
        let both = kubectl.text(policies)?.lines().count() > 3 && !kubectl.text(labelled)?.is_empty();
        Ok(both.then_some(()))
    })?;

    let full = inventory(kubectl)?;
    for args in [&["--dry-run"][..], &["--dry-run=server"], &[]] {
        let said = netintent(kubectl, &[&["uninstall", "--apply"], args].concat())?;
        assert_eq!(said.status, Some(if args.is_empty() { 2 } else { 0 }), "{said:?}");
        for words in [
            " NetworkPolicies: bank/netintent, ",
            "goes: the mode of 3 Namespaces: bank, platform, shop",
            "opens to everybody: ",
            "goes for good: what people have approved: ",
        ] {
            assert!(said.err.contains(words), "{words}: {said:?}");
        }
        assert!(!args.is_empty() || said.err.contains("say --yes"), "{said:?}");
        let mut changed = touched(&full, &inventory(kubectl)?);
        // The replica that leads says so every two seconds.
        changed.retain(|key| key != "Lease netintent-system/netintent");
        assert_eq!(changed, [] as [&str; 0], "{args:?}");
    }

    stops_where_others_would_cut(&installed)?;
    enforced_again(&installed)?;
    let mallory = owner_of_evil(&installed)?;
    let carried = labelled_pods(&installed)?;
    let policies_before = kubectl.text(policies)?.lines().count();
    assert!(carried.len() > 2, "{carried:?}");
    let recorder = Recorder::start(installed.admin())?;
    goes_against(&installed, &mallory)?;
    let said = netintent(kubectl, &["uninstall", "--apply", "--yes"])?;
    assert_eq!((said.status, said.out.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.err.ends_with("netintent is uninstalled\n"), "{said:?}");
    let left = |now: &Inventory| {
        let ours = |key: &String| key.contains("netintent") && !before.contains_key(key);
        now.keys().filter(|key| ours(key)).cloned().collect::<Vec<_>>()
    };
    // The pods of a Deployment go a moment after it.
    until_inventory(&installed, "nothing of netintent's is left", left)?;
    let now = inventory(kubectl)?;
    assert_eq!(touched(&before, &now), [] as [&str; 0]);
    nothing_is_marked(&installed)?;
    // Watches of several kinds tell one after the other.
    installed.until("all that went is recorded", || {
        let events = recorder.events();
        let gone = |event: &&Event| event.kind == "NetworkPolicy" && event.object.is_none();
        let is_off = |event: &&Event| event.kind == "Namespace" && !label(event, &|key| key == names::MODE);
        let all = events.iter().filter(gone).count() >= policies_before && events.iter().filter(is_off).count() >= 3;
        Ok(all.then_some(()))
    })?;
    nobody_was_cut(recorder.end()?.events(), &carried);

    let again = netintent(kubectl, &["uninstall", "--apply"])?;
    assert_eq!((again.status, again.out.as_str()), (Some(0), ""), "{again:?}");
    assert_eq!(again.err, "nothing of netintent's is in this cluster\n");
    Ok(())
}

/// Somebody's own policy closes the pods that netintent's let callers into: without those nobody would be.
fn stops_where_others_would_cut(installed: &Installed) -> Result {
    let policy = netintent_tests::objects::path("NetworkPolicy", "bank");
    let deny = json!({"kind": "NetworkPolicy", "metadata": {"namespace": "bank", "name": "deny"},
        "spec": {"podSelector": {}}});
    netintent_tests::objects::create(installed.admin(), &deny)?;
    let said = netintent(installed.admin().kubectl(), &["uninstall", "--apply", "--yes"])?;
    assert!(said.status == Some(2) && !said.err.contains("done: "), "{said:?}");
    assert!(
        said.err.contains("nothing was changed: without netintent's policies, what others' policies leave closes "),
        "{said:?}"
    );
    assert!(said.err.contains("go on with --cut-others"), "{said:?}");
    netintent_tests::objects::delete(installed.admin(), &format!("{policy}/deny"))?;
    Ok(())
}

fn tells_what_would_be_as_by_default(installed: &Installed) -> Result {
    let kubectl = installed.admin().kubectl();
    let scale = |replicas: &str| kubectl.text(["scale", "-n", "netintent-system", "deployment/netintent", replicas]);
    let install = ["install", "--apply", "--dry-run=server", "--force-conflicts"];
    scale("--replicas=3")?;
    let said = netintent(kubectl, &install)?;
    assert!(said.status == Some(0) && said.err.contains("has --replicas 3: say so again to keep it"), "{said:?}");
    let said = netintent(kubectl, &[&install[..], &["--replicas=3"]].concat())?;
    assert!(said.status == Some(0) && !said.err.contains("say so again"), "{said:?}");
    scale("--replicas=2")?;
    Ok(())
}

/// Without a kubelet no replica gets ready, until somebody says that they are.
fn waits_for_replicas(installed: &Installed) -> Result {
    let kubectl = installed.admin().kubectl();
    let said = netintent(kubectl, &["install", "--apply", "--timeout=1s"])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains("Deployment netintent-system/netintent does not get ready: "), "{said:?}");
    assert!(said.err.contains("help: kubectl get pods,events -n netintent-system"), "{said:?}");
    installed.run_pods()?;
    let said = netintent(kubectl, &["install", "--apply", "--timeout=60s"])?;
    assert!(said.status == Some(0) && said.err.contains("nothing was to be changed"), "{said:?}");
    Ok(())
}

/// The pods with derived labels.
fn labelled_pods(installed: &Installed) -> Result<Vec<Key>> {
    let text = installed.admin().kubectl().text(["get", "pods", "-A", "-o=json"])?;
    let all: Value = serde_json::from_str(&text)?;
    let is_labelled = |pod: &&Value| {
        let labels = pod["metadata"]["labels"].as_object();
        labels.is_some_and(|labels| labels.keys().any(|key| names::is_reserved(key)))
    };
    let text = |pod: &Value, key: &str| pod["metadata"][key].as_str().unwrap_or_default().to_owned();
    let pods = all["items"].as_array().into_iter().flatten().filter(is_labelled);
    Ok(pods.map(|pod| (text(pod, "namespace"), text(pod, "name"))).collect())
}

/// No mode, no derived label and no policy is left on what stays.
pub(crate) fn nothing_is_marked(installed: &Installed) -> Result {
    let kubectl = installed.admin().kubectl();
    let text = kubectl.text(["get", "namespaces,services,pods,networkpolicies", "-A", "-o=json"])?;
    let all: Value = serde_json::from_str(&text)?;
    let mut count = 0;
    for item in all["items"].as_array().into_iter().flatten() {
        for (key, value) in item["metadata"]["labels"].as_object().into_iter().flatten() {
            let is_ours = names::is_reserved(key)
                || key == names::MODE
                || key == "app.kubernetes.io/managed-by" && value == "netintent";
            assert!(!is_ours, "{item}");
        }
        count += 1;
    }
    assert!(count > 10, "{count}");
    Ok(())
}

/// Whether an object had such a label afterwards.
fn label(event: &Event, is_it: &dyn Fn(&str) -> bool) -> bool {
    let labels = event.object.as_ref().and_then(|object| object["metadata"]["labels"].as_object());
    labels.into_iter().flatten().any(|(key, _)| is_it(key))
}

/// Policies went before what they select by, and what closes a namespace before what opens something in it.
fn nobody_was_cut(events: &[Event], carried: &[Key]) {
    let gone = |kind: &'static str| events.iter().filter(move |e| e.kind == kind && e.object.is_none());
    let policies: Vec<&Event> =
        gone("NetworkPolicy").filter(|e| !["netintent-system", "evil"].contains(&e.key.0.as_str())).collect();
    let last = policies.iter().map(|event| event.version).max().unwrap_or_default();
    let closing = policies.iter().filter(|event| event.key.1 == "netintent");
    for event in closing {
        let sooner = policies.iter().any(|other| other.key.0 == event.key.0 && other.version < event.version);
        assert!(!sooner, "of {} something that opens went first", event.key.0);
    }
    assert!(policies.len() > 3, "{policies:?}");
    let of = |kind: &'static str| events.iter().filter(move |e| e.kind == kind && e.object.is_some());
    let mut changes = 0;
    for event in of("Namespace").filter(|event| ["shop", "bank", "platform"].contains(&event.key.1.as_str())) {
        assert!(event.version > last || label(event, &|key| key == names::MODE), "{event:?}");
        changes += 1;
    }
    for event in of("Pod").filter(|event| event.version < last && carried.contains(&event.key)) {
        assert!(label(event, &names::is_reserved), "{event:?}");
    }
    assert_eq!(changes, 5, "those in enforce went to shadow, and then each to none");
}
