//! Approvals: unused, expired, of what does not exist, and with blocks of addresses that may hold pods.

use std::sync::Arc;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHashMap;

use super::intents::unknown;
use crate::approval::Approval;
use crate::callee::{CalleePattern, Scope};
use crate::caller::{Caller, CallerPattern};
use crate::cidr::AddressSet;
use crate::finding::{Code, Finding, Step};
use crate::intent;
use crate::objects::Metadata;
use crate::policy::Peer;
use crate::snapshot::{Snapshot, wrong_port};
use crate::suggest::did_you_mean;
use crate::unread::Gaps;

/// How long before its end an approval is said to expire, in days.
const SOON: i64 = 30;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut found = Vec::new();
    let uses = uses(snapshot);
    for approval in &snapshot.objects.approvals {
        found.extend(expiry(approval, snapshot.options.now));
        if !approval.is_expired(snapshot.options.now) {
            found.extend(unused(snapshot, approval, &uses));
        }
        found.extend(callees(snapshot, approval));
        found.extend(blocks(snapshot, approval));
    }
    found
}

fn expiry(approval: &Approval, now: Timestamp) -> Option<Finding> {
    let at = approval.expires_at?;
    let name = approval.metadata.full_name();
    let (code, message) = if at <= now {
        (Code::ExpiredApproval, format!("{} {name} has expired: it grants nothing any more", approval.kind()))
    } else if at.duration_since(now) <= SignedDuration::from_hours(24 * SOON) {
        (Code::ExpiringApproval, format!("{} {name} expires at {at}", approval.kind()))
    } else {
        return None;
    };
    Some(about(approval, Finding::new(code, message)).field(["spec".into(), "expiresAt".into()]))
}

fn about(approval: &Approval, finding: Finding) -> Finding {
    finding.about(approval.kind(), &approval.metadata)
}

/// Who declares what, in templates that run and in those that are kept for a rollback.
type Uses = FxHashMap<Caller, Vec<Arc<CalleePattern>>>;

fn uses(snapshot: &Snapshot) -> Uses {
    let mut uses = Uses::default();
    for pod in &snapshot.pods {
        let intents = pod.intents.iter().map(|declared| Arc::clone(&declared.callee));
        uses.entry(pod.caller.clone()).or_default().extend(intents);
    }
    let objects = &snapshot.objects;
    // What a ReplicaSet of a Deployment keeps is no pod of its own.
    let replica_sets = objects.workloads.iter().filter(|w| w.kind == "ReplicaSet" && w.metadata.controller.is_some());
    let kept = replica_sets.map(|w| (&w.metadata, w.pod.calls.as_ref(), w.pod.caller.as_ref()));
    let revisions = objects.revisions.iter().map(|r| (&r.metadata, r.calls.as_ref(), r.caller.as_ref()));
    for (metadata, calls, overriding) in kept.chain(revisions) {
        let Some(text) = calls else { continue };
        let name = overriding.map_or_else(|| owner_name(metadata), |text| text.value.clone());
        let caller = Caller { namespace: metadata.namespace.clone(), name };
        let intents = intent::parse(&text.value, &metadata.namespace).intents;
        uses.entry(caller).or_default().extend(intents.into_iter().map(|intent| intent.callee));
    }
    uses
}

fn owner_name(metadata: &Metadata) -> String {
    metadata.controller.as_ref().map_or(&metadata.name, |owner| &owner.name).clone()
}

fn unused(snapshot: &Snapshot, approval: &Approval, uses: &Uses) -> Vec<Finding> {
    let used = |pattern: &CallerPattern, callee: &CalleePattern| {
        let covers = |intents: &Vec<Arc<CalleePattern>>| intents.iter().any(|intent| callee.covers(intent));
        match pattern {
            CallerPattern::One(caller) => uses.get(caller).is_some_and(covers),
            _ => uses.iter().any(|(caller, intents)| pattern.matches(caller) && covers(intents)),
        }
    };
    let gaps = Gaps::of(snapshot);
    let mut found = Vec::new();
    for (at, caller) in approval.callers.iter().enumerate() {
        if gaps.hides_callers(caller) || approval.callees.iter().any(|callee| used(caller, callee)) {
            continue;
        }
        let callees: Vec<String> = approval.callees.iter().map(ToString::to_string).collect();
        let message = format!("nothing uses this: {caller} does not declare {}", callees.join(", "));
        let known = snapshot.pods.iter().any(|pod| caller.matches(&pod.caller));
        let help = match caller {
            CallerPattern::One(one) if !known => {
                // Of a name that is nearly right, one half mostly is right.
                let callers = snapshot.pods.iter().map(|pod| &pod.caller);
                let half = callers.filter(|c| c.namespace == one.namespace || c.name == one.name);
                let half: Vec<String> = half.map(ToString::to_string).collect();
                let near = did_you_mean(&one.to_string(), half.iter().map(String::as_str));
                Some(near.unwrap_or_else(|| format!("there is no workload {one} in {}", snapshot.options.place())))
            }
            _ => None,
        };
        let finding = Finding::new(Code::UnusedApproval, message).help(help);
        found.push(about(approval, finding).field(path("callers", at)));
    }
    found
}

fn path(list: &str, at: usize) -> [Step; 3] {
    ["spec".into(), list.into(), at.into()]
}

/// Callees that do not exist, and ports that they do not have.
fn callees(snapshot: &Snapshot, approval: &Approval) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, callee) in approval.callees.iter().enumerate() {
        if let Some(finding) = unknown(snapshot, callee) {
            found.push(about(approval, finding).field(path("callees", at)));
            continue;
        }
        let services = snapshot.services_meant(callee);
        if let (Scope::Service { .. }, [service]) = (&callee.scope, &services[..]) {
            let service = &snapshot.objects.services[*service];
            let wrong = wrong_port(service, &callee.port, format_args!("{}:", service.metadata.name));
            found.extend(wrong.map(|finding| about(approval, finding).field(path("callees", at))));
        }
    }
    found
}

/// Blocks that may hold pods: those that the addresses of pods are in, as far as these are known, else private ones.
fn blocks(snapshot: &Snapshot, approval: &Approval) -> Vec<Finding> {
    let pods = pod_addresses(snapshot);
    let mut found = Vec::new();
    for (at, from) in approval.from.iter().enumerate() {
        let Ok(peer @ Peer::Block { .. }) = &from.peer else { continue };
        let held = peer.addresses().intersection(&pods);
        if held.is_empty() {
            continue;
        }
        let shown: Vec<String> = held.cidrs().iter().map(ToString::to_string).collect();
        let message = format!("{peer} may hold pods ({}), which some CNIs would let in", crate::finding::some(shown));
        let help = "leave the pods' addresses out by `except`, or say which they are: --pod-cidr".to_owned();
        let finding = Finding::new(Code::PeerMayHoldPods, message).help(help);
        let path = ["spec".into(), "from".into(), at.into(), "ipBlock".into(), "cidr".into()];
        found.push(about(approval, finding).field(path));
    }
    found
}

/// Where pods may be: `--pod-cidr`, else around the addresses of pods, else every private range.
fn pod_addresses(snapshot: &Snapshot) -> AddressSet {
    const PRIVATE: [&str; 5] = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];
    if !snapshot.options.pod_cidrs.is_empty() {
        return AddressSet::union_of(snapshot.options.pod_cidrs.iter().map(|net| AddressSet::of(*net)));
    }
    let known =
        snapshot.objects.workloads.iter().flat_map(|w| &w.pod.addresses).map(|ip| AddressSet::of(IpNet::from(*ip)));
    let known = AddressSet::union_of(known);
    if known.is_empty() {
        return AddressSet::union_of(PRIVATE.iter().filter_map(|net| net.parse().ok()).map(AddressSet::of));
    }
    known
}
