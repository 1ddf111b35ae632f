//! What is created: a synthetic cluster, each object as its maker would make it, and the labels that the library derives for
//! its pods.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use netintent::manifest::{collect, decode, text};
use netintent::names;
use netintent::snapshot::{Options, Snapshot};
use netintent_synthetic::{Shape, synthesize};
use serde_json::{Value, json};

use crate::Result;

/// What a Deployment's ReplicaSet has behind its name, and its pods as a label.
const HASH: &str = "6fdf6b4b96";
/// Of the intents of the synthetic bank, so many does a prohibition beat.
const PROHIBITED: usize = 3;

/// The labels of a pod that are netintent's own.
pub(crate) type Reserved = BTreeSet<String>;

/// A pod to create, and what it must come to.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(crate) object: Value,
    pub(crate) labels: Reserved,
}

/// A cluster, in the order in which it is created.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) namespaces: Vec<Value>,
    /// Approvals, `ClusterApprovals` and prohibitions.
    pub(crate) statements: Vec<Value>,
    pub(crate) services: Vec<Value>,
    pub(crate) accounts: Vec<Value>,
    /// Deployments and the like, with whether they declare what is refused.
    pub(crate) workloads: Vec<(Value, bool)>,
    /// What controllers make of them before they make pods.
    pub(crate) owners: Vec<Value>,
    pub(crate) pods: Vec<Pod>,
    /// Of the policies that it must have, namespace and name.
    pub(crate) policies: BTreeSet<(String, String)>,
    /// How many intents without a wildcard are granted.
    pub(crate) granted: usize,
}

impl Cluster {
    /// One of so many Services, with 6.2 times as many approved intents and three times as many pods.
    pub(crate) fn of(services: usize) -> Result<Self> {
        let intents = services * 9_300 / 1_500 + PROHIBITED;
        let files = synthesize(&Shape { services, intents, unapproved: 0.0, ..Shape::default() });
        let (mut cluster, mut workloads, mut objects) = (Self::default(), Vec::new(), Vec::new());
        for file in &files {
            for document in text::documents(file.text.as_bytes()).map_err(|error| error.message)? {
                let Some(node) = text::parse(&document).map_err(|error| error.message)? else { continue };
                objects.extend(decode(&node, 0, "default").map_err(|error| error.message)?.objects);
                let object = serde_json::to_value(&node)?;
                match object["kind"].as_str().unwrap_or_default() {
                    "Namespace" => cluster.namespaces.push(object),
                    "Service" => cluster.services.push(object),
                    "ServiceAccount" => cluster.accounts.push(object),
                    // Those of users are as many with netintent as without.
                    "NetworkPolicy" => {}
                    kind if kind.contains("Approval") || kind.contains("Prohibition") => {
                        cluster.statements.push(object);
                    }
                    _ => workloads.push(object),
                }
            }
        }
        // No controller makes them here.
        let default = |namespace: &Value| {
            json!({"apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": {"namespace": namespace["metadata"]["name"], "name": "default"}})
        };
        cluster.accounts.extend(cluster.namespaces.iter().map(default));
        let objects = collect(objects, &|_| String::new(), &mut Vec::new());
        let snapshot = Snapshot::new(objects, &Options::at(Timestamp::now()));
        cluster.decided(&snapshot, workloads, services * 3);
        Ok(cluster)
    }

    /// Takes from the library what must come of it.
    fn decided(&mut self, snapshot: &Snapshot, workloads: Vec<Value>, pods: usize) {
        let generated =
            snapshot.policies.iter().filter(|policy| policy.generated).map(|policy| &policy.policy.metadata);
        self.policies = generated.map(|metadata| (metadata.namespace.clone(), metadata.name.clone())).collect();
        let mut labels: BTreeMap<(&str, &str, &str), (Reserved, bool)> = BTreeMap::new();
        for pod in &snapshot.pods {
            let workload = &snapshot.workloads[pod.workload as usize];
            let keys = pod.labels.iter().map(|(key, _)| key).filter(|key| names::is_reserved(key));
            let keys = keys.map(ToString::to_string).collect();
            labels.insert(workload.key(), (keys, !pod.derivation.refusals.is_empty()));
            let exact = pod.derivation.grants.iter().filter(|grant| !grant.callee.to_string().contains(['*', '@']));
            self.granted += exact.count();
        }
        let count = workloads.len();
        for (number, workload) in workloads.into_iter().enumerate() {
            let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let namespace = workload["metadata"]["namespace"].as_str().unwrap_or_default();
            let key = (namespace, &*name(&workload), workload["kind"].as_str().unwrap_or_default());
            let (labels, refused) = labels.get(&key).cloned().unwrap_or_default();
            let (owner, template) = self.owner(&workload);
            for replica in 0..pods * (number + 1) / count - pods * number / count {
                self.pods.push(Pod { object: pod(&owner, &template, replica), labels: labels.clone() });
            }
            self.workloads.push((workload, refused));
        }
    }

    /// What makes the pods of a workload, which may be itself, and their template.
    fn owner(&mut self, workload: &Value) -> (Value, Value) {
        let (metadata, spec) = (&workload["metadata"], &workload["spec"]);
        let owned = |version: &str, kind: &str, suffix: &str, spec: &Value| {
            let name = format!("{}-{suffix}", metadata["name"].as_str().unwrap_or_default());
            json!({"apiVersion": version, "kind": kind, "metadata": {"namespace": metadata["namespace"], "name": name,
                "labels": spec["template"]["metadata"]["labels"], "ownerReferences": controlled_by(workload)}, "spec": spec})
        };
        match workload["kind"].as_str().unwrap_or_default() {
            "Deployment" => {
                let mut spec = json!({"replicas": spec["replicas"], "selector": spec["selector"],
                    "template": spec["template"]});
                spec["template"]["metadata"]["labels"]["pod-template-hash"] = HASH.into();
                spec["selector"]["matchLabels"]["pod-template-hash"] = HASH.into();
                let owner = owned("apps/v1", "ReplicaSet", HASH, &spec);
                self.owners.push(owner.clone());
                (owner, spec["template"].clone())
            }
            "CronJob" => {
                let owner = owned("batch/v1", "Job", "29000000", &spec["jobTemplate"]["spec"]);
                self.owners.push(owner.clone());
                (owner, spec["jobTemplate"]["spec"]["template"].clone())
            }
            _ => (workload.clone(), spec["template"].clone()),
        }
    }
}

/// The reference of what a controller has made.
fn controlled_by(owner: &Value) -> Value {
    json!([{"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": "00000000-0000-4000-8000-000000000000", "controller": true, "blockOwnerDeletion": true}])
}

/// A pod as its controller makes it.
pub(crate) fn pod(owner: &Value, template: &Value, replica: usize) -> Value {
    let (kind, name) =
        (owner["kind"].as_str().unwrap_or_default(), owner["metadata"]["name"].as_str().unwrap_or_default());
    let mut pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
    pod["metadata"]["namespace"] = owner["metadata"]["namespace"].clone();
    pod["metadata"]["ownerReferences"] = controlled_by(owner);
    if kind == "StatefulSet" {
        pod["metadata"]["name"] = format!("{name}-{replica}").into();
        let claim = json!({"claimName": format!("data-{name}-{replica}")});
        pod["spec"]["volumes"] = json!([{"name": "data", "persistentVolumeClaim": claim}]);
    } else {
        pod["metadata"]["generateName"] = format!("{name}-").into();
    }
    pod
}

/// The reserved labels of an object.
pub(crate) fn reserved(object: &Value) -> Reserved {
    let labels = object["metadata"]["labels"].as_object();
    let allowed = labels.into_iter().flatten().filter(|(_, value)| *value == names::ALLOWED);
    allowed.map(|(key, _)| key.clone()).filter(|key| names::is_reserved(key)).collect()
}
