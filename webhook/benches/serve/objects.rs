//! The cluster that the webhook knows: 1,500 Services, 9,300 intents, all of them approved, and what its pods are.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use netintent::manifest::text;
use netintent::{intent, names};
use netintent_synthetic::{Shape, synthesize};
use netintent_webhook::watched::Watched;
use netintent_webhook::world::World;
use serde_json::{Value, json};

use crate::Result;

/// The argument that asks for them.
pub(crate) const COMMAND: &str = "objects";
/// How many pods each workload has.
const REPLICAS: usize = 2;

/// The file of objects, as JSON, one a line.
fn file(folder: &Path) -> PathBuf {
    folder.join("objects")
}

/// Writes them as an API server would give them.
pub(crate) fn write(folder: &Path) -> Result {
    let mut out = BufWriter::new(File::create(file(folder))?);
    for file in synthesize(&Shape { unapproved: 0.0, ..Shape::default() }) {
        for document in text::documents(file.text.as_bytes()).map_err(|error| error.message)? {
            let Some(node) = text::parse(&document).map_err(|error| error.message)? else { continue };
            let object = json(&node)?;
            if kind(&object).is_some() {
                writeln!(out, "{object}")?;
            } else if let Some(template) = object.pointer("/spec/template") {
                running(&mut out, &object, template)?;
            }
        }
    }
    Ok(out.flush()?)
}

fn kind(object: &Value) -> Option<Watched> {
    Watched::ALL.into_iter().find(|kind| object["kind"] == kind.kind())
}

/// What runs of a workload: its ReplicaSet, and pods with the labels that its intents are granted.
fn running(out: &mut impl Write, workload: &Value, template: &Value) -> Result {
    let (namespace, name) = (&workload["metadata"]["namespace"], workload["metadata"]["name"].as_str());
    let name = name.ok_or("a workload has no name")?;
    let (mut owner, mut kind) = (name.to_owned(), workload["kind"].as_str().unwrap_or_default());
    let controlled =
        |kind: &str, owner: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": owner, "controller": true}]);
    let mut labels = template["metadata"]["labels"].clone();
    if kind == "Deployment" {
        let metadata = json!({"namespace": namespace, "name": format!("{name}-6fdf6b4b96"),
            "ownerReferences": controlled(kind, name)});
        (owner, kind) = (format!("{name}-6fdf6b4b96"), "ReplicaSet");
        writeln!(out, "{}", json!({"kind": kind, "metadata": metadata}))?;
        labels["pod-template-hash"] = "6fdf6b4b96".into();
    }
    let calls = template["metadata"]["annotations"][names::CALLS].as_str().unwrap_or_default();
    for intent in intent::parse(calls, namespace.as_str().unwrap_or_default()).intents {
        labels[intent.callee.label_key()] = names::ALLOWED.into();
    }
    for replica in 0..REPLICAS {
        let metadata = json!({"namespace": namespace, "name": format!("{owner}-{replica:05}"),
            "labels": labels, "ownerReferences": controlled(kind, &owner)});
        writeln!(out, "{}", json!({"kind": "Pod", "metadata": metadata}))?;
    }
    Ok(())
}

fn json(node: &text::Node) -> serde_json::Result<Value> {
    Ok(match &node.value {
        text::Value::Null => Value::Null,
        text::Value::Bool(value) => Value::Bool(*value),
        text::Value::Number(written) => serde_json::from_str(written)?,
        text::Value::String(text) => Value::String(text.clone()),
        text::Value::Sequence(items) => items.iter().map(json).collect::<serde_json::Result<_>>()?,
        text::Value::Mapping(entries) => {
            entries.iter().map(|e| Ok((e.key.clone(), json(&e.value)?))).collect::<serde_json::Result<_>>()?
        }
    })
}

/// Reads them one by one, as the watches do.
pub(crate) fn read(folder: &Path) -> Result<World> {
    let mut world = World::default();
    for line in BufReader::new(File::open(file(folder))?).lines() {
        let object: Value = serde_json::from_str(&line?)?;
        world.apply(kind(&object).ok_or("an object of a kind that is not watched")?, &object)?;
    }
    Ok(world)
}
