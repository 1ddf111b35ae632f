//! How much may be done in a time: so much at once, and then so much a second.

use std::time::{Duration, Instant};

/// A bucket that fills at a steady rate, and that what is done is taken out of.
#[derive(Debug)]
pub(crate) struct Rate {
    a_second: f64,
    most: f64,
    left: f64,
    at: Instant,
}

impl Rate {
    pub(crate) fn new(a_second: u32, most: u32, now: Instant) -> Self {
        Self { a_second: a_second.into(), most: most.into(), left: most.into(), at: now }
    }

    /// When there is room for one; now, or later.
    pub(crate) fn room(&mut self, now: Instant) -> Instant {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = self.most.min(self.left + passed * self.a_second);
        self.at = self.at.max(now);
        let lacks = (1.0 - self.left).max(0.0);
        now + Duration::from_secs_f64(lacks / self.a_second)
    }

    /// Whether nothing of it is taken.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.room(now);
        self.left >= self.most
    }

    /// Takes out one, where there is room for it.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let room = self.room(now) <= now;
        if room {
            self.left -= 1.0;
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_much_at_once_and_then_so_much_a_second() {
        let began = Instant::now();
        let mut rate = Rate::new(10, 5, began);
        let taken = |rate: &mut Rate, at: Instant| (0..100).filter(|_| rate.take(at)).count();
        assert_eq!(taken(&mut rate, began), 5);
        assert_eq!(rate.room(began), began + Duration::from_millis(100));
        assert_eq!(taken(&mut rate, began + Duration::from_millis(301)), 3);
        assert_eq!(taken(&mut rate, began + Duration::from_mins(1)), 5);
    }
}
