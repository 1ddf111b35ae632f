//! From the text of manifests to objects, as `kubectl apply` and the API server would take them.
//!
//! [`text`] turns text into trees with positions; [`decode`] reads objects from a tree; [`collect()`] puts the objects
//! of all documents together. Everything that decides who may call whom is checked as the API server checks it, unknown
//! fields included; of other fields only what is read is looked at.

mod api;
mod approvals;
mod collect;
pub mod edit;
mod endpoints;
mod exposure;
mod field;
mod foreign;
mod kinds;
mod metadata;
mod observed;
mod outdated;
mod policy;
mod quote;
mod read;
mod schema;
mod selector;
mod service;
mod settings;
pub mod text;
mod workload;

pub use api::{decode_from_api, decode_owned, from_api};
pub use collect::collect;
pub use endpoints::is_endpoints;
pub use exposure::is_exposure;
pub use field::field;
pub use foreign::is_foreign;
pub use observed::SNAPSHOT;
pub use quote::quoted;

pub(crate) use approvals::{TOO_LATE, is_rfc3339};

use std::cell::RefCell;

use crate::approval::{Approval, Prohibition};
use crate::finding::{Finding, ObjectName};
use crate::names;
use crate::objects::{
    Endpoints, Exposure, ForeignPolicy, Kind, Metadata, Namespace, Origin, Revision, Service, ServiceAccount, Workload,
};
use crate::policy::NetworkPolicy;
use crate::unread::Unread;
use read::Context;
use text::Node;

/// Why a document can't be read, or what the API server would refuse in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ManifestError {
    /// What was read and what was expected, without a full stop.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Where.
    pub origin: Origin,
}

/// One object of a manifest. Small, since many are moved about before each finds its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// A Namespace.
    Namespace(Box<Namespace>),
    /// A workload or Pod.
    Workload(Box<Workload>),
    /// A Service.
    Service(Box<Service>),
    /// A ServiceAccount.
    ServiceAccount(Box<ServiceAccount>),
    /// A NetworkPolicy.
    Policy(Box<NetworkPolicy>),
    /// An Approval or ClusterApproval.
    Approval(Box<Approval>),
    /// A ClusterProhibition.
    Prohibition(Box<Prohibition>),
    /// A policy of another API.
    Foreign(Box<ForeignPolicy>),
    /// What calls Services and can carry no intent.
    Exposure(Box<Exposure>),
    /// Where a Service leads by addresses.
    Endpoints(Box<Endpoints>),
    /// A former template.
    Revision(Box<Revision>),
    /// Of a kind that decides nothing here.
    Skipped(String),
}

impl Object {
    /// Group, kind and metadata; `None` for what is passed over. Kinds of one name in different groups are different kinds.
    pub fn identity(&self) -> Option<(&str, &str, &Metadata)> {
        Some(match self {
            Self::Namespace(o) => ("", "Namespace", &o.metadata),
            // Workloads of one kind are one, whatever group an old manifest gives them.
            Self::Workload(o) => ("", &o.kind, &o.metadata),
            Self::Service(o) => ("", "Service", &o.metadata),
            Self::ServiceAccount(o) => ("", "ServiceAccount", &o.metadata),
            Self::Policy(o) => ("networking.k8s.io", "NetworkPolicy", &o.metadata),
            Self::Approval(o) => ("netintent.dev", o.kind(), &o.metadata),
            Self::Prohibition(o) => ("netintent.dev", "ClusterProhibition", &o.metadata),
            Self::Foreign(o) => (&o.group, &o.kind, &o.metadata),
            Self::Exposure(o) => (&o.group, &o.kind, &o.metadata),
            Self::Endpoints(o) => ("discovery.k8s.io", "EndpointSlice", &o.metadata),
            Self::Revision(o) => ("apps", "ControllerRevision", &o.metadata),
            Self::Skipped(_) => return None,
        })
    }
}

/// What one document holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Its objects: one, or those of a list.
    pub objects: Vec<Object>,
    /// What was read with reservations.
    pub findings: Vec<Finding>,
    /// Whether there is anything: a list without items is no empty file.
    pub any: bool,
    /// Of a cluster that was written to a file as it was: what could not be read of it.
    pub observed: Option<Vec<Unread>>,
}

/// Reads the objects of one document of file number `file`. Objects that name no namespace are in `namespace`.
///
/// # Errors
/// The first thing in the document that can't be read, or that the API server would refuse.
pub fn decode(node: &Node, file: u32, namespace: &str) -> Result<Decoded, ManifestError> {
    // A document that says `null` is an empty one.
    if matches!(node.value, text::Value::Null) {
        return Ok(Decoded::default());
    }
    let context = Context { file, namespace, findings: RefCell::default() };
    // Nearly always one. By itself the list would take room for four, and most of the memory of a run with it.
    let mut objects = Vec::with_capacity(1);
    let observed = observed::of(&context, node, &mut objects)?;
    if observed.is_none() {
        object(&context, node, None, &mut objects)?;
    }
    Ok(Decoded { objects, findings: context.findings.into_inner(), any: true, observed })
}

/// What a list says of its items.
#[derive(Clone, Copy)]
struct List<'n> {
    api_version: &'n str,
    kind: &'n str,
}

fn object(
    context: &Context<'_>,
    node: &Node,
    list: Option<List<'_>>,
    objects: &mut Vec<Object>,
) -> Result<(), ManifestError> {
    context.mapping(node, "a Kubernetes object")?;
    // The items of a PodList need not repeat what they are.
    let (api_version, kind) = match list {
        Some(list) if node.get("kind").is_none() && !list.kind.is_empty() => (list.api_version, list.kind),
        _ => (context.required_string(node, "apiVersion")?, context.required_string(node, "kind")?),
    };
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    kinds::check(context, node, group, kind)?;
    if let Some(list) =
        list.filter(|list| !list.kind.is_empty() && (list.api_version, list.kind) != (api_version, kind))
    {
        let place = node.get("kind").unwrap_or(node);
        let message = format!("a {}List has no item of kind `{}`", list.kind, names::printable(kind));
        return context.error(place.span, message, Some("a list of any kind is `kind: List`".to_owned()));
    }
    if kind == "List" && api_version != "v1" {
        let place = node.get("apiVersion").unwrap_or(node);
        let message = format!("`{}` has no kind `List`", names::printable(api_version));
        return context.error(place.span, message, Some("write `apiVersion: v1`".to_owned()));
    }
    if let Some(item_kind) = kind.strip_suffix("List").filter(|_| node.get("items").is_some() || kind == "List") {
        if list.is_some() {
            return context.error(read::head(node), "a list within a list", None);
        }
        for item in context.items(node, "items")? {
            object(context, item, Some(List { api_version, kind: item_kind }), objects)?;
        }
        return Ok(());
    }
    let before = context.findings.borrow().len();
    schema::check(context, node, group, kind)?;
    let object = match (group, kind) {
        ("", "Namespace") => {
            Object::Namespace(Box::new(Namespace { metadata: metadata::cluster_scoped(context, node, true)? }))
        }
        ("", "ServiceAccount") => {
            Object::ServiceAccount(Box::new(ServiceAccount { metadata: metadata::namespaced(context, node)? }))
        }
        ("", "Service") => Object::Service(Box::new(service::service(context, node)?)),
        ("", "Pod" | "ReplicationController")
        | ("apps" | "extensions", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "Job" | "CronJob") => {
            outdated::read(context, node, api_version, kind);
            Object::Workload(Box::new(workload::workload(context, node, kind)?))
        }
        ("networking.k8s.io" | "extensions", "NetworkPolicy") => {
            outdated::read(context, node, api_version, kind);
            Object::Policy(Box::new(policy::network_policy(context, node)?))
        }
        ("netintent.dev", "Approval") => Object::Approval(Box::new(approvals::approval(context, node, false)?)),
        ("netintent.dev", "ClusterApproval") => Object::Approval(Box::new(approvals::approval(context, node, true)?)),
        ("netintent.dev", "ClusterProhibition") => {
            Object::Prohibition(Box::new(approvals::prohibition(context, node)?))
        }
        ("apps", "ControllerRevision") => Object::Revision(Box::new(workload::revision(context, node)?)),
        _ if is_endpoints(group, kind) => Object::Endpoints(Box::new(endpoints::endpoints(context, node)?)),
        _ if is_exposure(group, kind) => {
            outdated::passed_over(context, node, api_version, kind);
            Object::Exposure(Box::new(exposure::exposure(context, node, group, kind)?))
        }
        _ => {
            if let Some(policy) = foreign::foreign(context, node, group, kind)? {
                Object::Foreign(Box::new(policy))
            } else {
                outdated::passed_over(context, node, api_version, kind);
                skipped(context, node, group, kind)?
            }
        }
    };
    let name = object.identity().map(|(_, kind, metadata)| ObjectName::new(kind.to_owned(), metadata));
    context.findings.borrow_mut()[before..].iter_mut().for_each(|finding| finding.object.clone_from(&name));
    objects.push(object);
    Ok(())
}

/// An object of a kind that decides nothing here. Of all kinds the API server checks labels and annotations alike.
fn skipped(context: &Context<'_>, node: &Node, group: &str, kind: &str) -> Result<Object, ManifestError> {
    if let Some(metadata) = context.present(node, "metadata") {
        metadata::labels(context, metadata)?;
        metadata::annotations(context, metadata)?;
    }
    Ok(Object::Skipped(if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") }))
}

/// A kind as a constant where it is one that is read.
fn kind_of(kind: &str) -> Kind {
    ["Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob"]
        .into_iter()
        .find(|k| *k == kind)
        .map_or_else(|| kind.to_owned().into(), Kind::from)
}
