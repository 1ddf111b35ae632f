//! Intents: the grammar of the annotation `netintent.dev/calls`.
//!
//! Items are separated by commas and newlines, never by spaces; `#` begins a comment that ends with the line.

use std::ops::Range;
use std::sync::Arc;

use crate::callee::{CalleePattern, Scope};

/// The most intents that one pod may have, its ServiceAccount's included.
pub const MAX_INTENTS: usize = 256;
/// The most bytes of annotation that one pod may have, its ServiceAccount's included.
pub const MAX_BYTES: usize = 16 * 1024;
/// How many errors of one annotation are told: who has corrected these sees the next.
const MAX_ERRORS: usize = 32;

/// What an annotation declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// The intents in the order of the text; the same one twice is there once.
    pub intents: Vec<Intent>,
    /// What could not be read. The other intents hold all the same.
    pub errors: Vec<IntentError>,
    /// The length of the annotation.
    pub bytes: usize,
}

/// A caller's declaration that it calls a callee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// What it calls.
    /// Shared by all that is worked out from it.
    pub callee: Arc<CalleePattern>,
    /// Where in the annotation's value, in bytes.
    pub at: Range<usize>,
}

/// Why a part of the annotation is no intent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct IntentError {
    /// What was read and what was expected.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Where in the annotation's value, in bytes.
    pub at: Range<usize>,
    /// Whether there is too much to read at all.
    pub too_many: bool,
}

/// Reads the value of `netintent.dev/calls` on an object of `namespace`.
///
/// An annotation beyond [`MAX_BYTES`] or [`MAX_INTENTS`] declares nothing and has that one error.
pub fn parse(text: &str, namespace: &str) -> Calls {
    let whole = |message: String| Calls {
        intents: Vec::new(),
        errors: vec![IntentError {
            message,
            help: Some("use wildcards such as `namespace/*:port` or `@type:port`".into()),
            at: 0..text.len(),
            too_many: true,
        }],
        bytes: text.len(),
    };
    if text.len() > MAX_BYTES {
        return whole(format!("{} bytes of intents: at most {MAX_BYTES} are read", text.len()));
    }
    let mut calls = Calls { bytes: text.len(), ..Calls::default() };
    for at in items(text) {
        match item(&text[at.clone()], namespace) {
            Ok(callee) => calls.intents.push(Intent { callee: Arc::new(callee), at }),
            Err((message, help)) if calls.errors.len() < MAX_ERRORS => {
                calls.errors.push(IntentError { message, help, at, too_many: false });
            }
            Err(_) => {}
        }
    }
    let mut seen = rustc_hash::FxHashSet::default();
    let first: Vec<bool> = calls.intents.iter().map(|intent| seen.insert(&intent.callee)).collect();
    let mut first = first.into_iter();
    calls.intents.retain(|_| first.next().unwrap_or_default());
    if calls.intents.len() > MAX_INTENTS {
        return whole(format!("{} intents: a pod can have at most {MAX_INTENTS}", calls.intents.len()));
    }
    calls
}

/// The byte ranges of the items, without comments and surrounding blanks.
fn items(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let offset = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
    text.split('\n').flat_map(move |line| {
        let code = line.split_once('#').map_or(line, |(code, _)| code);
        code.split(',').map(str::trim).filter(|item| !item.is_empty()).map(move |item| {
            let start = offset(item);
            start..start + item.len()
        })
    })
}

fn item(text: &str, namespace: &str) -> Result<CalleePattern, (String, Option<String>)> {
    if let Some((first, _)) = text.split_once(char::is_whitespace) {
        let shown = crate::names::printable(text);
        return Err((
            format!("`{shown}` is read as one intent, and an intent has no spaces"),
            Some(if CalleePattern::parse(first, Some(namespace)).is_ok() {
                "separate intents by commas or newlines (`calls: |` keeps newlines, a folded `>` turns them into spaces)"
                    .into()
            } else {
                "write `namespace/service:port` without spaces".into()
            }),
        ));
    }
    if let Some(own) = text.strip_prefix("./") {
        let (text, own) = (crate::names::printable(text), crate::names::printable(own));
        return Err((
            format!("`{text}`: an intent names its own namespace by no prefix"),
            Some(format!("write `{own}`")),
        ));
    }
    CalleePattern::parse(text, Some(namespace)).map_err(|e| (e.message, e.help))
}

/// Prints intents so that [`parse`] reads the same ones: one a line, the own namespace left out.
pub fn print<'a>(intents: impl IntoIterator<Item = &'a CalleePattern>, namespace: &str) -> String {
    let mut text = String::new();
    for callee in intents {
        let full = callee.to_string();
        let own = matches!(&callee.scope, Scope::Service { namespace: ns, .. } if ns == namespace);
        text.push_str(if own { &full[namespace.len() + 1..] } else { &full });
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(calls: &Calls) -> Vec<String> {
        calls.intents.iter().map(|i| i.callee.to_string()).collect()
    }

    #[test]
    fn commas_newlines_and_comments() {
        let text =
            "ledger  # all ports, and more\nbank/ledger:rpc, bank/*:metrics,\n\n# only a comment\r\n @backend:rpc\n";
        let calls = parse(text, "shop");
        assert_eq!(full(&calls), ["shop/ledger", "bank/ledger:rpc", "bank/*:metrics", "@backend:rpc"]);
        assert!(calls.errors.is_empty());
        assert_eq!(&text[calls.intents[1].at.clone()], "bank/ledger:rpc");
    }

    #[test]
    fn a_folded_scalar_gets_the_hint_and_the_others_hold() {
        let calls = parse("ledger bank/cards:8443\n, orders", "shop");
        assert_eq!(full(&calls), ["shop/orders"]);
        let error = &calls.errors[0];
        assert_eq!(error.message, "`ledger bank/cards:8443` is read as one intent, and an intent has no spaces");
        assert!(error.help.as_ref().unwrap().contains("folded `>`"));
        assert_eq!(error.at, 0..22);
    }

    #[test]
    fn the_same_intent_twice_is_one() {
        assert_eq!(full(&parse("shop/a, a, a:http", "shop")), ["shop/a", "shop/a:http"]);
    }

    #[test]
    fn limits_are_of_the_whole() {
        let many: Vec<String> = (0..=MAX_INTENTS).map(|i| format!("a{i}")).collect();
        let calls = parse(&many.join(","), "shop");
        assert_eq!(
            (calls.intents.len(), calls.errors[0].message.as_str()),
            (0, "257 intents: a pod can have at most 256")
        );
        assert_eq!(parse(&many[1..].join(","), "shop").intents.len(), MAX_INTENTS);
        assert!(parse(&"#".repeat(MAX_BYTES + 1), "shop").errors[0].message.contains("16385 bytes"));
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let calls = parse("ledger, bank/ledger:rpc, */*, @b, shop/*:80", "shop");
        let text = print(calls.intents.iter().map(|i| &*i.callee), "shop");
        assert_eq!(text, "ledger\nbank/ledger:rpc\n*/*\n@b\nshop/*:80\n");
        assert_eq!(full(&parse(&text, "shop")), full(&calls));
    }
}
