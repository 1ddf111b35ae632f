//! What there is in the cluster, and what the pure functions give for it.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use netintent::manifest::text::{documents, parse};
use netintent::manifest::{Object, collect, decode};
use netintent::names;
use netintent::policy::NetworkPolicy;
use netintent::render::same;
use netintent::snapshot::{Options, Snapshot};
use netintent_tests::{Error, Installation, Installed};
use serde_json::{Value, json};

use crate::Result;
use crate::objects::path;

/// An installation whose controller runs.
pub(crate) fn wanted() -> Installation {
    Installation { controller: true, ..Installation::default() }
}

/// The one that most tests share; each has namespaces of its own.
pub(crate) fn shared() -> std::result::Result<&'static Installed, &'static Error> {
    static SHARED: OnceLock<std::result::Result<Installed, Error>> = OnceLock::new();
    SHARED.get_or_init(|| Installed::start_with(&wanted())).as_ref()
}

/// The objects of a kind, in a namespace or in none.
pub(crate) fn items(installed: &Installed, kind: &str, namespace: &str) -> std::result::Result<Vec<Value>, Error> {
    let body = installed.admin().get(&path(kind, namespace))?.body;
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

/// The reserved labels of an object.
pub(crate) fn reserved(object: &Value) -> BTreeSet<String> {
    let labels = object["metadata"]["labels"].as_object();
    let all = labels.into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    all.filter(|label| names::is_reserved(label.split('=').next().unwrap_or_default())).collect()
}

/// The only pod of a namespace, once it is there: its uid and its reserved labels.
pub(crate) fn only_pod(installed: &Installed, namespace: &str) -> Result<(String, BTreeSet<String>)> {
    let pod = installed.until(&format!("{namespace} has one pod"), || {
        let mut pods = items(installed, "Pod", namespace)?;
        Ok(pods.pop().filter(|_| pods.is_empty()))
    })?;
    Ok((pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned(), reserved(&pod)))
}

/// Waits until the only pod of a namespace carries just these labels.
pub(crate) fn until_labels(installed: &Installed, namespace: &str, what: &str, labels: &[&str]) -> Result {
    let expected: BTreeSet<String> = labels.iter().map(|key| format!("{key}=allowed")).collect();
    installed.until(&format!("the pod of {namespace} has {labels:?}: {what}"), || {
        Ok(items(installed, "Pod", namespace)?.iter().all(|pod| reserved(pod) == expected).then_some(()))
    })?;
    Ok(())
}

fn objects(of: &[Value]) -> std::result::Result<Vec<Object>, Error> {
    let failed = |what: String| Error::Client { what };
    let mut all = Vec::new();
    for object in of {
        for document in documents(object.to_string().as_bytes()).map_err(|error| failed(error.message))? {
            if let Some(node) = parse(&document).map_err(|error| failed(error.message))? {
                all.extend(decode(&node, 0, "default").map_err(|error| failed(error.message))?.objects);
            }
        }
    }
    Ok(all)
}

/// How these namespaces differ from what the pure functions give for the objects that there are: nothing, in the end.
pub(crate) fn differences(installed: &Installed, namespaces: &[&str]) -> std::result::Result<Vec<String>, Error> {
    let mut all = Vec::new();
    for kind in ["ClusterApproval", "ClusterProhibition"] {
        all.extend(items(installed, kind, "")?);
    }
    let is_meant = |object: &Value| object["metadata"]["name"].as_str().is_some_and(|name| namespaces.contains(&name));
    all.extend(items(installed, "Namespace", "")?.into_iter().filter(is_meant));
    let (mut pods, mut policies) = (Vec::new(), Vec::new());
    for namespace in namespaces {
        for kind in ["Service", "ServiceAccount", "Approval", "Deployment"] {
            all.extend(items(installed, kind, namespace)?);
        }
        pods.extend(items(installed, "Pod", namespace)?);
        policies.extend(items(installed, "NetworkPolicy", namespace)?);
    }
    let snapshot = Snapshot::new(
        collect(objects(&all)?, &|_| String::new(), &mut Vec::new()),
        &Options::at(jiff::Timestamp::now()),
    );
    let mut differences = Vec::new();
    for pod in &pods {
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (namespace, app) = (text("/metadata/namespace"), text("/metadata/labels/app"));
        let derived = snapshot.pods.iter().find(|pod| {
            let workload = &snapshot.workloads[pod.workload as usize];
            workload.namespace == namespace && workload.name == app
        });
        let labels = derived.into_iter().flat_map(|pod| pod.labels.iter());
        let expected: BTreeSet<String> =
            labels.filter(|(key, _)| names::is_reserved(key)).map(|(key, value)| format!("{key}={value}")).collect();
        if reserved(pod) != expected {
            differences.push(format!("pod {namespace}/{app}: {:?}, not {expected:?}", reserved(pod)));
        }
    }
    let held: Vec<NetworkPolicy> = objects(&policies)?
        .into_iter()
        .filter_map(|object| match object {
            Object::Policy(policy) => Some(*policy),
            _ => None,
        })
        .filter(|policy| policy.metadata.labels.get(names::MANAGED_BY) == Some(names::NETINTENT))
        .collect();
    let wanted: Vec<&NetworkPolicy> =
        snapshot.policies.iter().filter(|policy| policy.generated).map(|policy| &policy.policy).collect();
    for wanted in &wanted {
        let found = held.iter().find(|held| held.metadata.key() == wanted.metadata.key());
        if !found.is_some_and(|held| same(held, wanted)) {
            differences.push(format!("policy {}: {}", wanted.metadata.full_name(), found.is_some()));
        }
    }
    let too_many = held.iter().filter(|held| !wanted.iter().any(|wanted| wanted.metadata.key() == held.metadata.key()));
    differences.extend(too_many.map(|held| format!("policy {} is too much", held.metadata.full_name())));
    Ok(differences)
}

/// Waits until all is as the pure functions say.
pub(crate) fn settles(installed: &Installed, what: &str, namespaces: &[&str]) -> Result {
    let mut last = Vec::new();
    let settled = installed.until(&format!("all is as it should be: {what}"), || {
        last = differences(installed, namespaces)?;
        Ok(last.is_empty().then_some(()))
    });
    settled.map_err(|error| format!("{last:#?}\n{error}").into())
}

/// Waits for an Event of a reason about an object, and gives its note.
pub(crate) fn event(installed: &Installed, namespace: &str, reason: &str, name: &str) -> Result<String> {
    let note = installed.until(&format!("{name} has an Event {reason}"), || {
        let events = items(installed, "Event", namespace)?;
        let found = events.iter().find(|event| event["reason"] == reason && event["regarding"]["name"] == name);
        Ok(found.map(|event| event["note"].as_str().unwrap_or_default().to_owned()))
    })?;
    Ok(note)
}

/// Makes namespaces, each in a mode.
pub(crate) fn namespaces(installed: &Installed, modes: &[(&str, &str)]) -> Result {
    for (name, mode) in modes {
        installed.namespace(name, mode)?;
    }
    Ok(())
}

/// Who holds the Lease.
pub(crate) fn leader(installed: &Installed) -> std::result::Result<Option<String>, Error> {
    let lease = installed.admin().get(&format!("{}/netintent", path("Lease", "netintent-system")))?.body;
    let holder = lease["spec"]["holderIdentity"].as_str().filter(|holder| !holder.is_empty());
    Ok(holder.map(str::to_owned))
}

/// A peer that needs no intent.
pub(crate) fn from_block(cidr: &str) -> Value {
    json!([{"ipBlock": {"cidr": cidr}}])
}
