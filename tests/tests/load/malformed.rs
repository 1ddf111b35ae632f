//! An object of each kind that is watched which is not as it should be.
//!
//! The API server lets nobody store such a thing, but it reads what others have stored: an older release, a schema that
//! was wider, a backup. So these are written into etcd itself, as the API server would find them there.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use netintent_tests::Installed;
use serde_json::{Value, json};

use crate::Result;
use crate::stand::{Stand, shared, since, turn};

/// Kinds whose objects the webhook cannot read at all: of the others the API server gives it nothing but metadata, in
/// which what is stored can be nonsense but never of another type.
const COUNTED: [&str; 4] = ["Approval", "ClusterApproval", "ClusterProhibition", "Service"];

#[test]
fn a_malformed_object_of_each_kind_loses_nothing() -> Result {
    let _turn = turn();
    let installed = shared()?;
    let stand = Stand::new(installed, "malformed")?;
    let objects = objects(&stand.mix.names());
    let before = stand.admissions()?;
    let (tally, ()) = stand.load(|progress| {
        // Again and again: made, changed and removed.
        for round in 0..4 {
            let counted: Vec<u64> = COUNTED.iter().map(|kind| malformed(installed, kind)).collect::<Result<_>>()?;
            for (key, object) in &objects {
                let mut object = object.clone();
                object["metadata"]["annotations"]["example.invalid/round"] = round.to_string().into();
                etcd(
                    installed,
                    "put",
                    &json!({"key": STANDARD.encode(key), "value": STANDARD.encode(object.to_string())}),
                )?;
            }
            for (kind, before) in COUNTED.iter().zip(counted) {
                installed.until(&format!("a malformed {kind} is counted"), || {
                    Ok((malformed(installed, kind).unwrap_or_default() > before).then_some(()))
                })?;
            }
            let from = progress.answered();
            installed.until("pods are created beside it", || Ok((progress.answered() >= from + 300).then_some(())))?;
            if round % 2 == 1 {
                for (key, _) in &objects {
                    etcd(installed, "deleterange", &json!({"key": STANDARD.encode(key)}))?;
                }
            }
        }
        Ok(())
    })?;
    tally.assert_right();
    assert_eq!(since(&before, &stand.admissions()?), tally.implied(|_| true));
    stand.clean()
}

fn malformed(installed: &Installed, kind: &str) -> Result<u64> {
    let running = installed.replicas().iter().filter(|replica| replica.runs());
    // The replica that has counted the fewest.
    let counts: Vec<u64> = running
        .map(|r| r.counted("malformed_objects", &format!("\"{kind}\"")))
        .collect::<std::result::Result<_, _>>()?;
    counts.into_iter().min().ok_or_else(|| "no replica runs".into())
}

/// Where they are in etcd, and what is there.
fn objects([shop, _, bank, away]: &[String; 4]) -> Vec<(String, Value)> {
    let metadata = |namespace: &str, more: Value| {
        let mut all = json!({"name": "broken", "uid": "0c2c1c1e-0000-4000-8000-00000000000a",
            "creationTimestamp": "2026-01-01T00:00:00Z", "annotations": {}, "labels": {}});
        if !namespace.is_empty() {
            all["namespace"] = namespace.into();
        }
        for (key, value) in more.as_object().into_iter().flatten() {
            all[key] = value.clone();
        }
        all
    };
    let nonsense = "\u{0}\u{1b}[31m/:@*".to_owned() + &"x/y:z,".repeat(20_000);
    let owners = json!([{"apiVersion": "///", "kind": "", "name": "../../secrets", "uid": "", "controller": true},
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "broken", "uid": "a", "controller": true}]);
    let junk = json!({"annotations": {"netintent.dev/calls": nonsense, "netintent.dev/caller": "a/b c\n"},
        "labels": {"netintent.dev/mode": "perhaps", "pod-template-hash": "", "x.to.netintent.dev/y": "no",
            "to.netintent.dev": "allowed", "..to.netintent.dev/": ""}, "ownerReferences": owners});
    let statement = |kind: &str| json!({"apiVersion": "netintent.dev/v1alpha1", "kind": kind});
    let of = |base: Value, namespace: &str, more: &Value, rest: Value| {
        let mut object = base;
        object["metadata"] = metadata(namespace, more.clone());
        for (key, value) in rest.as_object().into_iter().flatten() {
            object[key] = value.clone();
        }
        object
    };
    let builtin = |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind});
    let wrong = json!({"spec": {"callers": 7, "callees": {"a": null}, "expiresAt": [], "from": "everybody"}});
    let none = json!({});
    let ports = json!([{"name": "RPC?", "port": -1, "protocol": "carrier pigeon", "targetPort": "a b"},
        {"name": "RPC?", "port": 99_999_999}]);
    let key = |path: &str, namespace: &str| format!("/registry/{path}/{namespace}/broken");
    vec![
        ("/registry/namespaces/broken".into(), of(builtin("v1", "Namespace"), "", &junk, none.clone())),
        (key("serviceaccounts", shop), of(builtin("v1", "ServiceAccount"), shop, &junk, none.clone())),
        (
            key("services/specs", bank),
            of(
                builtin("v1", "Service"),
                bank,
                &junk,
                json!({"spec": {"ports": ports,
            "selector": {"": "a b", "a/b/c": "\u{1}"}, "type": "Perhaps", "clusterIP": "None"}}),
            ),
        ),
        (key("replicasets", shop), of(builtin("apps/v1", "ReplicaSet"), shop, &junk, json!({"spec": {}}))),
        (key("jobs", shop), of(builtin("batch/v1", "Job"), shop, &junk, json!({"spec": {}}))),
        (key("pods", away), of(builtin("v1", "Pod"), away, &junk, json!({"spec": {"containers": null}}))),
        (key("netintent.dev/approvals", bank), of(statement("Approval"), bank, &none, wrong.clone())),
        (
            "/registry/netintent.dev/clusterapprovals/broken".into(),
            of(statement("ClusterApproval"), "", &none, wrong.clone()),
        ),
        (
            "/registry/netintent.dev/clusterprohibitions/broken".into(),
            of(statement("ClusterProhibition"), "", &none, wrong),
        ),
    ]
}

/// Asks etcd itself, by its JSON over HTTP.
fn etcd(installed: &Installed, what: &str, request: &Value) -> Result {
    let (address, body) = (installed.plane().etcd(), request.to_string());
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20)))?;
    write!(
        stream,
        "POST /v3/kv/{what} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(format!("etcd: {answer}").into()) }
}
