//! NetworkPolicies as manifests that `kubectl apply` takes.

use std::io::{self, Write};

use k8s_openapi::api::networking::v1::NetworkPolicy;
use netintent::names::printable;
use netintent::render::Rendered;

use crate::render::items::{Items, yaml_object};

/// YAML documents, each with a comment that says what it is for.
pub(crate) fn yaml(out: &mut dyn Write, policies: &[Rendered<'_>]) -> io::Result<()> {
    for (at, rendered) in policies.iter().enumerate() {
        if at > 0 {
            writeln!(out, "---")?;
        }
        writeln!(out, "# {}", purpose(rendered))?;
        yaml_object(out, &NetworkPolicy::from(rendered.policy))?;
    }
    Ok(())
}

fn purpose(rendered: &Rendered<'_>) -> String {
    let namespace = printable(&rendered.policy.metadata.namespace);
    match rendered.service {
        Some(service) => format!("Service {namespace}/{}, in enforce", printable(service)),
        None => format!("Namespace {namespace}, in enforce: what no Service covers is closed"),
    }
}

/// One JSON list.
pub(crate) fn json(out: &mut dyn Write, policies: &[Rendered<'_>]) -> io::Result<()> {
    let mut items = Items::json_of(out, "v1", "List")?;
    policies.iter().try_for_each(|rendered| items.item(&NetworkPolicy::from(rendered.policy)))?;
    items.finish(&[])
}

/// One name a line: `bank/networkpolicy.networking.k8s.io/netintent-ledger`.
pub(crate) fn names(out: &mut dyn Write, policies: &[Rendered<'_>]) -> io::Result<()> {
    policies.iter().try_for_each(|rendered| {
        let metadata = &rendered.policy.metadata;
        writeln!(out, "{}/networkpolicy.networking.k8s.io/{}", metadata.namespace, metadata.name)
    })
}
