//! The pods as the leader watches them: in full, since their metadata do not tell their ServiceAccount; kept is what decides
//! about their labels, and the labels that are netintent's own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::metrics::counter::Counter;
use rustc_hash::FxHashSet;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;
use tracing::warn;

use super::touched::Touched;
use crate::admission::Subject;
use crate::watch::Kept;
use crate::watched::Watched;
use crate::world::{Key, view};

/// What is known of a pod.
#[derive(Clone, Debug)]
pub(crate) struct Pod {
    /// What decides about its labels.
    pub(crate) subject: Arc<Subject>,
    /// Its labels that are netintent's own, in no order.
    pub(crate) reserved: Vec<(String, String)>,
    /// Its resourceVersion.
    pub(crate) version: String,
    /// Its uid.
    pub(crate) uid: String,
    /// Whether it calls nobody any more.
    pub(crate) finished: bool,
}

impl Pod {
    /// Reads a pod, as the API server has it.
    pub(crate) fn read(key: &Key, object: &Value) -> Result<Self, String> {
        let view = view(Watched::Pod, key, object).map_err(|error| error.to_string())?;
        let reserved = view.metadata.reserved().into_iter();
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self {
            reserved: reserved.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            subject: Arc::new(Subject::of_pod(&key.0, &view)),
            version: text("/metadata/resourceVersion"),
            uid: text("/metadata/uid"),
            finished: matches!(&*text("/status/phase"), "Succeeded" | "Failed"),
        })
    }
}

/// All pods; by namespace, which is where whoever is touched by a change is looked for.
#[derive(Debug)]
pub(crate) struct Pods {
    all: RwLock<BTreeMap<Key, Pod>>,
    known: AtomicBool,
    news: UnboundedSender<Touched>,
    failures: Counter,
}

impl Pods {
    /// None yet; who is touched is told, and failures of their watch are counted.
    pub(crate) fn new(news: UnboundedSender<Touched>, failures: Counter) -> Self {
        Self { all: RwLock::default(), known: AtomicBool::new(false), news, failures }
    }

    /// Whether all were known once.
    pub(crate) fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Pod> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Those of a namespace, or of all, that are meant.
    pub(crate) fn select(&self, namespace: Option<&str>, mut meant: impl FnMut(&Pod) -> bool) -> Vec<Key> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let from = (namespace.unwrap_or_default().to_owned(), String::new());
        let of = all.range(from..).take_while(|(key, _)| namespace.is_none_or(|namespace| key.0 == namespace));
        of.filter(|(_, pod)| meant(pod)).map(|(key, _)| key.clone()).collect()
    }

    /// Takes in what the API server has answered, unless the watch was faster.
    pub(crate) fn answered(&self, key: &Key, before: &str, pod: Pod) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get_mut(key).filter(|known| known.version == before) {
            *known = pod;
        }
    }
}

impl Kept for Arc<Pods> {
    fn kind(&self) -> &'static str {
        "Pod"
    }

    fn path(&self) -> String {
        Watched::Pod.path(None)
    }

    fn is_metadata_only(&self) -> bool {
        false
    }

    fn put(&self, object: &Value) -> Option<Key> {
        let key = key(object)?;
        match Pod::read(&key, object) {
            Ok(pod) => {
                self.all.write().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), pod);
                // Whoever does not listen any more does not lead.
                let _ = self.news.send(Touched::Pod(key.clone()));
            }
            Err(error) => {
                warn!(error, "a pod is left out");
                self.delete(&key);
            }
        }
        Some(key)
    }

    fn delete(&self, key: &Key) {
        self.all.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        let _ = self.news.send(Touched::Pod(key.clone()));
    }

    fn retain(&self, known: &FxHashSet<Key>) {
        let gone = self.select(None, |_| true).into_iter().filter(|key| !known.contains(key));
        gone.collect::<Vec<_>>().iter().for_each(|key| self.delete(key));
    }

    fn confirm(&self) {
        self.known.store(true, Ordering::Relaxed);
    }

    fn failed(&self) {
        self.failures.inc();
    }
}

/// The namespace and name of an object.
pub(crate) fn key(object: &Value) -> Option<Key> {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
    Some((text("/metadata/namespace").unwrap_or_default().to_owned(), text("/metadata/name")?.to_owned()))
}
