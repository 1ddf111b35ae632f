//! What people are told, as an Event on the object that it is about: each thing once in a while, and not too many.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher as _;
use std::sync::{Arc, Mutex, PoisonError};
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

use super::about::About;
use super::lease::micros;
use super::rate::Rate;
use crate::lean::Lean;

/// How long the same is not told again.
const APART: Duration = Duration::from_mins(10);
/// How many Events there may be in a second, and at once: of what happens, and of what is so.
const RATE: (u32, u32) = (20, 100);
/// How much is remembered of what was told.
const MOST: usize = 4096;
/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many bytes a note may have.
const NOTE: usize = 1000;

/// Something to tell of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Whether somebody should do something about it.
    pub(crate) warns: bool,
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
        let memory = Mutex::new(Memory::new(Instant::now()));
        Self { client, me: me.chars().take(128).collect(), memory }
    }

    /// When there is room for something that can wait: `now`, or later.
    pub(crate) fn room(&self, now: Instant) -> Instant {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).patient.room(now)
    }

    /// Tells something of an object, unless it was told of late or too much is told; does not wait until that is done. What
    /// can't be told is left.
    pub(crate) fn tell(self: &Arc<Self>, about: &About, told: &Told) {
        self.tell_by(about, told, Haste::Soon);
    }

    /// The same of what is so for a while, with a rate of its own: however many declare what nobody has approved, it is told
    /// who loses access.
    pub(crate) fn tell_patiently(self: &Arc<Self>, about: &About, told: &Told) {
        self.tell_by(about, told, Haste::Patient);
    }

    fn tell_by(self: &Arc<Self>, about: &About, told: &Told, haste: Haste) {
        let Some(count) = self.count(about, told, haste) else { return };
        let (events, about, told) = (Arc::clone(self), about.clone(), told.clone());
        tokio::spawn(async move { events.try_write(&about, &told, count).await });
    }

    /// Tells what is to be known before something is done, however much else is told.
    pub(crate) async fn tell_first(&self, about: &About, told: &Told) {
        if let Some(count) = self.count(about, told, Haste::First) {
            self.try_write(about, told, count).await;
        }
    }

    fn count(&self, about: &About, told: &Told, haste: Haste) -> Option<u64> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).count(about, told, Instant::now(), haste)
    }

    async fn try_write(&self, about: &About, told: &Told, count: u64) {
        if let Err(error) = self.write(about, told, count).await {
            debug!(%error, ?about, reason = told.reason, "an Event can't be written");
        }
    }

    async fn write(&self, about: &About, told: &Told, count: u64) -> Result<(), kube::Error> {
        let event = event(about, &self.uid(about).await?, told, &self.me, Timestamp::now());
        // An Event of what is in no namespace is in this one.
        let namespace = if about.namespace.is_empty() { "default" } else { &about.namespace };
        let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
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

    /// The uid of an object, since who describes one is shown the Events of its uid; none of what has gone.
    async fn uid(&self, about: &About) -> Result<String, kube::Error> {
        // What an owner reference names may be anything, and none of it is to steer the request.
        if !names::is_dns_subdomain(&about.name) {
            return Ok(String::new());
        }
        let request = Request::new(about.path()).get_metadata(&about.name, &GetParams::default());
        match self.ask(request.map_err(kube::Error::BuildRequest)?).await {
            Ok(object) => Ok(object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default().to_owned()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(String::new()),
            Err(error) => Err(error),
        }
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
    told: FxHashMap<(About, &'static str), (u64, Instant, u64)>,
    /// For what happens.
    rate: Rate,
    /// For what is so, which waits until there is room.
    patient: Rate,
}

/// How soon something is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Haste {
    /// Before something is done, whatever else is told.
    First,
    /// Now, or not at all.
    Soon,
    /// When there is room.
    Patient,
}

impl Memory {
    fn new(now: Instant) -> Self {
        let rate = || Rate::new(RATE.0, RATE.1, now);
        Self { told: FxHashMap::default(), rate: rate(), patient: rate() }
    }

    /// How often something has happened, if it is to be told now.
    fn count(&mut self, about: &About, told: &Told, now: Instant, haste: Haste) -> Option<u64> {
        let key = (about.clone(), told.reason);
        let note = hash(&told.note);
        let before = self.told.get(&key).copied().filter(|(known, _, _)| *known == note);
        if let Some((_, last, count)) = before
            && now.saturating_duration_since(last) < APART
        {
            self.told.insert(key, (note, last, count + 1));
            return None;
        }
        let room = match haste {
            Haste::First => true,
            Haste::Soon => self.rate.take(now),
            Haste::Patient => self.patient.take(now),
        };
        if !room {
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

fn event(about: &About, uid: &str, told: &Told, me: &str, clock: Timestamp) -> Value {
    let mut note = names::printable(&told.note);
    while note.len() > NOTE {
        note.pop();
    }
    let own: String = about.name.chars().take(200).collect();
    let own = own.trim_end_matches(['-', '.']);
    let mut regarding = json!({"apiVersion": about.api_version, "kind": about.kind, "name": about.name, "uid": uid});
    if !about.namespace.is_empty() {
        regarding["namespace"] = about.namespace.as_str().into();
    }
    json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {
            "namespace": if about.namespace.is_empty() { "default" } else { &about.namespace },
            "name": format!("{own}.{:016x}", hash(&(about, uid, told.reason, &told.note))),
        },
        "eventTime": micros(clock), "type": if told.warns { "Warning" } else { "Normal" },
        "reason": told.reason, "action": told.action, "note": note,
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
    use crate::watched::Watched;

    fn told(note: &str) -> Told {
        Told { warns: true, reason: "NameTaken", action: "Apply", note: note.to_owned() }
    }

    fn about(name: &str) -> About {
        About::watched(Watched::Namespace, &(String::new(), name.to_owned()))
    }

    #[test]
    fn the_same_is_told_once_in_a_while() {
        let now = Instant::now();
        let (mut memory, bank) = (Memory::new(now), about("bank"));
        assert_eq!(memory.count(&bank, &told("a"), now, Haste::Soon), Some(1));
        assert_eq!(memory.count(&bank, &told("a"), now, Haste::Soon), None);
        assert_eq!(memory.count(&bank, &told("a"), now, Haste::First), None);
        assert_eq!(memory.count(&bank, &told("b"), now, Haste::Soon), Some(1), "it says something else");
        assert_eq!(memory.count(&bank, &told("b"), now + APART, Haste::Soon), Some(2));
    }

    #[test]
    fn there_are_not_too_many() {
        let now = Instant::now();
        let mut memory = Memory::new(now);
        let of = |number: u32| about(&number.to_string());
        let count =
            (0..1000).filter(|number| memory.count(&of(*number), &told("a"), now, Haste::Soon).is_some()).count();
        assert_eq!(count, RATE.1 as usize);
        assert_eq!(memory.count(&of(1000), &told("a"), now, Haste::First), Some(1), "what must be told first is");
        assert_eq!(
            memory.count(&of(1001), &told("a"), now, Haste::Patient),
            Some(1),
            "what waits has a rate of its own"
        );
    }

    #[test]
    fn an_event_fits_and_holds_nothing_that_steers_a_terminal() {
        let pod = About::watched(Watched::Pod, &("shop".to_owned(), "x".repeat(253)));
        let event = event(&pod, "u", &told(&"\u{1b}ü".repeat(2000)), "me", Timestamp::UNIX_EPOCH);
        assert!(event["metadata"]["name"].as_str().is_some_and(|name| name.len() < 253));
        let note = event["note"].as_str().unwrap();
        assert!(note.len() <= NOTE && !note.contains('\u{1b}'), "{note}");
        assert_eq!(event["metadata"]["namespace"], "shop");
    }
}
