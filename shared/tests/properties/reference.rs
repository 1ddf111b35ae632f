//! A second evaluator, pod by pod, port by port and address by address, from the text of the specification of
//! `networking.k8s.io/v1`. Slow on purpose: nothing in it is clever.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use netintent::objects::{ContainerPort, TargetPort};
use netintent::policy::{Direction, NetworkPolicy, Peer, PolicyPort, Rule};
use netintent::port::Protocol;
use netintent::selector::{Labels, Operator, Selector};
use netintent::snapshot::Snapshot;

/// Labels, as anybody has them.
pub(crate) type Map = BTreeMap<String, String>;

/// A pod, as far as `NetworkPolicy` looks at it.
pub(crate) struct Pod {
    pub(crate) namespace: String,
    pub(crate) labels: Map,
    pub(crate) ports: Vec<ContainerPort>,
}

/// Pods, namespaces and policies.
pub(crate) struct World {
    pub(crate) pods: Vec<Pod>,
    pub(crate) namespaces: BTreeMap<String, Map>,
    pub(crate) policies: Vec<NetworkPolicy>,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Pod(usize),
    Address(IpAddr),
}

/// What the policies that select one end come to: `None` where none does, else the rules whose peers are the other end.
pub(crate) type Matched<'a> = Option<Vec<&'a Rule>>;

fn map(labels: &Labels) -> Map {
    labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

impl World {
    /// The pods and namespaces of a snapshot under these policies.
    pub(crate) fn new(snapshot: &Snapshot, policies: Vec<NetworkPolicy>) -> Self {
        let pod = |pod: &netintent::snapshot::Pod| {
            let object = &snapshot.objects.workloads[pod.object];
            let (namespace, ports) = (object.metadata.namespace.clone(), object.pod.ports.clone());
            Pod { namespace, labels: map(&pod.labels), ports }
        };
        Self {
            pods: snapshot.pods.iter().map(pod).collect(),
            namespaces: snapshot.namespaces.iter().map(|(name, state)| (name.clone(), map(&state.labels))).collect(),
            policies,
        }
    }

    /// Everything that holds in a snapshot.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        Self::new(snapshot, snapshot.policies.iter().map(|p| p.policy.clone()).collect())
    }

    /// "If no policies exist in a namespace that select the pod, all traffic is allowed"; otherwise "traffic is allowed
    /// if it matches at least one rule of at least one of them".
    pub(crate) fn matched(&self, direction: Direction, selected: End, other: End) -> Matched<'_> {
        let End::Pod(pod) = selected else { return None };
        let pod = &self.pods[pod];
        let mut found = None;
        for policy in &self.policies {
            let rules = match direction {
                Direction::Ingress => &policy.ingress,
                Direction::Egress => &policy.egress,
            };
            let Some(rules) = rules else { continue };
            if policy.metadata.namespace == pod.namespace && selects(&policy.pods, &pod.labels) {
                let here = |rule: &&Rule| self.has_peer(rule, &pod.namespace, other);
                found.get_or_insert_with(Vec::new).extend(rules.iter().filter(here));
            }
        }
        found
    }

    /// "If this field is empty or missing, this rule matches all sources": a rule that lists peers needs one of them.
    fn has_peer(&self, rule: &Rule, own_namespace: &str, other: End) -> bool {
        rule.peers.is_empty() || rule.peers.iter().any(|peer| self.is_peer(peer, own_namespace, other))
    }

    /// Whether a peer of a policy in a namespace is the other end.
    pub(crate) fn is_peer(&self, peer: &Peer, own_namespace: &str, other: End) -> bool {
        match (peer, other) {
            (Peer::Block { cidr, except }, End::Address(address)) => {
                holds(cidr, address) && !except.iter().any(|net| holds(net, address))
            }
            (Peer::Pods { pods, namespaces }, End::Pod(pod)) => {
                let pod = &self.pods[pod];
                let in_namespace = match namespaces {
                    None => pod.namespace == own_namespace,
                    Some(selector) => selects(selector, &self.namespaces[&pod.namespace]),
                };
                in_namespace && pods.as_ref().is_none_or(|selector| selects(selector, &pod.labels))
            }
            // Blocks are of addresses outside, selectors of pods inside.
            _ => false,
        }
    }

    /// Whether one of these rules allows a port of the destination.
    pub(crate) fn allows(&self, matched: &Matched<'_>, destination: End, protocol: Protocol, port: u16) -> bool {
        matched.as_ref().is_none_or(|rules| rules.iter().any(|rule| self.has_port(rule, destination, protocol, port)))
    }

    fn has_port(&self, rule: &Rule, destination: End, protocol: Protocol, port: u16) -> bool {
        rule.ports.is_empty() || rule.ports.iter().any(|listed| self.is_port(listed, destination, protocol, port))
    }

    fn is_port(&self, listed: &PolicyPort, destination: End, protocol: Protocol, port: u16) -> bool {
        listed.protocol == protocol
            && match (&listed.port, listed.end) {
                (None, _) => true,
                (Some(TargetPort::Number(first)), Some(last)) => *first <= port && port <= last,
                (Some(TargetPort::Number(only)), None) => *only == port,
                (Some(TargetPort::Name(name)), _) => match destination {
                    End::Pod(pod) => named(&self.pods[pod].ports, name, protocol).contains(&port),
                    End::Address(_) => false,
                },
            }
    }
}

/// The numbers that a name stands for on a pod.
pub(crate) fn named(ports: &[ContainerPort], name: &str, protocol: Protocol) -> Vec<u16> {
    let same = |p: &&ContainerPort| p.name.as_deref() == Some(name) && p.protocol == protocol;
    ports.iter().filter(same).map(|p| p.port).collect()
}

/// Whether every requirement holds.
pub(crate) fn selects(selector: &Selector, labels: &Map) -> bool {
    selector.requirements.iter().all(|requirement| {
        let value = labels.get(&requirement.key);
        match requirement.operator {
            Operator::In => value.is_some_and(|v| requirement.values.contains(v)),
            Operator::NotIn => value.is_none_or(|v| !requirement.values.contains(v)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    })
}

/// Whether an address begins with the bits of a block.
pub(crate) fn holds(net: &IpNet, address: IpAddr) -> bool {
    let same = |a: u128, b: u128, width: u32| {
        let rest = width - u32::from(net.prefix_len());
        a.checked_shr(rest).unwrap_or(0) == b.checked_shr(rest).unwrap_or(0)
    };
    match (net.addr(), address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}
