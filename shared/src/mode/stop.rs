//! What stands against a stricter mode: who would be cut though nobody could have approved them, or got in though nobody did.

use std::net::IpAddr;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Mode;
use crate::approval::from_manifest;
use crate::callee::{CalleePattern, Port};
use crate::check::exposures::{Exposed, exposed};
use crate::check::observed::ungranted;
use crate::compile::scope_of;
use crate::diff::isolated;
use crate::finding::{ObjectName, some};
use crate::objects::{Endpoints, Service, ServiceType};
use crate::snapshot::Snapshot;

/// One thing that stands against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// What it is.
    pub reason: Reason,
    /// The object that it is about.
    pub object: ObjectName,
    /// What it is in words, without a full stop.
    pub message: String,
    /// What to do.
    pub help: String,
    /// A manifest to complete and apply, where one helps.
    pub paste: Option<String>,
}

/// What it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A running pod has a reserved label that nobody gave it.
    UngrantedLabel,
    /// The pods behind a Service without selector would be closed to all.
    NoSelector,
    /// What can carry no intent calls a Service, and no `from` lets it in.
    WithoutFrom,
}

impl Reason {
    /// As JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UngrantedLabel => "ungranted-label",
            Self::NoSelector => "no-selector",
            Self::WithoutFrom => "without-from",
        }
    }
}

/// Everything that stands against a change to `mode`: `now` is what is there, `before` and `after` what it comes to
/// ([`super::settled`]) without and with the change. Nothing stands against `off`, which only takes policies away.
pub fn stops(now: &Snapshot, before: &Snapshot, after: &Snapshot, mode: Mode) -> Vec<Stop> {
    if !mode.is_managed() {
        return Vec::new();
    }
    let forged = ungranted(now).into_iter().map(|(pod, keys)| {
        let object = ObjectName::new("Pod", &pod.metadata);
        let message = format!("{object} has the label {}, which no approval gives it", some(keys));
        let help = "the controller takes it away within seconds: see that it runs, and look into who wrote it";
        Stop { reason: Reason::UngrantedLabel, object, message, help: help.to_owned(), paste: None }
    });
    forged.chain(unselected(before, after)).chain(without_from(before, after)).collect()
}

/// Services in `enforce` that they were not in before.
fn is_new(before: &Snapshot, after: &Snapshot, service: usize) -> bool {
    after.services[service].mode == Mode::Enforce && before.services[service].mode != Mode::Enforce
}

fn without_from(before: &Snapshot, after: &Snapshot) -> Vec<Stop> {
    let all: Vec<Exposed<'_>> = exposed(after).into_iter().filter(|e| is_new(before, after, e.service)).collect();
    let api_servers = api_servers(after);
    let of_one = all.chunk_by(|a, b| a.service == b.service);
    of_one
        .flat_map(|exposed| {
            let service = &after.objects.services[exposed[0].service];
            let paste = from_manifest(service, &exposed.iter().collect::<Vec<_>>(), &api_servers);
            // Once for each Service.
            let pastes = std::iter::once(Some(paste)).chain(std::iter::repeat(None));
            exposed.iter().zip(pastes).map(|(one, paste)| {
                let finding = one.finding(after);
                let (help, message) = (finding.advice().to_owned(), finding.message);
                let object = ObjectName::new("Service", &service.metadata);
                Stop { reason: Reason::WithoutFrom, object, message, help, paste }
            })
        })
        .collect()
}

/// Where the API server is, as its own Service says.
fn api_servers(snapshot: &Snapshot) -> Vec<IpAddr> {
    let own = |endpoints: &&Endpoints| endpoints.metadata.namespace == "default" && endpoints.service == "kubernetes";
    let mut all: Vec<IpAddr> =
        snapshot.objects.endpoints.iter().filter(own).flat_map(|endpoints| endpoints.addresses.clone()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Services without selector, with pods behind them that close and that no Service in `enforce` leads to by the same port:
/// nobody could be approved for those.
fn unselected(before: &Snapshot, after: &Snapshot) -> Vec<Stop> {
    let services = after.objects.services.iter();
    let without: FxHashMap<(&str, &str), &Service> = services
        .filter(|service| service.selector.is_none() && service.r#type != ServiceType::ExternalName)
        .map(|service| (service.metadata.key(), service))
        .collect();
    let (open, closed) = (isolated(before), isolated(after));
    let closes: Vec<u32> =
        (0..).zip(open.iter().zip(&closed)).filter(|(_, (a, b))| !**a && **b).map(|(at, _)| at).collect();
    if without.is_empty() || closes.is_empty() {
        return Vec::new();
    }
    let covered = Covered::of(after);
    let mut found: Vec<(&Service, Vec<String>)> = Vec::new();
    for endpoints in &after.objects.endpoints {
        let key = (endpoints.metadata.namespace.as_str(), endpoints.service.as_str());
        let Some(service) = without.get(&key) else { continue };
        let behind = closes.iter().filter(|pod| leads_to(endpoints, after, **pod) && !covered.is(endpoints, **pod));
        let pods: Vec<String> = behind.map(|pod| name_of(after, *pod)).collect();
        match found.iter_mut().find(|(known, _)| known.metadata.key() == key) {
            _ if pods.is_empty() => {}
            Some((_, all)) => all.extend(pods),
            None => found.push((service, pods)),
        }
    }
    found.sort_by(|(a, _), (b, _)| a.metadata.key().cmp(&b.metadata.key()));
    let stop = |(service, pods): (&Service, Vec<String>)| {
        let object = ObjectName::new("Service", &service.metadata);
        let message =
            format!("{object} has no selector, and nobody could be approved for the pods behind it: {}", some(pods));
        let help = "give it a selector, or add a Service with one that leads to the same port of these pods";
        Stop { reason: Reason::NoSelector, object, message, help: help.to_owned(), paste: None }
    };
    found.into_iter().map(stop).collect()
}

/// Whether endpoints mean a pod, by its name or an address of its.
fn leads_to(endpoints: &Endpoints, snapshot: &Snapshot, pod: u32) -> bool {
    let object = &snapshot.objects.workloads[snapshot.pods[pod as usize].object];
    let by_name = || {
        let (namespace, name) = object.metadata.key();
        object.kind == "Pod" && endpoints.pods.iter().any(|(of, called)| of == namespace && called == name)
    };
    let addresses = &object.pod.addresses;
    // The address of a node is that of all its pods on its network.
    let by_address = || !object.pod.host_network && addresses.iter().any(|a| endpoints.addresses.contains(a));
    by_name() || by_address()
}

fn name_of(snapshot: &Snapshot, pod: u32) -> String {
    snapshot.objects.workloads[snapshot.pods[pod as usize].object].metadata.full_name()
}

/// The ports of pods that Services in `enforce` lead to.
struct Covered {
    ports: FxHashSet<(u32, crate::port::Protocol, u16)>,
    pods: FxHashSet<u32>,
}

impl Covered {
    fn of(snapshot: &Snapshot) -> Self {
        let mut ports = FxHashSet::default();
        for (at, service) in snapshot.objects.services.iter().enumerate() {
            if snapshot.services[at].mode == Mode::Enforce {
                let all = CalleePattern { scope: scope_of(service), port: Port::All };
                ports.extend(snapshot.ports_meant(&all, at));
            }
        }
        let pods = ports.iter().map(|(pod, ..)| *pod).collect();
        Self { ports, pods }
    }

    /// Whether one leads to a pod by every port of these endpoints; by any, where those are not known.
    fn is(&self, endpoints: &Endpoints, pod: u32) -> bool {
        let known = |(protocol, port): &(crate::port::Protocol, u16)| self.ports.contains(&(pod, *protocol, *port));
        self.pods.contains(&pod) && endpoints.ports.iter().all(known)
    }
}
