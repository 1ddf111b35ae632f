//! What the demo means, written by hand from its manifests and the design. No snapshot may stand in for this.

use std::collections::BTreeSet;

use crate::run::run;
use crate::values::{end, every, json, ports};

const DEMO: [&str; 2] = ["-f", "manifests/demo"];

/// Caller, callee, and what `explain -o name` says of them.
const PAIRS: &[(&str, &str, &str)] = &[
    // Declared, and approved by bank/frontend-refunds. The port by its name, and by its Service port's number.
    ("shop/frontend", "bank/ledger:rpc", "allowed"),
    ("shop/frontend", "bank/ledger:8080", "allowed"),
    // The other port of the same Service, and both of them.
    ("shop/frontend", "bank/ledger:metrics", "denied"),
    ("shop/frontend", "bank/ledger", "allowed in part"),
    // The same pods asked by the number of a port: only TCP was granted, and nothing else is open.
    ("shop/frontend", "bank/deploy/ledger:8080", "allowed"),
    ("shop/frontend", "bank/deployment/ledger:8080/TCP", "allowed"),
    ("shop/frontend", "bank/deploy/ledger:8080/UDP", "denied"),
    ("shop/frontend", "bank/deploy/ledger:rpc", "allowed"),
    ("shop/frontend", "bank/deploy/ledger:9090", "denied"),
    ("shop/frontend", "bank/deploy/ledger:22", "denied"),
    ("shop/frontend", "bank/deploy/ledger", "allowed in part"),
    // Declared, and not approved. Its port has no name.
    ("shop/frontend", "bank/cards:8443", "denied"),
    ("shop/frontend", "bank/cards", "denied"),
    // Never declared.
    ("shop/frontend", "bank/ledger-db:postgres", "denied"),
    ("shop/frontend", "shop/cart-cache:6379", "denied"),
    ("shop/cart", "bank/ledger:rpc", "denied"),
    ("shop/cart", "shop/frontend:http", "denied"),
    ("bank/cards", "bank/ledger-db:postgres", "denied"),
    ("bank/ledger", "bank/cards", "denied"),
    // Within the shop everything is approved, and nothing that is not declared.
    ("shop/frontend", "shop/cart:http", "allowed"),
    ("shop/frontend", "shop/cart:metrics", "denied"),
    ("shop/frontend", "shop/cart", "allowed in part"),
    // Every port is declared, of which there is one.
    ("shop/cart", "shop/cart-cache", "allowed"),
    ("shop/cart", "shop/cart-cache:6379", "allowed"),
    // A misspelt intent declares another Service, which does not exist.
    ("shop/report", "bank/ledger:rpc", "denied"),
    ("shop/report", "bank/ledger", "denied"),
    ("shop/report", "shop/cart:http", "denied"),
    // A headless Service of a StatefulSet: its caller, and its own pods, on any port.
    ("bank/ledger", "bank/ledger-db:postgres", "allowed"),
    ("bank/ledger", "bank/ledger-db:metrics", "denied"),
    ("bank/ledger", "bank/ledger-db", "allowed in part"),
    ("bank/ledger", "bank/sts/ledger-db:5432", "allowed"),
    ("bank/ledger-db", "bank/ledger-db", "allowed"),
    ("bank/ledger-db", "bank/sts/ledger-db:7000", "allowed"),
    ("bank/ledger-db", "bank/ledger:rpc", "denied"),
    ("shop/frontend", "shop/frontend", "allowed"),
    // The ingress controller carries no intent: `from` lets it in, on that port alone.
    ("platform/ingress-controller", "shop/frontend:http", "allowed"),
    ("platform/ingress-controller", "shop/frontend:metrics", "denied"),
    ("platform/ingress-controller", "shop/frontend", "allowed in part"),
    ("platform/ingress-controller", "shop/cart:http", "denied"),
    ("platform/ingress-controller", "bank/ledger:rpc", "denied"),
    // The intent of a ServiceAccount, for every Service's port of that name.
    ("platform/prometheus", "bank/ledger:metrics", "allowed"),
    ("platform/prometheus", "bank/ledger-db:metrics", "allowed"),
    ("platform/prometheus", "shop/frontend:metrics", "allowed"),
    ("platform/prometheus", "shop/cart:metrics", "allowed"),
    ("platform/prometheus", "bank/ledger:rpc", "denied"),
    ("platform/prometheus", "bank/cards", "denied"),
    ("platform/prometheus", "shop/cart-cache", "denied"),
    ("platform/prometheus", "bank/ledger", "allowed in part"),
    // Of the same namespace, without that ServiceAccount.
    ("platform/dashboard", "bank/ledger:metrics", "denied"),
    // Shadow: declared and not approved, or not even declared, and all of it open still.
    ("platform/dashboard", "platform/prometheus:web", "allowed"),
    ("shop/frontend", "platform/prometheus:web", "allowed"),
    ("shop/frontend", "platform/deploy/dashboard:3000", "allowed"),
    ("shop/frontend", "platform/ingress-controller", "allowed"),
    // The outside: shut out of what is in enforce, and open to everybody, since no policy is about egress.
    ("203.0.113.7", "shop/frontend:http", "denied"),
    ("203.0.113.7", "bank/ledger", "denied"),
    ("2001:db8::7", "bank/deploy/cards:8443", "denied"),
    ("203.0.113.0/24", "platform/prometheus:web", "allowed"),
    ("203.0.113.7", "platform/ingress-controller:https", "allowed"),
    ("bank/ledger-db", "203.0.113.7:443", "allowed"),
    ("shop/report", "2001:db8::/32", "allowed"),
];

/// Source, destination and ports of all connections into namespaces in enforce, between workloads.
const PROTECTED: &[(&str, &str, &str)] = &[
    ("bank/Deployment/ledger", "bank/StatefulSet/ledger-db", "TCP 5432"),
    ("platform/Deployment/ingress-controller", "shop/Deployment/frontend", "TCP 8080"),
    ("platform/Deployment/prometheus", "bank/Deployment/ledger", "TCP 9090"),
    ("platform/Deployment/prometheus", "bank/StatefulSet/ledger-db", "TCP 9187"),
    ("platform/Deployment/prometheus", "shop/Deployment/cart", "TCP 9090"),
    ("platform/Deployment/prometheus", "shop/Deployment/frontend", "TCP 9090"),
    ("shop/Deployment/cart", "shop/Deployment/cart-cache", "TCP 6379"),
    ("shop/Deployment/frontend", "bank/Deployment/ledger", "TCP 8080"),
    ("shop/Deployment/frontend", "shop/Deployment/cart", "TCP 8080"),
];

/// All workloads.
const WORKLOADS: &[&str] = &[
    "bank/Deployment/cards",
    "bank/Deployment/ledger",
    "bank/StatefulSet/ledger-db",
    "platform/Deployment/dashboard",
    "platform/Deployment/ingress-controller",
    "platform/Deployment/prometheus",
    "shop/Deployment/cart",
    "shop/Deployment/cart-cache",
    "shop/Deployment/frontend",
    "shop/CronJob/report",
];

/// Those that nothing protects.
const OPEN: &[&str] =
    &["platform/Deployment/dashboard", "platform/Deployment/ingress-controller", "platform/Deployment/prometheus"];

const ALL_PORTS: &str = "TCP 1-65535, UDP 1-65535, SCTP 1-65535";
const OUTSIDE: &str = "0.0.0.0/0,::/0";

type Edge = (String, String, String);

fn edge((source, destination, ports): (&str, &str, &str)) -> Edge {
    (source.to_owned(), destination.to_owned(), ports.to_owned())
}

/// The connections of `list -o json`, each a triple.
fn listed(args: &[&str]) -> BTreeSet<Edge> {
    let said = run(&[&["list", "-o", "json"], args, &DEMO].concat());
    assert_eq!((said.status, said.stderr.as_str()), (0, ""));
    let list = json(&said.stdout);
    let items = list["items"].as_array().unwrap();
    let edges: BTreeSet<Edge> =
        items.iter().map(|i| (end(&i["source"]), end(&i["destination"]), ports(&i["ports"]))).collect();
    assert_eq!(edges.len(), items.len(), "an item stands twice");
    edges
}

fn same(found: &BTreeSet<Edge>, expected: &BTreeSet<Edge>) {
    let (more, less): (Vec<_>, Vec<_>) = (found.difference(expected).collect(), expected.difference(found).collect());
    assert!(more.is_empty() && less.is_empty(), "too much: {more:?}\nmissing: {less:?}");
}

#[test]
fn explain_says_of_each_pair_what_the_design_says() {
    let mut wrong = String::new();
    for (caller, callee, verdict) in PAIRS {
        let status = i32::from(*verdict != "allowed");
        let named = run(&[&["explain", "-o", "name", caller, callee], &DEMO[..]].concat());
        if (named.status, named.stdout.as_str(), named.stderr.as_str()) != (status, &format!("{verdict}\n"), "") {
            wrong += &*format!("{caller} → {callee}: {verdict} was expected: {named:?}\n");
        }
        let quiet = run(&[&["explain", "-q", caller, callee], &DEMO[..]].concat());
        if (quiet.status, quiet.stdout.as_str(), quiet.stderr.as_str()) != (status, "", "") {
            wrong += &*format!("{caller} → {callee} with -q: {quiet:?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn list_has_every_connection_and_no_other() {
    let mut expected: BTreeSet<Edge> = PROTECTED.iter().copied().map(edge).collect();
    for source in WORKLOADS {
        expected.insert(edge((source, OUTSIDE, ALL_PORTS)));
        expected.extend(OPEN.iter().filter(|d| *d != source).map(|d| edge((source, d, ALL_PORTS))));
    }
    expected.extend(OPEN.iter().map(|d| edge((OUTSIDE, d, ALL_PORTS))));
    same(&listed(&[]), &expected);

    // The report has no Service whose own pods could reach each other.
    // Who is in no policy reaches itself too.
    let selves = WORKLOADS.iter().filter(|w| **w != "shop/CronJob/report");
    expected.extend(selves.map(|w| edge((w, w, ALL_PORTS))));
    same(&listed(&["--self"]), &expected);
}

#[test]
fn list_says_what_is_isolated_and_who_calls() {
    let said = run(&[&["list", "-o", "json"], &DEMO[..]].concat());
    let list = json(&said.stdout);
    for item in list["items"].as_array().unwrap() {
        let (source, destination) = (end(&item["source"]), end(&item["destination"]));
        let protected = destination.starts_with("bank/") || destination.starts_with("shop/");
        assert_eq!(item["isolated"]["ingress"], protected, "{item}");
        assert_eq!(item["isolated"]["egress"], false, "{item}");
        let parts: Vec<&str> = source.split('/').collect();
        if source != OUTSIDE {
            assert_eq!(item["source"]["caller"], format!("{}/{}", parts[0], parts[2]), "{item}");
        }
    }
}

#[test]
fn declared_shows_what_is_approved_and_what_is_cut() {
    // Who lets itself in by `from` declares nothing; the dashboard's callee has not approved it.
    let mut expected: BTreeSet<(Edge, bool)> =
        (PROTECTED.iter().filter(|(source, ..)| !source.ends_with("/ingress-controller")))
            .map(|connection| (edge(*connection), true))
            .collect();
    let shadow = ("platform/Deployment/dashboard", "platform/Deployment/prometheus", "TCP 9090");
    expected.insert((edge(shadow), false));
    expected.insert((edge(("shop/Deployment/frontend", "bank/Deployment/cards", "")), true));

    let said = run(&[&["list", "--declared", "-o", "json"], &DEMO[..]].concat());
    assert_eq!((said.status, said.stderr.as_str()), (0, ""));
    let list = json(&said.stdout);
    let found: BTreeSet<(Edge, bool)> = (list["items"].as_array().unwrap().iter())
        .map(|item| {
            assert!(every(&item["ports"], "declared"), "{item}");
            let connection = (end(&item["source"]), end(&item["destination"]), ports(&item["ports"]));
            // Of no port at all, all are approved.
            (connection, every(&item["ports"], "approved"))
        })
        .collect();
    assert_eq!(found, expected);

    let said = run(&[&["list", "--declared", "--no-headers"], &DEMO[..]].concat());
    // The misspelt intent is no connection, and is told all the same.
    assert_eq!(said.stderr, "shop/report declares bank/legder:rpc, and there is no such Service in the input.\n");
    let table = said.stdout;
    let marked: Vec<&str> = table.lines().filter(|line| !line.ends_with("-          -")).collect();
    let [shadow, cut] = marked[..] else { panic!("{table}") };
    for word in ["shop/frontend", "bank/cards", "not approved", "TCP 8443"] {
        assert!(cut.contains(word), "no {word} in {cut}");
    }
    // Its callee is in shadow: what nobody approved goes once it is in enforce.
    assert!(shadow.starts_with("platform/dashboard") && shadow.ends_with("cut"), "{shadow}");
}

#[test]
fn declared_and_approved_are_told_of_each_open_port() {
    let said = run(&[&["list", "-o", "json"], &DEMO[..]].concat());
    let list = json(&said.stdout);
    let find = |source: &str, destination: &str| {
        let items = list["items"].as_array().unwrap();
        let found = items.iter().find(|i| end(&i["source"]) == source && end(&i["destination"]) == destination);
        found.unwrap_or_else(|| panic!("no {source} -> {destination}"))["ports"].clone()
    };
    for (source, destination, _) in PROTECTED {
        let declared = !source.ends_with("/ingress-controller");
        let ports = find(source, destination);
        assert_eq!(every(&ports, "declared"), declared, "{source} -> {destination}: {ports}");
        assert!(!declared || every(&ports, "approved"), "{source} -> {destination}: {ports}");
    }
    // Everything is open, of which one port is declared.
    let ports = find("platform/Deployment/dashboard", "platform/Deployment/prometheus");
    let declared: Vec<_> = ports.as_array().unwrap().iter().filter(|p| p["declared"] == true).collect();
    assert_eq!(declared.len(), 1);
    assert_eq!((&declared[0]["from"], &declared[0]["to"]), (&9090.into(), &9090.into()));
    assert_eq!(declared[0]["approved"], false);
}
