//! `mode` of manifests: what it shows, and its exit status.

use crate::run::{Said, run, run_on};

const BANK: &str = "apiVersion: v1
kind: Namespace
metadata: {name: bank, labels: {netintent.dev/mode: shadow}}
---
apiVersion: v1
kind: Service
metadata: {namespace: bank, name: ledger}
spec: {type: LoadBalancer, selector: {app: ledger}, ports: [{name: rpc, port: 80}, {name: admin, port: 81}]}
---
apiVersion: v1
kind: Pod
metadata: {namespace: bank, name: ledger, labels: {app: ledger}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: netintent.dev/v1alpha1
kind: Approval
metadata: {namespace: bank, name: admins}
spec: {callees: ['ledger:admin'], from: [{ipBlock: {cidr: 192.0.2.0/24}}]}
";

#[test]
fn what_stops_it_is_said_and_what_it_takes_is_printed() {
    let said = run_on(BANK, &["mode", "bank", "enforce"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stdout.contains("What stops it:\n- Service bank/ledger is a LoadBalancer in enforce"), "{said:?}");
    assert!(said.stderr.contains("error: Namespace bank stays as it is: one thing stands against it"), "{said:?}");
    // Only the port that is closed to them.
    let (_, paste) = said.stdout.split_once("\n---\n").unwrap();
    assert!(
        paste.contains("callees: [\"ledger:rpc\"]") && paste.contains("cidr: <address that calls it>/32"),
        "{paste}"
    );
    // As it is, it lets in nobody.
    assert_eq!(run_on(&format!("{BANK}---\n{paste}"), &["mode", "bank", "enforce"]).status, 2);
    let complete = format!("{BANK}---\n{}", paste.replace("<address that calls it>", "192.0.2.1"));
    let said = run_on(&complete, &["mode", "bank", "enforce"]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(!said.stdout.contains("stops"), "{said:?}");
    assert_eq!(run_on(&complete, &["mode", "bank", "enforce", "--declared"]).status, 0);
}

#[test]
fn every_format_says_the_same() {
    let json = |said: &Said| serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap();
    let change = run_on(BANK, &["mode", "bank", "enforce", "-o", "json"]);
    let value = json(&change);
    assert_eq!((&value["kind"], &value["target"]), (&"ModeChange".into(), &"enforce".into()));
    assert_eq!(value["stops"][0]["reason"], "without-from");
    assert_eq!(value["cut"], value["items"].as_array().unwrap().len());
    let list = run_on(BANK, &["mode", "bank/ledger", "-o", "json"]);
    let value = json(&list);
    assert_eq!((list.status, &value["origin"], &value["service"]), (0, &"namespace".into(), &"ledger".into()));
    let names = run(&["mode", "platform", "enforce", "--declared", "-o", "name", "-f", "manifests/demo"]);
    assert_eq!(
        (names.status, names.stdout.as_str()),
        (1, "- platform/deployment/dashboard -> platform/deployment/prometheus\n")
    );
    let markdown = run_on(BANK, &["mode", "bank", "enforce", "-o", "markdown"]);
    assert!(markdown.stdout.starts_with("| CHANGE | ") && markdown.stdout.contains("```\napiVersion"), "{markdown:?}");
}

#[test]
fn a_mode_from_elsewhere_and_none_at_all() {
    let bare = BANK.replace(", labels: {netintent.dev/mode: shadow}", "");
    let said = run_on(&bare, &["mode", "bank"]);
    assert!(said.stdout.starts_with("Namespace bank is in off: it has no label netintent.dev/mode.\n"), "{said:?}");
    let said = run_on(&bare, &["mode", "bank", "--mode", "bank=enforce"]);
    assert!(said.stdout.starts_with("Namespace bank is in enforce: the command line says so.\n"), "{said:?}");
    let odd = BANK.replace("mode: shadow", "mode: \"enforced\\e[31m\"");
    let said = run_on(&odd, &["mode", "bank"]);
    assert!(!said.stdout.contains('\u{1b}') && !said.stderr.contains('\u{1b}'), "{said:?}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (args, message) in [
        (&["mode", "bank", "enforce", "--yes", "-f", "manifests/demo"][..], "cannot be used with"),
        (&["mode", "bank", "enforce", "--dry-run", "-f", "manifests/demo"], "cannot be used with"),
        (&["mode", "bank", "--yes"], "MODE"),
        (&["mode", "Bank", "-f", "manifests/demo"], "NAMESPACE or NAMESPACE/SERVICE was expected"),
        (&["mode", "bank/cards:8443", "-f", "manifests/demo"], "NAMESPACE or NAMESPACE/SERVICE was expected"),
        (&["mode", "bank", "Enforce", "-f", "manifests/demo"], "enforce, shadow or off was expected"),
        (&["mode", "bnk", "-f", "manifests/demo"], "did you mean `bank`?"),
        (&["mode", "bank", "-f", "manifests/demo", "--with-cluster"], "leave out --with-cluster"),
    ] {
        let said = run(args);
        assert!(said.status == 2 && said.stdout.is_empty() && said.stderr.contains(message), "{args:?}: {said:?}");
    }
}
