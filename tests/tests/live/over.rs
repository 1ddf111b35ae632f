//! Manifests over a cluster: what a partial repository lacks, and what a prune takes.

use crate::Result;
use crate::plugin::{Said, netintent, shared, until_said, workload};

const APPROVAL: &str = "{apiVersion: netintent.dev/v1alpha1, kind: Approval, metadata: {namespace: over-bank, name: web}, \
    spec: {callers: [over-shop/web, over-shop/old], callees: [ledger]}}";

/// The differences between workloads of these namespaces: others on the same cluster are open to all.
fn inside(said: &Said) -> String {
    said.out.split_inclusive('\n').filter(|line| line.contains("-> over-")).collect()
}

/// Whether a text has a line with all of these.
fn has_line(said: &Said, words: &[&str]) -> bool {
    said.out.lines().any(|line| words.iter().all(|word| line.contains(word)))
}

#[test]
fn a_partial_repository_and_a_prune() -> Result {
    let installed = shared()?;
    let kubectl = installed.admin().kubectl();
    for namespace in ["over-bank", "over-shop"] {
        installed.namespace(namespace, "enforce")?;
    }
    kubectl.pipe(["apply", "-f", "-"], &(workload("over-bank", "ledger", "") + "---\n" + APPROVAL))?;
    kubectl.pipe(["apply", "-f", "-"], &workload("over-bank", "other", ""))?;
    kubectl.pipe(["apply", "-f", "-"], &workload("over-shop", "old", "over-bank/ledger"))?;
    let web = kubectl.scratch().file("over-web.yaml", workload("over-shop", "web", "over-bank/ledger"))?;
    let web = web.display().to_string();

    // The repository has neither the callee, nor its approval, nor any mode.
    let question = ["explain", "over-shop/web", "over-bank/ledger", "-f", &web];
    let said = netintent(kubectl, &question)?;
    assert_eq!(said.status, Some(2), "{said:?}");
    let said = netintent(kubectl, &[&question[..], &["--with-cluster"]].concat())?;
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""), "{said:?}");
    let said = netintent(kubectl, &["list", "-f", &web, "--with-cluster"])?;
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(has_line(&said, &["over-shop/web", "over-bank/ledger"]) && has_line(&said, &["over-shop/old"]), "{said:?}");
    assert!(!has_line(&said, &["default/"]), "only what touches the namespaces of the files: {said:?}");
    let said = netintent(kubectl, &["check", "-f", &web, "--with-cluster", "-o", "json"])?;
    let items = said.json()["items"].to_string();
    assert!(!items.contains("over-bank"), "{items}");
    let said =
        netintent(kubectl, &["approve", "over-shop/web", "--to", "over-bank/other", "-f", &web, "--with-cluster"])?;
    assert!(said.status == Some(0) && said.out.contains("over-shop/web"), "{said:?}");

    // What a file could not read stays unread, whatever the cluster has.
    let partial = r#"{"apiVersion": "netintent.dev/v1alpha1", "kind": "Snapshot", "items": [], "taken": "2026-11-26T00:00:00Z",
        "unread": [{"group": "networking.k8s.io", "kind": "NetworkPolicy", "why": "forbidden", "allBut": []}]}"#;
    let partial = kubectl.scratch().file("over-partial.json", partial)?.display().to_string();
    let said = netintent(kubectl, &[&question[..], &["-f", &partial, "--with-cluster"]].concat())?;
    assert_eq!(said.status, Some(2), "{said:?}");

    // Of both sides of a comparison the cluster is what neither has.
    let before = kubectl.scratch().file("over-before.yaml", workload("over-shop", "old", "over-bank/ledger"))?;
    let before = before.display().to_string();
    let said = netintent(kubectl, &["diff", "--base", &before, "-f", &web, "--with-cluster", "-o", "name"])?;
    assert_eq!(said.status, Some(1), "{said:?}");
    let changed = "+ over-shop/deployment/web -> over-bank/deployment/ledger\n";
    let gone = "- over-shop/deployment/old -> over-bank/deployment/ledger\n";
    assert!(said.out.contains(changed) && said.out.contains(gone), "{said:?}");

    // What is not in the files stays, unless it is pruned: by kubectl's rules.
    let diff = |more: &[&str]| netintent(kubectl, &[&["diff", "-f", &web, "-o", "name"], more].concat());
    let until_old_calls = ["explain", "over-shop/old", "over-bank/ledger"];
    until_said(installed, kubectl, &until_old_calls, |said| said.status == Some(0))?;
    let said = diff(&[])?;
    assert!(said.status == Some(1) && inside(&said) == changed, "{said:?}");
    let said = diff(&["--prune", "-n", "over-shop"])?;
    assert!(said.out.contains(changed) && said.out.contains(gone), "{said:?}");
    assert!(
        !said.out.contains("over-bank/deployment/other"),
        "what is in a namespace that no file touches stays: {said:?}"
    );
    let said = diff(&["--prune", "-l", "tier=web"])?;
    assert_eq!(inside(&said), changed, "what the selector leaves out stays: {said:?}");
    let said = diff(&["--prune", "--prune-allowlist", "apps/v1/StatefulSet"])?;
    assert_eq!(inside(&said), changed, "so do other kinds: {said:?}");
    // kubectl itself takes the same.
    let pruned =
        kubectl.text(["diff", "-f", &web, "--prune", "-n", "over-shop"]).unwrap_or_else(|error| error.to_string());
    assert!(pruned.contains("old"), "{pruned}");

    // An Approval goes only where it is said.
    let ledger = kubectl.scratch().file("over-ledger.yaml", workload("over-bank", "ledger", ""))?.display().to_string();
    let approvals = ["diff", "-f", &ledger, "-o", "name", "--prune", "--prune-allowlist"];
    let said = netintent(kubectl, &[&approvals[..], &["netintent.dev/v1alpha1/Approval"]].concat())?;
    assert_eq!((said.status, inside(&said).as_str()), (Some(1), gone), "{said:?}");
    let said = netintent(kubectl, &[&approvals[..], &["Approval"]].concat())?;
    assert!(said.status == Some(2) && said.err.contains("GROUP/VERSION/KIND"), "{said:?}");
    Ok(())
}
