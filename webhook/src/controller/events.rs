//! What people are told, as an Event on the object that it is about: each thing once in a while, and not too many.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::Client;
use kube::api::{GetParams, Patch, PatchParams, PostParams};
use kube::core::Request;
use netintent::names;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};
use tokio::time::timeout;
use tracing::debug;

use super::lease::micros;
use super::queue::Task;
use super::rate::Rate;
use crate::lean::Lean;
use crate::watched::Watched;

/// How long the same is not told again.
const APART: Duration = Duration::from_mins(10);
/// How many Events there may be in a second, and at once.
const RATE: (u32, u32) = (5, 50);
/// How much is remembered of what was told.
const MOST: usize = 4096;
/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many bytes a note may have.
const NOTE: usize = 1000;

/// Something to tell of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Why, in one word.
    pub(crate) reason: &'static str,
    /// What was being done, in one word.
    pub(crate) action: &'static str,
    /// The same for people.
    pub(crate) note: String,
}

/// Tells what happens.
pub(crate) struct Events {
    client: Client,
    me: String,
    memory: Mutex<Memory>,
}

impl Events {
    /// Tells it in the name of this replica.
    pub(crate) fn new(client: Client, me: &str) -> Self {
        let memory = Memory { told: FxHashMap::default(), rate: Rate::new(RATE.0, RATE.1, Instant::now()) };
        Self { client, me: me.chars().take(128).collect(), memory: Mutex::new(memory) }
    }

    /// Tells something of an object, unless it was told of late. What can't be told is left.
    pub(crate) async fn tell(&self, task: &Task, told: &Told) {
        let now = Instant::now();
        let count = self.memory.lock().unwrap_or_else(PoisonError::into_inner).count(task, told, now);
        let Some(count) = count else { return };
        if let Err(error) = self.write(task, told, count).await {
            debug!(%error, kind = task.kind(), reason = told.reason, "an Event can't be written");
        }
    }

    async fn write(&self, task: &Task, told: &Told, count: u64) -> Result<(), kube::Error> {
        let (kind, namespace, name) = match task {
            Task::Namespace(name) => (Watched::Namespace, None, name),
            Task::Service((namespace, name)) => (Watched::Service, Some(namespace.as_str()), name),
            Task::Pod((namespace, name)) => (Watched::Pod, Some(namespace.as_str()), name),
        };
        // Who describes an object is shown the Events of its uid.
        let request = Request::new(kind.path(namespace)).get_metadata(name, &GetParams::default());
        let object = self.ask(request.map_err(kube::Error::BuildRequest)?).await?;
        let uid = object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        let event = event((kind, namespace.unwrap_or_default(), name, uid), told, &self.me, Timestamp::now());
        // An Event of what is in no namespace is in this one.
        let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", namespace.unwrap_or("default"));
        let request = Request::new(path.as_str()).create(&PostParams::default(), event.to_string().into_bytes());
        match self.ask(request.map_err(kube::Error::BuildRequest)?).await {
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            result => return result.map(drop),
        }
        let name = event["metadata"]["name"].as_str().unwrap_or_default();
        let series = json!({"series": {"count": count.max(2), "lastObservedTime": micros(Timestamp::now())}});
        let request = Request::new(path).patch(name, &PatchParams::default(), &Patch::Merge(&series));
        self.ask(request.map_err(kube::Error::BuildRequest)?).await.map(drop)
    }

    async fn ask(&self, request: axum::http::Request<Vec<u8>>) -> Result<Value, kube::Error> {
        let answer = timeout(PATIENCE, self.client.request::<Lean>(request)).await;
        let slow = |_| kube::Error::Service("the API server does not answer".into());
        answer.map_err(slow)?.map(|Lean(object)| object)
    }
}

/// What was told, when, and how often there was reason to.
#[derive(Debug)]
struct Memory {
    told: FxHashMap<(Task, &'static str), (u64, Instant, u64)>,
    rate: Rate,
}

impl Memory {
    /// How often something has happened, if it is to be told now.
    fn count(&mut self, task: &Task, told: &Told, now: Instant) -> Option<u64> {
        let key = (task.clone(), told.reason);
        let note = hash(&told.note);
        let before = self.told.get(&key).copied().filter(|(known, _, _)| *known == note);
        if let Some((_, last, count)) = before
            && now.saturating_duration_since(last) < APART
        {
            self.told.insert(key, (note, last, count + 1));
            return None;
        }
        if !self.rate.take(now) {
            return None;
        }
        if self.told.len() >= MOST {
            self.told.retain(|_, (_, last, _)| now.saturating_duration_since(*last) < APART);
            if self.told.len() >= MOST {
                self.told.clear();
            }
        }
        let count = before.map_or(1, |(_, _, count)| count + 1);
        self.told.insert(key, (note, now, count));
        Some(count)
    }
}

fn event(of: (Watched, &str, &str, &str), told: &Told, me: &str, clock: Timestamp) -> Value {
    let (kind, namespace, name, uid) = of;
    let mut note = names::printable(&told.note);
    while note.len() > NOTE {
        note.pop();
    }
    let own: String = name.chars().take(200).collect();
    let own = own.trim_end_matches(['-', '.']);
    let regarding = if namespace.is_empty() {
        json!({"apiVersion": kind.api_version(), "kind": kind.kind(), "name": name, "uid": uid})
    } else {
        json!({"apiVersion": kind.api_version(), "kind": kind.kind(), "namespace": namespace, "name": name, "uid": uid})
    };
    json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {
            "namespace": if namespace.is_empty() { "default" } else { namespace },
            "name": format!("{own}.{:016x}", hash(&(uid, told.reason, &told.note))),
        },
        "eventTime": micros(clock), "type": "Warning", "reason": told.reason, "action": told.action, "note": note,
        "regarding": regarding, "reportingController": "netintent.dev/controller", "reportingInstance": me,
    })
}

fn hash(value: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(note: &str) -> Told {
        Told { reason: "NameTaken", action: "Apply", note: note.to_owned() }
    }

    #[test]
    fn the_same_is_told_once_in_a_while() {
        let now = Instant::now();
        let mut memory = Memory { told: FxHashMap::default(), rate: Rate::new(RATE.0, RATE.1, now) };
        let task = Task::Namespace("bank".to_owned());
        assert_eq!(memory.count(&task, &told("a"), now), Some(1));
        assert_eq!(memory.count(&task, &told("a"), now), None);
        assert_eq!(memory.count(&task, &told("b"), now), Some(1), "it says something else");
        assert_eq!(memory.count(&task, &told("b"), now + APART), Some(2));
    }

    #[test]
    fn there_are_not_too_many() {
        let now = Instant::now();
        let mut memory = Memory { told: FxHashMap::default(), rate: Rate::new(RATE.0, RATE.1, now) };
        let of = |number: u32| Task::Namespace(number.to_string());
        let count = (0..1000).filter(|number| memory.count(&of(*number), &told("a"), now).is_some()).count();
        assert_eq!(count, RATE.1 as usize);
    }

    #[test]
    fn an_event_fits_and_holds_nothing_that_steers_a_terminal() {
        let long = "x".repeat(253);
        let event =
            event((Watched::Pod, "shop", &long, "u"), &told(&"\u{1b}ü".repeat(2000)), "me", Timestamp::UNIX_EPOCH);
        assert!(event["metadata"]["name"].as_str().is_some_and(|name| name.len() < 253));
        let note = event["note"].as_str().unwrap();
        assert!(note.len() <= NOTE && !note.contains('\u{1b}'), "{note}");
        assert_eq!(event["metadata"]["namespace"], "shop");
    }
}
