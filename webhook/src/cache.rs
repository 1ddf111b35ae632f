//! The world as the watches know it, and how fresh each kind of it is.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::watched::Watched;
use crate::world::{Change, Key, Malformed, ReadObject, World};

/// After how long without a word of the API server what was known is read again before anything hangs on it.
pub const FRESH: Duration = Duration::from_mins(1);

/// The world of the watches, shared by all requests.
#[derive(Debug)]
pub struct Cache {
    world: RwLock<World>,
    /// By kind: milliseconds since `began` at which it was last known to be all there is, plus one; 0 for never.
    confirmed: [AtomicU64; Watched::ALL.len()],
    /// By kind: whether its watch has failed since.
    failed: [AtomicBool; Watched::ALL.len()],
    began: Instant,
    /// Who is told of what changes.
    listener: Mutex<Option<UnboundedSender<Change>>>,
}

impl Default for Cache {
    fn default() -> Self {
        Self::new(World::default())
    }
}

impl Cache {
    /// A cache of a world that nothing has confirmed yet.
    pub fn new(world: World) -> Self {
        Self {
            world: RwLock::new(world),
            confirmed: Default::default(),
            failed: Default::default(),
            began: Instant::now(),
            listener: Mutex::default(),
        }
    }

    /// The world as it is known now.
    pub fn world(&self) -> RwLockReadGuard<'_, World> {
        // Each change is whole before it can panic: what a panic left behind is still true.
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world, to be changed.
    fn change(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an object.
    ///
    /// # Errors
    /// As [`World::put`].
    pub fn put(&self, kind: Watched, object: ReadObject) -> Result<Key, Malformed> {
        let key = object.key().clone();
        self.telling(kind, key, |world| world.put(kind, object))
    }

    /// Forgets an object.
    pub fn delete(&self, kind: Watched, key: &Key) {
        self.telling(kind, key.clone(), |world| world.delete(kind, key));
    }

    /// Forgets every object of a kind but these.
    pub fn retain(&self, kind: Watched, known: &FxHashSet<Key>) {
        let gone: Vec<Key> = {
            let world = self.world();
            let malformed = world.malformed().filter(|(of, _)| *of == kind).map(|(_, key)| key.clone());
            world.keys(kind).into_iter().chain(malformed).filter(|key| !known.contains(key)).collect()
        };
        gone.iter().for_each(|key| self.delete(kind, key));
    }

    /// Tells of all that changes from now on, in place of whoever was told before.
    pub fn listen(&self) -> UnboundedReceiver<Change> {
        let (sender, receiver) = unbounded_channel();
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Changes one object, and tells whoever listens of what that changed.
    fn telling<T>(&self, kind: Watched, key: Key, change: impl FnOnce(&mut World) -> T) -> T {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if listener.as_ref().is_some_and(UnboundedSender::is_closed) {
            *listener = None;
        }
        let mut world = self.change();
        let Some(sender) = listener.as_ref() else { return change(&mut world) };
        let before = world.known(kind, &key);
        let result = change(&mut world);
        let after = world.known(kind, &key);
        if before != after {
            // Whoever has ceased to listen since will read everything when it listens again.
            let _ = sender.send(Change { kind, key, before, after });
        }
        result
    }

    /// Notes that everything of a kind is known up to this moment.
    pub fn confirm(&self, kind: Watched) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.confirmed[kind as usize].store(now.saturating_add(1), Ordering::Relaxed);
        self.failed[kind as usize].store(false, Ordering::Relaxed);
    }

    /// Notes that the watch of a kind has failed: until it is confirmed anew, what is known of it may be old.
    pub fn fail(&self, kind: Watched) {
        self.failed[kind as usize].store(true, Ordering::Relaxed);
    }

    /// The kinds of which what is known may be old, each with how long ago all of it was known: their watches have failed
    /// since, or nothing was heard for as long as no watch is silent.
    pub fn doubtful(&self) -> Vec<(Watched, Duration)> {
        let of = |kind: Watched| Some((kind, self.age(kind)?));
        let failed = |kind: Watched| self.failed[kind as usize].load(Ordering::Relaxed);
        let all = Watched::ALL.into_iter().filter_map(of);
        all.filter(|(kind, age)| failed(*kind) || *age >= FRESH).collect()
    }

    /// How long ago everything of a kind was known last; `None`: never.
    pub fn age(&self, kind: Watched) -> Option<Duration> {
        let at = self.confirmed[kind as usize].load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.began.elapsed().saturating_sub(Duration::from_millis(at)))
    }

    /// Whether every kind was once known as a whole.
    pub fn is_synced(&self) -> bool {
        Watched::ALL.into_iter().all(|kind| self.age(kind).is_some())
    }

    /// The kinds that never were.
    pub fn unknown(&self) -> Vec<&'static str> {
        Watched::ALL.into_iter().filter(|kind| self.age(*kind).is_none()).map(Watched::kind).collect()
    }

    /// Whether all that a pod's labels hang on was confirmed of late.
    pub fn is_fresh(&self) -> bool {
        let decides = Watched::ALL.into_iter().filter(|kind| *kind != Watched::Pod);
        decides.into_iter().all(|kind| self.age(kind).is_some_and(|age| age < FRESH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Known, read};
    use serde_json::{Value, json};

    fn approval(kind: Watched, name: &str, caller: &str) -> Value {
        let namespace = if kind == Watched::Approval { json!("bank") } else { Value::Null };
        json!({"metadata": {"namespace": namespace, "name": name},
            "spec": {"callers": [caller], "callees": ["bank/ledger:rpc"]}})
    }

    fn put(cache: &Cache, kind: Watched, object: &Value) -> Key {
        let mut object = object.clone();
        if kind == Watched::Approval {
            object["spec"]["callees"] = json!(["ledger:rpc"]);
        }
        cache.put(kind, read(kind, &object).unwrap()).unwrap()
    }

    #[test]
    fn what_a_list_lacks_is_forgotten() {
        let cache = Cache::default();
        put(&cache, Watched::ClusterApproval, &approval(Watched::ClusterApproval, "c", "*/*"));
        let of = |name| put(&cache, Watched::Approval, &approval(Watched::Approval, name, "shop/web"));
        let keys = [of("a"), of("b")];
        cache.retain(Watched::Approval, &keys[..1].iter().cloned().collect());
        let world = cache.world();
        let left: Vec<&str> = world.statements().approvals().map(|(_, a)| a.metadata.name.as_str()).collect();
        assert_eq!(left, ["c", "a"], "an Approval and a ClusterApproval are known apart");
    }

    #[test]
    fn what_has_failed_is_in_doubt_until_it_is_confirmed() {
        let cache = Cache::default();
        let doubtful = || cache.doubtful().into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
        cache.fail(Watched::Pod);
        assert_eq!(doubtful(), [], "nothing was ever known of it: that is told otherwise");
        cache.confirm(Watched::Pod);
        cache.confirm(Watched::Service);
        assert_eq!(doubtful(), []);
        cache.fail(Watched::Pod);
        assert_eq!(doubtful(), [Watched::Pod]);
        cache.confirm(Watched::Pod);
        assert_eq!(doubtful(), []);
    }

    #[test]
    fn who_listens_is_told_of_what_differs() {
        let cache = Cache::default();
        let first = approval(Watched::Approval, "a", "shop/web");
        put(&cache, Watched::Approval, &first);
        let mut changes = cache.listen();
        put(&cache, Watched::Approval, &first);
        assert!(changes.try_recv().is_err(), "it was known");
        let key = put(&cache, Watched::Approval, &approval(Watched::Approval, "a", "shop/*"));
        let change = changes.try_recv().unwrap();
        let callers = |known: Option<Known>| match known {
            Some(Known::Approval(approval)) => approval.callers[0].to_string(),
            _ => String::new(),
        };
        assert_eq!((callers(change.before), callers(change.after)), ("shop/web".to_owned(), "shop/*".to_owned()));
        cache.delete(Watched::Approval, &key);
        assert_eq!(changes.try_recv().unwrap().after, None);
        let _later = cache.listen();
        put(&cache, Watched::Approval, &first);
        assert!(changes.try_recv().is_err(), "another listens");
    }
}
