//! The design's rules on intents, approvals, prohibitions and modes, read a second time: who may reach which port of a
//! pod, without derived labels and generated policies.

use std::collections::BTreeSet;

use netintent::approval::{Approval, Prohibition};
use netintent::callee::{CalleePattern, Port, Scope};
use netintent::caller::CallerPattern;
use netintent::intent;
use netintent::objects::{Objects, Service, ServicePort, TargetPort, Workload};
use netintent::policy::Peer;
use netintent::port::Protocol;
use netintent::snapshot::Snapshot;

use crate::generate::now;
use crate::reference::{End, World, named, selects};

/// The cluster as the design sees it.
pub(crate) struct Model<'a> {
    pub(crate) snapshot: &'a Snapshot,
    /// The pods under the user's own policies alone.
    pub(crate) world: &'a World,
}

/// `off`, `shadow` or `enforce`.
fn mode(value: Option<&str>) -> Option<&'static str> {
    ["off", "shadow", "enforce"].into_iter().find(|mode| value == Some(*mode))
}

/// An intent covers, or is covered, by the text alone.
fn scope_covers(wide: &Scope, narrow: &Scope) -> bool {
    match (wide, narrow) {
        (Scope::Cluster, _) => true,
        (Scope::Namespace(a), Scope::Service { namespace, .. }) => a == namespace,
        (a, b) => a == b,
    }
}

fn port_covers(wide: &Port, narrow: &Port) -> bool {
    matches!(wide, Port::All) || wide == narrow
}

/// "An intent that overlaps one, a wildcard too, is refused whole; a type overlaps unless it provably does not."
fn overlap(a: &CalleePattern, b: &CalleePattern) -> bool {
    let scopes = match (&a.scope, &b.scope) {
        (Scope::Type(a), Scope::Type(b)) => a == b,
        (Scope::Type(_), _) | (_, Scope::Type(_)) => true,
        (a, b) => scope_covers(a, b) || scope_covers(b, a),
    };
    scopes && (port_covers(&a.port, &b.port) || port_covers(&b.port, &a.port))
}

fn is_caller(pattern: &CallerPattern, namespace: &str, name: &str) -> bool {
    match pattern {
        CallerPattern::Any => true,
        CallerPattern::Namespace(own) => own == namespace,
        CallerPattern::One(one) => one.namespace == namespace && one.name == name,
    }
}

/// "The pod-template annotation overrides the name, never the namespace"; the owner's name else, without the hash.
fn caller_name(workload: &Workload) -> String {
    if let Some(text) = workload.pod.caller.as_ref().filter(|t| !t.value.contains('/')) {
        return text.value.clone();
    }
    let Some(owner) = &workload.metadata.controller else { return workload.metadata.name.clone() };
    let hash = workload.pod.labels.get("pod-template-hash").map(|hash| format!("-{hash}"));
    match hash {
        Some(hash) if owner.kind == "ReplicaSet" => owner.name.strip_suffix(&*hash).unwrap().to_owned(),
        _ => owner.name.clone(),
    }
}

fn intents(objects: &Objects, workload: &Workload) -> Vec<CalleePattern> {
    let namespace = &workload.metadata.namespace;
    let own = workload.pod.calls.as_ref().map(|text| intent::parse(&text.value, namespace).intents);
    let accounts = objects.service_accounts.iter().filter(|account| {
        account.metadata.namespace == *namespace && account.metadata.name == workload.pod.service_account
    });
    let theirs = accounts.flat_map(|account| {
        let text = account.metadata.annotation("netintent.dev/calls");
        text.map(|text| intent::parse(&text.value, namespace).intents).unwrap_or_default()
    });
    own.unwrap_or_default().into_iter().chain(theirs).map(|intent| (*intent.callee).clone()).collect()
}

fn expired(approval: &Approval) -> bool {
    approval.expires_at.is_some_and(|at| at <= now())
}

/// The name by which a Service's port is known.
fn identifier(port: &ServicePort) -> Port {
    port.name.clone().map_or(Port::Number(port.port), Port::Named)
}

impl Model<'_> {
    fn objects(&self) -> &Objects {
        &self.snapshot.objects
    }

    fn workload(&self, pod: usize) -> &Workload {
        &self.objects().workloads[self.snapshot.pods[pod].object]
    }

    /// "None, or an unknown value: off."
    pub(crate) fn namespace_mode(&self, namespace: &str) -> &'static str {
        let object = self.objects().namespaces.iter().find(|n| n.metadata.name == namespace);
        object.and_then(|n| mode(n.metadata.labels.get("netintent.dev/mode"))).unwrap_or("off")
    }

    fn service_mode(&self, service: &Service) -> &'static str {
        let own = mode(service.metadata.labels.get("netintent.dev/mode"));
        own.unwrap_or_else(|| self.namespace_mode(&service.metadata.namespace))
    }

    /// The intents of a pod that give labels: declared, wholly covered by one approval, and not prohibited.
    pub(crate) fn granted(&self, pod: usize) -> Vec<CalleePattern> {
        let workload = self.workload(pod);
        let (namespace, name) = (workload.metadata.namespace.as_str(), caller_name(workload));
        // "Mirror pods get no grants", and pods of unmanaged namespaces no labels.
        if workload.pod.mirror || self.namespace_mode(namespace) == "off" {
            return Vec::new();
        }
        let objects = self.objects();
        let mut found = intents(objects, workload);
        found.retain(|intent| {
            let approved = objects.approvals.iter().filter(|a| !expired(a)).any(|a| {
                let covers =
                    |c: &CalleePattern| scope_covers(&c.scope, &intent.scope) && port_covers(&c.port, &intent.port);
                a.callers.iter().any(|c| is_caller(c, namespace, &name)) && a.callees.iter().any(covers)
            });
            let forbids = |p: &Prohibition| {
                p.callers.iter().any(|c| is_caller(c, namespace, &name)) && p.callees.iter().any(|c| overlap(c, intent))
            };
            approved && !objects.prohibitions.iter().any(forbids)
        });
        found
    }

    /// Whether a pattern means a port of a Service, as both are now.
    fn means(&self, pattern: &CalleePattern, service: &Service, port: &Port) -> bool {
        let metadata = &service.metadata;
        let managed = self.namespace_mode(&metadata.namespace) != "off";
        let scope = match &pattern.scope {
            Scope::Service { namespace, name } => *namespace == metadata.namespace && *name == metadata.name,
            Scope::Namespace(namespace) => *namespace == metadata.namespace,
            Scope::Cluster => managed,
            Scope::Type(name) => managed && metadata.labels.get("netintent.dev/type") == Some(name),
        };
        scope && port_covers(&pattern.port, port)
    }

    /// The Services in `enforce` before a pod.
    fn services_before(&self, pod: usize) -> impl Iterator<Item = &Service> {
        let pod = &self.world.pods[pod];
        self.objects().services.iter().filter(move |service| {
            service.metadata.namespace == pod.namespace
                && service.r#type != netintent::objects::ServiceType::ExternalName
                && service.selector.as_ref().is_some_and(|s| selects(s, &pod.labels))
                && self.service_mode(service) == "enforce"
        })
    }

    /// "A Namespace in enforce in which no Service is overridden" is closed as a whole.
    fn is_closed(&self, namespace: &str) -> bool {
        let services = self.objects().services.iter().filter(|s| s.metadata.namespace == namespace);
        self.namespace_mode(namespace) == "enforce" && services.map(|s| self.service_mode(s)).all(|m| m == "enforce")
    }

    /// Whether anything of netintent's stands before a pod.
    pub(crate) fn is_protected(&self, pod: usize) -> bool {
        self.is_closed(&self.world.pods[pod].namespace) || self.services_before(pod).next().is_some()
    }

    /// Why netintent's rules let `source` reach a port of the pod `destination`, which they protect; empty where they do
    /// not.
    pub(crate) fn admits(
        &self,
        source: End,
        granted: &[CalleePattern],
        destination: usize,
        port: (Protocol, u16),
    ) -> BTreeSet<&'static str> {
        let mut reasons = BTreeSet::new();
        for service in self.services_before(destination) {
            if self.is_own_pod(service, source) {
                reasons.insert("own pods");
            }
            for service_port in service.ports.iter().filter(|p| self.leads(p, destination, port)) {
                let name = identifier(service_port);
                for intent in granted.iter().filter(|intent| self.means(intent, service, &name)) {
                    reasons.insert(match intent.scope {
                        Scope::Service { .. } => "grant of a service",
                        Scope::Namespace(_) => "grant of a namespace",
                        Scope::Cluster => "grant of the cluster",
                        Scope::Type(_) => "grant of a type",
                    });
                }
                if self.is_from(service, &name, source) {
                    reasons.insert(if matches!(source, End::Pod(_)) { "from a pod" } else { "from an address" });
                }
            }
        }
        reasons
    }

    fn is_own_pod(&self, service: &Service, source: End) -> bool {
        let End::Pod(pod) = source else { return false };
        let pod = &self.world.pods[pod];
        pod.namespace == service.metadata.namespace
            && service.selector.as_ref().is_some_and(|s| selects(s, &pod.labels))
    }

    /// Whether a Service port leads to this port of the pod.
    fn leads(&self, service_port: &ServicePort, pod: usize, (protocol, port): (Protocol, u16)) -> bool {
        service_port.protocol == protocol
            && match &service_port.target {
                TargetPort::Number(number) => *number == port,
                TargetPort::Name(name) => named(&self.world.pods[pod].ports, name, protocol).contains(&port),
            }
    }

    /// Whether an unexpired approval of this port names the source under `from`, and no prohibition forbids that peer.
    fn is_from(&self, service: &Service, port: &Port, source: End) -> bool {
        let own = &service.metadata.namespace;
        let scope = Scope::Service { namespace: own.clone(), name: service.metadata.name.clone() };
        let callee = CalleePattern { scope, port: port.clone() };
        let covering = self.objects().approvals.iter().filter(|a| !expired(a));
        let covering = covering.filter(|a| a.callees.iter().any(|c| self.means(c, service, port)));
        let mut peers = covering.flat_map(|a| &a.from).filter_map(|f| f.peer.as_ref().ok());
        peers.any(|peer| self.world.is_peer(peer, own, source) && !self.is_forbidden(peer, &callee))
    }

    /// "So is a `from` peer that may select a namespace which one names": of a namespace only the name is certain.
    fn is_forbidden(&self, peer: &Peer, callee: &CalleePattern) -> bool {
        let Peer::Pods { namespaces, .. } = peer else { return false };
        let Scope::Service { namespace: own, .. } = &callee.scope else { return false };
        let may_select = |caller: &CallerPattern| match (caller, namespaces) {
            (CallerPattern::Any, _) => true,
            (CallerPattern::Namespace(named), None) => own == named,
            (CallerPattern::Namespace(named), Some(selector)) => selector.requirements.iter().all(|requirement| {
                let alone = netintent::selector::Selector { requirements: vec![requirement.clone()] };
                let name = [("kubernetes.io/metadata.name".to_owned(), named.clone())].into();
                requirement.key != "kubernetes.io/metadata.name" || selects(&alone, &name)
            }),
            (CallerPattern::One(_), _) => unreachable!("a prohibition names whole namespaces"),
        };
        let prohibitions = &self.objects().prohibitions;
        prohibitions.iter().any(|p| p.callers.iter().any(may_select) && p.callees.iter().any(|c| overlap(c, callee)))
    }
}
