//! Intents: the annotation `netintent.dev/calls`, and the patterns of approvals.

use netintent::callee::CalleePattern;
use netintent::caller::CallerPattern;
use netintent::intent::{self, Calls, MAX_BYTES, MAX_INTENTS};
use netintent::manifest::text::{self, locate};
use netintent::names::check_qualified_name;

use crate::is_tame;

const OWN: &str = "shop";

/// What is read prints as what is read again, at a place within the text.
pub fn check(data: &[u8]) {
    let Ok(annotation) = std::str::from_utf8(data) else { return };
    let calls = intent::parse(annotation, OWN);
    places(annotation, &calls);
    for error in &calls.errors {
        is_tame(&error.message);
        error.help.iter().for_each(|help| is_tame(help));
    }
    read_again(&calls);
    calls.intents.iter().for_each(|intent| pattern(&intent.callee));
    if calls.intents.len() <= 16 {
        pairs(&calls);
    }
    located(annotation, &calls);
    annotation.lines().take(32).for_each(patterns);
}

/// Every item stands somewhere, by itself, and after the one before it.
fn places(annotation: &str, calls: &Calls) {
    let too_many = calls.errors.iter().any(|error| error.too_many);
    assert!(!too_many || (calls.intents.is_empty() && calls.errors.len() == 1));
    assert!(calls.intents.len() <= MAX_INTENTS && (too_many || annotation.len() <= MAX_BYTES));
    let mut places: Vec<_> = calls.intents.iter().map(|i| &i.at).chain(calls.errors.iter().map(|e| &e.at)).collect();
    places.sort_by_key(|at| at.start);
    let mut before = 0;
    for at in places {
        assert!(before <= at.start, "{at:?} begins before {before}");
        before = at.end;
        let item = annotation.get(at.clone()).unwrap_or_else(|| unreachable!("{at:?} is no part of the text"));
        assert!(too_many || (!item.is_empty() && item.trim() == item && !item.contains([',', '\n', '#'])), "{item:?}");
    }
}

fn read_again(calls: &Calls) {
    let callees: Vec<&CalleePattern> = calls.intents.iter().map(|intent| &*intent.callee).collect();
    let printed = intent::print(callees.iter().copied(), OWN);
    // Full names may be more than what fits, where the text left the namespace out: but these are not printed.
    let again = intent::parse(&printed, OWN);
    assert_eq!(again.errors, [], "{printed}");
    assert_eq!(again.intents.iter().map(|intent| &*intent.callee).collect::<Vec<_>>(), callees, "{printed}");
}

fn pattern(callee: &CalleePattern) {
    assert_eq!(CalleePattern::parse(&callee.to_string(), None).as_ref(), Ok(callee));
    assert_eq!(check_qualified_name(&callee.label_key()), Ok(()), "{callee}");
    assert!(callee.covers(callee) && callee.overlaps(callee), "{callee}");
}

/// Labels stand for one pattern each, and what covers a pattern overlaps it and has all that it overlaps.
fn pairs(calls: &Calls) {
    let callees = || calls.intents.iter().map(|intent| &intent.callee);
    for a in callees() {
        for b in callees() {
            assert_eq!(a == b, a.label_key() == b.label_key(), "{a} {b}");
            assert_eq!(a.overlaps(b), b.overlaps(a), "{a} {b}");
            assert!(!a.covers(b) || a.overlaps(b), "{a} {b}");
            assert!(!(a.covers(b) && b.covers(a)) || a == b, "{a} {b}");
            assert!(callees().all(|c| !(a.covers(b) && b.covers(c)) || a.covers(c)), "{a} {b}");
        }
    }
}

/// An item in a manifest is found where its first character stands.
fn located(annotation: &str, calls: &Calls) {
    let quoted = serde_json::Value::from(annotation).to_string();
    for file in [format!("{{\"calls\": {quoted}}}"), format!("#\ncalls: {quoted}\n")] {
        let Ok(documents) = text::documents(file.as_bytes()) else { return };
        // Not every character that JSON may have is one of YAML.
        let Some(Ok(Some(node))) = documents.first().map(text::parse) else { return };
        let Some(value) = node.get("calls") else { unreachable!("no `calls` in {file}") };
        // YAML folds lines, and has more ends of them than JSON.
        if file.starts_with('#') && annotation.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
            return;
        }
        assert_eq!(value.as_str(), Some(annotation), "{file}");
        for at in calls.intents.iter().map(|intent| &intent.at) {
            let position = locate(&file, value, at.start);
            let line = file.split('\n').nth(position.line as usize - 1).unwrap_or_default();
            let found = line.chars().nth(position.column as usize - 1);
            assert_eq!(found, annotation[at.start..].chars().next(), "{position:?} of {file}");
        }
    }
}

/// A line as approvals and prohibitions would have it.
fn patterns(text: &str) {
    for namespace in [None, Some(OWN)] {
        match CalleePattern::parse(text, namespace) {
            Ok(callee) => pattern(&callee),
            Err(error) => {
                is_tame(&error.message);
                error.help.iter().for_each(|help| is_tame(help));
            }
        }
        match CallerPattern::parse(text, namespace) {
            Ok(caller) => assert_eq!(CallerPattern::parse(&caller.to_string(), None), Ok(caller)),
            Err(message) => is_tame(&message),
        }
    }
    match CalleePattern::parse_own(text, OWN) {
        Ok(callee) => {
            pattern(&callee);
            assert!(callee.to_string().starts_with("shop/"), "{callee}");
        }
        Err(error) => is_tame(&error.message),
    }
}
