//! Objects as an API server gives them, from JSON to what is kept of them.
//!
//! Most of a running pod decides nothing, and some of it, such as its environment, is nobody's business: only what is read
//! later is kept, so that nothing else can be shown or stored.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::metadata::namespaced;
use super::read::Context;
use super::text::{Entry, Node, Span, Style, Value};
use super::{Decoded, ManifestError, Object, decode};
use crate::names;
use crate::objects::{Origin, PodSpec, Workload};

/// Builds the tree of an object of a kind, without what decides nothing. Items of a list need not say what they are: the
/// tree says it.
///
/// # Errors
/// Those of the deserializer, and where it is no object.
pub fn from_api<'de, D: Deserializer<'de>>(object: D, api_version: &str, kind: &str) -> Result<Node, D::Error> {
    let mut node = Part(Place::Object(Shape::of(kind))).deserialize(object)?;
    let Value::Mapping(entries) = &mut node.value else { return Err(D::Error::custom("it is no object")) };
    let said = |key: &str, value: &str| entry(key.to_owned(), bare(Value::String(value.to_owned())));
    entries.splice(0..0, [said("apiVersion", api_version), said("kind", kind)]);
    Ok(node)
}

/// Reads an object that [`from_api`] built. It stands in no file.
///
/// # Errors
/// What an API server of a version that is known would not have taken.
pub fn decode_from_api(object: &Node) -> Result<Decoded, ManifestError> {
    decode(object, Origin::CLUSTER, "")
}

/// Reads the metadata of a `ReplicaSet` that a controller owns: its pods are its owner's, and nothing else of it counts.
/// `None`: nothing owns it, so that all of it counts.
///
/// # Errors
/// As [`decode_from_api`].
pub fn decode_owned(object: &Node) -> Result<Option<Object>, ManifestError> {
    let context = Context { file: Origin::CLUSTER, namespace: "", findings: RefCell::default() };
    let metadata = namespaced(&context, object)?;
    let owned = |metadata| Workload { kind: "ReplicaSet".into(), metadata, pod: PodSpec::default() };
    Ok(metadata.controller.is_some().then(|| Object::Workload(Box::new(owned(metadata)))))
}

fn bare(value: Value) -> Node {
    Node { span: Span::default(), style: Style::Plain, value }
}

fn entry(key: String, value: Node) -> Entry {
    Entry { key, key_span: Span::default(), value }
}

/// Where in a kind its pods are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Pod,
    Workload,
    CronJob,
    /// Nowhere: all of it counts.
    Other,
}

impl Shape {
    fn of(kind: &str) -> Self {
        match kind {
            "Pod" => Self::Pod,
            "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
                Self::Workload
            }
            "CronJob" => Self::CronJob,
            _ => Self::Other,
        }
    }
}

/// A place in an object, by what is kept there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Object(Shape),
    Metadata,
    Annotations,
    /// A template, whose `spec` is at the place of the shape.
    Template(Shape),
    /// The `spec` of a workload.
    WorkloadSpec,
    CronJobSpec,
    PodSpec,
    Container,
    PodStatus,
    /// That it is there is kept.
    Mark,
    /// All of it is kept.
    Whole,
}

const METADATA: [&str; 7] =
    ["name", "generateName", "namespace", "labels", "ownerReferences", "uid", "creationTimestamp"];
const WORKLOAD_SPEC: [&str; 2] = ["selector", "manualSelector"];
const POD_SPEC: [&str; 4] = ["serviceAccountName", "serviceAccount", "hostNetwork", "nodeName"];
const CONTAINER: [&str; 4] = ["name", "image", "ports", "restartPolicy"];
const POD_STATUS: [&str; 3] = ["phase", "podIP", "podIPs"];

impl Place {
    /// The place of a field; `None`: it is passed over.
    fn field(self, key: &str) -> Option<Self> {
        let kept = |keys: &[&str]| keys.contains(&key).then_some(Self::Whole);
        match (self, key) {
            (Self::Object(_), "apiVersion" | "kind") => None,
            (Self::Object(_) | Self::Template(_), "metadata") => Some(Self::Metadata),
            (Self::Object(Shape::Pod) | Self::Template(Shape::Pod), "spec") => Some(Self::PodSpec),
            (Self::Object(Shape::Workload) | Self::Template(Shape::Workload), "spec") => Some(Self::WorkloadSpec),
            (Self::Object(Shape::CronJob), "spec") => Some(Self::CronJobSpec),
            (Self::Object(Shape::Pod), "status") => Some(Self::PodStatus),
            (Self::Object(_) | Self::Template(_), "status") => None,
            (Self::Object(Shape::Other), _) => Some(Self::Whole),
            (Self::Object(_) | Self::Template(_), _) => None,
            (Self::Metadata, "annotations") => Some(Self::Annotations),
            (Self::Metadata, _) => kept(&METADATA),
            (Self::Annotations, names::LAST_APPLIED) => Some(Self::Mark),
            (Self::Annotations, _) => counts(key).then_some(Self::Whole),
            (Self::WorkloadSpec, "template") => Some(Self::Template(Shape::Pod)),
            (Self::WorkloadSpec, _) => kept(&WORKLOAD_SPEC),
            (Self::CronJobSpec, "jobTemplate") => Some(Self::Template(Shape::Workload)),
            (Self::CronJobSpec, "schedule") => Some(Self::Whole),
            (Self::CronJobSpec, _) => None,
            (Self::PodSpec, "containers" | "initContainers") => Some(Self::Container),
            (Self::PodSpec, "restartPolicy") => Some(Self::Whole),
            (Self::PodSpec, _) => kept(&POD_SPEC),
            (Self::Container, _) => kept(&CONTAINER),
            (Self::PodStatus, _) => kept(&POD_STATUS),
            (Self::Whole, _) => Some(Self::Whole),
            (Self::Mark, _) => None,
        }
    }

    /// Whether a value here is a mapping, or a list of such: anything else is not what the API server gives.
    fn keys_are_known(self) -> bool {
        !matches!(self, Self::Whole | Self::Mark)
    }
}

/// Whether an annotation counts: ours, and those that count no more, of which `check` tells.
fn counts(key: &str) -> bool {
    key.starts_with("netintent.dev/")
        || key.starts_with("a8r.io/")
        || key == names::MIRROR
        || key.contains(".alpha.kubernetes.io/")
        || key.contains(".beta.kubernetes.io/")
}

/// A value at a place.
#[derive(Clone, Copy)]
struct Part(Place);

impl<'de> DeserializeSeed<'de> for Part {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.keys_are_known() { "an object of Kubernetes" } else { "a value" })
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(bare(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(bare(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(bare(Value::Number(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(bare(Value::Number(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(bare(Value::Number(value.to_string())))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        let value = if self.0 == Place::Mark { "" } else { value };
        Ok(bare(Value::String(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(bare(Value::Sequence(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match self.0.field(&key) {
                // Passed over without a stack, however deep it is: `managedFields` is as deep as users like.
                None => drop(map.next_value::<IgnoredAny>()?),
                Some(place) => entries.push(entry(key.into_owned(), map.next_value_seed(Part(place))?)),
            }
        }
        Ok(bare(Value::Mapping(entries)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: &str, json: &str) -> Node {
        from_api(&mut serde_json::Deserializer::from_str(json), "v1", kind).unwrap()
    }

    fn only(node: &Node) -> Object {
        decode_from_api(node).unwrap().objects.pop().unwrap()
    }

    const POD: &str = r#"{"kind": "?", "metadata": {"name": "a", "namespace": "shop", "uid": "u",
        "managedFields": [{"f:a": {}}], "labels": {"app": "a", "to.netintent.dev/rpc": "allowed"},
        "annotations": {"netintent.dev/calls": "b\nc", "kubectl.kubernetes.io/last-applied-configuration": "secret"}},
        "spec": {"volumes": [{"name": "v"}], "hostNetwork": true, "restartPolicy": "Always", "containers": [
            {"name": "a", "image": "a", "env": [{"name": "PASSWORD", "value": "secret"}], "args": ["secret"],
             "ports": [{"containerPort": 80, "name": "http", "protocol": "TCP"}]}]},
        "status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": [{"message": "secret"}]}}"#;

    #[test]
    fn of_a_pod_what_decides_is_kept_and_nothing_else() {
        let node = node("Pod", POD);
        let Object::Workload(pod) = only(&node) else { panic!("a Pod") };
        assert_eq!((pod.kind.as_ref(), pod.metadata.full_name().as_str()), ("Pod", "shop/a"));
        assert_eq!(pod.pod.labels.get("to.netintent.dev/rpc"), Some("allowed"));
        assert_eq!(pod.pod.calls.as_ref().map(|text| (text.value.as_str(), text.origin)), Some(("b\nc", None)));
        assert!(pod.pod.host_network && pod.pod.addresses.len() == 1 && pod.pod.ports.len() == 1);
        assert_eq!(pod.metadata.origin, None);
        let shown = format!("{node:?}");
        for left_out in ["secret", "volumes", "managedFields", "conditions"] {
            assert!(!shown.contains(left_out), "{left_out}");
        }
    }

    #[test]
    fn templates_are_found_where_they_are() {
        let template = r#"{"metadata": {"labels": {"env": "prod"}, "annotations": {"netintent.dev/calls": "b"}},
            "spec": {"restartPolicy": "KIND", "containers": [{"name": "a", "image": "a", "env": [{"name": "secret"}]}]}}"#;
        let (always, never) = (template.replace("KIND", "Always"), template.replace("KIND", "Never"));
        let selector = r#""selector": {"matchLabels": {"env": "prod"}}"#;
        for (api_version, kind, spec) in [
            ("apps/v1", "Deployment", format!("{selector}, \"strategy\": {{}}, \"template\": {always}")),
            ("apps/v1", "StatefulSet", format!("{selector}, \"template\": {always}")),
            ("batch/v1", "Job", format!("{selector}, \"template\": {never}")),
            (
                "batch/v1",
                "CronJob",
                format!("\"schedule\": \"@daily\", \"jobTemplate\": {{\"spec\": {{\"template\": {never}}}}}"),
            ),
        ] {
            let json = format!(
                "{{\"metadata\": {{\"name\": \"a\", \"namespace\": \"n\", \"uid\": \"u\"}}, \"spec\": {{{spec}}}, \"status\": {{\"x\": 1}}}}"
            );
            let node = from_api(&mut serde_json::Deserializer::from_str(&json), api_version, kind).unwrap();
            let decoded = decode_from_api(&node).unwrap();
            assert_eq!(decoded.findings, [], "{kind}");
            let Object::Workload(workload) = &decoded.objects[0] else { panic!("{kind}") };
            assert_eq!(workload.pod.labels.get("env"), Some("prod"), "{kind}");
            assert!(workload.pod.calls.is_some(), "{kind}");
            assert!(!format!("{node:?}").contains("secret"), "{kind}");
        }
    }

    #[test]
    fn a_tree_is_the_same_from_text_and_from_a_value() {
        let value: serde_json::Value = serde_json::from_str(POD).unwrap();
        assert_eq!(from_api(&value, "v1", "Pod").unwrap(), node("Pod", POD));
        let numbers = r#"{"metadata": {"name": "a", "namespace": "n"}, "spec": {"ports": [{"port": 80, "x": [1.5, -1, null, true]}]}}"#;
        let value: serde_json::Value = serde_json::from_str(numbers).unwrap();
        assert_eq!(from_api(&value, "v1", "Service").unwrap(), node("Service", numbers));
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        for text in ["1", "[]", "null", "\"x\"", "{"] {
            assert!(from_api(&mut serde_json::Deserializer::from_str(text), "v1", "Pod").is_err(), "{text}");
        }
        let deep = "{\"f:a\":".repeat(5_000) + "{}" + &"}".repeat(5_000);
        let text = format!("{{\"metadata\": {{\"name\": \"a\", \"managedFields\": [{deep}]}}}}");
        assert_eq!(node("Namespace", &text).get("metadata").map(|m| m.entries().len()), Some(1));
    }
}
