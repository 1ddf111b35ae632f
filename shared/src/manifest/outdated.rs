//! API versions of Kubernetes' own kinds that no API server serves any more, by the project's "Deprecated API Migration
//! Guide".

use super::read::Context;
use super::text::Node;
use crate::finding::{Code, Finding};

/// The version, the kinds that it had (none: all it had), and the version in its place; empty where nothing took it.
const REMOVED: &[(&str, &[&str], &str)] = &[
    ("extensions/v1beta1", &["Ingress"], "networking.k8s.io/v1"),
    ("extensions/v1beta1", &["PodSecurityPolicy"], ""),
    ("networking.k8s.io/v1beta1", &["Ingress", "IngressClass"], "networking.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1beta1", &[], "rbac.authorization.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1alpha1", &[], "rbac.authorization.k8s.io/v1"),
    (
        "admissionregistration.k8s.io/v1beta1",
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
        "admissionregistration.k8s.io/v1",
    ),
    ("apiextensions.k8s.io/v1beta1", &[], "apiextensions.k8s.io/v1"),
    ("apiregistration.k8s.io/v1beta1", &[], "apiregistration.k8s.io/v1"),
    ("autoscaling/v2beta1", &[], "autoscaling/v2"),
    ("autoscaling/v2beta2", &[], "autoscaling/v2"),
    ("certificates.k8s.io/v1beta1", &["CertificateSigningRequest"], "certificates.k8s.io/v1"),
    ("coordination.k8s.io/v1beta1", &["Lease"], "coordination.k8s.io/v1"),
    ("discovery.k8s.io/v1beta1", &[], "discovery.k8s.io/v1"),
    ("events.k8s.io/v1beta1", &[], "events.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta1", &[], "flowcontrol.apiserver.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta2", &[], "flowcontrol.apiserver.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta3", &[], "flowcontrol.apiserver.k8s.io/v1"),
    ("node.k8s.io/v1beta1", &[], "node.k8s.io/v1"),
    ("policy/v1beta1", &["PodDisruptionBudget"], "policy/v1"),
    ("policy/v1beta1", &["PodSecurityPolicy"], ""),
    ("scheduling.k8s.io/v1beta1", &["PriorityClass"], "scheduling.k8s.io/v1"),
    (
        "storage.k8s.io/v1beta1",
        &["CSIDriver", "CSINode", "CSIStorageCapacity", "StorageClass", "VolumeAttachment"],
        "storage.k8s.io/v1",
    ),
];

/// The version of a kind that is read, whatever version it is given.
fn current(kind: &str) -> &'static str {
    match kind {
        "Pod" | "ReplicationController" => "v1",
        "Job" | "CronJob" => "batch/v1",
        "NetworkPolicy" => "networking.k8s.io/v1",
        _ => "apps/v1",
    }
}

/// Says that no API server serves this version of a kind that is read any more; it is read as today's.
pub(super) fn read(context: &Context<'_>, node: &Node, api_version: &str, kind: &str) {
    let current = current(kind);
    if api_version != current {
        let message = format!("no API server serves {kind} as {api_version} any more; it is read as {current}");
        context.add(found(context, node, message, current));
    }
}

/// The same of a kind that is passed over, which decides nothing: `check` alone says so.
pub(super) fn passed_over(context: &Context<'_>, node: &Node, api_version: &str, kind: &str) {
    let removed = |(version, kinds, _): &&(&str, &[&str], &str)| {
        *version == api_version && (kinds.is_empty() || kinds.contains(&kind))
    };
    if let Some((_, _, now)) = REMOVED.iter().find(removed) {
        let kind = crate::names::printable(kind);
        let message = format!("no API server serves {kind} as {api_version} any more");
        context.add(Finding { told: false, ..found(context, node, message, now) });
    }
}

fn found(context: &Context<'_>, node: &Node, message: String, now: &str) -> Finding {
    let place = node.get("apiVersion").unwrap_or(node);
    let help = if now.is_empty() {
        "remove it: nothing took its place".to_owned()
    } else {
        format!("write `apiVersion: {now}`")
    };
    Finding::new(Code::OutdatedApiVersion, message).help(help).at_origin(context.origin(place.span))
}
