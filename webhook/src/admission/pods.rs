//! Pods get the labels that they have a right to, and keep no others.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation, RemoveOperation, ReplaceOperation};
use netintent::derive::Strictness;
use netintent::names;
use rustc_hash::FxHashSet;
use serde_json::Value;

use super::Judged;
use super::message::{Told, denial, malformed, sentences};
use crate::metrics::Metrics;
use crate::review::{Answer, ObjectView, Operation, Request};

type Pods<'a> = Request<'a, ObjectView<'a>>;

/// Whether a pod is one that somebody makes by hand: of a controller's pods none is refused for what it declares, since
/// that would turn a revocation into an outage.
fn is_bare(request: &Pods<'_>) -> bool {
    request.operation == Operation::Create && !request.object.as_ref().is_some_and(|pod| pod.metadata.is_controlled())
}

/// Reserved labels of a pod as it is asked for that no approval covers.
fn forged<'r>(request: &'r Pods<'_>, keys: &[String]) -> Vec<&'r str> {
    let reserved = request.object.as_ref().map(|pod| pod.metadata.reserved()).unwrap_or_default();
    // A new pod has none.
    if reserved.is_empty() {
        return Vec::new();
    }
    let keys: FxHashSet<&str> = keys.iter().map(String::as_str).collect();
    reserved
        .into_iter()
        .filter(|(key, value)| *value != names::ALLOWED || !keys.contains(key))
        .map(|(key, _)| key)
        .collect()
}

/// Whether a new pod is denied, if what it was judged by is true.
pub(super) fn denies(request: &Pods<'_>, judged: &Judged) -> bool {
    let controlled = request.operation == Operation::Create && !is_bare(request);
    let wrong = is_bare(request) && !malformed(judged).is_empty();
    wrong || is_bare(request) && judged.is_rejected() || controlled && !forged(request, &judged.keys).is_empty()
}

/// Whether a pod would get another answer if what is refused were approved: one that is made, and one that is to have a label
/// that would go. To any other the controller gives what was approved since.
pub(super) fn hangs_on_refusals(request: &Pods<'_>, judged: &Judged) -> bool {
    request.operation == Operation::Create || !forged(request, &judged.keys).is_empty()
}

/// What a pod's creator, or who changes it, is answered.
pub(super) fn answer(request: &Pods<'_>, judged: &Judged, told: &[Told], metrics: &Metrics) -> Answer {
    let Some(pod) = &request.object else { return Answer::allowed() };
    judged.derived.derivation.refusals.iter().for_each(|refusal| metrics.refusal(&refusal.reason));
    let keys = &judged.keys;
    let (wrong, forged) = (malformed(judged), forged(request, keys));
    // Where the namespace has just left, nobody is told how to declare.
    let wrong = if judged.mode.is_managed() { wrong } else { Vec::new() };
    let refusal = |told: &&Told| {
        told.refusal.is_some_and(|at| judged.refusals[at].own && judged.refusals[at].strictness == Strictness::Reject)
    };
    if is_bare(request) && !wrong.is_empty() {
        return Answer::denied(wrong.join("\n"));
    }
    if is_bare(request) && judged.is_rejected() {
        let message = denial(told.iter().filter(refusal));
        return Answer { refusals: sentences(told.iter().filter(refusal)), ..Answer::denied(message) };
    }
    if let Some(key) = forged.first().filter(|_| request.operation == Operation::Create && !is_bare(request)) {
        // Taken away, it would leave the controller without a pod that its selector selects: it would make more without end.
        return Answer::denied(format!(
            "label {key} is netintent's own and stands for an approval that there is not: take it out of the pod template"
        ));
    }
    metrics.grants.inc_by(keys.len() as u64);
    metrics.forged.inc_by(forged.len() as u64);
    let mut warnings: Vec<String> = wrong;
    warnings.extend(told.iter().map(Told::warning));
    // On a change, what a revocation left behind goes as well: nobody forged it.
    let old = request.old_object.as_ref().map(|old| old.metadata.reserved()).unwrap_or_default();
    let had: FxHashSet<&str> = old.into_iter().map(|(key, _)| key).collect();
    warnings.extend(forged.iter().copied().filter(|key| !had.contains(key)).map(|key| {
        format!("label {key} is netintent's own and stands for an approval that there is not: it was taken away")
    }));
    let mut answer = Answer { patch: patch(pod, keys), warnings, refusals: sentences(told), ..Answer::default() };
    if !keys.is_empty() {
        answer.audit.insert("grants", judged.grants.clone());
    }
    answer.audit.extend(judged.refused().map(|refused| ("refusals", refused)));
    answer
}

/// What makes a pod's reserved labels just these.
fn patch(pod: &ObjectView<'_>, keys: &[String]) -> Vec<PatchOperation> {
    let reserved = pod.metadata.reserved();
    let mut patch = Vec::new();
    for (key, value) in &reserved {
        let path = pointer(["metadata", "labels", key]);
        if !keys.iter().any(|k| k == key) {
            patch.push(PatchOperation::Remove(RemoveOperation { path }));
        } else if *value != names::ALLOWED {
            patch.push(PatchOperation::Replace(ReplaceOperation { path, value: names::ALLOWED.into() }));
        }
    }
    let missing: Vec<&String> = keys.iter().filter(|key| !reserved.iter().any(|(k, _)| k == key)).collect();
    if !missing.is_empty() && !pod.metadata.has_labels() {
        let path = pointer(["metadata", "labels"]);
        patch.push(PatchOperation::Add(AddOperation { path, value: Value::Object(serde_json::Map::new()) }));
    }
    patch.extend(missing.into_iter().map(|key| {
        PatchOperation::Add(AddOperation { path: pointer(["metadata", "labels", key]), value: names::ALLOWED.into() })
    }));
    patch
}

/// What a Binding copies onto its pod must not be ours: neither labels nor what they are derived from.
pub(super) fn without_ours(binding: &ObjectView<'_>, metrics: &Metrics) -> Answer {
    let labels: Vec<&str> = binding.metadata.reserved().into_iter().map(|(key, _)| key).collect();
    metrics.forged.inc_by(labels.len() as u64);
    let annotations = [names::CALLS, names::CALLER, names::MIRROR];
    let annotations = annotations.into_iter().filter(|key| binding.metadata.annotation(key).is_some());
    let gone = labels.into_iter().map(|key| ("labels", key)).chain(annotations.map(|key| ("annotations", key)));
    let mut answer = Answer::allowed();
    for (map, key) in gone {
        let path = pointer(["metadata", map, key]);
        answer.patch.push(PatchOperation::Remove(RemoveOperation { path }));
        answer.warnings.push(format!("{key} was taken off the Binding: a pod gets it by its template alone"));
    }
    answer
}

fn pointer<'t>(tokens: impl IntoIterator<Item = &'t str>) -> PointerBuf {
    PointerBuf::from_tokens(tokens)
}
