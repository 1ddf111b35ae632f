//! What of a cluster could not be read: commands that approve say so, and take no guess for a fact.

use std::fs;

use crate::run::{Said, run, run_in};

/// A cluster of whose namespaces only bank could be read, and of which nothing else is known.
const BANK: &str = "\
apiVersion: netintent.dev/v1alpha1
kind: Snapshot
taken: 2027-01-01T00:00:00Z
unread:
- {kind: Namespace, allBut: [bank], why: forbidden}
- {kind: Pod, allBut: [bank], why: forbidden}
- {group: apps, kind: Deployment, allBut: [bank], why: forbidden}
- {kind: Service, allBut: [bank], why: forbidden}
- {group: netintent.dev, kind: Approval, allBut: [bank], why: forbidden}
- {group: netintent.dev, kind: ClusterApproval, allBut: [], why: forbidden}
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: bank, labels: {netintent.dev/mode: enforce}}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {namespace: bank, name: cards}
  spec:
    selector: {matchLabels: {app: cards}}
    template:
      metadata: {labels: {app: cards}}
      spec: {containers: [{name: main, image: x}]}
- apiVersion: v1
  kind: Service
  metadata: {namespace: bank, name: cards}
  spec: {selector: {app: cards}, ports: [{port: 8443}]}
";

/// Runs a command on that cluster and a file of approvals.
fn on_bank(approvals: &str, args: &[&str]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bank.yaml"), BANK).unwrap();
    fs::write(folder.path().join("approvals.yaml"), approvals).unwrap();
    run_in(folder.path(), &[args, &["-f", "."]].concat())
}

#[test]
fn whom_an_approver_cannot_see_can_be_approved() {
    for (caller, doubt) in [
        ("shop/frontend", "warning: cannot tell whether shop/frontend exists\n"),
        ("shop/*", "warning: cannot tell whether there is a namespace shop\n"),
    ] {
        let said = on_bank("", &["approve", caller, "--to", "bank/cards:8443"]);
        assert_eq!(said.status, 0, "{}", said.stderr);
        assert!(said.stdout.contains("namespace: bank") && said.stdout.contains(caller), "{}", said.stdout);
        assert!(said.stderr.contains(doubt), "{}", said.stderr);
        let unclear = "warning: cannot tell what opens: Pods outside of bank could not be read\n";
        assert!(said.stderr.contains(unclear) && !said.stderr.contains("opens nothing"), "{}", said.stderr);
    }
    // What could be read is known: a slip of the keyboard is one still.
    let said = on_bank("", &["approve", "shop/frontend", "--to", "bank/crads"]);
    assert_eq!((said.status, said.stdout.as_str()), (2, ""));
    assert!(said.stderr.contains("no Service or workload `crads` in namespace bank\nhelp: did you mean `cards`?"));
}

#[test]
fn who_cannot_see_the_callee_is_told_nothing_of_it() {
    let said = on_bank("", &["revoke", "bank/cards", "--to", "shop/cart:http"]);
    assert_eq!((said.status, said.stdout.as_str()), (2, ""));
    let expected = "error: cannot tell whether anything approves bank/cards → shop/cart:http: \
        Approvals outside of bank, ClusterApprovals could not be read\n";
    assert!(said.stderr.contains(expected), "{}", said.stderr);
    let said = on_bank("", &["approve", "bank/cards", "--to", "shop/cart:80"]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert!(said.stderr.contains("cannot tell whether Service shop/cart exists"), "{}", said.stderr);
    assert!(said.stderr.contains("cannot tell whether port 80 of shop/cart has a name"), "{}", said.stderr);
}

#[test]
fn what_a_revocation_cuts_of_what_cannot_be_seen_is_not_said_to_be_nothing() {
    let approval = "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: bank, name: a}\n\
                    spec: {callers: [shop/frontend], callees: [cards]}\n";
    let said = on_bank(approval, &["revoke", "shop/frontend", "--to", "bank/cards", "--dry-run"]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert!(said.stderr.contains("warning: cannot tell what closes: Pods outside of bank"), "{}", said.stderr);
    assert!(said.stderr.contains("cannot tell whether a wider approval lets it through still: ClusterApprovals"));
    assert!(!said.stderr.contains("closes nothing"), "{}", said.stderr);
}

#[test]
fn a_file_and_the_cluster_are_not_written_to_at_once() {
    let ends = ["approve", "shop/frontend", "--to", "bank/cards", "--apply", "--write", "a.yaml", "--dry-run"];
    let said = run(&ends);
    assert_eq!(said.status, 2);
    assert!(said.stderr.contains("cannot be used with"), "{}", said.stderr);
}

#[test]
fn a_colon_without_a_port_is_named() {
    for args in [
        ["explain", "shop/frontend", "bank/cards:", "-f", "manifests/demo"].as_slice(),
        &["explain", "shop/frontend", "203.0.113.7:", "-f", "manifests/demo"],
        &["approve", "shop/frontend", "--to", "bank/cards:", "-f", "manifests/demo"],
        &["approve", "shop/frontend", "--to", "bank/*:", "-f", "manifests/demo"],
    ] {
        let said = run(args);
        assert_eq!(said.status, 2, "{args:?}");
        assert!(said.stderr.starts_with("error: no port stands after the colon\n"), "{args:?}: {}", said.stderr);
    }
}
