//! Prohibitions that something allows all the same.

use std::convert::Infallible;

use rustc_hash::FxHashMap;

use crate::approval::Prohibition;
use crate::caller::CallerPattern;
use crate::evaluate::{End, evaluate};
use crate::finding::{Code, Finding};
use crate::list::{Connection, Filter, Party, list};
use crate::mode::Mode;
use crate::port::PortSet;
use crate::snapshot::Snapshot;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    snapshot.objects.prohibitions.iter().flat_map(|prohibition| of(snapshot, prohibition)).collect()
}

/// A Service that a prohibition means, and who may call it all the same.
struct Forbidden {
    /// Which of the prohibition's callees means it.
    callee: usize,
    service: usize,
    callers: Vec<String>,
    /// A pod that may call, and one that may be called.
    example: Option<(u32, u32)>,
}

fn of(snapshot: &Snapshot, prohibition: &Prohibition) -> Vec<Finding> {
    let mut all: Vec<Forbidden> = Vec::new();
    // For each workload behind such a Service: which, and the ports that it is forbidden to call.
    let mut behind: FxHashMap<usize, FxHashMap<usize, PortSet>> = FxHashMap::default();
    for (at, callee) in prohibition.callees.iter().enumerate() {
        for service in snapshot.services_meant(callee) {
            for (pod, protocol, port) in snapshot.ports_meant(callee, service) {
                let workload = snapshot.pods[pod as usize].workload as usize;
                behind.entry(workload).or_default().entry(all.len()).or_default().insert(protocol, port, port);
            }
            all.push(Forbidden { callee: at, service, callers: Vec::new(), example: None });
        }
    }
    let to = (0..snapshot.workloads.len()).map(|at| behind.contains_key(&at)).collect();
    let filter = Filter { from: Some(callers(snapshot, prohibition)), to: Some(to), ..Filter::default() };
    let mut see = |connection: &Connection<'_>| -> Result<(), Infallible> {
        let (Party::Workload(source), Party::Workload(destination)) = (&connection.source, &connection.destination)
        else {
            return Ok(());
        };
        let at = snapshot.workloads.binary_search_by(|w| w.key().cmp(&destination.key())).unwrap_or_default();
        let mut open = connection.ports.clone();
        open.union_with(&connection.in_part);
        for (forbidden, ports) in behind.get(&at).into_iter().flatten() {
            let forbidden = &mut all[*forbidden];
            // A Service's own pods reach each other whatever a prohibition says.
            let own = &snapshot.services[forbidden.service].pods;
            let is_own = source.pods.clone().any(|pod| own.binary_search(&pod).is_ok());
            if !is_own && !open.intersection(ports).is_empty() {
                forbidden.callers.push(source.full_name());
                forbidden.example.get_or_insert((source.pods.start, destination.pods.start));
            }
        }
        Ok(())
    };
    let Ok(()) = list(snapshot, &filter, &mut see);
    let finding = |forbidden: &Forbidden| {
        let (source, destination) = forbidden.example?;
        let (by, help) = reason(snapshot, forbidden.service, source, destination);
        let service = snapshot.objects.services[forbidden.service].metadata.full_name();
        let (name, callers) = (&prohibition.metadata.name, crate::finding::some(&forbidden.callers));
        let message = format!("ClusterProhibition {name} forbids it, and {callers} may call Service {service}: {by}");
        let finding = Finding::new(Code::ProhibitedButAllowed, message).help(help);
        let path = ["spec".into(), "callees".into(), forbidden.callee.into()];
        Some(finding.about("ClusterProhibition", &prohibition.metadata).field(path))
    };
    all.iter().filter_map(finding).collect()
}

/// For each workload, whether the prohibition means it as caller.
fn callers(snapshot: &Snapshot, prohibition: &Prohibition) -> Vec<bool> {
    let means = |namespace: &str| {
        prohibition.callers.iter().any(|caller| match caller {
            CallerPattern::Any => true,
            CallerPattern::Namespace(named) => named == namespace,
            CallerPattern::One(one) => one.namespace == namespace,
        })
    };
    snapshot.workloads.iter().map(|workload| means(&workload.namespace)).collect()
}

/// What lets one pod reach another, and what to do about it.
fn reason(snapshot: &Snapshot, service: usize, source: u32, destination: u32) -> (String, String) {
    let verdict = evaluate(snapshot, End::Pod(source), End::Pod(destination));
    let allowing = verdict.ingress.policies.iter().filter(|p| p.rules.iter().any(|rule| !rule.ports.is_empty()));
    let policies: Vec<String> = allowing
        .map(|reason| snapshot.policies[reason.policy].policy.metadata.full_name())
        .map(|name| format!("NetworkPolicy {name}"))
        .collect();
    if !policies.is_empty() {
        return (format!("{} allows it", crate::finding::some(policies)), "narrow the policy".to_owned());
    }
    let mode = snapshot.services[service].mode;
    if mode == Mode::Enforce {
        return (
            "nothing stands before all of its pods".to_owned(),
            "give its pods a selector that finds them".to_owned(),
        );
    }
    let namespace = &snapshot.objects.services[service].metadata.namespace;
    (format!("no policy stands before it (mode {mode})"), format!("put namespace {namespace} into enforce"))
}
