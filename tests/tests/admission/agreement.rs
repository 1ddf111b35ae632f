//! The plugin and the webhook agree: offline, the same manifests give the labels that the pods carry.

use std::collections::{BTreeMap, BTreeSet};

use netintent::manifest::text::{documents, parse};
use netintent::manifest::{collect, decode};
use netintent::snapshot::{Options, Snapshot};
use netintent_tests::Installed;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::Result;
use crate::manifests::{account, create, namespace, path, pods, reserved, service, workload};

/// The reserved labels that the plugin derives for each workload's pods, by the workload's name.
pub(crate) fn offline(objects: &[Value]) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut all = Vec::new();
    for object in objects {
        let text = object.to_string();
        for document in documents(text.as_bytes()).map_err(|error| error.message)? {
            if let Some(node) = parse(&document).map_err(|error| error.message)? {
                all.extend(decode(&node, 0, "default").map_err(|error| error.message)?.objects);
            }
        }
    }
    let objects = collect(all, &|_| String::new(), &mut Vec::new());
    let now: jiff::Timestamp = jiff::Timestamp::now();
    let snapshot = Snapshot::new(objects, &Options::at(now));
    let labels = |pod: &netintent::snapshot::Pod| -> BTreeSet<String> {
        let all = pod.labels.iter().filter(|(key, _)| netintent::names::is_reserved(key));
        all.map(|(key, value)| format!("{key}={value}")).collect()
    };
    let name = |pod: &netintent::snapshot::Pod| snapshot.workloads[pod.workload as usize].name.clone();
    Ok(snapshot.pods.iter().map(|pod| (name(pod), labels(pod))).collect())
}

/// A small cluster at random: who declares what, who approved and forbade what, in which modes.
#[derive(Clone, Debug)]
struct Case {
    modes: [&'static str; 2],
    own: Vec<usize>,
    account: Vec<usize>,
    approvals: Vec<(usize, usize, bool)>,
    prohibited: Option<usize>,
    caller: Option<bool>,
    kind: usize,
}

/// What can be declared, approved and forbidden: `S` is the shop, `B` the bank.
const CALLEES: [&str; 10] =
    ["B/ledger", "B/ledger:rpc", "B/ledger:80", "B/*", "B/*:rpc", "*/*", "*/*:rpc", "@T", "@T:rpc", "S/own:rpc"];
/// Who is approved.
const CALLERS: [&str; 5] = ["S/app", "S/*", "*/*", "S/other", "B/*"];
/// Kinds whose pods a test need not wait for a node or a schedule for.
const KINDS: [&str; 5] = ["Deployment", "ReplicaSet", "StatefulSet", "Job", "Pod"];

fn case() -> impl Strategy<Value = Case> {
    let modes = prop_oneof![Just("shadow"), Just("enforce"), Just("off")];
    let callee = 0..CALLEES.len();
    (
        (prop_oneof![8 => Just("shadow"), 1 => Just("off")], modes).prop_map(|(shop, bank)| [shop, bank]),
        prop::collection::vec(callee.clone(), 1..8),
        prop::collection::vec(callee.clone(), 0..3),
        prop::collection::vec((0..CALLERS.len(), callee.clone(), prop::bool::weighted(0.15)), 2..10),
        prop::option::weighted(0.15, callee),
        prop::option::weighted(0.2, any::<bool>()),
        0..KINDS.len(),
    )
        .prop_map(|(modes, own, account, approvals, prohibited, caller, kind)| Case {
            modes,
            own,
            account,
            approvals,
            prohibited,
            caller,
            kind,
        })
}

impl Case {
    /// Its objects, in namespaces that no other case has; the workload last.
    fn objects(&self, number: usize) -> Vec<Value> {
        let (shop, bank, kind) =
            (format!("agree-{number}-s"), format!("agree-{number}-b"), format!("agree-{number}-t"));
        let text = |pattern: &str| pattern.replace('S', &shop).replace('B', &bank).replace('T', &kind);
        let list = |of: &[usize]| of.iter().map(|at| text(CALLEES[*at])).collect::<Vec<_>>().join("\n");
        let mut ledger = service(&bank, "ledger");
        ledger["metadata"]["labels"] = json!({"netintent.dev/type": kind});
        let mut all = vec![
            namespace(&shop, self.modes[0]),
            namespace(&bank, self.modes[1]),
            ledger,
            service(&shop, "own"),
            account(&shop, "declares", &list(&self.account)),
        ];
        for (at, (caller, callee, expired)) in self.approvals.iter().enumerate() {
            let mut object = json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "ClusterApproval",
                "metadata": {"name": format!("agree-{number}-{at}")},
                "spec": {"callers": [text(CALLERS[*caller]).replace("*/*", &format!("{shop}/*"))],
                    "callees": [text(CALLEES[*callee])]}});
            if *expired {
                object["spec"]["expiresAt"] = "2026-01-01T00:00:00Z".into();
            }
            all.push(object);
        }
        if let Some(callee) = self.prohibited {
            all.push(json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "ClusterProhibition",
                "metadata": {"name": format!("agree-{number}")},
                "spec": {"callers": [format!("{shop}/*")], "callees": [text(CALLEES[callee])]}}));
        }
        let mut object = workload(KINDS[self.kind], &shop, "app", &list(&self.own));
        let pointer = if KINDS[self.kind] == "Pod" { "" } else { "/spec/template" };
        if let Some(pod) = object.pointer_mut(pointer) {
            pod["spec"]["serviceAccountName"] = "declares".into();
            if let Some(good) = self.caller {
                let name = if good { "other" } else { "app" };
                pod["metadata"]["annotations"]["netintent.dev/caller"] = name.into();
            }
        }
        all.push(object);
        all
    }
}

/// Creates a case's objects and compares the pods with what is derived offline.
fn check(installed: &Installed, case: &Case, number: usize) -> Result {
    let objects = case.objects(number);
    let shop = format!("agree-{number}-s");
    let probes = probes(&shop, case.prohibited.is_some());
    let expected = offline(&[&objects[..], &probes].concat())?;
    for object in &objects {
        if object["kind"] == "Namespace" {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            installed.namespace(&text("/metadata/name"), &text("/metadata/labels/netintent.dev~1mode"))?;
            continue;
        }
        if object == objects.last().unwrap_or(object) {
            knows(installed, &shop, &objects, &probes)?;
        }
        create(installed.admin(), object)?;
    }
    for pod in pods(installed, &shop, "app")? {
        assert_eq!(Some(&reserved(&pod)), expected.get("app"), "{case:?}: {pod:#}");
    }
    for name in [&shop, &format!("agree-{number}-b")] {
        installed.admin().delete(&format!("/api/v1/namespaces/{name}"))?;
    }
    Ok(())
}

/// A pod of the same shop, after what decides about it: once it gets its labels, all that was created before is known.
fn probes(shop: &str, prohibited: bool) -> Vec<Value> {
    let api_version = "netintent.dev/v1alpha1";
    let metadata = json!({"name": format!("{shop}-probe")});
    let approval = json!({"apiVersion": api_version, "kind": "ClusterApproval", "metadata": metadata,
        "spec": {"callers": [format!("{shop}/probe")], "callees": [format!("{shop}/probe"), format!("{shop}/never")]}});
    let forbids = json!({"apiVersion": api_version, "kind": "ClusterProhibition", "metadata": metadata,
        "spec": {"callers": [format!("{shop}/*")], "callees": [format!("{shop}/never")]}});
    let mut probe = workload("Pod", shop, "probe", &format!("{shop}/never"));
    probe["spec"]["serviceAccountName"] = "probe".into();
    let mut all = vec![approval, account(shop, "probe", &format!("{shop}/probe"))];
    // It overlaps every type, so that it is there only where there is another one to be known.
    all.extend(prohibited.then_some(forbids));
    all.push(probe);
    all
}

/// Waits until the webhook knows the last of each kind that was created.
fn knows(installed: &Installed, shop: &str, objects: &[Value], probes: &[Value]) -> Result {
    let admin = installed.admin();
    let [before @ .., probe] = probes else { return Err("no probe".into()) };
    for object in before {
        create(admin, object)?;
    }
    let expected = offline(&[objects, probes].concat())?.remove("probe").unwrap_or_default();
    let path = format!("{}?dryRun=All", path("Pod", shop));
    installed.until("the webhook knows it all", || {
        let reply = admin.post(&path, probe)?;
        Ok((reserved(&reply.body) == expected).then_some(()))
    })?;
    Ok(())
}

#[test]
fn random_manifests_give_the_same_labels() -> Result {
    let installed = Installed::shared()?;
    let cases = std::env::var("NETINTENT_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(24);
    // No seed of the day: what fails here fails again.
    let config = Config { failure_persistence: None, ..Config::default() };
    let rng = proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let strategy = case();
    let mut carried = 0;
    for number in 0..cases {
        let tree = strategy.new_tree(&mut runner).map_err(|reason| reason.to_string())?;
        let case = proptest::strategy::ValueTree::current(&tree);
        check(installed, &case, number)?;
        carried += usize::from(offline(&case.objects(number))?.get("app").is_some_and(|labels| !labels.is_empty()));
    }
    assert!(carried * 4 >= cases, "only {carried} of {cases} pods carry labels: the cases say little");
    Ok(())
}
