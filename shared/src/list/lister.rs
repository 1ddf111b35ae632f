//! Answers for whole workloads, from rows of pods.

use super::declared::{Declarations, Declared};
use super::{Caveat, Connection, Party};
use crate::callee::Scope;
use crate::cidr::AddressSet;
use crate::connection::{Connections, PortSetId, PortSets};
use crate::evaluate::{End, evaluate, hangs_on_blocks};
use crate::policy::Direction;
use crate::port::PortSet;
use crate::snapshot::{Snapshot, Workload};
use crate::unread::{self, Unread};

/// One destination of a source, by workload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    /// The destination.
    pub(crate) workload: u32,
    /// What every pair of pods may.
    pub(super) every: PortSetId,
    /// What some pair may.
    pub(super) some: PortSetId,
}

/// Answers for whole workloads, from rows of pods.
pub(crate) struct Lister<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) connections: Connections<'a>,
    pub(super) ports: PortSets,
    pub(super) egress_isolated: Vec<bool>,
    pub(super) ingress_isolated: Vec<bool>,
    pub(super) caveats: Vec<Vec<Caveat>>,
    pub(super) declarations: Declarations<'a>,
}

impl<'a> Lister<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        let mut ports = PortSets::default();
        let connections = Connections::new(snapshot, &mut ports);
        let isolated = |direction| {
            let any = |w: &Workload| w.pods.clone().any(|pod| connections.is_isolated(direction, pod));
            snapshot.workloads.iter().map(any).collect()
        };
        let (egress_isolated, ingress_isolated) = (isolated(Direction::Egress), isolated(Direction::Ingress));
        let caveats = snapshot.workloads.iter().map(|w| own_caveats(snapshot, w)).collect();
        let declarations = Declarations::new(snapshot);
        Self { snapshot, connections, ports, egress_isolated, ingress_isolated, caveats, declarations }
    }

    /// The destinations of a workload in order, itself included, none of them without any port.
    pub(crate) fn row(&mut self, source: usize) -> Vec<Entry> {
        let pods = self.snapshot.workloads[source].pods.clone();
        let mut distinct: Vec<u32> = Vec::new();
        for pod in pods {
            if !distinct.iter().any(|other| self.connections.same_source(*other, pod)) {
                distinct.push(pod);
            }
        }
        let mut sum: Option<Vec<Entry>> = None;
        for pod in distinct {
            let next = self.pod_row(pod);
            sum = Some(match sum {
                None => next,
                Some(sum) => self.merge(&sum, &next),
            });
        }
        sum.unwrap_or_default()
    }

    pub(super) fn pod_row(&mut self, pod: u32) -> Vec<Entry> {
        let row = self.connections.row(pod, &mut self.ports);
        let mut entries: Vec<Entry> = Vec::with_capacity(row.len());
        let mut at = 0;
        while let Some((destination, first)) = row.get(at) {
            let workload = self.snapshot.pods[*destination as usize].workload;
            let (mut every, mut some, mut count) = (*first, *first, 1);
            at += 1;
            let all = self.snapshot.workloads[workload as usize].pods.len();
            while let Some((_, ports)) =
                row.get(at).filter(|(pod, _)| count < all && self.snapshot.pods[*pod as usize].workload == workload)
            {
                every = self.ports.intersection(every, *ports);
                some = self.ports.union(some, *ports);
                count += 1;
                at += 1;
            }
            let every = if count == all { every } else { PortSetId::NONE };
            entries.push(Entry { workload, every, some });
        }
        entries
    }

    /// What holds for the pods of both rows.
    fn merge(&mut self, a: &[Entry], b: &[Entry]) -> Vec<Entry> {
        let mut merged: Vec<Entry> = Vec::with_capacity(a.len().max(b.len()));
        let (mut i, mut j) = (0, 0);
        while i < a.len() || j < b.len() {
            let (x, y) = (a.get(i), b.get(j));
            let first = match (x, y) {
                (Some(x), Some(y)) => x.workload.min(y.workload),
                (x, y) => x.or(y).map_or(0, |e| e.workload),
            };
            let (x, y) = (x.filter(|e| e.workload == first), y.filter(|e| e.workload == first));
            i += usize::from(x.is_some());
            j += usize::from(y.is_some());
            merged.push(match (x, y) {
                (Some(x), Some(y)) => Entry {
                    workload: first,
                    every: self.ports.intersection(x.every, y.every),
                    some: self.ports.union(x.some, y.some),
                },
                (x, y) => {
                    Entry { workload: first, every: PortSetId::NONE, some: x.or(y).map_or(PortSetId::NONE, |e| e.some) }
                }
            });
        }
        merged
    }

    /// The addresses outside that a workload may connect with, each with what every and what some pod may.
    pub(crate) fn external(&self, direction: Direction, workload: usize) -> Vec<(AddressSet, PortSet, PortSet)> {
        let pods = self.snapshot.workloads[workload].pods.clone();
        let mut of_pods: Vec<Vec<(AddressSet, PortSet)>> =
            pods.map(|pod| self.connections.external(direction, pod)).collect();
        of_pods.dedup();
        if let [only] = &of_pods[..] {
            return only.iter().map(|(a, ports)| (a.clone(), ports.clone(), PortSet::none())).collect();
        }
        let flat: Vec<(usize, &AddressSet, &PortSet)> =
            of_pods.iter().enumerate().flat_map(|(pod, parts)| parts.iter().map(move |(a, p)| (pod, a, p))).collect();
        let sets: Vec<&AddressSet> = flat.iter().map(|(_, a, _)| *a).collect();
        let mut merged: Vec<(AddressSet, PortSet, PortSet)> = Vec::new();
        for (part, holders) in AddressSet::partition(&sets) {
            let mut some = PortSet::none();
            let mut every = if holders.is_empty() { PortSet::none() } else { PortSet::all() };
            for pod in 0..of_pods.len() {
                let own =
                    holders.iter().map(|h| flat[*h]).find(|(p, _, _)| *p == pod).map(|(_, _, ports)| ports.clone());
                let own = own.unwrap_or_default();
                some.union_with(&own);
                every = every.intersection(&own);
            }
            let in_part = some.difference(&every);
            if some.is_empty() {
                continue;
            }
            match merged.iter_mut().find(|(_, e, p)| *e == every && *p == in_part) {
                Some((sum, ..)) => *sum = sum.union(&part),
                None => merged.push((part, every, in_part)),
            }
        }
        merged.sort();
        merged
    }

    /// What an entry allows: for every pair of pods, and for some. Nothing, where there is no entry.
    pub(crate) fn ports_of(&self, entry: Option<&Entry>) -> (&PortSet, &PortSet) {
        let (every, some) = entry.map_or((PortSetId::NONE, PortSetId::NONE), |e| (e.every, e.some));
        (self.ports.get(every), self.ports.get(some))
    }

    /// The connection of an entry, with what is declared of it; `None` without source or entry.
    pub(crate) fn described(&mut self, source: Option<usize>, entry: Option<&Entry>) -> Option<Connection<'a>> {
        let (source, entry) = (source?, entry?);
        let all = self.declarations.of_workload(source);
        let at = all.binary_search_by_key(&entry.workload, |d| d.workload).ok();
        let (declared, approved) = overlay(at.map(|at| &all[at]));
        Some(self.connection(source, entry, declared, approved))
    }

    /// A workload as an end, and what makes verdicts about it uncertain.
    pub(crate) fn own(&self, workload: usize) -> (Party<'a>, Vec<Caveat>) {
        (Party::Workload(&self.snapshot.workloads[workload]), self.caveats[workload].clone())
    }

    pub(super) fn connection(
        &self,
        source: usize,
        entry: &Entry,
        declared: PortSet,
        approved: PortSet,
    ) -> Connection<'a> {
        let destination = entry.workload as usize;
        let every = self.ports.get(entry.every).clone();
        let in_part =
            if entry.some == entry.every { PortSet::none() } else { self.ports.get(entry.some).difference(&every) };
        let mut caveats = self.caveats[source].clone();
        caveats.extend_from_slice(&self.caveats[destination]);
        if entry.every != PortSetId::ALL && self.hangs_on_block(source, destination) {
            caveats.push(Caveat::IpBlock);
        }
        caveats.sort();
        caveats.dedup();
        Connection {
            source: Party::Workload(&self.snapshot.workloads[source]),
            destination: Party::Workload(&self.snapshot.workloads[destination]),
            ports: every,
            in_part,
            declared,
            approved,
            would_cut: PortSet::none(),
            egress_isolated: self.egress_isolated[source],
            ingress_isolated: self.ingress_isolated[destination],
            caveats,
        }
    }

    /// Whether a CNI that matches blocks of addresses against pods would allow more.
    fn hangs_on_block(&self, source: usize, destination: usize) -> bool {
        let pods = |w: usize| self.snapshot.workloads[w].pods.clone();
        let no_address = |w: usize| pods(w).all(|pod| self.snapshot.spec(pod).addresses.is_empty());
        if self.snapshot.options.pod_cidrs.is_empty() && no_address(source) && no_address(destination) {
            return false;
        }
        pods(source).any(|from| {
            let out = self.connections.has_blocks(Direction::Egress, from);
            let mut to = pods(destination).filter(|to| out || self.connections.has_blocks(Direction::Ingress, *to));
            to.any(|to| {
                let verdict = evaluate(self.snapshot, End::Pod(from), End::Pod(to));
                hangs_on_blocks(self.snapshot, from, to, &verdict, &PortSet::all())
            })
        })
    }

    pub(super) fn external_connection(
        &self,
        direction: Direction,
        workload: usize,
        (addresses, ports, in_part): (AddressSet, PortSet, PortSet),
    ) -> Connection<'a> {
        let inside = Party::Workload(&self.snapshot.workloads[workload]);
        let outside = Party::Addresses(addresses);
        let (source, destination, egress_isolated, ingress_isolated) = match direction {
            Direction::Ingress => (outside, inside, false, self.ingress_isolated[workload]),
            Direction::Egress => (inside, outside, self.egress_isolated[workload], false),
        };
        let (declared, approved) = (PortSet::none(), PortSet::none());
        let caveats = self.caveats[workload].clone();
        Connection {
            source,
            destination,
            ports,
            in_part,
            declared,
            approved,
            would_cut: PortSet::none(),
            egress_isolated,
            ingress_isolated,
            caveats,
        }
    }
}

/// What is declared and approved of a connection; nothing, where nothing is said of it.
pub(super) fn overlay(declared: Option<&Declared>) -> (PortSet, PortSet) {
    declared.map(|d| (d.ports.clone(), d.approved.clone())).unwrap_or_default()
}

/// What makes every verdict about a workload uncertain.
pub(crate) fn own_caveats(snapshot: &Snapshot, workload: &Workload) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    if workload.pods.clone().any(|pod| snapshot.spec(pod).host_network) {
        caveats.push(Caveat::HostNetwork);
    }
    for policy in &snapshot.objects.foreign {
        let here = policy.metadata.namespace.is_empty() || policy.metadata.namespace == workload.namespace;
        let selects =
            |pod: u32| policy.selector.as_ref().is_none_or(|s| s.matches(&snapshot.pods[pod as usize].labels));
        if here && workload.pods.clone().any(selects) {
            caveats.push(Caveat::OtherApi(format!("{} {}", policy.kind, policy.metadata.full_name())));
        }
    }
    let known = snapshot.namespaces.get(&workload.namespace).is_some_and(|state| state.known);
    let unread = unread::about(&snapshot.objects.unread, &workload.namespace, known);
    caveats.extend(unread.map(|unread| Caveat::Unread(unread.to_string())));
    if !snapshot.objects.unread.is_empty() {
        caveats.extend(unapproved(snapshot, workload).into_iter().map(|unread| Caveat::Unread(unread.to_string())));
    }
    caveats
}

/// What could not be read of what gives labels to pods that have none yet: those that run carry what they were given.
pub(crate) fn unapproved<'s>(snapshot: &'s Snapshot, workload: &Workload) -> Vec<&'s Unread> {
    let runs = |pod: &u32| {
        snapshot.options.observed && snapshot.objects.workloads[snapshot.pods[*pod as usize].object].kind == "Pod"
    };
    let planned: Vec<u32> = workload.pods.clone().filter(|pod| !runs(pod)).collect();
    let intents = |pod: &u32| &snapshot.pods[*pod as usize].intents;
    let declares = |about: &dyn Fn(&Scope) -> bool| planned.iter().flat_map(intents).any(|i| about(&i.callee.scope));
    let namespace = workload.namespace.clone();
    let all = snapshot.objects.unread.iter().filter(|unread| !unread.is_not_installed());
    all.filter(|unread| match &*unread.kind {
        "ServiceAccount" => !planned.is_empty() && unread.touches(&namespace),
        "ClusterApproval" | "ClusterProhibition" => declares(&|_| true),
        "Approval" => declares(&|scope| match scope {
            Scope::Service { namespace, .. } | Scope::Namespace(namespace) => unread.touches(namespace),
            Scope::Cluster | Scope::Type(_) => false,
        }),
        _ => false,
    })
    .collect()
}
