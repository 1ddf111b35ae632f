//! Every verb on everything that a namespace has, from the API server's own list: what a later version adds is noticed here,
//! before somebody finds that it writes labels.

use std::collections::BTreeSet;

use http::Method;
use netintent_tests::{Installed, User};
use serde_json::{Value, json};

use crate::Result;
use crate::hostile::Hostile;

/// What a resource has to do with pods' labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Writes a pod's labels as they are sent: derive and the guard are asked.
    Labels,
    /// Writes a pod, and no labels: the API server takes everything else from the pod as it is.
    Part,
    /// Talks to a pod, or ends it.
    Contact,
    /// Pods are made from it, with the labels of its template: a policy looks at those, and at each pod the guard.
    Template,
    /// Pods are made from it by a controller, and only at the pod is it seen.
    Revision,
    /// Says who may call whom: what is approved is approved by whom it belongs to.
    Approval,
    /// Has a part in no label.
    Nothing,
}

use Class::{Approval, Contact, Labels, Nothing, Part, Revision, Template};

/// Everything that is known, by group (empty for the first one) and plural.
const KNOWN: &[(&str, &str, Class)] = &[
    ("", "pods", Labels),
    ("", "pods/status", Labels),
    ("", "pods/binding", Labels),
    ("", "bindings", Labels),
    ("", "pods/ephemeralcontainers", Part),
    ("", "pods/resize", Part),
    ("", "pods/attach", Contact),
    ("", "pods/eviction", Contact),
    ("", "pods/exec", Contact),
    ("", "pods/log", Contact),
    ("", "pods/portforward", Contact),
    ("", "pods/proxy", Contact),
    ("", "replicationcontrollers", Template),
    ("apps", "daemonsets", Template),
    ("apps", "deployments", Template),
    ("apps", "replicasets", Template),
    ("apps", "statefulsets", Template),
    ("batch", "cronjobs", Template),
    ("batch", "jobs", Template),
    ("apps", "controllerrevisions", Revision),
    ("netintent.dev", "approvals", Approval),
    ("", "configmaps", Nothing),
    ("", "endpoints", Nothing),
    ("", "events", Nothing),
    ("", "limitranges", Nothing),
    ("", "persistentvolumeclaims", Nothing),
    // No controller makes pods of it.
    ("", "podtemplates", Nothing),
    ("", "resourcequotas", Nothing),
    ("", "secrets", Nothing),
    // Declares intents, which an approval must cover as those of a pod.
    ("", "serviceaccounts", Nothing),
    ("", "services", Nothing),
    ("events.k8s.io", "events", Nothing),
    ("authorization.k8s.io", "localsubjectaccessreviews", Nothing),
    ("autoscaling", "horizontalpodautoscalers", Nothing),
    ("networking.k8s.io", "ingresses", Nothing),
    ("networking.k8s.io", "networkpolicies", Nothing),
    ("policy", "poddisruptionbudgets", Nothing),
    ("rbac.authorization.k8s.io", "rolebindings", Nothing),
    ("rbac.authorization.k8s.io", "roles", Nothing),
    ("storage.k8s.io", "csistoragecapacities", Nothing),
    ("coordination.k8s.io", "leases", Nothing),
    ("discovery.k8s.io", "endpointslices", Nothing),
    ("resource.k8s.io", "resourceclaims", Nothing),
    ("resource.k8s.io", "resourceclaimtemplates", Nothing),
];

/// Parts of all else than pods: none holds a template or labels that the API server would keep. (Since metadata of a
/// workload's status could, each is tried as the workload is.)
const PARTS: [&str; 5] = ["status", "scale", "token", "proxy", "approval"];

fn class(resource: &Resource) -> Option<Class> {
    let plural = match resource.plural.split_once('/') {
        Some((plural, part)) if plural != "pods" && PARTS.contains(&part) => plural,
        _ => &resource.plural,
    };
    let known = KNOWN.iter().find(|(group, known, _)| *group == resource.group && *known == plural);
    known.map(|(_, _, class)| *class)
}

/// A resource as the API server lists it, or a part of one.
struct Resource {
    version: String,
    group: String,
    plural: String,
    kind: String,
    kind_version: String,
    verbs: Vec<String>,
}

/// All that a namespace has: every resource, and every part of one.
fn discover(user: &User) -> Result<Vec<Resource>> {
    let mut versions = vec![("/api/v1".to_owned(), String::new(), "v1".to_owned())];
    for group in user.get("/apis")?.body["groups"].as_array().into_iter().flatten() {
        for version in group["versions"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let version = text(&version["groupVersion"]);
            versions.push((format!("/apis/{version}"), text(&group["name"]), version));
        }
    }
    let mut all = Vec::new();
    for (path, group, version) in versions {
        let list = user.get(&path)?;
        assert!(list.is_success(), "{path}: {list:?}");
        for resource in list.body["resources"].as_array().into_iter().flatten() {
            let text = |key: &str| resource[key].as_str().unwrap_or_default().to_owned();
            let plural = text("name");
            if resource["namespaced"] != true {
                continue;
            }
            // A subresource may be of another group than what it is below.
            let own = [text("group"), text("version")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
            let verbs = resource["verbs"].as_array().into_iter().flatten();
            all.push(Resource {
                kind: text("kind"),
                kind_version: if own.is_empty() { version.clone() } else { own.join("/") },
                verbs: verbs.filter_map(Value::as_str).map(str::to_owned).collect(),
                version: version.clone(),
                group: group.clone(),
                plural,
            });
        }
    }
    Ok(all)
}

/// Where a resource, or a part of the object `probe`, is.
fn path(resource: &Resource, namespace: &str, named: bool) -> String {
    let root = if resource.group.is_empty() { "api" } else { "apis" };
    let collection = format!("/{root}/{}/namespaces/{namespace}", resource.version);
    match resource.plural.split_once('/') {
        Some((plural, part)) => format!("{collection}/{plural}/probe/{part}"),
        None if named => format!("{collection}/{}/probe", resource.plural),
        None => format!("{collection}/{}", resource.plural),
    }
}

/// An object of the kind that has the labels wherever an object may have labels for pods.
fn object(resource: &Resource, name: &str, labels: &Value) -> Value {
    let spec = json!({"restartPolicy": "Never", "containers": [{"name": "a", "image": "example.invalid/a"}]});
    let template = json!({"metadata": {"labels": labels}, "spec": spec});
    let mut object = json!({"apiVersion": resource.kind_version, "kind": resource.kind,
        "metadata": {"name": name, "labels": labels},
        "target": {"kind": "Node", "name": "nowhere"}});
    object["spec"] = match resource.kind.as_str() {
        "Pod" => spec,
        "CronJob" => {
            json!({"schedule": "0 0 1 1 *", "jobTemplate": {"metadata": {"labels": labels}, "spec": {"template": template}}})
        }
        "ReplicationController" => json!({"selector": {"app": "a"}, "template": template}),
        _ => json!({"selector": {"matchLabels": {"app": "a"}}, "template": template, "serviceName": "a",
            "callers": ["*/*"], "callees": ["*"]}),
    };
    object
}

/// Attempts one verb with forged labels.
fn attempt(user: &User, resource: &Resource, verb: &str, namespace: &str, labels: &Value) -> Result {
    let (one, many) = (path(resource, namespace, true), path(resource, namespace, false));
    let metadata = json!({"metadata": {"labels": labels, "annotations": {"tried": verb}}});
    match verb {
        "create" => {
            for name in ["probe", "made"] {
                user.post(&many, &object(resource, name, labels))?;
            }
        }
        "update" => {
            let stored = user.get(&one)?;
            let mut whole = if stored.is_success() { stored.body } else { object(resource, "probe", labels) };
            whole["metadata"]["labels"] = labels.clone();
            user.put(&one, &whole)?;
        }
        "patch" => {
            for patch in ["merge", "strategic-merge"] {
                user.patch(&one, patch, &metadata)?;
            }
            let whole = json!([{"op": "add", "path": "/metadata/labels", "value": labels}]);
            user.patch(&one, "json", &whole)?;
            let apply = format!("{one}?fieldManager=a&force=true");
            let whole = object(resource, "probe", labels).to_string().into_bytes();
            user.send(&Method::PATCH, &apply, "application/apply-patch+yaml", whole)?;
        }
        "get" => drop(user.get(&one)?),
        "list" => drop(user.get(&many)?),
        // All at once, later: each lasts a second.
        "watch" => {}
        // What they delete could not be attempted again: nothing that is deleted gives a label.
        "delete" => drop(user.delete(&format!("{one}?dryRun=All"))?),
        "deletecollection" => drop(user.delete(&format!("{many}?dryRun=All"))?),
        verb => return Err(format!("{} has a verb that nobody knows: {verb}", resource.plural).into()),
    }
    Ok(())
}

/// In a namespace of each mode: what is off has the guard alone.
fn every_verb(mode: &str) -> Result {
    let installed = Installed::shared()?;
    let hostile = Hostile::new(installed, &format!("verbs-{mode}"), mode)?;
    let labels = json!({"app": "a", hostile.wanted(): "allowed"});
    let (mut unknown, mut classes, mut watches) = (Vec::new(), BTreeSet::new(), Vec::new());
    for resource in discover(installed.admin())? {
        let Some(class) = class(&resource) else {
            unknown.push(format!("({:?}, {:?}, ?) {:?}", resource.group, resource.plural, resource.verbs));
            continue;
        };
        classes.insert(class);
        if resource.verbs.iter().any(|verb| verb == "watch") {
            watches.push(path(&resource, &hostile.namespace, false));
        }
        // Nobody answers for a Service without pods, and a token is of no use to pods.
        if ["/proxy", "/token"].iter().any(|part| resource.plural.ends_with(part)) && class != Class::Contact {
            continue;
        }
        if class == Class::Labels || class == Class::Part {
            // Each on a pod that nobody has touched; whether it was bound before is nobody's concern.
            installed.admin().delete(&format!("{}/probe?gracePeriodSeconds=0", hostile.pods()))?;
            hostile.victim("probe")?;
        }
        for verb in &resource.verbs {
            attempt(&hostile.user, &resource, verb, &hostile.namespace, &labels)?;
            hostile.check_none().map_err(|error| format!("{verb} {}: {error}", resource.plural))?;
        }
    }
    std::thread::scope(|scope| {
        let (user, all) = (&hostile.user, watches.iter());
        let watch = |path| scope.spawn(move || user.get(&format!("{path}?watch=true&timeoutSeconds=1")));
        let threads: Vec<_> = all.map(watch).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().map_err(|_| "a watch panicked")?.map(drop).map_err(Box::<dyn std::error::Error>::from)
        })
    })?;
    hostile.check_none()?;
    assert!(unknown.is_empty(), "say in KNOWN what these have to do with pods' labels:\n{}", unknown.join("\n"));
    assert_eq!(classes.len(), 7, "{classes:?}");
    Ok(())
}

#[test]
fn no_verb_on_anything_gives_a_label_in_enforce() -> Result {
    every_verb("enforce")
}

#[test]
fn no_verb_on_anything_gives_a_label_in_shadow() -> Result {
    every_verb("shadow")
}

#[test]
fn no_verb_on_anything_gives_a_label_in_off() -> Result {
    every_verb("off")
}

/// The same attempts do give labels where nobody guards them: to a new pod, to one that is changed, and by a Binding.
#[test]
fn the_verbs_that_write_labels_are_those_that_are_guarded() -> Result {
    let installed = Installed::shared()?;
    let hostile = Hostile::in_group(installed, "verbs-control", "enforce", "netintent:recover")?;
    let labels = json!({"app": "a", hostile.wanted(): "allowed"});
    let (mut wrote, mut expected) = (BTreeSet::new(), BTreeSet::new());
    for resource in discover(installed.admin())?
        .iter()
        .filter(|resource| resource.plural.starts_with("pods") || resource.plural == "bindings")
    {
        for verb in resource.verbs.iter().filter(|verb| ["create", "patch", "update"].contains(&verb.as_str())) {
            for name in ["probe", "made"] {
                let path = format!("{}/{name}?gracePeriodSeconds=0", hostile.pods());
                installed.admin().delete(&path)?;
            }
            hostile.victim("probe")?;
            attempt(&hostile.user, resource, verb, &hostile.namespace, &labels)?;
            let named = |resource: &Resource| format!("{verb} {}", resource.plural);
            if hostile.labels()?.iter().any(|(_, labels)| !labels.is_empty()) {
                wrote.insert(named(resource));
            }
            if class(resource) == Some(Class::Labels) {
                expected.insert(named(resource));
            }
        }
    }
    assert_eq!(wrote, expected);
    Ok(())
}
