//! Services that stay out of `enforce` beside one that comes to be in it, on the same pods: policies close pods, whichever
//! Service selects them, so that its policy cuts the callers of the others. Those of them that can carry no intent are let in
//! by a `from` for the Service in `enforce`, and by nothing that is said of their own.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Mode;
use super::stop::{Reason, Stop};
use crate::approval::FromManifest;
use crate::callee::{CalleePattern, Port};
use crate::check::exposures::{Called, Outsider, Who, called, ports_without_from};
use crate::compile::scope_of;
use crate::finding::{ObjectName, some};
use crate::objects::Service;
use crate::port::Protocol;
use crate::snapshot::Snapshot;

/// A port of a Service, as approvals name it: the Service's index, and the port.
type ServicePort = (usize, Port);

/// What stands against it: `closes` are the pods that close, in order.
pub(super) fn beside(after: &Snapshot, closes: &[u32], api_servers: &[IpAddr]) -> Vec<Stop> {
    let is_closed = |service: usize| after.services[service].pods.iter().any(|pod| closes.binary_search(pod).is_ok());
    let mut others = called(after);
    others.retain(|called| after.services[called.service].mode != Mode::Enforce && is_closed(called.service));
    if others.is_empty() {
        return Vec::new();
    }
    let enforced = Enforced::of(after, closes);
    others.into_iter().flat_map(|called| Cut::of(after, called, &enforced).stops(after, api_servers)).collect()
}

/// The Services in `enforce` behind which pods close.
struct Enforced<'a> {
    closes: &'a [u32],
    /// The Services.
    services: Vec<usize>,
    /// Their ports, by the ports of pods that they lead to.
    leads: FxHashMap<(u32, Protocol, u16), Vec<ServicePort>>,
    /// Those of them that let in nobody without a label.
    closed: FxHashSet<ServicePort>,
}

impl<'a> Enforced<'a> {
    fn of(after: &Snapshot, closes: &'a [u32]) -> Self {
        let mut all = Self { closes, services: Vec::new(), leads: FxHashMap::default(), closed: FxHashSet::default() };
        for (at, service) in after.objects.services.iter().enumerate() {
            let state = &after.services[at];
            if state.mode != Mode::Enforce || !state.pods.iter().any(|pod| closes.binary_search(pod).is_ok()) {
                continue;
            }
            all.services.push(at);
            all.closed.extend(ports_without_from(after, service).into_iter().map(|port| (at, port)));
            for port in &service.ports {
                let port = port.identifier();
                for target in targets(after, at, &port) {
                    all.leads.entry(target).or_default().push((at, port.clone()));
                }
            }
        }
        all
    }

    /// The ports of these that lead to a port of a pod, if all let in nobody.
    fn closed_at(&self, target: (u32, Protocol, u16)) -> Option<&[ServicePort]> {
        let ports = self.leads.get(&target).map_or(&[][..], Vec::as_slice);
        let is_closed = self.closes.binary_search(&target.0).is_ok() && ports.iter().all(|p| self.closed.contains(p));
        is_closed.then_some(ports)
    }
}

/// The ports of pods that a port of a Service means.
fn targets(snapshot: &Snapshot, at: usize, port: &Port) -> Vec<(u32, Protocol, u16)> {
    let scope = scope_of(&snapshot.objects.services[at]);
    snapshot.ports_meant(&CalleePattern { scope, port: port.clone() }, at)
}

/// A Service whose callers are cut by the policy of another.
struct Cut<'s> {
    service: usize,
    by: Vec<Outsider<'s>>,
    /// Its ports that are closed.
    closed: Vec<Port>,
    /// Those of them to which no Service in `enforce` leads.
    alone: Vec<Port>,
    /// The Service whose policy it is.
    policy_of: usize,
    /// The ports of Services in `enforce` that lead there.
    same: BTreeSet<ServicePort>,
}

impl<'s> Cut<'s> {
    fn of(after: &'s Snapshot, called: Called<'s>, enforced: &Enforced<'_>) -> Self {
        let service = called.service;
        let (mut closed, mut alone, mut same) = (Vec::new(), Vec::new(), BTreeSet::new());
        for port in &after.objects.services[service].ports {
            let port = port.identifier();
            let all = targets(after, service, &port);
            let shut: Vec<&[ServicePort]> = all.into_iter().filter_map(|target| enforced.closed_at(target)).collect();
            if shut.is_empty() {
                continue;
            }
            if shut.iter().any(|ports| ports.is_empty()) {
                alone.push(port.clone());
            }
            same.extend(shut.into_iter().flatten().cloned());
            closed.push(port);
        }
        let selects = |at: &&usize| {
            let pods = &after.services[service].pods;
            after.services[**at].pods.iter().any(|pod| pods.binary_search(pod).is_ok())
        };
        let policy_of = enforced.services.iter().find(selects).copied().unwrap_or(service);
        let by = if closed.is_empty() { Vec::new() } else { called.cut(after, &closed) };
        Self { service, by, closed, alone, policy_of, same }
    }

    fn stops(self, after: &Snapshot, api_servers: &[IpAddr]) -> Vec<Stop> {
        let [service, policy_of] = [self.service, self.policy_of].map(|at| &after.objects.services[at]);
        let callees: Vec<String> = self
            .same
            .iter()
            .map(|(at, port)| format!("{}:{port}", after.objects.services[*at].metadata.name))
            .collect();
        let paste = self.alone.is_empty().then(|| {
            let name = format!("from-outside.{}.{}", service.metadata.name, policy_of.metadata.name);
            FromManifest { service, by: self.by.clone(), name, callees: callees.clone() }.text(api_servers)
        });
        // Once for each Service.
        let pastes = std::iter::once(paste).chain(std::iter::repeat(None));
        let stop = |(by, paste): (&Outsider<'_>, Option<String>)| Stop {
            reason: Reason::WithoutFrom,
            object: ObjectName::new("Service", &service.metadata),
            message: self.message(after, by, service, policy_of),
            help: self.help(by.who(), service, policy_of, &callees),
            paste,
        };
        self.by.iter().zip(pastes).map(stop).collect()
    }

    fn message(&self, after: &Snapshot, by: &Outsider<'_>, service: &Service, policy_of: &Service) -> String {
        let mode = after.services[self.service].mode;
        let (name, other) = (service.metadata.full_name(), policy_of.metadata.full_name());
        let what = match by {
            Outsider::Type => format!("Service {name} is a {} in {mode}", service.r#type.as_str()),
            Outsider::Named(exposure, _) => {
                let by = exposure.metadata.full_name();
                format!("{} {by} calls Service {name}, which is in {mode}", exposure.kind)
            }
        };
        let ports = if self.closed.len() < service.ports.len() {
            format!(" on port {}", some(&self.closed))
        } else {
            String::new()
        };
        format!(
            "{what}, and the policy of Service {other} in enforce, on the same pods, would cut its callers{ports}: no `from` \
             lets them in"
        )
    }

    fn help(&self, who: Who, service: &Service, policy_of: &Service, callees: &[String]) -> String {
        let (namespace, other) = (&service.metadata.namespace, &policy_of.metadata.name);
        let name = |callees: &str| {
            format!(
                "name {} under `from` of an Approval in namespace {namespace} with callees: [{callees}]",
                who.as_str()
            )
        };
        if self.alone.is_empty() {
            return name(&callees.join(", "));
        }
        let alone: Vec<String> = self.alone.iter().map(|port| format!("{}:{port}", service.metadata.name)).collect();
        format!(
            "no Service in enforce leads where {} does: add such a port to Service {other}, and {}; or set both to enforce in \
             one step, by their namespace",
            alone.join(", "),
            name(other)
        )
    }
}
