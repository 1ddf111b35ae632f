//! Services: what they lead to, and what they share.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::compile::scope_of;
use crate::finding::{Code, Finding};
use crate::mode::Mode;
use crate::names;
use crate::objects::{Service, ServiceType};
use crate::port::Protocol;
use crate::snapshot::Snapshot;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, service) in snapshot.objects.services.iter().enumerate() {
        found.extend(invalid_type(service));
        found.extend(not_enforceable(snapshot, at));
        found.extend(selects_nothing(snapshot, at));
    }
    shared(snapshot, &mut found);
    unnamed_ports(snapshot, &mut found);
    found
}

fn about(service: &Service, code: Code, message: String) -> Finding {
    Finding::new(code, message).about("Service", &service.metadata)
}

fn invalid_type(service: &Service) -> Option<Finding> {
    let r#type = service.metadata.labels.get(names::TYPE).filter(|r#type| !names::is_dns_label(r#type))?;
    let message = format!("`{type}` is no type: no intent can name it");
    let help = "write at most 63 lower-case letters, digits and `-`".to_owned();
    let path = ["metadata".into(), "labels".into(), names::TYPE.into()];
    Some(about(service, Code::InvalidType, message).help(help).field(path))
}

/// What [`crate::compile`] says of Services in `enforce`, it does not say of those on the way there, nor of those
/// without ports, which have a policy that lets in their own pods alone.
fn not_enforceable(snapshot: &Snapshot, at: usize) -> Option<Finding> {
    let (service, mode) = (&snapshot.objects.services[at], snapshot.services[at].mode);
    let name = service.metadata.full_name();
    let message = match service.enforceable() {
        Some(_) if service.ports.is_empty() && mode.is_managed() => {
            format!("Service {name} is in {mode} and has no ports: nobody can be approved for it")
        }
        None if mode == Mode::Shadow => {
            format!("Service {name} is in shadow, and in enforce nothing could stand before it")
        }
        _ => return None,
    };
    let help = match service.enforceable() {
        Some(_) => "name the ports that its callers use",
        None if service.r#type == ServiceType::ExternalName => {
            "an ExternalName is a DNS alias: take it out of the mode"
        }
        None => "a policy needs a selector to know its pods by",
    };
    Some(
        about(service, Code::NotEnforceable, message)
            .help(help.to_owned())
            .field(["spec".into(), if service.enforceable().is_some() { "ports" } else { "type" }.into()]),
    )
}

fn selects_nothing(snapshot: &Snapshot, at: usize) -> Option<Finding> {
    let service = &snapshot.objects.services[at];
    let selector = service.enforceable().filter(|_| snapshot.services[at].pods.is_empty())?;
    let pods: Vec<u32> = snapshot.namespaces.get(&service.metadata.namespace)?.pods.clone().collect();
    // Of a namespace without pods there is one finding for all.
    let requirement = super::unmet(snapshot, &pods, selector).filter(|_| !pods.is_empty())?;
    let labels = pods.iter().map(|pod| &snapshot.pods[*pod as usize].labels);
    let message = format!("the selector of Service {} matches no pod: {selector}", service.metadata.full_name());
    let path = super::to_requirement(&["spec".into(), "selector".into()], &[], requirement);
    let finding = about(service, Code::ServiceSelectsNothing, message).help(super::near(requirement, labels));
    Some(finding.field(path))
}

/// Pods' ports that several Services lead to, and pods whose Services have different modes.
fn shared(snapshot: &Snapshot, found: &mut Vec<Finding>) {
    let mut on_pod: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, state) in snapshot.services.iter().enumerate().filter(|(_, state)| state.mode.is_managed()) {
        state.pods.iter().for_each(|pod| on_pod.entry(*pod).or_default().push(at));
    }
    // A Service that is off shares its pods' fate all the same.
    for (at, state) in snapshot.services.iter().enumerate().filter(|(_, state)| !state.mode.is_managed()) {
        for pod in &state.pods {
            on_pod.entry(*pod).and_modify(|services| services.push(at));
        }
    }
    let pairs: FxHashSet<(usize, usize)> = on_pod
        .values()
        .flat_map(|services| services.iter().flat_map(|a| services.iter().map(|b| (*a.min(b), *a.max(b)))))
        .filter(|(a, b)| a != b)
        .collect();
    let mut pairs: Vec<(usize, usize)> = pairs.into_iter().collect();
    pairs.sort_unstable();
    let mut ports: FxHashMap<usize, PodPorts> = FxHashMap::default();
    for at in pairs.iter().flat_map(|(a, b)| [*a, *b]) {
        ports.entry(at).or_insert_with(|| pod_ports(snapshot, at));
    }
    // One that shares with many is told of once.
    let mut told = FxHashSet::default();
    for (a, b) in pairs {
        if !told.contains(&(Code::MixedModes, b)) {
            let mixed = mixed_modes(snapshot, a, b).or_else(|| mixed_modes(snapshot, b, a));
            told.extend(mixed.is_some().then_some((Code::MixedModes, b)));
            found.extend(mixed);
        }
        if !told.contains(&(Code::SharedPodPort, b)) {
            let shared = shared_port(snapshot, (a, &ports[&a]), (b, &ports[&b]));
            told.extend(shared.is_some().then_some((Code::SharedPodPort, b)));
            found.extend(shared);
        }
    }
}

fn mixed_modes(snapshot: &Snapshot, enforced: usize, other: usize) -> Option<Finding> {
    let mode = snapshot.services[other].mode;
    if snapshot.services[enforced].mode != Mode::Enforce || mode == Mode::Enforce {
        return None;
    }
    let [enforced, service] = [enforced, other].map(|at| &snapshot.objects.services[at]);
    let (name, by) = (service.metadata.full_name(), enforced.metadata.full_name());
    let message =
        format!("Service {name} is in {mode}, and the policy of {by} (enforce), on the same pods, cuts its callers");
    let help = format!("give both the same mode: {}", names::MODE);
    let path = ["metadata".into(), "labels".into(), names::MODE.into()];
    Some(about(service, Code::MixedModes, message).help(help).field(path))
}

/// Pod, protocol and number of ports, with the index of the Service's port that leads there.
type PodPorts = BTreeMap<(u32, Protocol, u16), usize>;

/// The ports of pods that a Service leads to, with the place of the port in the Service.
fn pod_ports(snapshot: &Snapshot, at: usize) -> PodPorts {
    let service = &snapshot.objects.services[at];
    let mut found = BTreeMap::new();
    for (index, port) in service.ports.iter().enumerate() {
        let callee = crate::callee::CalleePattern { scope: scope_of(service), port: port.identifier() };
        for target in snapshot.ports_meant(&callee, at) {
            found.entry(target).or_insert(index);
        }
    }
    found
}

fn shared_port(snapshot: &Snapshot, a: (usize, &PodPorts), b: (usize, &PodPorts)) -> Option<Finding> {
    let ((_, protocol, port), index) = b.1.iter().find(|(target, _)| a.1.contains_key(target))?;
    let [first, second] = [a.0, b.0].map(|at| &snapshot.objects.services[at]);
    let message = format!(
        "Services {} and {} lead to the same port of the same pods ({protocol} {port}): who is approved for one may call the other",
        first.metadata.full_name(),
        second.metadata.full_name(),
    );
    let path = ["spec".into(), "ports".into(), (*index).into()];
    Some(about(second, Code::SharedPodPort, message).field(path))
}

/// Container ports of protected pods that no Service leads to.
fn unnamed_ports(snapshot: &Snapshot, found: &mut Vec<Finding>) {
    let mut named: FxHashSet<(u32, Protocol, u16)> = FxHashSet::default();
    let mut protected: BTreeMap<u32, usize> = BTreeMap::new();
    for (at, state) in snapshot.services.iter().enumerate() {
        named.extend(pod_ports(snapshot, at).into_keys());
        if state.mode == Mode::Enforce {
            state.pods.iter().for_each(|pod| {
                protected.entry(*pod).or_insert(at);
            });
        }
    }
    let mut told = FxHashSet::default();
    for (pod, service) in protected {
        let object = &snapshot.objects.workloads[snapshot.pods[pod as usize].object];
        for port in &object.pod.ports {
            let known = named.contains(&(pod, port.protocol, port.port));
            if known || !told.insert((snapshot.pods[pod as usize].workload, port.protocol, port.port)) {
                continue;
            }
            let name = port.name.as_deref().map_or_else(String::new, |name| format!(" ({name})"));
            let service = snapshot.objects.services[service].metadata.full_name();
            let message = format!(
                "no Service leads to port {} {}{name} of {} {}, which Service {service} protects",
                port.protocol,
                port.port,
                snapshot.workload_of(pod).kind,
                snapshot.workload_of(pod).full_name()
            );
            let mut path = super::in_template(object, &["spec"]);
            path.push(crate::finding::Step::Holding("containerPort", port.port.to_string()));
            let finding =
                Finding::new(Code::UnnamedContainerPort, message).about(object.kind.clone(), &object.metadata);
            found.push(finding.field(path));
        }
    }
}
