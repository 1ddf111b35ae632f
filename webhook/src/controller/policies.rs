//! The policies that there are of the names that are netintent's, and what to do about one: that is pure.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use netintent::compile::NAMESPACE_POLICY;
use netintent::names;
use netintent::policy::NetworkPolicy;
use netintent::recover;
use netintent::render::same;
use prometheus_client::metrics::counter::Counter;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::pods::key;
use super::touched::Touched;
use crate::watch::Kept;
use crate::world::{Key, policy};

/// A policy as the API server has it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// Whether its label says that it is netintent's.
    ours: bool,
    /// What it says; `None` where that can't be read.
    policy: Option<NetworkPolicy>,
    /// Its resourceVersion.
    pub(crate) version: String,
    /// Its uid.
    pub(crate) uid: String,
    /// Whether it is deleted, and only its finalizers keep it.
    pub(crate) is_deleted: bool,
}

impl Held {
    /// Reads a policy.
    pub(crate) fn read(key: &Key, object: &Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let label = object.pointer("/metadata/labels").and_then(|labels| labels.get(names::MANAGED_BY));
        Self {
            ours: label.and_then(Value::as_str) == Some(names::NETINTENT),
            policy: policy(key, object).ok(),
            version: text("/metadata/resourceVersion"),
            uid: text("/metadata/uid"),
            is_deleted: object.pointer("/metadata/deletionTimestamp").is_some(),
        }
    }

    /// What `recover` has written on it.
    pub(crate) fn opened(&self) -> Option<recover::policy::Record> {
        let text = self.policy.as_ref()?.metadata.annotation(names::RECOVER)?;
        recover::policy::Record::parse(&text.value).ok()
    }

    /// Its version as a number: the API server counts all changes in one order.
    fn number(&self) -> Option<u64> {
        self.version.parse().ok()
    }

    /// Whether it says what it should.
    pub(crate) fn is(&self, wanted: &NetworkPolicy) -> bool {
        let service =
            |policy: &NetworkPolicy| policy.metadata.annotation(names::SERVICE).map(|text| text.value.clone());
        let held = self.policy.as_ref();
        self.ours && held.is_some_and(|held| same(held, wanted) && service(held) == service(wanted))
    }
}

/// What to do about a policy.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    /// It is as it should be.
    Nothing,
    /// It is missing.
    Create(Box<NetworkPolicy>),
    /// It says something else.
    Apply(Box<NetworkPolicy>),
    /// It should not be.
    Remove,
    /// Somebody else's has the name.
    Taken,
}

/// What to do about a policy that should be so, and is so.
pub(crate) fn act(wanted: Option<NetworkPolicy>, held: Option<&Held>) -> Act {
    match (wanted, held) {
        (Some(wanted), None) => Act::Create(Box::new(wanted)),
        (Some(_), Some(held)) if !held.ours => Act::Taken,
        (Some(wanted), Some(held)) if held.is(&wanted) => Act::Nothing,
        (Some(wanted), Some(_)) => Act::Apply(Box::new(wanted)),
        (None, Some(held)) if held.ours => Act::Remove,
        (None, _) => Act::Nothing,
    }
}

/// The policies of the names that are netintent's.
#[derive(Debug)]
pub(crate) struct Policies {
    all: RwLock<FxHashMap<Key, Held>>,
    known: AtomicBool,
    /// The latest version that the watch has told of.
    heard: AtomicU64,
    news: UnboundedSender<Touched>,
    failures: Counter,
}

impl Policies {
    /// None yet; what is touched is told, and failures of their watch are counted.
    pub(crate) fn new(news: UnboundedSender<Touched>, failures: Counter) -> Self {
        Self { all: RwLock::default(), known: AtomicBool::new(false), heard: AtomicU64::new(0), news, failures }
    }

    /// Whether all were known once.
    pub(crate) fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Held> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// What each that there is belongs to.
    pub(crate) fn touched(&self) -> Vec<Touched> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).keys().filter_map(belongs).collect()
    }

    /// Takes in what the API server has answered, unless the watch was faster: what is as old as what that told of may be gone
    /// since.
    pub(crate) fn answered(&self, key: &Key, held: Held) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        if held.number().is_none_or(|version| version > self.heard.load(Ordering::Relaxed)) {
            all.insert(key.clone(), held);
        }
    }

    /// Those of `recover`.
    pub(crate) fn opened(&self) -> Vec<(Key, Held)> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let opened = all.iter().filter(|((_, name), held)| held.ours && recover::policy::is_named(name));
        opened.map(|(key, held)| (key.clone(), held.clone())).collect()
    }

    fn tell(&self, key: &Key) {
        // Whoever does not listen any more does not lead.
        let _ = belongs(key).map(|touched| self.news.send(touched));
    }
}

/// What a policy belongs to, by its name; `None`: to nothing of netintent's.
fn belongs((namespace, name): &Key) -> Option<Touched> {
    match name.strip_prefix(NAMESPACE_POLICY)? {
        "" => Some(Touched::Namespace(namespace.clone())),
        rest => Some(Touched::Service((namespace.clone(), rest.strip_prefix('-')?.to_owned()))),
    }
}

impl Kept for Arc<Policies> {
    fn kind(&self) -> &'static str {
        "NetworkPolicy"
    }

    fn path(&self) -> String {
        "/apis/networking.k8s.io/v1/networkpolicies".to_owned()
    }

    fn is_metadata_only(&self) -> bool {
        false
    }

    fn put(&self, object: &Value) -> Option<Key> {
        let key = key(object)?;
        if belongs(&key).is_some() || recover::policy::is_named(&key.1) {
            let held = Held::read(&key, object);
            let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
            self.heard.fetch_max(held.number().unwrap_or_default(), Ordering::Relaxed);
            all.insert(key.clone(), held);
            drop(all);
            self.tell(&key);
        }
        Some(key)
    }

    fn delete(&self, key: &Key) {
        self.all.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        self.tell(key);
    }

    fn retain(&self, known: &FxHashSet<Key>) {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<Key> = all.keys().filter(|key| !known.contains(*key)).cloned().collect();
        drop(all);
        gone.iter().for_each(|key| self.delete(key));
    }

    fn confirm(&self) {
        self.known.store(true, Ordering::Relaxed);
    }

    fn failed(&self) {
        self.failures.inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::networking::v1 as api;
    use netintent::compile::of_namespace;
    use netintent::mode::Mode;
    use serde_json::json;

    fn wanted() -> NetworkPolicy {
        of_namespace("bank", Mode::Enforce, []).unwrap()
    }

    fn held(change: impl Fn(&mut Value)) -> Held {
        let mut object = serde_json::to_value(api::NetworkPolicy::from(&wanted())).unwrap();
        change(&mut object);
        Held::read(&("bank".to_owned(), "netintent".to_owned()), &object)
    }

    #[test]
    fn what_says_the_same_is_not_written() {
        assert_eq!(act(Some(wanted()), Some(&held(|_| {}))), Act::Nothing);
        let noted = held(|object| object["metadata"]["annotations"] = json!({"team": "a"}));
        assert_eq!(act(Some(wanted()), Some(&noted)), Act::Nothing);
        let open = held(|object| object["spec"]["ingress"] = json!([{}]));
        assert!(matches!(act(Some(wanted()), Some(&open)), Act::Apply(_)));
        assert!(matches!(act(Some(wanted()), None), Act::Create(_)));
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let theirs = held(|object| object["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "Helm"}));
        assert_eq!(act(Some(wanted()), Some(&theirs)), Act::Taken);
        assert_eq!(act(None, Some(&theirs)), Act::Nothing);
        assert_eq!(act(None, Some(&held(|_| {}))), Act::Remove);
        assert_eq!(act(None, None), Act::Nothing);
    }

    /// A policy is made, and somebody deletes it before the answer is read.
    #[test]
    fn an_answer_that_comes_after_the_watch_changes_nothing() {
        let (news, mut told) = tokio::sync::mpsc::unbounded_channel();
        let policies = Arc::new(Policies::new(news, Counter::default()));
        let object =
            |version: &str| json!({"metadata": {"namespace": "bank", "name": "netintent", "resourceVersion": version}});
        let key = key(&object("7")).unwrap();
        policies.put(&object("7"));
        policies.delete(&key);
        policies.answered(&key, Held::read(&key, &object("7")));
        assert!(policies.get(&key).is_none());
        policies.answered(&key, Held::read(&key, &object("8")));
        assert!(policies.get(&key).is_some(), "the watch has still to tell of it");
        assert_eq!((told.try_recv().is_ok(), told.try_recv().is_ok(), told.try_recv().is_ok()), (true, true, false));
    }

    #[test]
    fn a_name_tells_what_a_policy_belongs_to() {
        let of = |name: &str| belongs(&("bank".to_owned(), name.to_owned()));
        assert_eq!(of("netintent"), Some(Touched::Namespace("bank".to_owned())));
        assert_eq!(of("netintent-ledger"), Some(Touched::Service(("bank".to_owned(), "ledger".to_owned()))));
        assert_eq!(of("netintentional"), None);
        assert_eq!(of(&recover::policy::name("ledger")), None);
        assert_eq!(of("ledger"), None);
    }
}
