//! What the pure functions give for the objects of a moment, and how what there is differs from it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use netintent::manifest::text::{documents, parse};
use netintent::manifest::{Object, collect, decode};
use netintent::names;
use netintent::policy::NetworkPolicy;
use netintent::render::same;
use netintent::snapshot::{Options, Snapshot};
use serde_json::Value;

use crate::objects::path;
use crate::{Error, Installed, User};

/// Namespace and name; the namespace is empty for what is in none.
pub type Key = (String, String);

/// The kinds that what should be hangs on.
pub const KINDS: [&str; 9] = [
    "Namespace",
    "ServiceAccount",
    "Service",
    "Approval",
    "ClusterApproval",
    "ClusterProhibition",
    "ReplicaSet",
    "Job",
    "Pod",
];

/// The labels that pods should have, and the policies that there should be.
#[derive(Debug, Default)]
pub struct Expected {
    /// By pod: its reserved labels, as `key=value`.
    pub labels: BTreeMap<Key, BTreeSet<String>>,
    /// By name.
    pub policies: BTreeMap<Key, NetworkPolicy>,
}

impl Expected {
    /// What the library gives for these objects.
    pub fn of(objects: impl IntoIterator<Item = Object>, now: Timestamp) -> Self {
        let collected = collect(objects, &|_| String::new(), &mut Vec::new());
        let snapshot = Snapshot::new(collected, &Options::at(now));
        let mut labels = BTreeMap::new();
        for pod in &snapshot.pods {
            let object = &snapshot.objects.workloads[pod.object];
            if object.kind == "Pod" {
                let all = pod.labels.iter().filter(|(key, _)| names::is_reserved(key));
                let all = all.map(|(key, value)| format!("{key}={value}")).collect();
                labels.insert((object.metadata.namespace.clone(), object.metadata.name.clone()), all);
            }
        }
        let generated = snapshot.policies.into_iter().filter(|policy| policy.generated).map(|policy| policy.policy);
        let policies = generated.map(|p| ((p.metadata.namespace.clone(), p.metadata.name.clone()), p)).collect();
        Self { labels, policies }
    }
}

/// Reads one object of the API server; `None` where it decides nothing.
///
/// # Errors
///
/// If the library can't read it.
pub fn read(object: &Value) -> Result<Option<Object>, Error> {
    let failed = |what: String| Error::Client { what: format!("{what}: {object}") };
    let text = object.to_string();
    let all = documents(text.as_bytes()).map_err(|error| failed(error.message))?;
    let Some(node) = all.first().map(parse).transpose().map_err(|error| failed(error.message))?.flatten() else {
        return Ok(None);
    };
    Ok(decode(&node, 0, "default").map_err(|error| failed(error.message))?.objects.into_iter().next())
}

/// The reserved labels of an object, as `key=value`.
pub fn reserved(object: &Value) -> BTreeSet<String> {
    let labels = object["metadata"]["labels"].as_object();
    let all = labels.into_iter().flatten().filter(|(key, _)| names::is_reserved(key));
    all.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect()
}

/// The namespace and name of an object.
pub fn key(object: &Value) -> Key {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("/metadata/namespace"), text("/metadata/name"))
}

/// Whether a policy says that it is netintent's.
pub fn is_ours(policy: &NetworkPolicy) -> bool {
    policy.metadata.labels.get(names::MANAGED_BY) == Some(names::NETINTENT)
}

/// The objects of a kind, in a namespace or in all, without `managedFields`.
///
/// # Errors
///
/// If the API server does not answer.
pub fn items(user: &User, kind: &str, namespace: &str) -> Result<Vec<Value>, Error> {
    let body = user.get(&path(kind, namespace))?.body;
    let version = body["apiVersion"].clone();
    let mut items = body["items"].as_array().cloned().unwrap_or_default();
    for item in &mut items {
        item["apiVersion"] = version.clone();
        item["kind"] = kind.into();
        if let Some(metadata) = item["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
    }
    Ok(items)
}

impl Installed {
    /// How pods and policies differ from what the pure functions give for the objects that there are. Looked at is what is in
    /// these namespaces, and what is in none.
    ///
    /// # Errors
    ///
    /// If the API server does not answer, or an object can't be read.
    pub fn differences(&self, namespaces: &[&str]) -> Result<Vec<String>, Error> {
        let (mut objects, mut pods) = (Vec::new(), Vec::new());
        for kind in KINDS {
            let of = |namespace| items(self.admin(), kind, namespace);
            let all = match kind {
                "Namespace" => of("")?.into_iter().filter(|object| namespaces.contains(&&*key(object).1)).collect(),
                "ClusterApproval" | "ClusterProhibition" => of("")?,
                _ => namespaces.iter().map(|namespace| of(namespace)).collect::<Result<Vec<_>, _>>()?.concat(),
            };
            for object in &all {
                objects.extend(read(object)?);
            }
            pods.extend(all.into_iter().filter(|_| kind == "Pod"));
        }
        let expected = Expected::of(objects, Timestamp::now());
        let mut differences = Vec::new();
        for pod in &pods {
            let (has, should) = (reserved(pod), expected.labels.get(&key(pod)).cloned().unwrap_or_default());
            if has != should {
                let (namespace, name) = key(pod);
                differences.push(format!("pod {namespace}/{name}: {has:?}, not {should:?}"));
            }
        }
        let mut held: BTreeMap<Key, NetworkPolicy> = BTreeMap::new();
        for namespace in namespaces {
            for object in items(self.admin(), "NetworkPolicy", namespace)? {
                if let Some(Object::Policy(policy)) = read(&object)?
                    && is_ours(&policy)
                {
                    held.insert(key(&object), *policy);
                }
            }
        }
        for (name, policy) in &expected.policies {
            match held.get(name) {
                Some(held) if same(held, policy) => {}
                Some(_) => differences.push(format!("policy {} says something else", policy.metadata.full_name())),
                None => differences.push(format!("policy {} is missing", policy.metadata.full_name())),
            }
        }
        let too_many = held.iter().filter(|(name, _)| !expected.policies.contains_key(name));
        differences.extend(too_many.map(|(_, held)| format!("policy {} is too much", held.metadata.full_name())));
        Ok(differences)
    }

    /// Waits until all is as the pure functions say.
    ///
    /// # Errors
    ///
    /// If it never is; the error shows what differs.
    pub fn settles(&self, what: &str, namespaces: &[&str]) -> Result<(), Error> {
        let mut last = Vec::new();
        let settled = self.until(&format!("all is as it should be: {what}"), || {
            last = self.differences(namespaces)?;
            Ok(last.is_empty().then_some(()))
        });
        settled.map_err(|error| Error::Client { what: format!("{last:#?}\n{error}") })
    }
}
