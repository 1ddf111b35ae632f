//! Intents: of what does not exist, of what refuses them, and in the wrong place.

use rustc_hash::FxHashSet;

use crate::callee::{CalleePattern, Scope};
use crate::catalogue::callee_mode;
use crate::derive::{Reason, Strictness, strictness};
use crate::finding::{Code, Finding};
use crate::mode::Mode;
use crate::names;
use crate::refusal;
use crate::snapshot::{Pod, Snapshot};
use crate::statements::Statements;
use crate::unread::Gaps;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut found = Vec::new();
    let told = Told { snapshot, statements: snapshot.statements() };
    let mut once = FxHashSet::default();
    for (at, pod) in (0..).zip(&snapshot.pods) {
        for declared in &pod.intents {
            // Many pods of a workload declare the same, and a ServiceAccount declares it for many workloads.
            if once.insert((pod.workload, &declared.callee))
                && let Some(finding) = of_callee(&told, pod, &declared.callee)
            {
                found.push(snapshot.of_intent(finding, at, declared));
            }
        }
    }
    misplaced(snapshot, &mut found);
    unlabelled(snapshot, &mut found);
    unprotected(snapshot, &mut found);
    found
}

/// A snapshot with its statements, indexed once for all intents.
struct Told<'s> {
    snapshot: &'s Snapshot,
    statements: Statements<'s>,
}

fn of_callee(told: &Told<'_>, pod: &Pod, callee: &CalleePattern) -> Option<Finding> {
    let snapshot = told.snapshot;
    if let Some(finding) = unknown(snapshot, callee) {
        return Some(finding);
    }
    let gaps = Gaps::of(snapshot);
    if gaps.hides_callee(&callee.scope) {
        return None;
    }
    let refusal = pod.derivation.refusals.iter().find(|refusal| *refusal.callee == *callee)?;
    // There may be an approval that could not be read; a prohibition holds whatever there is.
    if !matches!(refusal.reason, Reason::Prohibited { .. }) && gaps.hides_statements(&callee.scope) {
        return None;
    }
    let code = match strictness(snapshot.mode(&pod.caller.namespace), callee_mode(snapshot, callee)) {
        Strictness::None => return None,
        Strictness::Warn => Code::UnapprovedIntent,
        Strictness::Reject => Code::RefusedIntent,
    };
    let wording = refusal::word(snapshot, &told.statements, &pod.caller, refusal);
    Some(Finding::new(code, wording.message).help(wording.help))
}

/// What to say of a pattern that means no Service; nothing where there may be one that could not be read.
pub(super) fn unknown(snapshot: &Snapshot, callee: &CalleePattern) -> Option<Finding> {
    if Gaps::of(snapshot).hides_services(&callee.scope) {
        return None;
    }
    let (message, help) = refusal::unknown(snapshot, callee, &format!(" in {}", snapshot.options.place()))?;
    Some(Finding::new(Code::UnknownCallee, message).help(help))
}

/// Annotations that stand where nobody reads them.
fn misplaced(snapshot: &Snapshot, found: &mut Vec<Finding>) {
    for workload in snapshot.objects.workloads.iter().filter(|w| w.kind != "Pod") {
        for key in [names::CALLS, names::CALLER] {
            let Some(text) = workload.metadata.annotation(key) else { continue };
            let place = if workload.kind == "CronJob" {
                "spec.jobTemplate.spec.template.metadata.annotations"
            } else {
                "spec.template.metadata.annotations"
            };
            let message = format!("{key} has no effect on the metadata of a {}", workload.kind);
            let finding = Finding::new(Code::MisplacedIntents, message).help(format!("move it to {place}"));
            found.push(finding.about(workload.kind.clone(), &workload.metadata).at_text(text, 0..text.value.len()));
        }
    }
}

/// The mode as an annotation.
fn unlabelled(snapshot: &Snapshot, found: &mut Vec<Finding>) {
    let namespaces = snapshot.objects.namespaces.iter().map(|o| ("Namespace", &o.metadata));
    let services = snapshot.objects.services.iter().map(|o| ("Service", &o.metadata));
    for (kind, metadata) in namespaces.chain(services) {
        if let Some(text) = metadata.annotation(names::MODE) {
            let message = format!("{} is a label: as an annotation of a {kind} it has no effect", names::MODE);
            let finding = Finding::new(Code::UnknownMode, message).help("move it to metadata.labels".to_owned());
            found.push(finding.about(kind, metadata).at_text(text, 0..text.value.len()));
        }
    }
}

/// Services that intents name, and that no mode protects.
fn unprotected(snapshot: &Snapshot, found: &mut Vec<Finding>) {
    let mut callers: Vec<Vec<&crate::caller::Caller>> = vec![Vec::new(); snapshot.objects.services.len()];
    for pod in &snapshot.pods {
        for declared in pod.intents.iter().filter(|d| matches!(d.callee.scope, Scope::Service { .. })) {
            snapshot.services_meant(&declared.callee).into_iter().for_each(|at| callers[at].push(&pod.caller));
        }
    }
    for (at, callers) in callers.iter().enumerate() {
        if callers.is_empty() || snapshot.services[at].mode != Mode::Off {
            continue;
        }
        let metadata = &snapshot.objects.services[at].metadata;
        if !snapshot.namespaces.get(&metadata.namespace).is_some_and(|state| state.known)
            && snapshot.is_unread("Namespace", &metadata.namespace)
        {
            continue;
        }
        let (name, callers) = (metadata.full_name(), crate::finding::some(callers));
        let message = format!("Service {name} is off, and everybody may call it; it is declared by {callers}");
        let help = format!("kubectl label namespace {} {}={}", metadata.namespace, names::MODE, Mode::Shadow);
        found.push(Finding::new(Code::UnprotectedCallee, message).help(help).about("Service", metadata));
    }
}
