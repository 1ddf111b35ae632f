//! Services: with and without selector or ports, aliases, and modes of their own.

use netintent::names;
use netintent::objects::{Service, ServicePort, ServiceType};
use netintent::selector::Labels;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{metadata, pools};

/// Ports as the API server takes them: several ports all have names, and no name twice.
fn ports() -> impl Strategy<Value = Vec<ServicePort>> {
    let port = || (select(&pools::SERVICE_PORTS[..]), pools::protocol(), pools::target_port());
    let named = |(name, (port, protocol, target)): (&str, _)| ServicePort {
        name: Some(name.to_owned()),
        port,
        protocol,
        target,
    };
    prop_oneof![
        1 => Just(vec![]),
        2 => port().prop_map(|(port, protocol, target)| vec![ServicePort { name: None, port, protocol, target }]),
        6 => (subsequence(&pools::PORT_NAMES[..], 1..3), vec(port(), 3))
            .prop_map(move |(names, ports)| names.into_iter().zip(ports).map(named).collect()),
    ]
}

/// A Service.
pub(crate) fn service() -> impl Strategy<Value = Service> {
    let mode = prop_oneof![
        12 => Just(None),
        2 => Just(Some("enforce")),
        1 => Just(Some("shadow")),
        1 => Just(Some("off")),
        1 => Just(Some("on")),
    ];
    let r#type = prop_oneof![
        3 => Just(None),
        4 => select(&pools::TYPES[..]).prop_map(Some),
        1 => Just(Some("Not_A.Label")),
    ];
    let selector = prop_oneof![1 => Just(None), 15 => pools::service_selector().prop_map(Some)];
    let external_name = prop_oneof![15 => Just(ServiceType::ClusterIp), 1 => Just(ServiceType::ExternalName)];
    (pools::namespace(), select(&pools::SERVICES[..]), mode, r#type, selector, ports(), external_name).prop_map(
        |(namespace, name, mode, r#type, selector, ports, external_name)| {
            let labels = [(names::MODE, mode), (names::TYPE, r#type)];
            let labels: Labels = labels.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
            Service {
                metadata: metadata(namespace, name, labels),
                selector,
                ports,
                r#type: external_name,
                addresses: Vec::new(),
                headless: false,
                source_ranges: Vec::new(),
                keeps_sources: false,
            }
        },
    )
}
