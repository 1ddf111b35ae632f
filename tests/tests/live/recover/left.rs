//! What can't be closed, or can't be known, is named.

use netintent_tests::User;
use netintent_tests::objects::{merge, path};
use serde_json::{Value, json};

use super::{KINDS, Night, pods, registration};
use crate::Result;
use crate::plugin::{netintent, until_said};

pub(super) fn is_named(night: &Night) -> Result {
    kept_in_force(night)?;
    without_a_guard(night)?;
    closed_by_another_selector(night)?;
    who_leads_may_not_be_read(night)
}

/// Writes the finalizers of the policy by which a Service of the bank is open.
pub(super) fn finalize(
    admin: &User,
    service: &str,
    finalizers: &Value,
) -> std::result::Result<(), netintent_tests::Error> {
    let name = netintent::recover::policy::name(service);
    let patch = json!({"metadata": {"finalizers": finalizers}});
    merge(admin, &format!("{}/{name}", path("NetworkPolicy", "bank")), &patch)
}

/// Whoever owns the namespace would keep it open.
fn kept_in_force(night: &Night) -> Result {
    let admin = night.installed.admin();
    night.done(&["recover", "open", "bank/ledger", "bank/cards", "--for", "1h", "--yes"])?;
    finalize(admin, "ledger", &json!(["example.dev/keep"]))?;
    let said = night.said(&["recover", "undo", "--yes"])?;
    assert!(said.status == Some(2) && said.err.contains("kept in force by finalizers"), "{said:?}");
    assert!(
        said.err.contains("done: Service bank/cards is closed") && !said.err.contains("bank/ledger is closed"),
        "{said:?}"
    );
    let state = night.said(&["recover"])?;
    assert!(state.status == Some(1) && state.out.contains("bank/ledger: everybody may call it"), "{state:?}");
    // As it says.
    let command = said.err.split_once(": kubectl ").and_then(|(_, rest)| rest.lines().next()).ok_or("no command")?;
    let words: Vec<&str> = command.split(' ').map(|word| word.trim_matches('\'')).collect();
    admin.kubectl().text(words)?;
    night.done(&["recover"])?;
    assert!(night.is_as_before()?);
    Ok(())
}

fn without_a_guard(night: &Night) -> Result {
    let admin = night.installed.admin();
    let webhooks = night.before[1]["webhooks"].as_array().ok_or("no entries")?;
    let at = webhooks.iter().position(|entry| entry["name"] == "guard.netintent.dev").ok_or("no guard")?;
    let set = |policy: &str| {
        let patch = json!([{"op": "replace", "path": format!("/webhooks/{at}/failurePolicy"), "value": policy}]);
        admin.patch(&registration(KINDS[1]), "json", &patch)
    };
    let guarded = night.done(&["recover", "admit", "--dry-run"])?;
    assert!(guarded.out.contains("The guard stays") && !guarded.err.contains("no guard"), "{guarded:?}");
    assert!(set("Ignore")?.is_success());
    let said = night.done(&["recover", "admit", "--dry-run"])?;
    assert!(said.err.contains("there is no guard") && !said.out.contains("The guard stays"), "{said:?}");
    assert!(set("Fail")?.is_success());
    assert!(night.is_as_before()?);
    Ok(())
}

/// A policy that selects the pods by other words than the Service does.
fn closed_by_another_selector(night: &Night) -> Result {
    let admin = night.installed.admin();
    night.installed.until("its pod is there", || Ok((!pods(&night.installed, "plain")?.is_empty()).then_some(())))?;
    let open = ["recover", "open", "plain/free", "--for", "1h", "--dry-run=server"];
    let said = night.said(&open)?;
    assert!(said.status == Some(2) && said.err.contains("everybody may call its pod free-"), "{said:?}");
    let selector = json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["free", "other"]}]});
    let policy = json!({"kind": "NetworkPolicy", "metadata": {"namespace": "plain", "name": "other"},
        "spec": {"podSelector": selector}});
    netintent_tests::objects::create(admin, &policy)?;
    night.done(&open)?;
    netintent_tests::objects::delete(admin, &format!("{}/other", path("NetworkPolicy", "plain")))?;
    Ok(())
}

fn who_leads_may_not_be_read(night: &Night) -> Result {
    let (installed, kubectl) = (&night.installed, night.installed.admin().kubectl());
    let kinds =
        format!("--resource={}.admissionregistration.k8s.io,{}.admissionregistration.k8s.io", KINDS[0], KINDS[1]);
    kubectl.text([
        "create",
        "clusterrole",
        "looks",
        "--verb=get,list",
        &kinds,
        "--resource=networkpolicies.networking.k8s.io",
    ])?;
    kubectl.text(["create", "clusterrolebinding", "looks", "--clusterrole=looks", "--user=ann"])?;
    let ann = installed.plane().user("ann", "nobodies")?;
    let said = until_said(installed, ann.kubectl(), &["recover"], |said| said.status == Some(0))?;
    assert!(
        said.out.contains("Whether a controller runs can't be known") && !said.out.contains("No controller"),
        "{said:?}"
    );
    let said = netintent(ann.kubectl(), &["recover", "status", "-o", "json"])?;
    let unread = &said.json()["unread"][0];
    assert_eq!(unread["what"], "Lease netintent-system/netintent", "{said:?}");
    assert!(unread["why"].as_str().is_some_and(|why| why.contains("cannot get resource \"leases\"")), "{said:?}");
    Ok(())
}
