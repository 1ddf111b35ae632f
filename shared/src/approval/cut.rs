//! What has to go from an approval so that it no longer names a caller for a callee.

use super::{Approval, Draft};
use crate::callee::CalleePattern;
use crate::caller::CallerPattern;

/// A part of an approval that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The whole object.
    Whole,
    /// All of `callers`: those under `from` stay.
    Callers,
    /// One of the callers, by index.
    Caller(usize),
    /// One of the callees, by index.
    Callee(usize),
}

/// What goes, and what is to be written in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutOut {
    /// What goes.
    pub cut: Cut,
    /// The caller's approval for the other callees, where it goes though it may still call those.
    pub rest: Option<Draft>,
}

impl Approval {
    /// What has to go so that just this caller is no longer approved for just this callee; `None` where it is not named.
    pub fn without(&self, caller: &CallerPattern, callee: &CalleePattern) -> Option<CutOut> {
        let at = self.callers.iter().position(|c| c == caller)?;
        let callee_at = self.callees.iter().position(|c| c == callee)?;
        let alone = self.callers.iter().all(|c| c == caller);
        let others: Vec<CalleePattern> = self.callees.iter().filter(|c| *c != callee).cloned().collect();
        // What is under `from` may call every one of the callees: none of them may go.
        if alone && self.from.is_empty() {
            let cut = if others.is_empty() { Cut::Whole } else { Cut::Callee(callee_at) };
            return Some(CutOut { cut, rest: None });
        }
        // One of several that are the same goes alone: the others are the next to go, and the last takes what remains along.
        let again = self.callers[at + 1..].contains(caller);
        let rest = if again && !alone { None } else { Draft::part(self, caller.clone(), others) };
        Some(CutOut { cut: if alone { Cut::Callers } else { Cut::Caller(at) }, rest })
    }
}

impl Cut {
    /// Takes the part out of the approval that it was found in; the whole object goes otherwise.
    pub fn take(self, approval: &mut Approval) {
        match self {
            Self::Whole => {}
            Self::Callers => approval.callers.clear(),
            Self::Caller(at) => drop(approval.callers.remove(at)),
            Self::Callee(at) => drop(approval.callees.remove(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Object;
    use crate::manifest::text::{documents, parse};

    fn cut(spec: &str) -> Option<(Cut, Option<String>)> {
        let text = format!(
            "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {{namespace: bank, name: a}}\nspec: {spec}\n"
        );
        let node = parse(&documents(text.as_bytes()).unwrap()[0]).unwrap().unwrap();
        let objects = crate::manifest::decode(&node, 0, "bank").unwrap().objects;
        let [Object::Approval(approval)] = &objects[..] else { panic!("{objects:?}") };
        let caller = CallerPattern::parse("shop/web", None).unwrap();
        let callee = CalleePattern::parse("bank/ledger:rpc", None).unwrap();
        let found = approval.without(&caller, &callee)?;
        Some((found.cut, found.rest.map(|rest| rest.manifest())))
    }

    #[test]
    fn as_little_as_there_is() {
        let some = |cut| Some((cut, None));
        assert_eq!(cut("{callers: [shop/web], callees: ['ledger:rpc']}"), some(Cut::Whole));
        assert_eq!(cut("{callers: [shop/web], callees: [cards, 'ledger:rpc']}"), some(Cut::Callee(1)));
        assert_eq!(cut("{callers: [shop/cart, shop/web], callees: ['ledger:rpc']}"), some(Cut::Caller(1)));
        assert_eq!(
            cut("{callers: [shop/web], callees: ['ledger:rpc'], from: [{podSelector: {}}]}"),
            some(Cut::Callers)
        );
        assert_eq!(cut("{callers: [shop/*], callees: ['ledger:rpc']}"), None);
        assert_eq!(cut("{callers: [shop/web], callees: [ledger]}"), None);
    }

    #[test]
    fn what_stands_twice_goes_twice() {
        assert_eq!(cut("{callers: [shop/web, shop/web], callees: ['ledger:rpc']}"), Some((Cut::Whole, None)));
        let twice = cut("{callers: [shop/web, shop/cart, shop/web], callees: ['ledger:rpc', cards]}");
        assert_eq!(twice, Some((Cut::Caller(0), None)));
    }

    #[test]
    fn a_caller_keeps_its_other_callees() {
        let (found, rest) = cut(
            "{callers: [shop/web, shop/cart], callees: [cards, 'ledger:rpc', '*:metrics'], reason: refunds, expiresAt: 2027-06-30T00:00:00Z}",
        )
        .unwrap();
        assert_eq!(found, Cut::Caller(0));
        assert_eq!(
            rest.unwrap(),
            "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: bank, name: shop.web.calls.cards}\nspec:\n  callers: [shop/web]\n  callees: [\"cards\", \"*:metrics\"]\n  reason: refunds\n  expiresAt: 2027-06-30T00:00:00Z\n"
        );
    }
}
