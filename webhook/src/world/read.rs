//! From JSON of the API server to what is kept of an object.

use netintent::approval::{Approval, Prohibition};
use netintent::intent::{self, Calls};
use netintent::manifest::{Object, decode_from_api, from_api};
use netintent::names;
use netintent::objects::{Metadata, Service};
use netintent::policy::NetworkPolicy;
use serde_json::Value;

use super::{Key, Labelled, NamespaceFacts, mode};
use crate::review::ObjectView;
use crate::watched::Watched;

/// An object that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{object}: {message}")]
pub struct Malformed {
    /// Kind, namespace and name.
    pub object: String,
    /// What is wrong.
    pub message: String,
}

/// An object that was read, or why it could not be.
#[derive(Debug)]
pub struct ReadObject {
    pub(super) key: Key,
    pub(super) item: Result<Item, Malformed>,
}

impl ReadObject {
    /// Its namespace and name.
    pub fn key(&self) -> &Key {
        &self.key
    }
}

/// Reads an object, without what is known of others.
///
/// # Errors
/// Where it has no name.
pub fn read(kind: Watched, object: &Value) -> Result<ReadObject, Malformed> {
    let key = key(object)?;
    let item = item(kind, &key, object);
    Ok(ReadObject { key, item })
}

#[derive(Debug)]
pub(super) enum Item {
    Nothing,
    Namespace(NamespaceFacts),
    Account(Calls),
    Service(Box<Service>),
    Approval(Box<Approval>),
    Prohibition(Box<Prohibition>),
    Owner(Box<Metadata>),
    Labelled(Box<Labelled>),
}

/// Of what a ServiceAccount declares the intents hold; what could not be read nobody is told.
fn without_errors(mut calls: Calls) -> Calls {
    calls.errors = Vec::new();
    calls
}

fn text<'v>(object: &'v Value, pointer: &str) -> Option<&'v str> {
    object.pointer(pointer)?.as_str()
}

/// Namespace and name of an object.
fn key(object: &Value) -> Result<Key, Malformed> {
    let name = text(object, "/metadata/name")
        .ok_or_else(|| Malformed { object: "an object".to_owned(), message: "it has no name".to_owned() })?;
    Ok((text(object, "/metadata/namespace").unwrap_or_default().to_owned(), name.to_owned()))
}

fn item(kind: Watched, key: &Key, object: &Value) -> Result<Item, Malformed> {
    let label = |key: &str| object.get("metadata")?.get("labels")?.get(key)?.as_str();
    let annotation = |key: &str| object.get("metadata")?.get("annotations")?.get(key)?.as_str();
    Ok(match kind {
        Watched::Namespace => Item::Namespace(NamespaceFacts {
            mode: mode(label(names::MODE)),
            terminating: object.pointer("/metadata/deletionTimestamp").is_some(),
        }),
        Watched::ServiceAccount => annotation(names::CALLS)
            .map_or(Item::Nothing, |calls| Item::Account(without_errors(intent::parse(calls, &key.0)))),
        Watched::ReplicaSet | Watched::Job => Item::Owner(Box::new(view(kind, key, object)?.metadata.of(&key.0))),
        Watched::Pod => labelled(key, object)?,
        Watched::Service | Watched::Approval | Watched::ClusterApproval | Watched::ClusterProhibition => {
            match whole((kind.api_version(), kind.kind()), key, object)? {
                Object::Service(service) => Item::Service(service),
                Object::Approval(approval) => Item::Approval(approval),
                Object::Prohibition(prohibition) => Item::Prohibition(prohibition),
                _ => Item::Nothing,
            }
        }
    })
}

fn malformed(kind: &str, key: &Key, message: &dyn ToString) -> Malformed {
    let (namespace, name) = key;
    let slash = if namespace.is_empty() { "" } else { "/" };
    Malformed { object: format!("{kind} {namespace}{slash}{name}"), message: message.to_string() }
}

/// An object as far as admission reads it.
pub(crate) fn view<'o>(kind: Watched, key: &Key, object: &'o Value) -> Result<ObjectView<'o>, Malformed> {
    serde::Deserialize::deserialize(object).map_err(|error: serde_json::Error| malformed(kind.kind(), key, &error))
}

/// A NetworkPolicy.
pub(crate) fn policy(key: &Key, object: &Value) -> Result<NetworkPolicy, Malformed> {
    match whole(("networking.k8s.io/v1", "NetworkPolicy"), key, object)? {
        Object::Policy(policy) => Ok(*policy),
        _ => Err(malformed("NetworkPolicy", key, &"it is none")),
    }
}

/// An object as its manifest would be read.
fn whole((api_version, kind): (&str, &str), key: &Key, object: &Value) -> Result<Object, Malformed> {
    let node = from_api(object, api_version, kind).map_err(|error| malformed(kind, key, &error))?;
    let decoded = decode_from_api(&node).map_err(|error| malformed(kind, key, &error.message))?;
    decoded.objects.into_iter().next().ok_or_else(|| malformed(kind, key, &"it is empty"))
}

/// A running pod, if it carries derived labels.
fn labelled(key: &Key, object: &Value) -> Result<Item, Malformed> {
    let view = view(Watched::Pod, key, object)?;
    let keys: Vec<String> = view.metadata.reserved().into_iter().map(|(key, _)| key.to_owned()).collect();
    if keys.is_empty() {
        return Ok(Item::Nothing);
    }
    let overriding = view.metadata.annotation(names::CALLER).map(str::to_owned);
    Ok(Item::Labelled(Box::new(Labelled {
        metadata: view.metadata.of(&key.0),
        labels: view.metadata.labels(),
        overriding,
        keys,
    })))
}
