//! Intents as text, approvals and prohibitions.

use netintent::approval::{Approval, FromPeer, Prohibition};
use netintent::callee::{CalleePattern, Port, Scope};
use netintent::caller::{Caller, CallerPattern};
use netintent::policy::Peer;
use netintent::selector::Labels;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::policies::{block_peer, peer};
use super::{metadata, pools};

fn port() -> impl Strategy<Value = Port> {
    prop_oneof![
        3 => Just(Port::All),
        4 => pools::port_name().prop_map(Port::Named),
        2 => select(&pools::SERVICE_PORTS[..]).prop_map(Port::Number),
    ]
}

fn service_scope(namespace: &str) -> impl Strategy<Value = Scope> + use<> {
    let namespace = namespace.to_owned();
    select(&pools::SERVICES[..])
        .prop_map(move |name| Scope::Service { namespace: namespace.clone(), name: name.to_owned() })
}

/// A callee of any form.
pub(crate) fn callee() -> impl Strategy<Value = CalleePattern> {
    let scope = prop_oneof![
        6 => pools::namespace().prop_flat_map(service_scope),
        2 => pools::namespace().prop_map(|n| Scope::Namespace(n.to_owned())),
        1 => Just(Scope::Cluster),
        2 => select(&pools::TYPES[..]).prop_map(|t| Scope::Type(t.to_owned())),
    ];
    (scope, port()).prop_map(|(scope, port)| CalleePattern { scope, port })
}

/// A callee as a person writes it: not by the library's own printer.
pub(crate) fn written(callee: &CalleePattern) -> String {
    let scope = match &callee.scope {
        Scope::Service { namespace, name } => format!("{namespace}/{name}"),
        Scope::Namespace(namespace) => format!("{namespace}/*"),
        Scope::Cluster => "*/*".to_owned(),
        Scope::Type(name) => format!("@{name}"),
    };
    match &callee.port {
        Port::All => scope,
        Port::Named(name) => format!("{scope}:{name}"),
        Port::Number(number) => format!("{scope}:{number}"),
    }
}

/// The value of the annotation, with comments and something that is no intent now and then.
pub(crate) fn calls() -> impl Strategy<Value = String> {
    let item = prop_oneof![
        12 => callee().prop_map(|c| written(&c)),
        // A Service of the caller's own namespace.
        3 => (select(&pools::SERVICES[..]), port()).prop_map(|(name, port)| match port {
            Port::All => name.to_owned(),
            port => format!("{name}:{port}"),
        }),
        1 => Just("two words".to_owned()),
    ];
    let separator = select(&["\n", ", ", "  # why, of course\n"][..]);
    vec((item, separator), 1..5).prop_map(|items| items.into_iter().map(|(item, end)| item + end).collect())
}

fn caller_pattern() -> impl Strategy<Value = CallerPattern> {
    prop_oneof![
        2 => (pools::namespace(), select(&pools::WORKLOADS[..]))
            .prop_map(|(namespace, name)| CallerPattern::One(Caller { namespace: namespace.into(), name: name.into() })),
        2 => pools::namespace().prop_map(|n| CallerPattern::Namespace(n.to_owned())),
        2 => Just(CallerPattern::Any),
    ]
}

fn from_peer() -> impl Strategy<Value = FromPeer> {
    let peer = prop_oneof![
        6 => peer().prop_map(Ok),
        3 => block_peer().prop_map(Ok),
        1 => Just(Err::<Peer, String>("no peer".to_owned())),
    ];
    peer.prop_map(|peer| FromPeer { peer, origin: None })
}

/// An Approval or a `ClusterApproval`, that may have expired.
pub(crate) fn approval() -> impl Strategy<Value = Approval> {
    let own = pools::namespace().prop_flat_map(|namespace| {
        let scope = prop_oneof![service_scope(namespace), Just(Scope::Namespace(namespace.to_owned()))];
        let callee = (scope, port()).prop_map(|(scope, port)| CalleePattern { scope, port });
        (Just(namespace), vec(callee, 1..3))
    });
    let what = prop_oneof![3 => own, 2 => (Just(""), vec(callee(), 1..3))];
    let expires_at = prop_oneof![
        6 => Just(None),
        1 => Just(Some("2027-01-01T00:00:01Z")),
        1 => Just(Some("2027-01-01T00:00:00Z")),
        1 => Just(Some("2020-01-01T00:00:00Z")),
    ];
    let from = prop_oneof![2 => Just(vec![]), 1 => vec(from_peer(), 1..3)];
    (what, 0..1000_u32, vec(caller_pattern(), 0..3), expires_at, from).prop_map(
        |((namespace, callees), id, callers, expires_at, from)| Approval {
            metadata: metadata(namespace, &format!("a{id}"), Labels::default()),
            callers,
            callees,
            reason: None,
            expires_at: expires_at.map(|t| t.parse().unwrap()),
            from,
        },
    )
}

/// A `ClusterProhibition`.
pub(crate) fn prohibition() -> impl Strategy<Value = Prohibition> {
    let caller = prop_oneof![
        3 => pools::namespace().prop_map(|n| CallerPattern::Namespace(n.to_owned())),
        1 => Just(CallerPattern::Any),
    ];
    (0..1000_u32, vec(caller, 1..3), vec(callee(), 1..3)).prop_map(|(id, callers, callees)| Prohibition {
        metadata: metadata("", &format!("p{id}"), Labels::default()),
        callers,
        callees,
        reason: None,
    })
}
