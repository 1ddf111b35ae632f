//! What is added to a file is taken away again byte for byte, and nothing else with it.

use netintent::approval::Draft;
use netintent::callee::CalleePattern;
use netintent::caller::CallerPattern;
use netintent::manifest::edit::{append, revoke};
use netintent::manifest::{Object, decode, text};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::names::callee;

/// Documents of every look, none of which is about the callers of the tests.
const DOCUMENTS: [&str; 8] = [
    "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: bank # the bank\n",
    "# A licence.\n\n# A Service.\napiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: bank}\nspec:\n  ports: [{port: 80}]\n",
    "{apiVersion: v1, kind: Namespace, metadata: {name: flow}}\n",
    "# nothing but a comment\n",
    "\n",
    "",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  text: |+\n    # no comment\n    --- no separator\n\n",
    "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: bank, name: other}\nspec:\n  callers:\n  # who\n  - other/web\n  callees: [ledger]\n# the end\n",
];

/// A file of several documents, as somebody may have written it.
fn file() -> impl Strategy<Value = String> {
    let separator = select(&["---\n", "---\n", "--- # next\n", "---\n---\n", "...\n---\n"][..]);
    let parts = vec((select(&DOCUMENTS[..]), separator), 0..4);
    (parts, any::<bool>(), any::<bool>(), 0..3_usize, any::<bool>()).prop_map(|(parts, leading, crlf, end, mark)| {
        let mut text = if leading { "---\n".to_owned() } else { String::new() };
        for (document, separator) in &parts {
            text.push_str(document);
            text.push_str(separator);
        }
        // A last separator stays, goes, or goes with the end of line before it.
        if let (Some((_, separator)), 1..) = (parts.last(), end) {
            text.truncate(text.len() - separator.len());
            if end == 2 {
                text.truncate(text.trim_end_matches('\n').len());
            }
        }
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        if mark { format!("\u{FEFF}{text}") } else { text }
    })
}

fn reason() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => select(&["a", ": ", "\n", "\r", "\t", " ", "#", " #", "'", "\"", "\\", "---", "- ", "null", "1", "é", "\u{85}", "\u{2028}", "\u{FEFF}", "\u{FFFE}", "\0", "{{ x }}", "&a", "*a", "!!int", "%", "@", "`", "|", ">", "?", "\\/"][..])
            .prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
    ];
    prop_oneof![8 => vec(piece, 0..20).prop_map(|pieces| pieces.concat()), 1 => "[ -~]{1024}"]
}

/// Whether every document of a file can be read.
fn is_readable(text: &str) -> bool {
    text::documents(text.as_bytes()).is_ok_and(|all| all.iter().all(|document| text::parse(document).is_ok()))
}

fn caller(text: &str) -> CallerPattern {
    CallerPattern::parse(text, None).unwrap()
}

proptest! {
    #![proptest_config(crate::config())]

    /// No text makes an approval say anything else.
    #[test]
    fn a_draft_is_read_as_it_was_written(
        callee in callee(),
        who in select(&["shop/web", "shop/*", "*/*"][..]),
        reason in option::of(reason()),
        author in option::of(reason()),
        seconds in option::of(0_i64..253_370_764_800),
    ) {
        let mut draft = Draft::new(caller(who), callee);
        draft.reason.clone_from(&reason);
        draft.annotations = author.iter().map(|author| (netintent::names::AUTHOR, author.clone())).collect();
        draft.expires_at = seconds.map(|seconds| jiff::Timestamp::from_second(seconds).unwrap());
        let manifest = draft.manifest();
        let documents = text::documents(manifest.as_bytes()).unwrap();
        prop_assert_eq!(documents.len(), 1);
        let read = text::parse(&documents[0]).unwrap().and_then(|node| decode(&node, 0, "default").ok());
        let objects = read.map(|decoded| decoded.objects);
        let Some([Object::Approval(approval)]) = objects.as_deref() else {
            return Err(TestCaseError::fail(format!("{objects:?}\n{manifest}")));
        };
        prop_assert_eq!(&approval.metadata.name, &draft.name);
        prop_assert_eq!(&approval.callers, &draft.callers);
        prop_assert_eq!(&approval.callees, &draft.callees);
        prop_assert_eq!(&approval.reason, &reason);
        prop_assert_eq!(approval.expires_at, draft.expires_at);
        let annotation = approval.metadata.annotation(netintent::names::AUTHOR);
        prop_assert_eq!(annotation.map(|text| text.value.clone()), author);
    }

    /// What was only added goes without a trace, from whatever file, several times over.
    #[test]
    fn what_is_approved_and_revoked_leaves_every_byte(
        file in option::of(file()),
        callees in vec(callee(), 1..4),
        reason in option::of(reason()),
    ) {
        let mut drafts: Vec<Draft> = Vec::new();
        for callee in callees {
            let mut draft = Draft::new(caller("shop/web"), callee);
            draft.reason.clone_from(&reason);
            if !drafts.iter().any(|other| other.callees == draft.callees) {
                drafts.push(draft);
            }
        }
        let mut text = file.clone();
        let mut states = vec![file];
        for draft in &drafts {
            // Another file than one that can be read is left as it is.
            let Ok(next) = append(text.as_deref(), &draft.manifest()) else {
                prop_assert!(!is_readable(&text.unwrap_or_default()));
                return Ok(());
            };
            text = Some(next.clone());
            states.push(Some(next));
        }
        for draft in drafts.iter().rev() {
            let now = states.pop().flatten().unwrap();
            let found = revoke(&now, &draft.callers[0], &draft.callees[0], "default", &|_| false).unwrap().unwrap();
            let before = states.last().unwrap();
            prop_assert_eq!(&found.text, before.as_deref().unwrap_or_default(), "{:?}", now);
            prop_assert_eq!(found.is_spent, before.is_none());
        }
    }

    /// One of several callers goes with its own line or comma, and every other byte stays.
    #[test]
    fn one_of_many_callers_goes_alone(
        count in 2..6_usize,
        at in any::<prop::sample::Index>(),
        look in 0..4_usize,
        comments in vec(any::<bool>(), 6),
        crlf in any::<bool>(),
        last in any::<bool>(),
        before in file(),
    ) {
        let at = at.index(count);
        let names: Vec<String> = (0..count).map(|n| format!("shop/w{n}")).collect();
        let list = |skipped: Option<usize>| -> String {
            let kept: Vec<(usize, &String)> = names.iter().enumerate().filter(|(n, _)| Some(*n) != skipped).collect();
            match look {
                0 => format!(" [{}]\n", kept.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(", ")),
                1 => {
                    let lines = kept.iter().map(|(n, name)| format!("    \"{name}\",{}\n", if comments[*n] { " # ]" } else { "" }));
                    format!(" [\n{}  ]\n", lines.collect::<String>())
                }
                _ => {
                    let indent = if look == 2 { "  " } else { "      " };
                    let lines = kept.iter().map(|(n, name)| {
                        let above = if comments[*n] { format!("{indent}# about {name}\n") } else { String::new() };
                        format!("{above}{indent}- {name}{}\n", if comments[(*n + 1) % 6] { "   # it" } else { "" })
                    });
                    format!("\n{}", lines.collect::<String>())
                }
            }
        };
        let whole = |skipped| {
            let head = "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: bank, name: many}\nspec:\n  callees: [ledger]\n  callers:";
            let mut before = before.replace("\r\n", "\n");
            if !before.is_empty() {
                before.push_str(if before.ends_with('\n') { "---\n" } else { "\n---\n" });
            }
            let text = format!("{before}{head}{}", list(skipped));
            let text = if last { text } else { text.trim_end_matches('\n').to_owned() };
            if crlf { text.replace('\n', "\r\n") } else { text }
        };
        let text = whole(None);
        prop_assume!(is_readable(&text));
        let callee = CalleePattern::parse("bank/ledger", None).unwrap();
        let found = revoke(&text, &caller(&names[at]), &callee, "default", &|_| false).unwrap();
        prop_assert_eq!(found.map(|found| found.text), Some(whole(Some(at))), "{:?}", text);
    }
}
