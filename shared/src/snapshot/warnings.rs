//! What was read with reservations: taken as undeclared, or as off.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::NamespaceState;
use crate::compile::Finding;
use crate::intent::Calls;
use crate::mode::Mode;
use crate::names;
use crate::objects::{Objects, Origin, Text};

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
