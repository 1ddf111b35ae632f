//! The manifests do in a cluster what they say, and give nobody more than they should.

use std::collections::BTreeSet;

use netintent_tests::Installed;
use serde_json::json;

use crate::Result;

/// The expressions of the policies fit the types they are about: what does not would be told in their status.
#[test]
fn expressions_fit_their_types() -> Result {
    let installed = Installed::shared()?;
    for name in ["modes", "keys", "keys-cronjobs", "keys-replicationcontrollers", "approved-by"] {
        let path = format!("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/netintent-{name}");
        let checked = installed.until(&format!("netintent-{name} is checked"), || {
            let policy = installed.admin().get(&path)?.body;
            Ok(policy["status"]["typeChecking"].is_object().then_some(policy))
        })?;
        let warnings = &checked["status"]["typeChecking"]["expressionWarnings"];
        assert!(warnings.as_array().is_none_or(Vec::is_empty), "{name}: {warnings:#}");
    }
    Ok(())
}

/// Who may view a namespace sees its Approvals; only who administers it approves; a mode is the platform team's.
#[test]
fn roles_give_what_they_say() -> Result {
    let installed = Installed::shared()?;
    installed.namespace("roles", "shadow")?;
    let kubectl = installed.admin().kubectl();
    for role in ["view", "edit", "admin"] {
        let clusterrole = format!("--clusterrole={role}");
        kubectl.text(["create", "rolebinding", "-n", "roles", role, &clusterrole, &format!("--user=role-{role}")])?;
    }
    let administrator = ["create", "clusterrolebinding", "platform", "--clusterrole=netintent-administrator"];
    kubectl.text(administrator.iter().copied().chain(["--user=role-platform"]))?;
    let may = |role: &str, verb: &str, resource: &str| -> Result<bool> {
        let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
        let namespace = if resource.starts_with("cluster") || resource == "modes" { "" } else { "roles" };
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": format!("role-{role}"), "resourceAttributes":
                {"group": group, "resource": resource, "verb": verb, "namespace": namespace}}});
        let reply = installed.admin().post("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review)?;
        Ok(reply.body["status"]["allowed"] == true)
    };
    installed
        .until("roles are aggregated", || Ok(may("admin", "create", "approvals.netintent.dev").ok().filter(|m| *m)))?;
    for (role, verb, resource, expected) in [
        ("view", "list", "approvals.netintent.dev", true),
        ("view", "create", "approvals.netintent.dev", false),
        ("edit", "list", "approvals.netintent.dev", true),
        ("edit", "create", "approvals.netintent.dev", false),
        ("edit", "delete", "approvals.netintent.dev", false),
        ("admin", "create", "approvals.netintent.dev", true),
        ("admin", "delete", "approvals.netintent.dev", true),
        ("admin", "create", "clusterapprovals.netintent.dev", false),
        ("admin", "set", "modes.netintent.dev", false),
        ("platform", "create", "clusterprohibitions.netintent.dev", true),
        ("platform", "set", "modes.netintent.dev", true),
        ("platform", "get", "secrets", false),
    ] {
        assert_eq!(may(role, verb, resource)?, expected, "{role} {verb} {resource}");
    }
    Ok(())
}

/// The webhook reads what decides, writes its certificate and what the controller keeps, and nothing else: by what the API server grants it, in its own
/// namespace and in any other.
#[test]
fn the_webhook_has_no_more_rights_than_it_needs() -> Result {
    let installed = Installed::shared()?;
    let kubectl = installed.admin().kubectl();
    let user = "--as=system:serviceaccount:netintent-system:netintent";
    let registrations = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"]
        .map(|plural| format!("{plural}.admissionregistration.k8s.io [netintent] [get list patch watch]"));
    let controller = [
        "networkpolicies.networking.k8s.io [] [create delete get list patch watch]",
        "pods/status [] [patch]",
        "events.events.k8s.io [] [create patch]",
    ];
    let everywhere: BTreeSet<String> = registrations.into_iter().chain(controller.map(str::to_owned)).collect();
    let own = [
        "secrets [netintent-authority] [get list update watch]",
        "secrets [] [create]",
        "leases.coordination.k8s.io [netintent] [get update]",
        "leases.coordination.k8s.io [] [create]",
    ];
    let own = own.map(str::to_owned);
    for (namespace, expected) in
        [("netintent-system", everywhere.iter().chain(&own).cloned().collect()), ("default", everywhere.clone())]
    {
        let text = kubectl.text(["auth", "can-i", "--list", "--no-headers", "-n", namespace, user])?;
        let rules = text.lines().filter(|line| !line.trim_start().starts_with('[') && !line.contains("selfsubject"));
        let mut found = BTreeSet::new();
        for rule in rules {
            // The columns are: resources, URLs, names, verbs.
            let words: Vec<&str> = rule.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
            let [resource, "[]", names, verbs] = words[..] else { return Err(format!("odd rule: {rule}").into()) };
            // Where two roles name one resource their verbs stand in the order in which the API server found the roles.
            let verbs: BTreeSet<&str> = verbs.trim_matches(['[', ']']).split(' ').collect();
            let reads = verbs.iter().all(|verb| ["get", "list", "watch"].contains(verb));
            if !reads || names != "[]" || resource.contains("secrets") || resource.contains("configmaps") {
                let verbs = Vec::from_iter(verbs).join(" ");
                found.insert(format!("{resource} {names} [{verbs}]"));
            }
        }
        assert_eq!(found, expected, "in {namespace}");
    }
    Ok(())
}
