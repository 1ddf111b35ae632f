//! Connections: declared but cut, and allowed though undeclared.

use std::collections::BTreeMap;
use std::convert::Infallible;

use crate::callee::CalleePattern;
use crate::evaluate::{End, evaluate};
use crate::finding::{Code, Finding};
use crate::list::{Caveat, Connection, Filter, Party, list};
use crate::mode::Mode;
use crate::policy::{NetworkPolicy, Peer, Rule};
use crate::port::PortSet;
use crate::render::rendered;
use crate::snapshot::{Policy, Snapshot};

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut found = cut(snapshot);
    // What stands in the input as the controller would write it lets in whom it should.
    let written = rendered(snapshot);
    let ours = |policy: &NetworkPolicy| {
        written.iter().any(|ours| ours.edited.is_none() && ours.policy.metadata.key() == policy.metadata.key())
    };
    for policy in snapshot.policies.iter().filter(|policy| !policy.generated && !ours(&policy.policy)) {
        undeclared(snapshot, policy, &mut found);
    }
    found
}

/// What cuts an intent: which Services it does not reach, and an example.
struct Cut {
    code: Code,
    services: Vec<String>,
    source: u32,
    destination: u32,
    ports: PortSet,
}

/// Intents that are approved, or need no approval, and lead to what may not be called all the same.
fn cut(snapshot: &Snapshot) -> Vec<Finding> {
    let mut cuts: BTreeMap<(u32, &CalleePattern), Cut> = BTreeMap::new();
    let filter = Filter { declared: true, ..Filter::default() };
    let mut see = |connection: &Connection<'_>| -> Result<(), Infallible> {
        // What could not be read may let it in.
        let is_known = !connection.caveats.iter().any(Caveat::is_fatal);
        let lost = if is_known { connection.cut() } else { PortSet::none() };
        if let (Party::Workload(source), Party::Workload(destination), false) =
            (&connection.source, &connection.destination, lost.is_empty())
        {
            let at = |key| snapshot.workloads.binary_search_by(|w| w.key().cmp(&key)).unwrap_or_default();
            explain(snapshot, at(source.key()), at(destination.key()), &lost, &mut cuts);
        }
        Ok(())
    };
    let Ok(()) = list(snapshot, &filter, &mut see);
    let mut found = Vec::new();
    for ((_, callee), cut) in cuts {
        let pod = &snapshot.pods[cut.source as usize];
        let Some(declared) = pod.intents.iter().find(|declared| *declared.callee == *callee) else { continue };
        let services = crate::finding::some(&cut.services);
        let finding = if cut.code == Code::UnmanagedCaller {
            let namespace = &pod.caller.namespace;
            let message = format!(
                "namespace {namespace} is off: pods of {} get no label, and Service {services} (enforce) does not let them in",
                pod.caller
            );
            let help = format!("kubectl label namespace {namespace} {}={}", crate::names::MODE, Mode::Shadow);
            Finding::new(cut.code, message).help(help)
        } else {
            let message = format!(
                "{} may call {callee}, and does not reach Service {services}: {}",
                pod.caller,
                by(snapshot, &cut)
            );
            Finding::new(cut.code, message).help("add a NetworkPolicy that allows it, or let one of these".to_owned())
        };
        found.push(snapshot.of_intent(finding, cut.source, declared));
    }
    found
}

/// Finds the intents behind what is cut of a connection.
fn explain<'a>(
    snapshot: &'a Snapshot,
    source: usize,
    destination: usize,
    lost: &PortSet,
    cuts: &mut BTreeMap<(u32, &'a CalleePattern), Cut>,
) {
    let workload = &snapshot.workloads[source];
    for source in workload.pods.clone() {
        let pod = &snapshot.pods[source as usize];
        for declared in &pod.intents {
            let granted = pod.derivation.grants.iter().any(|grant| grant.callee == declared.callee);
            for service in snapshot.services_meant(&declared.callee) {
                let mode = snapshot.services[service].mode;
                let managed = snapshot.mode(&pod.caller.namespace).is_managed();
                let code = match (mode, managed, granted) {
                    (Mode::Enforce, false, _) => Code::UnmanagedCaller,
                    (Mode::Off, ..) | (.., true) => Code::CutConnection,
                    // That it is refused is told by itself.
                    _ => continue,
                };
                let targets = snapshot.ports_meant(&declared.callee, service);
                let hit = targets.into_iter().find(|(pod, protocol, port)| {
                    snapshot.pods[*pod as usize].workload as usize == destination && lost.contains(*protocol, *port)
                });
                let Some((target, protocol, port)) = hit else { continue };
                let mut ports = PortSet::none();
                ports.insert(protocol, port, port);
                let key = (pod.workload, &*declared.callee);
                let cut = cuts.entry(key).or_insert(Cut { code, services: vec![], source, destination: target, ports });
                cut.services.push(snapshot.objects.services[service].metadata.full_name());
            }
        }
    }
}

/// Which policies isolate an end and do not allow the example.
fn by(snapshot: &Snapshot, cut: &Cut) -> String {
    let verdict = evaluate(snapshot, End::Pod(cut.source), End::Pod(cut.destination));
    let mut sides = Vec::new();
    for (side, what) in [(&verdict.egress, "egress"), (&verdict.ingress, "ingress")] {
        if side.ports.is_superset(&cut.ports) {
            continue;
        }
        let names = side.policies.iter().map(|reason| snapshot.policies[reason.policy].policy.metadata.full_name());
        sides.push(format!("no {what} policy of it allows that ({})", crate::finding::some(names)));
    }
    if sides.is_empty() { "some of its pods may not be called".to_owned() } else { sides.join("; ") }
}

/// Whom a policy lets in to a Service in enforce without declaration and approval.
fn undeclared(snapshot: &Snapshot, policy: &Policy, found: &mut Vec<Finding>) {
    let Some(rules) = &policy.policy.ingress else { return };
    for (at, state) in snapshot.services.iter().enumerate().filter(|(_, state)| state.mode == Mode::Enforce) {
        let shared: Vec<u32> =
            state.pods.iter().copied().filter(|pod| policy.pods.binary_search(pod).is_ok()).collect();
        if shared.is_empty() {
            continue;
        }
        for (index, rule) in rules.iter().enumerate() {
            let (callers, ports) = strangers(snapshot, policy, rule, at, &shared);
            if callers.is_empty() {
                continue;
            }
            let (name, service) =
                (policy.policy.metadata.full_name(), snapshot.objects.services[at].metadata.full_name());
            let message = format!(
                "NetworkPolicy {name} lets {} call Service {service} ({ports}) without intent and approval",
                crate::finding::some(callers)
            );
            let help = "declare and approve the call, and narrow this rule".to_owned();
            let finding = Finding::new(Code::UndeclaredConnection, message).help(help);
            let path = ["spec".into(), "ingress".into(), index.into()];
            found.push(finding.about("NetworkPolicy", &policy.policy.metadata).field(path));
        }
    }
}

/// Those whom a rule lets in to some of the pods of a Service, without a grant for it, and on which ports.
fn strangers(
    snapshot: &Snapshot,
    policy: &Policy,
    rule: &Rule,
    service: usize,
    pods: &[u32],
) -> (Vec<String>, PortSet) {
    let everything = CalleePattern {
        scope: crate::compile::scope_of(&snapshot.objects.services[service]),
        port: crate::callee::Port::All,
    };
    let mut open = PortSet::none();
    for (pod, protocol, port) in snapshot.ports_meant(&everything, service) {
        if pods.binary_search(&pod).is_ok() && rule.ports_on(Some(&snapshot.spec(pod).ports)).contains(protocol, port) {
            open.insert(protocol, port, port);
        }
    }
    if open.is_empty() {
        return (Vec::new(), open);
    }
    let own = &policy.policy.metadata.namespace;
    let callers: Vec<u32> = if rule.peers.is_empty() {
        (0..).zip(&snapshot.pods).map(|(at, _)| at).collect()
    } else {
        rule.peers.iter().flat_map(|peer| super::peer_pods(snapshot, own, peer)).collect()
    };
    let mut names = Vec::new();
    for caller in callers {
        // The Service's own pods may.
        let is_own = snapshot.services[service].pods.binary_search(&caller).is_ok();
        if !is_own && !granted(snapshot, caller, service).is_superset(&open) {
            names.push(snapshot.workload_of(caller).full_name());
        }
    }
    let blocks = rule.peers.iter().filter(|peer| matches!(peer, Peer::Block { .. }));
    names.extend(blocks.map(ToString::to_string));
    (names, open)
}

/// The pods' ports of a Service that a caller is granted.
fn granted(snapshot: &Snapshot, caller: u32, service: usize) -> PortSet {
    let mut ports = PortSet::none();
    for grant in &snapshot.pods[caller as usize].derivation.grants {
        if snapshot.services_meant(&grant.callee).contains(&service) {
            for (_, protocol, port) in snapshot.ports_meant(&grant.callee, service) {
                ports.insert(protocol, port, port);
            }
        }
    }
    ports
}
