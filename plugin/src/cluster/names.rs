//! Names alone, for completion: what can't be had is left out.

use std::sync::Arc;

use futures::future::join_all;
use netintent::manifest::Object;
use serde::Deserialize;

use super::kinds::{Resource, known};
use super::list::{Lists, METADATA_LIST, get};
use super::{Cluster, Failure};

/// How many names of a kind are asked for: nobody reads more.
const MOST: u32 = 500;

#[derive(Default, Deserialize)]
struct List {
    #[serde(default)]
    items: Option<Vec<Item>>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    #[serde(default)]
    owner_references: Vec<Owner>,
}

#[derive(Deserialize)]
struct Owner {
    #[serde(default)]
    controller: bool,
}

/// The namespaces.
pub(crate) fn namespaces(cluster: &Cluster) -> Vec<String> {
    of_kinds(cluster, None, |kind| kind == "Namespace")
}

/// The workloads of a namespace, each once: not what another one controls.
pub(crate) fn workloads(cluster: &Cluster, namespace: &str) -> Vec<String> {
    of_kinds(cluster, Some(namespace), |kind| {
        matches!(
            kind,
            "Deployment"
                | "StatefulSet"
                | "DaemonSet"
                | "ReplicaSet"
                | "ReplicationController"
                | "CronJob"
                | "Job"
                | "Pod"
        )
    })
}

/// The Services of a namespace.
pub(crate) fn services(cluster: &Cluster, namespace: &str) -> Vec<String> {
    of_kinds(cluster, Some(namespace), |kind| kind == "Service")
}

/// The ports of a Service, as intents name them.
pub(crate) fn ports(cluster: &Cluster, namespace: &str, service: &str) -> Vec<String> {
    let Some(kind) = known().into_iter().find(|resource| resource.kind == "Service") else { return Vec::new() };
    let lists = Lists { cluster, count: Arc::default(), nodes: false };
    let read = cluster.run(lists.get(&kind, namespace, service)).ok().flatten();
    let objects = read.into_iter().flat_map(|read| read.objects);
    let ports = objects.filter_map(|object| match object {
        Object::Service(service) => Some(service.ports.iter().map(|port| port.identifier().to_string()).collect()),
        _ => None,
    });
    ports.collect::<Vec<Vec<String>>>().concat()
}

fn of_kinds(cluster: &Cluster, namespace: Option<&str>, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let kinds: Vec<Resource> = known().into_iter().filter(|resource| wanted(&resource.kind)).collect();
    let read = cluster.run(join_all(kinds.iter().map(|kind| names(cluster, kind, namespace))));
    read.into_iter().filter_map(Result::ok).flatten().collect()
}

async fn names(cluster: &Cluster, kind: &Resource, namespace: Option<&str>) -> Result<Vec<String>, Failure> {
    let text = cluster.text(get(&format!("{}?limit={MOST}", kind.path(namespace)), METADATA_LIST)?).await?;
    let list: List = serde_json::from_str(&text).map_err(|error| Failure::Garbled(error.to_string()))?;
    let own = |item: &Item| !item.metadata.owner_references.iter().any(|owner| owner.controller);
    let all = list.items.unwrap_or_default().into_iter();
    Ok(all.filter(own).map(|item| item.metadata.name).collect())
}
