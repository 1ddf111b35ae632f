//! What a workload declares, as ports of the pods behind the Services it names.

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::callee::CalleePattern;
use crate::port::{PortSet, Protocol};
use crate::snapshot::Snapshot;

/// What a workload declares towards one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    /// The destination.
    pub(super) workload: u32,
    /// The pods' ports behind what its intents name.
    pub(super) ports: PortSet,
    /// Those of granted intents.
    pub(super) approved: PortSet,
}

/// A port of the pods of a workload.
type Target = (u32, Protocol, u16);

/// What workloads declare. What an intent leads to is looked up once for all that declare it: many name the same
/// callees, and for a wildcard every Service is looked at.
pub(super) struct Declarations<'a> {
    snapshot: &'a Snapshot,
    targets: FxHashMap<&'a CalleePattern, Rc<[Target]>>,
    /// The last answer: of a workload whose connections differ, each one asks.
    last: Option<(usize, Rc<[Declared]>)>,
}

impl<'a> Declarations<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, targets: FxHashMap::default(), last: None }
    }

    /// What a workload declares, in order of the destination.
    pub(super) fn of_workload(&mut self, workload: usize) -> Rc<[Declared]> {
        if let Some((of, declared)) = &self.last
            && *of == workload
        {
            return Rc::clone(declared);
        }
        let declared = self.all(workload);
        self.last = Some((workload, Rc::clone(&declared)));
        declared
    }

    fn all(&mut self, workload: usize) -> Rc<[Declared]> {
        let snapshot = self.snapshot;
        let mut found: Vec<(Target, bool)> = Vec::new();
        let mut seen = FxHashSet::default();
        for pod in snapshot.workloads[workload].pods.clone() {
            let pod = &snapshot.pods[pod as usize];
            // Grants are in the order of the intents.
            let mut grants = pod.derivation.grants.iter().peekable();
            for intent in &pod.intents {
                let approved = grants.next_if(|grant| grant.callee == intent.callee).is_some();
                // The pods of a workload mostly declare the same.
                if seen.insert((&intent.callee, approved)) {
                    found.extend(self.targets(&intent.callee).iter().map(|target| (*target, approved)));
                }
            }
        }
        found.sort_unstable_by_key(|((workload, ..), _)| *workload);
        found
            .chunk_by(|((a, ..), _), ((b, ..), _)| a == b)
            .map(|same| {
                let mut sum = Declared::default();
                for ((workload, protocol, port), approved) in same {
                    sum.workload = *workload;
                    sum.ports.insert(*protocol, *port, *port);
                    if *approved {
                        sum.approved.insert(*protocol, *port, *port);
                    }
                }
                sum
            })
            .collect()
    }

    fn targets(&mut self, callee: &'a CalleePattern) -> Rc<[Target]> {
        let snapshot = self.snapshot;
        let look_up = || {
            let services = snapshot.services_meant(callee).into_iter();
            let ports = services.flat_map(|service| snapshot.ports_meant(callee, service));
            let mut all: Vec<Target> =
                ports.map(|(pod, protocol, port)| (snapshot.pods[pod as usize].workload, protocol, port)).collect();
            all.sort_unstable();
            all.dedup();
            all.into()
        };
        Rc::clone(self.targets.entry(callee).or_insert_with(look_up))
    }
}
