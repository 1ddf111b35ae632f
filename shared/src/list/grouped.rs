//! Connections as sets of sources and destinations, for clusters where thousands are open to each other.

use rustc_hash::FxHashMap;

use super::{Entry, Filter, Lister, Party};
use crate::connection::PortSetId;
use crate::policy::Direction;
use crate::port::PortSet;
use crate::snapshot::Snapshot;

/// Every one of `sources` has the same connection to every one of `destinations`. A workload may stand on both sides;
/// its connection to itself is not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// Who calls: workloads in order, or one set of addresses.
    pub sources: Vec<Party<'a>>,
    /// Who is called: workloads in order, or one set of addresses.
    pub destinations: Vec<Party<'a>>,
    /// What every pod may.
    pub ports: PortSet,
    /// What only some may.
    pub in_part: PortSet,
    /// Whether policies isolate the sources for egress.
    pub egress_isolated: bool,
    /// Whether policies isolate the destinations for ingress.
    pub ingress_isolated: bool,
}

type Sides = (Vec<u32>, bool, bool, PortSetId, PortSetId);

/// Groups the connections that the filter wants. What is declared is left out of it: see [`super::list`].
pub fn grouped<'a>(snapshot: &'a Snapshot, filter: &Filter) -> Vec<Group<'a>> {
    let mut lister = Lister::new(snapshot);
    let workloads = |set: &[u32]| set.iter().map(|w| Party::Workload(&snapshot.workloads[*w as usize])).collect();
    let mut groups: Vec<Group<'a>> = external(&lister, Direction::Ingress, filter);
    for (sources, rows) in by_row(&mut lister, filter) {
        for ((destinations, egress_isolated, ingress_isolated, every, some), sources) in rows
            .into_iter()
            .map(|key| (key, &sources))
            // A workload's group with itself alone is no connection.
            .filter(|(key, sources)| filter.own || key.0.len() > 1 || key.0 != **sources)
        {
            let ports = lister.ports.get(every).clone();
            let in_part = lister.ports.get(some).difference(&ports);
            groups.push(Group {
                sources: workloads(sources),
                destinations: workloads(&destinations),
                ports,
                in_part,
                egress_isolated,
                ingress_isolated,
            });
        }
    }
    groups.extend(external(&lister, Direction::Egress, filter));
    groups
}

/// Sources with equal rows, in order of the first of them, each row cut into equal ports.
fn by_row(lister: &mut Lister<'_>, filter: &Filter) -> Vec<(Vec<u32>, Vec<Sides>)> {
    let mut known: FxHashMap<(Vec<Entry>, bool), usize> = FxHashMap::default();
    let mut sources: Vec<Vec<u32>> = Vec::new();
    for (id, source) in (0..).zip(0..lister.snapshot.workloads.len()) {
        if filter.from.as_ref().is_some_and(|set| !set[source]) {
            continue;
        }
        let mut row = if filter.own { lister.row_with_own(source) } else { lister.row(source) };
        row.retain(|e| filter.wants(Some(source), Some(e.workload as usize)));
        let next = sources.len();
        let at = *known.entry((row, lister.egress_isolated[source])).or_insert(next);
        if at == next {
            sources.push(Vec::new());
        }
        sources[at].push(id);
    }
    let mut rows: Vec<(Vec<u32>, Vec<Sides>)> = sources.into_iter().map(|s| (s, Vec::new())).collect();
    for ((row, egress), at) in known {
        let mut by_ports: FxHashMap<(bool, PortSetId, PortSetId), Vec<u32>> = FxHashMap::default();
        for entry in row {
            let ingress = lister.ingress_isolated[entry.workload as usize];
            by_ports.entry((ingress, entry.every, entry.some)).or_default().push(entry.workload);
        }
        rows[at].1 = by_ports.into_iter().map(|((i, e, s), destinations)| (destinations, egress, i, e, s)).collect();
        rows[at].1.sort_unstable();
    }
    rows
}

fn external<'a>(lister: &Lister<'a>, direction: Direction, filter: &Filter) -> Vec<Group<'a>> {
    let mut known = FxHashMap::default();
    let mut groups: Vec<Group<'a>> = Vec::new();
    for workload in 0..lister.snapshot.workloads.len() {
        let wanted = match direction {
            Direction::Ingress => filter.wants(None, Some(workload)),
            Direction::Egress => filter.wants(Some(workload), None),
        };
        for part in wanted.then(|| lister.external(direction, workload)).into_iter().flatten() {
            let c = lister.external_connection(direction, workload, part);
            let (inside, outside) = match direction {
                Direction::Ingress => (c.destination, c.source),
                Direction::Egress => (c.source, c.destination),
            };
            let Party::Addresses(addresses) = outside else { continue };
            let isolated = (c.egress_isolated, c.ingress_isolated);
            let next = groups.len();
            let at = *known.entry((addresses.clone(), c.ports.clone(), c.in_part.clone(), isolated)).or_insert(next);
            if at == next {
                let outside = vec![Party::Addresses(addresses)];
                let (sources, destinations) = match direction {
                    Direction::Ingress => (outside, vec![]),
                    Direction::Egress => (vec![], outside),
                };
                let (egress_isolated, ingress_isolated) = isolated;
                let (ports, in_part) = (c.ports, c.in_part);
                groups.push(Group { sources, destinations, ports, in_part, egress_isolated, ingress_isolated });
            }
            match direction {
                Direction::Ingress => groups[at].destinations.push(inside),
                Direction::Egress => groups[at].sources.push(inside),
            }
        }
    }
    groups
}
