//! What was read with reservations: taken as undeclared, or as off.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rustc_hash::FxHashSet;

use super::{NamespaceState, Options, Snapshot};
use crate::callee::{Port, Scope};
use crate::compile::Finding;
use crate::intent::Calls;
use crate::mode::Mode;
use crate::names;
use crate::objects::{Objects, Origin, ServicePort, Text};
use crate::policy::{NetworkPolicy, Peer};
use crate::suggest::did_you_mean;

/// Something that the reader should know of the input. It never changes the exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What it is, as a sentence without a full stop.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Where.
    pub place: Option<Place>,
}

/// A place in the input: an object or string, or a part of a string's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The whole of it.
    Whole(Origin),
    /// The bytes of a string's decoded value.
    Part(Text, Range<usize>),
}

impl Warning {
    /// A warning about a part of a string.
    pub fn at_text(message: String, help: Option<String>, text: &Text, part: Range<usize>) -> Self {
        let place = text.origin.is_some().then(|| Place::Part(text.clone(), part));
        Self { message, help, place }
    }

    /// A warning about a whole object or node.
    pub fn at(message: String, help: Option<String>, origin: Option<Origin>) -> Self {
        Self { message, help, place: origin.map(Place::Whole) }
    }

    pub(super) fn too_many(count: usize, text: Option<&Text>) -> Self {
        let message = format!(
            "{count} intents, the ServiceAccount's included: at most {} are read, so none is",
            crate::intent::MAX_INTENTS
        );
        let help = Some("use wildcards such as `namespace/*:port` or `@type:port`".to_owned());
        Self::at(message, help, text.and_then(|t| t.origin))
    }
}

pub(super) fn of_intents(calls: &Calls, text: &Text, warnings: &mut Vec<Warning>) {
    for error in &calls.errors {
        let message = format!("{}; taken as undeclared", error.message);
        warnings.push(Warning::at_text(message, error.help.clone(), text, error.at.clone()));
    }
}

/// Modes that mean nothing, and namespaces read as `off` only because nothing gives their mode.
pub(super) fn of_namespaces(objects: &Objects, namespaces: &BTreeMap<String, NamespaceState>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for namespace in &objects.namespaces {
        let metadata = &namespace.metadata;
        if let Some(value) = metadata.labels.get(names::MODE).filter(|v| Mode::parse(v).is_none()) {
            let message = format!("`{value}` is no mode: namespace {} is read as off", metadata.name);
            let help = Some("write off, shadow or enforce".to_owned());
            warnings.push(Warning::at(message, help, metadata.origin));
        }
    }
    for service in &objects.services {
        let metadata = &service.metadata;
        if let Some(value) = metadata.labels.get(names::MODE).filter(|v| Mode::parse(v).is_none()) {
            let message =
                format!("`{value}` is no mode: Service {} is in the mode of its namespace", metadata.full_name());
            let help = Some("write off, shadow or enforce".to_owned());
            warnings.push(Warning::at(message, help, metadata.origin));
        }
    }
    let takes_part = |labels: &crate::selector::Labels| labels.get(names::MODE).is_some();
    let used = objects.workloads.iter().any(|w| w.pod.calls.is_some())
        || objects.service_accounts.iter().any(|a| a.metadata.annotation(names::CALLS).is_some())
        || !objects.approvals.is_empty()
        || namespaces.values().any(|n| takes_part(&n.labels))
        || objects.services.iter().any(|s| takes_part(&s.metadata.labels));
    if used {
        // A namespace that only an Approval or a policy mentions has nothing that could take part.
        let inhabited: BTreeSet<&str> = (objects.workloads.iter().map(|w| &w.metadata))
            .chain(objects.services.iter().map(|s| &s.metadata))
            .map(|metadata| metadata.namespace.as_str())
            .collect();
        for (name, _) in namespaces.iter().filter(|(name, state)| !state.known && inhabited.contains(name.as_str())) {
            let message = format!("no Namespace {name} in the input: it is read as off");
            let help = Some(format!("add its manifest with -f, or say its mode: --mode {name}=enforce"));
            warnings.push(Warning { message, help, place: None });
        }
    }
    warnings
}

/// What the policies of Services leave out, or leave open.
pub(super) fn of_policies(objects: &Objects, findings: &[Finding]) -> Vec<Warning> {
    let warning = |finding: &Finding| match finding {
        Finding::NotEnforceable { service } => {
            let metadata = &objects.services[*service].metadata;
            let message = format!("Service {} is in enforce, and nothing can stand before it", metadata.full_name());
            let help = "a policy needs a selector to know its pods by; an ExternalName has none";
            Warning::at(message, Some(help.to_owned()), metadata.origin)
        }
        Finding::KeptOpen { namespace, service } => {
            let metadata = &objects.services[*service].metadata;
            let message = format!("namespace {namespace} is in enforce, and Service {} keeps it open", metadata.name);
            let help = "its own mode is weaker: what no Service in enforce covers is not closed";
            Warning::at(message, Some(help.to_owned()), metadata.origin)
        }
        Finding::InvalidPeer { approval, message, origin } => {
            let approval = &objects.approvals[*approval];
            let name = approval.metadata.full_name();
            let message = format!("this peer of {} {name} is left out: {message}", approval.kind());
            Warning::at(message, None, *origin)
        }
        Finding::ProhibitedPeer { approval, prohibition, origin } => {
            let approval = &objects.approvals[*approval];
            let (kind, name) = (approval.kind(), approval.metadata.full_name());
            let by = &objects.prohibitions[*prohibition].metadata.name;
            let message = format!("this peer of {kind} {name} is left out: ClusterProhibition {by} forbids it");
            let help = "it may select a namespace that the prohibition names";
            Warning::at(message, Some(help.to_owned()), *origin)
        }
    };
    findings.iter().map(warning).collect()
}

/// Intents that name a port which the Service has not, or by a number where it has a name: no policy will know their label.
pub(super) fn of_ports(snapshot: &Snapshot) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut told = FxHashSet::default();
    for (at, pod) in (0..).zip(&snapshot.pods) {
        for declared in &pod.intents {
            let Scope::Service { namespace, name } = &declared.callee.scope else { continue };
            let Some(service) = snapshot.service(namespace, name).map(|at| &snapshot.objects.services[at]) else {
                continue;
            };
            let ports: Vec<Port> = service.ports.iter().map(ServicePort::identifier).collect();
            let known = ports.iter().any(|port| declared.callee.port.covers(port));
            if known || !told.insert((pod.workload, &declared.callee)) {
                continue;
            }
            let wanted = declared.callee.port.to_string();
            let by_number = service.ports.iter().find(|p| p.port.to_string() == wanted);
            let (message, help) = if let Some(port) = by_number {
                let message =
                    format!("port {wanted} of Service {namespace}/{name} has a name, and is known by it alone");
                (message, Some(format!("write `{namespace}/{name}:{}`", port.identifier())))
            } else {
                let names: Vec<String> = ports.iter().map(ToString::to_string).collect();
                let near = did_you_mean(&wanted, names.iter().map(String::as_str));
                let all = || (!names.is_empty()).then(|| format!("its ports are {}", names.join(", ")));
                (format!("Service {namespace}/{name} has no port `{wanted}`"), near.or_else(all))
            };
            let text = snapshot.declaration(at, declared);
            warnings.push(match text {
                Some(text) => Warning::at_text(message, help, text, declared.at.clone()),
                None => Warning { message, help, place: None },
            });
        }
    }
    warnings
}

/// Namespaces of which labels are asked that the input does not give, and modes of namespaces that there are not.
pub(super) fn of_unknown(
    objects: &Objects,
    namespaces: &BTreeMap<String, NamespaceState>,
    options: &Options,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for name in
        options.modes.iter().filter_map(|o| o.namespace.as_deref()).filter(|name| !namespaces.contains_key(*name))
    {
        let message = format!("nothing in the input is in namespace {name}: its --mode changes nothing");
        let help = did_you_mean(name, namespaces.keys().map(String::as_str));
        warnings.push(Warning { message, help, place: None });
    }
    let given: BTreeSet<&str> = objects.namespaces.iter().map(|n| n.metadata.name.as_str()).collect();
    let missing: Vec<&str> = objects
        .workloads
        .iter()
        .map(|w| w.metadata.namespace.as_str())
        .filter(|name| !given.contains(name))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let asked = |policy: &&NetworkPolicy| {
        let rules = policy.ingress.iter().chain(&policy.egress).flatten();
        rules.flat_map(|rule| &rule.peers).any(|peer| match peer {
            Peer::Pods { namespaces: Some(selector), .. } => {
                selector.requirements.iter().any(|r| ![names::NAMESPACE_NAME, names::MODE].contains(&r.key.as_str()))
            }
            _ => false,
        })
    };
    if let Some(policy) = objects.policies.iter().find(asked).filter(|_| !missing.is_empty()) {
        let (several, verb) = if missing.len() == 1 { ("", "is") } else { ("s", "are") };
        let message = format!(
            "NetworkPolicy {} asks for labels of namespaces, and no Namespace {} {verb} in the input: read as having none",
            policy.metadata.full_name(),
            missing.join(", ")
        );
        let help = format!("add the manifest{several} of the namespace{several} with -f");
        warnings.push(Warning::at(message, Some(help), policy.metadata.origin));
    }
    warnings
}
