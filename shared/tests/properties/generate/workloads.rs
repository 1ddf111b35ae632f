//! Namespaces, workloads of every kind, running pods that differ, and `ServiceAccounts`.

use std::net::IpAddr;

use netintent::names;
use netintent::objects::{ContainerPort, Namespace, Owner, PodSpec, ServiceAccount, Workload};
use netintent::selector::Labels;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::netintent_objects::calls;
use super::{metadata, pools, text};

/// Each namespace of the pool, in one of the modes, or without a Namespace object.
pub(crate) fn namespaces() -> impl Strategy<Value = Vec<Namespace>> {
    let mode = prop_oneof![
        1 => Just(None),
        1 => Just(Some("off")),
        1 => Just(Some("of course")),
        4 => Just(Some("shadow")),
        10 => Just(Some("enforce")),
    ];
    let team = prop_oneof![Just(None), select(&["a", "b"][..]).prop_map(Some)];
    let present = prop_oneof![9 => Just(true), 1 => Just(false)];
    vec((mode, team, present), pools::NAMESPACES.len()).prop_map(|all| {
        let named = pools::NAMESPACES.into_iter().zip(all).filter(|(_, (_, _, present))| *present);
        named
            .map(|(name, (mode, team, _))| {
                let labels = [(names::MODE, mode), ("team", team)];
                let labels: Labels = labels.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
                Namespace { metadata: metadata("", name, labels) }
            })
            .collect()
    })
}

fn container_port() -> impl Strategy<Value = ContainerPort> {
    let name = prop_oneof![1 => Just(None), 4 => pools::port_name().prop_map(Some)];
    (name, pools::pod_port(), pools::protocol()).prop_map(|(name, port, protocol)| ContainerPort {
        name,
        port,
        protocol,
    })
}

fn service_account_name() -> impl Strategy<Value = String> {
    prop_oneof![2 => Just("default".to_owned()), 1 => Just("robot".to_owned())]
}

/// One in `n`.
fn rarely(n: u32) -> impl Strategy<Value = bool> {
    prop_oneof![n - 1 => Just(false), 1 => Just(true)]
}

fn pod() -> impl Strategy<Value = PodSpec> {
    let intents = prop_oneof![1 => Just(None), 2 => calls().prop_map(|c| Some(text(c)))];
    let caller = prop_oneof![8 => Just(None), 1 => Just(Some(text("web"))), 1 => Just(Some(text("No/Name")))];
    let addresses = prop_oneof![
        2 => Just(vec![]),
        1 => Just(vec!["10.1.2.3".parse::<IpAddr>().unwrap()]),
        1 => Just(vec!["10.200.0.1".parse::<IpAddr>().unwrap(), "2001:db8::7".parse().unwrap()]),
    ];
    let rare = (rarely(12), rarely(20), rarely(25));
    (pools::labels(), intents, caller, service_account_name(), rare, vec(container_port(), 0..5), addresses).prop_map(
        |(labels, calls, caller, service_account, (host_network, mirror, ended), ports, addresses)| PodSpec {
            labels,
            calls,
            caller,
            service_account,
            host_network,
            mirror,
            ended,
            ports,
            addresses,
            phase: None,
            node: None,
        },
    )
}

fn owner(group: &str, kind: &str, name: &str) -> Owner {
    Owner { group: group.to_owned(), kind: kind.to_owned(), name: name.to_owned() }
}

/// A controller's manifest.
fn template() -> impl Strategy<Value = Vec<Workload>> {
    let kind = select(&["Deployment", "StatefulSet", "DaemonSet", "CronJob"][..]);
    (pools::namespace(), select(&pools::WORKLOADS[..]), kind, pod()).prop_map(|(namespace, name, kind, mut pod)| {
        // Only what runs has an address, ends, or is mirrored.
        pod.addresses.clear();
        (pod.mirror, pod.ended) = (false, false);
        vec![Workload { kind: kind.into(), metadata: metadata(namespace, name, Labels::default()), pod }]
    })
}

/// Running pods of one Deployment, that may differ in everything but their owner.
fn replicas() -> impl Strategy<Value = Vec<Workload>> {
    let pods = vec((pod(), select(&["5c6d", "77f4"][..])), 1..4);
    (pools::namespace(), select(&pools::WORKLOADS[..]), pods).prop_map(|(namespace, name, pods)| {
        let pods = pods.into_iter().enumerate();
        pods.map(|(at, (mut pod, hash))| {
            pod.labels.insert("pod-template-hash", hash);
            let set = format!("{name}-{hash}");
            let labels = pod.labels.clone();
            let mut metadata = metadata(namespace, &format!("{set}-{at}"), labels);
            metadata.controller = Some(owner("apps", "ReplicaSet", &set));
            Workload { kind: "Pod".into(), metadata, pod }
        })
        .collect()
    })
}

/// Running pods of a `StatefulSet`, or bare ones.
fn pods() -> impl Strategy<Value = Vec<Workload>> {
    let one = (pools::namespace(), select(&pools::WORKLOADS[..]), any::<bool>(), vec(pod(), 1..3));
    one.prop_map(|(namespace, name, owned, pods)| {
        let pods = pods.into_iter().enumerate();
        pods.map(|(at, pod)| {
            let mut metadata = metadata(namespace, &format!("{name}-{at}"), pod.labels.clone());
            metadata.controller = owned.then(|| owner("apps", "StatefulSet", name));
            Workload { kind: "Pod".into(), metadata, pod }
        })
        .collect()
    })
}

/// Pods of one workload, as manifest or as they run.
pub(crate) fn workload() -> impl Strategy<Value = Vec<Workload>> {
    prop_oneof![3 => template(), 2 => replicas(), 1 => pods()]
}

/// A `ServiceAccount`, that may carry intents for its pods.
pub(crate) fn service_account() -> impl Strategy<Value = ServiceAccount> {
    let intents = prop_oneof![1 => Just(None), 4 => calls().prop_map(Some)];
    (pools::namespace(), service_account_name(), intents).prop_map(|(namespace, name, intents)| {
        let mut metadata = metadata(namespace, &name, Labels::default());
        metadata.annotations = intents.map(|calls| (names::CALLS.to_owned(), text(calls))).into_iter().collect();
        ServiceAccount { metadata }
    })
}
