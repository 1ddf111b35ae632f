//! Approvals from the command line, and what becomes of running pods.

use crate::Result;
use crate::plugin::{Said, netintent, shared, until_said, workload};

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

#[test]
fn an_approval_is_renewed_and_says_nothing_of_where_one_stands() -> Result {
    let installed = shared()?;
    let admin = installed.admin().kubectl();
    for namespace in ["new-bank", "new-shop"] {
        installed.namespace(namespace, "shadow")?;
    }
    admin.pipe(["apply", "-f", "-"], &workload("new-bank", "ledger", ""))?;
    admin.pipe(["apply", "-f", "-"], &workload("new-shop", "web", "new-bank/ledger:rpc"))?;
    let web = ["list", "--from", "new-shop/web"];
    until_said(installed, admin, &web, |said| said.status == Some(0))?;
    // A repository of git that has nothing to do with it.
    let folder = tempfile::tempdir()?;
    let git = |args: &[&str]| -> Result {
        let done = std::process::Command::new("git").arg("-C").arg(folder.path()).args(args).status()?;
        assert!(done.success(), "git {args:?}");
        Ok(())
    };
    git(&["init", "-q"])?;
    git(&["config", "user.name", "Somebody Else"])?;
    let kubectl = admin.with_plugin(&netintent_tests::plugin_binary()?)?;
    let approve = |more: &[&str]| -> Result<Said> {
        let ends = ["netintent", "approve", "new-shop/web", "--to", "new-bank/ledger:rpc"];
        Ok(Said::of(&kubectl.command(ends.iter().chain(more)).current_dir(folder.path()).output()?))
    };
    assert!(approve(&[])?.out.contains("netintent.dev/author: Somebody Else"), "what is printed is for a file");
    let said = approve(&["--apply", "--expires", "2998-01-01"])?;
    assert_eq!(said.status, Some(0), "{said:?}");
    let of = |path: &str| {
        let name = "new-shop.web.calls.ledger.rpc";
        admin.text(["get", "approval", "-n", "new-bank", name, "-o", &format!("jsonpath={{{path}}}")])
    };
    assert!(of(".spec.expiresAt")?.starts_with("2998") && !of(".metadata.annotations")?.contains("Somebody Else"));

    for (more, unchanged) in [
        (["--apply", "--dry-run=client"].as_slice(), true),
        (&["--apply", "--dry-run=server"], true),
        (&[], true),
        (&["--apply", "--reason", "PAY-3"], false),
    ] {
        let said = approve(&[more, &["--expires", "2999-01-01"]].concat())?;
        assert_eq!(said.status, Some(0), "{said:?}");
        let ends = "until 2999-01-01T00:00:00Z; it was until 2998-01-01T00:00:00Z";
        assert!(said.err.contains(ends), "{said:?}");
        assert_eq!(of(".spec.expiresAt")?.starts_with("2998"), unchanged, "{more:?}");
    }
    assert_eq!(of(".spec.reason")?, "PAY-3");
    assert_eq!(admin.text(["get", "approvals", "-n", "new-bank", "-o", "name"])?.lines().count(), 1);
    let said = approve(&["--apply", "--expires", "2999-01-01"])?;
    assert!(said.status == Some(0) && said.err.contains("until 2999-01-01T00:00:00Z: nothing is written"), "{said:?}");
    let said = approve(&["--apply", "--expires", "yesterday"])?;
    assert!(said.status == Some(2) && said.err.contains("is no time to expire at"), "{said:?}");
    Ok(())
}

#[test]
fn a_namespace_that_is_not_there_is_no_good_news() -> Result {
    let installed = shared()?;
    let kubectl = installed.admin().kubectl();
    installed.namespace("typo-shop", "shadow")?;
    for args in [["check", "-n", "typo-shopp"], ["list", "-n", "typo-shopp"], ["render", "-n", "typo-shopp"]] {
        let said = netintent(kubectl, &args)?;
        let expected = "error: no namespace `typo-shopp`\nhelp: did you mean `typo-shop`?\n";
        assert_eq!((said.status, said.err.as_str()), (Some(2), expected), "{args:?}");
    }
    assert_eq!(netintent(kubectl, &["list", "-n", "typo-shop"])?.status, Some(0));
    Ok(())
}
