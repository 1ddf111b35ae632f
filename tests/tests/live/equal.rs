//! The answers of a cluster are those of the files that were applied to it.

use std::path::Path;

use netintent_tests::{Error, Installation, Installed, Kubectl};
use serde_json::Value;

use crate::Result;
use crate::plugin::{Said, netintent};

pub(crate) const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/demo");
const PLAIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/plain");

/// What files, or a cluster, answer: without the places in files.
pub(crate) struct Asked<'a> {
    pub(crate) kubectl: &'a Kubectl,
    pub(crate) from: Vec<&'a str>,
}

impl Asked<'_> {
    fn ask(&self, args: &[&str]) -> std::result::Result<Said, Error> {
        let all: Vec<&str> = args.iter().chain(&self.from).copied().collect();
        netintent(self.kubectl, &all)
    }

    pub(crate) fn json(&self, args: &[&str]) -> std::result::Result<Value, Error> {
        let said = self.ask(&[args, &["-o", "json"]].concat())?;
        if !said.out.starts_with('{') {
            return Err(Error::Client { what: format!("{args:?}: {said:?}") });
        }
        let mut json = said.json();
        without_places(&mut json);
        // Findings are in order of their places.
        if let Some(items) = json["items"].as_array_mut().filter(|_| args[0] == "check") {
            items.sort_by_key(ToString::to_string);
        }
        json["status"] = said.status.into();
        Ok(json)
    }
}

/// Leaves out what only one of the two can know: places in files, the pods that run, and who approved and when.
fn without_places(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for key in ["location", "pods"] {
                fields.remove(key);
            }
            fields.values_mut().for_each(without_places);
            if fields.get("steps").is_some_and(|steps| steps.as_array().is_some_and(Vec::is_empty)) {
                fields.remove("steps");
            }
        }
        Value::Array(items) => {
            let said = |item: &Value| item["text"].as_str().is_some_and(|text| text.starts_with("approved by "));
            items.retain(|item| !said(item));
            items.iter_mut().for_each(without_places);
        }
        Value::String(text) => *text = text.replace(" in the input", " in the cluster"),
        _ => {}
    }
}

/// Applies folders as if they had always been there: what they declare and nobody has approved is only warned of.
pub(crate) fn apply(installed: &Installed, folders: &[&str], namespaces: &[&str]) -> Result {
    let kubectl = installed.admin().kubectl();
    for namespace in namespaces {
        installed.namespace(namespace, "shadow")?;
    }
    for folder in folders {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.file_name() != Some("namespaces.yaml".as_ref()) {
                kubectl.text([Path::new("apply"), Path::new("-f"), &path])?;
            }
        }
        // As it is in the end.
        let namespaces = Path::new(folder).join("namespaces.yaml");
        if namespaces.exists() {
            kubectl.text([Path::new("apply"), Path::new("-f"), &namespaces])?;
        }
    }
    Ok(())
}

/// Waits until every Deployment and StatefulSet has its pods.
pub(crate) fn until_pods_are_there(installed: &Installed) -> Result {
    installed.until("every workload has its pods", || {
        for kind in ["deployments", "statefulsets"] {
            let all = installed.admin().get(&format!("/apis/apps/v1/{kind}"))?.body;
            let complete = |object: &Value| {
                let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
                object["status"]["observedGeneration"] == object["metadata"]["generation"]
                    && object["status"]["replicas"].as_u64().unwrap_or(0) >= wanted.min(1)
            };
            if !all["items"].as_array().is_some_and(|items| items.iter().all(complete)) {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })?;
    Ok(())
}

/// Every question that there is to ask: of each end of what is listed and declared, and the other way round.
fn questions(list: &Value) -> Vec<[String; 2]> {
    let name = |end: &Value| {
        let part = |key: &str| end[key].as_str().map(str::to_lowercase);
        Some(format!("{}/{}/{}", part("namespace")?, part("kind")?, part("name")?))
    };
    let mut all = Vec::new();
    for item in list["items"].as_array().into_iter().flatten() {
        if let (Some(source), Some(destination)) = (name(&item["source"]), name(&item["destination"])) {
            all.push([source.clone(), destination.clone()]);
            all.push([destination, source]);
        }
    }
    all.sort();
    all.dedup();
    all
}

/// What only one of two answers says: of lists the items, of anything else all of it.
fn difference(files: &Value, cluster: &Value) -> String {
    let items = |answer: &Value| answer["items"].as_array().cloned().unwrap_or_default();
    let (expected, found) = (items(files), items(cluster));
    let without = |all: &[Value], others: &[Value]| -> Vec<String> {
        all.iter().filter(|item| !others.contains(item)).map(ToString::to_string).collect()
    };
    let (missing, extra) = (without(&expected, &found), without(&found, &expected));
    if missing.is_empty() && extra.is_empty() {
        return format!("files:   {files}\ncluster: {cluster}");
    }
    format!("only files:   {}\nonly cluster: {}", missing.join("\n"), extra.join("\n"))
}

/// Compares all answers, among them about so many `explanations` of what is listed; half as many of `pairs` are asked about
/// besides.
pub(crate) fn compare(
    files: &Asked<'_>,
    cluster: &Asked<'_>,
    pairs: &[[String; 2]],
    explanations: usize,
) -> std::result::Result<Vec<String>, Error> {
    let mut different = Vec::new();
    let mut count = 0;
    let mut ask = |args: &[&str]| {
        count += 1;
        let (expected, found) = (files.json(args)?, cluster.json(args)?);
        if expected != found {
            different.push(format!("{args:?}:\n{}", difference(&expected, &found)));
        }
        Ok::<Value, Error>(expected)
    };
    let list = ask(&["list", "-A"])?;
    let declared = ask(&["list", "-A", "--declared"])?;
    ask(&["list", "-A", "--self"])?;
    ask(&["list", "-A", "--grouped"])?;
    ask(&["render", "-A"])?;
    ask(&["check", "-A"])?;
    // Some of all, from every part of the list: each costs two processes.
    let all: Vec<[String; 2]> = questions(&list).into_iter().chain(questions(&declared)).collect();
    for [caller, callee] in all.iter().step_by((all.len() / explanations).max(1)) {
        ask(&["explain", caller, callee])?;
    }
    for [caller, callee] in pairs.iter().step_by((pairs.len() * 2 / explanations).max(1)) {
        ask(&["explain", caller, callee])?;
    }
    if let Some([_, callee]) = pairs.first() {
        ask(&["explain", "203.0.113.7", callee])?;
    }
    assert!(count > 8, "{count} questions");
    Ok(different)
}

#[test]
fn a_cluster_answers_as_the_files_that_were_applied_to_it() -> Result {
    let installed = Installed::start_with(&Installation { controller: true, ..Installation::default() })?;
    apply(&installed, &[DEMO, PLAIN], &["shop", "bank", "platform", "store"])?;
    until_pods_are_there(&installed)?;
    let kubectl = installed.admin().kubectl();
    let files = Asked { kubectl, from: vec!["-f", DEMO, "-f", PLAIN, "--mode", "store=shadow"] };
    let cluster = Asked { kubectl, from: Vec::new() };
    let pairs = [
        ["shop/frontend", "bank/ledger:rpc"],
        ["shop/cart", "bank/cards:8443"],
        ["platform/prometheus", "bank/ledger:rpc"],
    ];
    let pairs = pairs.map(|pair| pair.map(str::to_owned));
    // The controller may have something left to do.
    let mut last = Vec::new();
    let settled = installed.until("the cluster answers as the files", || {
        last = compare(&files, &cluster, &pairs, 12)?;
        Ok(last.is_empty().then_some(()))
    });
    settled.map_err(|error| format!("{}\n{error}", last.join("\n\n")))?;

    // The same of the cluster in a file, which has nothing of what pods keep to themselves.
    let said = netintent(kubectl, &["snapshot"])?;
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""));
    assert!(!said.out.contains("example.invalid/secret"), "{}", said.out);
    // Of what was applied it is kept that it was, and nothing of it.
    let mut applied = said.out.lines().filter(|line| line.contains("last-applied"));
    assert!(applied.all(|line| line.ends_with("last-applied-configuration: \"\"")), "{}", said.out);
    let path = kubectl.scratch().file("cluster.yaml", &said.out)?.display().to_string();
    let file = Asked { kubectl, from: vec!["-f", &path] };
    assert_eq!(compare(&file, &cluster, &pairs, 12)?, [""; 0]);

    // What was applied changes nothing, and what is new does.
    let same = netintent(kubectl, &["diff", "-f", DEMO, "-f", PLAIN])?;
    assert_eq!((same.status, same.out.as_str()), (Some(0), ""), "{same:?}");
    let approval = "{apiVersion: netintent.dev/v1alpha1, kind: Approval, metadata: {namespace: bank, name: new}, \
        spec: {callers: [shop/frontend], callees: ['cards:8443']}}";
    let new = kubectl.scratch().file("new.yaml", approval)?.display().to_string();
    let said = netintent(kubectl, &["diff", "-f", &new, "-o", "name"])?;
    assert_eq!(said.status, Some(1), "{said:?}");
    assert_eq!(said.out, "+ shop/deployment/frontend -> bank/deployment/cards\n", "{said:?}");
    let over_file = netintent(kubectl, &["diff", "--base", &path, "-f", &path, "-f", &new, "-o", "name"])?;
    assert_eq!(over_file.status, Some(1), "{over_file:?}");
    Ok(())
}
