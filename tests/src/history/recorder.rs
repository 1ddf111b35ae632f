//! Watches every kind, from one version on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use jiff::Timestamp;
use kube::api::WatchParams;
use kube::core::{Request, WatchEvent};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{Event, History};
use crate::expected::{KINDS, Key, items, key};
use crate::objects::path;
use crate::{Error, Installed, User, runtime};

/// How long one watch lasts before the next one goes on from where it was. Clients may ask for at most 295 seconds.
const LASTS: u32 = 290;
/// How long to wait before a watch is begun anew that could not be.
const AGAIN: Duration = Duration::from_millis(200);
/// Where netintent has its Lease.
const OWN: &str = "netintent-system";

/// Records all that happens, until it ends.
#[derive(Debug)]
pub struct Recorder {
    began: Timestamp,
    heard: Arc<Mutex<Heard>>,
    watches: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Heard {
    events: Vec<Event>,
    /// Why something is missing, if it is.
    failed: Option<String>,
}

/// What is recorded, and where the API server has it.
fn recorded() -> impl Iterator<Item = (&'static str, String)> {
    let all = KINDS.into_iter().chain(["NetworkPolicy"]).map(|kind| (kind, path(kind, "")));
    all.chain([("Lease", path("Lease", OWN))])
}

impl Recorder {
    /// Begins to record.
    ///
    /// # Errors
    ///
    /// If the API server does not answer.
    pub fn start(user: &User) -> Result<Self, Error> {
        let (began, instant) = (Timestamp::now(), Instant::now());
        let body = user.get(&format!("{}?limit=1", path("Namespace", "")))?.body;
        let version = body["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let mut watches = Vec::new();
        for (kind, path) in recorded() {
            let watch = Watch { user: user.clone(), kind, path, began: instant, heard: Arc::clone(&heard) };
            watches.push(runtime()?.spawn(watch.keep(version.clone())));
        }
        Ok(Self { began, heard, watches })
    }

    /// How many events there are until now.
    pub fn len(&self) -> usize {
        self.heard().events.len()
    }

    /// What was heard of until now, in the order in which it was.
    pub fn events(&self) -> Vec<Event> {
        self.heard().events.clone()
    }

    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all that is there was heard of, of what `scope` is the beginning of the namespace, or of the name where
    /// there is none.
    ///
    /// # Errors
    ///
    /// If that takes too long, or something was missed.
    pub fn catch_up(&self, installed: &Installed, scope: &str) -> Result<(), Error> {
        installed.until(&format!("all that happened to {scope} is recorded"), || {
            for (kind, _) in recorded().filter(|(kind, _)| *kind != "Lease") {
                let there =
                    items(installed.admin(), kind, "")?.into_iter().filter(|object| within(&key(object), scope));
                let there: BTreeSet<(Key, u64)> = there.map(|object| (key(&object), version(&object))).collect();
                if self.known(kind, scope)? != there {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
    }

    fn known(&self, kind: &str, scope: &str) -> Result<BTreeSet<(Key, u64)>, Error> {
        let heard = self.heard();
        if let Some(what) = &heard.failed {
            return Err(Error::Client { what: what.clone() });
        }
        let mut all: BTreeMap<&Key, u64> = BTreeMap::new();
        for event in heard.events.iter().filter(|event| event.kind == kind && within(&event.key, scope)) {
            match event.object {
                Some(_) => all.insert(&event.key, event.version),
                None => all.remove(&event.key),
            };
        }
        Ok(all.into_iter().map(|(key, version)| (key.clone(), version)).collect())
    }

    /// Ends, and gives what happened.
    ///
    /// # Errors
    ///
    /// If something was missed.
    pub fn end(self) -> Result<History, Error> {
        let mut heard = self.heard();
        match heard.failed.take() {
            Some(what) => Err(Error::Client { what }),
            None => Ok(History::new(self.began, std::mem::take(&mut heard.events))),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.watches.iter().for_each(JoinHandle::abort);
    }
}

/// Whether an object is one of those of which a text is the beginning of the namespace, or of the name where there is none.
pub(super) fn within((namespace, name): &Key, scope: &str) -> bool {
    let of = if namespace.is_empty() { name } else { namespace };
    of.starts_with(scope)
}

fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

struct Watch {
    user: User,
    kind: &'static str,
    path: String,
    began: Instant,
    heard: Arc<Mutex<Heard>>,
}

impl Watch {
    /// Watches for ever: a watch that ends is gone on with from the version where it was, so that nothing is missed.
    async fn keep(self, mut from: String) {
        loop {
            if let Err(failed) = self.follow(&mut from).await {
                let is_over = matches!(&failed, kube::Error::Api(status) if status.code == 410);
                if is_over {
                    let what = format!("the watch of {} has missed something: {failed}", self.kind);
                    self.heard.lock().unwrap_or_else(PoisonError::into_inner).failed = Some(what);
                    return;
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    async fn follow(&self, from: &mut String) -> Result<(), kube::Error> {
        let params = WatchParams { timeout: Some(LASTS), bookmarks: true, ..WatchParams::default() };
        let request = Request::new(self.path.as_str()).watch(&params, from).map_err(kube::Error::BuildRequest)?;
        let mut events = std::pin::pin!(self.user.client().request_events::<Value>(request).await?);
        while let Some(event) = events.next().await {
            let (object, is_gone) = match event? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, false),
                WatchEvent::Deleted(object) => (object, true),
                WatchEvent::Bookmark(bookmark) => {
                    *from = bookmark.metadata.resource_version;
                    continue;
                }
                WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
            };
            version(&object).to_string().clone_into(from);
            self.take(object, is_gone);
        }
        Ok(())
    }

    fn take(&self, mut object: Value, is_gone: bool) {
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        let (key, version) = (key(&object), version(&object));
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        // What was gone says how it was.
        let object = (!is_gone).then_some(object);
        heard.events.push(Event { version, at: self.began.elapsed(), kind: self.kind, key, object });
    }
}
