//! The objects that the tests apply.

use std::collections::BTreeSet;

use netintent_tests::{Installed, User};
use serde_json::{Value, json};

use crate::Result;

/// Every kind whose pods can call.
pub(crate) const KINDS: [&str; 8] =
    ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob", "Pod"];

/// The API version of a kind.
pub(crate) fn api_version(kind: &str) -> &'static str {
    match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => "apps/v1",
        "Job" | "CronJob" => "batch/v1",
        "Approval" | "ClusterApproval" | "ClusterProhibition" => "netintent.dev/v1alpha1",
        _ => "v1",
    }
}

/// Where the API server has the objects of a kind in a namespace.
pub(crate) fn path(kind: &str, namespace: &str) -> String {
    let version = api_version(kind);
    let root = if version.contains('/') { "apis" } else { "api" };
    format!("/{root}/{version}/namespaces/{namespace}/{}s", kind.to_ascii_lowercase())
}

/// A pod template, or what of a Pod is like one.
pub(crate) fn template(name: &str, calls: &str, restart: &str) -> Value {
    let mut template = json!({"metadata": {"labels": {"app": name}},
        "spec": {"restartPolicy": restart, "containers": [{"name": "main", "image": "example.invalid/none"}]}});
    if !calls.is_empty() {
        template["metadata"]["annotations"] = json!({"netintent.dev/calls": calls});
    }
    template
}

/// A workload of any kind with one pod, which declares these calls.
pub(crate) fn workload(kind: &str, namespace: &str, name: &str, calls: &str) -> Value {
    let template = template(name, calls, if matches!(kind, "Job" | "CronJob") { "Never" } else { "Always" });
    let selector = json!({"matchLabels": {"app": name}});
    let spec = match kind {
        "Pod" => template["spec"].clone(),
        "Deployment" | "ReplicaSet" => json!({"replicas": 1, "selector": selector, "template": template}),
        "StatefulSet" => json!({"serviceName": "none", "replicas": 1, "selector": selector, "template": template}),
        "DaemonSet" => json!({"selector": selector, "template": template}),
        "ReplicationController" => json!({"replicas": 1, "selector": {"app": name}, "template": template}),
        "Job" => json!({"template": template}),
        _ => json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}}),
    };
    let mut metadata = json!({"namespace": namespace, "name": name, "labels": {"app": name}});
    if kind == "Pod" && !calls.is_empty() {
        metadata["annotations"] = json!({"netintent.dev/calls": calls});
    }
    json!({"apiVersion": api_version(kind), "kind": kind, "metadata": metadata, "spec": spec})
}

/// A Namespace in a mode.
pub(crate) fn namespace(name: &str, mode: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": {"netintent.dev/mode": mode}}})
}

/// A Service with the ports rpc, metrics and admin.
pub(crate) fn service(namespace: &str, name: &str) -> Value {
    let ports = [("rpc", 80), ("metrics", 90), ("admin", 70)];
    let ports: Vec<Value> = ports.iter().map(|(name, port)| json!({"name": name, "port": port})).collect();
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"app": name}, "ports": ports}})
}

/// An Approval.
pub(crate) fn approval(namespace: &str, name: &str, callers: &[&str], callees: &[&str]) -> Value {
    json!({"apiVersion": api_version("Approval"), "kind": "Approval",
        "metadata": {"namespace": namespace, "name": name}, "spec": {"callers": callers, "callees": callees}})
}

/// A ServiceAccount that declares calls.
pub(crate) fn account(namespace: &str, name: &str, calls: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name,
        "annotations": {"netintent.dev/calls": calls}}})
}

/// Creates an object, which must go.
pub(crate) fn create(user: &User, object: &Value) -> Result<Value> {
    let text = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
    let namespace = object["metadata"]["namespace"].as_str();
    let path = match namespace {
        Some(namespace) => path(&text("kind"), namespace),
        None => path(&text("kind"), "").replace("/namespaces//", "/"),
    };
    let reply = user.post(&path, object)?;
    if reply.is_success() { Ok(reply.body) } else { Err(format!("{path}: {}", reply.body).into()) }
}

/// The reserved labels of an object.
pub(crate) fn reserved(object: &Value) -> BTreeSet<String> {
    let labels = object["metadata"]["labels"].as_object();
    let all = labels.into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    all.filter(|label| netintent::names::is_reserved(label.split('=').next().unwrap_or_default())).collect()
}

/// Waits for the pods of `app` in a namespace, at least one, and gives them.
pub(crate) fn pods(installed: &Installed, namespace: &str, app: &str) -> Result<Vec<Value>> {
    let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector=app%3D{app}");
    let found = installed.until(&format!("{namespace} has pods of {app}"), || {
        let items = installed.admin().get(&path)?.body["items"].as_array().cloned().unwrap_or_default();
        Ok((!items.is_empty()).then_some(items))
    })?;
    Ok(found)
}
