//! The custom resources as Kubernetes serves them: Approval, ClusterApproval and ClusterProhibition.
//!
//! What the comments here say is what `kubectl explain` prints. The manifests in `manifests/crd` are made from these
//! types (`UPDATE=1 cargo test -p netintent --test crds`), and their schema refuses what [`crate::manifest`] refuses.

#![allow(unreachable_pub, reason = "the derive repeats each struct, `pub` included, inside a function")]
#![allow(clippy::doc_markdown, reason = "`kubectl explain` prints these comments, where Kubernetes' kinds stand bare")]
#![allow(clippy::duplicated_attributes, reason = "columns have names and types alike")]

mod schema;

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, CustomResourceExt as _, KubeSchema};
use serde::{Deserialize, Serialize};

/// What an Approval permits.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "netintent.dev",
    version = "v1alpha1",
    kind = "Approval",
    namespaced,
    derive = "PartialEq",
    shortname = "appr",
    category = "netintent",
    doc = "Approval is the consent of the owners of Services, in their own namespace, that callers may call them. Approvals add up: the union of all of them holds.",
    printcolumn(name = "Callers", type_ = "string", json_path = ".spec.callers", description = "Who may call."),
    printcolumn(name = "Callees", type_ = "string", json_path = ".spec.callees", description = "What they may call."),
    printcolumn(
        name = "Expires",
        type_ = "string",
        json_path = ".spec.expiresAt",
        description = "When it ends to hold."
    ),
    printcolumn(name = "Reason", type_ = "string", json_path = ".spec.reason", description = "Why."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = schema::callers_or_from())]
pub struct ApprovalSpec {
    /// Who may call: `namespace/name`, `namespace/*` (every caller of a namespace), `*/*` (every caller), or `./name` and `./*` for callers of this namespace. A caller is named after the Deployment, StatefulSet, DaemonSet, CronJob or Job of its pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::callers_of_approval")]
    pub callers: Vec<String>,
    /// What they may call, always in this namespace: `service` (every port), `service:port`, `*` (every Service) or `*:port`. A port is the name of a Service's port, or its number where it has no name.
    #[schemars(schema_with = "schema::callees_of_approval")]
    pub callees: Vec<String>,
    /// Why, for people: a ticket or a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::reason")]
    pub reason: Option<String>,
    /// When the approval ends to hold, as RFC 3339: 2027-06-30T00:00:00Z. Without it, never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::expires_at")]
    pub expires_at: Option<Time>,
    /// Callers that can declare no intent (an ingress controller, nodes, addresses outside the cluster), as peers of a NetworkPolicy. They need nothing else to connect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::from")]
    pub from: Vec<NetworkPolicyPeer>,
}

/// What a ClusterApproval permits.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "netintent.dev",
    version = "v1alpha1",
    kind = "ClusterApproval",
    derive = "PartialEq",
    shortname = "cappr",
    category = "netintent",
    doc = "ClusterApproval is the consent of the platform team that callers may call Services of any namespace. It adds to the Approvals of the namespaces.",
    printcolumn(name = "Callers", type_ = "string", json_path = ".spec.callers", description = "Who may call."),
    printcolumn(name = "Callees", type_ = "string", json_path = ".spec.callees", description = "What they may call."),
    printcolumn(
        name = "Expires",
        type_ = "string",
        json_path = ".spec.expiresAt",
        description = "When it ends to hold."
    ),
    printcolumn(name = "Reason", type_ = "string", json_path = ".spec.reason", description = "Why."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = schema::callers_or_from())]
pub struct ClusterApprovalSpec {
    /// Who may call: `namespace/name`, `namespace/*` (every caller of a namespace) or `*/*` (every caller). A caller is named after the Deployment, StatefulSet, DaemonSet, CronJob or Job of its pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::callers")]
    pub callers: Vec<String>,
    /// What they may call: `namespace/service`, `namespace/*` (every Service of a namespace), `*/*` (every Service of every managed namespace) or `@type` (every Service whose label netintent.dev/type is this), each for every port, or with `:port` for one. A port is the name of a Service's port, or its number where it has no name.
    #[schemars(schema_with = "schema::callees")]
    pub callees: Vec<String>,
    /// Why, for people: a ticket or a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::reason")]
    pub reason: Option<String>,
    /// When the approval ends to hold, as RFC 3339: 2027-06-30T00:00:00Z. Without it, never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::expires_at")]
    pub expires_at: Option<Time>,
    /// Callers that can declare no intent (an ingress controller, nodes, addresses outside the cluster), as peers of a NetworkPolicy. They need nothing else to connect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::from")]
    pub from: Vec<NetworkPolicyPeer>,
}

/// What a ClusterProhibition forbids.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "netintent.dev",
    version = "v1alpha1",
    kind = "ClusterProhibition",
    derive = "PartialEq",
    shortname = "cproh",
    category = "netintent",
    doc = "ClusterProhibition is the platform team's word that callers may never call Services, whatever any Approval or ClusterApproval says.",
    printcolumn(name = "Callers", type_ = "string", json_path = ".spec.callers", description = "Who may not call."),
    printcolumn(
        name = "Callees",
        type_ = "string",
        json_path = ".spec.callees",
        description = "What they may not call."
    ),
    printcolumn(name = "Reason", type_ = "string", json_path = ".spec.reason", description = "Why."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterProhibitionSpec {
    /// Who may not call: `namespace/*` (every caller of a namespace) or `*/*` (every caller). Names within a namespace are its own to choose, so they cannot be prohibited.
    #[schemars(schema_with = "schema::callers_of_prohibition")]
    pub callers: Vec<String>,
    /// What they may not call: `namespace/service`, `namespace/*` (every Service of a namespace), `*/*` (every Service of every managed namespace) or `@type` (every Service whose label netintent.dev/type is this), each for every port, or with `:port` for one. An intent that overlaps it in part is refused whole.
    #[schemars(schema_with = "schema::callees")]
    pub callees: Vec<String>,
    /// Why, for people: a ticket or a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::reason")]
    pub reason: Option<String>,
}

/// The definitions of all three, as a cluster needs them before it takes objects of these kinds.
pub fn definitions() -> [CustomResourceDefinition; 3] {
    [Approval::crd(), ClusterApproval::crd(), ClusterProhibition::crd()]
}
