//! Every code: what is found, where, and what to do; and that a neighbouring input has nothing of it.

use std::collections::BTreeSet;
use std::fs;

use netintent::finding::Code;

use crate::run::{Said, root, run_on};
use crate::values::json;

/// A code, and what makes of its manifest a neighbour without that finding: a text that stands in it once, and another.
const CASES: &[(&str, &str, &str)] = &[
    ("malformed-intent", "bank/ledger:", "bank/ledger:http"),
    ("too-many-intents", "          s257/*   #257\n", ""),
    ("malformed-caller", "Web_1", "web-1"),
    ("misplaced-intents", ", annotations: {netintent.dev/calls: \"bank/ledger:http\"}", ""),
    ("unknown-callee", "bank/legder:http", "bank/ledger:http"),
    ("unknown-port", "bank/ledger:htpt", "bank/ledger:http"),
    ("port-by-number", "bank/ledger:80", "bank/ledger:http"),
    ("refused-intent", "callers: [shop/wbe]", "callers: [shop/web]"),
    ("unapproved-intent", "callers: [shop/wbe]", "callers: [shop/web]"),
    ("unprotected-callee", "netintent.dev/mode: \"off\"", "netintent.dev/mode: shadow"),
    ("unmanaged-caller", "netintent.dev/mode: \"off\"", "netintent.dev/mode: shadow"),
    ("undeclared-connection", "podSelector: {matchLabels: {app: other}}", "podSelector: {matchLabels: {app: web}}"),
    ("cut-connection", "ports: [{port: 9999}]", "ports: [{port: 8080}]"),
    ("unused-approval", "callers: [shop/wbe]", "callers: [shop/web]"),
    ("expired-approval", "expiresAt: 2020-06-30T00:00:00Z", "expiresAt: 2999-06-30T00:00:00Z"),
    ("expiring-approval", "expiresAt: SOON", "expiresAt: 2999-06-30T00:00:00Z"),
    ("invalid-peer", "cidr: 203.0.113.0/33", "cidr: 203.0.113.0/32"),
    (
        "prohibited-peer",
        "namespaceSelector: {}",
        "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}",
    ),
    ("peer-may-hold-pods", "cidr: 10.0.0.0/8", "cidr: 203.0.113.0/24"),
    ("prohibited-but-allowed", "podSelector: {matchLabels: {app: web}}", "podSelector: {matchLabels: {app: ledger}}"),
    ("unknown-mode", "netintent.dev/mode: enfroce", "netintent.dev/mode: enforce"),
    ("invalid-type", "netintent.dev/type: Back_End", "netintent.dev/type: back-end"),
    ("mixed-modes", "netintent.dev/mode: shadow", "netintent.dev/mode: enforce"),
    ("namespace-kept-open", ", labels: {netintent.dev/mode: shadow}", ""),
    ("not-enforceable", "  clusterIP: None\n  ports: []", "  ports: [{name: http, port: 80, targetPort: http}]"),
    ("uncovered-pods", "selector: {app: cards}", "selector: {tier: back}"),
    ("exposed-without-from", "  type: LoadBalancer\n", ""),
    ("shared-pod-port", "targetPort: http}]  # again", "targetPort: admin}]"),
    ("unnamed-container-port", ", {name: debug, containerPort: 9000}", ""),
    ("service-selects-nothing", "selector: {app: legder}", "selector: {app: ledger}"),
    ("no-pods", "namespace: shop", "namespace: bank"),
    (
        "policy-selects-nothing",
        "podSelector: {matchLabels: {app: legder}}",
        "podSelector: {matchLabels: {app: ledger}}",
    ),
    ("peer-selects-nothing", "podSelector: {matchLabels: {app: crads}}", "podSelector: {matchLabels: {app: cards}}"),
    ("isolates-namespace", "podSelector: {}", "podSelector: {matchLabels: {app: ledger}}"),
    ("host-network", "      hostNetwork: true\n", ""),
    ("reserved-label", ", ledger.bank.to.netintent.dev/http: allowed", ""),
    ("duplicate-object", "name: ledger}\nspec:\n  selector: {app: two}", "name: cards}\nspec:\n  selector: {app: two}"),
    ("outdated-api-version", "apiVersion: extensions/v1beta1", "apiVersion: apps/v1"),
    ("outdated-annotation", "net.beta.kubernetes.io/network-policy", "example.com/network-policy"),
    ("outdated-notation", "cidr: 203.0.113.7/24", "cidr: 203.0.113.0/24"),
    ("incomplete-object", "{name: main, ports", "{name: main, image: registry.example/app:1, ports"),
    (
        "unknown-namespace",
        "namespace: shop, name: web}\nspec:\n  selector: {matchLabels",
        "namespace: bank, name: web}\nspec:\n  selector: {matchLabels",
    ),
    ("unknown-acceptance", "accept host-netwrok:", "accept host-network:"),
];

/// An approval that ends in ten days.
fn soon() -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(240)).strftime("%Y-%m-%dT00:00:00Z").to_string()
}

fn manifest(code: &str) -> String {
    let path = root().join(format!("plugin/tests/findings/{code}.yaml"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn checked(manifest: &str, more: &[&str]) -> Said {
    run_on(&manifest.replace("SOON", &soon()), &[&["check"], more].concat())
}

fn codes(manifest: &str) -> Vec<String> {
    let said = checked(manifest, &["-o", "json"]);
    assert!(said.status < 2, "{said:?}");
    let list = json(&said.stdout);
    list["items"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_code_is_found_and_not_beside_it() {
    let mut wrong = String::new();
    for (code, once, other) in CASES {
        let text = manifest(code);
        assert_eq!(text.matches(once).count(), 1, "{code}: {once} stands once");
        let (found, beside) = (codes(&text), codes(&text.replace(once, other)));
        if !found.iter().any(|c| c == code) {
            wrong += &*format!("{code} is not found, but {found:?}\n");
        }
        if beside.iter().any(|c| c == code) {
            wrong += &*format!("{code} is found beside it too: {beside:?}\n");
        }
        // A manifest shows one thing.
        if found.iter().filter(|c| c != code).count() > 1 {
            wrong += &*format!("{code} comes with {found:?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn each_finding_says_where_and_what_to_do() {
    for (code, ..) in CASES {
        let args = ["check", "--fail-on", "info", "-f", "-"];
        let said = checked(&manifest(code), &args[1..3]);
        assert_eq!(said.status, 1, "{code}: {said:?}");
        assert!(said.stdout.contains(&format!("[{code}]")), "{code}: {said:?}");
        said.check_without(&format!("findings/{code}"), &args, &[(&soon(), "SOON")]);
    }
}

#[test]
fn no_code_is_without_its_case() {
    let cases: BTreeSet<&str> = CASES.iter().map(|(code, ..)| *code).collect();
    let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(cases, codes);
    for code in codes {
        let said = crate::run::run(&["check", "--explain", code]);
        assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{code}");
        assert!(said.stdout.starts_with(code), "{said:?}");
    }
}

/// The snapshots of this file.
pub(crate) fn names() -> impl Iterator<Item = String> {
    CASES.iter().map(|(code, ..)| format!("findings/{code}"))
}
