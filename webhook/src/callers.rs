//! Callers as people read them: each once, with the number of its pods.

use std::collections::{BTreeMap, BTreeSet};

use netintent::caller::Caller;

use crate::world::Key;

/// How many callers are named.
const NAMED: usize = 10;

/// The callers of these pods.
pub(crate) fn named<'p>(pods: impl IntoIterator<Item = (&'p Caller, &'p Key)>) -> String {
    let mut callers: BTreeMap<&Caller, BTreeSet<&Key>> = BTreeMap::new();
    for (caller, pod) in pods {
        callers.entry(caller).or_default().insert(pod);
    }
    let text = |(caller, pods): (&&Caller, &BTreeSet<&Key>)| match pods.len() {
        1 => format!("{caller} (1 pod)"),
        count => format!("{caller} ({count} pods)"),
    };
    some(callers.iter().map(text))
}

/// The same without the number of pods, which changes more often than anybody wants to be told.
pub(crate) fn named_alone<'p>(callers: impl IntoIterator<Item = &'p Caller>) -> String {
    let callers: BTreeSet<&Caller> = callers.into_iter().collect();
    some(callers.into_iter().map(ToString::to_string))
}

fn some(mut callers: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = callers.by_ref().take(NAMED).collect();
    let more = callers.count();
    if more > 0 {
        names.push(format!("and {more} more callers"));
    }
    names.join(", ")
}

/// What a change of an approval or a prohibition takes from these pods.
pub(crate) fn losing<'p>(pods: impl IntoIterator<Item = (&'p Caller, &'p Key)>) -> String {
    format!("running pods lose access: {}", named(pods))
}
