//! What is printed is read again, and no text whatever makes a reader panic.

use netintent::approval;
use netintent::callee::CalleePattern;
use netintent::caller::{Caller, CallerPattern};
use netintent::intent;
use netintent::manifest::{Object, decode, edit, text};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::names::{callee, dns_label};

/// Text that is nearly an intent, or not at all.
fn scribble() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => select(&["a", "bank", "*", "@", "/", ":", ",", "\n", "#", " ", ".", "./", "http://", "80", "0", "svc"][..])
            .prop_map(str::to_owned),
        1 => "\\PC{0,3}",
        1 => any::<char>().prop_map(String::from),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

const MANIFESTS: [&str; 6] = [
    "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: bank, labels: {app: x}}\nspec:\n  selector: {app: a}\n  ports: [{port: 80, targetPort: http, name: http}]\n",
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata:\n      labels: {app: web}\n      annotations:\n        netintent.dev/calls: |\n          bank/ledger\n    spec:\n      containers:\n      - {name: a, image: a, ports: [{containerPort: 80, name: http}]}\n",
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec:\n  podSelector: {}\n  ingress:\n  - from:\n    - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}\n    ports: [{port: 80, endPort: 90}]\n",
    "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: bank, name: a}\nspec:\n  callers: [shop/web]\n  callees: [\"ledger:rpc\"]\n  expiresAt: 2027-06-30T00:00:00Z\n",
    "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: bank}\n---\n",
    "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"a\"}, \"spec\": {\"containers\": [{\"name\": \"c\", \"image\": \"i\"}]}}",
];

/// A manifest with something cut out of it, and something else put in its place.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let junk = prop_oneof![
        4 => select(&["", "\n", "  ", "- ", ": ", "null", "[]", "{}", "'", "\"", "&a ", "*a", "<<: ", "---\n", "\t", "!!str ", "|", "-1", "1e9", "{"][..])
            .prop_map(|junk| junk.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    let cut = (any::<prop::sample::Index>(), 0..12_usize, junk);
    (vec(select(&MANIFESTS[..]), 1..3), vec(cut, 0..4)).prop_map(|(manifests, cuts)| {
        let mut bytes = manifests.join("---\n").into_bytes();
        for (at, length, junk) in cuts {
            let at = at.index(bytes.len() + 1);
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, junk);
        }
        bytes
    })
}

/// Reads a file as far as it can be read, and says how many objects are in it.
fn read(bytes: &[u8]) -> usize {
    let Ok(documents) = text::documents(bytes) else { return 0 };
    let nodes = documents.iter().filter_map(|document| text::parse(document).ok().flatten());
    nodes.filter_map(|node| decode(&node, 0, "shop").ok()).map(|decoded| decoded.objects.len()).sum()
}

#[test]
fn manifests_that_nobody_damaged_can_be_read() {
    for manifest in MANIFESTS {
        assert_eq!(read(manifest.as_bytes()), 1, "{manifest}");
    }
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn intents_that_are_printed_are_read_again(callees in vec(callee(), 0..20), own in "[a0]{1,2}") {
        let printed = intent::print(&callees, &own);
        let calls = intent::parse(&printed, &own);
        prop_assert_eq!(&calls.errors, &vec![]);
        let mut once: Vec<CalleePattern> = Vec::new();
        for callee in callees {
            if !once.contains(&callee) {
                once.push(callee);
            }
        }
        let again: Vec<CalleePattern> = calls.intents.into_iter().map(|intent| (*intent.callee).clone()).collect();
        prop_assert_eq!(again, once);
    }

    /// What is there to paste is read as what it means.
    #[test]
    fn an_approval_that_is_printed_is_read_again(callee in callee(), namespace in dns_label(), name in dns_label()) {
        let caller = Caller { namespace, name };
        let manifest = approval::manifest(&caller, &callee);
        let documents = text::documents(manifest.as_bytes()).unwrap();
        let node = text::parse(&documents[0]).unwrap().unwrap();
        let read = decode(&node, 0, "default").map(|decoded| decoded.objects);
        let Ok([Object::Approval(approval)]) = read.as_deref() else {
            return Err(TestCaseError::fail(format!("{read:?}\n{manifest}")));
        };
        prop_assert_eq!(&approval.callees, &vec![callee]);
        prop_assert_eq!(&approval.callers, &vec![CallerPattern::One(caller)]);
    }

    #[test]
    fn a_callee_that_is_printed_is_read_again(callee in callee()) {
        prop_assert_eq!(CalleePattern::parse(&callee.to_string(), None).unwrap(), callee);
    }

    #[test]
    fn no_text_makes_the_readers_of_patterns_panic(text in scribble()) {
        let calls = intent::parse(&text, "shop");
        for at in calls.intents.iter().map(|i| &i.at).chain(calls.errors.iter().map(|e| &e.at)) {
            prop_assert!(text.get(at.clone()).is_some(), "{:?} is no part of the text", at);
        }
        for intent in &calls.intents {
            let again = CalleePattern::parse(&intent.callee.to_string(), None);
            prop_assert_eq!(again.as_ref(), Ok(&*intent.callee));
        }
        for namespace in [None, Some("shop")] {
            let _ = CalleePattern::parse(&text, namespace);
            let _ = CallerPattern::parse(&text, namespace);
        }
        let _ = CalleePattern::parse_own(&text, "shop");
    }

    #[test]
    fn no_bytes_make_the_reader_of_manifests_panic(bytes in vec(any::<u8>(), 0..200)) {
        read(&bytes);
    }

    #[test]
    fn no_damage_makes_the_reader_of_manifests_panic(bytes in damaged()) {
        read(&bytes);
    }

    /// And none makes an edit panic, or leave a file that can't be read.
    #[test]
    fn no_damage_makes_an_edit_panic(bytes in damaged()) {
        let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(()) };
        let caller = CallerPattern::parse("shop/web", None).unwrap();
        let callee = CalleePattern::parse("bank/ledger:rpc", None).unwrap();
        let revoked = edit::revoke(text, &caller, &callee, "shop", &|_| false).ok().flatten();
        let appended = edit::append(Some(text), "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n").ok();
        for text in revoked.map(|revoked| revoked.text).into_iter().chain(appended) {
            let documents = text::documents(text.as_bytes()).unwrap();
            prop_assert!(documents.iter().all(|document| text::parse(document).is_ok()), "{:?}", text);
        }
    }
}
