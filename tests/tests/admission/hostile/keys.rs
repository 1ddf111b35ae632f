//! Keys that look like reserved ones, or like none, and values that are not `allowed`.

use std::collections::BTreeSet;

use netintent::names;
use netintent_tests::Installed;
use serde_json::{Value, json};

use super::attempt::pod;
use super::pods::ways;
use super::{Attempt, Hostile};
use crate::Result;

/// Keys of every scope, every spelling and every length: `BANK` is the callee's namespace.
fn keys(bank: &str) -> Vec<String> {
    let long = "a".repeat(63);
    let deep = format!("{}to.netintent.dev", "a.".repeat(118));
    let keys = [
        "ledger.BANK.to.netintent.dev/admin".to_owned(),
        "ledger.BANK.to.netintent.dev/all.ports".to_owned(),
        "ledger.BANK.to.netintent.dev/ADMIN".to_owned(),
        "ledger.BANK.to.netintent.dev/Rpc".to_owned(),
        "ledger.BANK.to.netintent.dev/80".to_owned(),
        format!("ledger.BANK.to.netintent.dev/{long}"),
        "BANK.to.netintent.dev/admin".to_owned(),
        "BANK.to.netintent.dev/all.ports".to_owned(),
        "to.netintent.dev/admin".to_owned(),
        "to.netintent.dev/all.ports".to_owned(),
        "backend.type.netintent.dev/rpc".to_owned(),
        "type.netintent.dev/rpc".to_owned(),
        "a.b.c.d.type.netintent.dev/rpc".to_owned(),
        "x.to.type.netintent.dev/rpc".to_owned(),
        "to.to.netintent.dev/to".to_owned(),
        "0.to.netintent.dev/0".to_owned(),
        "xn--bcher-kva.BANK.to.netintent.dev/rpc".to_owned(),
        format!("{deep}/a"),
        format!("{long}.{long}.{long}.to.netintent.dev/{long}"),
        // No keys by the API server's rules: too long, capitals in front, blanks, other letters, two slashes.
        format!("a.{deep}a.a.to.netintent.dev/a"),
        format!("ledger.BANK.to.netintent.dev/{long}a"),
        "Ledger.BANK.to.netintent.dev/admin".to_owned(),
        "ledger.BANK.TO.netintent.dev/admin".to_owned(),
        "ledger.BANK.to.Netintent.Dev/admin".to_owned(),
        " ledger.BANK.to.netintent.dev/admin".to_owned(),
        "ledger.BANK.to.netintent.dev/admin ".to_owned(),
        "\nledger.BANK.to.netintent.dev/admin".to_owned(),
        "ledger.BANK.to.netintent.dev./admin".to_owned(),
        ".to.netintent.dev/admin".to_owned(),
        "ledger.BANK.to.netintent.dev//admin".to_owned(),
        "x/ledger.BANK.to.netintent.dev/admin".to_owned(),
        "ledger.BANK.to.netintent.dev/admin/rpc".to_owned(),
        "ledger.BANK.to.netintent.dev%2Fadmin".to_owned(),
        "ledger.BANK.to.netintent.dev~1admin".to_owned(),
        "ledger.BANK.to.netintent\u{3002}dev/admin".to_owned(),
        "ledger.BANK.\u{ff54}o.netintent.dev/admin".to_owned(),
        "ledger.BANK.to.netintent.dev/admi\u{0}n".to_owned(),
        String::new(),
    ];
    keys.into_iter().map(|key| key.replace("BANK", bank)).collect()
}

/// Values that a selector might take for `allowed`, and others.
const VALUES: [&str; 6] = ["allowed", "Allowed", "", "true", " allowed", "allowed\u{0}"];

/// Keys that are nobody's in particular.
const FREE: [&str; 5] = [
    "into.netintent.dev/x",
    "xto.netintent.dev/x",
    "to.netintent.dev",
    "to.netintent.dev.example.org/x",
    "prototype.netintent.dev/x",
];

/// One pod for each key and way to send it: what the API server takes as a key we must know as one.
fn attempts(hostile: &Hostile<'_>) -> Vec<Attempt> {
    let mut all = Vec::new();
    for (at, key) in keys(&hostile.bank).into_iter().enumerate() {
        for (and, value) in VALUES.iter().enumerate().take(if at == 0 { VALUES.len() } else { 2 }) {
            let labels = json!({"app": "a", &key: value});
            let name = |way: &str| format!("key-{at}-{and}-{way}");
            all.push(Attempt::post(hostile, &name("post"), &pod(hostile, &name("post"), &json!({"labels": labels}))));
            for (way, part) in [("merge", ""), ("json", ""), ("merge", "/status"), ("apply", "/status")] {
                let name = name(&format!("{way}{}", part.replace('/', "-")));
                all.push(Attempt::patch(hostile, &name, part, way, &json!({"labels": labels})));
            }
        }
    }
    all
}

#[test]
fn no_spelling_of_a_key_gets_in() -> Result {
    let hostile = Hostile::new(Installed::shared()?, "keys-off", "off")?;
    let reserved = keys(&hostile.bank).into_iter().filter(|key| names::check_qualified_name(key).is_ok());
    assert_eq!(reserved.filter(|key| names::is_reserved(key)).count(), 19);
    assert_eq!(hostile.attempt(&attempts(&hostile))?, BTreeSet::new());
    Ok(())
}

/// In a managed namespace, where the approved one is let in and each of the others is taken away.
#[test]
fn no_spelling_of_a_key_gets_in_where_labels_are_derived() -> Result {
    let hostile = Hostile::new(Installed::shared()?, "keys-shadow", "shadow")?;
    assert_eq!(hostile.attempt(&attempts(&hostile))?, BTreeSet::new());
    hostile.check_approved("web")
}

/// An approved label with another value is no approved label; taken together with a forged one, neither helps the other.
#[test]
fn an_approval_of_one_label_is_one_of_no_other() -> Result {
    let hostile = Hostile::new(Installed::shared()?, "keys-both", "shadow")?;
    let calls = format!("{}/ledger:rpc", hostile.bank);
    for (at, attempt) in
        ways(&hostile, &json!({"app": "a", hostile.wanted(): "allowed", hostile.approved(): "x"})).iter().enumerate()
    {
        let name = &attempt.name;
        if attempt.victim {
            let annotations = json!({"annotations": {"netintent.dev/calls": calls}});
            let made = hostile.installed.admin().post(&hostile.pods(), &pod(&hostile, name, &annotations))?;
            assert!(made.is_success(), "{at}: {made:?}");
        }
        attempt.make(&hostile.user)?;
        hostile.check().map_err(|error| format!("{name}: {error}"))?;
    }
    let kept = hostile.labels()?.into_iter().filter(|(_, labels)| !labels.is_empty()).count();
    assert!(kept > 20, "what is approved is kept: {kept}");
    Ok(())
}

/// Keys that only look alike are anybody's.
#[test]
fn labels_that_are_nobodys_are_let_in() -> Result {
    let hostile = Hostile::new(Installed::shared()?, "keys-free", "enforce")?;
    let labels: Value =
        FREE.iter().map(|key| ((*key).to_owned(), Value::from("allowed"))).collect::<serde_json::Map<_, _>>().into();
    for attempt in ways(&hostile, &labels).iter().filter(|attempt| attempt.works && attempt.name != "create-declared") {
        if attempt.victim {
            hostile.victim(&attempt.name)?;
        }
        let reply = attempt.make(&hostile.user)?;
        assert!(reply.is_success(), "{attempt:?}: {reply:?}");
    }
    Ok(())
}
