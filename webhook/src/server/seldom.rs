//! A warning that anybody on the network can cause is told now and then, with how often it was not.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// At most one in this time.
const APART: Duration = Duration::from_secs(10);

/// What is told seldom.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    /// How often it was not told since it was; `None`: it is not to be told now.
    pub(super) fn tell(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0.is_some_and(|last| now.saturating_duration_since(last) < APART) {
            state.1 += 1;
            return None;
        }
        state.0 = Some(now);
        Some(std::mem::take(&mut state.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_two_lines() {
        let (seldom, began) = (Seldom::default(), Instant::now());
        assert_eq!(seldom.tell(began), Some(0));
        (0..100).for_each(|_| assert_eq!(seldom.tell(began + APART / 2), None));
        assert_eq!(seldom.tell(began + APART), Some(100));
    }
}
