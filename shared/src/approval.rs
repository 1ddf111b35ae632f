//! Approvals and prohibitions: what the owners of callees, and the platform team, have said.

use jiff::Timestamp;

use crate::callee::CalleePattern;
use crate::caller::{Caller, CallerPattern};
use crate::objects::{Metadata, Origin};
use crate::policy::Peer;

mod cut;
mod draft;
mod expiry;
mod from;

pub use cut::{Cut, CutOut};
pub use draft::{Draft, manifest};
pub use expiry::expiry;
pub use from::FromManifest;

/// How many callers, callees or peers one object may name. More go into a second object: approvals add up.
pub const MAX_ITEMS: usize = 1024;
/// How many characters a reason may have.
pub const MAX_REASON: usize = 1024;

/// An Approval, or a ClusterApproval (which is in no namespace).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Namespace and name.
    pub metadata: Metadata,
    /// Who may call.
    pub callers: Vec<CallerPattern>,
    /// What they may call.
    pub callees: Vec<CalleePattern>,
    /// Why, for people.
    pub reason: Option<String>,
    /// When it ends to hold.
    pub expires_at: Option<Timestamp>,
    /// Callers that can carry no intent.
    pub from: Vec<FromPeer>,
}

/// One of the peers under `from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromPeer {
    /// The peer, or why it is none.
    pub peer: Result<Peer, String>,
    /// Where it stands.
    pub origin: Option<Origin>,
}

impl Approval {
    /// `Approval` or `ClusterApproval`.
    pub fn kind(&self) -> &'static str {
        if self.metadata.namespace.is_empty() { "ClusterApproval" } else { "Approval" }
    }

    /// Whether it says all of this, be it by one pattern or by wider ones; whether it holds at the moment is another
    /// question.
    pub fn covers(&self, caller: &CallerPattern, callee: &CalleePattern) -> bool {
        self.callers.iter().any(|c| c.covers(caller)) && self.callees.iter().any(|c| c.covers(callee))
    }

    /// Whether it grants this caller's intent at `now`, if nothing forbids it.
    pub fn grants(&self, caller: &Caller, callee: &CalleePattern, now: Timestamp) -> bool {
        !self.is_expired(now)
            && self.callers.iter().any(|c| c.matches(caller))
            && self.callees.iter().any(|c| c.covers(callee))
    }

    /// Whether it names just this caller and just this callee.
    pub fn names(&self, caller: &CallerPattern, callee: &CalleePattern) -> bool {
        self.callers.contains(caller) && self.callees.contains(callee)
    }

    /// Whether it would cover this even if it did not name it.
    pub fn is_wider(&self, caller: &CallerPattern, callee: &CalleePattern) -> bool {
        let wider_caller = self.callers.iter().any(|c| c != caller && c.covers(caller));
        let wider_callee = self.callees.iter().any(|c| c != callee && c.covers(callee));
        self.covers(caller, callee) && (wider_caller || wider_callee)
    }

    /// Whether it names this caller and this callee and nothing else.
    pub fn is_just(&self, caller: &CallerPattern, callee: &CalleePattern) -> bool {
        self.callers == std::slice::from_ref(caller)
            && self.callees == std::slice::from_ref(callee)
            && self.from.is_empty()
    }

    /// Whether it holds at least until `at`, if it holds now.
    pub fn ends_no_sooner(&self, at: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end >= at)
    }

    /// What orders approvals by how long they hold: one without an end is the last.
    pub fn lasting(&self) -> (bool, Option<Timestamp>) {
        (self.expires_at.is_none(), self.expires_at)
    }

    /// Whether it has ceased to hold.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// A ClusterProhibition: beats every approval that it overlaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prohibition {
    /// Its name.
    pub metadata: Metadata,
    /// Whole namespaces, or everybody.
    pub callers: Vec<CallerPattern>,
    /// What they may not call.
    pub callees: Vec<CalleePattern>,
    /// Why, for people.
    pub reason: Option<String>,
}

impl Prohibition {
    /// Whether it beats an intent of this caller.
    pub fn forbids(&self, caller: &Caller, callee: &CalleePattern) -> bool {
        self.callers.iter().any(|c| c.matches(caller)) && self.callees.iter().any(|c| c.overlaps(callee))
    }
}
