//! From what a person types to what is in a snapshot.
//!
//! `[namespace/]name`, `kind/name` (kubectl's kinds and short names, where no namespace has that name),
//! `namespace/kind/name`, an IP address or a CIDR; a callee's port after a colon.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::callee;
use crate::cidr::{self, AddressSet};
use crate::explain::AskedPort;
use crate::names::printable;
use crate::port::Protocol;
use crate::snapshot::Snapshot;
use crate::suggest::did_you_mean;

mod patterns;
mod unread;
mod unseen;

pub use patterns::{Called, Calling, callee_pattern, caller_pattern};
pub use unread::may_be_unread;
use unseen::unknown_namespace;
pub use unseen::{is_workload, namespace};

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A Service, by index.
    Service(usize),
    /// A workload, by index, and those of its pods that are meant.
    Workload(usize, Vec<u32>),
    /// Addresses outside the cluster, as typed.
    Addresses(AddressSet, String),
}

/// What is named: of a connection's ends a Service comes first for a callee, a workload for a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Who calls.
    Caller,
    /// Who is called.
    Callee,
    /// A Service, and nothing else.
    Service,
}

/// Why a name stands for nothing, or for too much.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ResolveError {
    /// What was asked and what there is.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// Where a name without namespace is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// Whether only there: otherwise any namespace will do, if just one has the name.
    pub only: bool,
}

/// kubectl's names of kinds, and how we call them.
const KINDS: [(&[&str], &str); 9] = [
    (&["svc", "service", "services"], "Service"),
    (&["deploy", "deployment", "deployments", "deployment.apps", "deployments.apps"], "Deployment"),
    (&["sts", "statefulset", "statefulsets", "statefulset.apps", "statefulsets.apps"], "StatefulSet"),
    (&["ds", "daemonset", "daemonsets", "daemonset.apps", "daemonsets.apps"], "DaemonSet"),
    (&["rs", "replicaset", "replicasets", "replicaset.apps", "replicasets.apps"], "ReplicaSet"),
    (&["rc", "replicationcontroller", "replicationcontrollers"], "ReplicationController"),
    (&["job", "jobs", "job.batch", "jobs.batch"], "Job"),
    (&["cj", "cronjob", "cronjobs", "cronjob.batch", "cronjobs.batch"], "CronJob"),
    (&["po", "pod", "pods"], "Pod"),
];

/// The kind that a name of one means: one of kubectl's, or of a custom controller that has pods here.
fn kind<'a>(snapshot: &'a Snapshot, text: &str) -> Option<&'a str> {
    let lower = text.to_ascii_lowercase();
    let known = KINDS.iter().find(|(names, _)| names.contains(&lower.as_str())).map(|(_, kind)| *kind);
    let custom = || snapshot.workloads.iter().map(|w| &*w.kind).find(|kind| kind.eq_ignore_ascii_case(text));
    known.or_else(custom)
}

/// The text without its port: `bank/ledger:rpc`, `10.0.0.1:80`, `[::1]:80`. A bare IPv6 address has none.
pub fn split_port(text: &str) -> (&str, Option<&str>) {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        return (address, rest.strip_prefix(':'));
    }
    if text.parse::<IpAddr>().is_ok() || text.parse::<IpNet>().is_ok() {
        return (text, None);
    }
    text.rsplit_once(':').map_or((text, None), |(name, port)| (name, Some(port)))
}

/// Finds what `text`, without port, stands for.
///
/// # Errors
/// Where nothing has the name, with the nearest that has; where several have it, with their full names.
pub fn resolve(snapshot: &Snapshot, text: &str, role: Role, home: Home<'_>) -> Result<Subject, ResolveError> {
    if let Some(addresses) = addresses(text)? {
        let found = text.parse().ok().and_then(|address| of_address(snapshot, address, role));
        return Ok(found.unwrap_or_else(|| Subject::Addresses(addresses, text.to_owned())));
    }
    let parts: Vec<&str> = text.split('/').collect();
    let (namespace, kind, name) = match parts[..] {
        [name] => (None, None, name),
        [first, name] if snapshot.namespaces.contains_key(first) => (Some(first), None, name),
        [first, name] => match kind(snapshot, first) {
            Some(kind) => (None, Some(kind), name),
            None => return Err(unknown_namespace(snapshot, first)),
        },
        [namespace, written, name] if snapshot.namespaces.contains_key(namespace) => {
            if let Some(kind) = kind(snapshot, written) {
                (Some(namespace), Some(kind), name)
            } else {
                let kinds = KINDS.iter().flat_map(|(names, _)| names.iter().copied());
                let message = format!("`{}` is no kind that can call or be called", printable(written));
                return Err(ResolveError { message, help: did_you_mean(written, kinds) });
            }
        }
        [namespace, _, _] => return Err(unknown_namespace(snapshot, namespace)),
        _ => {
            let message =
                format!("`{}` is no name: `namespace/name` or `namespace/kind/name` was expected", printable(text));
            return Err(ResolveError { message, help: None });
        }
    };
    let search = Search { snapshot, kind, name, role };
    let found = if let Some(namespace) = namespace {
        search.within(&|n| n == namespace)
    } else {
        let here = search.within(&|n| n == home.namespace);
        if here.is_empty() && !home.only { search.within(&|_| true) } else { here }
    };
    match &found[..] {
        [only] => Ok(only.clone()),
        [] => Err(search.nothing(namespace.or(home.only.then_some(home.namespace)))),
        several => {
            let names: Vec<String> = several.iter().map(|s| full_name(snapshot, s)).collect();
            let message = format!("`{}` can mean {}", printable(text), names.join(" or "));
            Err(ResolveError { message, help: Some("write one of these in full".into()) })
        }
    }
}

/// What has an address in an observed cluster: a Service that is called, or the one pod that it belongs to. Pods of a node's
/// network share the node's.
fn of_address(snapshot: &Snapshot, address: IpAddr, role: Role) -> Option<Subject> {
    if !snapshot.options.observed {
        return None;
    }
    let service = || snapshot.objects.services.iter().position(|service| service.addresses.contains(&address));
    if role != Role::Caller
        && let Some(at) = service()
    {
        return Some(Subject::Service(at));
    }
    // One that has ended keeps its address, which another may have by now.
    let has = |pod: &u32| {
        let spec = snapshot.spec(*pod);
        spec.addresses.contains(&address) && !spec.host_network && !spec.ended
    };
    let pod = (0..).take(snapshot.pods.len()).find(has)?;
    Some(Subject::Workload(snapshot.pods[pod as usize].workload as usize, vec![pod]))
}

fn addresses(text: &str) -> Result<Option<AddressSet>, ResolveError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Some(AddressSet::of(address.into())));
    }
    let looks_like_cidr = text.split_once('/').is_some_and(|(a, _)| a.parse::<IpAddr>().is_ok());
    if !looks_like_cidr {
        return Ok(None);
    }
    match cidr::parse(text) {
        Ok(net) => Ok(Some(AddressSet::of(net))),
        Err(message) => Err(ResolveError { message, help: None }),
    }
}

/// `namespace/kind/name` in lower case, which names just one thing.
pub fn full_name(snapshot: &Snapshot, subject: &Subject) -> String {
    match subject {
        Subject::Service(at) => {
            let metadata = &snapshot.objects.services[*at].metadata;
            format!("{}/service/{}", metadata.namespace, metadata.name)
        }
        Subject::Workload(at, _) => {
            let workload = &snapshot.workloads[*at];
            format!("{}/{}/{}", workload.namespace, workload.kind.to_lowercase(), workload.name)
        }
        Subject::Addresses(_, text) => text.clone(),
    }
}

struct Search<'a> {
    snapshot: &'a Snapshot,
    kind: Option<&'a str>,
    name: &'a str,
    role: Role,
}

impl Search<'_> {
    fn within(&self, namespace: &dyn Fn(&str) -> bool) -> Vec<Subject> {
        let services = || self.services(namespace);
        match (self.kind, self.role) {
            (Some("Service"), Role::Callee) | (None | Some("Service"), Role::Service) => services(),
            (Some("Service"), Role::Caller) | (_, Role::Service) => Vec::new(),
            (None, Role::Callee) => {
                let found = services();
                if found.is_empty() { self.workloads(namespace) } else { found }
            }
            _ => self.workloads(namespace),
        }
    }

    fn services(&self, namespace: &dyn Fn(&str) -> bool) -> Vec<Subject> {
        let services = self.snapshot.objects.services.iter().enumerate();
        services
            .filter(|(_, s)| s.metadata.name == self.name && namespace(&s.metadata.namespace))
            .map(|(at, _)| Subject::Service(at))
            .collect()
    }

    fn workloads(&self, namespace: &dyn Fn(&str) -> bool) -> Vec<Subject> {
        let workloads = || self.snapshot.workloads.iter().enumerate().filter(|(_, w)| namespace(&w.namespace));
        let of_kind = |kind: &str| self.kind.is_none_or(|wanted| wanted == kind);
        let whole = |(at, w): (usize, &crate::snapshot::Workload)| Subject::Workload(at, w.pods.clone().collect());
        let found: Vec<Subject> =
            workloads().filter(|(_, w)| w.name == self.name && of_kind(&w.kind)).map(whole).collect();
        if !found.is_empty() {
            return found;
        }
        // A running pod by its own name, or a caller by the name that its annotation gives.
        let pod_name =
            |pod: u32| &self.snapshot.objects.workloads[self.snapshot.pods[pod as usize].object].metadata.name;
        let is_pod = |pod: &u32| {
            let object = &self.snapshot.objects.workloads[self.snapshot.pods[*pod as usize].object];
            object.kind == "Pod" && pod_name(*pod) == self.name
        };
        if self.kind.is_none_or(|k| k == "Pod") {
            let pods: Vec<Subject> = workloads()
                .filter_map(|(at, w)| w.pods.clone().find(is_pod).map(|pod| Subject::Workload(at, vec![pod])))
                .collect();
            if !pods.is_empty() {
                return pods;
            }
        }
        let called = |pod: &u32| self.snapshot.pods[*pod as usize].caller.name == self.name;
        workloads()
            .filter(|(_, w)| of_kind(&w.kind))
            .filter_map(|(at, w)| {
                let pods: Vec<u32> = w.pods.clone().filter(called).collect();
                (!pods.is_empty()).then_some(Subject::Workload(at, pods))
            })
            .collect()
    }

    fn nothing(&self, namespace: Option<&str>) -> ResolveError {
        let shown = printable(self.name);
        let place = namespace.map_or_else(String::new, |n| format!(" in namespace {}", printable(n)));
        let what = match (self.kind, self.role) {
            (_, Role::Service) => "Service",
            (Some(kind), _) => kind,
            (None, Role::Caller) => "workload",
            (None, Role::Callee) => "Service or workload",
        };
        let workloads = self.snapshot.workloads.iter().map(|w| (w.namespace.as_str(), w.name.as_str()));
        let services = self.snapshot.objects.services.iter();
        let services = services.map(|s| (s.metadata.namespace.as_str(), s.metadata.name.as_str()));
        let all: Vec<(&str, &str)> = match self.role {
            Role::Caller => workloads.collect(),
            Role::Callee => services.chain(workloads).collect(),
            Role::Service => services.collect(),
        };
        // The same name elsewhere is nearer than a similar one here.
        let elsewhere =
            all.iter().find(|(_, name)| *name == self.name).map(|(n, name)| format!("did you mean `{n}/{name}`?"));
        let near = || {
            let here = all.iter().filter(|(n, _)| namespace.is_none_or(|wanted| wanted == *n)).map(|(_, name)| *name);
            did_you_mean(self.name, here)
        };
        let is_service = self.role == Role::Caller && !self.service_named(namespace).is_empty();
        let help = if is_service {
            Some("that is a Service; a caller is a workload, a pod or an address".to_owned())
        } else {
            elsewhere.or_else(near)
        };
        ResolveError { message: format!("no {what} `{shown}`{place}"), help }
    }

    fn service_named(&self, namespace: Option<&str>) -> Vec<Subject> {
        self.services(&|n| namespace.is_none_or(|wanted| wanted == n))
    }
}

/// Finds the Service that `text`, without port, names.
///
/// # Errors
/// Where no Service has the name, with the nearest that has; where several have it, with their full names.
pub fn service(snapshot: &Snapshot, text: &str, home: Home<'_>) -> Result<usize, ResolveError> {
    match resolve(snapshot, text, Role::Service, home)? {
        Subject::Service(at) => Ok(at),
        other => {
            let message = format!("`{}` is no Service", printable(&full_name(snapshot, &other)));
            Err(ResolveError { message, help: Some("name it as `namespace/name`".to_owned()) })
        }
    }
}

/// The port of a Service that `text` names: by name, or by Service port number.
///
/// # Errors
/// Where the Service has no such port, with those that it has.
pub fn service_port(snapshot: &Snapshot, service: usize, text: &str) -> Result<callee::Port, ResolveError> {
    let object = &snapshot.objects.services[service];
    if text.is_empty() {
        return Err(no_port());
    }
    let by_number = port_number(text);
    let found = object.ports.iter().find(|p| p.name.as_deref() == Some(text) || by_number == Some(p.port));
    if let Some(port) = found {
        return Ok(port.identifier());
    }
    let all: Vec<String> = object.ports.iter().map(|p| p.identifier().to_string()).collect();
    let name = object.metadata.full_name();
    let message = format!("Service {name} has no port `{}`", printable(text));
    let near = did_you_mean(text, all.iter().map(String::as_str));
    let numbered = object.ports.iter().map(|p| match &p.name {
        Some(name) => format!("{name} ({})", p.port),
        None => p.port.to_string(),
    });
    let help = near
        .or_else(|| (!all.is_empty()).then(|| format!("its ports are {}", numbered.collect::<Vec<_>>().join(", "))));
    Err(ResolveError { message, help })
}

/// A colon with nothing behind it.
fn no_port() -> ResolveError {
    let help = "name one of its ports, or leave the colon out for all of them".to_owned();
    ResolveError { message: "no port stands after the colon".to_owned(), help: Some(help) }
}

/// A port's number as [`callee::Port`] has it: without a sign, and without leading zeros.
fn port_number(text: &str) -> Option<u16> {
    text.parse().ok().filter(|number: &u16| *number > 0 && number.to_string() == text)
}

/// The port of `destination` that `text` names: of a Service by name or number; of a workload's pods and of addresses by
/// number, with `/UDP` where it is not TCP; of pods by name too.
///
/// # Errors
/// What was asked, and what there is.
pub fn asked_port(snapshot: &Snapshot, destination: &Subject, text: &str) -> Result<AskedPort, ResolveError> {
    if let Subject::Service(at) = destination {
        return Ok(AskedPort::Service(service_port(snapshot, *at, text)?));
    }
    if text.is_empty() {
        return Err(no_port());
    }
    let (number, protocol) = match text.split_once('/') {
        Some((number, protocol)) => (number, Protocol::parse(&protocol.to_uppercase())),
        None => (text, Some(Protocol::Tcp)),
    };
    let Some(protocol) = protocol else {
        let message = format!("`{}` has no known protocol", printable(text));
        return Err(ResolveError { message, help: Some("write PORT/TCP, PORT/UDP or PORT/SCTP".to_owned()) });
    };
    if let Some(number) = port_number(number) {
        return Ok(AskedPort::Number(protocol, number));
    }
    let no_number = || ResolveError {
        message: format!("`{}` is no port number: 1 to 65535 was expected", printable(text)),
        help: None,
    };
    let Subject::Workload(at, pods) = destination else { return Err(no_number()) };
    if number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(no_number());
    }
    let names: Vec<&str> =
        pods.iter().flat_map(|pod| snapshot.spec(*pod).ports.iter().filter_map(|p| p.name.as_deref())).collect();
    if names.contains(&text) {
        return Ok(AskedPort::Named(text.to_owned()));
    }
    if names.contains(&number) {
        let message = format!("`{}`: a port by name has the protocol that the pod gives it", printable(text));
        return Err(ResolveError { message, help: Some(format!("write `{number}`")) });
    }
    let near = did_you_mean(number, names.iter().copied());
    let workload = &snapshot.workloads[*at];
    let message = format!("pods of {} {} have no port `{}`", workload.kind, workload.full_name(), printable(text));
    Err(ResolveError { message, help: near })
}

#[cfg(test)]
mod tests;
