//! The third rule: what NetworkPolicy allows, exactly, with the reasons.
//!
//! By the specification of `networking.k8s.io/v1`: a connection is allowed if the source's egress and the destination's
//! ingress both allow it; a direction in which no policy selects the pod is open; policies add up, and so do their rules.
//! Blocks of addresses are taken not to match pods.
//!
//! [`evaluate`] answers for one pair with every reason. [`crate::connection`] answers for all pairs by the same
//! functions, [`Rule::ports_on`] and [`Peer::matches_pod`], with an index before them.

use crate::cidr::AddressSet;
use crate::objects::ContainerPort;
use crate::policy::{Direction, Mismatch, Peer, Rule};
use crate::port::PortSet;
use crate::snapshot::Snapshot;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End<'a> {
    /// A pod of the snapshot, by index.
    Pod(u32),
    /// Addresses outside the cluster; a verdict holds for all of them together.
    Addresses(&'a AddressSet),
}

impl End<'_> {
    fn container_ports(self, snapshot: &Snapshot) -> Option<&[ContainerPort]> {
        match self {
            Self::Pod(pod) => Some(&snapshot.spec(pod).ports),
            Self::Addresses(_) => None,
        }
    }
}

/// What may connect from one end to another, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The ports of the destination that are allowed: those that both sides allow.
    pub ports: PortSet,
    /// What the policies of the source's egress say.
    pub egress: Side,
    /// What the policies of the destination's ingress say.
    pub ingress: Side,
}

/// What the policies that select one end say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// Whether any policy isolates the pod in this direction; otherwise the direction is open.
    pub isolated: bool,
    /// The allowed ports.
    pub ports: PortSet,
    /// Each policy that selects the pod in this direction.
    pub policies: Vec<PolicyReason>,
}

/// What one policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyReason {
    /// The policy, as index into the snapshot's.
    pub policy: usize,
    /// Each of its rules for the direction.
    pub rules: Vec<RuleReason>,
}

/// What one rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleReason {
    /// Whether each peer is the other end, or why not; empty where the rule names none, and so means everybody.
    pub peers: Vec<Result<(), Mismatch>>,
    /// The ports that the rule allows; empty where no peer matches.
    pub ports: PortSet,
}

/// Decides one pair.
pub fn evaluate(snapshot: &Snapshot, source: End<'_>, destination: End<'_>) -> Verdict {
    let egress = side(snapshot, Direction::Egress, source, destination, destination);
    let ingress = side(snapshot, Direction::Ingress, destination, source, destination);
    Verdict { ports: egress.ports.intersection(&ingress.ports), egress, ingress }
}

fn side(snapshot: &Snapshot, direction: Direction, selected: End<'_>, other: End<'_>, destination: End<'_>) -> Side {
    let mut side = Side { isolated: false, ports: PortSet::none(), policies: Vec::new() };
    let mut blocks: Vec<(AddressSet, PortSet)> = Vec::new();
    if let End::Pod(pod) = selected {
        for (at, policy) in snapshot.policies.iter().enumerate() {
            let Some(rules) = policy.policy.rules(direction).filter(|_| policy.pods.binary_search(&pod).is_ok()) else {
                continue;
            };
            side.isolated = true;
            let own = policy.policy.metadata.namespace.as_str();
            if let End::Addresses(_) = other {
                let ports_on = |rule: &Rule| rule.ports_on(destination.container_ports(snapshot));
                blocks.extend(rules.iter().map(|rule| (rule_addresses(rule), ports_on(rule))));
            }
            let rules: Vec<RuleReason> =
                rules.iter().map(|rule| reason(snapshot, own, rule, other, destination)).collect();
            for rule in &rules {
                side.ports.union_with(&rule.ports);
            }
            side.policies.push(PolicyReason { policy: at, rules });
        }
    }
    if !side.isolated {
        side.ports = PortSet::all();
    } else if let End::Addresses(addresses) = other {
        side.ports = common(addresses, &blocks);
    }
    side
}

/// The ports that rules allow to every one of the addresses, though no rule may name them all.
fn common(addresses: &AddressSet, rules: &[(AddressSet, PortSet)]) -> PortSet {
    let sets: Vec<&AddressSet> = std::iter::once(addresses).chain(rules.iter().map(|(named, _)| named)).collect();
    let mut ports = PortSet::all();
    for (_, holders) in AddressSet::partition(&sets) {
        // The addresses asked about are the first set, and a part's holders are in order.
        let Some((0, holders)) = holders.split_first() else { continue };
        let mut here = PortSet::none();
        for at in holders {
            here.union_with(&rules[at - 1].1);
        }
        ports = ports.intersection(&here);
    }
    ports
}

fn reason(snapshot: &Snapshot, own: &str, rule: &Rule, other: End<'_>, destination: End<'_>) -> RuleReason {
    let peers: Vec<_> = rule.peers.iter().map(|peer| matches(snapshot, own, peer, other)).collect();
    let matched = peers.is_empty() || peers.iter().any(Result::is_ok) || together(rule, other);
    let ports = if matched { rule.ports_on(destination.container_ports(snapshot)) } else { PortSet::none() };
    RuleReason { peers, ports }
}

fn matches(snapshot: &Snapshot, own: &str, peer: &Peer, other: End<'_>) -> Result<(), Mismatch> {
    match other {
        End::Pod(pod) => {
            let namespace = snapshot.namespace_of(pod);
            let none = crate::selector::Labels::default();
            let namespace_labels = snapshot.namespace_labels(namespace).unwrap_or(&none);
            peer.matches_pod(own, namespace, namespace_labels, &snapshot.pods[pod as usize].labels)
        }
        End::Addresses(addresses) => peer.matches_addresses(addresses),
    }
}

/// Whether the blocks of a rule hold all of the addresses together, though none does alone.
fn together(rule: &Rule, other: End<'_>) -> bool {
    let End::Addresses(addresses) = other else { return false };
    addresses.difference(&rule_addresses(rule)).is_empty()
}

/// The addresses outside the cluster that a rule names: all of them where it names no peer.
pub fn rule_addresses(rule: &Rule) -> AddressSet {
    if rule.peers.is_empty() {
        return AddressSet::all();
    }
    AddressSet::union_of(rule.peers.iter().map(Peer::addresses))
}

/// Whether, of the ports `asked`, a CNI that matches blocks of addresses against pods would allow more between two pods
/// than the verdict, which takes blocks not to match pods as Kubernetes means them.
pub fn hangs_on_blocks(snapshot: &Snapshot, source: u32, destination: u32, verdict: &Verdict, asked: &PortSet) -> bool {
    let wider = |side: &Side, direction: Direction, other: u32| {
        let mut ports = side.ports.clone();
        ports.union_with(&block_ports(snapshot, side, direction, other, destination));
        ports
    };
    let ingress = wider(&verdict.ingress, Direction::Ingress, source);
    let egress = wider(&verdict.egress, Direction::Egress, destination);
    ingress.intersection(&egress).intersection(asked) != verdict.ports.intersection(asked)
}

/// The ports that the blocks of one side's policies would open, were they to match the pod `other`.
fn block_ports(snapshot: &Snapshot, side: &Side, direction: Direction, other: u32, destination: u32) -> PortSet {
    let mut sum = PortSet::none();
    let policies = side.policies.iter().map(|reason| &snapshot.policies[reason.policy].policy);
    for rule in policies.filter_map(|policy| policy.rules(direction)).flatten() {
        let mut blocks = rule.peers.iter().map(Peer::addresses).filter(|block| !block.is_empty());
        if blocks.any(|block| may_hold(snapshot, &block, other)) {
            sum.union_with(&rule.ports_on(Some(&snapshot.spec(destination).ports)));
        }
    }
    sum
}

/// Whether a block holds a pod's address: one that it is known to have, or else one that pods are said to have.
fn may_hold(snapshot: &Snapshot, block: &AddressSet, pod: u32) -> bool {
    let known = &snapshot.spec(pod).addresses;
    if known.is_empty() {
        return snapshot.options.pod_cidrs.iter().any(|net| !block.intersection(&AddressSet::of(*net)).is_empty());
    }
    known.iter().any(|address| block.contains(*address))
}

#[cfg(test)]
mod tests;
