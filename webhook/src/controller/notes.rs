//! What people are told, in words: pure.

use netintent::approval::Approval;
use netintent::callee::CalleePattern;
use netintent::caller::{Caller, CallerPattern};
use netintent::catalogue::Catalogue as _;
use netintent::compile::service_mode;
use netintent::mode::Mode;
use netintent::refusal::{unknown, wrong_port_of};

use super::events::Told;
use super::uncovered::Uncovered;
use crate::admission::{Judged, refused};
use crate::callers::{losing, named, named_alone};
use crate::watched::Watched;
use crate::world::{Change, Key, Known, World};

/// How many of several things are told in one note.
const SOME: usize = 5;
/// What no report can name: who calls without saying so.
const OTHERS: &str = "whoever does not declare it";

/// Why a change takes labels from running pods.
pub(crate) fn cause(change: &Change) -> &'static str {
    match (change.kind, &change.before, &change.after) {
        (Watched::ClusterProhibition, None, _) => "since it forbids it",
        (Watched::ClusterProhibition, ..) => "since it was changed and forbids it",
        (_, _, None) => "since it was deleted",
        (_, _, Some(Known::Malformed(_))) => "since it can no longer be read",
        _ => "since it was changed",
    }
}

/// Whether a change can be what takes a caller's label away.
pub(crate) fn takes(change: &Change, caller: &Caller, callee: &CalleePattern) -> bool {
    let approved = match &change.before {
        Some(Known::Approval(approval)) => covered(approval, caller, callee),
        _ => false,
    };
    let forbidden = match &change.after {
        Some(Known::Prohibition(prohibition)) => prohibition.forbids(caller, callee),
        _ => false,
    };
    approved || forbidden
}

/// Whether an approval covered a caller's intent, whenever that was.
pub(crate) fn covered(approval: &Approval, caller: &Caller, callee: &CalleePattern) -> bool {
    approval.callers.iter().any(|pattern| pattern.matches(caller))
        && approval.callees.iter().any(|pattern| pattern.covers(callee))
}

/// Running pods lose labels by what happens to an approval or a prohibition.
pub(crate) fn lost(pods: &[(Caller, Key)], cause: &str) -> Option<Told> {
    if pods.is_empty() {
        return None;
    }
    let note = format!("{}, {cause}", losing(pods.iter().map(|(caller, pod)| (caller, pod))));
    Some(Told { warns: true, reason: "AccessLost", action: "Derive", note })
}

/// A namespace is being deleted.
pub(crate) fn terminating(world: &World, namespace: &str) -> Told {
    let named = |approval: &&Approval| {
        approval.metadata.namespace != namespace
            && approval.callers.iter().any(|pattern| match pattern {
                CallerPattern::One(caller) => caller.namespace == namespace,
                CallerPattern::Namespace(of) => of == namespace,
                CallerPattern::Any => false,
            })
    };
    let approvals = world.statements().approvals().map(|(_, approval)| approval).filter(named);
    let heirs = some(approvals.map(|approval| format!("{} {}", approval.kind(), approval.metadata.full_name())));
    let mut note =
        "it is being deleted: labels and policies in it stay as they are until they are gone with it".to_owned();
    if let Some(heirs) = heirs {
        note = format!("{note}. Whoever makes it anew inherits what approves callers of it: {heirs}");
    }
    Told { warns: true, reason: "Terminating", action: "Leave", note }
}

/// A pod declares what nobody has approved.
pub(crate) fn intents(world: &World, judged: &Judged) -> Option<Told> {
    let note = some(refused(world, judged).into_iter())?;
    Some(Told { warns: true, reason: "IntentRefused", action: "Derive", note })
}

/// A Service in `shadow` would cut somebody.
pub(crate) fn would_cut(world: &World, uncovered: &Uncovered, (namespace, name): &Key) -> Option<Told> {
    let service = world.service(namespace, name)?;
    let cut = uncovered.cut_by(world, service);
    if cut.is_empty() || service_mode(service, world.mode(namespace)) != Mode::Shadow {
        return None;
    }
    let note = format!(
        "in enforce, running pods that declare it would lose access: {}; and so would {OTHERS}",
        named_alone(cut.iter().map(|(caller, _)| *caller))
    );
    Some(Told { warns: true, reason: "WouldCut", action: "Preview", note })
}

/// A Service is closed next.
pub(crate) fn closing(world: &World, uncovered: &Uncovered, (namespace, name): &Key) -> Option<Told> {
    let cut = uncovered.cut_by(world, world.service(namespace, name)?);
    let note = if cut.is_empty() {
        format!("its NetworkPolicy comes: no running pod that declares it loses access, but {OTHERS} does")
    } else {
        let named = named(cut.iter().copied());
        format!("its NetworkPolicy comes: running pods that declare it lose access: {named}; and so does {OTHERS}")
    };
    Some(Told { warns: !cut.is_empty(), reason: "Closing", action: "Apply", note })
}

/// Services of a namespace are closed next, and maybe the namespace itself.
pub(crate) fn closing_all(world: &World, uncovered: &Uncovered, namespace: &str, services: &[Key], own: bool) -> Told {
    let services = services.iter().filter_map(|(namespace, name)| world.service(namespace, name));
    let mut closed = 0;
    let cut: Vec<(&Caller, &Key)> =
        services.inspect(|_| closed += 1).flat_map(|service| uncovered.cut_by(world, service)).collect();
    let what = match (closed, own) {
        (0, _) => format!("namespace {namespace} is closed"),
        (1, true) => "one Service of it, and then it as a whole, is closed".to_owned(),
        (1, false) => "one Service of it is closed".to_owned(),
        (count, true) => format!("{count} Services of it, and then it as a whole, are closed"),
        (count, false) => format!("{count} Services of it are closed"),
    };
    let who = if cut.is_empty() {
        "no running pod that declares one loses access".to_owned()
    } else {
        format!("running pods that declare one lose access: {}", named(cut.iter().copied()))
    };
    let note = format!("{what}: {who}; whoever declares none of them does");
    Told { warns: !cut.is_empty(), reason: "Closing", action: "Apply", note }
}

/// An object, or a part of it, has no effect.
pub(crate) fn without_effect(world: &World, kind: Watched, key: &Key) -> Option<Told> {
    match world.known(kind, key)? {
        Known::Malformed(message) => {
            let note = format!("it can't be read, and is taken as if it were not there: {message}");
            Some(Told { warns: true, reason: "Malformed", action: "Read", note })
        }
        Known::Approval(approval) => {
            let note = some(problems(world, &approval))?;
            Some(Told { warns: true, reason: "WithoutEffect", action: "Read", note })
        }
        _ => None,
    }
}

/// What of an approval means nothing.
fn problems(world: &World, approval: &Approval) -> impl Iterator<Item = String> {
    let peers = approval.from.iter().filter_map(|from| from.peer.as_ref().err());
    let mut all: Vec<String> = peers.map(|message| format!("a peer under `from` is left out: {message}")).collect();
    for callee in &approval.callees {
        if let Some((missing, near)) = unknown(world, callee, "") {
            all.push(near.map_or_else(|| missing.clone(), |near| format!("{missing}; {near}")));
        } else if let Some(wrong) = wrong_port_of(world, callee) {
            all.push(format!("{}; {}", wrong.message, wrong.advice()));
        }
    }
    all.into_iter()
}

/// The first of some, and how many more there are; `None` where there is none.
fn some(mut all: impl Iterator<Item = String>) -> Option<String> {
    let mut texts: Vec<String> = all.by_ref().take(SOME).collect();
    let more = all.count();
    if more > 0 {
        texts.push(format!("and {more} more"));
    }
    (!texts.is_empty()).then(|| texts.join(". "))
}
