//! What a workload declares, as ports of the pods behind the Services it names.

use std::collections::BTreeMap;

use crate::port::PortSet;
use crate::snapshot::Snapshot;

/// What a workload declares towards one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    /// The destination.
    pub(super) workload: u32,
    /// The pods' ports behind what its intents name.
    pub(super) declared: PortSet,
    /// Those of granted intents.
    pub(super) approved: PortSet,
}

/// In order of the destination.
pub(super) fn of_workload(snapshot: &Snapshot, workload: usize) -> Vec<Declared> {
    let mut all: BTreeMap<u32, Declared> = BTreeMap::new();
    let mut seen = rustc_hash::FxHashSet::default();
    for pod in snapshot.workloads[workload].pods.clone() {
        let pod = &snapshot.pods[pod as usize];
        // Grants are in the order of the intents.
        let mut grants = pod.derivation.grants.iter().peekable();
        for intent in &pod.intents {
            let approved = grants.next_if(|grant| grant.callee == intent.callee).is_some();
            // The pods of a workload mostly declare the same.
            if !seen.insert((&intent.callee, approved)) {
                continue;
            }
            for service in snapshot.services_meant(&intent.callee) {
                for (to, protocol, port) in snapshot.ports_meant(&intent.callee, service) {
                    let workload = snapshot.pods[to as usize].workload;
                    let entry = all.entry(workload).or_insert_with(|| Declared { workload, ..Declared::default() });
                    entry.declared.insert(protocol, port, port);
                    if approved {
                        entry.approved.insert(protocol, port, port);
                    }
                }
            }
        }
    }
    all.into_values().collect()
}
