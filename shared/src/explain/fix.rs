//! What to do about a denial: the first missing link, who owns it, and what to paste.

use super::chain::{Link, Told};
use super::{Fix, Pair};
use crate::approval;
use crate::callee::{CalleePattern, Port};
use crate::caller::Caller;
use crate::derive::Reason;
use crate::evaluate::End;
use crate::mode::Mode;
use crate::names;
use crate::owner::Owner;
use crate::policy::Direction;

mod policy;

use policy::by_policy;

pub(super) fn fixes(told: &Told<'_>, pairs: &[Pair<'_>]) -> Vec<Fix> {
    let mut fixes = Vec::new();
    let Some(pair) = pairs.iter().find(|p| !p.is_allowed()) else { return fixes };
    if !pair.verdict.ingress.ports.is_superset(&pair.asked) {
        ingress(told, pair, &mut fixes);
    }
    if !pair.verdict.egress.ports.is_superset(&pair.asked) {
        fixes.push(by_policy(told.snapshot, Direction::Egress, pair, &pair.verdict.egress));
    }
    // One intent may stand for several of the ports asked about.
    let mut once: Vec<Fix> = Vec::with_capacity(fixes.len());
    for fix in fixes {
        if !once.contains(&fix) {
            once.push(fix);
        }
    }
    once
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
    if snapshot.spec(pod).mirror {
        fixes.push(by_policy(snapshot, Direction::Ingress, pair, &pair.verdict.ingress));
        return;
    }
    let caller = &snapshot.pods[pod as usize].caller;
    let before = fixes.len();
    for callee in callees {
        // Of a port that is allowed already nothing is missing.
        if told.lets_in(pair, *service, callee) {
            continue;
        }
        match told.link(pod, *service, callee) {
            Link::Granted(..) => {}
            // What is declared as a whole is approved as a whole.
            Link::Refused(declared, reason) if is_narrow(&declared.callee, callee, reason) => {
                refused(told, caller, &declared.callee, callee, reason, fixes);
            }
            // A wildcard, or what is prohibited in part: what is asked, alone, opens no more than it must.
            Link::Refused(..) | Link::Undeclared => {
                fixes.push(declare(told, pod, callee));
                let intent = std::sync::Arc::new(callee.clone());
                let covered = crate::derive::derive(caller, [&intent], &snapshot.statements(), snapshot.options.now);
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
            paste: Some(format!("kubectl label --overwrite namespace {namespace} {}={}\n", names::MODE, Mode::Shadow)),
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

/// Whether a refused intent is what is to be approved itself: it names this Service alone, and is not forbidden as a whole.
fn is_narrow(declared: &CalleePattern, asked: &CalleePattern, reason: &Reason) -> bool {
    match reason {
        Reason::Prohibited { .. } => declared == asked,
        Reason::NotApproved | Reason::TooWide { .. } | Reason::Expired { .. } => declared.scope == asked.scope,
    }
}

/// Who owns the callee, as the subject of a sentence.
fn owner(told: &Told<'_>, callee: &CalleePattern) -> String {
    match Owner::of(told.snapshot, callee) {
        Owner::Named(name) => format!("{name}, who owns it,"),
        other => other.to_string(),
    }
}

/// An address can carry no intent: the callee names it.
fn from_fix(told: &Told<'_>, pair: &Pair<'_>) -> Fix {
    let Some((_, callees)) = &told.callee else {
        return by_policy(told.snapshot, Direction::Ingress, pair, &pair.verdict.ingress);
    };
    let mut callable: Vec<String> = Vec::new();
    let mut namespace = "";
    let service = told.callee.as_ref().map(|(service, _)| *service);
    for callee in callees.iter().filter(|callee| service.is_none_or(|s| !told.lets_in(pair, s, callee))) {
        if let crate::callee::Scope::Service { namespace: ns, name } = &callee.scope {
            namespace = ns;
            callable.push(match &callee.port {
                Port::All => format!("\"{name}\""),
                port => format!("\"{name}:{port}\""),
            });
        }
    }
    let who = callees.first().map_or_else(String::new, |callee| owner(told, callee));
    let nets = if let End::Addresses(addresses) = pair.source { addresses.cidrs() } else { Vec::new() };
    let peers: Vec<String> = nets.iter().map(|net| format!("    - ipBlock: {{cidr: \"{net}\"}}\n")).collect();
    // The name says all of it, so that what is pasted for somebody else takes nothing back.
    let dashed = |net: &ipnet::IpNet| net.to_string().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let mut parts = vec!["from".to_owned()];
    parts.extend(nets.iter().map(|net| format!("net{}", dashed(net))));
    parts.push("calls".to_owned());
    parts.extend(callable.iter().map(|name| name.trim_matches('"').replace(':', ".")));
    let object_name = parts.join(".");
    let object_name = object_name[..object_name.len().min(253)].trim_end_matches(['-', '.']);
    Fix {
        what: format!("an address can declare nothing: {who} applies this"),
        paste: Some(format!(
            "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {{namespace: {}, name: {object_name}}}\nspec:\n  callees: [{}]\n  from:\n{}",
            names::yaml(namespace),
            callable.join(", "),
            peers.concat()
        )),
    }
}
