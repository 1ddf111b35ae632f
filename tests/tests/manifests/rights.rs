//! What the webhook's ServiceAccount may write, by the manifests.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::Result;
use crate::objects::{Objects, items, kustomize, text};

/// What the controller needs; its policies and pods are anywhere.
const CONTROLLER: [&str; 10] = [
    "create events",
    "create networkpolicies",
    "delete networkpolicies",
    "netintent-system: create leases",
    "netintent-system: update leases netintent",
    "patch events",
    "patch mutatingwebhookconfigurations netintent",
    "patch networkpolicies",
    "patch pods/status",
    "patch validatingwebhookconfigurations netintent",
];

/// What a ServiceAccount may do besides reading, a line for each verb, resource and name.
fn writes(objects: &Objects) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for (id, binding) in objects.iter().filter(|(id, _)| id.contains("RoleBinding ")) {
        for subject in items(binding, "/subjects") {
            assert_eq!((&subject["kind"], &subject["name"]), (&"ServiceAccount".into(), &"netintent".into()), "{id}");
        }
        let namespace = binding.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
        let (kind, name) = (text(binding, "/roleRef/kind")?, text(binding, "/roleRef/name")?);
        let role = match kind {
            "Role" => format!("Role {namespace}/{name}"),
            _ => format!("ClusterRole {name}"),
        };
        let role = objects.get(&role).ok_or_else(|| format!("{id} binds {role}, which is not there"))?;
        for rule in items(role, "/rules") {
            assert_eq!(items(rule, "/apiGroups").len(), 1, "{rule}");
            let names = items(rule, "/resourceNames").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
            for verb in items(rule, "/verbs").iter().filter_map(Value::as_str) {
                for resource in items(rule, "/resources").iter().filter_map(Value::as_str) {
                    // Reading Secrets is worth a line too.
                    if resource == "secrets" || !["get", "list", "watch"].contains(&verb) {
                        found.insert(
                            format!("{namespace}: {verb} {resource} {names}")
                                .trim_start_matches(": ")
                                .trim()
                                .to_owned(),
                        );
                    }
                }
            }
        }
    }
    Ok(found)
}

#[test]
fn the_webhook_writes_its_certificate_and_what_the_controller_keeps() -> Result {
    let expected = CONTROLLER.into_iter().chain([
        "netintent-system: create secrets",
        "netintent-system: get secrets netintent-authority",
        "netintent-system: list secrets netintent-authority",
        "netintent-system: update secrets netintent-authority",
        "netintent-system: watch secrets netintent-authority",
    ]);
    let expected: BTreeSet<String> = expected.map(str::to_owned).collect();
    for name in ["base", "overlays/host-network", "overlays/monitoring"] {
        assert_eq!(writes(&kustomize(name)?)?, expected, "{name}");
    }
    Ok(())
}

#[test]
fn with_cert_manager_the_webhook_writes_no_certificate() -> Result {
    let expected: BTreeSet<String> = CONTROLLER.map(str::to_owned).into();
    assert_eq!(writes(&kustomize("overlays/cert-manager")?)?, expected);
    Ok(())
}
