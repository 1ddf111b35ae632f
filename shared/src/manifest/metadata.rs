//! Names, namespaces, labels, annotations and owners.

use super::ManifestError;
use super::read::{Context, head};
use super::text::{Entry, Node, Value};
use crate::finding::Code;
use crate::names;
use crate::objects::{Metadata, Owner, Text};
use crate::selector::Labels;

type Result<T> = std::result::Result<T, ManifestError>;

/// The metadata of an object that is in a namespace.
pub(super) fn namespaced(context: &Context<'_>, node: &Node) -> Result<Metadata> {
    let mut metadata = metadata(context, node, names::is_dns_subdomain, "lower-case letters, digits, `-` and `.`")?;
    match node.get("metadata").and_then(|m| context.present(m, "namespace")) {
        Some(written) => {
            let namespace = context.string(written, "namespace")?;
            if namespace.is_empty() {
                context.namespace.clone_into(&mut metadata.namespace);
            } else if names::is_dns_label(namespace) {
                namespace.clone_into(&mut metadata.namespace);
            } else {
                let shown = names::printable(namespace);
                let message =
                    format!("`{shown}` is no name of a namespace: lower-case letters, digits and `-` were expected");
                return context.error(written.span, message, None);
            }
        }
        None => context.namespace.clone_into(&mut metadata.namespace),
    }
    Ok(metadata)
}

/// The same where the name must be a DNS label, as a Service's.
pub(super) fn namespaced_label(context: &Context<'_>, node: &Node) -> Result<Metadata> {
    let metadata = namespaced(context, node)?;
    check_label_name(context, node, &metadata)?;
    Ok(metadata)
}

/// The metadata of an object that is in no namespace; its name a DNS label if `label`.
pub(super) fn cluster_scoped(context: &Context<'_>, node: &Node, label: bool) -> Result<Metadata> {
    let metadata = metadata(context, node, names::is_dns_subdomain, "lower-case letters, digits, `-` and `.`")?;
    if label {
        check_label_name(context, node, &metadata)?;
    }
    Ok(metadata)
}

fn check_label_name(context: &Context<'_>, node: &Node, metadata: &Metadata) -> Result<()> {
    if names::is_dns_label(&metadata.name) {
        return Ok(());
    }
    let span = node.get("metadata").and_then(|m| m.get("name")).map_or(node.span, |n| n.span);
    let message =
        format!("`{}` is no name here: at most 63 lower-case letters, digits and `-` were expected", metadata.name);
    context.error(span, message, None)
}

/// The metadata of an object of another API, whose names may have any printable form.
pub(super) fn any(context: &Context<'_>, node: &Node) -> Result<Metadata> {
    metadata(context, node, |name| names::printable(name) == name, "printable characters")
}

fn metadata(context: &Context<'_>, node: &Node, is_name: fn(&str) -> bool, expected: &str) -> Result<Metadata> {
    let Some(written) = context.present(node, "metadata") else {
        return context.error(head(node), "`metadata` is missing", None);
    };
    context.mapping(written, "`metadata`")?;
    let given = |key| Ok(context.optional_string(written, key)?.filter(|text| !text.is_empty()));
    let (name, stem) = Metadata::named(given("name")?, given("generateName")?);
    if name.is_empty() {
        return context.error(head(written), "`name` is missing", None);
    }
    if !is_name(&name) {
        let span = written.get("name").or_else(|| written.get("generateName")).map_or(written.span, |n| n.span);
        let message = format!("`{}` is no name: {expected} were expected", names::printable(&name));
        return context.error(span, message, None);
    }
    Ok(Metadata {
        namespace: String::new(),
        name,
        stem,
        labels: labels(context, written)?,
        annotations: annotations(context, written)?,
        applied: context.present(written, "annotations").is_some_and(|a| a.get(names::LAST_APPLIED).is_some()),
        created: written.get("creationTimestamp").and_then(Node::as_str).and_then(|text| text.parse().ok()),
        controller: controller(context, written)?,
        origin: context.origin(head(node)),
    })
}

/// The labels under `labels` of a metadata node.
pub(super) fn labels(context: &Context<'_>, metadata: &Node) -> Result<Labels> {
    match context.present(metadata, "labels") {
        Some(node) => label_map(context, node, "labels"),
        None => Ok(Labels::default()),
    }
}

/// A map of label keys to label values.
pub(super) fn label_map(context: &Context<'_>, node: &Node, what: &str) -> Result<Labels> {
    let entries = context.mapping(node, &format!("`{what}`"))?;
    let mut pairs: Vec<(&str, &str)> = Vec::with_capacity(entries.len());
    for entry in entries {
        // `kubectl apply` drops what is null.
        if matches!(entry.value.value, Value::Null) {
            continue;
        }
        if let Err(message) = names::check_qualified_name(&entry.key) {
            return context.error(entry.key_span, names::printable(&message), None);
        }
        let value = context.string(&entry.value, &entry.key)?;
        if let Err(message) = names::check_label_value(value) {
            return context.error(entry.value.span, names::printable(&message), None);
        }
        pairs.push((&entry.key, value));
    }
    Ok(pairs.into_iter().collect())
}

/// Checks all annotations, and keeps those that mean something here.
pub(super) fn annotations(context: &Context<'_>, metadata: &Node) -> Result<Vec<(String, Text)>> {
    let Some(node) = context.present(metadata, "annotations") else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    for entry in context.mapping(node, "`annotations`")? {
        let ours = entry.key.starts_with("netintent.dev/") || entry.key.starts_with("a8r.io/");
        if matches!(entry.value.value, Value::Null) {
            continue;
        }
        context.string(&entry.value, &entry.key)?;
        outdated(context, entry);
        if let Err(message) = names::check_qualified_name(&entry.key.to_ascii_lowercase()) {
            return context.error(entry.key_span, names::printable(&message), None);
        }
        if ours || entry.key == names::MIRROR {
            kept.push((entry.key.clone(), context.text(&entry.value, &entry.key)?));
        }
    }
    Ok(kept)
}

/// Annotations that decided something once and of which Kubernetes 1.36 knows nothing, and what took their place.
const OUTDATED: &[(&str, &str)] = &[
    ("net.beta.kubernetes.io/network-policy", "a NetworkPolicy with an empty podSelector and no rules denies all"),
    ("pod.alpha.kubernetes.io/init-containers", "the field `initContainers`"),
    ("pod.beta.kubernetes.io/init-containers", "the field `initContainers`"),
    ("pod.beta.kubernetes.io/hostname", "the field `hostname`"),
    ("pod.beta.kubernetes.io/subdomain", "the field `subdomain`"),
    ("scheduler.alpha.kubernetes.io/affinity", "the field `affinity`"),
    ("scheduler.alpha.kubernetes.io/tolerations", "the field `tolerations`"),
    ("scheduler.alpha.kubernetes.io/critical-pod", "the field `priorityClassName`"),
    ("security.alpha.kubernetes.io/sysctls", "the field `securityContext.sysctls`"),
    ("security.alpha.kubernetes.io/unsafe-sysctls", "the field `securityContext.sysctls`"),
    ("seccomp.security.alpha.kubernetes.io/pod", "the field `securityContext.seccompProfile`"),
    ("service.alpha.kubernetes.io/tolerate-unready-endpoints", "the field `publishNotReadyAddresses`"),
    ("service.beta.kubernetes.io/external-traffic", "the field `externalTrafficPolicy`"),
    ("service.beta.kubernetes.io/healthcheck-nodeport", "the field `healthCheckNodePort`"),
    ("volume.alpha.kubernetes.io/storage-class", "the field `storageClassName`"),
];

fn outdated(context: &Context<'_>, entry: &Entry) {
    let domain = |key: &str| key.contains(".alpha.kubernetes.io/") || key.contains(".beta.kubernetes.io/");
    if !domain(&entry.key) {
        return;
    }
    if let Some((key, instead)) = OUTDATED.iter().find(|(key, _)| *key == entry.key) {
        let message = format!("Kubernetes does not honour the annotation {key} any more");
        context.find(Code::OutdatedAnnotation, entry.key_span, message, Some(format!("in its place: {instead}")));
    }
}

fn controller(context: &Context<'_>, metadata: &Node) -> Result<Option<Owner>> {
    for owner in context.items(metadata, "ownerReferences")? {
        context.mapping(owner, "an owner reference")?;
        if context.bool(owner, "controller")? {
            let api_version = context.required_string(owner, "apiVersion")?;
            let kind = context.required_string(owner, "kind")?;
            let name = context.required_string(owner, "name")?;
            return Ok(Owner::new(api_version, kind, name));
        }
    }
    Ok(None)
}
