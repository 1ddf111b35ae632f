//! How the program ends: readiness goes off at once, connections are taken until nobody sends any more, and what is under
//! way is answered.

use std::sync::Arc;

use tokio::sync::watch;

/// Where the program is in its life; each comes after the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It answers.
    Running,
    /// It answers, and says that it will not for long.
    Lingering,
    /// It takes no new connections, and finishes those that there are.
    Draining,
}

/// Where the program is in its life, for all who hang on it.
#[derive(Clone, Debug)]
pub struct Life(Arc<watch::Sender<Phase>>);

impl Default for Life {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Phase::Running)))
    }
}

impl Life {
    /// Goes on to a phase.
    pub fn enter(&self, phase: Phase) {
        self.0.send_replace(phase);
    }

    /// Whether it still says that it is ready.
    pub fn is_running(&self) -> bool {
        *self.0.borrow() == Phase::Running
    }

    /// Waits for a phase.
    pub async fn reached(&self, phase: Phase) {
        // The sender is this value's own: it does not go before the receiver.
        let _ = self.0.subscribe().wait_for(|now| *now >= phase).await;
    }
}
