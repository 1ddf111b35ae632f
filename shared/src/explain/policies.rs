//! The links that are policies: each that selects either side, rule by rule, peer by peer.

use super::{Pair, Step, addresses_text};
use crate::approval::{Approval, FromPeer};
use crate::callee::CalleePattern;
use crate::cidr::AddressSet;
use crate::compile;
use crate::evaluate::{End, PolicyReason, Side};
use crate::finding::Place;
use crate::names;
use crate::objects::{Metadata, Origin};
use crate::policy::{Direction, Mismatch, Peer, Rule};
use crate::port::PortSet;
use crate::selector::{Operator, Requirement};
use crate::snapshot::Snapshot;
use crate::suggest::nearest;

/// The policies of all pairs; pairs for which they say the same are told once.
pub(super) fn steps(snapshot: &Snapshot, pairs: &[Pair<'_>]) -> Vec<Step> {
    let mut told: Vec<(Step, Vec<String>)> = Vec::new();
    // Where policies part the addresses, each verdict says of which it is.
    let parted = |end: fn(&Pair<'_>) -> Option<AddressSet>| {
        let first = pairs.first().and_then(end);
        pairs.iter().any(|pair| end(pair) != first)
    };
    let (callers, callees) = (parted(|pair| addresses(pair.source)), parted(|pair| addresses(pair.destination)));
    for pair in pairs {
        for (direction, end, side) in [
            (Direction::Ingress, pair.destination, &pair.verdict.ingress),
            (Direction::Egress, pair.source, &pair.verdict.egress),
        ] {
            let other = match direction {
                Direction::Ingress => addresses(pair.source).filter(|_| callers).map(|a| ("from", a)),
                Direction::Egress => addresses(pair.destination).filter(|_| callees).map(|a| ("to", a)),
            };
            let other = other.map_or_else(String::new, |(way, a)| format!(" {way} {}", super::parts::short(&a)));
            let End::Pod(pod) = end else { continue };
            let more = snapshot.is_unread("NetworkPolicy", snapshot.namespace_of(pod));
            let step = side_step(snapshot, direction, side, &pair.asked, more);
            let workload = snapshot.workload_of(pod);
            let name = format!("{} {}{other}", workload.kind, workload.full_name());
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

/// The addresses at an end that is none of pods.
pub(super) fn addresses(end: End<'_>) -> Option<AddressSet> {
    if let End::Addresses(addresses) = end { Some(addresses.clone()) } else { None }
}

/// What one side's policies say; `more` is whether there may be some that could not be read.
fn side_step(snapshot: &Snapshot, direction: Direction, side: &Side, asked: &PortSet, more: bool) -> Step {
    let (way, other) = match direction {
        Direction::Ingress => ("into", "ingress"),
        Direction::Egress => ("out of", "egress"),
    };
    if !side.isolated && more {
        return Step::new(None, format!("{other} {way} {{}}: no policy that could be read selects it"), None);
    }
    if !side.isolated {
        return Step::new(true, format!("{other} {way} {{}} is open: no policy selects it"), None);
    }
    let allowed = side.ports.intersection(asked);
    let is_allowed = allowed == *asked;
    // Policies add up: what these let in stays so, and what they do not, others may.
    let missing = if is_allowed || more { None } else { Some(false) };
    let verdict = if is_allowed {
        "is allowed".to_owned()
    } else {
        let by = if more { " by the policies that could be read" } else { "" };
        if allowed.is_empty() { format!("is not allowed{by}") } else { format!("is allowed on {allowed} alone{by}") }
    };
    let mut step =
        Step::new(if is_allowed { Some(true) } else { missing }, format!("{other} {way} {{}} {verdict}"), None);
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
    let written = match (policy.generated, metadata.name == compile::NAMESPACE_POLICY) {
        (true, false) => " (that enforce gives its Service)",
        (true, true) => " (that enforce gives its namespace)",
        (false, _) => "",
    };
    let rules = policy.policy.rules(direction).unwrap_or_default();
    let allows = reason.rules.iter().any(|rule| !rule.ports.intersection(asked).is_empty());
    let nothing = if rules.is_empty() { ": it has no rule, so it allows nothing" } else { "" };
    let text = format!("NetworkPolicy {}{written}{nothing}", metadata.full_name());
    let mark = |good: bool| if good { Some(true) } else { missing };
    let mut step = Step::new(mark(allows), text, metadata.origin.map(Place::Whole));
    for (at, (rule, reason)) in rules.iter().zip(&reason.rules).enumerate() {
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
                Err(mismatch) => format!(": {}", mismatch_text(snapshot, mismatch)),
            };
            let from = if policy.generated && matched.is_ok() { from_of(snapshot, metadata, at, peer) } else { None };
            let (by, place) = from.map_or((String::new(), None), |(approval, origin)| {
                (format!(": `from` of {} {}", approval.kind(), approval.metadata.full_name()), origin)
            });
            rule_step.steps.push(Step::new(mark(matched.is_ok()), format!("{peer}{why}{by}"), place.map(Place::Whole)));
        }
        step.steps.push(rule_step);
    }
    step
}

/// The Approval whose `from` put a peer into a rule of a Service's policy, and where. Rules are in the order of the ports.
pub(super) fn from_of<'a>(
    snapshot: &'a Snapshot,
    policy: &Metadata,
    rule: usize,
    peer: &Peer,
) -> Option<(&'a Approval, Option<Origin>)> {
    let objects = &snapshot.objects;
    let service = objects
        .services
        .iter()
        .find(|s| s.metadata.namespace == policy.namespace && compile::policy_name(&s.metadata.name) == policy.name)?;
    let port = service.ports.get(rule)?.identifier();
    let mode = snapshot.mode(&policy.namespace);
    let callee = CalleePattern { scope: compile::scope_of(service), port };
    let holds = |approval: &&Approval| {
        !approval.is_expired(snapshot.options.now) && compile::opens(approval, service, mode, &callee.port)
    };
    objects.approvals.iter().filter(holds).find_map(|approval| {
        let admits = |from: &&FromPeer| {
            compile::admitted(from, &callee, &policy.namespace, &objects.prohibitions).is_ok_and(|p| p == peer)
        };
        let from = approval.from.iter().find(admits)?;
        Some((approval, from.origin))
    })
}

fn ports_text(rule: &Rule) -> String {
    if rule.ports.is_empty() {
        return "all ports".to_owned();
    }
    rule.ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn mismatch_text(snapshot: &Snapshot, mismatch: &Mismatch) -> String {
    match mismatch {
        Mismatch::OtherNamespace => "the other pod is in another namespace".to_owned(),
        Mismatch::Namespace(requirement) => format!("the other pod's namespace is not {requirement}"),
        Mismatch::Pod(requirement) => {
            let nobody = nobody_is(snapshot, requirement).unwrap_or_default();
            format!("the other pod is not {requirement}{nobody}")
        }
        Mismatch::IsBlock => "blocks of addresses do not match pods".to_owned(),
        Mismatch::IsPods => "an address is no pod".to_owned(),
        Mismatch::OutsideBlock => "the address is not in it".to_owned(),
    }
}

/// That no pod at all has a label, and the nearest that one has: mostly a slip of the keyboard. Labels of grants are nobody's
/// to write.
fn nobody_is(snapshot: &Snapshot, requirement: &Requirement) -> Option<String> {
    let wanted = requirement.values.first().filter(|_| requirement.operator == Operator::In)?;
    if names::is_reserved(&requirement.key) || snapshot.pods.iter().any(|pod| requirement.matches(&pod.labels)) {
        return None;
    }
    let values = snapshot.pods.iter().filter_map(|pod| pod.labels.get(&requirement.key));
    let near = nearest(wanted, values);
    let near = near.map_or_else(String::new, |near| format!("; did you mean {}={near}?", requirement.key));
    Some(format!(", and no pod is{near}"))
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
