//! `diff` is what two lists differ by.

use std::collections::BTreeSet;
use std::convert::Infallible;

use netintent::diff::{Allowed, Change, Difference, diff};
use netintent::list::Party;
use netintent::snapshot::Snapshot;
use proptest::prelude::*;

use crate::generate::{objects, snapshot, two};
use crate::listing::{Points, Table};

pub(crate) fn differences<'a>(a: &'a Snapshot, b: &'a Snapshot) -> Vec<Difference<'a>> {
    let mut all = Vec::new();
    let Ok(()) = diff(a, b, &mut |difference| {
        all.push(difference);
        Ok::<(), Infallible>(())
    });
    all
}

/// One side of the differences as a table; what is not allowed at all is not in it.
fn side<'a>(differences: &'a [Difference<'a>], of: fn(&'a Difference<'a>) -> &'a Allowed, points: &Points) -> Table {
    let mut table = Table::default();
    for difference in differences {
        let cell = points.cell(&of(difference).ports, &of(difference).in_part);
        table.add(&difference.source, &difference.destination, &cell, points);
    }
    table.pairs.retain(|_, (ports, in_part)| !ports.is_empty() || !in_part.is_empty());
    table.outside.retain(|_, (ports, in_part)| !ports.is_empty() || !in_part.is_empty());
    table
}

/// What is in the first table and not the same in the second.
fn only(first: &Table, second: &Table) -> Table {
    let pairs = first.pairs.iter().filter(|(key, cell)| second.pairs.get(key) != Some(cell));
    let outside = first.outside.iter().filter(|(key, cell)| second.outside.get(key) != Some(cell));
    let pairs = pairs.map(|(key, cell)| (key.clone(), cell.clone())).collect();
    Table { pairs, outside: outside.map(|(key, cell)| (key.clone(), cell.clone())).collect() }
}

/// A difference as a person reads it.
fn shown(difference: &Difference<'_>, before: &Allowed, after: &Allowed, change: Change) -> String {
    let name = |party: &Party<'_>| match party {
        Party::Workload(w) => format!("{} {}", w.kind, w.full_name()),
        Party::Addresses(addresses) => format!("{addresses:?}"),
    };
    let (source, destination, caveats) = (name(&difference.source), name(&difference.destination), &difference.caveats);
    format!("{source} {destination} {before:?} {after:?} {change:?} {caveats:?}")
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn nothing_differs_from_itself(objects in objects()) {
        let (a, b) = (snapshot(&objects), snapshot(&objects));
        prop_assert_eq!(differences(&a, &b).len(), 0);
    }

    #[test]
    fn diff_is_what_two_lists_differ_by((a, b) in two()) {
        let (a, b) = (snapshot(&a), snapshot(&b));
        let points = Points::of(&[&a, &b]);
        let found = differences(&a, &b);
        let [before, after] = [&a, &b].map(|side| Table::of_list(side, false, &points));
        prop_assert_eq!(side(&found, |d| &d.before, &points), only(&before, &after));
        prop_assert_eq!(side(&found, |d| &d.after, &points), only(&after, &before));
    }

    #[test]
    fn there_and_back_are_mirrored((a, b) in two()) {
        let (a, b) = (snapshot(&a), snapshot(&b));
        let mirrored = |change| match change {
            Change::Added => Change::Removed,
            Change::Removed => Change::Added,
            Change::Changed => Change::Changed,
        };
        let there: BTreeSet<String> =
            differences(&a, &b).iter().map(|d| shown(d, &d.before, &d.after, d.change())).collect();
        let back: BTreeSet<String> =
            differences(&b, &a).iter().map(|d| shown(d, &d.after, &d.before, mirrored(d.change()))).collect();
        prop_assert_eq!(there, back);
    }
}
