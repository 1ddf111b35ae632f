//! What people are told, in words: pure.

use netintent::approval::Approval;
use netintent::callee::{CalleePattern, Scope};
use netintent::caller::{Caller, CallerPattern};
use netintent::catalogue::{Catalogue as _, services_meant};
use netintent::compile::service_mode;
use netintent::mode::Mode;
use netintent::objects::Service;
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
const OTHERS: &str = "whoever calls it without declaring it";

/// What has happened that takes labels from running pods.
pub(crate) fn cause(change: &Change) -> String {
    let what = match (change.kind, &change.before, &change.after) {
        (Watched::ClusterProhibition, None, _) => "forbids it now",
        (Watched::ClusterProhibition, ..) => "was changed",
        (_, _, None) => "was deleted",
        (_, _, Some(Known::Malformed(_))) => "can no longer be read",
        _ => "was changed",
    };
    format!("{} {} {what}", change.kind.kind(), change.key.1)
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
    let note = format!("{cause}: {}", losing(pods.iter().map(|(caller, pod)| (caller, pod))));
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
        "it is being deleted: its pods keep their labels, and its Services their policies, to the end".to_owned();
    if let Some(heirs) = heirs {
        note = format!("{note}. A new namespace of this name inherits these approvals: {heirs}");
    }
    Told { warns: true, reason: "Terminating", action: "Leave", note }
}

/// A pod declares what nobody has approved.
pub(crate) fn intents(world: &World, judged: &Judged) -> Option<Told> {
    // Where a namespace takes no part, an approval would not help.
    let note = some(refused(world, judged).into_iter()).filter(|_| judged.mode.is_managed())?;
    Some(Told { warns: true, reason: "IntentRefused", action: "Derive", note })
}

/// A Service in `shadow` would cut somebody.
pub(crate) fn would_cut(world: &World, uncovered: &Uncovered, (namespace, name): &Key) -> Option<Told> {
    let service = world.service(namespace, name)?;
    let cut = uncovered.cut_by(world, &[service]);
    if cut.is_empty() || service_mode(service, world.mode(namespace)) != Mode::Shadow {
        return None;
    }
    let note = format!(
        "in enforce these would lose access to it, though they declare it: {}. So would {OTHERS}",
        named_alone(cut.iter().map(|(caller, _)| *caller))
    );
    Some(Told { warns: true, reason: "WouldCut", action: "Preview", note })
}

/// A Service is closed next.
pub(crate) fn closing(world: &World, uncovered: &Uncovered, (namespace, name): &Key) -> Option<Told> {
    let cut = uncovered.cut_by(world, &[world.service(namespace, name)?]);
    let note = if cut.is_empty() {
        format!("its NetworkPolicy comes now. No running pod that declares it loses access; {OTHERS} does")
    } else {
        let named = named(cut.iter().copied());
        format!("its NetworkPolicy comes now. These lose access, though they declare it: {named}. So does {OTHERS}")
    };
    Some(Told { warns: !cut.is_empty(), reason: "Closing", action: "Apply", note })
}

/// Services of a namespace are closed next.
pub(crate) fn closing_all(world: &World, uncovered: &Uncovered, services: &[Key]) -> Told {
    let services: Vec<&Service> =
        services.iter().filter_map(|(namespace, name)| world.service(namespace, name)).collect();
    let cut = uncovered.cut_by(world, &services);
    let (what, which) = match services.len() {
        1 => ("one Service of it gets its NetworkPolicy now".to_owned(), "it"),
        count => (format!("{count} Services of it get their NetworkPolicies now"), "one of them"),
    };
    let note = if cut.is_empty() {
        format!("{what}. No running pod that declares {which} loses access; whoever calls without declaring does")
    } else {
        let named = named(cut.iter().copied());
        format!(
            "{what}. These lose access, though they declare {which}: {named}. So does whoever calls without declaring"
        )
    };
    Told { warns: !cut.is_empty(), reason: "Closing", action: "Apply", note }
}

/// A namespace is closed next.
pub(crate) fn closing_namespace() -> Told {
    let note = "it is closed as a whole now: what no Service's NetworkPolicy lets in is cut".to_owned();
    Told { warns: false, reason: "Closing", action: "Apply", note }
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
            let note = format!("a part of it has no effect: {note}");
            Some(Told { warns: true, reason: "WithoutEffect", action: "Read", note })
        }
        _ => None,
    }
}

/// What of an approval means nothing, each worked out when it is told: near names are costly to find.
fn problems<'w>(world: &'w World, approval: &'w Approval) -> impl Iterator<Item = String> + 'w {
    let peers = approval.from.iter().filter_map(|from| from.peer.as_ref().err());
    let peers = peers.map(|message| format!("a peer under `from` is left out: {message}"));
    // Of a type or of all namespaces, something may always come.
    let named = approval.callees.iter().filter(|callee| !matches!(callee.scope, Scope::Cluster | Scope::Type(_)));
    let wrong =
        named.filter(|callee| services_meant(world, callee).is_empty() || wrong_port_of(world, callee).is_some());
    peers.chain(wrong.map(|callee| match (unknown(world, callee, ""), wrong_port_of(world, callee)) {
        (Some((missing, near)), _) => near.map_or_else(|| missing.clone(), |near| format!("{missing}; {near}")),
        (None, Some(wrong)) => format!("{}; {}", wrong.message, wrong.advice()),
        (None, None) => callee.to_string(),
    }))
}

/// The first of some, and that there are more; `None` where there is none.
fn some(mut all: impl Iterator<Item = String>) -> Option<String> {
    let mut texts: Vec<String> = all.by_ref().take(SOME).collect();
    if all.next().is_some() {
        texts.push("and more".to_owned());
    }
    (!texts.is_empty()).then(|| texts.join(". "))
}
