//! The small pools that everything is drawn from.

use ipnet::IpNet;
use netintent::objects::TargetPort;
use netintent::port::Protocol;
use netintent::selector::{Labels, Operator, Requirement, Selector};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const NAMESPACES: [&str; 3] = ["bank", "ops", "shop"];
pub(crate) const WORKLOADS: [&str; 3] = ["api", "db", "web"];
pub(crate) const SERVICES: [&str; 3] = ["api", "cards", "ledger"];
pub(crate) const TYPES: [&str; 2] = ["backend", "store"];
pub(crate) const PORT_NAMES: [&str; 3] = ["dns", "http", "rpc"];
pub(crate) const SERVICE_PORTS: [u16; 3] = [53, 80, 8080];
const POD_PORTS: [u16; 6] = [1, 80, 81, 8080, 8081, 65535];
const KEYS: [&str; 2] = ["app", "tier"];
const VALUES: [&str; 3] = ["a", "b", "c"];
/// Labels that only admission may give: a user's policy may select on them, a pod that has them of itself loses them.
pub(crate) const RESERVED: [&str; 3] =
    ["ledger.bank.to.netintent.dev/http", "bank.to.netintent.dev/all.ports", "backend.type.netintent.dev/all.ports"];
pub(crate) const BLOCKS: [&str; 14] = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.0/9",
    "10.128.0.0/9",
    "10.1.0.0/16",
    "10.1.2.3/8",
    "10.1.2.3/32",
    "255.255.255.254/31",
    "::/0",
    "8000::/1",
    "2001:db8::/32",
    "2001:db8:1::/48",
    "2001:db8::7/128",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
];

pub(crate) fn namespace() -> impl Strategy<Value = &'static str> {
    // Most things are in one namespace, so that they meet.
    prop_oneof![3 => Just("bank"), 2 => Just("shop"), 1 => Just("ops")]
}

pub(crate) fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![8 => Just(Protocol::Tcp), 1 => Just(Protocol::Udp), 1 => Just(Protocol::Sctp)]
}

pub(crate) fn pod_port() -> impl Strategy<Value = u16> {
    select(&POD_PORTS[..])
}

pub(crate) fn port_name() -> impl Strategy<Value = String> {
    select(&PORT_NAMES[..]).prop_map(str::to_owned)
}

pub(crate) fn target_port() -> impl Strategy<Value = TargetPort> {
    prop_oneof![pod_port().prop_map(TargetPort::Number), port_name().prop_map(TargetPort::Name)]
}

/// Labels of a pod, as somebody may write them.
pub(crate) fn labels() -> impl Strategy<Value = Labels> {
    let forged = prop_oneof![9 => Just(None), 1 => select(&RESERVED[..]).prop_map(Some)];
    let value = || prop_oneof![1 => Just(None), 4 => select(&VALUES[..2]).prop_map(Some)];
    (value(), value(), forged).prop_map(|(app, tier, forged)| {
        let mut labels = Labels::default();
        for (key, value) in KEYS.into_iter().zip([app, tier]) {
            if let Some(value) = value {
                labels.insert(key, value);
            }
        }
        if let Some(key) = forged {
            labels.insert(key, "allowed");
        }
        labels
    })
}

/// What a Service selects by: one or two labels.
pub(crate) fn service_selector() -> impl Strategy<Value = Selector> {
    prop_oneof![
        3 => select(&VALUES[..2]).prop_map(|v| Selector::of_labels([("app", v)])),
        1 => select(&VALUES[..2]).prop_map(|v| Selector::of_labels([("tier", v)])),
        1 => (select(&VALUES[..2]), select(&VALUES[..])).prop_map(|(a, b)| Selector::of_labels([("app", a), ("tier", b)])),
    ]
}

fn requirement(key: &'static str, values: &'static [&'static str]) -> impl Strategy<Value = Requirement> {
    let some = || vec(select(values).prop_map(str::to_owned), 1..3);
    prop_oneof![
        4 => some().prop_map(|v| (Operator::In, v)),
        2 => some().prop_map(|v| (Operator::NotIn, v)),
        1 => Just((Operator::Exists, vec![])),
        1 => Just((Operator::DoesNotExist, vec![])),
    ]
    .prop_map(move |(operator, values)| Requirement { key: key.to_owned(), operator, values })
}

/// A selector on pods' labels, reserved ones too.
pub(crate) fn pod_selector() -> impl Strategy<Value = Selector> {
    let one = prop_oneof![
        6 => requirement("app", &VALUES),
        4 => requirement("tier", &VALUES),
        1 => select(&RESERVED[..]).prop_flat_map(|key| requirement(key, &["allowed"])),
    ];
    prop_oneof![2 => Just(Selector::default()), 5 => vec(one, 1..3).prop_map(Selector::new)]
}

/// A selector on namespaces' labels: their team, mode or name.
pub(crate) fn namespace_selector() -> impl Strategy<Value = Selector> {
    let one = prop_oneof![
        3 => requirement("team", &VALUES),
        1 => requirement("netintent.dev/mode", &["off", "shadow", "enforce"]),
        2 => requirement("kubernetes.io/metadata.name", &NAMESPACES),
    ];
    prop_oneof![2 => Just(Selector::default()), 4 => vec(one, 1..3).prop_map(Selector::new)]
}

/// An ipBlock as the API server takes it: what is left out is strictly within.
pub(crate) fn block() -> impl Strategy<Value = (IpNet, Vec<IpNet>)> {
    select(&BLOCKS[..]).prop_flat_map(|text| {
        let block: IpNet = text.parse().unwrap();
        let within: Vec<IpNet> = BLOCKS
            .iter()
            .map(|text| text.parse::<IpNet>().unwrap())
            .filter(|net| block.trunc().contains(&net.network()) && net.prefix_len() > block.prefix_len())
            .collect();
        let except = if within.is_empty() { Just(vec![]).boxed() } else { vec(select(within), 0..3).boxed() };
        except.prop_map(move |except| (block, except))
    })
}
