//! One pod: who it is as caller, what it declares, and which labels that comes to. Admission asks for each pod by itself,
//! a snapshot for all at once.

mod difference;

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use crate::callee::CalleePattern;
use crate::caller::{self, Caller, Controller};
use crate::derive::{Derivation, derive};
use crate::intent::{Calls, MAX_BYTES, MAX_INTENTS};
use crate::names;
use crate::selector::Labels;
use crate::statements::Statements;
pub use difference::Difference;

/// What decides about one pod.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its outermost controller, or itself.
    pub controller: &'a Controller,
    /// `netintent.dev/caller`.
    pub caller: Option<&'a str>,
    /// `netintent.dev/calls`, read.
    pub own: Option<&'a Calls>,
    /// The same of its ServiceAccount, with the number that the ServiceAccount has.
    pub account: Option<(usize, &'a Calls)>,
    /// Whether a kubelet runs it from a file: such a pod gets no grants, since a node can create it anywhere.
    pub mirror: bool,
}

/// An intent, and where it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// What is called.
    pub callee: Arc<CalleePattern>,
    /// The ServiceAccount that declares it, by number; `None`: the pod itself.
    pub service_account: Option<usize>,
    /// Where in the annotation's value.
    pub at: Range<usize>,
}

/// What a pod comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// Who it is.
    pub caller: Caller,
    /// What it declares, its ServiceAccount's intents included; nothing where that is too much.
    pub intents: Vec<Declared>,
    /// Which of the intents hold.
    pub derivation: Derivation,
    /// What was read with reservations.
    pub errors: Vec<PodError>,
}

/// What of a pod is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PodError {
    /// `netintent.dev/caller` names no caller: the controller's name holds.
    #[error("{0}")]
    Caller(String),
    /// Its intents and its ServiceAccount's together are more than may be.
    #[error("{0} intents, the ServiceAccount's included: at most {MAX_INTENTS} are read, so none is")]
    TooMany(usize),
    /// The same, in bytes.
    #[error("{0} bytes of intents, the ServiceAccount's included: at most {MAX_BYTES} are read, so none is")]
    TooLong(usize),
}

/// Who a pod is, what it declares and what that comes to at `now`.
pub fn derived(subject: &Subject<'_>, statements: &Statements<'_>, now: Timestamp) -> Derived {
    let mut errors = Vec::new();
    let caller = caller(subject, &mut errors);
    let intents = intents(subject, &mut errors);
    let derivation = if intents.is_empty() || subject.mirror {
        Derivation::default()
    } else {
        derive(&caller, intents.iter().map(|declared| &declared.callee), statements, now)
    };
    Derived { caller, intents, derivation, errors }
}

fn caller(subject: &Subject<'_>, errors: &mut Vec<PodError>) -> Caller {
    let overriding = subject.caller.filter(|name| match caller::check_override(name) {
        Ok(()) => true,
        Err(message) => {
            errors.push(PodError::Caller(message));
            false
        }
    });
    let name = overriding.unwrap_or(&subject.controller.name).to_owned();
    Caller { namespace: subject.namespace.to_owned(), name }
}

/// The union of the pod's intents and its ServiceAccount's; none where that is too much.
fn intents(subject: &Subject<'_>, errors: &mut Vec<PodError>) -> Vec<Declared> {
    let mut all = Vec::new();
    let bytes = |calls: Option<&Calls>| calls.map_or(0, |calls| calls.bytes);
    let (own, account) = (bytes(subject.own), bytes(subject.account.map(|(_, calls)| calls)));
    // Either alone is refused where it is read.
    if own <= MAX_BYTES && account <= MAX_BYTES && own + account > MAX_BYTES {
        errors.push(PodError::TooLong(own + account));
        return all;
    }
    for intent in subject.own.iter().flat_map(|calls| &calls.intents) {
        all.push(Declared { callee: Arc::clone(&intent.callee), service_account: None, at: intent.at.clone() });
    }
    if let Some((number, calls)) = subject.account {
        let own = subject.own.map_or(&[][..], |calls| &calls.intents);
        for intent in calls.intents.iter().filter(|i| !own.iter().any(|o| o.callee == i.callee)) {
            all.push(Declared {
                callee: Arc::clone(&intent.callee),
                service_account: Some(number),
                at: intent.at.clone(),
            });
        }
    }
    if all.len() > MAX_INTENTS {
        errors.push(PodError::TooMany(all.len()));
        all.clear();
    }
    all
}

/// The labels a pod carries: those written but for reserved ones, and in a managed namespace those derived.
pub fn labels(written: &Labels, derivation: &Derivation, managed: bool) -> Labels {
    let mut labels = written.clone();
    labels.retain(|key| !names::is_reserved(key));
    if managed {
        for key in derivation.label_keys() {
            labels.insert(&key, names::ALLOWED);
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intent::parse;

    fn run(own: &str, account: Option<&str>, caller: Option<&str>) -> Derived {
        let controller = Controller { kind: "Deployment".into(), name: "web".into() };
        let (own, account) = (parse(own, "shop"), account.map(|text| parse(text, "shop")));
        let subject = Subject {
            namespace: "shop",
            controller: &controller,
            caller,
            own: Some(&own),
            account: account.as_ref().map(|calls| (7, calls)),
            mirror: false,
        };
        derived(&subject, &Statements::default(), crate::testing::NOW.parse().unwrap())
    }

    #[test]
    fn intents_are_a_union_in_which_the_pod_comes_first() {
        let pod = run("a, b", Some("b, c"), None);
        let all: Vec<_> = pod.intents.iter().map(|d| (d.callee.to_string(), d.service_account)).collect();
        assert_eq!(all, [("shop/a".into(), None), ("shop/b".into(), None), ("shop/c".into(), Some(7))]);
        assert_eq!(pod.derivation.refusals.len(), 3);
    }

    #[test]
    fn limits_are_of_both_together() {
        let (half, more) = ("#".repeat(MAX_BYTES / 2), "#".repeat(MAX_BYTES / 2 + 1));
        assert!(run(&half, Some(&half), None).errors.is_empty());
        assert_eq!(run(&half, Some(&more), None).errors, [PodError::TooLong(MAX_BYTES + 1)]);
        let names = |from: usize| (from..from + 200).map(|i| format!("a{i}")).collect::<Vec<_>>().join(",");
        assert_eq!(run(&names(0), Some(&names(56)), None).intents.len(), MAX_INTENTS);
        let pod = run(&names(0), Some(&names(57)), None);
        assert_eq!((pod.intents.len(), &pod.errors[..]), (0, &[PodError::TooMany(257)][..]));
    }

    #[test]
    fn a_caller_that_is_none_leaves_the_controllers_name() {
        assert_eq!(run("a", None, Some("other")).caller.to_string(), "shop/other");
        let pod = run("a", None, Some("bank/other"));
        assert_eq!((pod.caller.to_string().as_str(), pod.errors.len()), ("shop/web", 1));
    }
}
