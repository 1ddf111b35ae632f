//! The world as the watches know it, and how fresh each kind of it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use crate::watched::Watched;
use crate::world::World;

/// After how long without a word of the API server what was known is read again before anything hangs on it.
pub const FRESH: Duration = Duration::from_mins(1);

/// The world of the watches, shared by all requests.
#[derive(Debug)]
pub struct Cache {
    world: RwLock<World>,
    /// By kind: milliseconds since `began` at which it was last known to be all there is, plus one; 0 for never.
    confirmed: [AtomicU64; Watched::ALL.len()],
    began: Instant,
}

impl Default for Cache {
    fn default() -> Self {
        Self::new(World::default())
    }
}

impl Cache {
    /// A cache of a world that nothing has confirmed yet.
    pub fn new(world: World) -> Self {
        Self { world: RwLock::new(world), confirmed: Default::default(), began: Instant::now() }
    }

    /// The world as it is known now.
    pub fn world(&self) -> RwLockReadGuard<'_, World> {
        // Each change is whole before it can panic: what a panic left behind is still true.
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world, to be changed.
    pub fn change(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that everything of a kind is known up to this moment.
    pub fn confirm(&self, kind: Watched) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.confirmed[kind as usize].store(now.saturating_add(1), Ordering::Relaxed);
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
