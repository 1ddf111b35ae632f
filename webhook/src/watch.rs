//! Keeps the cache equal to the cluster: lists once, then watches, and lists again where the API server says that too much
//! has been missed.
//!
//! Each watch is short. That a connection is open says nothing: it may be dead. That the API server ends a watch at its
//! time, or sends a bookmark, says that all there was has come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::Client;
use kube::api::{ListParams, WatchParams};
use kube::core::{Request, WatchEvent};
use rustc_hash::FxHashSet;
use serde::Deserialize;
use serde_json::Value;
use tracing::{debug, warn};

use crate::cache::Cache;
use crate::failure::said;
use crate::lean::Lean;
use crate::metrics::Metrics;
use crate::watched::Watched;
use crate::world::{Key, Malformed, read};

/// How long one watch lasts. Bookmarks come about once a minute, and not always before the end.
const WATCH_SECONDS: u32 = 25;
/// How long the API server may be silent beyond that before the connection counts as dead.
const SILENCE: Duration = Duration::from_secs(35);
/// How much before its time a watch may end.
const EARLY: Duration = Duration::from_secs(2);
/// How many objects one page of a list has.
const PAGE: u32 = 500;
/// After how long a watch that fails has worked: it is begun again as soon as one that fails for the first time.
const WORKED: Duration = Duration::from_secs(5);
/// How long to wait after a failure, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// What went wrong with a watch.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// What it knows is too old to go on from.
    #[error("too much has been missed")]
    Expired,
    /// It ended before its time.
    #[error("the watch was cut off")]
    Early,
    #[error("the API server was silent for {} s", SILENCE.as_secs())]
    Silent,
    #[error("{}", said(.0))]
    Client(#[from] kube::Error),
    #[error("a request can't be made: {0}")]
    Request(#[from] kube::core::request::Error),
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    metadata: PageMetadata,
    /// A kind without objects may say `null`. An answer that says nothing is none: taken for one, it would have everything
    /// forgotten.
    #[serde(deserialize_with = "Option::deserialize")]
    items: Option<Vec<Lean>>,
}

impl Page {
    /// Where the next one begins, if there is one.
    pub(crate) fn next(&self) -> Option<String> {
        self.metadata.next.clone().filter(|next| !next.is_empty())
    }

    /// What is on it.
    pub(crate) fn objects(self) -> Vec<Value> {
        self.items.unwrap_or_default().into_iter().map(|Lean(object)| object).collect()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMetadata {
    resource_version: Option<String>,
    #[serde(rename = "continue")]
    next: Option<String>,
}

/// Watches one kind for ever, for the cache.
pub async fn watch(client: Client, cache: Arc<Cache>, metrics: Arc<Metrics>, kind: Watched) {
    keep(client, Cached { cache, metrics, kind }).await;
}

/// What is kept equal to the cluster.
pub(crate) trait Kept: Send + Sync {
    /// The kind.
    fn kind(&self) -> &'static str;
    /// Where the API server has it.
    fn path(&self) -> String;
    /// Whether metadata are all that is needed of it.
    fn is_metadata_only(&self) -> bool;
    /// Takes in an object; `None` where it has no name.
    fn put(&self, object: &Value) -> Option<Key>;
    /// Forgets an object.
    fn delete(&self, key: &Key);
    /// Forgets every object but these.
    fn retain(&self, known: &FxHashSet<Key>);
    /// Notes that all is known up to this moment.
    fn confirm(&self);
    /// Notes that the watch has to be begun again.
    fn failed(&self);
}

/// One kind of the cache.
struct Cached {
    cache: Arc<Cache>,
    metrics: Arc<Metrics>,
    kind: Watched,
}

impl Cached {
    fn malformed(&self, error: &Malformed) {
        warn!(error = %error, "an object is left out");
        self.metrics.malformed(self.kind).inc();
    }
}

impl Kept for Cached {
    fn kind(&self) -> &'static str {
        self.kind.kind()
    }

    fn path(&self) -> String {
        self.kind.path(None)
    }

    fn is_metadata_only(&self) -> bool {
        self.kind.is_metadata_only()
    }

    fn put(&self, object: &Value) -> Option<Key> {
        let put = read(self.kind, object).map(|read| (read.key().clone(), self.cache.put(self.kind, read)));
        match put {
            Ok((key, Ok(_))) => Some(key),
            // What it was before is forgotten.
            Ok((key, Err(error))) => {
                self.malformed(&error);
                Some(key)
            }
            Err(error) => {
                self.malformed(&error);
                None
            }
        }
    }

    fn delete(&self, key: &Key) {
        self.cache.delete(self.kind, key);
    }

    fn retain(&self, known: &FxHashSet<Key>) {
        self.cache.retain(self.kind, known);
    }

    fn confirm(&self) {
        self.cache.confirm(self.kind);
        self.metrics.confirmations(self.kind).inc();
    }

    fn failed(&self) {
        self.cache.fail(self.kind);
        self.metrics.watch_failures(self.kind.kind()).inc();
    }
}

/// Keeps something for ever.
pub(crate) async fn keep(client: Client, kept: impl Kept) {
    let watch = Watch { client, kept };
    let mut backoff = BACKOFF.0;
    let mut version: Option<String> = None;
    loop {
        let (began, before) = (Instant::now(), version.clone());
        let result = match before.clone() {
            None => watch.list().await.map(|listed| version = Some(listed)),
            Some(known) => watch.follow(known, &mut version).await,
        };
        match result {
            Ok(()) => backoff = BACKOFF.0,
            Err(failure) => {
                match &failure {
                    // After so long a silence all is listed anew. Then it is known at once, and by a watch only at its end.
                    Failure::Expired | Failure::Silent => version = None,
                    Failure::Client(kube::Error::Api(status)) if status.code == 410 => version = None,
                    _ => {}
                }
                warn!(kind = watch.kept.kind(), error = %failure, "the watch is begun again");
                watch.kept.failed();
                if began.elapsed() >= WORKED || version.is_some() && version != before {
                    backoff = BACKOFF.0;
                }
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF.1);
            }
        }
    }
}

struct Watch<K> {
    client: Client,
    kept: K,
}

impl<K: Kept> Watch<K> {
    /// Reads everything and forgets the rest; returns from where to go on.
    async fn list(&self) -> Result<String, Failure> {
        let mut known: FxHashSet<Key> = FxHashSet::default();
        let path = self.kept.path();
        let items = pages(&self.client, &path, self.kept.is_metadata_only(), |items| {
            known.extend(items.iter().filter_map(|item| self.kept.put(item)));
        });
        let version = items.await?;
        self.kept.retain(&known);
        self.kept.confirm();
        debug!(kind = self.kept.kind(), objects = known.len(), "listed");
        Ok(version)
    }

    /// Takes in what changes until the watch ends; `version` is from where to go on.
    async fn follow(&self, from: String, version: &mut Option<String>) -> Result<(), Failure> {
        let params = WatchParams { timeout: Some(WATCH_SECONDS), bookmarks: true, ..WatchParams::default() };
        let request = Request::new(self.kept.path());
        let request = if self.kept.is_metadata_only() {
            request.watch_metadata(&params, &from)?
        } else {
            request.watch(&params, &from)?
        };
        let began = Instant::now();
        let events = tokio::time::timeout(SILENCE, self.client.request_events::<Lean>(request));
        let mut events = std::pin::pin!(events.await.map_err(|_| Failure::Silent)??);
        loop {
            let next = tokio::time::timeout(SILENCE, events.next()).await.map_err(|_| Failure::Silent)?;
            let Some(event) = next else {
                // What ends before its time was cut off, which looks the same.
                if began.elapsed() + EARLY < Duration::from_secs(WATCH_SECONDS.into()) {
                    return Err(Failure::Early);
                }
                self.kept.confirm();
                return Ok(());
            };
            let object = match event? {
                WatchEvent::Bookmark(bookmark) => {
                    *version = Some(bookmark.metadata.resource_version);
                    self.kept.confirm();
                    continue;
                }
                WatchEvent::Error(status) if status.code == 410 => return Err(Failure::Expired),
                WatchEvent::Error(status) => return Err(kube::Error::Api(status).into()),
                WatchEvent::Added(Lean(object)) | WatchEvent::Modified(Lean(object)) => {
                    self.kept.put(&object);
                    object
                }
                WatchEvent::Deleted(Lean(object)) => {
                    if let Some(key) = key(&object) {
                        self.kept.delete(&key);
                    }
                    object
                }
            };
            if let Some(at) = object.pointer("/metadata/resourceVersion").and_then(Value::as_str) {
                *version = Some(at.to_owned());
            }
        }
    }
}

fn key(object: &Value) -> Option<Key> {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
    Some((text("/metadata/namespace").unwrap_or_default().to_owned(), text("/metadata/name")?.to_owned()))
}

/// Reads every object, in pages; returns the version of the list.
async fn pages(
    client: &Client,
    path: &str,
    metadata_only: bool,
    mut take: impl FnMut(Vec<Value>),
) -> Result<String, ListError> {
    let mut params = first();
    loop {
        let page = page(client, path, metadata_only, &params).await?;
        let (next, version) = (page.next(), page.metadata.resource_version.clone());
        take(page.objects());
        match next {
            Some(next) => params.continue_token = Some(next),
            None => return Ok(version.unwrap_or_default()),
        }
    }
}

/// What the first page of a list is asked for by.
pub(crate) fn first() -> ListParams {
    ListParams { limit: Some(PAGE), ..ListParams::default() }
}

/// Reads a page of a list.
pub(crate) async fn page(
    client: &Client,
    path: &str,
    metadata_only: bool,
    params: &ListParams,
) -> Result<Page, ListError> {
    let request = Request::new(path);
    let request = if metadata_only { request.list_metadata(params)? } else { request.list(params)? };
    let page = tokio::time::timeout(SILENCE, client.request::<Page>(request)).await;
    Ok(page.map_err(|_| ListError::Silent)??)
}

/// Why a list could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    /// The API server did not answer as it should.
    #[error("{}", said(.0))]
    Client(#[from] kube::Error),
    /// The request can't be made.
    #[error("a request can't be made: {0}")]
    Request(#[from] kube::core::request::Error),
    /// The API server does not answer.
    #[error("the API server does not answer")]
    Silent,
}

impl From<ListError> for Failure {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Client(error) => Self::Client(error),
            ListError::Request(error) => Self::Request(error),
            ListError::Silent => Self::Silent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn a_list_without_items_is_none() {
        let read =
            |items: &str| serde_json::from_str::<Page>(&format!("{{\"metadata\":{{}}{items}}}")).map(Page::objects);
        assert_eq!(read(",\"items\":null").unwrap().len(), 0);
        assert_eq!(read(",\"items\":[{\"metadata\":{}}]").unwrap().len(), 1);
        assert!(read("").is_err());
    }
}
