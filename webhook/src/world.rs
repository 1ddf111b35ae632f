//! What the cluster says at this moment, as far as admission hangs on it: kept by the watches, or read for one question.

use std::borrow::Cow;

use netintent::callee::Scope;
use netintent::caller::{self, Caller, Controller, check_override};
use netintent::catalogue::Catalogue;
use netintent::intent::Calls;
use netintent::mode::Mode;
use netintent::objects::{Metadata, Service};
use netintent::selector::Labels;
use netintent::statements::Statements;
use rustc_hash::FxHashMap;
use serde_json::Value;

mod change;
mod read;

use crate::watched::Watched;
pub use change::{Change, Known};
use read::Item;
pub use read::{Malformed, ReadObject, read};
pub(crate) use read::{policy, view};

/// Namespace and name; the namespace is empty for what is in none.
pub type Key = (String, String);

/// What is known of a cluster.
#[derive(Debug, Default)]
pub struct World {
    namespaces: FxHashMap<String, NamespaceFacts>,
    accounts: FxHashMap<Key, Calls>,
    services: FxHashMap<String, FxHashMap<String, Service>>,
    statements: Statements<'static>,
    approvals: FxHashMap<Key, u32>,
    prohibitions: FxHashMap<String, u32>,
    replica_sets: FxHashMap<Key, Metadata>,
    jobs: FxHashMap<Key, Metadata>,
    pods: FxHashMap<Key, Labelled>,
    /// Why some are left out.
    malformed: FxHashMap<(Watched, Key), String>,
}

/// A namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// How it takes part.
    pub mode: Mode,
    /// Whether it is being deleted.
    pub terminating: bool,
}

/// A running pod that carries derived labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    metadata: Metadata,
    /// The labels that tell who controls it.
    labels: Labels,
    /// `netintent.dev/caller`.
    overriding: Option<String>,
    /// The keys of its derived labels.
    pub keys: Vec<String>,
}

impl World {
    /// Takes in an object as the API server has it now.
    ///
    /// # Errors
    /// Where it can't be read. What was known of it before is forgotten, so that nothing hangs on it.
    pub fn apply(&mut self, kind: Watched, object: &Value) -> Result<Key, Malformed> {
        self.put(kind, read(kind, object)?)
    }

    /// Takes in an object that was read before, which is the longer part.
    ///
    /// # Errors
    /// As [`World::apply`].
    pub fn put(&mut self, kind: Watched, object: ReadObject) -> Result<Key, Malformed> {
        let ReadObject { key, item } = object;
        self.delete(kind, &key);
        let item = item.inspect_err(|error| drop(self.malformed.insert((kind, key.clone()), error.message.clone())))?;
        match item {
            Item::Nothing => {}
            Item::Namespace(facts) => drop(self.namespaces.insert(key.1.clone(), facts)),
            Item::Account(calls) => drop(self.accounts.insert(key.clone(), calls)),
            Item::Service(service) => {
                self.services.entry(key.0.clone()).or_default().insert(key.1.clone(), *service);
            }
            Item::Approval(approval) => {
                let number = self.statements.add_approval(Cow::Owned(*approval));
                self.approvals.insert(key.clone(), number);
            }
            Item::Prohibition(prohibition) => {
                let number = self.statements.add_prohibition(Cow::Owned(*prohibition));
                self.prohibitions.insert(key.1.clone(), number);
            }
            Item::Owner(metadata) if kind == Watched::Job => drop(self.jobs.insert(key.clone(), *metadata)),
            Item::Owner(metadata) => drop(self.replica_sets.insert(key.clone(), *metadata)),
            Item::Labelled(pod) => drop(self.pods.insert(key.clone(), *pod)),
        }
        Ok(key)
    }

    /// Forgets an object.
    pub fn delete(&mut self, kind: Watched, key: &Key) {
        if !self.malformed.is_empty() {
            self.malformed.remove(&(kind, key.clone()));
        }
        match kind {
            Watched::Namespace => drop(self.namespaces.remove(&key.1)),
            Watched::ServiceAccount => drop(self.accounts.remove(key)),
            Watched::Service => {
                if let Some(services) = self.services.get_mut(&key.0) {
                    services.remove(&key.1);
                    if services.is_empty() {
                        self.services.remove(&key.0);
                    }
                }
            }
            Watched::Approval | Watched::ClusterApproval => {
                if let Some(number) = self.approvals.remove(key) {
                    self.statements.remove_approval(number);
                }
            }
            Watched::ClusterProhibition => {
                if let Some(number) = self.prohibitions.remove(&key.1) {
                    self.statements.remove_prohibition(number);
                }
            }
            Watched::ReplicaSet => drop(self.replica_sets.remove(key)),
            Watched::Job => drop(self.jobs.remove(key)),
            Watched::Pod => drop(self.pods.remove(key)),
        }
    }

    /// Every object of a kind that is known.
    pub(crate) fn keys(&self, kind: Watched) -> Vec<Key> {
        let clusterwide = |name: &String| (String::new(), name.clone());
        match kind {
            Watched::Namespace => self.namespaces.keys().map(clusterwide).collect(),
            Watched::ServiceAccount => self.accounts.keys().cloned().collect(),
            Watched::Service => {
                let of = |(namespace, services): (&String, &FxHashMap<String, Service>)| {
                    services.keys().map(|name| (namespace.clone(), name.clone())).collect::<Vec<_>>()
                };
                self.services.iter().flat_map(of).collect()
            }
            Watched::Approval => self.approvals.keys().filter(|key| !key.0.is_empty()).cloned().collect(),
            Watched::ClusterApproval => self.approvals.keys().filter(|key| key.0.is_empty()).cloned().collect(),
            Watched::ClusterProhibition => self.prohibitions.keys().map(clusterwide).collect(),
            Watched::ReplicaSet => self.replica_sets.keys().cloned().collect(),
            Watched::Job => self.jobs.keys().cloned().collect(),
            Watched::Pod => self.pods.keys().cloned().collect(),
        }
    }

    /// What is left out, and why.
    pub(crate) fn malformed(&self) -> impl Iterator<Item = (Watched, &Key)> {
        self.malformed.keys().map(|(kind, key)| (*kind, key))
    }

    /// A namespace, if it is known.
    pub fn namespace(&self, name: &str) -> Option<NamespaceFacts> {
        self.namespaces.get(name).copied()
    }

    /// A Service, if it is known.
    pub fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        self.services.get(namespace)?.get(name)
    }

    /// The Services of a namespace, in no order.
    pub fn services_of(&self, namespace: &str) -> impl Iterator<Item = &Service> {
        self.services.get(namespace).into_iter().flat_map(FxHashMap::values)
    }

    /// The intents of a ServiceAccount; `None` where it declares none.
    pub fn account(&self, namespace: &str, name: &str) -> Option<&Calls> {
        self.accounts.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// What is known of a ReplicaSet or Job.
    pub fn owner(&self, kind: &str, namespace: &str, name: &str) -> Option<&Metadata> {
        let all = if kind == "Job" { &self.jobs } else { &self.replica_sets };
        all.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// Approvals and prohibitions.
    pub fn statements(&self) -> &Statements<'static> {
        &self.statements
    }

    /// The number of an approval among the statements.
    pub fn approval(&self, key: &Key) -> Option<u32> {
        self.approvals.get(key).copied()
    }

    /// Running pods that carry derived labels, and who each is.
    pub fn labelled(&self) -> impl Iterator<Item = (&Key, &Labelled, Caller)> {
        self.pods
            .iter()
            .map(|(key, pod)| (key, pod, self.caller(&pod.metadata, &pod.labels, pod.overriding.as_deref())))
    }

    /// Who a pod is, with its `netintent.dev/caller`.
    pub(crate) fn caller(&self, metadata: &Metadata, labels: &Labels, overriding: Option<&str>) -> Caller {
        let controller = self.controller("Pod", metadata, labels);
        let overriding = overriding.filter(|name| check_override(name).is_ok());
        Caller { namespace: metadata.namespace.clone(), name: overriding.map_or(controller.name, str::to_owned) }
    }

    /// The outermost controller of an object, as far as it is known.
    pub fn controller(&self, kind: &str, metadata: &Metadata, pod_labels: &Labels) -> Controller {
        let known = |kind: &str, name: &str| self.owner(kind, &metadata.namespace, name);
        caller::controller(&kind.to_owned().into(), metadata, pod_labels, &known)
    }
}

impl Catalogue for World {
    fn mode(&self, namespace: &str) -> Mode {
        self.namespaces.get(namespace).map(|facts| facts.mode).unwrap_or_default()
    }

    /// The number of a Service means nothing here.
    fn services(&self, scope: &Scope) -> Vec<(usize, &Service)> {
        let numbered = |service| (0, service);
        match scope {
            Scope::Service { namespace, name } => {
                let found = self.services.get(namespace).and_then(|services| services.get(name));
                found.map(numbered).into_iter().collect()
            }
            Scope::Namespace(namespace) => {
                self.services.get(namespace).into_iter().flat_map(FxHashMap::values).map(numbered).collect()
            }
            Scope::Cluster | Scope::Type(_) => {
                self.services.values().flat_map(FxHashMap::values).map(numbered).collect()
            }
        }
    }

    fn namespaces(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.namespaces.keys().map(String::as_str).collect();
        all.sort_unstable();
        all
    }
}

/// The mode that a label's value gives; `off` for none and for one that is none.
fn mode(label: Option<&str>) -> Mode {
    label.and_then(Mode::parse).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn approval(name: &str, caller: &str) -> Value {
        json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "Approval",
            "metadata": {"namespace": "bank", "name": name, "managedFields": [{"new": 1}]},
            "spec": {"callers": [caller], "callees": ["ledger:rpc"]}})
    }

    #[test]
    fn a_malformed_object_is_forgotten_alone() {
        let mut world = World::default();
        for name in ["a", "b"] {
            world.apply(Watched::Approval, &approval(name, "shop/web")).unwrap();
        }
        let error = world.apply(Watched::Approval, &approval("a", "shop")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Approval bank/a: `shop` does not say in which namespace: write `./shop` for this one"
        );
        assert_eq!(world.statements().approvals().count(), 1);
    }

    #[test]
    fn pods_count_by_the_labels_they_carry() {
        let mut world = World::default();
        let pod = |labels: Value| {
            json!({"metadata": {"namespace": "shop", "name": "web-5c6d-x2x2x", "labels": labels,
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5c6d", "controller": true}]}})
        };
        let key = "ledger.bank.to.netintent.dev/rpc";
        world.apply(Watched::Pod, &pod(json!({"pod-template-hash": "5c6d", key: "allowed"}))).unwrap();
        let all: Vec<_> = world.labelled().map(|(_, pod, caller)| (caller.to_string(), pod.keys.clone())).collect();
        assert_eq!(all, [("shop/web".to_owned(), vec![key.to_owned()])]);
        world.apply(Watched::Pod, &pod(json!({"pod-template-hash": "5c6d"}))).unwrap();
        assert_eq!(world.labelled().count(), 0);
    }
}
