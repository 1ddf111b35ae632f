//! What these properties found wrong, each as a small cluster that shows it.

use std::convert::Infallible;

use netintent::cidr::AddressSet;
use netintent::diff::diff;
use netintent::evaluate::{End, evaluate};
use netintent::explain::{AskedPort, Explanation, Question, explain};
use netintent::list::{Caveat, Filter, list};
use netintent::manifest::{collect, decode, text};
use netintent::objects::Objects;
use netintent::resolve::{Home, Role, Subject, resolve};
use netintent::snapshot::{Options, Snapshot};

use crate::generate::now;

fn objects(manifests: &str) -> Objects {
    let documents = text::documents(manifests.as_bytes()).unwrap();
    let nodes = documents.iter().filter_map(|document| text::parse(document).unwrap());
    let decoded: Vec<_> = nodes.flat_map(|node| decode(&node, 0, "shop").unwrap().objects).collect();
    collect(decoded, &|_| String::new(), &mut Vec::new())
}

fn snapshot(manifests: &str) -> Snapshot {
    Snapshot::new(objects(manifests), &Options::at(now()))
}

fn subject(snapshot: &Snapshot, text: &str, role: Role) -> Subject {
    resolve(snapshot, text, role, Home { namespace: "shop", only: false }).unwrap()
}

fn ask(snapshot: &Snapshot, source: &str, destination: &str, port: Option<AskedPort>) -> Explanation {
    let source = subject(snapshot, source, Role::Caller);
    let destination = subject(snapshot, destination, Role::Callee);
    explain(snapshot, &Question { source, destination, port })
}

fn pod(name: &str, more: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\nspec: {{containers: [{{name: c, image: i}}]{more}}}\n"
    )
}

fn namespace(name: &str, mode: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: \"{name}\", labels: {{netintent.dev/mode: \"{mode}\"}}}}\n"
    )
}

/// The Service `ledger` of two ports before the pod `ledger`, in `enforce`.
fn ledger() -> String {
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: ledger, labels: {netintent.dev/mode: enforce}}\n\
        spec: {selector: {app: ledger}, ports: [{name: rpc, port: 80}, {name: http, port: 81}]}\n";
    pod("ledger", "") + service
}

/// Two rules had to allow the whole of a block each, though they share it among themselves.
#[test]
fn rules_that_share_a_block_allow_all_of_it() {
    let policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec:\n  ingress:\n  \
        - {from: [{ipBlock: {cidr: 10.0.0.0/9}}], ports: [{port: 80, endPort: 90}]}\n  \
        - {from: [{ipBlock: {cidr: 10.128.0.0/9}}], ports: [{port: 85, endPort: 95}]}\n";
    let snapshot = snapshot(&(pod("web", "") + policy));
    let ten = AddressSet::of("10.0.0.0/8".parse().unwrap());
    let verdict = evaluate(&snapshot, End::Addresses(&ten), End::Pod(0));
    assert_eq!(verdict.ports.to_string(), "TCP 85-90");
    let wider = AddressSet::of("10.0.0.0/7".parse().unwrap());
    assert!(evaluate(&snapshot, End::Addresses(&wider), End::Pod(0)).ports.is_empty());
}

/// A running pod stood in the list as connected to itself, and as not connected to itself in its workload's "in part".
#[test]
fn a_pod_is_not_connected_to_itself() {
    let own = |snapshot: &Snapshot| {
        let mut found = Vec::new();
        let Ok(()) = list(snapshot, &Filter { own: true, ..Filter::default() }, &mut |c| {
            if c.source == c.destination {
                found.push((c.ports.is_all(), c.in_part.is_empty()));
            }
            Ok::<(), Infallible>(())
        });
        found
    };
    assert_eq!(own(&snapshot(&pod("web", ""))), []);
    let replica = |name: &str, other: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  labels: {{pod: {name}}}\n  \
             ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u, controller: true}}]\n\
             spec: {{containers: [{{name: c, image: i}}]}}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}}}\n\
             spec:\n  podSelector: {{matchLabels: {{pod: {name}}}}}\n  ingress: [{{from: [{{podSelector: {{matchLabels: {{pod: {other}}}}}}}]}}]\n"
        )
    };
    let two = replica("db-0", "db-1") + &replica("db-1", "db-0");
    assert_eq!(own(&snapshot(&two)), [(true, true)], "each lets the other in");
}

/// Only the caveats of the later side were told of connections with the outside.
#[test]
fn a_difference_with_the_outside_has_the_caveats_of_both_sides() {
    let policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec: {}\n";
    let before = snapshot(&pod("web", ", hostNetwork: true"));
    let after = snapshot(&(pod("web", "") + policy));
    for (a, b) in [(&before, &after), (&after, &before)] {
        let Ok(()) = diff(a, b, &mut |difference| {
            assert_eq!(difference.caveats, [Caveat::HostNetwork]);
            Ok::<(), Infallible>(())
        });
    }
}

/// Of a port that no pod has, everything was allowed.
#[test]
fn a_port_that_nobody_has_is_not_allowed() {
    let snapshot = snapshot(&(pod("web", "") + &pod("db", "")));
    let explanation = ask(&snapshot, "web", "db", Some(AskedPort::Named("rpc".into())));
    assert_eq!((explanation.allowed, explanation.ports.is_empty()), (None, true));
}

/// One refused intent for every port of a Service was told once a port.
#[test]
fn nothing_is_said_twice() {
    let web = pod("web", "").replace("labels:", "annotations: {netintent.dev/calls: ledger}, labels:");
    let snapshot = snapshot(&(namespace("shop", "shadow") + &web + &ledger()));
    let fixes = ask(&snapshot, "web", "ledger", None).fixes;
    assert_eq!(fixes.len(), 1, "{fixes:?}");
    assert!(fixes[0].what.starts_with("have it approved"));
}

/// `kubectl label` changes a label that is there only if told to.
#[test]
fn a_mode_that_is_off_by_label_can_be_changed_as_said() {
    let snapshot = snapshot(&(namespace("shop", "off") + &pod("web", "") + &ledger()));
    let fixes = ask(&snapshot, "web", "ledger", None).fixes;
    let command = fixes.iter().filter_map(|fix| fix.paste.as_deref()).find(|paste| paste.starts_with("kubectl label"));
    assert_eq!(command, Some("kubectl label --overwrite namespace shop netintent.dev/mode=shadow\n"));
}

/// The fix was to edit a policy that the controller writes, and so would have written again.
#[test]
fn what_netintent_writes_is_not_to_be_edited() {
    let ours = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
        metadata: {name: netintent-ledger, labels: {app.kubernetes.io/managed-by: netintent}}\nspec: {podSelector: {matchLabels: {app: ledger}}}\n";
    let manifests = namespace("shop", "shadow") + &pod("web", "") + &ledger();
    for manifests in [manifests.clone(), manifests + ours] {
        let fixes = ask(&snapshot(&manifests), "web", "pod/ledger", None).fixes;
        assert!(fixes[0].what.ends_with("whoever owns namespace shop applies this"), "{fixes:?}");
        let after = manifests + "---\n" + fixes[0].paste.as_ref().unwrap();
        assert_eq!(ask(&snapshot(&after), "web", "pod/ledger", None).allowed, Some(true));
    }
}

/// All approvals of addresses had one name, so that applying the second took back the first.
#[test]
fn approvals_of_addresses_do_not_replace_each_other() {
    let snapshot = snapshot(&(namespace("shop", "shadow") + &ledger()));
    let name = |address: &str, port: &str| {
        let port = Some(AskedPort::Service(netintent::callee::Port::parse(port).unwrap()));
        let fixes = ask(&snapshot, address, "ledger", port).fixes;
        objects(fixes[0].paste.as_ref().unwrap()).approvals[0].metadata.name.clone()
    };
    assert_eq!(name("10.0.0.0/8", "rpc"), "from.net10-0-0-0-8.calls.ledger.rpc");
    assert_eq!(name("::/0", "http"), "from.net---0.calls.ledger.http");
}

/// A name that YAML reads as a number or a boolean stood without quotes in what is to be pasted.
#[test]
fn names_that_look_like_other_values_are_quoted() {
    let manifests = namespace("off", "enforce")
        + &pod("web", "")
        + &pod("db", "").replace("name: db", "namespace: \"off\", name: db");
    let fixes = ask(&snapshot(&manifests), "web", "off/db", None).fixes;
    let after = manifests + "---\n" + fixes[0].paste.as_ref().unwrap();
    assert_eq!(ask(&snapshot(&after), "web", "off/db", None).allowed, Some(true));
}

/// A mirror pod, which gets no grants, was told to declare what it declares.
#[test]
fn a_mirror_pod_is_not_told_to_declare() {
    let mirror = "annotations: {netintent.dev/calls: ledger, kubernetes.io/config.mirror: x}, labels:";
    let web = pod("web", "").replace("labels:", mirror);
    let snapshot = snapshot(&(namespace("shop", "shadow") + &web + &ledger()));
    let explanation = ask(&snapshot, "web", "ledger", None);
    assert_eq!(explanation.summary, "the caller is a mirror pod, which gets no grants");
    assert!(explanation.fixes[0].paste.as_ref().unwrap().contains("kind: NetworkPolicy"), "{:?}", explanation.fixes);
}
