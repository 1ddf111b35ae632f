//! Policies that let everybody call a Service, for a while. Policies add up: nothing else changes.

use jiff::Timestamp;

use super::{Opened, RecordError, moment, parsed};
use crate::names;
use crate::objects::{Metadata, Service, Text};
use crate::policy::{NetworkPolicy, PolicyPort, Rule};
use crate::selector::Labels;

/// How their names begin. With a dot: no Service is called so, whose own policy could have the same name.
const PREFIX: &str = "netintent.recover.";

/// What is written on such a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Since when, and by whom.
    pub opened: Opened,
    /// When it is to go.
    pub until: Timestamp,
}

impl Record {
    /// Reads the annotation.
    ///
    /// # Errors
    /// Where it is none that [`open`] writes.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let record = parsed(text)?;
        Ok(Self { opened: Opened::read(&record)?, until: moment(&record, "until")? })
    }

    fn text(&self) -> String {
        let mut record = self.opened.write();
        record["until"] = self.until.to_string().into();
        record.to_string()
    }
}

/// The name of the policy that opens a Service.
pub fn name(service: &str) -> String {
    format!("{PREFIX}{service}")
}

/// Whether a policy of this name opens a Service, if it is netintent's.
pub fn is_named(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The Service that a policy of this name and these labels opens; `None` for any other policy.
pub fn service<'p>(name: &'p str, labels: &Labels) -> Option<&'p str> {
    let service = name.strip_prefix(PREFIX)?;
    (labels.get(names::MANAGED_BY) == Some(names::NETINTENT)).then_some(service)
}

/// Whether some policy closes the pods of a Service already, by its selector: those that are and those to come. Where none does,
/// one that lets everybody call a Service would close all other ports of its pods.
pub fn is_closed(service: &Service, policies: &[NetworkPolicy]) -> bool {
    let Some(selector) = service.enforceable() else { return false };
    closing(service, policies)
        .any(|policy| policy.pods.requirements.iter().all(|requirement| selector.requirements.contains(requirement)))
}

/// Whether some policy closes a pod with these labels in the namespace of the Service.
pub fn is_pod_closed(service: &Service, policies: &[NetworkPolicy], pod: &Labels) -> bool {
    closing(service, policies).any(|policy| policy.pods.matches(pod))
}

/// The policies that close pods in the namespace of a Service, but for those of this module.
fn closing<'p>(service: &Service, policies: &'p [NetworkPolicy]) -> impl Iterator<Item = &'p NetworkPolicy> {
    let namespace = &service.metadata.namespace;
    policies.iter().filter(move |policy| {
        policy.metadata.namespace == *namespace && !is_named(&policy.metadata.name) && policy.ingress.is_some()
    })
}

/// The policy that lets everybody, in the cluster and outside of it, call the ports of a Service; `None` where a policy
/// can't select its pods, or it has no port.
pub fn open(service: &Service, record: &Record) -> Option<NetworkPolicy> {
    let selector = service.enforceable().filter(|_| !service.ports.is_empty())?;
    let port = |port: &crate::objects::ServicePort| PolicyPort {
        protocol: port.protocol,
        port: Some(port.target.clone()),
        end: None,
    };
    let rule = Rule { peers: Vec::new(), ports: service.ports.iter().map(port).collect(), origin: None };
    let mut labels = Labels::default();
    labels.insert(names::MANAGED_BY, names::NETINTENT);
    let annotation = |key: &str, value: &str| (key.to_owned(), Text::unplaced(value));
    let metadata = Metadata {
        namespace: service.metadata.namespace.clone(),
        name: name(&service.metadata.name),
        labels,
        annotations: vec![annotation(names::RECOVER, &record.text())],
        ..Metadata::default()
    };
    Some(NetworkPolicy { metadata, pods: selector.clone(), ingress: Some(vec![rule]), egress: None })
}
