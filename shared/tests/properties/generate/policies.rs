//! A user's own `NetworkPolicies`.

use std::sync::Arc;

use netintent::objects::TargetPort;
use netintent::policy::{NetworkPolicy, Peer, PolicyPort, Rule};
use netintent::selector::{Labels, Selector};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{metadata, pools};

/// A block of addresses as peer.
pub(crate) fn block_peer() -> impl Strategy<Value = Peer> {
    pools::block().prop_map(|(cidr, except)| Peer::Block { cidr, except })
}

/// A peer of any form that the API server takes: at least one of both selectors, or a block.
pub(crate) fn peer() -> impl Strategy<Value = Peer> {
    let selectors = (option::of(pools::pod_selector()), option::of(pools::namespace_selector()));
    let pods = selectors.prop_filter("a peer of nothing", |(pods, namespaces)| pods.is_some() || namespaces.is_some());
    prop_oneof![
        3 => pods.prop_map(|(pods, namespaces)| Peer::Pods { pods, namespaces: namespaces.map(Arc::new) }),
        1 => block_peer(),
    ]
}

fn port() -> impl Strategy<Value = PolicyPort> {
    let which = prop_oneof![
        1 => Just((None, None)),
        3 => pools::port_name().prop_map(|name| (Some(TargetPort::Name(name)), None)),
        3 => pools::pod_port().prop_map(|port| (Some(TargetPort::Number(port)), None)),
        2 => (pools::pod_port(), pools::pod_port())
            .prop_map(|(a, b)| (Some(TargetPort::Number(a.min(b))), Some(a.max(b)))),
    ];
    (pools::protocol(), which).prop_map(|(protocol, (port, end))| PolicyPort { protocol, port, end })
}

/// A rule; without peers it means everybody, without ports all.
pub(crate) fn rule() -> impl Strategy<Value = Rule> {
    (vec(peer(), 0..4), vec(port(), 0..3)).prop_map(|(peers, ports)| Rule { peers, ports, origin: None })
}

/// A policy for one direction or both. No rules differ from no direction: they let nobody in.
pub(crate) fn policy() -> impl Strategy<Value = NetworkPolicy> {
    let rules = || vec(rule(), 0..3);
    let directions = prop_oneof![
        3 => rules().prop_map(|rules| (Some(rules), None)),
        2 => rules().prop_map(|rules| (None, Some(rules))),
        2 => (rules(), rules()).prop_map(|(a, b)| (Some(a), Some(b))),
    ];
    (pools::namespace(), 0..1000_u32, pools::pod_selector(), directions).prop_map(
        |(namespace, id, pods, (ingress, egress))| NetworkPolicy {
            metadata: metadata(namespace, &format!("p{id}"), Labels::default()),
            pods,
            ingress,
            egress,
        },
    )
}

/// A policy for every pod of a namespace whose rules may share a block among themselves.
pub(crate) fn policy_of_blocks() -> impl Strategy<Value = NetworkPolicy> {
    let rule =
        (vec(block_peer(), 1..3), vec(port(), 0..2)).prop_map(|(peers, ports)| Rule { peers, ports, origin: None });
    (policy(), vec(rule, 2..4)).prop_map(|(mut policy, rules)| {
        policy.metadata.name.push_str("-blocks");
        policy.pods = Selector::default();
        (policy.ingress, policy.egress) = (Some(rules.clone()), Some(rules));
        policy
    })
}
