//! Intents: of what does not exist, of what refuses them, and in the wrong place.

use rustc_hash::FxHashSet;

use crate::callee::{CalleePattern, Scope};
use crate::derive::{Reason, Strictness, strictness};
use crate::finding::{Code, Finding};
use crate::mode::Mode;
use crate::names;
use crate::owner::Owner;
use crate::snapshot::{Pod, Snapshot, wrong_port};
use crate::suggest::did_you_mean;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut told = FxHashSet::default();
    for (at, pod) in (0..).zip(&snapshot.pods) {
        for declared in &pod.intents {
            // Many pods of a workload declare the same, and a ServiceAccount declares it for many workloads.
            if told.insert((pod.workload, &declared.callee))
                && let Some(finding) = of_callee(snapshot, pod, &declared.callee)
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

fn of_callee(snapshot: &Snapshot, pod: &Pod, callee: &CalleePattern) -> Option<Finding> {
    if snapshot.services_meant(callee).is_empty() {
        return Some(unknown(snapshot, callee));
    }
    let refusal = pod.derivation.refusals.iter().find(|refusal| refusal.callee == *callee)?;
    let code = match strictness(snapshot.mode(&pod.caller.namespace), snapshot.callee_mode(callee)) {
        Strictness::None => return None,
        Strictness::Warn => Code::UnapprovedIntent,
        Strictness::Reject => Code::RefusedIntent,
    };
    let (caller, owner) = (&pod.caller, Owner::of(snapshot, callee));
    let (why, help) = match &refusal.reason {
        Reason::NotApproved => (
            "nobody has approved it".to_owned(),
            format!("{owner} approves it: kubectl netintent approve {caller} --to {callee}"),
        ),
        Reason::TooWide { approved } => {
            let approved: Vec<String> = approved.iter().map(ToString::to_string).collect();
            (format!("only {} is approved", approved.join(", ")), "declare what is approved, no more".to_owned())
        }
        Reason::Expired { approvals } => {
            let expired = approvals.iter().map(|at| snapshot.objects.approvals[*at as usize].metadata.full_name());
            (format!("its approval has expired: {}", super::some(expired)), format!("{owner} sets a later `expiresAt`"))
        }
        Reason::Prohibited { prohibition } => {
            let prohibition = &snapshot.objects.prohibitions[*prohibition as usize];
            let reason = prohibition.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
            let why = format!("ClusterProhibition {} forbids it{reason}", prohibition.metadata.name);
            (why, "take it out, or ask the platform team".to_owned())
        }
    };
    // What names no port as it must be named can't be approved to any use.
    let misnamed = match (&callee.scope, &snapshot.services_meant(callee)[..]) {
        (Scope::Service { namespace, name }, [at]) => {
            wrong_port(&snapshot.objects.services[*at], &callee.port, &format!("{namespace}/{name}:"))
        }
        _ => None,
    };
    let help = misnamed.map_or(help, |wrong| format!("first name the port as the Service does: {}", wrong.advice()));
    Some(Finding::new(code, format!("{caller} may not call {callee}: {why}")).help(help))
}

/// What to say of a pattern that means no Service.
pub(super) fn unknown(snapshot: &Snapshot, callee: &CalleePattern) -> Finding {
    let services = || snapshot.objects.services.iter().map(|service| &service.metadata);
    let (message, help) = match &callee.scope {
        Scope::Service { namespace, name } => {
            let beside = services().filter(|m| m.namespace == *namespace).map(|m| m.name.as_str());
            let near = did_you_mean(name, beside.clone());
            let elsewhere = || {
                let same = services().find(|m| m.name == *name)?;
                Some(format!("did you mean `{}`?", same.full_name()))
            };
            let other_namespace = || {
                let near = did_you_mean(namespace, snapshot.namespaces.keys().map(String::as_str));
                near.filter(|_| !snapshot.namespaces.contains_key(namespace))
            };
            let message = format!("there is no Service {namespace}/{name} in the input");
            (message, near.or_else(elsewhere).or_else(other_namespace))
        }
        Scope::Namespace(namespace) => {
            let near = did_you_mean(namespace, snapshot.namespaces.keys().map(String::as_str));
            (format!("there is no Service of namespace {namespace} in the input"), near)
        }
        Scope::Cluster => ("there is no Service of a managed namespace in the input".to_owned(), None),
        Scope::Type(r#type) => {
            let types = services().filter_map(|m| m.labels.get(names::TYPE));
            let message = format!("no Service of a managed namespace has the label {}={type}", names::TYPE);
            (message, did_you_mean(r#type, types))
        }
    };
    Finding::new(Code::UnknownCallee, message).help(help)
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
        let (name, callers) = (metadata.full_name(), super::some(callers));
        let message = format!("Service {name} is off, and everybody may call it; it is declared by {callers}");
        let help = format!("kubectl label namespace {} {}={}", metadata.namespace, names::MODE, Mode::Shadow);
        found.push(Finding::new(Code::UnprotectedCallee, message).help(help).about("Service", metadata));
    }
}
