//! Derived labels fit Kubernetes, and tell callees apart.

use netintent::callee::{CalleePattern, Port, Scope};
use netintent::names::is_reserved;
use proptest::prelude::*;
use proptest::sample::select;

/// Names that are easily mistaken for parts of keys, short ones from few letters, and the longest that there may be.
pub(crate) fn dns_label() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => select(&["to", "type", "all", "dev", "netintent", "allowed"][..]).prop_map(str::to_owned),
        // What YAML reads as something else.
        1 => select(&["off", "y", "null", "true", "123", "1e3", "0x1f"][..]).prop_map(str::to_owned),
        2 => "[a0]([a0-]{0,1}[a0])?",
        2 => "[a-z0-9][a-z0-9-]{61}[a-z0-9]",
    ]
}

fn port() -> impl Strategy<Value = Port> {
    let name = prop_oneof![Just("all".to_owned()), "[a-z0-9]{14}[a-z]", "[a-z](-[0-9]){7}", "[a0]?[a]",];
    let number = prop_oneof![Just(1), Just(u16::MAX), 1..=u16::MAX];
    prop_oneof![Just(Port::All), name.prop_map(Port::Named), number.prop_map(Port::Number)]
}

/// A callee of any form, with names up to the longest permitted.
pub(crate) fn callee() -> impl Strategy<Value = CalleePattern> {
    let scope = prop_oneof![
        3 => (dns_label(), dns_label()).prop_map(|(namespace, name)| Scope::Service { namespace, name }),
        1 => dns_label().prop_map(Scope::Namespace),
        1 => Just(Scope::Cluster),
        1 => dns_label().prop_map(Scope::Type),
    ];
    (scope, port()).prop_map(|(scope, port)| CalleePattern { scope, port })
}

/// The API server's rule for label keys: a DNS subdomain of at most 253 characters, a slash, and a name of at most 63.
fn is_label_key(key: &str) -> bool {
    let Some((prefix, name)) = key.split_once('/') else { return false };
    let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let edges = |text: &str, good: &dyn Fn(char) -> bool| {
        text.chars().next().is_some_and(good) && text.chars().next_back().is_some_and(good)
    };
    let subdomain = prefix.len() <= 253
        && prefix.split('.').all(|label| edges(label, &small) && label.chars().all(|c| small(c) || c == '-'));
    let letter = |c: char| c.is_ascii_alphanumeric();
    let name = name.len() <= 63 && edges(name, &letter) && name.chars().all(|c| letter(c) || "-_.".contains(c));
    subdomain && name
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn every_key_is_one_that_kubernetes_takes_and_that_is_reserved(callee in callee()) {
        let key = callee.label_key();
        prop_assert!(is_label_key(&key), "{}", key);
        prop_assert!(is_reserved(&key), "{}", key);
    }

    #[test]
    fn distinct_callees_have_distinct_keys(callees in proptest::collection::vec(callee(), 2..40)) {
        for (a, b) in callees.iter().flat_map(|a| callees.iter().map(move |b| (a, b))) {
            prop_assert_eq!(a == b, a.label_key() == b.label_key(), "{} and {}", a, b);
        }
    }
}
