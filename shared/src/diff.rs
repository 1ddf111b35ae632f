//! What changes between two snapshots.

use crate::cidr::AddressSet;
use crate::list::{Caveat, Lister, Party};
use crate::number::number;
use crate::policy::Direction;
use crate::port::PortSet;
use crate::snapshot::Snapshot;

mod protection;

pub(crate) use protection::isolated;
pub use protection::{Needed, Protection, ProtectionChange, needed, protection_changes};

/// How a connection changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Nothing was allowed before.
    Added,
    /// Nothing is allowed afterwards.
    Removed,
    /// Other ports are allowed.
    Changed,
}

impl Change {
    /// `added`, `removed` or `changed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// What is allowed on one side of a difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// What every pod may.
    pub ports: PortSet,
    /// What only some may.
    pub in_part: PortSet,
    /// What is declared.
    pub declared: PortSet,
    /// What of that is approved.
    pub approved: PortSet,
}

impl Allowed {
    fn is_none(&self) -> bool {
        self.ports.is_empty() && self.in_part.is_empty()
    }
}

/// A connection that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference<'a> {
    /// Who calls.
    pub source: Party<'a>,
    /// Who is called.
    pub destination: Party<'a>,
    /// What was allowed.
    pub before: Allowed,
    /// What is.
    pub after: Allowed,
    /// What the verdicts do not cover.
    pub caveats: Vec<Caveat>,
}

impl Difference<'_> {
    /// The ports that open: to every pod, and to some alone.
    pub fn gained(&self) -> [PortSet; 2] {
        gained(&self.before, &self.after)
    }

    /// The ports that close: those that every pod had, and those that only some had.
    pub fn lost(&self) -> [PortSet; 2] {
        gained(&self.after, &self.before)
    }

    /// How it changes.
    pub fn change(&self) -> Change {
        if self.before.is_none() {
            Change::Added
        } else if self.after.is_none() {
            Change::Removed
        } else {
            Change::Changed
        }
    }
}

/// What is allowed on one side and not on the other. What every pod had and some have still is lost to every pod, and gained
/// by none.
fn gained(from: &Allowed, to: &Allowed) -> [PortSet; 2] {
    [to.ports.difference(&from.ports), to.in_part.difference(&from.in_part).difference(&from.ports)]
}

/// The workloads of two snapshots in one order, each with its index on either side.
struct Union {
    pairs: Vec<(Option<usize>, Option<usize>)>,
    /// For each side, the place of its workloads in `pairs`.
    places: [Vec<u32>; 2],
}

impl Union {
    fn new(before: &Snapshot, after: &Snapshot) -> Self {
        let (a, b) = (&before.workloads, &after.workloads);
        let mut union = Self { pairs: Vec::with_capacity(a.len().max(b.len())), places: [vec![], vec![]] };
        let (mut i, mut j) = (0, 0);
        while i < a.len() || j < b.len() {
            let order = match (a.get(i), b.get(j)) {
                (Some(x), Some(y)) => x.key().cmp(&y.key()),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, _) => std::cmp::Ordering::Greater,
            };
            let place = number(union.pairs.len());
            let (left, right) = (order.is_le().then_some(i), order.is_ge().then_some(j));
            if left.is_some() {
                union.places[0].push(place);
                i += 1;
            }
            if right.is_some() {
                union.places[1].push(place);
                j += 1;
            }
            union.pairs.push((left, right));
        }
        union
    }
}

/// Gives every connection that differs to `emit`, in the order of [`crate::list::list`].
///
/// # Errors
/// The first error of `emit`, which ends the comparison.
pub fn diff<'a, E>(
    before: &'a Snapshot,
    after: &'a Snapshot,
    emit: &mut dyn FnMut(Difference<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let union = Union::new(before, after);
    let mut sides = [Lister::new(before), Lister::new(after)];
    for pair in &union.pairs {
        external(&sides, Direction::Ingress, *pair).into_iter().try_for_each(&mut *emit)?;
    }
    for place in 0..union.pairs.len() {
        workload(&union, &mut sides, place).into_iter().try_for_each(&mut *emit)?;
        external(&sides, Direction::Egress, union.pairs[place]).into_iter().try_for_each(&mut *emit)?;
    }
    Ok(())
}

/// The differences from one source to other workloads.
fn workload<'a>(union: &Union, sides: &mut [Lister<'a>; 2], place: usize) -> Vec<Difference<'a>> {
    let (left, right) = union.pairs[place];
    let rows = [(0, left), (1, right)].map(|(side, at)| at.map_or_else(Vec::new, |at| sides[side].row(at)));
    let [a, b] = &rows;
    let mut found = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let place_of = |side: usize, entry: Option<&crate::list::Entry>| {
            entry.map_or(u32::MAX, |e| union.places[side][e.workload as usize])
        };
        let (x, y) = (place_of(0, a.get(i)), place_of(1, b.get(j)));
        let next = x.min(y);
        let (x, y) = (a.get(i).filter(|_| x == next), b.get(j).filter(|_| y == next));
        i += usize::from(x.is_some());
        j += usize::from(y.is_some());
        if next as usize == place || sides[0].ports_of(x) == sides[1].ports_of(y) {
            continue;
        }
        let (before, after) = (sides[0].described(left, x), sides[1].described(right, y));
        let caveats = merged_caveats(before.as_ref(), after.as_ref());
        let ends = after.as_ref().or(before.as_ref()).map(|c| (c.source.clone(), c.destination.clone()));
        let Some((source, destination)) = ends else { continue };
        let allowed = |c: Option<crate::list::Connection<'a>>| {
            c.map_or_else(Allowed::default, |c| Allowed {
                ports: c.ports,
                in_part: c.in_part,
                declared: c.declared,
                approved: c.approved,
            })
        };
        found.push(Difference { source, destination, before: allowed(before), after: allowed(after), caveats });
    }
    found
}

fn merged_caveats(a: Option<&crate::list::Connection<'_>>, b: Option<&crate::list::Connection<'_>>) -> Vec<Caveat> {
    let mut caveats: Vec<Caveat> = a.into_iter().chain(b).flat_map(|c| c.caveats.iter().cloned()).collect();
    caveats.sort();
    caveats.dedup();
    caveats
}

/// The differences between one workload and the outside.
fn external<'a>(
    sides: &[Lister<'a>; 2],
    direction: Direction,
    (left, right): (Option<usize>, Option<usize>),
) -> Vec<Difference<'a>> {
    let parts = [(0, left), (1, right)]
        .map(|(side, at): (usize, Option<usize>)| at.map_or_else(Vec::new, |at| sides[side].external(direction, at)));
    if parts[0] == parts[1] {
        return Vec::new();
    }
    let sets: Vec<&AddressSet> = parts.iter().flatten().map(|(addresses, ..)| addresses).collect();
    let mut merged: Vec<(AddressSet, Allowed, Allowed)> = Vec::new();
    for (addresses, holders) in AddressSet::partition(&sets) {
        let of = |side: usize| {
            let own = |at: &&usize| (**at < parts[0].len()) == (side == 0);
            holders.iter().find(own).map_or_else(Allowed::default, |at| {
                let (_, ports, in_part) = &parts[side][at - side * parts[0].len()];
                Allowed { ports: ports.clone(), in_part: in_part.clone(), ..Allowed::default() }
            })
        };
        let (before, after) = (of(0), of(1));
        if before == after {
            continue;
        }
        match merged.iter_mut().find(|(_, b, a)| *b == before && *a == after) {
            Some((sum, ..)) => *sum = sum.union(&addresses),
            None => merged.push((addresses, before, after)),
        }
    }
    merged.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    let owns = [(1, right), (0, left)].map(|(side, at): (usize, Option<usize>)| at.map(|at| sides[side].own(at)));
    let mut caveats: Vec<Caveat> = owns.iter().flatten().flat_map(|(_, caveats)| caveats.iter().cloned()).collect();
    caveats.sort();
    caveats.dedup();
    let Some((inside, _)) = owns.into_iter().flatten().next() else { return Vec::new() };
    merged
        .into_iter()
        .map(|(addresses, before, after)| {
            let (inside, outside) = (inside.clone(), Party::Addresses(addresses));
            let (source, destination) = match direction {
                Direction::Ingress => (outside, inside),
                Direction::Egress => (inside, outside),
            };
            Difference { source, destination, before, after, caveats: caveats.clone() }
        })
        .collect()
}

#[cfg(test)]
mod tests;
