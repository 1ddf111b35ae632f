//! What stands against a stricter mode: who would be cut though nobody could have approved them, or got in though nobody did.

use std::net::IpAddr;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Mode;
use super::beside::beside;
use crate::approval::FromManifest;
use crate::callee::{CalleePattern, Port};
use crate::check::exposures::{Exposed, exposed};
use crate::check::observed::ungranted;
use crate::compile::{opens, scope_of};
use crate::diff::isolated;
use crate::finding::{ObjectName, some};
use crate::objects::{Endpoints, Service, ServiceType};
use crate::port::Protocol;
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
/// ([`super::settled`]) without and with the change. `off` takes policies away, and can cut where those of other Services
/// close the same pods.
pub fn stops(now: &Snapshot, before: &Snapshot, after: &Snapshot, mode: Mode) -> Vec<Stop> {
    let closes = closes(before, after);
    let mut stands = closes.clone();
    stands.extend(left_alone(before, after));
    stands.sort_unstable();
    stands.dedup();
    let beside = beside(after, &stands, &api_servers(after));
    if !mode.is_managed() {
        return beside;
    }
    let forged = ungranted(now).into_iter().map(|(pod, keys)| {
        let object = ObjectName::new("Pod", &pod.metadata);
        let message = format!("{object} has the label {}, which no approval gives it", some(keys));
        let help = "the controller takes it away within seconds: see that it runs, and look into who wrote it";
        Stop { reason: Reason::UngrantedLabel, object, message, help: help.to_owned(), paste: None }
    });
    let beside = beside.into_iter().chain(incomplete(before, after));
    forged.chain(unselected(after, &closes)).chain(without_from(before, after)).chain(beside).collect()
}

/// The pods that some policy closes and none did, in order.
fn closes(before: &Snapshot, after: &Snapshot) -> Vec<u32> {
    let (open, closed) = (isolated(before), isolated(after));
    (0..).zip(open.iter().zip(&closed)).filter(|(_, (a, b))| !**a && **b).map(|(at, _)| at).collect()
}

/// The pods of Services that leave `enforce` and let in who can carry no intent, and that the policies of others still close.
fn left_alone<'a>(before: &'a Snapshot, after: &'a Snapshot) -> impl Iterator<Item = u32> + 'a {
    let (closed, cut) = (isolated(after), exposed(before));
    let leaves = move |at: &usize| {
        let is_in = |snapshot: &Snapshot| snapshot.services[*at].mode == Mode::Enforce;
        is_in(before) && !is_in(after) && !cut.iter().any(|exposed| exposed.service == *at)
    };
    let services = (0..after.services.len().min(before.services.len())).filter(leaves);
    services.flat_map(|at| &after.services[at].pods).copied().filter(move |pod| closed[*pod as usize])
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
            let by = exposed.iter().map(|exposed| exposed.by).collect();
            // Of one Service the same ports are closed to all.
            let paste = FromManifest::own(service, by, &exposed[0].closed).text(&api_servers);
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

/// Approvals of such Services with a `from` of which something is no peer, as before it is completed: whoever it stands for is
/// not let in.
fn incomplete(before: &Snapshot, after: &Snapshot) -> Vec<Stop> {
    let services = after.objects.services.iter().enumerate().filter(|(at, _)| is_new(before, after, *at));
    let services: Vec<(&Service, Mode)> =
        services.map(|(_, service)| (service, after.mode(&service.metadata.namespace))).collect();
    let approvals = after.objects.approvals.iter().filter(|approval| !approval.is_expired(after.options.now));
    approvals
        .filter_map(|approval| {
            let why = approval.from.iter().find_map(|from| from.peer.as_ref().err())?;
            let ports = |(service, mode): &(&Service, Mode)| {
                service.ports.iter().any(|port| opens(approval, service, *mode, &port.identifier()))
            };
            services.iter().any(ports).then_some((approval, why))
        })
        .map(|(approval, why)| {
            let object = ObjectName::new(approval.kind(), &approval.metadata);
            let message = format!("{object} has something under `from` that lets in nobody: {why}");
            let help = "complete it: whoever it stands for would be cut".to_owned();
            Stop { reason: Reason::WithoutFrom, object, message, help, paste: None }
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
fn unselected(after: &Snapshot, closes: &[u32]) -> Vec<Stop> {
    let services = after.objects.services.iter();
    let without: FxHashMap<(&str, &str), &Service> = services
        .filter(|service| service.selector.is_none() && service.r#type != ServiceType::ExternalName)
        .map(|service| (service.metadata.key(), service))
        .collect();
    if without.is_empty() || closes.is_empty() {
        return Vec::new();
    }
    let covered = Covered::of(after);
    let mut found: Vec<(&Service, Vec<String>, bool)> = Vec::new();
    for endpoints in &after.objects.endpoints {
        let key = (endpoints.metadata.namespace.as_str(), endpoints.service.as_str());
        let Some(service) = without.get(&key) else { continue };
        let ports = Ports::of(service, endpoints);
        let behind = closes.iter().filter(|pod| leads_to(endpoints, after, **pod) && !covered.is(ports, **pod));
        let pods: Vec<String> = behind.map(|pod| name_of(after, *pod)).collect();
        let every = ports == Ports::Every;
        match found.iter_mut().find(|(known, ..)| known.metadata.key() == key) {
            _ if pods.is_empty() => {}
            Some((_, all, any)) => {
                all.extend(pods);
                *any |= every;
            }
            None => found.push((service, pods, every)),
        }
    }
    found.sort_by(|(a, ..), (b, ..)| a.metadata.key().cmp(&b.metadata.key()));
    let stop = |(service, mut pods, every): (&Service, Vec<String>, bool)| {
        // A pod may stand in several slices.
        pods.sort_unstable();
        pods.dedup();
        let object = ObjectName::new("Service", &service.metadata);
        let message =
            format!("{object} has no selector, and nobody could be approved for the pods behind it: {}", some(pods));
        let help = if every {
            "its EndpointSlices name no port, which is every port: name those that are called, and add a Service with a selector \
             that leads to them"
        } else {
            "give it a selector, or add a Service with one that leads to the same port of these pods"
        };
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

/// By which ports a Service without selector leads to its endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ports<'a> {
    /// By these; by none, where there are none.
    These(&'a [(Protocol, u16)]),
    /// By every port.
    Every,
}

impl<'a> Ports<'a> {
    fn of(service: &Service, endpoints: &'a Endpoints) -> Self {
        match endpoints.ports.as_deref() {
            // Its name means the addresses, and whoever has those calls what port they like.
            Some([]) if service.headless => Self::Every,
            Some(ports) => Self::These(ports),
            None => Self::Every,
        }
    }
}

/// The ports of pods that Services in `enforce` lead to.
struct Covered(FxHashSet<(u32, Protocol, u16)>);

impl Covered {
    fn of(snapshot: &Snapshot) -> Self {
        let mut ports = FxHashSet::default();
        for (at, service) in snapshot.objects.services.iter().enumerate() {
            if snapshot.services[at].mode == Mode::Enforce {
                let all = CalleePattern { scope: scope_of(service), port: Port::All };
                ports.extend(snapshot.ports_meant(&all, at));
            }
        }
        Self(ports)
    }

    /// Whether one leads to a pod by each of these ports. By every port none does.
    fn is(&self, ports: Ports<'_>, pod: u32) -> bool {
        match ports {
            Ports::These(ports) => ports.iter().all(|(protocol, port)| self.0.contains(&(pod, *protocol, *port))),
            Ports::Every => false,
        }
    }
}
