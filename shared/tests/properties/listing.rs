//! `list` agrees with `evaluate` on every pair of workloads, and `grouped` with `list`.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::IpAddr;

use netintent::cidr::AddressSet;
use netintent::evaluate::{End, evaluate};
use netintent::list::{Filter, Party, grouped, list};
use netintent::policy::Direction;
use netintent::port::PortSet;
use netintent::snapshot::Snapshot;
use proptest::prelude::*;

use crate::generate::{objects, snapshot};
use crate::samples::{self, Sample};
use crate::statistics::Statistics;

/// The ports that every pair of pods may use, and those that only some may.
pub(crate) type Cell = (BTreeSet<Sample>, BTreeSet<Sample>);

/// Everything a list says, point by point. Nothing stands under what is not allowed at all.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) pairs: BTreeMap<(String, String), Cell>,
    pub(crate) outside: BTreeMap<(Direction, String, IpAddr), Cell>,
}

/// What a table is looked at by.
pub(crate) struct Points {
    pub(crate) ports: Vec<Sample>,
    pub(crate) addresses: Vec<IpAddr>,
}

impl Points {
    pub(crate) fn of(snapshots: &[&Snapshot]) -> Self {
        let (ports, addresses) = samples::all_samples(snapshots);
        Self { ports, addresses }
    }

    pub(crate) fn cell(&self, ports: &PortSet, in_part: &PortSet) -> Cell {
        (samples::within(ports, &self.ports), samples::within(in_part, &self.ports))
    }
}

impl Table {
    /// Adds one line of a list. No two lines may speak of the same.
    pub(crate) fn add(&mut self, source: &Party<'_>, destination: &Party<'_>, cell: &Cell, points: &Points) {
        let name = |w: &netintent::snapshot::Workload| format!("{}/{}/{}", w.namespace, w.kind, w.name);
        let (direction, inside, addresses) = match (source, destination) {
            (Party::Workload(from), Party::Workload(to)) => {
                let key = (name(from), name(to));
                assert_eq!(self.pairs.insert(key, cell.clone()), None, "{} to {} stands twice", name(from), name(to));
                return;
            }
            (Party::Addresses(outside), Party::Workload(to)) => (Direction::Ingress, name(to), outside),
            (Party::Workload(from), Party::Addresses(outside)) => (Direction::Egress, name(from), outside),
            (Party::Addresses(_), Party::Addresses(_)) => panic!("from outside to outside"),
        };
        for address in points.addresses.iter().filter(|a| samples::holds(addresses, **a)) {
            let before = self.outside.insert((direction, inside.clone(), *address), cell.clone());
            assert_eq!(before, None, "{inside} and {address} stand twice");
        }
    }

    pub(crate) fn of_list(snapshot: &Snapshot, own: bool, points: &Points) -> Self {
        let mut table = Self::default();
        let Ok(()) = list(snapshot, &Filter { own, ..Filter::default() }, &mut |c| {
            assert!(!c.ports.is_empty() || !c.in_part.is_empty(), "a connection without ports");
            table.add(&c.source, &c.destination, &points.cell(&c.ports, &c.in_part), points);
            Ok::<(), Infallible>(())
        });
        table
    }

    fn of_grouped(snapshot: &Snapshot, own: bool, points: &Points) -> Self {
        let mut table = Self::default();
        for group in grouped(snapshot, &Filter { own, ..Filter::default() }) {
            let cell = points.cell(&group.ports, &group.in_part);
            for (source, destination) in
                group.sources.iter().flat_map(|s| group.destinations.iter().map(move |d| (s, d)))
            {
                // Without `own`, a group does not mean the connection of a workload to itself.
                if own || source != destination {
                    table.add(source, destination, &cell, points);
                }
            }
        }
        table
    }

    fn of_evaluate(snapshot: &Snapshot, own: bool, points: &Points) -> Self {
        let mut table = Self::default();
        let parties: Vec<Party<'_>> = snapshot.workloads.iter().map(Party::Workload).collect();
        let pods = |at: usize| snapshot.workloads[at].pods.clone();
        for (from, to) in (0..parties.len()).flat_map(|from| (0..parties.len()).map(move |to| (from, to))) {
            if from == to && !own {
                continue;
            }
            // A running pod's connection to itself is none; a template stands for all its pods, and so does the only pod
            // that a controller has.
            let runs = |pod: u32| snapshot.objects.workloads[snapshot.pods[pod as usize].object].kind == "Pod";
            let is_only = pods(from).len() == 1 && snapshot.workloads[from].kind != "Pod";
            let pairs = pods(from).flat_map(|p| pods(to).map(move |q| (p, q)));
            let pairs = pairs.filter(|(p, q)| p != q || !runs(*p) || is_only);
            let verdicts = pairs.map(|(p, q)| evaluate(snapshot, End::Pod(p), End::Pod(q)).ports);
            if let Some(cell) = every_and_some(verdicts, points) {
                table.add(&parties[from], &parties[to], &cell, points);
            }
        }
        for (at, party) in parties.iter().enumerate() {
            for address in &points.addresses {
                let set = AddressSet::of((*address).into());
                let (outside, end) = (Party::Addresses(set.clone()), End::Addresses(&set));
                let into = pods(at).map(|pod| evaluate(snapshot, end, End::Pod(pod)).ports);
                if let Some(cell) = every_and_some(into, points) {
                    table.add(&outside, party, &cell, points);
                }
                let out = pods(at).map(|pod| evaluate(snapshot, End::Pod(pod), end).ports);
                if let Some(cell) = every_and_some(out, points) {
                    table.add(party, &outside, &cell, points);
                }
            }
        }
        table
    }
}

/// What is in all of the sets, and what is only in some; nothing where nothing is in any.
fn every_and_some(verdicts: impl Iterator<Item = PortSet>, points: &Points) -> Option<Cell> {
    let sets: Vec<BTreeSet<Sample>> = verdicts.map(|set| samples::within(&set, &points.ports)).collect();
    let some: BTreeSet<Sample> = sets.iter().flatten().copied().collect();
    let every = some.iter().copied().filter(|sample| sets.iter().all(|set| set.contains(sample))).collect();
    let in_part = &some - &every;
    (!some.is_empty()).then_some((every, in_part))
}

/// Counts what is allowed in part.
pub(crate) fn count(snapshot: &Snapshot, statistics: &mut Statistics) {
    let Ok(()) = list(snapshot, &Filter::default(), &mut |c| {
        statistics.count("allowed in part", usize::from(!c.in_part.is_empty()));
        Ok::<(), Infallible>(())
    });
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn list_agrees_with_evaluate_and_grouped_with_list(objects in objects(), own in any::<bool>()) {
        let snapshot = snapshot(&objects);
        let points = Points::of(&[&snapshot]);
        let listed = Table::of_list(&snapshot, own, &points);
        prop_assert_eq!(&listed, &Table::of_evaluate(&snapshot, own, &points));
        prop_assert_eq!(&Table::of_grouped(&snapshot, own, &points), &listed);
    }
}
