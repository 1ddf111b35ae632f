//! The table of fields by which manifests are read is what the pinned API server publishes.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use netintent::finding::Code;
use netintent::manifest::decode;
use netintent::manifest::text::{documents, parse};
use netintent_tests::ControlPlane;
use serde_json::Value;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const TABLE: &str = "../shared/src/manifest/schema/types.txt";

/// The kinds that are read whole.
const ROOTS: [&str; 12] = [
    "io.k8s.api.apps.v1.DaemonSet",
    "io.k8s.api.apps.v1.Deployment",
    "io.k8s.api.apps.v1.ReplicaSet",
    "io.k8s.api.apps.v1.StatefulSet",
    "io.k8s.api.batch.v1.CronJob",
    "io.k8s.api.batch.v1.Job",
    "io.k8s.api.core.v1.Namespace",
    "io.k8s.api.core.v1.Pod",
    "io.k8s.api.core.v1.ReplicationController",
    "io.k8s.api.core.v1.Service",
    "io.k8s.api.core.v1.ServiceAccount",
    "io.k8s.api.networking.v1.NetworkPolicy",
];

/// One line a type: its name, then its fields with their types.
#[test]
fn table_of_fields_is_what_the_server_publishes() -> Result {
    let published = ControlPlane::shared()?.admin().text(["get", "--raw", "/openapi/v2"])?;
    let published: Value = serde_json::from_str(&published)?;
    let definitions = published["definitions"].as_object().ok_or("no definitions")?;
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut next: Vec<String> = ROOTS.iter().map(|&root| root.to_owned()).collect();
    while let Some(name) = next.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let definition = definitions.get(&name).ok_or_else(|| format!("no definition of {name}"))?;
        let mut line = String::new();
        for (field, schema) in definition["properties"].as_object().ok_or_else(|| format!("{name} has no fields"))? {
            // What a controller reports of an object is no part of what it asks for.
            if field == "status" && ROOTS.contains(&name.as_str()) {
                continue;
            }
            write!(line, " {field}={}", type_of(schema, &mut next)?)?;
        }
        let before = lines.insert(short(&name).to_owned(), line);
        assert_eq!(before, None, "two types are called {}", short(&name));
    }
    let mut table = String::new();
    for (name, fields) in &lines {
        writeln!(table, "{name}{fields}")?;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &table)?;
    }
    assert!(lines.len() > 100, "only {} types", lines.len());
    assert_eq!(fs::read_to_string(&file)?, table, "{} is not up to date: run with UPDATE=1", file.display());
    Ok(())
}

/// Of what the server serves nothing is found outdated.
#[test]
fn what_is_served_is_not_outdated() -> Result {
    let served = ControlPlane::shared()?.admin().text(["api-resources", "--no-headers"])?;
    let mut count = 0;
    for line in served.lines() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [.., api_version, _, kind] = columns[..] else { return Err(format!("columns: {line}").into()) };
        let manifest = format!("{{apiVersion: {api_version}, kind: {kind}, metadata: {{name: a}}}}");
        let documents = documents(manifest.as_bytes())?;
        let node = parse(&documents[0])?.ok_or("an empty document")?;
        // Of what needs a spec it is enough to know why it is refused.
        if let Ok(decoded) = decode(&node, 0, "default") {
            let found = decoded.findings.iter().find(|finding| finding.code == Code::OutdatedApiVersion);
            assert_eq!(found, None, "{line}");
            count += 1;
        }
    }
    assert!(count > 40, "only {count} kinds: {served}");
    Ok(())
}

fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// A type as the table writes it; types with fields that it names are put on the list.
fn type_of(schema: &Value, next: &mut Vec<String>) -> Result<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.strip_prefix("#/definitions/").ok_or("not a definition")?;
        return Ok(match short(name) {
            "IntOrString" => "int-or-string".to_owned(),
            "Quantity" => "quantity".to_owned(),
            "Time" | "MicroTime" => "string".to_owned(),
            "FieldsV1" | "RawExtension" => "any".to_owned(),
            other => {
                next.push(name.to_owned());
                other.to_owned()
            }
        });
    }
    Ok(match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("array"), _) => format!("[{}]", type_of(&schema["items"], next)?),
        (Some("object"), _) if schema["additionalProperties"].is_object() => {
            format!("{{{}}}", type_of(&schema["additionalProperties"], next)?)
        }
        (Some("string"), None) => "string".to_owned(),
        (Some("boolean"), None) => "bool".to_owned(),
        (Some("integer"), Some(format @ ("int32" | "int64"))) => format.to_owned(),
        _ => return Err(format!("unknown schema: {schema}").into()),
    })
}
