//! The second rule: the NetworkPolicies of Services and namespaces in `enforce`.
//!
//! A Service's policy depends on the callee alone: it selects on derived labels, so that an edge more or less never
//! changes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rustc_hash::FxHashSet;

use crate::approval::{Approval, FromPeer, Prohibition};
use crate::callee::{CalleePattern, Port, Scope};
use crate::caller::CallerPattern;
use crate::mode::Mode;
use crate::names;
use crate::objects::{Metadata, Origin, Service, Text};
use crate::policy::{NetworkPolicy, Peer, PolicyPort, Rule};
use crate::selector::{Labels, Operator, Requirement, Selector};

/// The name of the policy that closes a namespace.
pub const NAMESPACE_POLICY: &str = "netintent";

/// The name of a Service's policy.
pub fn policy_name(service: &str) -> String {
    format!("{NAMESPACE_POLICY}-{service}")
}

/// Whether a policy of this name closes a namespace or is a Service's, if it is netintent's.
pub fn is_named(policy: &str) -> bool {
    policy == NAMESPACE_POLICY || policy.starts_with(&policy_name(""))
}

/// Whether a NetworkPolicy is one that the controller keeps in place, and takes away where no mode asks for it.
pub fn is_ours(policy: &Metadata) -> bool {
    is_named(&policy.name) && policy.labels.get(names::MANAGED_BY) == Some(names::NETINTENT)
}

/// What else there is to say about a policy, or the lack of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Omission {
    /// A Service in `enforce` that no policy can stand before: without selector, or an ExternalName.
    NotEnforceable {
        /// Index of the Service.
        service: usize,
    },
    /// A namespace in `enforce` that stays open, since one of its Services is overridden.
    KeptOpen {
        /// The namespace.
        namespace: String,
        /// Index of the first such Service.
        service: usize,
    },
    /// A `from` peer that is left out since it is none.
    InvalidPeer {
        /// Index of the Approval.
        approval: usize,
        /// What is wrong with it.
        message: String,
        /// Where it stands.
        origin: Option<Origin>,
    },
    /// A `from` peer that is left out since it may select a namespace that a prohibition names.
    ProhibitedPeer {
        /// Index of the Approval.
        approval: usize,
        /// Index of the prohibition.
        prohibition: usize,
        /// Where the peer stands.
        origin: Option<Origin>,
    },
}

/// The policies, and what else there is to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compiled {
    /// In order of namespace and name.
    pub policies: Vec<NetworkPolicy>,
    /// Of Services, then of namespaces, then of Approvals, each in order.
    pub omissions: Vec<Omission>,
}

/// The mode of a Service: its own label, or its namespace's where it has none or an unknown value.
pub fn service_mode(service: &Service, namespace: Mode) -> Mode {
    service.metadata.labels.get(names::MODE).and_then(Mode::parse).unwrap_or(namespace)
}

/// Writes the policies of all Services and namespaces in `enforce`.
///
/// `namespaces` gives each namespace's mode; one that is not in it is `off`. Pure: equal arguments give equal results.
pub fn compile(
    services: &[Service],
    namespaces: &BTreeMap<String, Mode>,
    approvals: &[Approval],
    prohibitions: &[Prohibition],
    now: Timestamp,
) -> Compiled {
    let mode_of = |namespace: &str| namespaces.get(namespace).copied().unwrap_or_default();
    let mut result = Compiled::default();
    let statements = Opened { openings: Openings::new(approvals, now), prohibitions, managed: managed_namespaces() };
    let mut kept_open: BTreeMap<&str, usize> = BTreeMap::new();
    let mut left_out: Vec<Omission> = Vec::new();
    for (at, service) in services.iter().enumerate() {
        let namespace = service.metadata.namespace.as_str();
        let mode = mode_of(namespace);
        if keeps_open(service, mode) {
            kept_open.entry(namespace).or_insert(at);
        }
        if service_mode(service, mode) != Mode::Enforce {
            continue;
        }
        match service.enforceable() {
            Some(selector) => result.policies.push(statements.policy(service, selector, mode, &mut left_out)),
            None => result.omissions.push(Omission::NotEnforceable { service: at }),
        }
    }
    for (namespace, mode) in namespaces {
        match (mode, kept_open.get(namespace.as_str())) {
            (Mode::Enforce, None) => result.policies.push(closing(namespace)),
            (Mode::Enforce, Some(service)) => {
                result.omissions.push(Omission::KeptOpen { namespace: namespace.clone(), service: *service });
            }
            _ => {}
        }
    }
    result.policies.sort_by(|a, b| a.metadata.key().cmp(&b.metadata.key()));
    left_out.sort_by_key(|f| match f {
        Omission::InvalidPeer { approval, origin, .. } | Omission::ProhibitedPeer { approval, origin, .. } => {
            (*approval, *origin)
        }
        Omission::NotEnforceable { .. } | Omission::KeptOpen { .. } => (0, None),
    });
    left_out.dedup();
    result.omissions.append(&mut left_out);
    result
}

/// The policy of one Service whose namespace is in `mode`, as [`compile`] gives it; `None` where it has none. Of the
/// approvals only those count that are of its namespace or of the cluster.
pub fn of_service(
    service: &Service,
    mode: Mode,
    approvals: &[Approval],
    prohibitions: &[Prohibition],
    now: Timestamp,
) -> Option<NetworkPolicy> {
    let selector = service.enforceable().filter(|_| service_mode(service, mode) == Mode::Enforce)?;
    let statements = Opened { openings: Openings::new(approvals, now), prohibitions, managed: managed_namespaces() };
    Some(statements.policy(service, selector, mode, &mut Vec::new()))
}

/// The policy of one namespace in `mode` that has these Services, as [`compile`] gives it; `None` where it has none.
pub fn of_namespace<'s>(
    namespace: &str,
    mode: Mode,
    services: impl IntoIterator<Item = &'s Service>,
) -> Option<NetworkPolicy> {
    let closed = mode == Mode::Enforce && !services.into_iter().any(|service| keeps_open(service, mode));
    closed.then(|| closing(namespace))
}

/// Whether a Service keeps its namespace in `mode` from being closed as a whole.
fn keeps_open(service: &Service, mode: Mode) -> bool {
    mode == Mode::Enforce && service_mode(service, mode) != Mode::Enforce
}

/// What lets nobody in.
fn closing(namespace: &str) -> NetworkPolicy {
    NetworkPolicy {
        metadata: generated(namespace, NAMESPACE_POLICY),
        pods: Selector::default(),
        ingress: Some(vec![]),
        egress: None,
    }
}

/// What policies of Services hang on besides the Service.
struct Opened<'a> {
    openings: Openings<'a>,
    prohibitions: &'a [Prohibition],
    managed: Arc<Selector>,
}

impl Opened<'_> {
    /// The policy of a Service that selects these pods.
    fn policy(
        &self,
        service: &Service,
        selector: &Selector,
        mode: Mode,
        left_out: &mut Vec<Omission>,
    ) -> NetworkPolicy {
        let namespace = service.metadata.namespace.as_str();
        let mut rules = Vec::with_capacity(service.ports.len() + 1);
        for port in &service.ports {
            let identifier = port.identifier();
            let mut peers = granting_peers(service, &identifier, mode, &self.managed);
            let callee = CalleePattern { scope: scope_of(service), port: identifier };
            let mut known: FxHashSet<Peer> = peers.iter().cloned().collect();
            for (index, approval) in self.openings.about(namespace) {
                if !opens(approval, service, mode, &callee.port) {
                    continue;
                }
                for from in &approval.from {
                    match admitted(from, &callee, namespace, self.prohibitions) {
                        Ok(peer) if known.insert(peer.clone()) => peers.push(peer.clone()),
                        Ok(_) => {}
                        Err(why) => left_out.push(why.omission(index, from)),
                    }
                }
            }
            rules.push(Rule {
                peers,
                ports: vec![PolicyPort { protocol: port.protocol, port: Some(port.target.clone()), end: None }],
                origin: None,
            });
        }
        // The Service's own pods: databases gossip and replicate.
        let own = Peer::Pods { pods: Some(selector.clone()), namespaces: None };
        rules.push(Rule { peers: vec![own], ports: vec![], origin: None });
        let mut metadata = generated(namespace, &policy_name(&service.metadata.name));
        metadata.annotations = vec![(names::SERVICE.to_owned(), Text::unplaced(&service.metadata.name))];
        metadata.origin = service.metadata.origin;
        NetworkPolicy { metadata, pods: selector.clone(), ingress: Some(rules), egress: None }
    }
}

/// The unexpired approvals that have a `from`, by the namespace that each can be about. In order of their names: whoever
/// renders a policy should get the same one, in whatever order files or a cluster gave the approvals.
struct Openings<'a> {
    of_namespace: BTreeMap<&'a str, Vec<(usize, &'a Approval)>>,
    of_cluster: Vec<(usize, &'a Approval)>,
}

impl<'a> Openings<'a> {
    fn new(approvals: &'a [Approval], now: Timestamp) -> Self {
        let mut all = Self { of_namespace: BTreeMap::new(), of_cluster: Vec::new() };
        for (at, approval) in approvals.iter().enumerate().filter(|(_, a)| !a.from.is_empty() && !a.is_expired(now)) {
            match approval.metadata.namespace.as_str() {
                "" => all.of_cluster.push((at, approval)),
                namespace => all.of_namespace.entry(namespace).or_default().push((at, approval)),
            }
        }
        for list in all.of_namespace.values_mut().chain([&mut all.of_cluster]) {
            list.sort_by(|(_, a), (_, b)| a.metadata.name.cmp(&b.metadata.name));
        }
        all
    }

    fn about(&self, namespace: &str) -> impl Iterator<Item = (usize, &'a Approval)> + '_ {
        self.of_namespace.get(namespace).into_iter().flatten().chain(&self.of_cluster).copied()
    }
}

fn generated(namespace: &str, name: &str) -> Metadata {
    let mut labels = Labels::default();
    labels.insert(names::MANAGED_BY, names::NETINTENT);
    Metadata { namespace: namespace.to_owned(), name: name.to_owned(), labels, ..Metadata::default() }
}

fn managed_namespaces() -> Arc<Selector> {
    Arc::new(Selector::new(vec![Requirement {
        key: names::MODE.to_owned(),
        operator: Operator::In,
        values: [Mode::Shadow, Mode::Enforce].iter().map(|m| m.as_str().to_owned()).collect(),
    }]))
}

/// The scope that names just this Service.
pub fn scope_of(service: &Service) -> Scope {
    Scope::Service { namespace: service.metadata.namespace.clone(), name: service.metadata.name.clone() }
}

/// Whether a pattern's scope means this Service as it is now, its namespace being in `mode`.
pub fn means(pattern: &CalleePattern, service: &Service, mode: Mode) -> bool {
    let metadata = &service.metadata;
    match &pattern.scope {
        Scope::Service { namespace, name } => *namespace == metadata.namespace && *name == metadata.name,
        Scope::Namespace(namespace) => *namespace == metadata.namespace,
        Scope::Cluster => mode.is_managed(),
        Scope::Type(r#type) => mode.is_managed() && metadata.labels.get(names::TYPE) == Some(r#type),
    }
}

/// The pods that may reach a port of the Service by a grant: one peer for each label that can stand for it.
fn granting_peers(service: &Service, port: &Port, mode: Mode, managed: &Arc<Selector>) -> Vec<Peer> {
    let namespace = Scope::Namespace(service.metadata.namespace.clone());
    let mut scopes = vec![scope_of(service), namespace];
    if mode.is_managed() {
        scopes.push(Scope::Cluster);
        let r#type = service.metadata.labels.get(names::TYPE).filter(|t| names::is_dns_label(t));
        scopes.extend(r#type.map(|t| Scope::Type(t.to_owned())));
    }
    let mut peers = Vec::with_capacity(scopes.len() * 2 + 1);
    for scope in scopes {
        for port in [port.clone(), Port::All] {
            let key = CalleePattern { scope: scope.clone(), port }.label_key();
            peers.push(Peer::Pods {
                pods: Some(Selector::of_labels([(key.as_str(), names::ALLOWED)])),
                namespaces: Some(Arc::clone(managed)),
            });
        }
    }
    peers
}

/// Whether an approval's `from` is about a port of a Service whose namespace is in `mode`, expiry apart.
pub(crate) fn opens(approval: &Approval, service: &Service, mode: Mode, port: &Port) -> bool {
    approval.callees.iter().any(|callee| means(callee, service, mode) && callee.port.covers(port))
}

/// Why a `from` peer is left out.
pub(crate) enum LeftOut {
    /// It is no peer.
    Invalid(String),
    /// It may select a namespace that this prohibition names.
    Prohibited(usize),
}

impl LeftOut {
    fn omission(self, approval: usize, from: &FromPeer) -> Omission {
        let origin = from.origin;
        match self {
            Self::Invalid(message) => Omission::InvalidPeer { approval, message, origin },
            Self::Prohibited(prohibition) => Omission::ProhibitedPeer { approval, prohibition, origin },
        }
    }
}

/// The peer that goes into the policy of a callee in `namespace`, or why none does.
pub(crate) fn admitted<'a>(
    from: &'a FromPeer,
    callee: &CalleePattern,
    namespace: &str,
    prohibitions: &[Prohibition],
) -> Result<&'a Peer, LeftOut> {
    let peer = from.peer.as_ref().map_err(|message| LeftOut::Invalid(message.clone()))?;
    let prohibition = prohibitions.iter().position(|p| {
        p.callees.iter().any(|c| c.overlaps(callee)) && p.callers.iter().any(|c| may_select(peer, namespace, c))
    });
    prohibition.map_or(Ok(peer), |at| Err(LeftOut::Prohibited(at)))
}

/// Whether a peer, in a policy of `own_namespace`, may now or later select pods of these callers' namespaces. Of a
/// namespace only its name is certain; blocks are taken not to match pods.
fn may_select(peer: &Peer, own_namespace: &str, callers: &CallerPattern) -> bool {
    let Peer::Pods { namespaces, .. } = peer else { return false };
    let prohibited = match callers {
        CallerPattern::Any => return true,
        CallerPattern::Namespace(namespace) => namespace,
        CallerPattern::One(caller) => &caller.namespace,
    };
    match namespaces {
        None => own_namespace == prohibited,
        Some(selector) => {
            let certain: Labels = [(names::NAMESPACE_NAME, prohibited.as_str())].into_iter().collect();
            selector.requirements.iter().all(|r| r.key != names::NAMESPACE_NAME || r.matches(&certain))
        }
    }
}

#[cfg(test)]
mod tests;
