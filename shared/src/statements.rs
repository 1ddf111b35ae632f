//! All approvals and prohibitions, indexed by what they name: what [`crate::derive::derive`] looks things up in.

use std::borrow::Cow;

use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::approval::{Approval, Prohibition};
use crate::callee::{CalleePattern, Scope};
use crate::caller::{Caller, CallerPattern};

/// How many narrower patterns a refusal tells of: more than anybody reads.
const MAX_NARROWER: usize = 64;
/// Up to how many pairs of a caller and a scope an approval is found by both. One may name a thousand of each, and its owner
/// is not always a friend.
const MAX_PAIRS: usize = 32;

/// Approvals and prohibitions that may come and go. Those of a snapshot are borrowed and known by their index in it; a
/// server owns its own, and takes away what it was given a number for.
#[derive(Debug, Default)]
pub struct Statements<'a> {
    approvals: Vec<Option<Cow<'a, Approval>>>,
    prohibitions: Vec<Option<Cow<'a, Prohibition>>>,
    free: Vec<u32>,
    /// By what they name as callees.
    by_scope: FxHashMap<Scope, OfScope>,
}

/// The approvals that name a scope, each in one place.
#[derive(Debug, Default)]
struct OfScope {
    /// By whom they name as callers, those that name few.
    by_caller: FxHashMap<CallerPattern, Vec<u32>>,
    /// Those that name many.
    long: Vec<u32>,
}

impl OfScope {
    fn is_empty(&self) -> bool {
        self.by_caller.is_empty() && self.long.is_empty()
    }
}

impl<'a> Statements<'a> {
    /// Indexes the approvals and prohibitions of a snapshot, numbered in order.
    pub fn new(approvals: &'a [Approval], prohibitions: &'a [Prohibition]) -> Self {
        let mut all = Self::default();
        for approval in approvals {
            all.add_approval(Cow::Borrowed(approval));
        }
        all.prohibitions.extend(prohibitions.iter().map(|prohibition| Some(Cow::Borrowed(prohibition))));
        all
    }

    /// Adds an approval and tells its number: the lowest that none has.
    pub fn add_approval(&mut self, approval: Cow<'a, Approval>) -> u32 {
        let at = self.free.pop().unwrap_or_else(|| {
            self.approvals.push(None);
            crate::number::number(self.approvals.len() - 1)
        });
        let (scopes, callers) = index(&approval);
        for scope in scopes {
            let of_scope = self.by_scope.entry(scope.clone()).or_default();
            match &callers {
                Some(callers) => callers.iter().for_each(|caller| {
                    of_scope.by_caller.entry((*caller).clone()).or_default().push(at);
                }),
                None => of_scope.long.push(at),
            }
        }
        self.approvals[at as usize] = Some(approval);
        at
    }

    /// Takes away the approval of a number, if there is one; the number may be given again.
    pub fn remove_approval(&mut self, at: u32) {
        let Some(approval) = self.approvals.get_mut(at as usize).and_then(Option::take) else { return };
        let (scopes, callers) = index(&approval);
        for scope in scopes {
            let Some(of_scope) = self.by_scope.get_mut(scope) else { continue };
            match &callers {
                Some(callers) => callers.iter().for_each(|caller| {
                    let Some(list) = of_scope.by_caller.get_mut(*caller) else { return };
                    list.retain(|other| *other != at);
                    if list.is_empty() {
                        of_scope.by_caller.remove(*caller);
                    }
                }),
                None => of_scope.long.retain(|other| *other != at),
            }
            if of_scope.is_empty() {
                self.by_scope.remove(scope);
            }
        }
        self.free.push(at);
    }

    /// Adds a prohibition and tells its number.
    pub fn add_prohibition(&mut self, prohibition: Cow<'a, Prohibition>) -> u32 {
        // There are few: a gap left by one that went is found by looking.
        let at = self.prohibitions.iter().position(Option::is_none).unwrap_or_else(|| {
            self.prohibitions.push(None);
            self.prohibitions.len() - 1
        });
        self.prohibitions[at] = Some(prohibition);
        crate::number::number(at)
    }

    /// Takes away the prohibition of a number, if there is one.
    pub fn remove_prohibition(&mut self, at: u32) {
        if let Some(slot) = self.prohibitions.get_mut(at as usize) {
            *slot = None;
        }
    }

    /// The approval of a number.
    pub fn approval(&self, at: u32) -> Option<&Approval> {
        self.approvals.get(at as usize)?.as_deref()
    }

    /// The prohibition of a number.
    pub fn prohibition(&self, at: u32) -> Option<&Prohibition> {
        self.prohibitions.get(at as usize)?.as_deref()
    }

    /// Every approval with its number.
    pub fn approvals(&self) -> impl Iterator<Item = (u32, &Approval)> {
        (0..).zip(&self.approvals).filter_map(|(at, approval)| Some((at, approval.as_deref()?)))
    }

    /// Every prohibition.
    pub fn prohibitions(&self) -> impl Iterator<Item = &Prohibition> {
        self.prohibitions.iter().filter_map(Option::as_deref)
    }

    /// The first prohibition that beats an intent.
    pub(crate) fn forbidding(&self, caller: &Caller, callee: &CalleePattern) -> Option<u32> {
        let numbered = (0..).zip(&self.prohibitions);
        let mut known = numbered.filter_map(|(at, prohibition)| Some((at, prohibition.as_deref()?)));
        known.find(|(_, prohibition)| prohibition.forbids(caller, callee)).map(|(at, _)| at)
    }

    /// The approvals that cover an intent of the caller that these patterns name, expired ones too, in the order of their
    /// numbers.
    pub(crate) fn covering(&self, naming: &[CallerPattern], callee: &CalleePattern) -> Vec<u32> {
        let mut found = Vec::new();
        self.about(naming, &callee.scope, |at, approval| {
            if approval.callees.iter().any(|pattern| pattern.covers(callee)) {
                found.push(at);
            }
        });
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The approvals that cover an intent and hold at `now`, whatever is prohibited.
    pub fn granting(&self, caller: &Caller, callee: &CalleePattern, now: Timestamp) -> Vec<u32> {
        let mut found = self.covering(&CallerPattern::naming(caller), callee);
        found.retain(|at| self.approval(*at).is_some_and(|approval| !approval.is_expired(now)));
        found
    }

    /// Gives each approval that has one of these patterns, and this scope or one that covers it, by the text alone.
    fn about(&self, naming: &[CallerPattern], scope: &Scope, mut give: impl FnMut(u32, &Approval)) {
        let wider = match scope {
            Scope::Service { namespace, .. } => Some(Scope::Namespace(namespace.clone())),
            _ => None,
        };
        let scopes = [Some(scope), wider.as_ref(), (*scope != Scope::Cluster).then_some(&Scope::Cluster)];
        for of_scope in scopes.into_iter().flatten().filter_map(|scope| self.by_scope.get(scope)) {
            let listed = naming.iter().filter_map(|caller| of_scope.by_caller.get(caller)).flatten();
            let listed = listed.filter_map(|at| Some((*at, self.approval(*at)?)));
            let long = of_scope.long.iter().filter_map(|at| Some((*at, self.approval(*at)?)));
            let long = long.filter(|(_, approval)| approval.callers.iter().any(|callers| naming.contains(callers)));
            listed.chain(long).for_each(|(at, approval)| give(at, approval));
        }
    }

    /// What of a refused intent is approved all the same, so that it can be declared in its place; of very much, some.
    pub(crate) fn narrower(&self, caller: &Caller, callee: &CalleePattern, now: Timestamp) -> Vec<CalleePattern> {
        let mut found = Vec::new();
        let mut meets = |approval: &Approval| {
            let room = MAX_NARROWER.saturating_sub(found.len());
            if room > 0 && !approval.is_expired(now) && approval.callers.iter().any(|c| c.matches(caller)) {
                found.extend(approval.callees.iter().filter_map(|pattern| meet(pattern, callee)).take(room));
            }
        };
        if let Scope::Service { .. } = callee.scope {
            self.about(&CallerPattern::naming(caller), &callee.scope, |_, approval| meets(approval));
        } else {
            // A wildcard can be met by narrower scopes too, wherever they are.
            self.approvals().for_each(|(_, approval)| meets(approval));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// What an approval is found by: the scopes that it names, each once, and where those are few pairs the callers too.
fn index(approval: &Approval) -> (FxHashSet<&Scope>, Option<FxHashSet<&CallerPattern>>) {
    let scopes: FxHashSet<&Scope> = approval.callees.iter().map(|callee| &callee.scope).collect();
    let few = approval.callers.len().saturating_mul(scopes.len()) <= MAX_PAIRS;
    (scopes, few.then(|| approval.callers.iter().collect()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::derive;
    use crate::testing::objects;

    fn approval(callers: &str, callee: &str) -> Approval {
        objects(&crate::testing::approval("bank", callers, callee)).approvals.remove(0)
    }

    /// Whether shop/web may call the ledger, and by the approvals of which numbers.
    fn granted(statements: &Statements<'_>) -> Vec<u32> {
        let caller = Caller { namespace: "shop".into(), name: "web".into() };
        let intent = std::sync::Arc::new(CalleePattern::parse("bank/ledger:rpc", None).unwrap());
        let derivation = derive(&caller, [&intent], statements, crate::testing::NOW.parse().unwrap());
        derivation.grants.into_iter().flat_map(|grant| grant.approvals).collect()
    }

    #[test]
    fn what_comes_counts_and_what_goes_does_not() {
        let mut all = Statements::default();
        let one = all.add_approval(Cow::Owned(approval("shop/web", "ledger:rpc")));
        let two = all.add_approval(Cow::Owned(approval("shop/*", "*")));
        assert_eq!(granted(&all), [one, two]);
        all.remove_approval(one);
        all.remove_approval(one);
        assert_eq!(granted(&all), [two]);
        assert_eq!(all.add_approval(Cow::Owned(approval("*/*", "other"))), one, "the number is given again, once");
        assert_eq!(granted(&all), [two]);
        all.remove_approval(two);
        assert_eq!((granted(&all), all.approvals().count()), (vec![], 1));
    }

    /// A thousand callers and a thousand ports are a thousand entries at most, and as quickly gone as they came.
    #[test]
    fn a_large_approval_costs_what_it_is_long() {
        let mut all = Statements::default();
        let mut large = approval("shop/web", "ledger:rpc");
        large.callers = (0..1024).map(|at| CallerPattern::parse(&format!("shop/w{at}"), None).unwrap()).collect();
        large.callees = (0..1024).map(|at| CalleePattern::parse(&format!("bank/s{at}"), None).unwrap()).collect();
        let numbers: Vec<u32> = (0..50).map(|_| all.add_approval(Cow::Owned(large.clone()))).collect();
        assert_eq!(all.by_scope.values().map(|of_scope| of_scope.long.len()).sum::<usize>(), 50 * 1024);
        numbers.into_iter().for_each(|at| all.remove_approval(at));
        assert!(all.by_scope.is_empty());
    }

    /// Whether an approval is long is no matter of what it grants.
    #[test]
    fn few_callers_and_many_are_found_alike() {
        for others in [0, MAX_PAIRS - 1, MAX_PAIRS, 5 * MAX_PAIRS] {
            for named in ["shop/web", "shop/*", "*/*"] {
                let mut all = Statements::default();
                let mut one = approval(named, "ledger:rpc");
                let other = |at| CallerPattern::parse(&format!("shop/other{at}"), None).unwrap();
                // Twice the same pattern is one.
                one.callers.extend([one.callers[0].clone()].into_iter().chain((1..others).map(other)));
                let number = all.add_approval(Cow::Owned(one));
                assert_eq!(granted(&all), [number], "{named} and {others}");
                all.remove_approval(number);
                assert!(all.by_scope.is_empty(), "{named} and {others}");
            }
        }
    }

    #[test]
    fn a_prohibition_ends_with_its_removal() {
        let text = "apiVersion: netintent.dev/v1alpha1\nkind: ClusterProhibition\nmetadata: {name: p}\nspec: {callers: [shop/*], callees: [bank/*]}\n";
        let mut all = Statements::default();
        all.add_approval(Cow::Owned(approval("shop/web", "ledger:rpc")));
        let prohibition = objects(text).prohibitions.remove(0);
        let at = all.add_prohibition(Cow::Owned(prohibition.clone()));
        assert!(granted(&all).is_empty());
        all.remove_prohibition(at);
        assert_eq!(granted(&all), [0]);
        assert_eq!(all.add_prohibition(Cow::Owned(prohibition)), at);
    }
}
