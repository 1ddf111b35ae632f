//! Connections with addresses outside the cluster.

use super::Connections;
use crate::cidr::AddressSet;
use crate::evaluate::rule_addresses;
use crate::policy::{Direction, Peer};
use crate::port::PortSet;

/// Disjoint sets of addresses, each with the ports that are allowed with all of it, none of them empty.
pub type ExternalPorts = Vec<(AddressSet, PortSet)>;

impl Connections<'_> {
    /// Which addresses outside may connect to a pod (ingress), or be connected to from it (egress).
    ///
    /// Named ports of an egress rule name nothing outside.
    pub fn external(&self, direction: Direction, pod: u32) -> ExternalPorts {
        if !self.is_isolated(direction, pod) {
            return vec![(AddressSet::all(), PortSet::all())];
        }
        let rules: Vec<(AddressSet, PortSet)> = self
            .rules_of(direction, pod)
            .map(|rule| {
                let destination = match direction {
                    Direction::Ingress => Some(self.snapshot.spec(pod).ports.as_slice()),
                    Direction::Egress => None,
                };
                (rule_addresses(rule), rule.ports_on(destination))
            })
            .filter(|(addresses, ports)| !addresses.is_empty() && !ports.is_empty())
            .collect();
        if rules.is_empty() {
            return Vec::new();
        }
        let sets: Vec<&AddressSet> = rules.iter().map(|(addresses, _)| addresses).collect();
        let mut merged: ExternalPorts = Vec::new();
        for (addresses, holders) in AddressSet::partition(&sets) {
            let mut ports = PortSet::none();
            holders.iter().for_each(|at| ports.union_with(&rules[*at].1));
            if ports.is_empty() {
                continue;
            }
            match merged.iter_mut().find(|(_, same)| *same == ports) {
                Some((sum, _)) => *sum = sum.union(&addresses),
                None => merged.push((addresses, ports)),
            }
        }
        merged.sort();
        merged
    }

    /// Whether a rule for a pod, in a direction, names a block of addresses.
    pub fn has_blocks(&self, direction: Direction, pod: u32) -> bool {
        self.rules_of(direction, pod).flat_map(|rule| &rule.peers).any(|peer| matches!(peer, Peer::Block { .. }))
    }
}
