//! Every connection of a snapshot: who may call whom, and what of it is declared and approved.

use crate::cidr::AddressSet;
use crate::port::{Interval, PortSet, Protocol};
use crate::snapshot::Workload;

mod declared;
mod filter;
mod grouped;
mod lister;
mod own;
mod shadow;
mod stream;

pub use filter::Filter;
pub use grouped::{Group, grouped};
pub(crate) use lister::{Entry, Lister, own_caveats, unapproved};
pub use stream::list;

/// One end of a listed connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party<'a> {
    /// The pods of a workload.
    Workload(&'a Workload),
    /// Addresses outside the cluster.
    Addresses(AddressSet),
}

/// What a verdict does not cover.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caveat {
    /// A pod of either end uses its node's network, which most CNIs do not police.
    HostNetwork,
    /// A policy of another API may select either end: its kind and name.
    OtherApi(String),
    /// A block of addresses holds, or may hold, the other pod: some CNIs would let it in.
    IpBlock,
    /// It hangs on what could not be read: what that is.
    Unread(String),
}

impl Caveat {
    /// Whether a verdict with it is none.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Unread(_))
    }
}

impl std::fmt::Display for Caveat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HostNetwork => f.write_str("hostNetwork"),
            Self::OtherApi(policy) => f.write_str(policy),
            Self::IpBlock => f.write_str("ipBlock"),
            Self::Unread(what) => write!(f, "unread: {what}"),
        }
    }
}

/// One connection: a pair of ends, and the ports of the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection<'a> {
    /// Who calls.
    pub source: Party<'a>,
    /// Who is called.
    pub destination: Party<'a>,
    /// What every pod of the source may connect to on every pod of the destination.
    pub ports: PortSet,
    /// What only some of the pods may.
    pub in_part: PortSet,
    /// What the source declares, by the pods' ports behind the Services it names.
    pub declared: PortSet,
    /// What of `declared` is approved.
    pub approved: PortSet,
    /// What of `ports` is cut once all that is in `shadow` is in `enforce`.
    pub would_cut: PortSet,
    /// Whether a policy isolates some pod of the source for egress.
    pub egress_isolated: bool,
    /// Whether a policy isolates some pod of the destination for ingress.
    pub ingress_isolated: bool,
    /// What the verdict does not cover.
    pub caveats: Vec<Caveat>,
}

/// A range of ports, all of which are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The protocol.
    pub protocol: Protocol,
    /// The first and last port.
    pub interval: Interval,
    /// Whether the source declares it.
    pub declared: bool,
    /// Whether what it declares is approved.
    pub approved: bool,
}

impl Connection<'_> {
    /// What is declared but not allowed for every pod.
    pub fn cut(&self) -> PortSet {
        self.declared.difference(&self.ports)
    }

    /// The allowed ports, cut where what is declared or approved begins or ends.
    pub fn ranges(&self) -> Vec<PortRange> {
        self.flagged(&self.ports)
    }

    /// Any of the connection's ports with what is declared and approved of them.
    pub fn flagged(&self, ports: &PortSet) -> Vec<PortRange> {
        if self.declared.is_empty() {
            let undeclared = |(protocol, interval)| PortRange { protocol, interval, declared: false, approved: false };
            return ports.iter().map(undeclared).collect();
        }
        let parts = [
            (ports.difference(&self.declared), false, false),
            (ports.intersection(&self.declared.difference(&self.approved)), true, false),
            (ports.intersection(&self.approved), true, true),
        ];
        let mut ranges: Vec<PortRange> = parts
            .iter()
            .flat_map(|(set, declared, approved)| {
                set.iter().map(|(protocol, interval)| PortRange {
                    protocol,
                    interval,
                    declared: *declared,
                    approved: *approved,
                })
            })
            .collect();
        ranges.sort_by_key(|r| (r.protocol, r.interval));
        ranges
    }
}

#[cfg(test)]
mod tests;
