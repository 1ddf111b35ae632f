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
    let mut found = Vec::new();
    for prohibition in &snapshot.objects.prohibitions {
        let from = namespaces(snapshot, prohibition);
        for (at, callee) in prohibition.callees.iter().enumerate() {
            for service in snapshot.services_meant(callee) {
                let ports = snapshot.ports_meant(callee, service);
                let Some(allowed) = Allowed::of(snapshot, service, &ports, &from) else { continue };
                let (name, metadata) = (&prohibition.metadata.name, &snapshot.objects.services[service].metadata);
                let message = format!(
                    "ClusterProhibition {name} forbids it, and {} may call Service {}: {}",
                    super::some(&allowed.callers),
                    metadata.full_name(),
                    allowed.by
                );
                let finding = Finding::new(Code::ProhibitedButAllowed, message).help(allowed.help);
                let path = ["spec".into(), "callees".into(), at.into()];
                found.push(finding.about("ClusterProhibition", &prohibition.metadata).field(path));
            }
        }
    }
    found
}

/// For each workload, whether the prohibition means it as caller.
fn namespaces(snapshot: &Snapshot, prohibition: &Prohibition) -> Vec<bool> {
    let means = |namespace: &str| {
        prohibition.callers.iter().any(|caller| match caller {
            CallerPattern::Any => true,
            CallerPattern::Namespace(named) => named == namespace,
            CallerPattern::One(one) => one.namespace == namespace,
        })
    };
    snapshot.workloads.iter().map(|workload| means(&workload.namespace)).collect()
}

/// Who may call a Service though it is forbidden.
struct Allowed {
    callers: Vec<String>,
    by: String,
    help: String,
}

impl Allowed {
    fn of(
        snapshot: &Snapshot,
        service: usize,
        ports: &[(u32, crate::port::Protocol, u16)],
        from: &[bool],
    ) -> Option<Self> {
        let mut asked: FxHashMap<usize, PortSet> = FxHashMap::default();
        for (pod, protocol, port) in ports {
            let workload = snapshot.pods[*pod as usize].workload as usize;
            asked.entry(workload).or_default().insert(*protocol, *port, *port);
        }
        let own: Vec<u32> = snapshot.services[service].pods.clone();
        let is_own =
            |workload: &usize| snapshot.workloads[*workload].pods.clone().any(|pod| own.binary_search(&pod).is_ok());
        // A Service's own pods reach each other whatever a prohibition says.
        let from = from.iter().enumerate().map(|(at, wanted)| *wanted && !is_own(&at)).collect();
        let to = (0..snapshot.workloads.len()).map(|at| asked.contains_key(&at)).collect();
        let filter = Filter { from: Some(from), to: Some(to), ..Filter::default() };
        let mut callers: Vec<String> = Vec::new();
        let mut example = None;
        let mut see = |connection: &Connection<'_>| -> Result<(), Infallible> {
            let (Party::Workload(source), Party::Workload(destination)) = (&connection.source, &connection.destination)
            else {
                return Ok(());
            };
            let at = snapshot.workloads.binary_search_by(|w| w.key().cmp(&destination.key())).unwrap_or_default();
            let mut open = connection.ports.clone();
            open.union_with(&connection.in_part);
            if asked.get(&at).is_some_and(|asked| !open.intersection(asked).is_empty()) {
                callers.push(source.full_name());
                example.get_or_insert((source.pods.start, destination.pods.start));
            }
            Ok(())
        };
        let Ok(()) = list(snapshot, &filter, &mut see);
        let (source, destination) = example?;
        let (by, help) = reason(snapshot, service, source, destination);
        Some(Self { callers, by, help })
    }
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
        return (format!("{} allows it", super::some(policies)), "narrow the policy".to_owned());
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
