//! The first rule: declared and approved gives a label.
//!
//! An intent is granted if and only if one unexpired approval covers all of it, by the text alone, and no prohibition
//! overlaps it. Which Services, ports or pods exist at the moment never matters.

use std::sync::Arc;

use jiff::Timestamp;

use crate::callee::CalleePattern;
use crate::caller::{Caller, CallerPattern};
use crate::mode::Mode;
use crate::statements::Statements;

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
    pub callee: Arc<CalleePattern>,
    /// The approvals that cover it, by their numbers among the statements.
    pub approvals: Vec<u32>,
}

/// An intent that is not covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The intent.
    pub callee: Arc<CalleePattern>,
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
        /// The expired approvals, by their numbers among the statements.
        approvals: Vec<u32>,
    },
    /// A prohibition overlaps it. Remedy: the platform team's alone.
    Prohibited {
        /// The prohibition, by its number among the statements.
        prohibition: u32,
    },
}

/// Which of a caller's intents hold at `now`.
///
/// Grants and refusals are in the order of the intents, each of which is in exactly one of them. Pure: equal arguments
/// give equal results.
pub fn derive<'i>(
    caller: &Caller,
    intents: impl IntoIterator<Item = &'i Arc<CalleePattern>>,
    statements: &Statements<'_>,
    now: Timestamp,
) -> Derivation {
    let mut result = Derivation::default();
    let naming = CallerPattern::naming(caller);
    for callee in intents {
        let callee = Arc::clone(callee);
        if let Some(prohibition) = statements.forbidding(caller, &callee) {
            result.refusals.push(Refusal { callee, reason: Reason::Prohibited { prohibition } });
            continue;
        }
        let is_expired = |at: &u32| statements.approval(*at).is_some_and(|approval| approval.is_expired(now));
        let (expired, approvals): (Vec<u32>, Vec<u32>) =
            statements.covering(&naming, &callee).into_iter().partition(is_expired);
        if !approvals.is_empty() {
            result.grants.push(Grant { callee, approvals });
            continue;
        }
        let narrower = statements.narrower(caller, &callee, now);
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
    use crate::approval::{Approval, Prohibition};
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
        let intents: Vec<Arc<CalleePattern>> = intents.iter().map(|i| Arc::new(pattern(i))).collect();
        derive(&caller, &intents, &Statements::new(approvals, prohibitions), now)
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
                    [Grant { callee: Arc::new(pattern(intent)), approvals: vec![0] }],
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
