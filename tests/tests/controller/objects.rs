//! The objects that the tests apply.

use netintent_tests::User;
use serde_json::{Value, json};

use crate::Result;

/// Where the API server has the objects of a kind, in a namespace or in none.
pub(crate) fn path(kind: &str, namespace: &str) -> String {
    let root = match kind {
        "Deployment" => "apis/apps/v1",
        "NetworkPolicy" => "apis/networking.k8s.io/v1",
        "Event" => "apis/events.k8s.io/v1",
        "Lease" => "apis/coordination.k8s.io/v1",
        "Approval" | "ClusterApproval" | "ClusterProhibition" => "apis/netintent.dev/v1alpha1",
        _ => "api/v1",
    };
    let plural = kind.to_ascii_lowercase().replace("policy", "policie") + "s";
    match namespace {
        "" => format!("/{root}/{plural}"),
        _ => format!("/{root}/namespaces/{namespace}/{plural}"),
    }
}

/// A Deployment of one pod that declares these calls.
pub(crate) fn deployment(namespace: &str, name: &str, calls: &str) -> Value {
    let mut template = json!({"metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": "example.invalid/none"}]}});
    if !calls.is_empty() {
        template["metadata"]["annotations"] = json!({"netintent.dev/calls": calls});
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": namespace, "name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}})
}

/// A Service with the ports rpc and admin.
pub(crate) fn service(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"app": name}, "ports": [{"name": "rpc", "port": 80}, {"name": "admin", "port": 70}]}})
}

/// An Approval.
pub(crate) fn approval(namespace: &str, name: &str, callers: &[&str], callees: &[&str]) -> Value {
    json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "Approval",
        "metadata": {"namespace": namespace, "name": name}, "spec": {"callers": callers, "callees": callees}})
}

/// Where an object is, or would be.
fn at(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    path(text("/kind"), text("/metadata/namespace"))
}

/// Creates an object, which must go.
pub(crate) fn create(user: &User, object: &Value) -> Result {
    let reply = user.post(&at(object), object)?;
    if reply.is_success() { Ok(()) } else { Err(format!("{}: {}", at(object), reply.body).into()) }
}

/// Changes an object, which must go.
pub(crate) fn merge(user: &User, path: &str, patch: &Value) -> Result {
    let reply = user.patch(path, "merge", patch)?;
    if reply.is_success() { Ok(()) } else { Err(format!("{path}: {}", reply.body).into()) }
}

/// Deletes an object, which must go.
pub(crate) fn delete(user: &User, path: &str) -> Result {
    let reply = user.delete(path)?;
    if reply.is_success() { Ok(()) } else { Err(format!("{path}: {}", reply.body).into()) }
}

/// Revokes an Approval, as an act.
pub(crate) fn revoke(user: &User, namespace: &str, name: &str) -> Result {
    let path = format!("{}/{name}", path("Approval", namespace));
    merge(user, &path, &json!({"metadata": {"annotations": {"netintent.dev/revoked": "a test"}}}))?;
    delete(user, &path)
}

/// Changes the mode of a namespace.
pub(crate) fn set_mode(user: &User, namespace: &str, mode: &str) -> Result {
    let path = format!("{}/{namespace}", path("Namespace", ""));
    merge(user, &path, &json!({"metadata": {"labels": {"netintent.dev/mode": mode}}}))
}
