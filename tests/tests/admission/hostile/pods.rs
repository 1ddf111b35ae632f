//! Every way in which the API server lets somebody write a pod's labels, in every mode.

use std::collections::BTreeSet;

use http::Method;
use netintent_tests::Installed;
use serde_json::{Value, json};

use super::attempt::{PATCHES, pod};
use super::{Attempt, GENERATED, Hostile};
use crate::Result;

/// What can be written below a pod, and whether it takes labels from what is sent.
const PARTS: [(&str, bool); 4] = [("", true), ("/status", true), ("/ephemeralcontainers", false), ("/resize", false)];

/// All ways to give a pod these labels.
pub(crate) fn ways(hostile: &Hostile<'_>, labels: &Value) -> Vec<Attempt> {
    let mut all = creations(hostile, labels);
    all.extend(changes(hostile, labels));
    all.extend(bindings(hostile, labels));
    all
}

fn creations(hostile: &Hostile<'_>, labels: &Value) -> Vec<Attempt> {
    let of = |name: &str, metadata: &Value| {
        let mut metadata = metadata.clone();
        metadata["labels"] = labels.clone();
        Attempt::post(hostile, name, &pod(hostile, name, &metadata))
    };
    let owner = |kind: &str, version: &str| {
        json!([{"apiVersion": version, "kind": kind, "name": "none", "uid": "8f6f1f0e-0000-4000-8000-000000000000",
            "controller": true}])
    };
    let mut generated = pod(hostile, "", &json!({"labels": labels, "generateName": GENERATED}));
    generated["metadata"]["name"] = Value::Null;
    let applied = pod(hostile, "create-apply", &json!({"labels": labels}));
    let yaml = pod(hostile, "create-yaml", &json!({"labels": labels}));
    let path = format!("{}/create-apply?fieldManager=a", hostile.pods());
    let mut apply = Attempt::on(hostile, "create-apply", Method::PATCH, "", "application/apply-patch+yaml", &applied);
    apply.victim = false;
    vec![
        of("create", &json!({})),
        of(
            "create-declared",
            &json!({"annotations": {"netintent.dev/calls": format!("{}/ledger:admin", hostile.bank)}}),
        ),
        of("create-owned", &json!({"ownerReferences": owner("ReplicaSet", "apps/v1")})),
        of("create-owned-by-a-job", &json!({"ownerReferences": owner("Job", "batch/v1")})),
        of("create-owned-by-another", &json!({"ownerReferences": owner("Thing", "example.org/v1")})),
        of("create-with-finalizer", &json!({"finalizers": ["example.org/stay"]})),
        of("create-as-of-a-node", &json!({"annotations": {"kubernetes.io/config.source": "file"}})),
        Attempt::post(hostile, GENERATED.trim_end_matches('-'), &generated),
        Attempt::post(hostile, "create-yaml", &yaml).written("application/yaml", block(&yaml).into_bytes()),
        apply.to(path),
    ]
}

/// JSON is YAML; two lines make it no JSON.
fn block(object: &Value) -> String {
    let entries = object.as_object().into_iter().flatten();
    entries.map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join("\n")
}

fn changes(hostile: &Hostile<'_>, labels: &Value) -> Vec<Attempt> {
    let mut all = Vec::new();
    for (part, works) in PARTS {
        let name = |way: &str| format!("change{}-{way}", part.replace('/', "-"));
        let put = name("put");
        all.push((works, Attempt::put(hostile, &put, part, &pod(hostile, &put, &json!({"labels": labels})))));
        for patch in PATCHES {
            let attempt = Attempt::patch(hostile, &name(patch), part, patch, &json!({"labels": labels}));
            all.push((works, attempt));
        }
        // The map as a whole, and a value that is copied from where nobody looks.
        let send = |way: &str, kind: &str, body: &Value| {
            Attempt::on(hostile, &name(way), Method::PATCH, part, &format!("application/{kind}-patch+json"), body)
        };
        let whole = json!([{"op": "add", "path": "/metadata/labels", "value": labels}]);
        all.push((works, send("json-whole", "json", &whole)));
        let mut copied = vec![json!({"op": "add", "path": "/metadata/annotations", "value": {"a": "allowed"}})];
        copied.extend(labels.as_object().into_iter().flatten().map(|(key, _)| {
            let path = format!("/metadata/labels/{}", key.replace('/', "~1"));
            json!({"op": "copy", "from": "/metadata/annotations/a", "path": path})
        }));
        all.push((works, send("json-copy", "json", &Value::Array(copied))));
        let mut replaced = labels.clone();
        replaced["$patch"] = "replace".into();
        let replaced = json!({"metadata": {"labels": replaced}});
        all.push((works, send("strategic-replace", "strategic-merge", &replaced)));
    }
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"name": "evicted", "namespace": hostile.namespace, "labels": labels}});
    all.push((false, Attempt::on(hostile, "evicted", Method::POST, "/eviction", "application/json", &eviction)));
    all.into_iter().map(|(works, attempt)| if works { attempt } else { attempt.in_vain() }).collect()
}

fn bindings(hostile: &Hostile<'_>, labels: &Value) -> Vec<Attempt> {
    let binding = |name: &str, metadata: Value| {
        let mut object = json!({"apiVersion": "v1", "kind": "Binding", "metadata": metadata,
            "target": {"apiVersion": "v1", "kind": "Node", "name": "nowhere"}});
        object["metadata"]["name"] = name.into();
        object
    };
    let on = |name: &str, metadata: Value| {
        Attempt::on(hostile, name, Method::POST, "/binding", "application/json", &binding(name, metadata))
    };
    let old = |name: &str, metadata: Value| {
        on(name, metadata).to(format!("/api/v1/namespaces/{}/bindings", hostile.namespace))
    };
    let annotations = json!({"netintent.dev/calls": format!("{}/ledger:admin", hostile.bank),
        "netintent.dev/caller": "approved"});
    vec![
        on("binding", json!({"labels": labels})),
        old("old-binding", json!({"labels": labels})),
        on("binding-both", json!({"labels": labels, "annotations": annotations})),
        old("old-binding-both", json!({"labels": labels, "annotations": annotations})),
        on("binding-annotations", json!({"annotations": annotations})).in_vain(),
        old("old-binding-annotations", json!({"annotations": annotations})).in_vain(),
    ]
}

fn in_mode(mode: &str) -> Result {
    let installed = Installed::shared()?;
    let hostile = Hostile::new(installed, &format!("ways-{mode}"), mode)?;
    let attempts = ways(&hostile, &json!({"app": "a", hostile.wanted(): "allowed"}));
    assert_eq!(hostile.attempt(&attempts)?, BTreeSet::new());
    if mode != "off" {
        hostile.check_approved("approved")?;
    }
    Ok(())
}

#[test]
fn no_way_to_write_a_pod_in_enforce() -> Result {
    in_mode("enforce")
}

#[test]
fn no_way_to_write_a_pod_in_shadow() -> Result {
    in_mode("shadow")
}

/// In a namespace that takes no part no label is anybody's, the approved one neither.
#[test]
fn no_way_to_write_a_pod_in_off() -> Result {
    in_mode("off")?;
    let hostile = Hostile::new(Installed::shared()?, "ways-off-approved", "off")?;
    let gave = hostile.attempt(&ways(&hostile, &json!({"app": "a", hostile.approved(): "allowed"})))?;
    assert_eq!(gave, BTreeSet::new());
    Ok(())
}
