//! Approvals from the command line, and what becomes of running pods.

use crate::Result;
use crate::plugin::{netintent, shared, until_said, workload};

#[test]
fn an_approval_opens_and_a_revocation_closes_without_a_restart() -> Result {
    let installed = shared()?;
    let kubectl = installed.admin().kubectl();
    installed.namespace("ap-shop", "shadow")?;
    installed.namespace("ap-bank", "shadow")?;
    kubectl.pipe(["apply", "-f", "-"], &workload("ap-bank", "ledger", ""))?;
    kubectl.pipe(["apply", "-f", "-"], &workload("ap-shop", "web", "ap-bank/ledger:rpc"))?;
    for namespace in ["ap-shop", "ap-bank"] {
        kubectl.text(["label", "--overwrite", "namespace", namespace, "netintent.dev/mode=enforce"])?;
    }
    let explain = ["explain", "ap-shop/web", "ap-bank/ledger:rpc"];
    let denied = until_said(installed, kubectl, &explain, |said| {
        said.status == Some(1) && said.out.contains("NetworkPolicy ap-bank/netintent-ledger")
    })?;
    assert!(denied.out.contains("declared, and not approved"), "{denied:?}");
    assert!(denied.out.contains("pods:\n  ap-shop/web-"), "{denied:?}");
    let uid = || kubectl.text(["get", "pods", "-n", "ap-shop", "-o", "jsonpath={.items[*].metadata.uid}"]);
    let before = uid()?;

    let approve = ["approve", "ap-shop/web", "--to", "ap-bank/ledger:rpc", "--reason", "PAY-1"];
    let with = |more: &[&'static str]| [&approve[..], more].concat();
    // Without --apply, and with a dry run, nothing is created.
    for args in [with(&[]), with(&["--apply", "--dry-run"]), with(&["--apply", "--dry-run=server"])] {
        let said = netintent(kubectl, &args)?;
        assert_eq!(said.status, Some(0), "{said:?}");
        assert!(
            said.out.contains("kind: Approval") && said.err.contains("opens: ap-shop/web → ap-bank/ledger"),
            "{said:?}"
        );
        assert_eq!(kubectl.text(["get", "approvals", "-n", "ap-bank", "-o", "name"])?, "");
    }
    let said = netintent(kubectl, &with(&["--apply"]))?;
    assert_eq!((said.status, said.out.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.err.starts_with("created Approval ap-bank/ap-shop.web.calls.ledger.rpc\n"), "{said:?}");
    let allowed = until_said(installed, kubectl, &explain, |said| said.status == Some(0))?;
    assert!(allowed.out.contains("allowed: declared and approved"), "{allowed:?}");
    assert!(allowed.out.contains("approved by admin, created 20"), "{allowed:?}");
    assert!(allowed.out.contains("ledger.ap-bank.to.netintent.dev/rpc=allowed"), "{allowed:?}");
    let again = netintent(kubectl, &with(&["--apply"]))?;
    assert!(again.status == Some(0) && again.err.contains("already approved by Approval"), "{again:?}");

    let revoke = ["revoke", "ap-shop/web", "--to", "ap-bank/ledger:rpc", "--apply"];
    let unasked = netintent(kubectl, &revoke)?;
    assert_eq!(unasked.status, Some(2), "{unasked:?}");
    assert!(unasked.err.contains("closes: ap-shop/web → ap-bank/ledger: TCP 80"), "{unasked:?}");
    assert!(unasked.err.contains("say --yes"), "{unasked:?}");
    for dry_run in ["--dry-run=client", "--dry-run=server"] {
        let said = netintent(kubectl, &[&revoke[..], &[dry_run]].concat())?;
        assert_eq!(said.status, Some(0), "{said:?}");
    }
    assert!(kubectl.text(["get", "approvals", "-n", "ap-bank", "-o", "name"])?.contains("ap-shop.web"));
    let said = netintent(kubectl, &[&revoke[..], &["--yes", "--reason", "PAY-1 is over"]].concat())?;
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(kubectl.text(["get", "approvals", "-n", "ap-bank", "-o", "name"])?, "");
    until_said(installed, kubectl, &explain, |said| said.status == Some(1))?;
    assert_eq!(uid()?, before, "the pods are the same");
    let nothing = netintent(kubectl, &[&revoke[..], &["--yes"]].concat())?;
    assert!(nothing.status == Some(2) && nothing.err.contains("nothing approves"), "{nothing:?}");
    Ok(())
}

#[test]
fn of_an_approval_of_several_only_one_goes() -> Result {
    let installed = shared()?;
    let kubectl = installed.admin().kubectl();
    installed.namespace("part-bank", "shadow")?;
    kubectl.pipe(["apply", "-f", "-"], &workload("part-bank", "ledger", ""))?;
    kubectl.pipe(["apply", "-f", "-"], &workload("part-bank", "cards", ""))?;
    let approval = "{apiVersion: netintent.dev/v1alpha1, kind: Approval, metadata: {namespace: part-bank, name: both}, \
        spec: {callers: [./a, ./b], callees: [ledger, cards]}}";
    kubectl.pipe(["apply", "-f", "-"], approval)?;
    let revoke =
        |caller, callee| netintent(kubectl, &["revoke", caller, "--to", callee, "-n", "part-bank", "--apply", "--yes"]);
    let said = revoke("part-bank/a", "part-bank/ledger")?;
    assert_eq!(said.status, Some(0), "{said:?}");
    let of = |name: &str| {
        kubectl.text(["get", "approval", "-n", "part-bank", name, "-o", "jsonpath={.spec.callers} {.spec.callees}"])
    };
    assert_eq!(of("both")?, r#"["./b"] ["ledger","cards"]"#);
    assert_eq!(of("part-bank.a.calls.cards")?, r#"["part-bank/a"] ["cards"]"#);
    let said = revoke("part-bank/b", "part-bank/cards")?;
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(of("both")?, r#"["./b"] ["ledger"]"#);
    Ok(())
}
