//! Whole clusters, built as objects.
//!
//! Names, labels, ports and addresses come from small pools, so that what is generated apart meets by chance.

use std::collections::BTreeSet;

use jiff::Timestamp;
use netintent::manifest::text::Style;
use netintent::objects::{Metadata, Objects, Text};
use netintent::selector::Labels;
use netintent::snapshot::{Options, Snapshot};
use proptest::collection::vec;
use proptest::prelude::*;

pub(crate) mod edges;
pub(crate) mod netintent_objects;
pub(crate) mod policies;
pub(crate) mod pools;
pub(crate) mod services;
pub(crate) mod workloads;

/// The moment of every snapshot.
pub(crate) fn now() -> Timestamp {
    "2027-01-01T00:00:00Z".parse().unwrap()
}

/// The snapshot of generated objects. Some pods are said to have addresses, so that ipBlock caveats come up too.
pub(crate) fn snapshot(objects: &Objects) -> Snapshot {
    let options = Options { pod_cidrs: vec!["10.1.0.0/16".parse().unwrap()], ..Options::at(now()) };
    Snapshot::new(objects.clone(), &options)
}

/// A string of a manifest that stands nowhere.
pub(crate) fn text(value: impl Into<String>) -> Text {
    Text { value: value.into(), style: Style::Literal, origin: None }
}

/// Metadata with a name and labels.
pub(crate) fn metadata(namespace: &str, name: &str, labels: Labels) -> Metadata {
    Metadata { namespace: namespace.to_owned(), name: name.to_owned(), labels, ..Metadata::default() }
}

/// A cluster.
pub(crate) fn objects() -> impl Strategy<Value = Objects> {
    let inhabitants =
        (workloads::namespaces(), vec(workloads::workload(), 2..7), vec(workloads::service_account(), 0..3));
    let netintent = (
        vec(services::service(), 1..7),
        vec(netintent_objects::approval(), 0..7),
        // Most clusters have none: it would leave little of the rest.
        prop_oneof![3 => Just(Vec::new()), 1 => vec(netintent_objects::prohibition(), 1..3)],
    );
    let policies = prop_oneof![2 => Just(Vec::new()), 3 => vec(policies::policy(), 1..5)];
    (inhabitants, netintent, policies, vec(edges::edge(), 0..8)).prop_map(
        |((namespaces, workloads, service_accounts), (services, approvals, prohibitions), policies, edges)| {
            let workloads = workloads.into_iter().flatten().collect();
            let mut objects = unique(Objects {
                namespaces,
                workloads,
                services,
                service_accounts,
                policies,
                approvals,
                prohibitions,
                ..Objects::default()
            });
            edges::add(&mut objects, &edges);
            objects
        },
    )
}

/// Two clusters that have much in common: the second has some kinds of objects from elsewhere.
pub(crate) fn two() -> impl Strategy<Value = (Objects, Objects)> {
    (objects(), objects(), any::<[bool; 6]>()).prop_map(|(a, other, replaced)| {
        let mut b = a.clone();
        let [namespaces, workloads, services, policies, approvals, prohibitions] = replaced;
        if namespaces {
            b.namespaces = other.namespaces;
        }
        if workloads {
            // What stays, stays on both sides.
            b.workloads.truncate(b.workloads.len() / 2);
            b.workloads.extend(other.workloads);
        }
        if services {
            b.services = other.services;
        }
        if policies {
            b.policies = other.policies;
        }
        if approvals {
            b.approvals = other.approvals;
        }
        if prohibitions {
            b.prohibitions = other.prohibitions;
        }
        (a, unique(b))
    })
}

/// Drops every object whose identity an earlier one has, as no cluster holds two of them.
fn unique(mut objects: Objects) -> Objects {
    let mut seen = BTreeSet::new();
    let mut first = |kind: &str, metadata: &Metadata| {
        seen.insert((kind.to_owned(), metadata.namespace.clone(), metadata.name.clone()))
    };
    objects.namespaces.retain(|o| first("Namespace", &o.metadata));
    objects.workloads.retain(|o| first(&o.kind, &o.metadata));
    objects.services.retain(|o| first("Service", &o.metadata));
    objects.service_accounts.retain(|o| first("ServiceAccount", &o.metadata));
    objects.policies.retain(|o| first("NetworkPolicy", &o.metadata));
    objects.approvals.retain(|o| first(o.kind(), &o.metadata));
    objects.prohibitions.retain(|o| first("ClusterProhibition", &o.metadata));
    objects
}
