//! Applications of others, each in a folder with the calls that it makes: the answers of a cluster that has them are those of
//! the files.
//!
//! `NETINTENT_CORPUS` names the folder of such folders. The calls stand in `calls.tsv`, a line each: caller, callee and port, as
//! `namespace/name`, `namespace/service` and a number. Intents are written by them, and all callers approved.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use netintent_tests::objects::read;
use netintent_tests::{Installation, Installed};
use serde_json::{Value, json};

use crate::Result;
use crate::equal::{Asked, compare, until_pods_are_there};
use crate::plugin::netintent;

/// What decides something, in the order in which it is applied.
const KINDS: [&str; 13] = [
    "Namespace",
    "ServiceAccount",
    "Service",
    "NetworkPolicy",
    "Approval",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "CronJob",
    "Job",
    "Pod",
];

/// How many explanations of each application are compared.
const EXPLANATIONS: usize = 4;

#[test]
fn a_cluster_answers_as_the_applications_that_it_has() -> Result {
    let Some(folder) = std::env::var_os("NETINTENT_CORPUS") else {
        // Not what the test harness keeps to itself.
        writeln!(std::io::stderr(), "corpus: not run, since NETINTENT_CORPUS names no folder of applications")?;
        return Ok(());
    };
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.retain(|folder| folder.join("calls.tsv").exists());
    folders.sort();
    assert!(!folders.is_empty(), "no application");
    let installed = Installed::start_with(&Installation { controller: true, ..Installation::default() })?;
    for folder in &folders {
        Application::read(folder)?.ask(&installed)?;
    }
    Ok(())
}

/// Its objects, with intents, Approvals and modes.
struct Application {
    name: String,
    objects: Vec<Value>,
    namespaces: BTreeSet<String>,
    calls: Vec<Call>,
}

/// A line of `calls.tsv`.
struct Call {
    caller: String,
    callee: String,
    port: String,
}

impl Application {
    fn read(folder: &Path) -> Result<Self> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let calls = fs::read_to_string(folder.join("calls.tsv"))?;
        let home = calls.lines().nth(1).and_then(|line| line.split_once('/')).map_or("", |(namespace, _)| namespace);
        // Every cluster has these already, and more in them than the files.
        let place = |text: &str| match text {
            "" | "default" => name.clone(),
            text if text.starts_with("kube-") => format!("{name}-{text}"),
            text => text.to_owned(),
        };
        let home = place(home);
        let mut files = Vec::new();
        walk(folder, &mut files)?;
        files.sort();
        let mut objects: BTreeMap<(usize, String, String), Value> = BTreeMap::new();
        for file in files {
            for mut object in
                read(&fs::read_to_string(&file)?).map_err(|error| format!("{}: {error}", file.display()))?
            {
                let kind = object["kind"].as_str().unwrap_or_default();
                let Some(order) = KINDS.iter().position(|known| *known == kind).filter(|_| is_of_kubernetes(&object))
                else {
                    continue;
                };
                if kind != "Namespace" {
                    let namespace = object["metadata"]["namespace"].as_str().map_or_else(|| home.clone(), &place);
                    object["metadata"]["namespace"] = namespace.into();
                }
                // The same object in a variant of the application: the later holds.
                objects.insert((order, text(&object, "namespace"), text(&object, "name")), object);
            }
        }
        let calls = calls.lines().skip(1).filter(|line| !line.starts_with('#') && !line.is_empty());
        let calls = calls.filter_map(|line| {
            let mut fields = line.split('\t');
            let mut name = || {
                let (namespace, name) = fields.next()?.split_once('/')?;
                Some(format!("{}/{name}", place(namespace)))
            };
            let (caller, callee) = (name()?, name()?);
            Some(Call { caller, callee, port: fields.next().filter(|port| *port != "?")?.to_owned() })
        });
        let calls: Vec<Call> = calls.collect();
        let mut objects: Vec<Value> = objects.into_values().collect();
        let named = named(&objects, &calls);
        declare(&mut objects, &named);
        let mut namespaces: BTreeSet<String> = objects.iter().map(|object| text(object, "namespace")).collect();
        namespaces.retain(|namespace| !namespace.is_empty());
        objects.extend(approvals(&named, &namespaces));
        objects.extend(accounts(&objects));
        objects.retain(|object| object["kind"] != "Namespace");
        objects.sort_by_key(|object| KINDS.iter().position(|kind| object["kind"] == *kind));
        Ok(Self { name, objects, namespaces, calls: named })
    }

    /// Applies it, and asks.
    fn ask(&self, installed: &Installed) -> Result {
        let kubectl = installed.admin().kubectl();
        for namespace in &self.namespaces {
            installed.namespace(namespace, "shadow")?;
        }
        let list = |objects: &[&Value]| json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        let all: Vec<&Value> = self.objects.iter().collect();
        // What this API server does not take, say of an API that is gone, is left out on both sides.
        let file = kubectl.scratch().file(&format!("{}-all.json", self.name), list(&all))?;
        let output = kubectl.output(["apply", "-o=json", "-f", &file.display().to_string()])?;
        let applied: Value = serde_json::from_slice(&output.stdout)?;
        let identity = |object: &Value| (object["kind"].to_string(), text(object, "namespace"), text(object, "name"));
        let items = applied["items"].as_array().cloned().unwrap_or_default();
        let taken: BTreeMap<_, _> = items.iter().map(|item| (identity(item), item)).collect();
        let kept = all.into_iter().filter_map(|object| Some(as_kept(object, taken.get(&identity(object))?)));
        let kept: Vec<Value> = kept.collect();
        let refused = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(kept.len() * 10 > self.objects.len() * 9, "{}: {refused}", self.name);
        for namespace in &self.namespaces {
            kubectl.text(["label", "namespace", namespace, "netintent.dev/mode=enforce", "--overwrite"])?;
        }
        until_pods_are_there(installed)?;

        // What the cluster adds to every namespace decides nothing, but is there.
        let modes: Vec<String> =
            self.namespaces.iter().flat_map(|name| ["--mode".to_owned(), format!("{name}=enforce")]).collect();
        let path = kubectl
            .scratch()
            .file(&format!("{}.json", self.name), list(&kept.iter().collect::<Vec<_>>()))?
            .display()
            .to_string();
        let mut from = vec!["-f", &path];
        from.extend(modes.iter().map(String::as_str));
        let files = Asked { kubectl, from };
        let cluster = Asked { kubectl, from: Vec::new() };
        let pairs: Vec<[String; 2]> =
            self.calls.iter().map(|call| [call.caller.clone(), format!("{}:{}", call.callee, call.port)]).collect();
        let mut last = Vec::new();
        // One question first, which the most hangs on: each costs two processes.
        let check = ["check", "-A"];
        installed.until(&format!("{} is as the files say", self.name), || {
            Ok((files.json(&check)? == cluster.json(&check)?).then_some(()))
        })?;
        let settled = installed.until("the cluster answers as the files", || {
            last = compare(&files, &cluster, &pairs, EXPLANATIONS)?;
            Ok(last.is_empty().then_some(()))
        });
        settled.map_err(|error| format!("{}: {}\n{error}", self.name, last.join("\n\n")))?;
        let said = netintent(kubectl, &["snapshot"])?;
        let snapshot = kubectl.scratch().file(&format!("{}.yaml", self.name), &said.out)?.display().to_string();
        let snapshot = Asked { kubectl, from: vec!["-f", &snapshot] };
        assert_eq!(compare(&snapshot, &cluster, &pairs, EXPLANATIONS)?, [""; 0], "{}: in a file", self.name);
        // The next one is asked about alone.
        let all = || self.namespaces.iter().map(String::as_str);
        kubectl.text(["label", "namespace"].into_iter().chain(all()).chain(["netintent.dev/mode-"]))?;
        kubectl.text(["delete", "namespace", "--wait=true"].into_iter().chain(all()))?;
        Ok(())
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if path.is_dir() {
            walk(&path, files)?;
        } else if is_yaml && path.file_stem().is_some_and(|stem| stem != "kustomization") {
            files.push(path);
        }
    }
    Ok(())
}

fn text(object: &Value, field: &str) -> String {
    object["metadata"][field].as_str().unwrap_or_default().to_owned()
}

fn is_of_kubernetes(object: &Value) -> bool {
    let group =
        object["apiVersion"].as_str().and_then(|version| version.split_once('/')).map_or("", |(group, _)| group);
    matches!(group, "" | "apps" | "batch" | "networking.k8s.io")
}

/// The calls, their ports as intents name them.
fn named(objects: &[Value], calls: &[Call]) -> Vec<Call> {
    let port = |call: &Call| {
        let service = objects.iter().find(|object| {
            object["kind"] == "Service"
                && format!("{}/{}", text(object, "namespace"), text(object, "name")) == call.callee
        })?;
        let ports = service["spec"]["ports"].as_array()?;
        let dialled = ports.iter().find(|port| port["port"].as_u64() == call.port.parse().ok())?;
        dialled["name"].as_str().map(str::to_owned).or_else(|| Some(call.port.clone()))
    };
    let named = |call: &Call| {
        let port = port(call)?;
        Some(Call { caller: call.caller.clone(), callee: call.callee.clone(), port })
    };
    calls.iter().filter_map(named).collect()
}

/// Where a kind has its pods' template.
fn template(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => "/spec/template",
        "CronJob" => "/spec/jobTemplate/spec/template",
        "Pod" => "",
        _ => return None,
    })
}

/// The ServiceAccounts that pods name and no file has: whoever installs the application makes them.
fn accounts(objects: &[Value]) -> Vec<Value> {
    let there: BTreeSet<(String, String)> = objects
        .iter()
        .filter(|object| object["kind"] == "ServiceAccount")
        .map(|object| (text(object, "namespace"), text(object, "name")))
        .collect();
    let named = |object: &Value| {
        let template = object.pointer(template(object["kind"].as_str()?)?)?;
        let name =
            template["spec"]["serviceAccountName"].as_str().or_else(|| template["spec"]["serviceAccount"].as_str())?;
        Some((text(object, "namespace"), name.to_owned()))
    };
    let missing: BTreeSet<(String, String)> = objects
        .iter()
        .filter_map(named)
        .filter(|(_, name)| name != "default")
        .filter(|key| !there.contains(key))
        .collect();
    let account = |(namespace, name)| json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name}});
    missing.into_iter().map(account).collect()
}

/// An object without the annotations that the API server does not keep, such as alpha fields of old.
fn as_kept(object: &Value, stored: &Value) -> Value {
    let mut object = object.clone();
    let Some(template) = template(object["kind"].as_str().unwrap_or_default()) else { return object };
    let path = format!("{template}/metadata/annotations");
    let stored = stored.pointer(&path).and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(annotations) = object.pointer_mut(&path).and_then(Value::as_object_mut) {
        annotations.retain(|key, _| stored.contains_key(key));
    }
    object
}

/// Writes the intents of each caller on its templates.
fn declare(objects: &mut [Value], calls: &[Call]) {
    for object in objects {
        let name = format!("{}/{}", text(object, "namespace"), text(object, "name"));
        let Some(template) = template(object["kind"].as_str().unwrap_or_default()) else { continue };
        let called: BTreeSet<String> = calls
            .iter()
            .filter(|call| call.caller == name)
            .map(|call| format!("{}:{}", call.callee, call.port))
            .collect();
        if let Some(template) = object.pointer_mut(template).filter(|_| !called.is_empty()) {
            let called = called.into_iter().collect::<Vec<_>>().join("\n");
            template["metadata"]["annotations"]["netintent.dev/calls"] = called.into();
        }
    }
}

/// One Approval for each callee.
fn approvals(calls: &[Call], namespaces: &BTreeSet<String>) -> Vec<Value> {
    let mut callers: BTreeMap<(&str, &str, &str), BTreeSet<&str>> = BTreeMap::new();
    for call in calls {
        let Some((namespace, service)) = call.callee.split_once('/') else { continue };
        callers.entry((namespace, service, &call.port)).or_default().insert(&call.caller);
    }
    let approval = |((namespace, service, port), callers): ((&str, &str, &str), BTreeSet<&str>)| {
        json!({"apiVersion": "netintent.dev/v1alpha1", "kind": "Approval",
            "metadata": {"namespace": namespace, "name": format!("{service}-{port}")},
            "spec": {"callers": callers, "callees": [format!("{service}:{port}")]}})
    };
    callers.into_iter().filter(|((namespace, ..), _)| namespaces.contains(*namespace)).map(approval).collect()
}
