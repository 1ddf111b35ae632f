//! Policies of other APIs: only whom they may select is read, so that verdicts about those pods carry a caveat.

use super::ManifestError;
use super::metadata::any;
use super::read::Context;
use super::text::{Node, Value};
use crate::objects::ForeignPolicy;
use crate::selector::Selector;

/// Where the selector of pods of a policy of another API is, and whether it is bound to its namespace; `None`: it is no such
/// policy.
fn shape(group: &str, kind: &str) -> Option<(Option<&'static str>, bool)> {
    Some(match (group, kind) {
        ("cilium.io", "CiliumNetworkPolicy") => (Some("endpointSelector"), true),
        ("cilium.io", "CiliumClusterwideNetworkPolicy") => (None, false),
        ("crd.projectcalico.org" | "projectcalico.org", "NetworkPolicy") => (None, true),
        ("crd.projectcalico.org" | "projectcalico.org", "GlobalNetworkPolicy") => (None, false),
        ("crd.antrea.io", "NetworkPolicy") => (None, true),
        ("crd.antrea.io", "ClusterNetworkPolicy") => (None, false),
        ("policy.networking.k8s.io", "AdminNetworkPolicy" | "BaselineAdminNetworkPolicy" | "ClusterNetworkPolicy") => {
            (None, false)
        }
        ("security.istio.io", "AuthorizationPolicy" | "PeerAuthentication") => (Some("selector"), true),
        ("networking.istio.io", "Sidecar") => (Some("workloadSelector"), true),
        _ => return None,
    })
}

/// Whether a kind is a policy of another API, which may change what NetworkPolicy alone decides.
pub fn is_foreign(group: &str, kind: &str) -> bool {
    shape(group, kind).is_some()
}

/// Reads a policy of another API; `None` for any other object.
pub(super) fn foreign(
    context: &Context<'_>,
    node: &Node,
    group: &str,
    kind: &str,
) -> Result<Option<ForeignPolicy>, ManifestError> {
    let Some((selector, namespaced)) = shape(group, kind) else { return Ok(None) };
    let mut metadata = any(context, node)?;
    let written = node.get("metadata").and_then(|m| m.get("namespace")).and_then(Node::as_str);
    let namespace = written.filter(|n| !n.is_empty()).unwrap_or(context.namespace);
    // What stands in Istio's root namespace holds for the whole mesh.
    let mesh_wide = group.ends_with("istio.io") && namespace == "istio-system";
    if namespaced && !mesh_wide {
        namespace.clone_into(&mut metadata.namespace);
    }
    let selector = selector.and_then(|key| match_labels(node.get("spec")?.get(key)?));
    Ok(Some(ForeignPolicy { group: group.to_owned(), kind: kind.to_owned().into(), metadata, selector }))
}

/// A selector that has nothing but labels, wherever this API puts them; `None` where it can't be told.
fn match_labels(selector: &Node) -> Option<Selector> {
    let Value::Mapping(entries) = &selector.value else { return None };
    let [only] = &entries[..] else { return None };
    let Value::Mapping(labels) = &only.value.value else { return None };
    if !["matchLabels", "labels"].contains(&only.key.as_str()) {
        return None;
    }
    // Cilium says where a label comes from; only Kubernetes' own can be compared.
    let pair = |e: &super::text::Entry| {
        let key = e.key.strip_prefix("k8s:").or_else(|| e.key.strip_prefix("any:")).unwrap_or(&e.key);
        (!key.contains(':') && !key.starts_with("io.")).then(|| Some((key.to_owned(), e.value.as_str()?.to_owned())))?
    };
    let pairs: Option<Vec<(String, String)>> = labels.iter().map(pair).collect();
    Some(Selector::of_labels(pairs?.iter().map(|(k, v)| (k.as_str(), v.as_str()))))
}
