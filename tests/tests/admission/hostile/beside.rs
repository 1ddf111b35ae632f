//! Around the questions that netintent is asked: by another name, and by what makes it fail to read.

use netintent_tests::Installed;
use serde_json::{Value, json};

use super::Hostile;
use super::attempt::pod;
use crate::Result;
use crate::manifests::{account, approval, create, path, service, workload};

/// Those who recover a cluster pass derive and the guard. Who may do everything in a namespace may impersonate its
/// ServiceAccounts, and nobody's group.
#[test]
fn nobody_impersonates_a_group() -> Result {
    let hostile = Hostile::new(Installed::shared()?, "impersonates", "off")?;
    let forged = pod(&hostile, "forged", &json!({"labels": {hostile.wanted(): "allowed"}}));
    let kubectl = hostile.user.kubectl();
    let file = kubectl.scratch().file("impersonates.json", forged.to_string())?.display().to_string();
    let account = format!("--as=system:serviceaccount:{}:default", hostile.namespace);
    let who = format!("--as={}-user", hostile.namespace);
    let group = "--as-group=netintent:recover";
    let accounts = "--as-group=system:serviceaccounts";
    for flags in [
        vec![account.as_str()],
        vec![&account, group],
        vec![&account, accounts, group],
        vec![&who, group],
        vec!["--as=system:serviceaccount:netintent-system:netintent"],
        vec!["--as=admin", "--as-group=system:masters", group],
        vec!["--as=system:node:nowhere", "--as-group=system:nodes", group],
    ] {
        let output = kubectl.output(["create", "-n", &hostile.namespace, "-f", &file].iter().chain(&flags))?;
        assert!(!output.status.success(), "{flags:?}: {output:?}");
    }
    // With the group it is let in: the file is not what was wrong.
    let admin = hostile.installed.plane().admin();
    admin.text(["create", "--dry-run=server", "-f", &file, "--as=admin", "--as-group=system:masters", group])?;
    hostile.check_none()
}

/// So deep that a parser with a limit gives up.
fn deep(levels: usize) -> Value {
    let mut value = json!({});
    for at in 0..levels {
        value = json!({format!("f:a{at}"): value});
    }
    value
}

/// What a user writes must not keep the webhook from reading what all others wrote: a list that can't be read is a cache
/// that is never known, for everybody.
#[test]
fn nothing_that_is_stored_keeps_the_webhook_from_reading() -> Result {
    let installed = &Installed::start()?;
    let hostile = Hostile::new(installed, "unreadable", "shadow")?;
    let fields = json!([{"manager": "a", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
        "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:metadata": {"f:annotations": deep(300)}}}]);
    for kind in ["Pod", "ServiceAccount", "Service", "ReplicaSet", "Job", "Approval"] {
        let object = match kind {
            "ServiceAccount" => account(&hostile.namespace, "deep", ""),
            "Service" => service(&hostile.namespace, "deep"),
            "Approval" => approval(&hostile.namespace, "deep", &["a/b"], &["c"]),
            kind => workload(kind, &hostile.namespace, "deep", ""),
        };
        create(&hostile.user, &object)?;
        let path = format!("{}/deep", path(kind, &hostile.namespace));
        let reply = hostile.user.patch(&path, "merge", &json!({"metadata": {"managedFields": fields}}))?;
        assert_eq!(reply.status, 200, "{kind}: {reply:?}");
        // The test's own client can't read it. Where a controller writes the object too, or a CRD
        // says what fields there are, it may be gone.
        let stored = hostile.installed.admin().get(&path)?.body;
        let deep = stored.as_str().is_some_and(|text| text.contains("f:a299"));
        assert!(deep || ["ReplicaSet", "Job", "Approval"].contains(&kind), "{kind}: {stored}");
    }
    // A webhook that starts anew has to list it all.
    installed.webhook().kill();
    installed.webhook().run()?;
    hostile.check_approved("web")?;
    assert_eq!(installed.webhook().counted("watch_failures", "")?, 0);
    Ok(())
}
