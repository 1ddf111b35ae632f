//! The objects that the tests of the controller apply.

use netintent::manifest::text::{documents, parse};
use serde_json::{Value, json};

use crate::{Error, Reply, User};

/// Where the API server has the objects of a kind, in a namespace or in none.
pub fn path(kind: &str, namespace: &str) -> String {
    let root = match kind {
        "Deployment" | "ReplicaSet" => "apis/apps/v1",
        "Job" => "apis/batch/v1",
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
pub fn deployment(namespace: &str, name: &str, calls: &str) -> Value {
    let mut template = json!({"metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": "example.invalid/none"}]}});
    if !calls.is_empty() {
        template["metadata"]["annotations"] = json!({"netintent.dev/calls": calls});
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": namespace, "name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}})
}

/// A Service with the ports rpc and admin.
pub fn service(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"app": name}, "ports": [{"name": "rpc", "port": 80}, {"name": "admin", "port": 70}]}})
}

/// An Approval.
pub fn approval(namespace: &str, name: &str, callers: &[&str], callees: &[&str]) -> Value {
    json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "Approval",
        "metadata": {"namespace": namespace, "name": name}, "spec": {"callers": callers, "callees": callees}})
}

/// Where an object is, or would be: the collection.
fn at(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    path(text("/kind"), text("/metadata/namespace"))
}

fn done(what: &str, reply: &Reply) -> Result<(), Error> {
    if reply.is_success() { Ok(()) } else { Err(Error::Client { what: format!("{what}: {}", reply.body) }) }
}

/// Creates an object, which must go.
///
/// # Errors
///
/// If it does not.
pub fn create(user: &User, object: &Value) -> Result<(), Error> {
    done(&at(object), &user.post(&at(object), object)?)
}

/// Changes an object, which must go.
///
/// # Errors
///
/// If it does not.
pub fn merge(user: &User, path: &str, patch: &Value) -> Result<(), Error> {
    done(path, &user.patch(path, "merge", patch)?)
}

/// Deletes an object, which must go.
///
/// # Errors
///
/// If it does not.
pub fn delete(user: &User, path: &str) -> Result<(), Error> {
    done(path, &user.delete(path)?)
}

/// Revokes an Approval, as an act.
///
/// # Errors
///
/// If it does not go.
pub fn revoke(user: &User, namespace: &str, name: &str) -> Result<(), Error> {
    let path = format!("{}/{name}", path("Approval", namespace));
    merge(user, &path, &json!({"metadata": {"annotations": {"netintent.dev/revoked": "a test"}}}))?;
    delete(user, &path)
}

/// Changes the mode of a namespace.
///
/// # Errors
///
/// If it does not go.
pub fn set_mode(user: &User, namespace: &str, mode: &str) -> Result<(), Error> {
    let path = format!("{}/{namespace}", path("Namespace", ""));
    merge(user, &path, &json!({"metadata": {"labels": {"netintent.dev/mode": mode}}}))
}

/// A peer that needs no intent.
pub fn from_block(cidr: &str) -> Value {
    json!([{"ipBlock": {"cidr": cidr}}])
}

/// The objects of manifests, those of lists each by itself, as the API server would be sent them.
///
/// # Errors
///
/// If it is no YAML, or its numbers are none.
pub fn read(text: &str) -> Result<Vec<Value>, Error> {
    let failed = |what: String| Error::Client { what };
    let mut all = Vec::new();
    for document in documents(text.as_bytes()).map_err(|error| failed(error.message))? {
        let Some(node) = parse(&document).map_err(|error| failed(error.message))? else { continue };
        let object = serde_json::to_value(&node).map_err(|error| failed(error.to_string()))?;
        match object["items"].as_array() {
            Some(items) => all.extend(items.iter().cloned()),
            None => all.push(object),
        }
    }
    Ok(all)
}
