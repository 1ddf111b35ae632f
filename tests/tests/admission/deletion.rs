//! An Approval that running pods use does not go by mistake; revoking it is an act.

use netintent_tests::Installed;
use serde_json::{Value, json};

use crate::Result;
use crate::manifests::{approval, create, path, pods, reserved, service, workload};

fn set_up(installed: &Installed, shop: &str, bank: &str) -> Result {
    for name in [shop, bank] {
        installed.namespace(name, "enforce")?;
    }
    create(installed.admin(), &service(bank, "ledger"))?;
    Ok(())
}

/// Waits until the webhook knows that pods of `app` carry a label.
fn labelled(installed: &Installed, shop: &str, app: &str) -> Result {
    for pod in pods(installed, shop, app)? {
        assert!(!reserved(&pod).is_empty(), "{pod:#}");
    }
    Ok(())
}

fn delete(installed: &Installed, bank: &str, name: &str) -> Result<(u16, String)> {
    let reply = installed.admin().delete(&format!("{}/{name}", path("Approval", bank)))?;
    Ok((reply.status, reply.message().to_owned()))
}

#[test]
fn one_in_use_stays_until_it_is_revoked() -> Result {
    let installed = Installed::shared()?;
    let (shop, bank) = ("deletion-shop", "deletion-bank");
    set_up(installed, shop, bank)?;
    let admin = installed.admin();
    create(admin, &approval(bank, "web", &["deletion-shop/web"], &["ledger:rpc"]))?;
    create(admin, &approval(bank, "unused", &["deletion-shop/web"], &["ledger:admin"]))?;
    create(admin, &workload("Deployment", shop, "web", "deletion-bank/ledger:rpc"))?;
    labelled(installed, shop, "web")?;
    let message = installed.until("the deletion is refused", || {
        let reply = admin.delete(&format!("{}/web?dryRun=All", path("Approval", bank)))?;
        Ok((reply.status == 403).then(|| reply.message().to_owned()))
    })?;
    snapbox::assert_data_eq!(
        message,
        snapbox::str![[r#"
admission webhook "approvals.netintent.dev" denied the request: running pods use Approval deletion-bank/web: deletion-shop/web (1 pod)
  if they are to lose access, say why and delete it again:
    kubectl annotate approval -n deletion-bank web netintent.dev/revoked='REASON'
"#]]
    );
    assert_eq!(delete(installed, bank, "web")?.0, 403);
    assert_eq!(delete(installed, bank, "unused")?.0, 200, "nobody uses it");
    let revoked = json!({"metadata": {"annotations": {"netintent.dev/revoked": "left the bank"}}});
    assert!(admin.patch(&format!("{}/web", path("Approval", bank)), "merge", &revoked)?.is_success());
    assert_eq!(delete(installed, bank, "web")?, (200, String::new()));
    Ok(())
}

#[test]
fn an_expired_one_goes() -> Result {
    let installed = Installed::shared()?;
    let (shop, bank) = ("deletion-late-shop", "deletion-late-bank");
    set_up(installed, shop, bank)?;
    let admin = installed.admin();
    create(admin, &approval(bank, "web", &["deletion-late-shop/web"], &["ledger:rpc"]))?;
    create(admin, &workload("Deployment", shop, "web", "deletion-late-bank/ledger:rpc"))?;
    labelled(installed, shop, "web")?;
    installed.until("the deletion is refused", || {
        let reply = admin.delete(&format!("{}/web?dryRun=All", path("Approval", bank)))?;
        Ok((reply.status == 403).then_some(()))
    })?;
    let expired = json!({"spec": {"expiresAt": "2026-01-01T00:00:00Z"}});
    let reply = admin.patch(&format!("{}/web", path("Approval", bank)), "merge", &expired)?;
    assert!(reply.is_success(), "{reply:?}");
    assert_eq!(reply.warnings, ["running pods lose access: deletion-late-shop/web (1 pod)"]);
    assert_eq!(delete(installed, bank, "web")?.0, 200);
    Ok(())
}

#[test]
fn taking_a_caller_out_tells_who_loses_access() -> Result {
    let installed = Installed::shared()?;
    let (shop, bank) = ("deletion-out-shop", "deletion-out-bank");
    set_up(installed, shop, bank)?;
    let admin = installed.admin();
    create(admin, &approval(bank, "all", &["deletion-out-shop/web", "deletion-out-shop/cart"], &["ledger:rpc"]))?;
    for app in ["web", "cart"] {
        create(admin, &workload("Deployment", shop, app, "deletion-out-bank/ledger:rpc"))?;
        labelled(installed, shop, app)?;
    }
    let out = json!({"spec": {"callers": ["deletion-out-shop/cart"]}});
    let path = format!("{}/all", path("Approval", bank));
    let warnings = installed.until("the webhook knows the pods", || {
        let reply = admin.patch(&format!("{path}?dryRun=All"), "merge", &out)?;
        assert!(reply.is_success(), "{reply:?}");
        Ok((!reply.warnings.is_empty()).then_some(reply.warnings))
    })?;
    assert_eq!(warnings, ["running pods lose access: deletion-out-shop/web (1 pod)"]);
    Ok(())
}

/// A namespace takes its Approvals along.
#[test]
fn they_go_with_their_namespace() -> Result {
    let installed = Installed::shared()?;
    let (shop, bank) = ("deletion-gone-shop", "deletion-gone-bank");
    set_up(installed, shop, bank)?;
    let admin = installed.admin();
    create(admin, &approval(bank, "web", &["deletion-gone-shop/web"], &["ledger:rpc"]))?;
    create(admin, &workload("Deployment", shop, "web", "deletion-gone-bank/ledger:rpc"))?;
    labelled(installed, shop, "web")?;
    assert!(admin.delete("/api/v1/namespaces/deletion-gone-bank")?.is_success());
    installed.until("the namespace is gone", || {
        Ok((admin.get("/api/v1/namespaces/deletion-gone-bank")?.status == 404).then_some(()))
    })?;
    Ok(())
}

/// As when a `GitOps` tool finds an empty folder: each in use stays, whichever other one would have done.
#[test]
fn two_hundred_at_once_cut_nobody() -> Result {
    let installed = Installed::shared()?;
    let (shop, bank) = ("deletion-prune-shop", "deletion-prune-bank");
    set_up(installed, shop, bank)?;
    let admin = installed.admin();
    // Ten callers with twenty approvals each, any of which would do.
    for caller in 0..10 {
        for number in 0..20 {
            let name = format!("a{caller}-{number}");
            create(admin, &approval(bank, &name, &[&format!("{shop}/web{caller}")], &["ledger:rpc"]))?;
        }
        let calls = format!("{bank}/ledger:rpc");
        create(admin, &workload("Deployment", shop, &format!("web{caller}"), &calls))?;
        labelled(installed, shop, &format!("web{caller}"))?;
    }
    // The last pod is the last that the webhook gets to know.
    let alone = approval(bank, "alone", &[&format!("{shop}/last")], &["ledger:rpc"]);
    create(admin, &alone)?;
    create(admin, &workload("Deployment", shop, "last", &format!("{bank}/ledger:rpc")))?;
    labelled(installed, shop, "last")?;
    installed.until("the webhook knows the pods", || {
        let reply = admin.delete(&format!("{}/alone?dryRun=All", path("Approval", bank)))?;
        Ok((reply.status == 403).then_some(()))
    })?;
    let denied: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..10)
            .map(|caller| {
                scope.spawn(move || {
                    (0..20)
                        .filter(|number| {
                            // Each thread goes through all callers, so that the approvals of one go at the same time.
                            let name = format!("a{}-{number}", (caller + number) % 10);
                            delete(installed, bank, &name).is_ok_and(|(status, _)| status == 403)
                        })
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).sum()
    });
    let left = admin.get(&path("Approval", bank))?.body["items"].as_array().cloned().unwrap_or_default();
    for caller in 0..10 {
        let wanted: Value = json!([format!("{shop}/web{caller}")]);
        assert!(
            left.iter().any(|approval| approval["spec"]["callers"] == wanted),
            "web{caller} has lost all: {left:?}"
        );
    }
    assert!(denied >= 10, "{denied}");
    Ok(())
}
