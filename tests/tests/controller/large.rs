//! What one statement costs where there are many pods: one request for each pod of its callers, and none for any other.

use std::collections::BTreeMap;
use std::thread;

use jiff::{SignedDuration, Timestamp};
use netintent_tests::{Error, Installation, Installed, User};
use serde_json::{Value, json};

use crate::Result;
use crate::cluster::{items, namespaces, reserved, wanted};
use crate::objects::{approval, create, delete, merge, path, service};

const SHOP: &str = "large-shop";
const BANK: &str = "large-bank";
/// How many callers there are, and how many pods of each.
const CALLERS: usize = 100;
const REPLICAS: usize = 3;
/// Who is approved.
const CALLER: &str = "web-042";

/// No controller of Kubernetes runs: whatever changes a pod is netintent's.
fn fill() -> Result<Installed> {
    let installed = Installed::start_with(&Installation { controllers: false, audited: true, ..wanted() })?;
    namespaces(&installed, &[(SHOP, "enforce"), (BANK, "enforce")])?;
    create(installed.admin(), &service(BANK, "ledger"))?;
    let pods: Vec<Value> = (0..CALLERS * REPLICAS).map(pod).collect();
    thread::scope(|scope| {
        let clients = pods.chunks(pods.len() / 4).map(|some| scope.spawn(|| create_all(installed.admin(), some)));
        let clients: Vec<_> = clients.collect();
        clients.into_iter().try_for_each(|client| client.join().map_err(|_| "a client panicked".to_owned())?)
    })?;
    Ok(installed)
}

fn create_all(user: &User, pods: &[Value]) -> std::result::Result<(), String> {
    pods.iter().try_for_each(|pod| create(user, pod)).map_err(|error| error.to_string())
}

/// One as its StatefulSet makes it.
fn pod(number: usize) -> Value {
    let name = format!("web-{:03}", number / REPLICAS);
    let owner = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "controller": true,
        "uid": "00000000-0000-4000-8000-000000000000"});
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": SHOP, "name": format!("{name}-{}", number % REPLICAS), "ownerReferences": [owner],
            "annotations": {"netintent.dev/calls": format!("{BANK}/ledger:rpc")}},
        "spec": {"containers": [{"name": "main", "image": "example.invalid/none"}]}})
}

/// What netintent has asked for, Events apart, with the name of what it has changed, and how often.
fn asked(installed: &Installed) -> std::result::Result<BTreeMap<String, usize>, Error> {
    let mut all = BTreeMap::new();
    for asked in installed.plane().requests()?.iter().filter(|asked| !asked.is_upkeep() && !asked.tells()) {
        *all.entry(format!("{} {}", asked.what(), asked.name)).or_default() += 1;
    }
    Ok(all)
}

/// The versions of all pods.
fn versions(installed: &Installed) -> Result<BTreeMap<String, String>> {
    let text = |pod: &Value, key: &str| pod["metadata"][key].as_str().unwrap_or_default().to_owned();
    Ok(items(installed, "Pod", SHOP)?.iter().map(|pod| (text(pod, "name"), text(pod, "resourceVersion"))).collect())
}

fn is_of(caller: &str, pod: &str) -> bool {
    pod.rsplit_once('-').is_some_and(|(name, _)| name == caller)
}

/// Waits until the caller's pods have a label or none, and fails where anything else was asked for or changed for that.
fn follows(installed: &Installed, what: &str, has: bool, act: impl FnOnce() -> Result) -> Result {
    let (mut expected, mut before) = (asked(installed)?, versions(installed)?);
    act()?;
    installed.until(what, || {
        let pods = items(installed, "Pod", SHOP)?;
        let of = pods.iter().filter(|pod| is_of(CALLER, pod["metadata"]["name"].as_str().unwrap_or_default()));
        Ok(of.into_iter().all(|pod| reserved(pod).is_empty() != has).then_some(()))
    })?;
    for replica in 0..REPLICAS {
        *expected.entry(format!("patch pods/status {CALLER}-{replica}")).or_default() += 1;
    }
    let count = |all: &BTreeMap<String, usize>| all.values().sum::<usize>();
    // The API server writes it down a moment after it has answered.
    let asked = installed.until("what was asked for is written down", || {
        let asked = asked(installed)?;
        Ok((count(&asked) >= count(&expected)).then_some(asked))
    })?;
    assert_eq!(asked, expected, "{what}");
    let mut after = versions(installed)?;
    for versions in [&mut before, &mut after] {
        versions.retain(|pod, _| !is_of(CALLER, pod));
    }
    assert_eq!(after, before, "{what}");
    assert_eq!(after.len(), (CALLERS - 1) * REPLICAS);
    Ok(())
}

#[test]
fn one_statement_costs_one_request_for_each_pod_of_its_callers() -> Result {
    let installed = &fill()?;
    let (admin, caller) = (installed.admin(), format!("{SHOP}/{CALLER}"));
    let of = |name: &str| approval(BANK, name, &[&caller], &["ledger:rpc"]);
    // Whatever a start takes is over.
    installed
        .until("the policies are there", || Ok((items(installed, "NetworkPolicy", BANK)?.len() == 2).then_some(())))?;

    follows(installed, "approved", true, || Ok(create(admin, &of("web"))?))?;
    // The API server asks about a deletion by what its cache has, and once more where that was old: waits until it is not.
    let web = format!("{}/web", path("Approval", BANK));
    merge(admin, &web, &json!({"metadata": {"annotations": {"netintent.dev/revoked": "a test"}}}))?;
    installed.until("the API server's cache has it", || {
        let cached = admin.get(&format!("{web}?resourceVersion=0"))?.body;
        Ok(cached.pointer("/metadata/annotations/netintent.dev~1revoked").map(drop))
    })?;
    follows(installed, "revoked", false, || Ok(delete(admin, &web)?))?;

    let mut short = of("short");
    let ends = Timestamp::now() + SignedDuration::from_secs(10);
    short["spec"]["expiresAt"] = format!("{ends:.0}").into();
    follows(installed, "approved for a short time", true, || Ok(create(admin, &short)?))?;
    follows(installed, "expired", false, || Ok(()))?;

    follows(installed, "approved again", true, || Ok(create(admin, &of("again"))?))?;
    let prohibition = json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "ClusterProhibition",
        "metadata": {"name": "large"}, "spec": {"callers": [format!("{SHOP}/*")], "callees": [format!("{BANK}/*")]}});
    follows(installed, "prohibited", false, || Ok(create(admin, &prohibition)?))?;
    let gone = || Ok(delete(admin, &format!("{}/large", path("ClusterProhibition", "")))?);
    follows(installed, "no longer prohibited", true, gone)
}
