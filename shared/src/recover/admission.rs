//! Entries of webhook configurations that let pass what nobody answers, for a while.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Opened, RecordError, parsed};
use crate::names;

/// The name of both webhook configurations.
pub const CONFIGURATION: &str = "netintent";

/// The entry that is never opened: who may write labels.
pub const GUARD: &str = "guard.netintent.dev";

/// What an entry does without an answer.
const FAIL: &str = "Fail";
const IGNORE: &str = "Ignore";

/// Where the annotation is in an object, as a JSON Pointer.
const AT: &str = "/metadata/annotations/netintent.dev~1recover";

/// What is written on a configuration while entries of it are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Since when, and by whom.
    pub opened: Opened,
    /// The entries that waited for an answer before, by name, with the failure policy to put back.
    pub entries: BTreeMap<String, String>,
}

impl Record {
    /// Reads the annotation.
    ///
    /// # Errors
    /// Where it is none that [`admit`] writes: nothing but `Fail` is put back, and only where it was.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let record = parsed(text)?;
        let entries = record.get("entries").and_then(Value::as_object).ok_or(RecordError("`entries` is no object"))?;
        let entry = |(name, policy): (&String, &Value)| {
            let fine = is_recoverable(name) && policy == FAIL;
            fine.then(|| (name.clone(), FAIL.to_owned())).ok_or(RecordError("an entry in it is none that may be open"))
        };
        Ok(Self { opened: Opened::read(&record)?, entries: entries.iter().map(entry).collect::<Result<_, _>>()? })
    }

    fn text(&self) -> String {
        let mut record = self.opened.write();
        record["entries"] = json!(self.entries);
        record.to_string()
    }
}

/// What is to be changed of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The names of the entries whose failure policy changes, in the order of the configuration.
    pub entries: Vec<String>,
    /// A JSON Patch of the configuration as it was read, and of no other.
    pub patch: Value,
}

/// An entry of a configuration.
struct Entry<'c> {
    at: usize,
    name: &'c str,
    policy: &'c str,
}

impl Entry<'_> {
    /// The operations that change its failure policy, if it is still the one that was read.
    fn set(&self, policy: &str) -> [Value; 3] {
        let path = |field: &str| format!("/webhooks/{}/{field}", self.at);
        [
            json!({"op": "test", "path": path("name"), "value": self.name}),
            json!({"op": "test", "path": path("failurePolicy"), "value": self.policy}),
            json!({"op": "replace", "path": path("failurePolicy"), "value": policy}),
        ]
    }
}

/// Whether an entry of this name may be opened: what labels pods and what judges workloads, never what guards labels.
pub fn is_recoverable(entry: &str) -> bool {
    [".derive.netintent.dev", ".workloads.netintent.dev"].iter().any(|suffix| entry.ends_with(suffix))
}

fn entries(configuration: &Value) -> impl Iterator<Item = Entry<'_>> {
    let all = configuration["webhooks"].as_array().into_iter().flatten().enumerate();
    all.filter_map(|(at, entry)| {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        // An API server always says it.
        Some(Entry { at, name: text("name")?, policy: text("failurePolicy").unwrap_or(FAIL) })
    })
}

/// The names of the entries that may be opened and wait for an answer.
pub fn waiting(configuration: &Value) -> Vec<&str> {
    entries(configuration).filter(|e| is_recoverable(e.name) && e.policy == FAIL).map(|e| e.name).collect()
}

/// Whether the guard is there and waits: nobody gains a label by hand while other entries are open.
pub fn is_guarded<'c>(configurations: impl IntoIterator<Item = &'c Value>) -> bool {
    configurations.into_iter().any(|of| entries(of).any(|entry| entry.name == GUARD && entry.policy == FAIL))
}

/// Of the entries that [`readmit`] would have wait again, the first that is not asked as the guard is: by another address, or by
/// trust in other authorities. What is known of the guard, that it is answered, is not known of that one.
pub fn unlike_guard<'c>(configuration: &'c Value, guards: &Value) -> Option<&'c str> {
    let record = recorded(configuration).ok()??;
    let client = |of: &Value, at: usize| Asked::of(&of["webhooks"][at]["clientConfig"]);
    let guard = entries(guards).find(|entry| entry.name == GUARD).map(|guard| client(guards, guard.at));
    opened(configuration, &record).find(|entry| guard != Some(client(configuration, entry.at))).map(|entry| entry.name)
}

/// Whom an API server asks, and whom it believes.
#[derive(PartialEq)]
struct Asked {
    bundle: Value,
    service: [Value; 3],
    server: Option<String>,
}

impl Asked {
    fn of(client: &Value) -> Self {
        // Behind `https://host:port` each entry has a path of its own.
        let server = client["url"].as_str().map(|url| url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/"));
        let service = ["namespace", "name", "port"].map(|key| client["service"][key].clone());
        Self { bundle: client["caBundle"].clone(), service, server }
    }
}

/// The entries that were opened, and still are.
pub fn open<'c>(configuration: &'c Value, record: &Record) -> Vec<&'c str> {
    opened(configuration, record).map(|entry| entry.name).collect()
}

fn opened<'c>(configuration: &'c Value, record: &Record) -> impl Iterator<Item = Entry<'c>> {
    entries(configuration).filter(|entry| entry.policy == IGNORE && record.entries.contains_key(entry.name))
}

/// What is written on a configuration; `None` where nothing is.
///
/// # Errors
/// Where it can't be understood.
pub fn recorded(configuration: &Value) -> Result<Option<Record>, RecordError> {
    annotation(configuration).map(Record::parse).transpose()
}

/// Has the entries that wait let pass what nobody answers, and writes down what they did before. `None` where none waits.
///
/// # Errors
/// Where it is not known what was opened before.
pub fn admit(configuration: &Value, by: &Opened) -> Result<Option<Change>, RecordError> {
    let record = recorded(configuration)?;
    let waiting = entries(configuration).filter(|entry| is_recoverable(entry.name) && entry.policy == FAIL);
    let waiting: Vec<Entry<'_>> = waiting.collect();
    if waiting.is_empty() {
        return Ok(None);
    }
    let mut record = record.unwrap_or_else(|| Record { opened: by.clone(), entries: BTreeMap::new() });
    record.entries.extend(waiting.iter().map(|entry| (entry.name.to_owned(), entry.policy.to_owned())));
    let annotate = if configuration.pointer("/metadata/annotations").is_some_and(Value::is_object) {
        json!({"op": "add", "path": AT, "value": record.text()})
    } else {
        json!({"op": "add", "path": "/metadata/annotations", "value": {names::RECOVER: record.text()}})
    };
    let mut patch = vec![version(configuration)];
    patch.extend(waiting.iter().flat_map(|entry| entry.set(IGNORE)));
    patch.push(annotate);
    Ok(Some(Change { entries: waiting.iter().map(|entry| entry.name.to_owned()).collect(), patch: patch.into() }))
}

/// Puts back what was written down, where nobody has changed it since, and takes the annotation away. `None` where there
/// is none.
///
/// # Errors
/// Where it can't be understood: what was before is not guessed.
pub fn readmit(configuration: &Value) -> Result<Option<Change>, RecordError> {
    let Some(record) = recorded(configuration)? else { return Ok(None) };
    let open: Vec<Entry<'_>> = opened(configuration, &record).collect();
    let mut patch = vec![version(configuration)];
    patch.extend(open.iter().flat_map(|entry| entry.set(&record.entries[entry.name])));
    patch.push(json!({"op": "remove", "path": AT}));
    Ok(Some(Change { entries: open.iter().map(|entry| entry.name.to_owned()).collect(), patch: patch.into() }))
}

/// That the configuration is as it was read.
fn version(configuration: &Value) -> Value {
    let version = configuration.pointer("/metadata/resourceVersion").unwrap_or(&Value::Null);
    json!({"op": "test", "path": "/metadata/resourceVersion", "value": version})
}

fn annotation(configuration: &Value) -> Option<&str> {
    configuration.pointer(AT).and_then(Value::as_str)
}
