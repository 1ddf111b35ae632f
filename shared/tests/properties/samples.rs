//! The ports and addresses that stand for all others: wherever something in a cluster begins or ends, and their
//! neighbours. Between two of them nothing can change.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use netintent::cidr::AddressSet;
use netintent::objects::{Objects, TargetPort};
use netintent::policy::{Peer, Rule};
use netintent::port::{PortSet, Protocol};
use netintent::snapshot::Snapshot;

/// A port of a protocol.
pub(crate) type Sample = (Protocol, u16);

fn rules(objects: &Objects) -> impl Iterator<Item = &Rule> {
    objects.policies.iter().flat_map(|p| p.ingress.iter().chain(&p.egress)).flatten()
}

/// Every port at which a verdict may change, and its neighbours.
pub(crate) fn ports(objects: &Objects) -> Vec<Sample> {
    let mut numbers: BTreeSet<u16> = [1, u16::MAX].into();
    let mut near = |port: u16| numbers.extend([port.saturating_sub(1).max(1), port, port.saturating_add(1)]);
    for workload in &objects.workloads {
        workload.pod.ports.iter().for_each(|p| near(p.port));
    }
    let targets = objects.services.iter().flat_map(|s| s.ports.iter().map(|p| (Some(&p.target), None)));
    let listed = rules(objects).flat_map(|r| r.ports.iter().map(|p| (p.port.as_ref(), p.end)));
    for (port, end) in targets.chain(listed) {
        if let Some(TargetPort::Number(number)) = port {
            near(*number);
        }
        end.into_iter().for_each(&mut near);
    }
    Protocol::ALL.into_iter().flat_map(|protocol| numbers.iter().map(move |port| (protocol, *port))).collect()
}

/// The samples that are in a set, by its intervals alone. Fails where the set begins or ends between samples.
pub(crate) fn within(set: &PortSet, samples: &[Sample]) -> BTreeSet<Sample> {
    for (protocol, interval) in set.iter() {
        for edge in [interval.from, interval.to] {
            assert!(samples.contains(&(protocol, edge)), "{set} has an edge at {edge}, where nothing has one");
        }
    }
    let held = |(protocol, port): &&Sample| {
        set.iter().any(|(p, interval)| p == *protocol && interval.from <= *port && *port <= interval.to)
    };
    samples.iter().filter(held).copied().collect()
}

fn blocks(objects: &Objects) -> impl Iterator<Item = IpNet> {
    let from = objects.approvals.iter().flat_map(|a| a.from.iter().filter_map(|f| f.peer.as_ref().ok()));
    rules(objects).flat_map(|r| &r.peers).chain(from).flat_map(|peer| match peer {
        Peer::Block { cidr, except } => std::iter::once(*cidr).chain(except.iter().copied()).collect(),
        Peer::Pods { .. } => Vec::new(),
    })
}

/// Every address at which a verdict may change, and its neighbours.
pub(crate) fn addresses(objects: &Objects) -> Vec<IpAddr> {
    let mut v4: BTreeSet<u32> = [0, u32::MAX].into();
    let mut v6: BTreeSet<u128> = [0, u128::MAX].into();
    for net in blocks(objects) {
        match net {
            IpNet::V4(net) => {
                let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
                v4.extend([first.saturating_sub(1), first, last, last.saturating_add(1)]);
            }
            IpNet::V6(net) => {
                let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
                v6.extend([first.saturating_sub(1), first, last, last.saturating_add(1)]);
            }
        }
    }
    let v4 = v4.into_iter().map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)));
    v4.chain(v6.into_iter().map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)))).collect()
}

/// Whether a set, by the CIDRs it prints, holds an address.
pub(crate) fn holds(set: &AddressSet, address: IpAddr) -> bool {
    set.cidrs().iter().any(|net| crate::reference::holds(net, address))
}

/// The samples of several snapshots together.
pub(crate) fn all_samples(snapshots: &[&Snapshot]) -> (Vec<Sample>, Vec<IpAddr>) {
    let ports: BTreeSet<Sample> = snapshots.iter().flat_map(|s| ports(&s.objects)).collect();
    let addresses: BTreeSet<IpAddr> = snapshots.iter().flat_map(|s| addresses(&s.objects)).collect();
    (ports.into_iter().collect(), addresses.into_iter().collect())
}
