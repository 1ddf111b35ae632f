//! NetworkPolicy (`networking.k8s.io/v1`) as the API server understands it, its defaults filled in.

use std::sync::Arc;

use ipnet::IpNet;

use crate::cidr::AddressSet;
use crate::names;
use crate::objects::{ContainerPort, Metadata, Origin, TargetPort};
use crate::port::{PortSet, Protocol};
use crate::selector::{Labels, Requirement, Selector};

mod api;

/// Which way a rule looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Into the selected pods.
    Ingress,
    /// Out of the selected pods.
    Egress,
}

impl Direction {
    /// `ingress` or `egress`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

/// A NetworkPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkPolicy {
    /// Namespace and name.
    pub metadata: Metadata,
    /// The pods of its namespace that it selects.
    pub pods: Selector,
    /// Its ingress rules; `None` where it does not isolate for ingress (`policyTypes`).
    pub ingress: Option<Vec<Rule>>,
    /// Its egress rules; `None` where it does not isolate for egress (`policyTypes`).
    pub egress: Option<Vec<Rule>>,
}

impl NetworkPolicy {
    /// Whether it selects by what only netintent gives: derived labels of pods, or modes of namespaces. Without netintent such a
    /// selector selects nothing.
    pub fn hangs_on_netintent(&self) -> bool {
        let of_pods = |selector: &Selector| selector.requirements.iter().any(|r| names::is_reserved(&r.key));
        let of_mode = |selector: &Selector| selector.requirements.iter().any(|r| r.key == names::MODE);
        let by_peer = |peer: &Peer| match peer {
            Peer::Pods { pods, namespaces } => {
                pods.as_ref().is_some_and(of_pods) || namespaces.as_deref().is_some_and(of_mode)
            }
            Peer::Block { .. } => false,
        };
        let mut rules = self.ingress.iter().chain(&self.egress).flatten();
        of_pods(&self.pods) || rules.any(|rule| rule.peers.iter().any(by_peer))
    }

    /// The rules of a direction, if the policy isolates for it.
    pub fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }
}

/// One rule: some peers, on some ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// Who; none listed means everybody, addresses outside included.
    pub peers: Vec<Peer>,
    /// On which ports of the destination; none listed means all.
    pub ports: Vec<PolicyPort>,
    /// Where the rule stands.
    pub origin: Option<Origin>,
}

impl Rule {
    /// The ports of a destination pod that the rule means; `None` stands for a destination that is no pod, which has no
    /// named ports.
    pub fn ports_on(&self, container_ports: Option<&[ContainerPort]>) -> PortSet {
        if self.ports.is_empty() {
            return PortSet::all();
        }
        let mut set = PortSet::none();
        for port in &self.ports {
            match &port.port {
                None => set.insert(port.protocol, 1, u16::MAX),
                Some(TargetPort::Number(from)) => set.insert(port.protocol, *from, port.end.unwrap_or(*from)),
                Some(TargetPort::Name(name)) => {
                    for number in numbers(container_ports.unwrap_or_default(), name, port.protocol) {
                        set.insert(port.protocol, number, number);
                    }
                }
            }
        }
        set
    }

    /// Whether which ports it means depends on the destination pod.
    pub fn has_named_ports(&self) -> bool {
        self.ports.iter().any(|p| matches!(p.port, Some(TargetPort::Name(_))))
    }
}

/// The numbers of the container ports of a name and protocol.
pub fn numbers<'a>(ports: &'a [ContainerPort], name: &'a str, protocol: Protocol) -> impl Iterator<Item = u16> + 'a {
    ports.iter().filter(move |p| p.protocol == protocol && p.name.as_deref() == Some(name)).map(|p| p.port)
}

/// A port, or a range of them, in a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyPort {
    /// The protocol.
    pub protocol: Protocol,
    /// The destination pod's port; `None`: every port of the protocol.
    pub port: Option<TargetPort>,
    /// The last port of a range that begins at `port`.
    pub end: Option<u16>,
}

impl std::fmt::Display for PolicyPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.port, self.end) {
            (None, _) => write!(f, "{} all", self.protocol),
            (Some(port), None) => write!(f, "{} {port}", self.protocol),
            (Some(port), Some(end)) => write!(f, "{} {port}-{end}", self.protocol),
        }
    }
}

/// Who may be at the other end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// Pods: those that both selectors select.
    Pods {
        /// On the pod's labels; `None`: every pod.
        pods: Option<Selector>,
        /// On the namespace's labels; `None`: the policy's own namespace.
        namespaces: Option<Arc<Selector>>,
    },
    /// Addresses outside the cluster.
    Block {
        /// The block.
        cidr: IpNet,
        /// What of it is left out.
        except: Vec<IpNet>,
    },
}

/// Why a peer is not who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// It names its own namespace, and the pod is in another.
    OtherNamespace,
    /// The pod's namespace has not the labels.
    Namespace(Requirement),
    /// The pod has not the labels.
    Pod(Requirement),
    /// It is a block of addresses, which Kubernetes takes not to match pods.
    IsBlock,
    /// It selects pods, and an address outside asks.
    IsPods,
    /// It is a block that has not all of the addresses.
    OutsideBlock,
}

impl Peer {
    /// The addresses that it names.
    pub fn addresses(&self) -> AddressSet {
        match self {
            Self::Pods { .. } => AddressSet::none(),
            Self::Block { cidr, except } => AddressSet::block(*cidr, except),
        }
    }

    /// Whether a pod is this peer, for a policy of `own_namespace`.
    ///
    /// # Errors
    /// Why it is not.
    pub fn matches_pod(
        &self,
        own_namespace: &str,
        namespace: &str,
        namespace_labels: &Labels,
        labels: &Labels,
    ) -> Result<(), Mismatch> {
        let Self::Pods { pods, namespaces } = self else { return Err(Mismatch::IsBlock) };
        match namespaces {
            None if own_namespace != namespace => return Err(Mismatch::OtherNamespace),
            None => {}
            Some(selector) => {
                if let Some(unmet) = selector.unmet(namespace_labels) {
                    return Err(Mismatch::Namespace(unmet.clone()));
                }
            }
        }
        match pods.as_ref().and_then(|selector| selector.unmet(labels)) {
            Some(unmet) => Err(Mismatch::Pod(unmet.clone())),
            None => Ok(()),
        }
    }

    /// Whether all of the addresses are this peer.
    ///
    /// # Errors
    /// Why they are not.
    pub fn matches_addresses(&self, addresses: &AddressSet) -> Result<(), Mismatch> {
        match self {
            Self::Pods { .. } => Err(Mismatch::IsPods),
            Self::Block { .. } if addresses.difference(&self.addresses()).is_empty() => Ok(()),
            Self::Block { .. } => Err(Mismatch::OutsideBlock),
        }
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Block { cidr, except } if except.is_empty() => write!(f, "addresses {cidr}"),
            Self::Block { cidr, except } => {
                let except: Vec<String> = except.iter().map(ToString::to_string).collect();
                write!(f, "addresses {cidr} except {}", except.join(", "))
            }
            Self::Pods { pods, namespaces } => {
                match pods.as_ref().filter(|s| !s.is_empty()) {
                    Some(selector) => write!(f, "pods {selector}")?,
                    None => f.write_str("every pod")?,
                }
                match namespaces {
                    None => f.write_str(" of this namespace"),
                    Some(selector) if selector.is_empty() => f.write_str(" of every namespace"),
                    Some(selector) => write!(f, " of namespaces {selector}"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(protocol: Protocol, port: Option<TargetPort>, end: Option<u16>) -> PolicyPort {
        PolicyPort { protocol, port, end }
    }

    #[test]
    fn ports_of_a_rule() {
        let http = [ContainerPort { name: Some("http".into()), port: 8080, protocol: Protocol::Tcp }];
        let rule = |ports| Rule { ports, ..Rule::default() };
        assert!(rule(vec![]).ports_on(Some(&http)).is_all());
        let named = rule(vec![port(Protocol::Tcp, Some(TargetPort::Name("http".into())), None)]);
        assert_eq!(named.ports_on(Some(&http)).to_string(), "TCP 8080");
        assert!(named.ports_on(None).is_empty(), "an address has no named ports");
        let udp = rule(vec![port(Protocol::Udp, Some(TargetPort::Name("http".into())), None)]);
        assert!(udp.ports_on(Some(&http)).is_empty(), "a name counts for its protocol only");
        let range = rule(vec![
            port(Protocol::Sctp, None, None),
            port(Protocol::Tcp, Some(TargetPort::Number(8000)), Some(8010)),
        ]);
        assert_eq!(range.ports_on(None).to_string(), "TCP 8000-8010 · SCTP all");
    }

    #[test]
    fn what_selects_by_what_netintent_gives_hangs_on_it() {
        let key = "ledger.bank.to.netintent.dev/rpc";
        let empty = || NetworkPolicy {
            metadata: Metadata::default(),
            pods: Selector::of_labels([("app", "ledger")]),
            ingress: None,
            egress: None,
        };
        let rules = |peer: Peer| Some(vec![Rule::default(), Rule { peers: vec![peer], ..Rule::default() }]);
        let pods = |selector: Selector| rules(Peer::Pods { pods: Some(selector), namespaces: None });
        let namespaces = |selector: Selector| rules(Peer::Pods { pods: None, namespaces: Some(Arc::new(selector)) });
        let mode = || Selector::of_labels([(names::MODE, "enforce")]);
        assert!(NetworkPolicy { pods: Selector::of_labels([(key, "allowed")]), ..empty() }.hangs_on_netintent());
        assert!(
            NetworkPolicy { ingress: pods(Selector::of_labels([(key, "allowed")])), ..empty() }.hangs_on_netintent()
        );
        assert!(NetworkPolicy { egress: namespaces(mode()), ..empty() }.hangs_on_netintent());
        // On a pod that label says nothing.
        assert!(!NetworkPolicy { ingress: pods(mode()), ..empty() }.hangs_on_netintent());
        assert!(!NetworkPolicy { ingress: namespaces(Selector::default()), ..empty() }.hangs_on_netintent());
        assert!(!empty().hangs_on_netintent());
    }

    #[test]
    fn peers_and_why_not() {
        let web: Labels = [("app", "web")].into_iter().collect();
        let shop: Labels = [("team", "shop")].into_iter().collect();
        let by_pod = Peer::Pods { pods: Some(Selector::of_labels([("app", "web")])), namespaces: None };
        assert_eq!(by_pod.matches_pod("shop", "shop", &shop, &web), Ok(()));
        assert_eq!(by_pod.matches_pod("bank", "shop", &shop, &web), Err(Mismatch::OtherNamespace));
        let both = Peer::Pods {
            pods: Some(Selector::of_labels([("app", "db")])),
            namespaces: Some(Arc::new(Selector::of_labels([("team", "shop")]))),
        };
        assert!(matches!(both.matches_pod("x", "shop", &shop, &web), Err(Mismatch::Pod(_))));
        assert!(matches!(both.matches_pod("x", "shop", &web, &web), Err(Mismatch::Namespace(_))));
        let block = Peer::Block { cidr: crate::cidr::parse("10.0.0.0/8").unwrap(), except: vec![] };
        assert_eq!(block.matches_pod("x", "shop", &shop, &web), Err(Mismatch::IsBlock));
        let half = AddressSet::of(crate::cidr::parse("10.0.0.0/7").unwrap());
        assert_eq!(block.matches_addresses(&half), Err(Mismatch::OutsideBlock));
    }
}
