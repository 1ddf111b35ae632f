//! What is sent is so large that somebody fails: too many labels, too many intents, too many bytes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use netintent_tests::Installed;
use serde_json::{Value, json};

use super::attempt::pod;
use super::{Attempt, Hostile};
use crate::Result;
use crate::manifests::{create, reserved};

/// A map of so many labels, with one more.
fn labels(count: usize, more: &str) -> Value {
    let mut labels: serde_json::Map<String, Value> =
        (0..count).map(|at| (format!("l{at}"), Value::from("v"))).collect();
    labels.insert(more.to_owned(), "allowed".into());
    labels.into()
}

/// A pod with so much in it: in JSON for the webhook `<` takes six characters.
fn stuffed(hostile: &Hostile<'_>, name: &str, metadata: &Value, filler: &str) -> Value {
    let mut pod = pod(hostile, name, metadata);
    pod["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": filler}]);
    pod
}

#[test]
fn thousands_of_labels_hide_none() -> Result {
    let installed = Installed::shared()?;
    for mode in ["enforce", "shadow", "off"] {
        let hostile = Hostile::new(installed, &format!("many-labels-{mode}"), mode)?;
        let mut attempts = Vec::new();
        // The whole table where nobody derives; the two sides of each limit elsewhere.
        let counts: &[usize] =
            if mode == "off" { &[254, 255, 256, 257, 1_000, 20_000, 90_000] } else { &[255, 256, 20_000] };
        for &count in counts {
            let labels = labels(count, &hostile.wanted());
            let name = format!("create-{count}");
            attempts.push(Attempt::post(&hostile, &name, &pod(&hostile, &name, &json!({"labels": labels}))));
            for (part, way) in [("", "merge"), ("/status", "merge"), ("", "apply")] {
                let name = format!("{way}{}-{count}", part.replace('/', "-"));
                attempts.push(Attempt::patch(&hostile, &name, part, way, &json!({"labels": labels})));
            }
            let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": format!("bind-{count}"),
                "labels": labels}, "target": {"kind": "Node", "name": "nowhere"}});
            let kind = "application/json";
            attempts.push(Attempt::on(
                &hostile,
                &format!("bind-{count}"),
                http::Method::POST,
                "/binding",
                kind,
                &binding,
            ));
        }
        assert_eq!(hostile.attempt(&attempts)?, BTreeSet::new());
        // Many labels are nobody's fault.
        let path = hostile.pods();
        let reply = hostile.user.post(&path, &pod(&hostile, "many", &json!({"labels": labels(1_000, "app")})))?;
        assert!(reply.is_success(), "{mode}: {}", reply.message());
    }
    Ok(())
}

#[test]
fn thousands_of_intents_hide_no_label() -> Result {
    let installed = Installed::shared()?;
    for mode in ["enforce", "shadow"] {
        let hostile = Hostile::new(installed, &format!("many-intents-{mode}"), mode)?;
        let intents = |count: usize, of: &dyn Fn(usize) -> String| (0..count).map(of).collect::<Vec<_>>().join(",");
        let somewhere = |at: usize| format!("ns-{at}/svc:p");
        let here = |at: usize| format!("{}/svc-{at}:p", hostile.bank);
        let wild = |at: usize| format!("@t{at}:p");
        let junk = |at: usize| format!("junk {at} /:");
        let mut long = String::new();
        while long.len() < 250_000 {
            write!(long, "# {}\n\n", long.len())?;
        }
        let mut attempts = Vec::new();
        let kinds: [&dyn Fn(usize) -> String; 4] = [&somewhere, &here, &wild, &junk];
        let mut calls: Vec<String> =
            kinds.iter().flat_map(|kind| [256, 257, 5_000].map(|count| intents(count, *kind))).collect();
        calls.push(long);
        for (at, calls) in calls.iter().enumerate() {
            let metadata = json!({"annotations": {"netintent.dev/calls": calls}, "labels": {"app": "a", hostile.wanted(): "allowed"}});
            let name = format!("create-{at}");
            attempts.push(Attempt::post(&hostile, &name, &pod(&hostile, &name, &metadata)));
            for part in ["", "/status"] {
                let name = format!("merge-{at}{}", part.replace('/', "-"));
                attempts.push(Attempt::patch(&hostile, &name, part, "merge", &metadata));
            }
        }
        assert_eq!(hostile.attempt(&attempts)?, BTreeSet::new());
        hostile.check_approved("web")?;
    }
    Ok(())
}

/// Sizes up to what the API server takes: etcd's limit is 1.5 MiB for what is stored, its own 3 MiB for what is sent. In
/// JSON a `<` takes six bytes.
const SIZES: [(&str, usize); 7] = [
    ("a", 100_000),
    ("a", 1_350_000),
    ("a", 3_200_000),
    ("<", 100_000),
    ("<", 700_000),
    ("<", 1_350_000),
    ("<", 2_900_000),
];

#[test]
fn no_size_of_a_body_hides_a_label() -> Result {
    let installed = Installed::shared()?;
    for mode in ["enforce", "shadow"] {
        let hostile = Hostile::new(installed, &format!("sizes-{mode}"), mode)?;
        let forged = json!({"labels": {"app": "a", hostile.wanted(): "allowed"}});
        for (at, (character, size)) in SIZES.into_iter().enumerate() {
            let filler = character.repeat(size);
            let name = format!("create-{at}-{size}");
            let attempt = Attempt::post(&hostile, &name, &stuffed(&hostile, &name, &forged, &filler));
            assert_eq!(hostile.attempt(&[attempt])?, BTreeSet::new());
            // One that is that large, and is changed; where it is too large to be stored, by as much junk.
            let name = format!("change-{at}-{size}");
            let victim = stuffed(&hostile, &name, &json!({"annotations": {"of": "nobody"}}), &filler);
            let stored = installed.admin().post(&hostile.pods(), &victim)?.is_success();
            assert_eq!(stored, size <= 1_350_000, "{size}");
            let mut changes = vec![forged.clone()];
            if !stored {
                hostile.victim(&name)?;
            }
            let mut junk = forged.clone();
            junk["annotations"]["junk"] = filler.into();
            changes.push(junk);
            for change in &changes {
                for (part, patch) in [("", "merge"), ("/status", "strategic-merge")] {
                    Attempt::patch(&hostile, &name, part, patch, change).make(&hostile.user)?;
                }
            }
            hostile.check_none()?;
            installed.admin().delete(&format!("{}/{name}?gracePeriodSeconds=0", hostile.pods()))?;
        }
        let calls = json!({"annotations": {"netintent.dev/calls": format!("{}/ledger:rpc", hostile.bank)}});
        let large = create(&hostile.user, &stuffed(&hostile, "web", &calls, &"<".repeat(1_350_000)))?;
        assert_eq!(reserved(&large), BTreeSet::from([hostile.approved() + "=allowed"]));
    }
    Ok(())
}
