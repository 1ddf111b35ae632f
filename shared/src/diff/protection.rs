//! Besides connections: Services that become protected or open, and approvals that are still needed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::callee::CalleePattern;
use crate::caller::Caller;
use crate::catalogue::callee_mode;
use crate::derive::{Reason, Refusal, Strictness, strictness};
use crate::snapshot::Snapshot;

/// Whether policies stand before a Service's pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protection {
    /// No policy isolates any of its pods for ingress.
    Open,
    /// Policies isolate some of its pods.
    Partly,
    /// Policies isolate all of its pods.
    Protected,
}

impl Protection {
    /// `open`, `partly protected` or `protected`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Partly => "partly protected",
            Self::Protected => "protected",
        }
    }
}

/// A Service whose protection changes; `None` where it does not exist, or no pod is behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectionChange {
    /// Its namespace and name.
    pub service: (String, String),
    /// Before.
    pub before: Option<Protection>,
    /// Afterwards.
    pub after: Option<Protection>,
}

/// Services with pods on both sides whose protection differs, in order.
pub fn protection_changes(before: &Snapshot, after: &Snapshot) -> Vec<ProtectionChange> {
    let (mut a, b) = (protections(before), protections(after));
    let mut changes: Vec<ProtectionChange> = Vec::new();
    for (service, after_it) in b {
        let before_it = a.remove(&service);
        if before_it.is_some() && before_it != Some(after_it) {
            let service = (service.0.to_owned(), service.1.to_owned());
            changes.push(ProtectionChange { service, before: before_it, after: Some(after_it) });
        }
    }
    changes
}

/// Of each pod, whether some policy isolates it for ingress.
pub(crate) fn isolated(snapshot: &Snapshot) -> Vec<bool> {
    let mut isolated = vec![false; snapshot.pods.len()];
    for policy in snapshot.policies.iter().filter(|p| p.policy.ingress.is_some()) {
        policy.pods.iter().for_each(|pod| isolated[*pod as usize] = true);
    }
    isolated
}

fn protections(snapshot: &Snapshot) -> BTreeMap<(&str, &str), Protection> {
    let isolated = isolated(snapshot);
    let services = snapshot.objects.services.iter().zip(&snapshot.services);
    services
        .filter(|(_, state)| !state.pods.is_empty())
        // What could not be read may stand before it, or be behind it.
        .filter(|(service, _)| {
            let namespace = &service.metadata.namespace;
            !["NetworkPolicy", "Pod"].iter().any(|kind| snapshot.is_unread(kind, namespace))
        })
        .map(|(service, state)| {
            let closed = state.pods.iter().filter(|pod| isolated[**pod as usize]).count();
            let protection = match closed {
                0 => Protection::Open,
                n if n == state.pods.len() => Protection::Protected,
                _ => Protection::Partly,
            };
            ((service.metadata.namespace.as_str(), service.metadata.name.as_str()), protection)
        })
        .collect()
}

/// An approval that a declared intent still lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Who declares it.
    pub caller: Caller,
    /// What.
    pub callee: Arc<CalleePattern>,
    /// Why it is refused.
    pub reason: Reason,
    /// How strictly.
    pub strictness: Strictness,
}

/// Intents that are refused afterwards and were not declared, were granted, or were refused less strictly before; in
/// order of caller and callee. Those whose callee takes no part need no approval.
pub fn needed(before: &Snapshot, after: &Snapshot) -> Vec<Needed> {
    let strictness_in = |snapshot: &Snapshot, caller: &Caller, refusal: &Refusal| {
        strictness(snapshot.mode(&caller.namespace), callee_mode(snapshot, &refusal.callee))
    };
    let old: BTreeSet<(&Caller, &CalleePattern, Strictness)> =
        refusals(before).map(|(caller, r)| (caller, &*r.callee, strictness_in(before, caller, r))).collect();
    let mut all: Vec<Needed> = refusals(after)
        .map(|(caller, refusal)| Needed {
            caller: caller.clone(),
            callee: Arc::clone(&refusal.callee),
            reason: refusal.reason.clone(),
            strictness: strictness_in(after, caller, refusal),
        })
        .filter(|needed| needed.strictness != Strictness::None)
        .filter(|needed| !old.contains(&(&needed.caller, &*needed.callee, needed.strictness)))
        .collect();
    all.sort_by(|a, b| (&a.caller, &a.callee).cmp(&(&b.caller, &b.callee)));
    all.dedup();
    all
}

fn refusals(snapshot: &Snapshot) -> impl Iterator<Item = (&Caller, &Refusal)> {
    snapshot.pods.iter().flat_map(|pod| pod.derivation.refusals.iter().map(move |r| (&pod.caller, r)))
}
