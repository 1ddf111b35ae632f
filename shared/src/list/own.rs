//! What a workload's pods may connect to among themselves.

use super::{Entry, Lister};
use crate::connection::{PortSetId, Row};
use crate::number::number;
use crate::snapshot::Workload;

impl Lister<'_> {
    /// The row of a workload, in which its connection to itself is that of its pods to each other.
    pub(super) fn row_with_own(&mut self, source: usize) -> Vec<Entry> {
        let mut entries = self.row(source);
        let place = entries.partition_point(|e| (e.workload as usize) < source);
        if entries.get(place).is_some_and(|e| e.workload as usize == source) {
            entries.remove(place);
        }
        if let Some(own) = self.own_entry(source) {
            entries.insert(place, own);
        }
        entries
    }

    /// A running pod's connection to itself is none; a template stands for pods that connect to each other, and so does the
    /// only pod that a controller has: it makes more of them, if only while it replaces that one.
    fn own_entry(&mut self, workload: usize) -> Option<Entry> {
        let Workload { pods, kind, .. } = self.snapshot.workloads[workload].clone();
        let stands_for_more = pods.len() == 1 && kind != "Pod";
        let mut rows: Vec<(u32, Row)> = Vec::new();
        let (mut every, mut some) = (None, PortSetId::NONE);
        for pod in pods.clone() {
            let known = rows.iter().position(|(other, _)| self.connections.same_source(*other, pod));
            let at = known.unwrap_or(rows.len());
            if known.is_none() {
                rows.push((pod, self.connections.row(pod, &mut self.ports)));
            }
            let runs = self.snapshot.objects.workloads[self.snapshot.pods[pod as usize].object].kind == "Pod";
            for to in pods.clone().filter(|to| !runs || *to != pod || stands_for_more) {
                let row = &rows[at].1;
                let ports =
                    row.binary_search_by_key(&to, |(pod, _)| *pod).map_or(PortSetId::NONE, |found| row[found].1);
                every = Some(every.map_or(ports, |sum| self.ports.intersection(sum, ports)));
                some = self.ports.union(some, ports);
            }
        }
        let every = every.filter(|_| some != PortSetId::NONE)?;
        Some(Entry { workload: number(workload), every, some })
    }
}
