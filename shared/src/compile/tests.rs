use std::collections::BTreeMap;

use super::*;
use crate::objects::Objects;
use crate::testing::{NOW, approval, deployment, objects, service};

fn run(text: &str, modes: &[(&str, Mode)]) -> (Objects, Compiled) {
    let objects = objects(text);
    let modes: BTreeMap<String, Mode> = modes.iter().map(|(n, m)| ((*n).to_owned(), *m)).collect();
    let now = NOW.parse().unwrap();
    let compiled = compile(&objects.services, &modes, &objects.approvals, &objects.prohibitions, now);
    one_by_one(&objects, &modes, &compiled);
    (objects, compiled)
}

/// Asked for one at a time, the policies are the same.
fn one_by_one(objects: &Objects, modes: &BTreeMap<String, Mode>, compiled: &Compiled) {
    let of = |service: &Service| {
        let mode = modes.get(&service.metadata.namespace).copied().unwrap_or_default();
        of_service(service, mode, &objects.approvals, &objects.prohibitions, NOW.parse().unwrap())
    };
    let closing = modes.iter().filter_map(|(name, mode)| {
        of_namespace(name, *mode, objects.services.iter().filter(|service| service.metadata.namespace == *name))
    });
    let mut all: Vec<NetworkPolicy> = objects.services.iter().filter_map(of).chain(closing).collect();
    all.sort_by(|a, b| a.metadata.key().cmp(&b.metadata.key()));
    assert_eq!(all, compiled.policies);
}

fn names(compiled: &Compiled) -> Vec<String> {
    compiled.policies.iter().map(|p| p.metadata.full_name()).collect()
}

fn peers(policy: &NetworkPolicy, rule: usize) -> Vec<String> {
    policy.ingress.as_ref().unwrap()[rule].peers.iter().map(ToString::to_string).collect()
}

const ENFORCE: &[(&str, Mode)] = &[("bank", Mode::Enforce)];

#[test]
fn a_service_gets_a_rule_a_port_and_one_for_its_own_pods() {
    let typed =
        service("bank", "ledger").replace("name: ledger}", "name: ledger, labels: {netintent.dev/type: backend}}");
    let (_, compiled) = run(&typed, ENFORCE);
    assert_eq!(names(&compiled), ["bank/netintent", "bank/netintent-ledger"]);
    let policy = &compiled.policies[1];
    assert_eq!(policy.metadata.annotation(crate::names::SERVICE).unwrap().value, "ledger");
    assert_eq!(compiled.policies[0].metadata.annotation(crate::names::SERVICE), None, "it is of no Service");
    assert_eq!(policy.pods.to_string(), "app=ledger");
    assert!(policy.egress.is_none());
    let expected: Vec<String> = [
        "ledger.bank.to.netintent.dev/http",
        "ledger.bank.to.netintent.dev/all.ports",
        "bank.to.netintent.dev/http",
        "bank.to.netintent.dev/all.ports",
        "to.netintent.dev/http",
        "to.netintent.dev/all.ports",
        "backend.type.netintent.dev/http",
        "backend.type.netintent.dev/all.ports",
    ]
    .iter()
    .map(|key| format!("pods {key}=allowed of namespaces netintent.dev/mode in (shadow,enforce)"))
    .collect();
    assert_eq!(peers(policy, 0), expected);
    let rules = policy.ingress.as_ref().unwrap();
    assert_eq!(rules[0].ports[0].to_string(), "TCP http");
    assert_eq!(rules[1].ports[0].to_string(), "TCP 9090");
    assert_eq!((peers(policy, 2), rules[2].ports.len()), (vec!["pods app=ledger of this namespace".to_owned()], 0));
}

#[test]
fn the_namespace_policy_selects_everything_and_allows_nothing() {
    let (_, compiled) = run(&service("bank", "ledger"), ENFORCE);
    let policy = &compiled.policies[0];
    assert!(policy.pods.is_empty());
    assert_eq!((policy.ingress.as_deref(), policy.egress.as_deref()), (Some(&[][..]), None));
}

#[test]
fn an_override_keeps_the_namespace_open_and_is_told() {
    let weak =
        service("bank", "ledger").replace("name: ledger}", "name: ledger, labels: {netintent.dev/mode: shadow}}");
    let (_, compiled) = run(&(weak + &service("bank", "cards")), ENFORCE);
    assert_eq!(names(&compiled), ["bank/netintent-cards"]);
    assert_eq!(compiled.omissions, [Omission::KeptOpen { namespace: "bank".into(), service: 0 }]);
}

#[test]
fn one_service_alone_can_be_protected_in_shadow() {
    let strict =
        service("bank", "ledger").replace("name: ledger}", "name: ledger, labels: {netintent.dev/mode: enforce}}");
    let text = strict + &service("bank", "cards");
    let (_, compiled) = run(&text, &[("bank", Mode::Shadow)]);
    assert_eq!(names(&compiled), ["bank/netintent-ledger"]);
    // In a namespace that takes no part, `*/*` does not mean it.
    let (_, compiled) = run(&text, &[]);
    assert_eq!(peers(&compiled.policies[0], 0).len(), 4);
}

#[test]
fn what_has_no_selector_gets_none() {
    let bare = "apiVersion: v1\nkind: Service\nmetadata: {namespace: bank, name: out}\nspec: {ports: [{port: 80}]}\n";
    let alias = "---\napiVersion: v1\nkind: Service\nmetadata: {namespace: bank, name: alias}\nspec: {type: ExternalName, externalName: example.com, selector: {a: b}}\n";
    let (_, compiled) = run(&format!("{bare}{alias}"), ENFORCE);
    assert_eq!(names(&compiled), ["bank/netintent"]);
    assert_eq!(compiled.omissions, [Omission::NotEnforceable { service: 0 }, Omission::NotEnforceable { service: 1 }]);
}

#[test]
fn a_service_without_ports_lets_its_own_pods_talk() {
    let headless = "apiVersion: v1\nkind: Service\nmetadata: {namespace: bank, name: db}\nspec: {clusterIP: None, selector: {app: db}}\n";
    let (_, compiled) = run(headless, ENFORCE);
    assert_eq!(compiled.policies[1].ingress.as_ref().unwrap().len(), 1);
}

fn from(callees: &str, from: &str) -> String {
    let text = approval("bank", "shop/x", callees);
    format!("{}{text}  from:\n    - {from}\n", service("bank", "ledger"))
}

#[test]
fn a_from_opens_the_ports_its_approval_covers() {
    let (_, compiled) = run(&from("ledger:http", "ipBlock: {cidr: 10.0.0.0/8}"), ENFORCE);
    let policy = &compiled.policies[1];
    assert_eq!(peers(policy, 0).last().unwrap(), "addresses 10.0.0.0/8");
    assert_eq!(peers(policy, 1).len(), 6, "not on the other port");
    let (_, everything) = run(&from("*", "podSelector: {}"), ENFORCE);
    assert_eq!(peers(&everything.policies[1], 1).last().unwrap(), "every pod of this namespace");
    let (_, other) = run(&from("cards", "podSelector: {}"), ENFORCE);
    assert_eq!(peers(&other.policies[1], 0).len(), 6);
}

#[test]
fn an_expired_or_invalid_from_is_left_out_alone() {
    let expired = from("ledger", "podSelector: {}") + "  expiresAt: 2026-12-31T00:00:00Z\n";
    assert_eq!(peers(&run(&expired, ENFORCE).1.policies[1], 0).len(), 6);
    let (_, compiled) = run(&(from("ledger", "ipBlock: {cidr: 10.0.0/8}") + "    - podSelector: {}\n"), ENFORCE);
    assert_eq!(peers(&compiled.policies[1], 0).last().unwrap(), "every pod of this namespace");
    let [Omission::InvalidPeer { approval: 0, message, origin: Some(_) }] = &compiled.omissions[..] else {
        panic!("{:?}", compiled.omissions)
    };
    assert_eq!(message, "`10.0.0` is no IP address");
}

#[test]
fn a_from_peer_that_may_select_a_prohibited_namespace_is_left_out() {
    let prohibit = |callers: &str, callees: &str| {
        format!(
            "---\napiVersion: netintent.dev/v1alpha1\nkind: ClusterProhibition\nmetadata: {{name: p}}\nspec: {{callers: [\"{callers}\"], callees: [\"{callees}\"]}}\n"
        )
    };
    let name = |name: &str| format!("namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {name}}}}}");
    for (peer, callers, callees, left_out) in [
        (name("dev"), "dev/*", "bank/*", true),
        (name("prod"), "dev/*", "bank/*", false),
        ("namespaceSelector: {matchLabels: {team: x}}".to_owned(), "dev/*", "bank/*", true),
        ("podSelector: {}".to_owned(), "dev/*", "bank/*", false),
        ("podSelector: {}".to_owned(), "bank/*", "bank/*", true),
        (name("prod"), "*/*", "bank/ledger:http", true),
        (name("dev"), "dev/*", "bank/cards", false),
        ("ipBlock: {cidr: 0.0.0.0/0}".to_owned(), "*/*", "*/*", false),
    ] {
        let (_, compiled) = run(&(from("ledger:http", &peer) + &prohibit(callers, callees)), ENFORCE);
        let told = compiled
            .omissions
            .iter()
            .any(|f| matches!(f, Omission::ProhibitedPeer { approval: 0, prohibition: 0, .. }));
        assert_eq!(told, left_out, "{peer} {callers} {callees}");
        assert_eq!(peers(&compiled.policies[1], 0).len(), if left_out { 6 } else { 7 }, "{peer}");
    }
}

#[test]
fn equal_arguments_give_equal_policies() {
    let text = service("bank", "b") + &service("bank", "a") + &deployment("bank", "a", "b:http");
    assert_eq!(run(&text, ENFORCE).1, run(&text, ENFORCE).1);
    assert_eq!(names(&run(&text, ENFORCE).1), ["bank/netintent", "bank/netintent-a", "bank/netintent-b"]);
}

#[test]
fn a_peer_stands_once_and_what_we_write_says_so() {
    let from = |name: &str| {
        format!(
            "---\napiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {{namespace: bank, name: {name}}}\nspec: {{callees: [ledger], from: [{{podSelector: {{matchLabels: {{app: a}}}}}}]}}\n"
        )
    };
    let text = crate::testing::service("bank", "ledger") + &from("a") + &from("b");
    let snapshot = crate::testing::snapshot(&text, &["bank=enforce"]);
    let by_name = Selector::of_labels([("app", "a")]);
    for policy in snapshot.policies.iter().map(|policy| &policy.policy) {
        assert_eq!(policy.metadata.labels.get(names::MANAGED_BY), Some(names::NETINTENT), "{}", policy.metadata.name);
    }
    let policy = snapshot.policies.iter().find(|p| p.policy.metadata.name == "netintent-ledger").unwrap();
    for rule in &policy.policy.ingress.as_ref().unwrap()[..2] {
        let named =
            |peer: &&Peer| matches!(peer, Peer::Pods { pods: Some(pods), namespaces: None } if *pods == by_name);
        assert_eq!(rule.peers.iter().filter(named).count(), 1, "{:?}", rule.peers);
    }
}
