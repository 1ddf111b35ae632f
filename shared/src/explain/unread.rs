//! Verdicts that hang on what could not be read are none; but what one side denies for certain stays denied.

use super::{Explanation, Pair};
use crate::evaluate::{End, Side};
use crate::list::{Caveat, own_caveats};
use crate::snapshot::Snapshot;

/// Whether some pair of pods is denied whatever else there may be: by a side of which all was read.
pub(super) fn is_denied_for_certain(snapshot: &Snapshot, pairs: &[Pair<'_>]) -> bool {
    let is_known = |end: End<'_>| match end {
        End::Pod(pod) => !own_caveats(snapshot, snapshot.workload_of(pod)).iter().any(Caveat::is_fatal),
        End::Addresses(_) => true,
    };
    let denies = |side: &Side, pair: &Pair<'_>| !side.ports.is_superset(&pair.asked);
    // Which peers a policy means hangs on the labels of both ends.
    pairs.iter().any(|pair| {
        is_known(pair.source) && is_known(pair.destination) && !pair.is_allowed()
            || is_known(pair.destination) && denies(&pair.verdict.ingress, pair) && hangs_on_own(snapshot, pair.source)
            || is_known(pair.source) && denies(&pair.verdict.egress, pair) && hangs_on_own(snapshot, pair.destination)
    })
}

/// Whether all is known of an end that the other side's policies may ask of it: its labels and its namespace's.
fn hangs_on_own(snapshot: &Snapshot, end: End<'_>) -> bool {
    let End::Pod(pod) = end else { return true };
    let namespace = snapshot.namespace_of(pod);
    let known = snapshot.namespaces.get(namespace).is_some_and(|state| state.known);
    let pods = snapshot.objects.unread.iter().any(|unread| unread.kind == "Pod" && unread.touches(namespace));
    known && !pods
}

/// What is to be said in place of a verdict; `None` where all was read that it hangs on.
pub(super) fn summary(explanation: &Explanation) -> Option<String> {
    let unread: Vec<&str> = explanation
        .caveats
        .iter()
        .filter_map(|(caveat, _)| if let Caveat::Unread(what) = caveat { Some(what.as_str()) } else { None })
        .collect();
    (!unread.is_empty()).then(|| format!("it hangs on what could not be read: {}", unread.join("; ")))
}
