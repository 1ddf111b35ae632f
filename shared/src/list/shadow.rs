//! What would hold, were all that is in `shadow` in `enforce`.

use super::{Entry, Filter, Lister};
use crate::cidr::AddressSet;
use crate::policy::Direction;
use crate::port::PortSet;
use crate::snapshot::Snapshot;

/// Answers for the enforced snapshot, in which workloads have the same numbers.
pub(super) struct Enforced<'a> {
    lister: Lister<'a>,
}

/// One row of it.
pub(super) struct EnforcedRow<'l, 'a> {
    lister: &'l Lister<'a>,
    entries: Vec<Entry>,
}

impl<'a> Enforced<'a> {
    /// The snapshot to ask; `None` where no Service and no namespace is in `shadow`.
    pub(super) fn snapshot(snapshot: &Snapshot) -> Option<Snapshot> {
        snapshot.has_shadow().then(|| snapshot.enforced())
    }

    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        Self { lister: Lister::new(snapshot) }
    }

    /// The destinations of a workload.
    pub(super) fn row(&mut self, source: usize, filter: &Filter) -> EnforcedRow<'_, 'a> {
        let entries = if filter.own { self.lister.row_with_own(source) } else { self.lister.row(source) };
        EnforcedRow { lister: &self.lister, entries }
    }

    /// What every pod of a workload may with all of these addresses.
    pub(super) fn outside(&self, direction: Direction, workload: usize, addresses: &AddressSet) -> PortSet {
        let mut left = addresses.clone();
        let mut every = PortSet::all();
        for (part, ports, _) in self.lister.external(direction, workload) {
            if !part.intersection(addresses).is_empty() {
                every = every.intersection(&ports);
                left = left.difference(&part);
            }
        }
        if left.is_empty() { every } else { PortSet::none() }
    }
}

impl EnforcedRow<'_, '_> {
    /// What every pair of pods may, towards one destination.
    pub(super) fn ports_of(&self, destination: u32) -> PortSet {
        let found = self.entries.binary_search_by_key(&destination, |entry| entry.workload).ok();
        self.lister.ports_of(found.map(|at| &self.entries[at])).0.clone()
    }
}
