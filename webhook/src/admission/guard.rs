//! No reserved label is gained that `derive` does not give: the check after all mutation, whoever did it.

use netintent::names;

use super::Judged;
use crate::review::{Answer, ObjectView, Request};

type Pods<'a> = Request<'a, ObjectView<'a>>;

/// How many keys a denial names.
const NAMED: usize = 5;

/// Reserved labels that the object would have and does not have now, or not with this value.
pub(super) fn gained<'r>(request: &'r Pods<'_>) -> Vec<(&'r str, &'r str)> {
    let old = request.old_object.as_ref().map(|old| old.metadata.reserved()).unwrap_or_default();
    let mut gained = request.object.as_ref().map(|pod| pod.metadata.reserved()).unwrap_or_default();
    let had: rustc_hash::FxHashSet<(&str, &str)> = old.into_iter().collect();
    gained.retain(|label| !had.contains(label));
    gained
}

/// Those of them that no approval covers.
pub(super) fn forged<'r>(request: &'r Pods<'_>, judged: &Judged) -> Vec<&'r str> {
    let keys: rustc_hash::FxHashSet<&str> = judged.keys.iter().map(String::as_str).collect();
    let given = |(key, value): &(&str, &str)| *value == names::ALLOWED && keys.contains(key);
    gained(request).into_iter().filter(|label| !given(label)).map(|(key, _)| key).collect()
}

/// What is answered about a pod.
pub(super) fn answer(request: &Pods<'_>, judged: &Judged) -> Answer {
    let forged = forged(request, judged);
    if forged.is_empty() { Answer::allowed() } else { denied(&forged, &judged.derived.caller.to_string()) }
}

/// A Binding gives its pod labels, and no reserved one is given so.
pub(super) fn of_binding(binding: &ObjectView<'_>) -> Answer {
    let labels: Vec<&str> = binding.metadata.reserved().into_iter().map(|(key, _)| key).collect();
    if labels.is_empty() { Answer::allowed() } else { denied(&labels, "a Binding") }
}

fn denied(keys: &[&str], who: &str) -> Answer {
    let more = keys.len().saturating_sub(NAMED);
    let named = keys[..keys.len() - more].join(", ");
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Answer::denied(format!(
        "{who} may not have {named}{more}: labels of this kind are netintent's own, and no approval covers what they stand for"
    ))
}
