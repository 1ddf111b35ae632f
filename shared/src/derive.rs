//! The first rule: declared and approved gives a label.
//!
//! An intent is granted if and only if one unexpired approval covers all of it, by the text alone, and no prohibition
//! overlaps it. Which Services, ports or pods exist at the moment never matters.

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::approval::{Approval, Prohibition};
use crate::callee::{CalleePattern, Scope};
use crate::caller::{Caller, CallerPattern};
use crate::mode::Mode;

/// All approvals and prohibitions at one moment, indexed for [`derive()`].
#[derive(Debug)]
pub struct Statements<'a> {
    approvals: &'a [Approval],
    prohibitions: &'a [Prohibition],
    now: Timestamp,
    index: FxHashMap<&'a Scope, FxHashMap<Callers<'a>, Vec<u32>>>,
}

/// The namespace and name of callers, `None` for any: a pattern as key, so that nobody need be copied to be looked up.
type Callers<'a> = (Option<&'a str>, Option<&'a str>);

fn callers(pattern: &CallerPattern) -> Callers<'_> {
    match pattern {
        CallerPattern::One(caller) => (Some(&caller.namespace), Some(&caller.name)),
        CallerPattern::Namespace(namespace) => (Some(namespace), None),
        CallerPattern::Any => (None, None),
    }
}

impl<'a> Statements<'a> {
    /// Indexes approvals and prohibitions as they stand at `now`.
    pub fn new(approvals: &'a [Approval], prohibitions: &'a [Prohibition], now: Timestamp) -> Self {
        let mut index: FxHashMap<&Scope, FxHashMap<Callers<'_>, Vec<u32>>> = FxHashMap::default();
        for (at, approval) in (0..).zip(approvals) {
            for callee in &approval.callees {
                let by_caller = index.entry(&callee.scope).or_default();
                for caller in &approval.callers {
                    let list = by_caller.entry(callers(caller)).or_default();
                    if list.last() != Some(&at) {
                        list.push(at);
                    }
                }
            }
        }
        Self { approvals, prohibitions, now, index }
    }

    /// The approvals that cover an intent, expired ones too, in the order of the input.
    fn covering(&self, caller: &Caller, callee: &CalleePattern) -> Vec<u32> {
        let mut found = Vec::new();
        self.about(caller, &callee.scope, |at| {
            if self.approvals[at as usize].callees.iter().any(|pattern| pattern.covers(callee)) {
                found.push(at);
            }
        });
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Gives each approval that names this caller, and this scope or one that covers it, by the text alone.
    fn about(&self, caller: &Caller, scope: &Scope, mut give: impl FnMut(u32)) {
        let wider = match scope {
            Scope::Service { namespace, .. } => Some(Scope::Namespace(namespace.clone())),
            _ => None,
        };
        let namespace = caller.namespace.as_str();
        let callers = [(Some(namespace), Some(caller.name.as_str())), (Some(namespace), None), (None, None)];
        let scopes = [Some(scope), wider.as_ref(), (*scope != Scope::Cluster).then_some(&Scope::Cluster)];
        for by_caller in scopes.into_iter().flatten().filter_map(|scope| self.index.get(scope)) {
            for list in callers.iter().filter_map(|callers| by_caller.get(callers)) {
                list.iter().for_each(|at| give(*at));
            }
        }
    }

    /// What of a refused intent is approved all the same, so that it can be declared in its place.
    fn narrower(&self, caller: &Caller, callee: &CalleePattern) -> Vec<CalleePattern> {
        let mut found = Vec::new();
        let mut meets = |approval: &Approval| {
            if !approval.is_expired(self.now) && approval.callers.iter().any(|c| c.matches(caller)) {
                found.extend(approval.callees.iter().filter_map(|pattern| meet(pattern, callee)));
            }
        };
        if let Scope::Service { .. } = callee.scope {
            self.about(caller, &callee.scope, |at| meets(&self.approvals[at as usize]));
        } else {
            // A wildcard can be met by narrower scopes too, wherever they are.
            self.approvals.iter().for_each(meets);
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// What is in both patterns, where text can say it and it is less than `intent`.
fn meet(pattern: &CalleePattern, intent: &CalleePattern) -> Option<CalleePattern> {
    let narrower = |a: &Scope, b: &Scope| {
        if a.covers(b) {
            Some(b.clone())
        } else if b.covers(a) {
            Some(a.clone())
        } else {
            None
        }
    };
    let scope = narrower(&pattern.scope, &intent.scope)?;
    let port = if pattern.port.covers(&intent.port) {
        intent.port.clone()
    } else if intent.port.covers(&pattern.port) {
        pattern.port.clone()
    } else {
        return None;
    };
    Some(CalleePattern { scope, port }).filter(|m| m != intent)
}

/// What a caller's intents come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Derivation {
    /// Intents that are wholly covered.
    pub grants: Vec<Grant>,
    /// Intents that are not.
    pub refusals: Vec<Refusal>,
}

impl Derivation {
    /// The keys of the derived labels, each of which has the value [`crate::names::ALLOWED`].
    pub fn label_keys(&self) -> impl Iterator<Item = String> + '_ {
        self.grants.iter().map(|grant| grant.callee.label_key())
    }
}

/// An intent that is wholly covered; it becomes one derived label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The intent.
    pub callee: CalleePattern,
    /// The approvals that cover it, as indices into the approvals given.
    pub approvals: Vec<u32>,
}

/// An intent that is not covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The intent.
    pub callee: CalleePattern,
    /// Why.
    pub reason: Reason,
}

/// Why an intent is refused, with what it takes to change that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No approval covers any of it. Remedy: the callee's owners approve it.
    NotApproved,
    /// Only a part of it is approved. Remedy: declare that part, or have the whole approved.
    TooWide {
        /// What is approved, at most what the intent says.
        approved: Vec<CalleePattern>,
    },
    /// Approvals that covered it have expired. Remedy: the callee's owners renew one.
    Expired {
        /// The expired approvals, as indices into the approvals given.
        approvals: Vec<u32>,
    },
    /// A prohibition overlaps it. Remedy: the platform team's alone.
    Prohibited {
        /// The prohibition, as index into the prohibitions given.
        prohibition: u32,
    },
}

/// Which of a caller's intents hold.
///
/// Grants and refusals are in the order of the intents, each of which is in exactly one of them. Pure: equal arguments
/// give equal results.
pub fn derive<'i>(
    caller: &Caller,
    intents: impl IntoIterator<Item = &'i CalleePattern>,
    statements: &Statements<'_>,
) -> Derivation {
    let mut result = Derivation::default();
    for callee in intents {
        let callee = callee.clone();
        let prohibition = (0..).zip(statements.prohibitions).find(|(_, p)| p.forbids(caller, &callee));
        if let Some((prohibition, _)) = prohibition {
            result.refusals.push(Refusal { callee, reason: Reason::Prohibited { prohibition } });
            continue;
        }
        let (expired, approvals): (Vec<u32>, Vec<u32>) = statements
            .covering(caller, &callee)
            .into_iter()
            .partition(|at| statements.approvals[*at as usize].is_expired(statements.now));
        if !approvals.is_empty() {
            result.grants.push(Grant { callee, approvals });
            continue;
        }
        let narrower = statements.narrower(caller, &callee);
        let reason = match (narrower.is_empty(), expired.is_empty()) {
            (_, false) => Reason::Expired { approvals: expired },
            (false, true) => Reason::TooWide { approved: narrower },
            (true, true) => Reason::NotApproved,
        };
        result.refusals.push(Refusal { callee, reason });
    }
    result
}

/// How strictly a refusal is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strictness {
    /// The callee takes no part: no approval is needed.
    None,
    /// Admitted, with a warning.
    Warn,
    /// Rejected.
    Reject,
}

/// A refusal is as strict as the less strict of its two sides.
pub fn strictness(caller: Mode, callee: Mode) -> Strictness {
    match (caller, callee) {
        (_, Mode::Off) => Strictness::None,
        (Mode::Enforce, Mode::Enforce) => Strictness::Reject,
        _ => Strictness::Warn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Metadata;

    fn pattern(text: &str) -> CalleePattern {
        CalleePattern::parse(text, Some("shop")).unwrap()
    }

    fn approval(callers: &[&str], callees: &[&str], expires_at: Option<&str>) -> Approval {
        Approval {
            metadata: Metadata { namespace: "bank".into(), name: "a".into(), ..Metadata::default() },
            callers: callers.iter().map(|c| CallerPattern::parse(c, Some("bank")).unwrap()).collect(),
            callees: callees.iter().map(|c| pattern(c)).collect(),
            reason: None,
            expires_at: expires_at.map(|t| t.parse().unwrap()),
            from: vec![],
        }
    }

    fn run(intents: &[&str], approvals: &[Approval], prohibitions: &[Prohibition]) -> Derivation {
        let caller = Caller { namespace: "shop".into(), name: "frontend".into() };
        let now = "2027-01-01T00:00:00Z".parse().unwrap();
        let intents: Vec<CalleePattern> = intents.iter().map(|i| pattern(i)).collect();
        derive(&caller, &intents, &Statements::new(approvals, prohibitions, now))
    }

    fn only_reason(derivation: &Derivation) -> &Reason {
        assert_eq!((derivation.grants.len(), derivation.refusals.len()), (0, 1));
        &derivation.refusals[0].reason
    }

    #[test]
    fn one_approval_as_wide_as_the_intent_grants_it() {
        for (intent, callee) in [
            ("bank/ledger:rpc", "bank/ledger:rpc"),
            ("bank/ledger:rpc", "bank/ledger"),
            ("bank/ledger:rpc", "bank/*:rpc"),
            ("bank/ledger", "*/*"),
            ("@backend:rpc", "*/*:rpc"),
            ("*/*:metrics", "*/*"),
        ] {
            for caller in ["shop/frontend", "shop/*", "*/*"] {
                let derivation = run(&[intent], &[approval(&["x/y", caller], &["bank/other", callee], None)], &[]);
                assert_eq!(
                    derivation.grants,
                    [Grant { callee: pattern(intent), approvals: vec![0] }],
                    "{intent} {callee}"
                );
            }
        }
    }

    #[test]
    fn a_union_of_narrower_ones_does_not_and_says_what_to_declare() {
        let both = approval(&["shop/*"], &["bank/ledger:rpc", "bank/ledger:metrics"], None);
        let derivation = run(&["bank/ledger"], &[both], &[]);
        let approved = vec![pattern("bank/ledger:metrics"), pattern("bank/ledger:rpc")];
        assert_eq!(only_reason(&derivation), &Reason::TooWide { approved });
        let wildcard = run(&["bank/*:rpc"], &[approval(&["shop/*"], &["bank/ledger"], None)], &[]);
        assert_eq!(only_reason(&wildcard), &Reason::TooWide { approved: vec![pattern("bank/ledger:rpc")] });
    }

    #[test]
    fn an_approval_of_somebody_else_or_something_else_is_none() {
        for (caller, callee) in [("shop/cart", "bank/ledger"), ("bank/*", "bank/ledger"), ("shop/*", "bank/ledger:rpc")]
        {
            let derivation = run(&["bank/ledger:8443"], &[approval(&[caller], &[callee], None)], &[]);
            assert_eq!(only_reason(&derivation), &Reason::NotApproved, "{caller} {callee}");
        }
    }

    #[test]
    fn expiry_is_at_the_very_moment() {
        let at = |time| run(&["bank/ledger"], &[approval(&["*/*"], &["bank/ledger"], Some(time))], &[]);
        assert_eq!(at("2027-01-01T00:00:01Z").grants.len(), 1);
        assert_eq!(only_reason(&at("2027-01-01T00:00:00Z")), &Reason::Expired { approvals: vec![0] });
    }

    #[test]
    fn a_prohibition_beats_every_approval_it_overlaps() {
        let prohibit = |caller: &str, callee: &str| Prohibition {
            metadata: Metadata::default(),
            callers: vec![CallerPattern::parse(caller, None).unwrap()],
            callees: vec![pattern(callee)],
            reason: None,
        };
        let approvals = [approval(&["*/*"], &["*/*"], None)];
        for (intent, caller, callee, forbidden) in [
            ("bank/ledger", "shop/*", "bank/ledger:rpc", true),
            ("*/*:rpc", "*/*", "bank/ledger:rpc", true),
            ("@backend", "shop/*", "bank/*", true),
            ("@backend", "shop/*", "@frontend", false),
            ("bank/ledger:metrics", "shop/*", "bank/ledger:rpc", false),
            ("bank/ledger", "dev/*", "bank/ledger", false),
        ] {
            let derivation = run(&[intent], &approvals, &[prohibit("other/*", "*/*"), prohibit(caller, callee)]);
            assert_eq!(derivation.grants.is_empty(), forbidden, "{intent} {caller} {callee}");
            if forbidden {
                assert_eq!(only_reason(&derivation), &Reason::Prohibited { prohibition: 1 });
            }
        }
    }

    #[test]
    fn the_less_strict_side_decides() {
        use Mode::{Enforce, Off, Shadow};
        for (caller, callee, expected) in [
            (Enforce, Enforce, Strictness::Reject),
            (Shadow, Enforce, Strictness::Warn),
            (Enforce, Shadow, Strictness::Warn),
            (Off, Enforce, Strictness::Warn),
            (Enforce, Off, Strictness::None),
        ] {
            assert_eq!(strictness(caller, callee), expected);
        }
    }

    #[test]
    fn what_is_narrower_must_hold_and_be_for_this_caller() {
        let narrower = |callers: &[&str], expires: Option<&str>| {
            only_reason(&run(&["bank/*"], &[approval(callers, &["bank/ledger"], expires)], &[])).clone()
        };
        let told = Reason::TooWide { approved: vec![pattern("bank/ledger")] };
        assert_eq!(narrower(&["shop/frontend"], None), told);
        assert_eq!(narrower(&["shop/other"], None), Reason::NotApproved, "another's");
        assert_eq!(narrower(&["shop/frontend"], Some("2026-01-01T00:00:00Z")), Reason::NotApproved, "expired");
    }
}
