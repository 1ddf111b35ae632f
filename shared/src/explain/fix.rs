//! What to do about a denial: the first missing link, who owns it, and what to paste.

use super::chain::{Link, Told};
use super::{Fix, Pair, policies};
use crate::approval;
use crate::callee::{CalleePattern, Port};
use crate::caller::Caller;
use crate::derive::Reason;
use crate::evaluate::{End, Side};
use crate::mode::Mode;
use crate::names;
use crate::policy::Direction;
use crate::snapshot::Snapshot;

pub(super) fn fixes(told: &Told<'_>, pairs: &[Pair<'_>]) -> Vec<Fix> {
    let mut fixes = Vec::new();
    let Some(pair) = pairs.iter().find(|p| !p.is_allowed()) else { return fixes };
    if !pair.verdict.ingress.ports.is_superset(&pair.asked) {
        ingress(told, pair, &mut fixes);
    }
    if !pair.verdict.egress.ports.is_superset(&pair.asked) {
        fixes.push(by_policy(told.snapshot, Direction::Egress, pair, &pair.verdict.egress));
    }
    fixes
}

fn ingress(told: &Told<'_>, pair: &Pair<'_>, fixes: &mut Vec<Fix>) {
    let (Some(pod), Some((service, callees)), Some(Mode::Enforce)) = (told.pod, &told.callee, told.callee_mode())
    else {
        if told.pod.is_none() && told.callee_mode() == Some(Mode::Enforce) {
            fixes.push(from_fix(told, pair));
        } else {
            fixes.push(by_policy(told.snapshot, Direction::Ingress, pair, &pair.verdict.ingress));
        }
        return;
    };
    let snapshot = told.snapshot;
    let caller = &snapshot.pods[pod as usize].caller;
    let asked_all = callees.len() > 1;
    let before = fixes.len();
    for callee in callees {
        // Of a port that is allowed already nothing is missing.
        let leads: Vec<_> = snapshot.ports_meant(callee, *service);
        let open = |to: u32| leads.iter().filter(|l| l.0 == to).all(|l| pair.verdict.ingress.ports.contains(l.1, l.2));
        if asked_all && matches!(pair.destination, End::Pod(to) if open(to)) {
            continue;
        }
        match told.link(pod, *service, callee) {
            Link::Granted(..) => {}
            Link::Refused(declared, reason) => refused(told, caller, &declared.callee, callee, reason, fixes),
            Link::Undeclared => {
                fixes.push(declare(told, pod, callee));
                let covered = crate::derive::derive(caller, [callee], &snapshot.statements());
                if let Some(refusal) = covered.refusals.first() {
                    refused(told, caller, callee, callee, &refusal.reason, fixes);
                }
            }
        }
    }
    let namespace = snapshot.namespace_of(pod);
    if !snapshot.mode(namespace).is_managed() {
        fixes.push(Fix {
            what: format!("let namespace {namespace} take part, so that its pods carry labels (an administrator does)"),
            paste: Some(format!("kubectl label namespace {namespace} {}={}\n", names::MODE, Mode::Shadow)),
        });
    }
    if fixes.len() == before {
        fixes.push(by_policy(snapshot, Direction::Ingress, pair, &pair.verdict.ingress));
    }
}

fn declare(told: &Told<'_>, pod: u32, callee: &CalleePattern) -> Fix {
    let snapshot = told.snapshot;
    let workload = snapshot.workload_of(pod);
    let kind = &workload.kind;
    // A slip of the keyboard is corrected, not added to.
    if let Some(slip) = told.nearest(pod, callee).filter(|near| told.is_missing(near)) {
        return Fix {
            what: format!(
                "declare it: write this in place of {}, which {kind} {} declares",
                slip.callee,
                workload.full_name()
            ),
            paste: Some(format!("{callee}\n")),
        };
    }
    if snapshot.spec(pod).calls.is_some() {
        return Fix {
            what: format!("declare it: add this line to {} of {kind} {}", names::CALLS, workload.full_name()),
            paste: Some(format!("{callee}\n")),
        };
    }
    let place = if kind == "Pod" { "the Pod" } else { "the pod template" };
    Fix {
        what: format!("declare it: add this to {place} of {kind} {}", workload.full_name()),
        paste: Some(format!("metadata:\n  annotations:\n    {}: |\n      {callee}\n", names::CALLS)),
    }
}

fn refused(
    told: &Told<'_>,
    caller: &Caller,
    declared: &CalleePattern,
    asked: &CalleePattern,
    reason: &Reason,
    fixes: &mut Vec<Fix>,
) {
    let who = owner(told, asked);
    match reason {
        Reason::TooWide { approved } if approved.iter().any(|a| a.covers(asked)) => {
            let narrower: Vec<String> = approved.iter().map(ToString::to_string).collect();
            fixes.push(Fix {
                what: format!("declare what is approved in place of {declared}"),
                paste: Some(format!("{}\n", narrower.join("\n"))),
            });
        }
        Reason::Prohibited { prohibition } => {
            let it = &told.snapshot.objects.prohibitions[*prohibition as usize];
            let name = &it.metadata.name;
            fixes.push(Fix {
                what: format!("ask the platform team about ClusterProhibition {name}: it beats every approval"),
                paste: None,
            });
        }
        Reason::Expired { .. } => fixes.push(Fix {
            what: format!("renew the approval: {who} applies this, or sets a later expiresAt"),
            paste: Some(approval::manifest(caller, declared)),
        }),
        Reason::NotApproved | Reason::TooWide { .. } => {
            fixes.push(Fix {
                what: format!("have it approved: {who} applies this"),
                paste: Some(approval::manifest(caller, declared)),
            });
        }
    }
}

/// Who owns the callee, by the annotations of its Service.
fn owner(told: &Told<'_>, callee: &CalleePattern) -> String {
    let namespace = match &callee.scope {
        crate::callee::Scope::Service { namespace, .. } => namespace.as_str(),
        _ => "",
    };
    let metadata = told.callee.as_ref().map(|(service, _)| &told.snapshot.objects.services[*service].metadata);
    let annotation = |key| metadata.and_then(|m| m.annotation(key)).map(|t| names::printable(&t.value));
    match (annotation(names::OWNER), annotation(names::CHAT)) {
        (Some(owner), Some(chat)) => format!("{owner} ({chat}), who owns it,"),
        (Some(one), None) | (None, Some(one)) => format!("{one}, who owns it,"),
        (None, None) => format!("whoever owns namespace {namespace}"),
    }
}

/// An address can carry no intent: the callee names it.
fn from_fix(told: &Told<'_>, pair: &Pair<'_>) -> Fix {
    let Some((_, callees)) = &told.callee else {
        return by_policy(told.snapshot, Direction::Ingress, pair, &pair.verdict.ingress);
    };
    let mut names: Vec<String> = Vec::new();
    let mut namespace = "";
    for callee in callees {
        if let crate::callee::Scope::Service { namespace: ns, name } = &callee.scope {
            namespace = ns;
            names.push(match &callee.port {
                Port::All => format!("\"{name}\""),
                port => format!("\"{name}:{port}\""),
            });
        }
    }
    let who = callees.first().map_or_else(String::new, |callee| owner(told, callee));
    let peers: Vec<String> = match pair.source {
        End::Addresses(addresses) => {
            addresses.cidrs().iter().map(|net| format!("    - ipBlock: {{cidr: \"{net}\"}}\n")).collect()
        }
        End::Pod(_) => Vec::new(),
    };
    Fix {
        what: format!("an address can declare nothing: {who} applies this"),
        paste: Some(format!(
            "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {{namespace: {namespace}, name: from-outside}}\nspec:\n  callees: [{}]\n  from:\n{}",
            names.join(", "),
            peers.concat()
        )),
    }
}

/// A policy of somebody's own stands in the way.
fn by_policy(snapshot: &Snapshot, direction: Direction, pair: &Pair<'_>, side: &Side) -> Fix {
    let own = side.policies.iter().map(|p| &snapshot.policies[p.policy]).find(|p| !p.generated);
    let any = side.policies.first().map(|p| &snapshot.policies[p.policy]);
    let name = own.or(any).map_or_else(String::new, |p| p.policy.metadata.full_name());
    let (other, key) = match direction {
        Direction::Ingress => (pair.source, "from"),
        Direction::Egress => (pair.destination, "to"),
    };
    let missing = pair.asked.difference(&side.ports);
    let what = format!(
        "let {} {} {}: add this to NetworkPolicy {name}",
        policies::end_text(snapshot, other),
        if direction == Direction::Ingress { "in" } else { "be reached" },
        if missing.is_all() { "on all ports".to_owned() } else { format!("on {missing}") },
    );
    let peer = match other {
        End::Addresses(addresses) => {
            addresses.cidrs().iter().map(|net| format!("        - ipBlock: {{cidr: \"{net}\"}}\n")).collect::<String>()
        }
        End::Pod(pod) => {
            let labels: String = snapshot.pods[pod as usize]
                .labels
                .iter()
                .filter(|(key, _)| !names::is_reserved(key) && !key.ends_with("template-hash"))
                .map(|(key, value)| format!("              {key}: \"{value}\"\n"))
                .collect();
            let namespace = snapshot.namespace_of(pod);
            let selector = if labels.is_empty() {
                "          podSelector: {}\n".to_owned()
            } else {
                format!("          podSelector:\n            matchLabels:\n{labels}")
            };
            format!(
                "        - namespaceSelector:\n            matchLabels: {{{}: {namespace}}}\n{selector}",
                names::NAMESPACE_NAME
            )
        }
    };
    let ports: String = missing
        .iter()
        .map(|(protocol, i)| match (i.from, i.to) {
            (1, u16::MAX) => format!("        - {{protocol: {protocol}}}\n"),
            (from, to) if from == to => format!("        - {{protocol: {protocol}, port: {from}}}\n"),
            (from, to) => format!("        - {{protocol: {protocol}, port: {from}, endPort: {to}}}\n"),
        })
        .collect();
    let ports = if missing.is_all() || missing.is_empty() { String::new() } else { format!("      ports:\n{ports}") };
    Fix { what, paste: Some(format!("  {}:\n    - {key}:\n{peer}{ports}", direction.as_str())) }
}
