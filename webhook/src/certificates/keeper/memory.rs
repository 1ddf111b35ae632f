//! What a replica remembers between rounds: what it knew, and since when what has been so.

use std::collections::VecDeque;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use crate::certificates::authorities::{Authorities, SETTLE};
use crate::certificates::bundle::Trust;

/// How often the caBundles may be written within [`WINDOW`]. More is somebody who undoes it each time.
const WRITES: usize = 20;
/// In which time.
const WINDOW: Duration = Duration::from_mins(1);

/// What a replica remembers between rounds.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// What the Secret held last.
    pub(super) held: Option<Authorities>,
    /// Who signed what is served.
    pub(super) signer: Option<String>,
    /// Since when every caBundle has had a certificate.
    covered: FxHashMap<String, Instant>,
    /// Since when a caBundle has had more than it should.
    exceeded: Option<Instant>,
    /// When the caBundles were written of late.
    writes: VecDeque<Instant>,
}

impl Memory {
    /// Takes in what the API servers trust now.
    pub(super) fn observe(&mut self, trust: &Trust, all: &Authorities) {
        let now = Instant::now();
        let certificates: Vec<&str> = all.certificates().collect();
        self.covered.retain(|certificate, _| certificates.contains(&certificate.as_str()));
        for certificate in certificates {
            if trust.covers(certificate) {
                self.covered.entry(certificate.to_owned()).or_insert(now);
            } else {
                self.covered.remove(certificate);
            }
        }
    }

    /// Whether every caBundle has had a certificate for long enough.
    pub(super) fn is_settled(&self, certificate: &str) -> bool {
        self.covered.get(certificate).is_some_and(|since| since.elapsed() >= SETTLE.unsigned_abs())
    }

    /// Whether something waits for its time.
    pub(super) fn waits(&self) -> bool {
        let held = self.held.as_ref();
        self.exceeded.is_some()
            || held.is_none_or(|held| held.next.is_some() || self.signer.as_deref() != Some(held.current.certificate()))
    }

    /// Whether what a caBundle has too much should go. Replicas may serve different authorities for a while, and must not undo
    /// each other's work: it takes twice as long as a certificate takes to be served.
    pub(super) fn is_exceeded(&mut self, exceeds: bool) -> bool {
        self.exceeded = exceeds.then(|| self.exceeded.unwrap_or_else(Instant::now));
        self.exceeded.is_some_and(|since| since.elapsed() >= 2 * SETTLE.unsigned_abs())
    }

    /// Notes that the caBundles are to be written; whether they may be, once more.
    pub(super) fn may_write(&mut self) -> bool {
        while self.writes.front().is_some_and(|at| at.elapsed() > WINDOW) {
            self.writes.pop_front();
        }
        let may = self.writes.len() < WRITES;
        if may {
            self.writes.push_back(Instant::now());
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_quarrel_is_not_a_storm() {
        let mut memory = Memory::default();
        let mut written = 0;
        for _ in 0..600 {
            written += usize::from(memory.may_write());
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert_eq!(written, WRITES);
        tokio::time::advance(WINDOW).await;
        assert!(memory.may_write());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_much_stays_for_a_minute() {
        let mut memory = Memory::default();
        assert!(!memory.is_exceeded(true));
        tokio::time::advance(SETTLE.unsigned_abs()).await;
        assert!(!memory.is_exceeded(true) && !memory.is_exceeded(false) && !memory.is_exceeded(true));
        tokio::time::advance(2 * SETTLE.unsigned_abs()).await;
        assert!(memory.is_exceeded(true));
    }
}
