//! What a pod comes to in a world: the library's `derive`, and how strictly each refusal is taken.

use std::fmt::Write as _;

use jiff::Timestamp;
use netintent::callee::CalleePattern;
use netintent::caller::Caller;
use netintent::catalogue::{Catalogue as _, callee_mode};
use netintent::derive::{Grant, Strictness, strictness};
use netintent::intent::IntentError;
use netintent::mode::Mode;
use netintent::names;
use netintent::pod::{self, Derived};

use super::Subject;
use crate::world::World;

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
    /// What it declares itself that is refused so strictly, of which `wanted` holds.
    pub fn rejects(&self, wanted: impl Fn(&Caller, &CalleePattern) -> bool) -> bool {
        let refusals = self.derived.derivation.refusals.iter().zip(&self.refusals);
        refusals.into_iter().any(|(refusal, judged)| {
            judged.strictness == Strictness::Reject && judged.own && wanted(&self.derived.caller, &refusal.callee)
        })
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
        derived.intents.iter().any(|declared| declared.callee == *callee && declared.service_account.is_none())
    };
    let refusals = derived.derivation.refusals.iter().map(|refusal| JudgedRefusal {
        strictness: strictness(mode, callee_mode(world, &refusal.callee)),
        own: own(&refusal.callee),
    });
    Judged {
        mode,
        refusals: refusals.collect(),
        malformed: subject.own.as_ref().map(|calls| calls.errors.clone()).unwrap_or_default(),
        grants: names::printable(&grants(world, &derived.derivation.grants)),
        keys: if mode.is_managed() { derived.derivation.label_keys().collect() } else { Vec::new() },
        derived,
    }
}

/// By which approvals each grant holds, written into one text: there may be hundreds.
fn grants(world: &World, grants: &[Grant]) -> String {
    let mut text = String::new();
    for grant in grants {
        let separator = if text.is_empty() { "" } else { "; " };
        // Writing to a string does not fail.
        let _ = write!(text, "{separator}{} by ", grant.callee);
        let approvals = grant.approvals.iter().filter_map(|at| world.statements().approval(*at));
        for (number, approval) in approvals.enumerate() {
            text.push_str(if number == 0 { "" } else { " and " });
            text.push_str(&approval.metadata.full_name());
        }
    }
    text
}
