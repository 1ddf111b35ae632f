//! Lists in pages, each of one moment, and what becomes of their items.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Request;
use http::header::ACCEPT;
use netintent::finding::{Code, Finding};
use netintent::manifest::text::Node;
use netintent::manifest::{Object, decode_from_api, decode_owned, from_api};
use netintent::names::printable;
use netintent::unread::{Extent, Unread};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::kinds::{Part, Resource};
use super::{Cluster, Failure};

/// How many objects a page has, as kubectl asks for.
const PAGE: u32 = 500;
/// How often a list is begun anew whose beginning the API server no longer keeps.
const TRIES: usize = 3;

const JSON: &str = "application/json";
pub(super) const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// What was read of one kind.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Its objects, in the order of the API server.
    pub(crate) objects: Vec<Object>,
    /// What was read with reservations.
    pub(crate) findings: Vec<Finding>,
    /// Objects that can't be read.
    pub(crate) unread: Vec<Unread>,
    /// The objects as they were read, where they are wanted.
    pub(crate) nodes: Vec<Node>,
    /// Those of which only the metadata were read, and all of it is needed: namespace and name.
    alone: Vec<(String, String)>,
}

impl Read {
    /// Adds what else was read.
    pub(crate) fn append(&mut self, other: Self) {
        self.objects.extend(other.objects);
        self.findings.extend(other.findings);
        self.unread.extend(other.unread);
        self.nodes.extend(other.nodes);
        self.alone.extend(other.alone);
    }
}

/// How lists are read.
#[derive(Clone)]
pub(crate) struct Lists<'c> {
    pub(crate) cluster: &'c Cluster,
    /// How many objects were read, for whoever watches.
    pub(crate) count: Arc<AtomicUsize>,
    /// Whether the objects are kept as they were read.
    pub(crate) nodes: bool,
}

impl Lists<'_> {
    /// All objects of a kind, in a namespace or everywhere.
    ///
    /// # Errors
    /// The first page that can't be read. That permission was lost on the way is not the same as that there was none.
    pub(crate) async fn list(&self, resource: &Resource, namespace: Option<&str>) -> Result<Read, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.pages(resource, namespace).await {
                Err(Failure::Expired) if tries < TRIES => {}
                other => return other,
            }
        }
    }

    async fn pages(&self, resource: &Resource, namespace: Option<&str>) -> Result<Read, Failure> {
        let path = resource.path(namespace);
        let accept = if resource.part == Part::Whole { JSON } else { METADATA_LIST };
        let mut decoding = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let more = next.as_deref().map_or_else(String::new, |token| format!("&continue={}", escaped(token)));
            let text = self.cluster.text(get(&format!("{path}?limit={PAGE}{more}"), accept)?).await;
            let text = match text {
                Err(Failure::Forbidden(message)) if next.is_some() => return Err(Failure::Lost(message)),
                other => other?,
            };
            let after = next_page(&text)?;
            let (resource, count, nodes) = (resource.clone(), Arc::clone(&self.count), self.nodes);
            // One page is decoded while the next is on its way.
            decoding.push(tokio::task::spawn_blocking(move || page(&text, &resource, &count, nodes)));
            match after {
                Some(token) => next = Some(token),
                None => break,
            }
        }
        let mut all = Read::default();
        for page in decoding {
            all.append(page.await.map_err(|error| Failure::Garbled(error.to_string()))??);
        }
        for (namespace, name) in std::mem::take(&mut all.alone) {
            if let Some(object) =
                self.get(&Resource { part: Part::Whole, ..resource.clone() }, &namespace, &name).await?
            {
                all.append(object);
            }
        }
        Ok(all)
    }

    /// One object; `None` where there is none of the name. The namespace is empty for what is in none.
    ///
    /// # Errors
    /// Where it can't be read.
    pub(crate) async fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Option<Read>, Failure> {
        let path = resource.path(Some(namespace).filter(|namespace| !namespace.is_empty()));
        let accept = if resource.part == Part::Metadata { METADATA } else { JSON };
        match self.cluster.text(get(&format!("{path}/{name}"), accept)?).await {
            Ok(text) => {
                let raw: &RawValue =
                    serde_json::from_str(&text).map_err(|error| Failure::Garbled(error.to_string()))?;
                let mut read = Read::default();
                object(raw, resource, self.nodes, &mut read);
                self.count.fetch_add(1, Ordering::Relaxed);
                Ok(Some(read))
            }
            Err(Failure::NotFound(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

/// A request for something.
///
/// # Errors
/// Where it can't be made.
pub(crate) fn get(path: &str, accept: &str) -> Result<Request<Vec<u8>>, Failure> {
    let request = Request::get(path).header(ACCEPT, accept).body(Vec::new());
    request.map_err(|error| Failure::Garbled(format!("no request can be made: {error}")))
}

/// A token of the API server's as a part of an address.
fn escaped(token: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    token.bytes().fold(String::with_capacity(token.len()), |mut text, byte| {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    metadata: ListMetadata,
}

#[derive(Default, Deserialize)]
struct ListMetadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

fn next_page(text: &str) -> Result<Option<String>, Failure> {
    let head: Head = serde_json::from_str(text).map_err(|error| Failure::Garbled(error.to_string()))?;
    Ok(head.metadata.next.filter(|token| !token.is_empty()))
}

#[derive(Deserialize)]
struct Page<'a> {
    /// It must be there, though it may be null: an answer without it is none.
    #[serde(borrow, deserialize_with = "nullable")]
    items: Option<Vec<&'a RawValue>>,
}

fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<&'de RawValue>>, D::Error> {
    Option::deserialize(deserializer)
}

fn page(text: &str, resource: &Resource, count: &AtomicUsize, nodes: bool) -> Result<Read, Failure> {
    let page: Page<'_> = serde_json::from_str(text).map_err(|error| Failure::Garbled(error.to_string()))?;
    let items = page.items.unwrap_or_default();
    count.fetch_add(items.len(), Ordering::Relaxed);
    let mut read = Read { objects: Vec::with_capacity(items.len()), ..Read::default() };
    items.into_iter().for_each(|item| object(item, resource, nodes, &mut read));
    Ok(read)
}

/// Reads one object. What can't be read is that object alone.
fn object(raw: &RawValue, resource: &Resource, nodes: bool, read: &mut Read) {
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    let node = match from_api(&mut deserializer, &resource.api_version(), &resource.kind) {
        Ok(node) => node,
        Err(error) => return read.unread.push(unread(resource, &name(raw), &error.to_string())),
    };
    let decoded = match resource.part {
        Part::MetadataOfOwned => match decode_owned(&node) {
            Ok(Some(object)) => {
                read.objects.push(object);
                Ok(())
            }
            Ok(None) => {
                read.alone.push(name(raw));
                Ok(())
            }
            Err(error) => Err(error),
        },
        Part::Metadata | Part::Whole => decode_from_api(&node).map(|decoded| {
            // Of a policy, what a newer server's field says can't be passed over.
            let newer = decoded.findings.iter().find(|finding| finding.code == Code::UnknownField);
            if let Some(finding) = newer.filter(|_| resource.kind == "NetworkPolicy") {
                read.unread.push(unread(resource, &name(raw), &finding.message));
            }
            read.objects.extend(decoded.objects);
            read.findings.extend(decoded.findings);
        }),
    };
    match decoded {
        Ok(()) if nodes => read.nodes.push(node),
        Ok(()) => {}
        Err(error) => read.unread.push(unread(resource, &name(raw), &error.message)),
    }
}

fn unread(resource: &Resource, (namespace, name): &(String, String), why: &str) -> Unread {
    let extent = Extent::One(printable(namespace), printable(name));
    Unread { group: resource.group.clone(), kind: resource.kind.clone().into(), extent, why: printable(why) }
}

/// Namespace and name of an object of which nothing else may be readable.
fn name(raw: &RawValue) -> (String, String) {
    #[derive(Default, Deserialize)]
    struct Named {
        #[serde(default)]
        metadata: Names,
    }
    #[derive(Default, Deserialize)]
    struct Names {
        #[serde(default)]
        namespace: String,
        #[serde(default)]
        name: String,
    }
    let named: Named = serde_json::from_str(raw.get()).unwrap_or_default();
    (named.metadata.namespace, named.metadata.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(kind: &str) -> Resource {
        let found = super::super::kinds::known().into_iter().find(|resource| resource.kind == kind);
        found.unwrap_or_else(|| unreachable!("{kind} is read"))
    }

    #[test]
    fn an_object_that_cant_be_read_is_that_object_alone() {
        let good = r#"{"metadata": {"name": "a", "namespace": "n"}, "spec": {"podSelector": {}}}"#;
        let bad = r#"{"metadata": {"name": "b", "namespace": "n"}, "spec": {"podSelector": {}, "newField": 1}}"#;
        let deep = format!("{{\"metadata\": {{\"name\": \"c\"}}, \"spec\": {}1{}}}", "[".repeat(500), "]".repeat(500));
        let text = format!(
            "{{\"kind\": \"NetworkPolicyList\", \"metadata\": {{\"continue\": \"x+/=\"}}, \"items\": [{good}, {bad}, {deep}]}}"
        );
        let count = AtomicUsize::new(0);
        let read = page(&text, &resource("NetworkPolicy"), &count, true).unwrap_or_default();
        assert_eq!((read.objects.len(), read.nodes.len(), count.into_inner()), (1, 1, 3));
        let names: Vec<String> = read.unread.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["NetworkPolicy n/b", "NetworkPolicy c"]);
        assert!(read.unread[0].why.contains("newField"), "{}", read.unread[0].why);
        assert_eq!(next_page(&text).ok().flatten().as_deref().map(escaped).as_deref(), Some("x%2B%2F%3D"));
    }

    #[test]
    fn of_owned_replica_sets_metadata_are_enough() {
        let owner =
            r#""ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "controller": true}]"#;
        let text = format!(
            "{{\"items\": [{{\"metadata\": {{\"name\": \"d-1\", \"namespace\": \"n\", {owner}}}}}, {{\"metadata\": {{\"name\": \"bare\", \"namespace\": \"n\"}}}}]}}"
        );
        let read = page(&text, &resource("ReplicaSet"), &AtomicUsize::new(0), false).unwrap_or_default();
        assert_eq!((read.objects.len(), &read.alone[..]), (1, &[("n".to_owned(), "bare".to_owned())][..]));
        let of = |text: &str| page(text, &resource("Pod"), &AtomicUsize::new(0), false).map(|read| read.objects.len());
        for text in ["[]", "{}", "null", "{\"items\": {}}", "{\"items\": ["] {
            assert!(of(text).is_err(), "{text}");
        }
        assert_eq!(of("{\"items\": null}").ok(), Some(0));
    }
}
