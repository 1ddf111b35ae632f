//! What is to be done, each thing once, in an order that keeps approved callers from being cut: pure, with the time given.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::recovery::Configuration;
use crate::world::Key;

/// How long after something was done it is left alone: who undoes what is done shall not keep all others waiting.
const REST: Duration = Duration::from_millis(250);
/// How long to wait after a failure, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// What is to be looked at, and brought to what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Task {
    /// The policy of a namespace.
    Namespace(String),
    /// What closing a namespace cuts: it is told before.
    Announce(String),
    /// The policy of a Service.
    Service(Key),
    /// The labels of a pod.
    Pod(Key),
    /// A policy by which `recover` let everybody call a Service.
    Opened(Key),
    /// What `recover` has a configuration let pass.
    Admission(Configuration),
}

impl Task {
    /// The kind of the object that it is about.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Namespace(_) | Self::Announce(_) => "Namespace",
            Self::Service(_) => "Service",
            Self::Pod(_) => "Pod",
            Self::Opened(_) => "NetworkPolicy",
            Self::Admission(configuration) => configuration.kind(),
        }
    }
}

/// What comes first: what opens, then what callers need, then what closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// A namespace's policy goes.
    OpenNamespace,
    /// A Service's policy goes.
    OpenService,
    /// A pod's labels change.
    Labels,
    /// What is closed next is told.
    Announce,
    /// A Service's policy comes or changes.
    CloseService,
    /// A namespace's policy comes or changes.
    CloseNamespace,
    /// What `recover` opened is closed: by now labels let in who is approved.
    CloseOpened,
    /// Admission waits for the webhook again.
    Readmit,
}

const RANKS: [Rank; 8] = [
    Rank::OpenNamespace,
    Rank::OpenService,
    Rank::Labels,
    Rank::Announce,
    Rank::CloseService,
    Rank::CloseNamespace,
    Rank::CloseOpened,
    Rank::Readmit,
];

#[derive(Clone, Copy, Debug)]
struct Entry {
    rank: Rank,
    number: u64,
    due: Instant,
    /// How often it has failed.
    failures: u32,
    running: bool,
    /// It was asked for while it ran.
    again: Option<Rank>,
}

/// The queue. What has a higher rank waits for all of lower ranks that was asked for before it, until that was tried once.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    entries: FxHashMap<Task, Entry>,
    numbers: FxHashMap<u64, Task>,
    next: u64,
    /// Its time has come.
    ready: [BTreeSet<u64>; RANKS.len()],
    later: BTreeSet<(Instant, u64)>,
    /// Not tried yet.
    fresh: [BTreeSet<u64>; RANKS.len()],
    rests: FxHashMap<Task, Instant>,
    /// At how many rests those that are over are forgotten.
    many: usize,
}

impl Queue {
    /// Asks for something, not before `due`.
    pub(crate) fn push(&mut self, task: Task, rank: Rank, due: Instant) {
        let rested = self.rests.get(&task).copied();
        let due = rested.map_or(due, |rested| due.max(rested));
        if let Some(entry) = self.entries.get_mut(&task) {
            if entry.running {
                entry.again = Some(rank);
                return;
            }
            let mut entry = *entry;
            self.unplace(&entry);
            // What has failed is tried again when something has changed, but not as often as that changes.
            entry.due = if entry.failures == 0 { entry.due.min(due) } else { entry.due.min(due + BACKOFF.0) };
            entry.rank = rank;
            self.place(task, entry);
            return;
        }
        self.next += 1;
        let entry = Entry { rank, number: self.next, due, failures: 0, running: false, again: None };
        self.place(task, entry);
    }

    /// What is to be done next, if there is something at `now`.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Task> {
        while let Some((due, number)) = self.later.first().copied().filter(|(due, _)| *due <= now) {
            self.later.remove(&(due, number));
            let entry = self.numbers.get(&number).and_then(|task| self.entries.get(task));
            if let Some(entry) = entry {
                self.ready[entry.rank as usize].insert(number);
            }
        }
        let number = self.first()?;
        let task = self.numbers.get(&number)?.clone();
        let entry = self.entries.get_mut(&task)?;
        entry.running = true;
        self.ready[entry.rank as usize].remove(&number);
        Some(task)
    }

    /// When to ask again, if nothing else happens before.
    pub(crate) fn wake(&self) -> Option<Instant> {
        self.later.first().map(|(due, _)| *due)
    }

    /// Something was done.
    pub(crate) fn done(&mut self, task: &Task, now: Instant) {
        let Some(entry) = self.entries.remove(task) else { return };
        self.unplace(&entry);
        self.numbers.remove(&entry.number);
        self.rests.insert(task.clone(), now + REST);
        if self.rests.len() > self.many.max(256) {
            self.rests.retain(|_, until| *until > now);
            self.many = self.rests.len() * 2;
        }
        if let Some(rank) = entry.again {
            self.push(task.clone(), rank, now);
        }
    }

    /// Something could not be done; returns how often.
    pub(crate) fn failed(&mut self, task: &Task, now: Instant) -> u32 {
        let Some(mut entry) = self.entries.get(task).copied() else { return 0 };
        self.unplace(&entry);
        entry.running = false;
        entry.failures = entry.failures.saturating_add(1);
        entry.rank = entry.again.take().unwrap_or(entry.rank);
        entry.due = now + BACKOFF.1.min(BACKOFF.0 * 2_u32.pow(entry.failures.min(16) - 1));
        self.place(task.clone(), entry);
        entry.failures
    }

    /// Has all of a rank that has failed tried once more now, and whatever of higher ranks is asked for later wait for that.
    pub(crate) fn anew(&mut self, rank: Rank, now: Instant) {
        let failed = |entry: &Entry| entry.rank == rank && entry.failures > 0 && !entry.running;
        let failed: Vec<(Task, Entry)> = self
            .entries
            .iter()
            .filter(|(_, entry)| failed(entry))
            .map(|(task, entry)| (task.clone(), *entry))
            .collect();
        for (task, entry) in failed {
            self.unplace(&entry);
            self.place(task, Entry { failures: 0, due: now, ..entry });
        }
    }

    /// How much there is to do.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The first of the lowest rank that waits for nothing.
    fn first(&self) -> Option<u64> {
        RANKS.into_iter().find_map(|rank| {
            let number = *self.ready[rank as usize].first()?;
            let before = &self.fresh[..rank as usize];
            let waits = before.iter().any(|fresh| fresh.first().is_some_and(|first| *first < number));
            (!waits).then_some(number)
        })
    }

    fn place(&mut self, task: Task, entry: Entry) {
        self.later.insert((entry.due, entry.number));
        if entry.failures == 0 {
            self.fresh[entry.rank as usize].insert(entry.number);
        }
        self.numbers.insert(entry.number, task.clone());
        self.entries.insert(task, entry);
    }

    fn unplace(&mut self, entry: &Entry) {
        self.later.remove(&(entry.due, entry.number));
        self.ready[entry.rank as usize].remove(&entry.number);
        self.fresh[entry.rank as usize].remove(&entry.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str) -> Task {
        Task::Pod(("shop".to_owned(), name.to_owned()))
    }

    fn service() -> Task {
        Task::Service(("bank".to_owned(), "ledger".to_owned()))
    }

    #[test]
    fn callers_come_before_what_closes_and_after_what_opens() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let bank = Task::Namespace("bank".to_owned());
        queue.push(pod("a"), Rank::Labels, now);
        queue.push(service(), Rank::CloseService, now);
        queue.push(bank.clone(), Rank::CloseNamespace, now);
        assert_eq!(queue.next(now), Some(pod("a")));
        assert_eq!(queue.next(now), None, "the labels are not written yet");
        queue.done(&pod("a"), now);
        assert_eq!(queue.next(now), Some(service()));
        assert_eq!(queue.next(now), None);
        queue.done(&service(), now);
        assert_eq!(queue.next(now), Some(bank.clone()));
        queue.done(&bank, now);
        let later = now + REST;
        queue.push(bank.clone(), Rank::OpenNamespace, later);
        queue.push(service(), Rank::OpenService, later);
        queue.push(pod("a"), Rank::Labels, later);
        for task in [bank, service(), pod("a")] {
            assert_eq!(queue.next(later).as_ref(), Some(&task));
            assert_eq!(queue.next(later), None);
            queue.done(&task, later);
        }
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn what_fails_or_comes_later_holds_nobody_up() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(pod("a"), Rank::Labels, now);
        queue.push(service(), Rank::CloseService, now);
        queue.push(pod("b"), Rank::Labels, now);
        assert_eq!(queue.next(now), Some(pod("a")));
        assert_eq!(queue.failed(&pod("a"), now), 1);
        assert_eq!(queue.next(now), Some(pod("b")));
        assert_eq!(queue.next(now), Some(service()), "it was there before");
        assert_eq!(queue.next(now), None);
        assert_eq!(queue.wake(), Some(now + BACKOFF.0));
        assert_eq!(queue.next(now + BACKOFF.0), Some(pod("a")));
        assert_eq!(queue.failed(&pod("a"), now), 2);
        let failures = (0..20).map(|_| queue.failed(&pod("a"), now));
        assert_eq!(failures.last(), Some(22));
        assert_eq!(queue.wake(), Some(now + BACKOFF.1));
        queue.push(pod("a"), Rank::Labels, now);
        assert_eq!(queue.wake(), Some(now + BACKOFF.0), "something has changed");
    }

    #[test]
    fn what_has_failed_holds_up_what_comes_after_it_if_that_is_wanted() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(pod("a"), Rank::Labels, now);
        assert_eq!(queue.next(now), Some(pod("a")));
        queue.failed(&pod("a"), now);
        queue.anew(Rank::Labels, now);
        let opened = Task::Opened(("bank".to_owned(), "netintent.recover.ledger".to_owned()));
        queue.push(Task::Admission(Configuration::Mutating), Rank::Readmit, now);
        queue.push(opened.clone(), Rank::CloseOpened, now);
        assert_eq!((queue.next(now), queue.next(now)), (Some(pod("a")), None));
        queue.failed(&pod("a"), now);
        assert_eq!(queue.next(now), Some(opened), "it was tried");
    }

    #[test]
    fn a_thing_is_done_once_and_again_if_asked_for_meanwhile() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(pod("a"), Rank::Labels, now + BACKOFF.1);
        queue.push(pod("a"), Rank::Labels, now);
        assert_eq!((queue.len(), queue.next(now), queue.next(now)), (1, Some(pod("a")), None));
        queue.push(pod("a"), Rank::Labels, now);
        assert_eq!(queue.next(now), None, "it runs");
        queue.done(&pod("a"), now);
        assert_eq!(queue.next(now), None, "it rests");
        assert_eq!(queue.next(now + REST), Some(pod("a")));
    }

    #[test]
    fn ten_thousand_things_take_no_time() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        (0..10_000).for_each(|number| queue.push(pod(&number.to_string()), Rank::Labels, now));
        queue.push(service(), Rank::CloseService, now);
        let mut count = 0;
        while let Some(task) = queue.next(now) {
            queue.done(&task, now);
            count += 1;
        }
        assert_eq!((count, queue.len()), (10_001, 0));
        let later = now + REST;
        (10_000..20_000).for_each(|number| queue.push(pod(&number.to_string()), Rank::Labels, later));
        while let Some(task) = queue.next(later) {
            queue.done(&task, later);
        }
        assert!(queue.rests.len() < 18_000, "those that are over are forgotten: {}", queue.rests.len());
    }
}
