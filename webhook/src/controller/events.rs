//! What people are told, as an Event on the object that it is about: each thing once in a while, and not too many.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::Client;
use kube::api::{GetParams, Patch, PatchParams, PostParams};
use kube::core::Request;
use netintent::names;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::about::About;
use super::lease::micros;
use super::rate::Rate;
use crate::lean::Lean;

/// How long the same is not told again.
const APART: Duration = Duration::from_mins(10);
/// How many Events there may be in a second, and at once: of what happens, and of what is so.
const RATE: (u32, u32) = (20, 100);
/// How many of those of what happens are in one namespace.
const OF_ONE: (u32, u32) = (2, 25);
/// How long nothing else of the same reason is told of an object of what is so: names come and go.
const CALM: Duration = Duration::from_mins(1);
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
        self.memory().patient.room(now)
    }

    /// Tells something that has happened to an object, unless it was told of late or too much is told; does not wait until
    /// that is done. What can't be told is left.
    pub(crate) fn tell(self: &Arc<Self>, about: &About, told: &Told) {
        if let Verdict::Tell(count) = self.memory().judge(about, told, Instant::now(), Haste::Soon) {
            self.begin(about, told, count);
        }
    }

    /// The same of what is so for a while, with a rate of its own: however many declare what nobody has approved, it is told
    /// who loses access. Returns when to try again, if it is too soon.
    pub(crate) fn tell_patiently(self: &Arc<Self>, about: &About, told: &Told) -> Option<Instant> {
        match self.memory().judge(about, told, Instant::now(), Haste::Patient) {
            Verdict::Tell(count) => self.begin(about, told, count),
            Verdict::Known => {}
            Verdict::Later(at) => return Some(at),
        }
        None
    }

    /// Tells what is to be known before something is done, each time, however much else is told.
    pub(crate) async fn tell_first(&self, about: &About, told: &Told) {
        let verdict = self.memory().judge(about, told, Instant::now(), Haste::First);
        let Verdict::Tell(count) = verdict else { return };
        if let Err(error) = self.write(about, told, count).await {
            warn!(%error, ?about, reason = told.reason, note = told.note, "it could not be told before it is done");
        }
    }

    fn begin(self: &Arc<Self>, about: &About, told: &Told, count: u64) {
        let (events, about, told) = (Arc::clone(self), about.clone(), told.clone());
        tokio::spawn(async move {
            if let Err(error) = events.write(&about, &told, count).await {
                debug!(%error, ?about, reason = told.reason, "an Event can't be written");
                events.memory().told.remove(&(about, told.reason));
            }
        });
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Each change is whole before it can panic.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// The same, of each namespace: nobody keeps others from being told.
    rates: FxHashMap<String, Rate>,
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

/// Whether something is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is, and has happened so often.
    Tell(u64),
    /// It was told, or there is too much to tell.
    Known,
    /// Not before that.
    Later(Instant),
}

impl Memory {
    fn new(now: Instant) -> Self {
        let rate = || Rate::new(RATE.0, RATE.1, now);
        Self { told: FxHashMap::default(), rate: rate(), rates: FxHashMap::default(), patient: rate() }
    }

    fn judge(&mut self, about: &About, told: &Told, now: Instant, haste: Haste) -> Verdict {
        let key = (about.clone(), told.reason);
        let note = hash(&told.note);
        let last = self.told.get(&key).copied();
        let before = last.filter(|(known, _, _)| *known == note);
        let since = |last: Instant| now.saturating_duration_since(last);
        if let Some((_, last, count)) = before.filter(|(_, last, _)| haste != Haste::First && since(*last) < APART) {
            self.told.insert(key, (note, last, count + 1));
            return Verdict::Known;
        }
        if let Some((_, last, _)) = last.filter(|(_, last, _)| haste == Haste::Patient && since(*last) < CALM) {
            return Verdict::Later(last + CALM);
        }
        let room = match haste {
            Haste::First => true,
            Haste::Soon => self.of_one(&about.namespace, now).take(now) && self.rate.take(now),
            Haste::Patient => self.patient.take(now),
        };
        if !room {
            return Verdict::Known;
        }
        self.forget(now);
        let count = before.map_or(1, |(_, _, count)| count + 1);
        self.told.insert(key, (note, now, count));
        Verdict::Tell(count)
    }

    /// The rate of a namespace.
    fn of_one(&mut self, namespace: &str, now: Instant) -> &mut Rate {
        if self.rates.len() >= MOST {
            self.rates.retain(|_, rate| !rate.is_full(now));
        }
        self.rates.entry(namespace.to_owned()).or_insert_with(|| Rate::new(OF_ONE.0, OF_ONE.1, now))
    }

    /// Makes room for one more: what was told longest ago goes first.
    fn forget(&mut self, now: Instant) {
        let mut apart = APART;
        while self.told.len() >= MOST {
            self.told.retain(|_, (_, last, _)| now.saturating_duration_since(*last) < apart);
            apart /= 2;
        }
    }
}

fn event(about: &About, uid: &str, told: &Told, me: &str, clock: Timestamp) -> Value {
    let mut note = names::printable(&told.note);
    if note.len() > NOTE {
        while note.len() > NOTE {
            note.pop();
        }
        note.push('…');
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
        let mut judge = |note: &str, at: Instant, haste: Haste| memory.judge(&bank, &told(note), at, haste);
        assert_eq!(judge("a", now, Haste::Soon), Verdict::Tell(1));
        assert_eq!(judge("a", now, Haste::Soon), Verdict::Known);
        assert_eq!(judge("a", now, Haste::First), Verdict::Tell(3), "before it is done it is told each time");
        assert_eq!(judge("b", now, Haste::Patient), Verdict::Later(now + CALM), "names come and go");
        assert_eq!(judge("b", now, Haste::Soon), Verdict::Tell(1), "it says something else");
        assert_eq!(judge("b", now + APART, Haste::Soon), Verdict::Tell(2));
        assert_eq!(judge("c", now + APART + CALM, Haste::Patient), Verdict::Tell(1));
    }

    #[test]
    fn there_are_not_too_many_and_nobody_keeps_others_from_being_told() {
        let now = Instant::now();
        let mut memory = Memory::new(now);
        let of =
            |namespace: &str, number: u32| About::watched(Watched::Approval, &(namespace.into(), number.to_string()));
        let mut count = |namespace: &str| {
            let told = |number| memory.judge(&of(namespace, number), &told("a"), now, Haste::Soon) != Verdict::Known;
            (0..1000).map(told).filter(|told| *told).count()
        };
        assert_eq!((count("flood"), count("flood"), count("bank")), (25, 0, 25));
        assert_eq!((count("c"), count("d"), count("e")), (25, 25, 0), "in all");
        assert_eq!(memory.judge(&about("x"), &told("a"), now, Haste::First), Verdict::Tell(1));
        assert_eq!(memory.judge(&about("y"), &told("a"), now, Haste::Patient), Verdict::Tell(1));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let now = Instant::now();
        let mut memory = Memory::new(now);
        for number in 0..u64::try_from(MOST).unwrap() * 2 {
            let at = now + Duration::from_millis(number);
            memory.judge(&about(&number.to_string()), &told("a"), at, Haste::First);
        }
        assert!(memory.told.len() <= MOST && memory.told.len() > 100, "{}", memory.told.len());
    }

    #[test]
    fn an_event_fits_and_holds_nothing_that_steers_a_terminal() {
        let pod = About::watched(Watched::Pod, &("shop".to_owned(), "x".repeat(253)));
        let event = event(&pod, "u", &told(&"\u{1b}ü".repeat(2000)), "me", Timestamp::UNIX_EPOCH);
        assert!(event["metadata"]["name"].as_str().is_some_and(|name| name.len() < 253));
        let note = event["note"].as_str().unwrap();
        assert!(note.len() <= NOTE + 3 && !note.contains('\u{1b}'), "{note}");
        assert_eq!(event["metadata"]["namespace"], "shop");
    }
}
