//! What was read with reservations: taken as undeclared, or as off.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rustc_hash::FxHashSet;

use super::{NamespaceState, Options, Snapshot};
use crate::callee::{Port, Scope};
use crate::compile::Omission;
use crate::finding::{Code, Finding, Step};
use crate::intent::Calls;
use crate::mode::Mode;
use crate::names;
use crate::objects::{Objects, Service, ServicePort, Text, Workload};
use crate::pod::PodError;
use crate::policy::{NetworkPolicy, Peer};
use crate::suggest::did_you_mean;

/// What of a pod is not read, at its place.
pub(super) fn of_pod(error: &PodError, object: &Workload) -> Finding {
    let about = |code| Finding::new(code, error.to_string()).about(object.kind.clone(), &object.metadata);
    match (error, &object.pod.caller) {
        (PodError::Caller(_), Some(text)) => about(Code::MalformedCaller).at_text(text, 0..text.value.len()),
        (PodError::Caller(_), None) => about(Code::MalformedCaller),
        (PodError::TooMany(_) | PodError::TooLong(_), _) => {
            about(Code::TooManyIntents).help("use wildcards such as `namespace/*:port` or `@type:port`".to_owned())
        }
    }
}

pub(super) fn of_intents<'a>(calls: &'a Calls, text: &'a Text) -> impl Iterator<Item = Finding> + 'a {
    calls.errors.iter().map(|error| {
        let code = if error.too_many { Code::TooManyIntents } else { Code::MalformedIntent };
        let message = format!("{}; taken as undeclared", error.message);
        Finding::new(code, message).help(error.help.clone()).at_text(text, error.at.clone())
    })
}

/// Modes that mean nothing, and namespaces read as `off` only because nothing gives their mode.
pub(super) fn of_namespaces(
    objects: &Objects,
    namespaces: &BTreeMap<String, NamespaceState>,
    options: &Options,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for namespace in &objects.namespaces {
        let metadata = &namespace.metadata;
        if let Some(value) = metadata.labels.get(names::MODE).filter(|v| Mode::parse(v).is_none()) {
            let message = format!("`{value}` is no mode: namespace {} is read as off", metadata.name);
            found.push(unknown_mode(message).about("Namespace", metadata).field(mode_label()));
        }
    }
    for service in &objects.services {
        let metadata = &service.metadata;
        if let Some(value) = metadata.labels.get(names::MODE).filter(|v| Mode::parse(v).is_none()) {
            let message =
                format!("`{value}` is no mode: Service {} is in the mode of its namespace", metadata.full_name());
            found.push(unknown_mode(message).about("Service", metadata).field(mode_label()));
        }
    }
    let takes_part = |labels: &crate::selector::Labels| labels.get(names::MODE).is_some();
    let used = objects.workloads.iter().any(|w| w.pod.calls.is_some())
        || objects.service_accounts.iter().any(|a| a.metadata.annotation(names::CALLS).is_some())
        || !objects.approvals.is_empty()
        || namespaces.values().any(|n| takes_part(&n.labels))
        || objects.services.iter().any(|s| takes_part(&s.metadata.labels));
    // Of a cluster it is said what could not be read.
    if used && !options.observed {
        // A namespace that only an Approval or a policy mentions has nothing that could take part.
        let inhabited: BTreeSet<&str> = (objects.workloads.iter().map(|w| &w.metadata))
            .chain(objects.services.iter().map(|s| &s.metadata))
            .map(|metadata| metadata.namespace.as_str())
            .collect();
        for (name, _) in namespaces.iter().filter(|(name, state)| !state.known && inhabited.contains(name.as_str())) {
            let message = format!("no Namespace {name} in the input: it is read as off");
            let help = format!("add its manifest with -f, or say its mode: --mode {name}=enforce");
            found.push(Finding::new(Code::UnknownNamespace, message).help(help));
        }
    }
    found
}

fn unknown_mode(message: String) -> Finding {
    Finding::new(Code::UnknownMode, message).help("write off, shadow or enforce".to_owned())
}

/// The way to the label of an object's mode.
fn mode_label() -> [Step; 3] {
    ["metadata".into(), "labels".into(), names::MODE.into()]
}

/// What the policies of Services leave out, or leave open.
pub(super) fn of_policies(objects: &Objects, omissions: &[Omission]) -> Vec<Finding> {
    let found = |omission: &Omission| match omission {
        Omission::NotEnforceable { service } => {
            let metadata = &objects.services[*service].metadata;
            let message = format!("Service {} is in enforce, and nothing can stand before it", metadata.full_name());
            let help = "a policy needs a selector to know its pods by; an ExternalName has none";
            let finding = Finding::new(Code::NotEnforceable, message).help(help.to_owned());
            finding.about("Service", metadata).field(["spec".into(), "type".into()])
        }
        Omission::KeptOpen { namespace, service } => {
            let metadata = &objects.services[*service].metadata;
            let message = format!("namespace {namespace} is in enforce, and Service {} keeps it open", metadata.name);
            let help = "its own mode is weaker: what no Service in enforce covers is not closed";
            let finding = Finding::new(Code::NamespaceKeptOpen, message).help(help.to_owned());
            finding.about("Service", metadata).field(mode_label())
        }
        Omission::InvalidPeer { approval, message, origin } => {
            let approval = &objects.approvals[*approval];
            let name = approval.metadata.full_name();
            let message = format!("this peer of {} {name} is left out: {message}", approval.kind());
            Finding::new(Code::InvalidPeer, message).about(approval.kind(), &approval.metadata).at_origin(*origin)
        }
        Omission::ProhibitedPeer { approval, prohibition, origin } => {
            let approval = &objects.approvals[*approval];
            let (kind, name) = (approval.kind(), approval.metadata.full_name());
            let by = &objects.prohibitions[*prohibition].metadata.name;
            let message = format!("this peer of {kind} {name} is left out: ClusterProhibition {by} forbids it");
            let help = "it may select a namespace that the prohibition names";
            let finding = Finding::new(Code::ProhibitedPeer, message).help(help.to_owned());
            finding.about(approval.kind(), &approval.metadata).at_origin(*origin)
        }
    };
    omissions.iter().map(found).collect()
}

/// Intents that name a port which the Service has not, or by a number where it has a name: no policy will know their label.
pub(super) fn of_ports(snapshot: &Snapshot) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut told = FxHashSet::default();
    for (at, pod) in (0..).zip(&snapshot.pods) {
        for declared in &pod.intents {
            let Scope::Service { namespace, name } = &declared.callee.scope else { continue };
            let Some(service) = snapshot.service(namespace, name).map(|at| &snapshot.objects.services[at]) else {
                continue;
            };
            let Some(finding) = wrong_port(service, &declared.callee.port, format_args!("{namespace}/{name}:")) else {
                continue;
            };
            if told.insert((pod.workload, &declared.callee)) {
                found.push(snapshot.of_intent(finding, at, declared));
            }
        }
    }
    found
}

/// What is wrong with a port, named as one of a Service's; the right one is written after `before`.
pub(crate) fn wrong_port(service: &Service, port: &Port, before: fmt::Arguments<'_>) -> Option<Finding> {
    if service.ports.iter().any(|known| port.covers(&known.identifier())) {
        return None;
    }
    let ports: Vec<Port> = service.ports.iter().map(ServicePort::identifier).collect();
    let (wanted, name) = (port.to_string(), service.metadata.full_name());
    if let Some(port) = service.ports.iter().find(|port| port.port.to_string() == wanted) {
        let message = format!("port {wanted} of Service {name} has a name, and is known by it alone");
        return Some(Finding::new(Code::PortByNumber, message).help(format!("write `{before}{}`", port.identifier())));
    }
    let names: Vec<String> = ports.iter().map(ToString::to_string).collect();
    let near = did_you_mean(&wanted, names.iter().map(String::as_str));
    let all = || (!names.is_empty()).then(|| format!("its ports are {}", names.join(", ")));
    let message = format!("Service {name} has no port `{wanted}`");
    Some(Finding::new(Code::UnknownPort, message).help(near.or_else(all)))
}

/// Namespaces of which labels are asked that the input does not give, and modes of namespaces that there are not.
pub(super) fn of_unknown(
    objects: &Objects,
    namespaces: &BTreeMap<String, NamespaceState>,
    options: &Options,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in
        options.modes.iter().filter_map(|o| o.namespace.as_deref()).filter(|name| !namespaces.contains_key(*name))
    {
        let message = format!("nothing in {} is in namespace {name}: its --mode changes nothing", options.place());
        let help = did_you_mean(name, namespaces.keys().map(String::as_str));
        found.push(Finding::new(Code::UnknownNamespace, message).help(help));
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
    if let Some(policy) = objects.policies.iter().find(asked).filter(|_| !missing.is_empty() && !options.observed) {
        let (several, verb) = if missing.len() == 1 { ("", "is") } else { ("s", "are") };
        let message = format!(
            "NetworkPolicy {} asks for labels of namespaces, and no Namespace {} {verb} in the input: read as having none",
            policy.metadata.full_name(),
            missing.join(", ")
        );
        let help = format!("add the manifest{several} of the namespace{several} with -f");
        found.push(Finding::new(Code::UnknownNamespace, message).help(help).about("NetworkPolicy", &policy.metadata));
    }
    found
}
