//! What a pod comes to in a world: the library's `derive`, and how strictly each refusal is taken.

use std::fmt::Write as _;

use jiff::Timestamp;
use netintent::callee::CalleePattern;
use netintent::catalogue::{Catalogue as _, callee_mode};
use netintent::derive::{Grant, Strictness, strictness};
use netintent::intent::IntentError;
use netintent::mode::Mode;
use netintent::names;
use netintent::pod::{self, Derived};

use super::Subject;
use crate::review::MAX_AUDIT;
use crate::world::World;

/// How many approvals of one grant are named.
const APPROVALS: usize = 5;
/// About how many bytes the words for one grant have.
const GRANT: usize = 80;

/// What a pod comes to.
#[derive(Debug)]
pub struct Judged {
    /// Who it is, what it declares, and which of that holds.
    pub derived: Derived,
    /// The mode of its namespace.
    pub mode: Mode,
    /// Parallel to the refusals of the derivation.
    pub refusals: Vec<JudgedRefusal>,
    /// What of its own annotation could not be read.
    pub malformed: Vec<IntentError>,
    /// By which approvals each grant holds, in words.
    pub grants: String,
    /// The keys of the labels that the pod carries.
    pub keys: Vec<String>,
    /// Whether what controls the pod is known, where that decides who it is.
    pub owner_known: bool,
}

/// How a refusal is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JudgedRefusal {
    /// How strictly.
    pub strictness: Strictness,
    /// Whether the pod itself declares it, and not its ServiceAccount alone.
    pub own: bool,
}

impl Judged {
    /// The refused callees, for the audit log; `None` where there are none.
    pub fn refused(&self) -> Option<String> {
        let refused: Vec<String> = self.derived.derivation.refusals.iter().map(|r| r.callee.to_string()).collect();
        (!refused.is_empty()).then(|| refused.join("; "))
    }

    /// Whether it declares itself what is refused so strictly that it is rejected.
    pub fn is_rejected(&self) -> bool {
        self.refusals.iter().any(|refusal| refusal.strictness == Strictness::Reject && refusal.own)
    }
}

/// Judges a pod by what is known.
pub fn judge(world: &World, subject: &Subject, now: Timestamp) -> Judged {
    let controller = world.controller(&subject.kind, &subject.metadata, &subject.labels);
    let account = world.account(&subject.namespace, &subject.service_account);
    let derived = pod::derived(
        &pod::Subject {
            namespace: &subject.namespace,
            controller: &controller,
            caller: subject.caller.as_deref(),
            own: subject.own.as_ref(),
            account: account.map(|calls| (0, calls)),
            mirror: subject.mirror,
        },
        world.statements(),
        now,
    );
    let mode = world.mode(&subject.namespace);
    let own = |callee: &CalleePattern| {
        derived.intents.iter().any(|declared| *declared.callee == *callee && declared.service_account.is_none())
    };
    let refusals = derived.derivation.refusals.iter().map(|refusal| JudgedRefusal {
        strictness: strictness(mode, callee_mode(world, &refusal.callee)),
        own: own(&refusal.callee),
    });
    // Where it is no longer the direct owner, that was known, or the pod's labels told.
    let owner_known = subject.metadata.controller.as_ref().is_none_or(|owner| {
        controller.kind != owner.kind
            || !matches!(&*owner.kind, "ReplicaSet" | "Job")
            || world.owner(&owner.kind, &subject.namespace, &owner.name).is_some()
    });
    Judged {
        mode,
        owner_known,
        refusals: refusals.collect(),
        malformed: subject.own.as_ref().map(|calls| calls.errors.clone()).unwrap_or_default(),
        grants: names::printable(&grants(world, &derived.derivation.grants)),
        keys: if mode.is_managed() { derived.derivation.label_keys().collect() } else { Vec::new() },
        derived,
    }
}

/// By which approvals each grant holds, written into one text: there may be hundreds.
fn grants(world: &World, grants: &[Grant]) -> String {
    let mut text = String::with_capacity(grants.len() * GRANT);
    for grant in grants {
        if text.len() > MAX_AUDIT {
            break;
        }
        let separator = if text.is_empty() { "" } else { "; " };
        // Writing to a string does not fail.
        let _ = write!(text, "{separator}{} by ", grant.callee);
        let some = grant.approvals.iter().take(APPROVALS);
        let approvals = some.filter_map(|at| world.statements().approval(*at));
        for (number, approval) in approvals.enumerate() {
            text.push_str(if number == 0 { "" } else { " and " });
            text.push_str(&approval.metadata.full_name());
        }
    }
    text
}
