//! Templates declare what is approved, or hear at once why not.

use std::sync::Arc;

use netintent::callee::CalleePattern;
use netintent::intent;
use netintent::names;
use serde_json::Value;

use super::Judged;
use super::message::{Told, denial, malformed, sentences};
use crate::live::{LiveError, Reader};
use crate::review::{Answer, ObjectView, Operation, Request};

type Workloads<'a> = Request<'a, ObjectView<'a>>;

/// A template of the past, as far as it declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    callees: Vec<Arc<CalleePattern>>,
    caller: Option<String>,
}

impl Kept {
    fn new(namespace: &str, calls: Option<&str>, caller: Option<&str>) -> Self {
        let read = |text| intent::parse(text, namespace).intents.into_iter().map(|intent| intent.callee).collect();
        Self { callees: calls.map(read).unwrap_or_default(), caller: caller.map(str::to_owned) }
    }
}

/// The template that the object has so far.
fn before(request: &Workloads<'_>) -> Option<Kept> {
    let old = request.old_object.as_ref()?;
    let annotation = |key| old.template().and_then(|template| template.annotation(key));
    Some(Kept::new(&request.namespace, annotation(names::CALLS), annotation(names::CALLER)))
}

/// Whether this is said by a controller, or was said before by the same caller: a revoked approval must never block a
/// rollback or a restart.
fn is_old(request: &Workloads<'_>, kept: &[Kept], callee: &CalleePattern) -> bool {
    let Some(object) = &request.object else { return true };
    let caller = object.template().and_then(|template| template.annotation(names::CALLER));
    let said = |kept: &Kept| kept.caller.as_deref() == caller && kept.callees.iter().any(|one| **one == *callee);
    object.metadata.is_controlled() || before(request).iter().chain(kept).any(said)
}

/// What is declared anew and refused so strictly that it would be rejected.
pub(super) fn new_refusals(request: &Workloads<'_>, judged: &Judged) -> Vec<usize> {
    rejected(request, judged, &[])
}

fn rejected(request: &Workloads<'_>, judged: &Judged, kept: &[Kept]) -> Vec<usize> {
    let refusals = judged.derived.derivation.refusals.iter().zip(&judged.refusals).enumerate();
    let rejects = refusals.filter(|(_, (refusal, how))| {
        how.strictness == netintent::derive::Strictness::Reject && how.own && !is_old(request, kept, &refusal.callee)
    });
    rejects.map(|(at, _)| at).collect()
}

/// Whether annotations that can't be read would be rejected: new ones, of nobody's controller.
pub(super) fn is_malformed(request: &Workloads<'_>, judged: &Judged) -> bool {
    if !judged.mode.is_managed()
        || malformed(judged).is_empty()
        || request.object.as_ref().is_some_and(|object| object.metadata.is_controlled())
    {
        return false;
    }
    let annotation = |object: &Option<ObjectView<'_>>, key| {
        object.as_ref().and_then(ObjectView::template).and_then(|t| t.annotation(key)).map(str::to_owned)
    };
    request.operation == Operation::Create
        || [names::CALLS, names::CALLER]
            .into_iter()
            .any(|key| annotation(&request.object, key) != annotation(&request.old_object, key))
}

/// What who applies a workload is answered.
pub(super) fn answer(request: &Workloads<'_>, judged: &Judged, told: &[Told], kept: &[Kept]) -> Answer {
    let Some(object) = &request.object else { return Answer::allowed() };
    let wrong = malformed(judged);
    if is_malformed(request, judged) {
        return Answer::denied(wrong.join("\n"));
    }
    let rejected = rejected(request, judged, kept);
    if !rejected.is_empty() {
        let told = || told.iter().filter(|told| told.refusal.is_some_and(|at| rejected.contains(&at)));
        return Answer { refusals: sentences(told()), ..Answer::denied(denial(told())) };
    }
    let mut warnings = wrong;
    for key in [names::CALLS, names::CALLER] {
        if object.metadata.annotation(key).is_some() && !object.metadata.is_controlled() {
            let place = if request.kind.kind == "CronJob" { "spec.jobTemplate.spec.template" } else { "spec.template" };
            warnings.push(format!(
                "{key} has no effect on the metadata of a {}; move it to {place}.metadata.annotations",
                request.kind.kind
            ));
        }
    }
    warnings.extend(told.iter().map(Told::warning));
    let audit = judged.refused().map(|refused| ("refusals", refused)).into_iter().collect();
    Answer { warnings, refusals: sentences(told), audit, ..Answer::default() }
}

/// The templates that are retained for a rollback of the workload.
pub(super) async fn retained(reader: Reader<'_>, request: &Workloads<'_>) -> Result<Vec<Kept>, LiveError> {
    let (plural, template) = match &*request.kind.kind {
        "Deployment" => ("replicasets", "/spec/template"),
        "StatefulSet" | "DaemonSet" => ("controllerrevisions", "/data/spec/template"),
        _ => return Ok(Vec::new()),
    };
    let Some(old) = &request.old_object else { return Ok(Vec::new()) };
    let path = format!("/apis/apps/v1/namespaces/{}/{plural}", request.namespace);
    let of = |object: &Value| {
        let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        let owner = owners.into_iter().flatten().find(|owner| owner["controller"] == Value::Bool(true));
        owner.is_some_and(|owner| owner["uid"].as_str() == old.metadata.uid() && owner["uid"].is_string())
    };
    let kept = |object: &Value| {
        let annotations = object.pointer(template)?.pointer("/metadata/annotations")?;
        let text = |key: &str| annotations.get(key).and_then(Value::as_str);
        Some(Kept::new(&request.namespace, text(names::CALLS), text(names::CALLER)))
    };
    reader.templates(&path, old.selector().as_deref(), |object| of(object).then(|| kept(object)).flatten()).await
}
