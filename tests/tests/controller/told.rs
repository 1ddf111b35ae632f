//! What happens is told on the objects that people look at, with the names of whom it is about.

use jiff::{SignedDuration, Timestamp};
use netintent_tests::{Error, Installed};
use serde_json::{Value, json};

use crate::Result;
use crate::cluster::{from_block, items, namespaces, only_pod, settles, shared, until_labels};
use crate::objects::{approval, create, delete, deployment, merge, path, revoke, service, set_mode};

/// Waits for an Event about an object that says all of this.
fn told(installed: &Installed, namespace: &str, about: (&str, &str), reason: &str, words: &[&str]) -> Result<Value> {
    let event = installed.until(&format!("{about:?} has an Event {reason} with {words:?}"), || {
        Ok(events(installed, namespace, about, reason)?.into_iter().find(|event| {
            let note = event["note"].as_str().unwrap_or_default();
            words.iter().all(|word| note.contains(word))
        }))
    })?;
    Ok(event)
}

/// The Events about an object.
fn events(
    installed: &Installed,
    namespace: &str,
    (kind, name): (&str, &str),
    reason: &str,
) -> std::result::Result<Vec<Value>, Error> {
    let mut events = items(installed, "Event", namespace)?;
    events.retain(|event| {
        let of = &event["regarding"];
        of["kind"] == kind && of["name"] == name && event["reason"] == reason
    });
    Ok(events)
}

/// A number of a namespace.
fn gauge(installed: &Installed, metric: &str, namespace: &str) -> Option<u64> {
    let text = installed.webhook().observed("/metrics")?;
    let start = format!("netintent_{metric}{{namespace=\"{namespace}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)?.trim().parse().ok())
}

fn until_gauges(installed: &Installed, expected: &[(&str, &str, u64)]) -> Result {
    let mut last = Vec::new();
    let found = installed.until(&format!("the figures are {expected:?}"), || {
        last = expected.iter().map(|(metric, namespace, _)| gauge(installed, metric, namespace)).collect();
        Ok(expected.iter().zip(&last).all(|((.., number), last)| *last == Some(*number)).then_some(()))
    });
    found.map_err(|error| format!("they are {last:?}\n{error}").into())
}

#[test]
fn whoever_loses_access_is_named_where_it_is_taken() -> Result {
    let installed = shared()?;
    let (shop, bank, admin) = ("losing-shop", "losing-bank", installed.admin());
    namespaces(installed, &[(shop, "shadow"), (bank, "enforce")])?;
    create(admin, &service(bank, "ledger"))?;
    create(admin, &deployment(shop, "web", "losing-bank/ledger:rpc"))?;
    let key = &*format!("ledger.{bank}.to.netintent.dev/rpc");
    only_pod(installed, shop)?;
    let give = |name: &str, object: &Value| -> Result {
        create(admin, object)?;
        until_labels(installed, shop, name, &[key])
    };
    let loses = |what: &str| format!("{what}: running pods lose access: losing-shop/web (1 pod)");

    // A caller is taken out.
    give("callers", &approval(bank, "callers", &["losing-shop/web"], &["ledger:rpc"]))?;
    let at = format!("{}/callers", path("Approval", bank));
    merge(admin, &at, &json!({"spec": {"callers": ["losing-shop/other"]}}))?;
    let event =
        told(installed, bank, ("Approval", "callers"), "AccessLost", &[&loses("Approval callers was changed")])?;
    assert_eq!(
        (&event["type"], &event["regarding"]["uid"]),
        (&"Warning".into(), &admin.get(&at)?.body["metadata"]["uid"])
    );
    until_labels(installed, shop, "a caller is taken out", &[])?;
    // Its own people read it on the workload.
    let words =
        ["losing-shop/web may not call losing-bank/ledger:rpc: nobody has approved it", "kubectl netintent approve"];
    let event = told(installed, shop, ("Deployment", "web"), "IntentRefused", &words)?;
    let web = admin.get(&format!("{}/web", path("Deployment", shop)))?.body;
    assert_eq!(event["regarding"]["uid"], web["metadata"]["uid"]);

    give("revoked", &approval(bank, "revoked", &["losing-shop/*"], &["ledger"]))?;
    revoke(admin, bank, "revoked")?;
    told(installed, bank, ("Approval", "revoked"), "AccessLost", &[&loses("Approval revoked was deleted")])?;
    until_labels(installed, shop, "revoked", &[])?;

    let mut short = approval(bank, "short", &["*/*"], &["*"]);
    short["spec"]["expiresAt"] = format!("{:.0}", Timestamp::now() + SignedDuration::from_secs(10)).into();
    give("short", &short)?;
    told(installed, bank, ("Approval", "short"), "AccessLost", &[&loses("Approval short has expired")])?;
    until_labels(installed, shop, "expired", &[])?;

    give("last", &approval(bank, "last", &["losing-shop/web"], &["ledger:rpc"]))?;
    let prohibition = json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "ClusterProhibition",
        "metadata": {"name": "losing"}, "spec": {"callers": ["losing-shop/*"], "callees": ["losing-bank/*"]}});
    create(admin, &prohibition)?;
    told(
        installed,
        "default",
        ("ClusterProhibition", "losing"),
        "AccessLost",
        &[&loses("ClusterProhibition losing forbids it now")],
    )?;
    delete(admin, &format!("{}/losing", path("ClusterProhibition", "")))?;
    until_labels(installed, shop, "no longer prohibited", &[key])?;

    // Nobody loses anything where another approval covers it.
    create(admin, &approval(bank, "wide", &["*/*"], &["ledger"]))?;
    settles(installed, "two approve it", &[shop, bank])?;
    revoke(admin, bank, "last")?;
    settles(installed, "one approves it", &[shop, bank])?;
    until_labels(installed, shop, "one approves it", &[key])?;
    revoke(admin, bank, "wide")?;
    told(installed, bank, ("Approval", "wide"), "AccessLost", &[&loses("Approval wide was deleted")])?;
    assert!(events(installed, bank, ("Approval", "last"), "AccessLost")?.is_empty());
    Ok(())
}

/// In `shadow` all is told and counted, down to nothing.
#[test]
fn shadow_counts_down_to_zero() -> Result {
    let installed = shared()?;
    let (shop, bank, away, admin) = ("count-shop", "count-bank", "count-away", installed.admin());
    namespaces(installed, &[(shop, "shadow"), (bank, "shadow"), (away, "off")])?;
    for name in ["ledger", "cards"] {
        create(admin, &service(bank, name))?;
    }
    create(admin, &deployment(shop, "web", "count-bank/ledger:rpc\ncount-bank/cards:rpc"))?;
    create(admin, &deployment(shop, "api", "count-bank/ledger:rpc"))?;
    create(admin, &deployment(away, "job", "count-bank/cards:admin"))?;
    until_gauges(installed, &[("refused_intents", shop, 3), ("would_be_cut", bank, 4)])?;
    assert_eq!(gauge(installed, "refused_intents", away), None, "nobody is asked there");
    let words = ["may not call count-bank/ledger:rpc", "may not call count-bank/cards:rpc"];
    told(installed, shop, ("Deployment", "web"), "IntentRefused", &words)?;
    told(installed, shop, ("Deployment", "api"), "IntentRefused", &words[..1])?;
    let event = told(installed, bank, ("Service", "ledger"), "WouldCut", &["count-shop/api, count-shop/web"])?;
    let ledger = admin.get(&format!("{}/ledger", path("Service", bank)))?.body;
    assert_eq!(event["regarding"]["uid"], ledger["metadata"]["uid"]);
    told(installed, bank, ("Service", "cards"), "WouldCut", &["count-away/job, count-shop/web"])?;

    create(admin, &approval(bank, "ledger", &["count-shop/*"], &["ledger:rpc"]))?;
    until_gauges(installed, &[("refused_intents", shop, 1), ("would_be_cut", bank, 2)])?;
    create(admin, &approval(bank, "cards", &["*/*"], &["cards"]))?;
    // Who is approved and in a namespace that takes no part has no label either.
    until_gauges(installed, &[("refused_intents", shop, 0), ("would_be_cut", bank, 1)])?;
    set_mode(admin, away, "shadow")?;
    until_gauges(installed, &[("refused_intents", away, 0), ("would_be_cut", bank, 0)])?;
    set_mode(admin, away, "off")?;
    installed.until("a namespace that has left is not counted", || {
        Ok(gauge(installed, "refused_intents", away).is_none().then_some(()))
    })?;
    Ok(())
}

/// Whom a policy cuts is told before it is there.
#[test]
fn before_the_first_cut_it_is_told_who_is_cut() -> Result {
    let installed = shared()?;
    let (shop, bank, admin) = ("closing-shop", "closing-bank", installed.admin());
    namespaces(installed, &[(shop, "shadow"), (bank, "shadow")])?;
    for name in ["ledger", "cards", "loans"] {
        create(admin, &service(bank, name))?;
    }
    create(admin, &approval(bank, "web", &["closing-shop/web"], &["*"]))?;
    create(admin, &deployment(shop, "web", "closing-bank/ledger:rpc"))?;
    create(admin, &deployment(shop, "api", "closing-bank/ledger\nclosing-bank/cards:rpc"))?;
    let key = format!("ledger.{bank}.to.netintent.dev/rpc=allowed");
    installed.until("both have their pods, and one its label", || {
        let pods = items(installed, "Pod", shop)?;
        let labelled = pods.iter().filter(|pod| crate::cluster::reserved(pod).contains(&key)).count();
        Ok((pods.len() == 2 && labelled == 1).then_some(()))
    })?;
    until_gauges(installed, &[("would_be_cut", bank, 2)])?;
    let number = |object: &Value| -> u64 {
        object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
    };

    // One Service alone.
    let at = |name: &str| format!("{}/{name}", path("Service", bank));
    merge(admin, &at("cards"), &json!({"metadata": {"labels": {"netintent.dev/mode": "enforce"}}}))?;
    let cut = ["These lose access, though they declare it: closing-shop/api (1 pod)", "whoever calls it without"];
    let event = told(installed, bank, ("Service", "cards"), "Closing", &cut)?;
    settles(installed, "one Service is closed", &[shop, bank])?;
    let policy = admin.get(&format!("{}/netintent-cards", path("NetworkPolicy", bank)))?.body;
    assert!(number(&event) < number(&policy), "{event:#} {policy:#}");
    until_gauges(installed, &[("would_be_cut", bank, 1)])?;

    set_mode(admin, bank, "enforce")?;
    let words = ["2 Services of it get their NetworkPolicies now", "closing-shop/api (1 pod)"];
    let event = told(installed, "default", ("Namespace", bank), "Closing", &words)?;
    assert_eq!(event["type"], "Warning");
    told(installed, bank, ("Service", "ledger"), "Closing", &cut)?;
    let none =
        told(installed, bank, ("Service", "loans"), "Closing", &["No running pod that declares it loses access"])?;
    assert_eq!(none["type"], "Normal");
    settles(installed, "all is closed", &[shop, bank])?;
    for name in ["netintent", "netintent-ledger", "netintent-loans"] {
        let policy = admin.get(&format!("{}/{name}", path("NetworkPolicy", bank)))?.body;
        assert!(number(&event) < number(&policy), "{name}: {event:#} {policy:#}");
    }
    until_gauges(installed, &[("would_be_cut", bank, 0), ("refused_intents", shop, 2)])?;

    // One Service keeps the namespace open; then it no longer does.
    let as_a_whole = |least: u64| {
        installed.until("it is told that the namespace is closed as a whole", || {
            let events = events(installed, "default", ("Namespace", bank), "Closing")?;
            let of = events.iter().find(|event| event["note"].as_str().is_some_and(|note| note.contains("as a whole")));
            Ok(of.filter(|event| event["series"]["count"].as_u64().unwrap_or(1) >= least).cloned())
        })
    };
    as_a_whole(1)?;
    merge(admin, &at("loans"), &json!({"metadata": {"labels": {"netintent.dev/mode": "off"}}}))?;
    settles(installed, "one Service is open", &[shop, bank])?;
    delete(admin, &at("loans"))?;
    let event = as_a_whole(2)?;
    settles(installed, "it has gone", &[shop, bank])?;
    let policy = admin.get(&format!("{}/netintent", path("NetworkPolicy", bank)))?.body;
    assert!(number(&event) < number(&policy), "{event:#} {policy:#}");
    Ok(())
}

/// What the schema lets through and means nothing is told on it, and so is what outlives a namespace that goes.
#[test]
fn what_has_no_effect_is_told() -> Result {
    let installed = shared()?;
    let (bank, gone, admin) = ("senseless-bank", "senseless-gone", installed.admin());
    namespaces(installed, &[(bank, "enforce"), (gone, "shadow")])?;
    create(admin, &service(bank, "ledger"))?;
    create(admin, &approval(bank, "typo", &["senseless-gone/web"], &["ledgre:rpc"]))?;
    create(admin, &approval(bank, "port", &["senseless-gone/*"], &["ledger:grpc"]))?;
    let mut peer = approval(bank, "peer", &[], &["ledger"]);
    peer["spec"] = json!({"callees": ["ledger"], "from": from_block("10.0.0.0/8")});
    peer["spec"]["from"][0]["ipBlock"]["except"] = json!(["192.168.0.0/16"]);
    create(admin, &peer)?;
    create(admin, &approval(bank, "right", &["senseless-gone/web"], &["ledger:rpc"]))?;
    let words = ["there is no Service senseless-bank/ledgre", "ledger"];
    told(installed, bank, ("Approval", "typo"), "WithoutEffect", &words)?;
    told(installed, bank, ("Approval", "port"), "WithoutEffect", &["grpc"])?;
    told(
        installed,
        bank,
        ("Approval", "peer"),
        "WithoutEffect",
        &["a peer under `from` is left out", "192.168.0.0/16"],
    )?;
    create(admin, &approval(bank, "last", &["senseless-gone/web"], &["nothing"]))?;
    told(installed, bank, ("Approval", "last"), "WithoutEffect", &["senseless-bank/nothing"])?;
    assert!(events(installed, bank, ("Approval", "right"), "WithoutEffect")?.is_empty());
    settles(installed, "all else is as it should be", &[bank])?;

    delete(admin, &format!("{}/{gone}", path("Namespace", "")))?;
    let heirs =
        ["A new namespace of this name inherits these approvals", "senseless-bank/right", "senseless-bank/port"];
    told(installed, "default", ("Namespace", gone), "Terminating", &heirs)?;
    settles(installed, "a namespace goes", &[bank])
}
