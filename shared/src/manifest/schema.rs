//! Which fields the kinds of Kubernetes have, and what they hold, as the API server publishes it.
//!
//! The API server decodes strictly: one field that it does not know, or of another type, and the object is refused.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::ManifestError;
use super::read::{Context, whole_number};
use super::text::{Entry, Node, Value};
use crate::finding::Code;
use crate::names::printable;
use crate::suggest::did_you_mean;

type Result<T> = std::result::Result<T, ManifestError>;

/// One line a type: its name, then `field=type` each. Written by the test `schema` from what the pinned server publishes.
const TYPES: &str = include_str!("schema/types.txt");

/// Fields of former servers, which stand in manifests to this day, and what they held is of no matter.
const FORMER: &[(&str, &str)] = &[
    ("ObjectMeta", "clusterName"),
    ("ObjectMeta", "initializers"),
    ("ServiceSpec", "ipFamily"),
    ("ServiceSpec", "topologyKeys"),
    ("DeploymentSpec", "rollbackTo"),
    ("DaemonSetSpec", "templateGeneration"),
];

/// Servers once took fields in any case, and manifests of that time are still about. To pass one over is safe here
/// alone: a container's port that lacks something opens nothing, where a selector that does selects more.
const CASE_BLIND: &str = "ContainerPort";

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Any,
    String,
    Bool,
    Int32,
    Int64,
    IntOrString,
    Quantity,
    /// A list of what stands at this place of [`Types::inner`].
    List(usize),
    /// A mapping of any keys to what stands at this place of [`Types::inner`].
    Map(usize),
    /// A mapping with these fields: a place in [`Types::fields`].
    Object(usize),
}

#[derive(Default)]
struct Types {
    names: FxHashMap<&'static str, usize>,
    fields: Vec<(&'static str, FxHashMap<&'static str, Type>)>,
    inner: Vec<Type>,
}

static PARSED: LazyLock<Types> = LazyLock::new(Types::parse);

impl Types {
    fn parse() -> Self {
        let mut types = Self::default();
        for line in TYPES.lines() {
            let name = line.split(' ').next().unwrap_or(line);
            types.names.insert(name, types.fields.len());
            types.fields.push((name, FxHashMap::default()));
        }
        for (at, line) in TYPES.lines().enumerate() {
            for (field, written) in line.split(' ').filter_map(|column| column.split_once('=')) {
                let r#type = types.type_of(written);
                types.fields[at].1.insert(field, r#type);
            }
        }
        for (name, field) in FORMER {
            let at = types.names[name];
            types.fields[at].1.insert(field, Type::Any);
        }
        types
    }

    fn type_of(&mut self, written: &'static str) -> Type {
        let within = |open, close| written.strip_prefix(open).and_then(|w| w.strip_suffix(close));
        if let Some(item) = within('[', ']') {
            return Type::List(self.inner(item));
        }
        if let Some(item) = within('{', '}') {
            return Type::Map(self.inner(item));
        }
        match written {
            "any" => Type::Any,
            "string" => Type::String,
            "bool" => Type::Bool,
            "int32" => Type::Int32,
            "int64" => Type::Int64,
            "int-or-string" => Type::IntOrString,
            "quantity" => Type::Quantity,
            name => Type::Object(self.names[name]),
        }
    }

    fn inner(&mut self, written: &'static str) -> usize {
        let r#type = self.type_of(written);
        self.inner.push(r#type);
        self.inner.len() - 1
    }
}

/// The groups that the kinds of the table are in, or were.
const GROUPS: [&str; 5] = ["", "apps", "batch", "extensions", "networking.k8s.io"];

/// Checks the fields of an object, and of all in it, against its kind's; `status` may hold anything. Of a kind that the
/// table does not have, checks the metadata.
///
/// # Errors
/// The first field that there is not, or that holds something of another type.
pub(super) fn check(context: &Context<'_>, node: &Node, group: &str, kind: &str) -> Result<()> {
    let types = &*PARSED;
    let Some(&at) = types.names.get(kind).filter(|_| GROUPS.contains(&group)) else {
        return match node.entry("metadata") {
            Some(entry) => {
                let metadata = Type::Object(types.names["ObjectMeta"]);
                Checker { types, context, stored: false }.check_value(&entry.value, &entry.key, metadata)
            }
            None => Ok(()),
        };
    };
    let mut asked_for = node.entries().iter().filter(|entry| entry.key != "status");
    let stored = node.get("metadata").is_some_and(|metadata| {
        ["uid", "resourceVersion", "managedFields"].iter().any(|key| context.present(metadata, key).is_some())
    });
    asked_for.try_for_each(|entry| Checker { types, context, stored }.check_field(at, entry))
}

/// The types whose every field decides who may connect: to pass over one would change the answer.
const DECISIVE: [&str; 4] = ["NetworkPolicy", "LabelSelector", "IPBlock", "ServicePort"];

struct Checker<'a> {
    types: &'a Types,
    context: &'a Context<'a>,
    /// Whether the object was stored by a server, which may be newer, or older, than the table.
    stored: bool,
}

impl Checker<'_> {
    fn check_field(&self, of: usize, entry: &Entry) -> Result<()> {
        let context = self.context;
        // To the API server null is absent, even in a field that it does not know.
        if entry.value.is_null() {
            return Ok(());
        }
        let (name, fields) = &self.types.fields[of];
        if let Some(&r#type) = fields.get(entry.key.as_str()) {
            return self.check_value(&entry.value, &entry.key, r#type);
        }
        let message = format!("{name} has no field `{}`", printable(&entry.key));
        let meant = fields.keys().find(|field| *name == CASE_BLIND && field.eq_ignore_ascii_case(&entry.key));
        if let Some(meant) = meant {
            let message = format!("{message}: the API server refuses it, and it is passed over");
            let help = Some(format!("write `{meant}`"));
            context.find(Code::OutdatedNotation, entry.key_span, message, help);
            return Ok(());
        }
        if self.stored && !DECISIVE.iter().any(|decisive| name.starts_with(decisive)) {
            let message = format!("{message} in Kubernetes 1.36: it is passed over");
            context.find(Code::UnknownField, entry.key_span, message, None);
            return Ok(());
        }
        let mut known: Vec<&str> = fields.keys().copied().collect();
        known.sort_unstable();
        context.error(entry.key_span, message, did_you_mean(&entry.key, known))
    }

    fn check_value(&self, node: &Node, key: &str, r#type: Type) -> Result<()> {
        let context = self.context;
        if node.is_null() {
            return Ok(());
        }
        match r#type {
            Type::Any => Ok(()),
            Type::String => context.string(node, key).map(drop),
            Type::Bool if node.as_bool().is_some() => Ok(()),
            Type::Bool => wrong(context, node, key, "true or false"),
            Type::Int32 => integer::<i32>(context, node, key),
            Type::Int64 => integer::<i64>(context, node, key),
            Type::IntOrString if node.as_str().is_some() => Ok(()),
            Type::IntOrString if node.as_number().is_none() => wrong(context, node, key, "a number or a string"),
            Type::IntOrString => integer::<i32>(context, node, key),
            Type::Quantity => quantity(context, node, key),
            Type::List(item) => {
                let items = context.sequence(node, key)?;
                items.iter().try_for_each(|node| self.check_value(node, key, self.types.inner[item]))
            }
            Type::Map(item) => {
                let entries = context.mapping(node, &format!("`{key}`"))?;
                entries.iter().try_for_each(|e| self.check_value(&e.value, &e.key, self.types.inner[item]))
            }
            Type::Object(at) => {
                let entries = context.mapping(node, &format!("`{key}`"))?;
                entries.iter().try_for_each(|entry| self.check_field(at, entry))
            }
        }
    }
}

fn wrong<T>(context: &Context<'_>, node: &Node, key: &str, expected: &str) -> Result<T> {
    let message = format!("`{}` must be {expected}, and this is a {}", printable(key), node.type_name());
    context.error(node.span, message, None)
}

fn integer<T: std::str::FromStr>(context: &Context<'_>, node: &Node, key: &str) -> Result<()> {
    let Value::Number(written) = &node.value else { return wrong(context, node, key, "a number") };
    if whole_number::<T>(written).is_some() {
        return Ok(());
    }
    context.error(node.span, format!("`{}` must be a whole number, and this is {written}", printable(key)), None)
}

/// An amount such as `100m` or `1Gi`: a number, and a suffix of those that Kubernetes has.
fn quantity(context: &Context<'_>, node: &Node, key: &str) -> Result<()> {
    let written = match &node.value {
        Value::Number(_) => return Ok(()),
        Value::String(text) => text,
        _ => return wrong(context, node, key, "an amount"),
    };
    let unsigned = written.strip_prefix(['+', '-']).unwrap_or(written);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let is_number = number.bytes().any(|b| b.is_ascii_digit()) && number.matches('.').count() <= 1;
    let exponent = suffix.strip_prefix(['e', 'E']).filter(|e| !e.is_empty());
    let is_suffix = exponent.is_some_and(|e| e.parse::<i32>().is_ok())
        || ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].contains(&suffix);
    if is_number && is_suffix {
        return Ok(());
    }
    let message = format!("`{}` is no amount: a number such as 2, 100m or 1Gi was expected", printable(written));
    context.error(node.span, message, None)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::text::{documents, parse};
    use super::*;

    /// What is said of a Pod whose spec is this: errors, then warnings.
    fn said(spec: &str) -> (Option<String>, Vec<String>) {
        let text = format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {spec}}}");
        let documents = documents(text.as_bytes()).unwrap();
        let node = parse(&documents[0]).unwrap().unwrap();
        let context = Context { file: 0, namespace: "a", findings: RefCell::default() };
        let error = check(&context, &node, "", "Pod").err().map(|e| e.message);
        (error, context.findings.into_inner().into_iter().map(|w| w.message).collect())
    }

    fn error(spec: &str) -> String {
        said(spec).0.unwrap_or_default()
    }

    #[test]
    fn fields_have_types() {
        assert_eq!(said("{containers: [{name: a, env: [{name: A, value: x}]}]}"), (None, vec![]));
        assert_eq!(error("{containers: [{env: [{value: 1}]}]}"), "`value` must be a string, and this is a number");
        assert_eq!(error("{containers: {name: a}}"), "`containers` must be a list, and this is a mapping");
        assert_eq!(error("{containers: [a]}"), "`containers` must be a mapping, and this is a string");
        assert_eq!(error("{hostPID: 'yes'}"), "`hostPID` must be true or false, and this is a string");
        assert_eq!(error("{nodeSelector: {a: true}}"), "`a` must be a string, and this is a boolean");
        assert_eq!(error("{priority: 2147483648}"), "`priority` must be a whole number, and this is 2147483648");
        assert_eq!(error("{priority: 1.0, activeDeadlineSeconds: 2147483648}"), "");
        assert_eq!(error("{priority: 1.5}"), "`priority` must be a whole number, and this is 1.5");
        assert_eq!(error("{priority: null, nosuch: null}"), "");
        let probe = |port| format!("{{containers: [{{livenessProbe: {{httpGet: {{port: {port}}}}}}}]}}");
        assert_eq!(error(&probe("http")), "");
        assert_eq!(error(&probe("80")), "");
        assert_eq!(error(&probe("true")), "`port` must be a number or a string, and this is a boolean");
    }

    #[test]
    fn amounts() {
        let of = |amount| error(&format!("{{overhead: {{cpu: {amount}}}}}"));
        for good in ["1", "0.5", "100m", "1Gi", "'1e3'", "'+5E'", "'.5'", "'1.'"] {
            assert_eq!(of(good), "", "{good}");
        }
        for bad in ["1GB", "'1 Gi'", "Gi", "''", "1.2.3", "1gi", "'1e'", "[1]", "'0x10'"] {
            assert_ne!(of(bad), "", "{bad}");
        }
    }

    #[test]
    fn unknown_fields_are_refused_but_for_their_case() {
        assert_eq!(error("{containers: [{imagePullPolcy: a}]}"), "Container has no field `imagePullPolcy`");
        let (error, warnings) = said("{containers: [{ports: [{containerport: 1}]}]}");
        assert_eq!(error, None);
        assert_eq!(
            warnings,
            ["ContainerPort has no field `containerport`: the API server refuses it, and it is passed over"]
        );
    }

    #[test]
    fn what_a_server_stored_may_have_fields_of_another_version() {
        let checked = |kind: &str, text: &str| {
            let documents = documents(text.as_bytes()).unwrap();
            let node = parse(&documents[0]).unwrap().unwrap();
            let context = Context { file: 0, namespace: "a", findings: RefCell::default() };
            let group = if kind == "NetworkPolicy" { "networking.k8s.io" } else { "" };
            let error = check(&context, &node, group, kind).err().map(|e| e.message);
            (error, context.findings.into_inner().into_iter().map(|f| f.code).collect::<Vec<_>>())
        };
        for stored in ["uid: x", "resourceVersion: '1'", "managedFields: [{manager: x}]"] {
            let pod = format!("{{metadata: {{name: a, {stored}}}, spec: {{futureField: 1}}}}");
            assert_eq!(checked("Pod", &pod), (None, vec![Code::UnknownField]));
            let policy = format!("{{metadata: {{name: a, {stored}}}, spec: {{futureField: 1}}}}");
            let message = "NetworkPolicySpec has no field `futureField`".to_owned();
            assert_eq!(checked("NetworkPolicy", &policy), (Some(message), vec![]));
        }
        assert!(checked("Pod", "{metadata: {name: a, uid: null}, spec: {futureField: 1}}").0.is_some());
    }

    #[test]
    fn every_type_of_the_table_is_known() {
        let types = Types::parse();
        assert!(types.fields.len() > 100);
        assert!(types.fields.iter().filter(|(_, fields)| fields.is_empty()).count() < 5);
    }
}
