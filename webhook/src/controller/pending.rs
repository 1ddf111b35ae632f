//! What is to be told before long, each once: what lasts only a moment is not worth telling.

use std::collections::BTreeSet;
use std::time::Instant;

use netintent::callee::Scope;
use netintent::caller::Caller;
use rustc_hash::FxHashMap;

use crate::watched::Watched;
use crate::world::Key;

/// What there may be something to tell of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Topic {
    /// What a caller declares that nobody has approved.
    Caller(Caller),
    /// Whom a Service in `shadow` would cut.
    Service(Key),
    /// The same of all Services of a scope.
    Services(Scope),
    /// What of an object has no effect.
    Object(Watched, Key),
}

/// The topics, and when to look at each.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    due: FxHashMap<Topic, Instant>,
    order: BTreeSet<(Instant, Topic)>,
}

impl Pending {
    /// Looks at a topic at `due`, or sooner if it was to be looked at sooner.
    pub(crate) fn push(&mut self, topic: Topic, due: Instant) {
        let known = self.due.get(&topic).copied();
        if known.is_some_and(|known| known <= due) {
            return;
        }
        if let Some(known) = known {
            self.order.remove(&(known, topic.clone()));
        }
        self.due.insert(topic.clone(), due);
        self.order.insert((due, topic));
    }

    /// A topic whose time has come.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Topic> {
        if self.wake()? > now {
            return None;
        }
        let (_, topic) = self.order.pop_first()?;
        self.due.remove(&topic);
        Some(topic)
    }

    /// When the time of the first comes.
    pub(crate) fn wake(&self) -> Option<Instant> {
        self.order.first().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_is_looked_at_once_at_its_first_time() {
        let topic = |name: &str| Topic::Service(("shop".to_owned(), name.to_owned()));
        let (mut pending, now) = (Pending::default(), Instant::now());
        let [soon, late] = [1, 9].map(|seconds| now + Duration::from_secs(seconds));
        pending.push(topic("a"), late);
        pending.push(topic("b"), late);
        pending.push(topic("b"), soon);
        pending.push(topic("b"), late);
        assert_eq!((pending.next(now), pending.wake()), (None, Some(soon)));
        assert_eq!((pending.next(soon), pending.next(soon)), (Some(topic("b")), None));
        assert_eq!((pending.next(late), pending.next(late), pending.wake()), (Some(topic("a")), None, None));
    }
}
