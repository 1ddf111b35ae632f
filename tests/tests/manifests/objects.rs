//! What kustomize and Helm make of the manifests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use netintent::manifest::text;
use netintent_tests::{Helm, Kubectl};
use serde_json::Value;

use crate::Result;

/// Objects by kind, namespace and name: `Deployment netintent-system/netintent`.
pub(crate) type Objects = BTreeMap<String, Value>;

/// The namespace of the manifests.
pub(crate) const NAMESPACE: &str = "netintent-system";

/// The folder of the manifests.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests")
}

/// What `kubectl kustomize` makes of a folder of the manifests.
pub(crate) fn kustomize(name: &str) -> Result<Objects> {
    let text = Kubectl::alone()?.text([Path::new("kustomize"), &folder().join(name)])?;
    read(&text)
}

/// What `helm template` makes of the chart with these values.
pub(crate) fn chart(values: &[&str]) -> Result<Objects> {
    read(&template(NAMESPACE, values)?)
}

/// The text that `helm template` prints.
pub(crate) fn template(namespace: &str, values: &[&str]) -> Result<String> {
    template_of(&folder().join("chart"), namespace, values)
}

/// The same of a chart that lies elsewhere.
pub(crate) fn template_of(chart: &Path, namespace: &str, values: &[&str]) -> Result<String> {
    let chart = chart.display().to_string();
    let mut args = vec!["template", "netintent", &chart, "--namespace", namespace, "--include-crds"];
    args.extend(values.iter().flat_map(|value| ["--set", *value]));
    Ok(Helm::of(&Kubectl::alone()?)?.text(args)?)
}

/// The objects of a text in YAML, none of them twice.
pub(crate) fn read(yaml: &str) -> Result<Objects> {
    let mut objects = Objects::new();
    for document in text::documents(yaml.as_bytes())? {
        let Some(node) = text::parse(&document)? else { continue };
        let object = json(&node)?;
        let id = id(&object);
        if objects.insert(id.clone(), object).is_some() {
            return Err(format!("{id} is there twice").into());
        }
    }
    Ok(objects)
}

fn id(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match text("/metadata/namespace") {
        "" => format!("{} {}", text("/kind"), text("/metadata/name")),
        namespace => format!("{} {namespace}/{}", text("/kind"), text("/metadata/name")),
    }
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

/// One object, which must be there.
pub(crate) fn get<'a>(objects: &'a Objects, id: &str) -> Result<&'a Value> {
    let all = || objects.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    objects.get(id).ok_or_else(|| format!("no {id} among {}", all()).into())
}

/// Whether the API server knows the kind without other projects' definitions.
pub(crate) fn is_of_kubernetes(object: &Value) -> bool {
    let group =
        object["apiVersion"].as_str().and_then(|version| version.split_once('/')).map_or("", |(group, _)| group);
    !group.contains('.') || group.ends_with(".k8s.io")
}

/// The objects as a text that kubectl reads.
pub(crate) fn list<'a>(objects: impl IntoIterator<Item = &'a Value>) -> String {
    objects.into_iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n")
}

/// A field of text.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> Result<&'a str> {
    object.pointer(pointer).and_then(Value::as_str).ok_or_else(|| format!("no {pointer} in {object:#}").into())
}

/// The values of a list, none where there is no list.
pub(crate) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
