//! The kinds of Kubernetes' own groups, so that a slip in `kind` is not passed over as somebody else's.

use super::ManifestError;
use super::read::Context;
use super::text::Node;
use crate::names::printable;
use crate::suggest::nearest;

/// Groups whose kinds are all known, as of Kubernetes 1.36, but for the kinds of lists.
const KINDS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "Binding",
            "ComponentStatus",
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "List",
            "Namespace",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
    ("apps", &["ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]),
    ("batch", &["CronJob", "Job"]),
    ("networking.k8s.io", &["IPAddress", "Ingress", "IngressClass", "NetworkPolicy", "ServiceCIDR"]),
    ("netintent.dev", &["Approval", "ClusterApproval", "ClusterProhibition"]),
];

/// Refuses a kind that one of these groups does not have.
pub(super) fn check(context: &Context<'_>, node: &Node, group: &str, kind: &str) -> Result<(), ManifestError> {
    let Some((_, known)) = KINDS.iter().find(|(g, _)| *g == group) else { return Ok(()) };
    let single = kind.strip_suffix("List").filter(|k| !k.is_empty()).unwrap_or(kind);
    if known.contains(&kind) || known.contains(&single) {
        return Ok(());
    }
    let place = node.get("kind").unwrap_or(node);
    let group = if group.is_empty() { "the core group" } else { group };
    let same = known.iter().copied().find(|k| k.eq_ignore_ascii_case(kind));
    let near = same.or_else(|| nearest(kind, known.iter().copied()));
    let help = near.map(|near| format!("did you mean `{near}`?"));
    context.error(place.span, format!("{group} has no kind `{}`", printable(kind)), help)
}
