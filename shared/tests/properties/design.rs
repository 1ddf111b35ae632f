//! Who reaches a protected pod is who the design's words let in, and nobody else.

use std::collections::{BTreeMap, BTreeSet};

use netintent::cidr::AddressSet;
use netintent::evaluate::{self, evaluate};
use netintent::objects::Objects;
use netintent::policy::Direction;
use proptest::prelude::*;

use crate::agreement::pod;
use crate::generate::netintent_objects::written;
use crate::generate::{objects, snapshot};
use crate::model::Model;
use crate::reference::{End, World};
use crate::samples::{self, Sample};
use crate::statistics::Statistics;

/// The key that the design's table gives for a granted intent.
fn label_key(written: &str) -> String {
    let (scope, port) = written.split_once(':').unwrap_or((written, "all.ports"));
    match (scope.strip_prefix('@'), scope.split_once('/')) {
        (Some(name), _) => format!("{name}.type.netintent.dev/{port}"),
        (_, Some(("*", "*"))) => format!("to.netintent.dev/{port}"),
        (_, Some((namespace, "*"))) => format!("{namespace}.to.netintent.dev/{port}"),
        (_, Some((namespace, name))) => format!("{name}.{namespace}.to.netintent.dev/{port}"),
        _ => unreachable!("{written} names no scope"),
    }
}

/// What the words say of one cluster, and what `evaluate` does.
fn check(objects: &Objects, statistics: &mut Statistics) {
    let snapshot = snapshot(objects);
    let world = World::new(&snapshot, objects.policies.clone());
    let model = Model { snapshot: &snapshot, world: &world };
    let ports = samples::ports(objects);
    let sets: Vec<(AddressSet, End)> =
        samples::addresses(objects).into_iter().map(|a| (AddressSet::of(a.into()), End::Address(a))).collect();
    let mut sources: Vec<(evaluate::End<'_>, End)> = (0..world.pods.len()).map(pod).collect();
    sources.extend(sets.iter().map(|(set, address)| (evaluate::End::Addresses(set), *address)));
    for source in sources {
        let granted = if let End::Pod(at) = source.1 { model.granted(at) } else { Vec::new() };
        for to in 0..world.pods.len() {
            let destination = pod(to);
            let by_policy = world.matched(Direction::Ingress, destination.1, source.1);
            let egress = world.matched(Direction::Egress, source.1, destination.1);
            let protected = model.is_protected(to);
            let mut lets_in: BTreeSet<Sample> = BTreeSet::new();
            let mut connects: BTreeSet<Sample> = BTreeSet::new();
            for (protocol, port) in ports.iter().copied() {
                // A policy of the user's own adds to netintent's; without it a protected pod is closed.
                let other =
                    (by_policy.is_some() || !protected) && world.allows(&by_policy, destination.1, protocol, port);
                let reasons = model.admits(source.1, &granted, to, (protocol, port));
                if let (false, 1, Some(only)) = (other, reasons.len(), reasons.first()) {
                    let elsewhere =
                        matches!(source.1, End::Pod(at) if world.pods[at].namespace != world.pods[to].namespace);
                    statistics.count(format!("{only} alone{}", if elsewhere { ", across namespaces" } else { "" }), 1);
                }
                if other || !reasons.is_empty() {
                    lets_in.insert((protocol, port));
                    if world.allows(&egress, destination.1, protocol, port) {
                        connects.insert((protocol, port));
                    }
                }
            }
            let verdict = evaluate(&snapshot, source.0, destination.0);
            assert_eq!(verdict.ingress.isolated, protected || by_policy.is_some());
            assert_eq!(samples::within(&verdict.ingress.ports, &ports), lets_in, "{:?} to pod {to}", source.1);
            assert_eq!(samples::within(&verdict.ports, &ports), connects, "{:?} to pod {to}", source.1);
        }
    }
}

#[test]
fn a_protected_port_is_open_to_whom_the_design_lets_in() {
    crate::counted(&objects(), check).assert_met(&[
        "own pods alone",
        "grant of a service alone",
        "grant of a service alone, across namespaces",
        "grant of a namespace alone",
        "grant of a namespace alone, across namespaces",
        "grant of the cluster alone",
        "grant of the cluster alone, across namespaces",
        "grant of a type alone",
        "grant of a type alone, across namespaces",
        "from a pod alone",
        "from a pod alone, across namespaces",
        "from an address alone",
    ]);
}

proptest! {
    #![proptest_config(crate::config())]

    /// Labels are what is written, without what is reserved, and what is granted.
    #[test]
    fn pods_carry_the_labels_of_what_is_granted(objects in objects()) {
        let snapshot = snapshot(&objects);
        let world = World::new(&snapshot, vec![]);
        let model = Model { snapshot: &snapshot, world: &world };
        for (at, state) in snapshot.pods.iter().enumerate() {
            let written_labels = &snapshot.objects.workloads[state.object].pod.labels;
            let mut labels: BTreeMap<String, String> = written_labels
                .iter()
                .filter(|(key, _)| !key.contains("to.netintent.dev/") && !key.contains("type.netintent.dev/"))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect();
            labels.extend(model.granted(at).iter().map(|g| (label_key(&written(g)), "allowed".to_owned())));
            prop_assert_eq!(&world.pods[at].labels, &labels, "pod {}", at);
        }
    }
}
