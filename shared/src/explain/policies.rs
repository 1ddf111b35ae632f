//! The links that are policies: each that selects either side, rule by rule, peer by peer.

use super::{Pair, Step, addresses_text};
use crate::approval::Approval;
use crate::evaluate::{End, PolicyReason, Side};
use crate::objects::{Metadata, Origin};
use crate::policy::{Direction, Mismatch, Peer, Rule};
use crate::port::PortSet;
use crate::snapshot::{Place, Snapshot};

/// The policies of all pairs; pairs for which they say the same are told once.
pub(super) fn steps(snapshot: &Snapshot, pairs: &[Pair<'_>]) -> Vec<Step> {
    let mut told: Vec<(Step, Vec<String>)> = Vec::new();
    for pair in pairs {
        for (direction, end, side) in [
            (Direction::Ingress, pair.destination, &pair.verdict.ingress),
            (Direction::Egress, pair.source, &pair.verdict.egress),
        ] {
            let End::Pod(pod) = end else { continue };
            let step = side_step(snapshot, direction, side, &pair.asked);
            let workload = snapshot.workload_of(pod);
            let name = format!("{} {}", workload.kind, workload.full_name());
            match told.iter_mut().find(|(s, _)| *s == step) {
                Some((_, names)) if names.contains(&name) => {}
                Some((_, names)) => names.push(name),
                None => told.push((step, vec![name])),
            }
        }
    }
    // Ingress before egress, whatever the order of the pairs.
    told.sort_by_key(|(step, _)| !step.text.starts_with(Direction::Ingress.as_str()));
    told.into_iter()
        .map(|(mut step, names)| {
            step.text = step.text.replacen("{}", &names.join(", "), 1);
            step
        })
        .collect()
}

fn side_step(snapshot: &Snapshot, direction: Direction, side: &Side, asked: &PortSet) -> Step {
    let (way, other) = match direction {
        Direction::Ingress => ("into", "ingress"),
        Direction::Egress => ("out of", "egress"),
    };
    if !side.isolated {
        return Step::new(true, format!("{other} {way} {{}} is open: no policy selects it"), None);
    }
    let allowed = side.ports.intersection(asked);
    let verdict = if allowed == *asked {
        "is allowed".to_owned()
    } else if allowed.is_empty() {
        "is not allowed".to_owned()
    } else {
        format!("is allowed on {allowed} alone")
    };
    let mut step = Step::new(allowed == *asked, format!("{other} {way} {{}} {verdict}"), None);
    // Policies add up: where one lets all of it in, that another does not is no fault.
    let missing = if allowed == *asked { None } else { Some(false) };
    step.steps = side.policies.iter().map(|reason| policy_step(snapshot, direction, reason, asked, missing)).collect();
    step
}

fn policy_step(
    snapshot: &Snapshot,
    direction: Direction,
    reason: &PolicyReason,
    asked: &PortSet,
    missing: Option<bool>,
) -> Step {
    let policy = &snapshot.policies[reason.policy];
    let metadata = &policy.policy.metadata;
    let written = match (policy.generated, metadata.origin) {
        (true, Some(_)) => " (that enforce gives its Service)",
        (true, None) => " (that enforce gives its namespace)",
        (false, _) => "",
    };
    let rules = policy.policy.rules(direction).unwrap_or_default();
    let allows = reason.rules.iter().any(|rule| !rule.ports.intersection(asked).is_empty());
    let nothing = if rules.is_empty() { ": it has no rule, so it allows nothing" } else { "" };
    let text = format!("NetworkPolicy {}{written}{nothing}", metadata.full_name());
    let mark = |good: bool| if good { Some(true) } else { missing };
    let mut step = Step::new(mark(allows), text, metadata.origin.map(Place::Whole));
    for (rule, reason) in rules.iter().zip(&reason.rules) {
        let allowed = reason.ports.intersection(asked);
        let place = rule.origin.map(Place::Whole);
        let mut text = format!("rule: {}", ports_text(rule));
        if !reason.ports.is_empty() && allowed.is_empty() {
            text.push_str(", not what is asked");
        }
        let mut rule_step = Step::new(mark(!allowed.is_empty()), text, place);
        if rule.peers.is_empty() {
            rule_step.steps.push(Step::new(mark(!allowed.is_empty()), "everybody", None));
        }
        for (peer, matched) in rule.peers.iter().zip(&reason.peers) {
            let why = match matched {
                Ok(()) => String::new(),
                Err(mismatch) => format!(": {}", mismatch_text(mismatch)),
            };
            let from = if policy.generated && matched.is_ok() { from_of(snapshot, metadata, peer) } else { None };
            let (by, place) = from.map_or((String::new(), None), |(approval, origin)| {
                (format!(": `from` of {} {}", approval.kind(), approval.metadata.full_name()), origin)
            });
            rule_step.steps.push(Step::new(mark(matched.is_ok()), format!("{peer}{why}{by}"), place.map(Place::Whole)));
        }
        step.steps.push(rule_step);
    }
    step
}

/// The Approval whose `from` put a peer into the policy of a Service, and where.
pub(super) fn from_of<'a>(
    snapshot: &'a Snapshot,
    policy: &Metadata,
    peer: &Peer,
) -> Option<(&'a Approval, Option<Origin>)> {
    let services = &snapshot.objects.services;
    let service = services.iter().find(|s| {
        s.metadata.namespace == policy.namespace && crate::compile::policy_name(&s.metadata.name) == policy.name
    })?;
    let mode = snapshot.mode(&policy.namespace);
    let covers = |approval: &&Approval| approval.callees.iter().any(|c| crate::compile::means(c, service, mode));
    snapshot.objects.approvals.iter().filter(covers).find_map(|approval| {
        let from = approval.from.iter().find(|from| from.peer.as_ref() == Ok(peer))?;
        Some((approval, from.origin))
    })
}

fn ports_text(rule: &Rule) -> String {
    if rule.ports.is_empty() {
        return "all ports".to_owned();
    }
    rule.ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn mismatch_text(mismatch: &Mismatch) -> String {
    match mismatch {
        Mismatch::OtherNamespace => "the other pod is in another namespace".to_owned(),
        Mismatch::Namespace(requirement) => format!("the other pod's namespace is not {requirement}"),
        Mismatch::Pod(requirement) => format!("the other pod is not {requirement}"),
        Mismatch::IsBlock => "blocks of addresses do not match pods".to_owned(),
        Mismatch::IsPods => "an address is no pod".to_owned(),
        Mismatch::OutsideBlock => "the address is not in it".to_owned(),
    }
}

/// An end as a person calls it.
pub(super) fn end_text(snapshot: &Snapshot, end: End<'_>) -> String {
    match end {
        End::Pod(pod) => {
            let workload = snapshot.workload_of(pod);
            format!("{} {}", workload.kind, workload.full_name())
        }
        End::Addresses(addresses) => addresses_text(addresses),
    }
}
