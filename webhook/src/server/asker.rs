//! Who asks on a connection: how many questions it may have under way, and whether it has ever asked one that made sense.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

/// How long a connection may take until its first question is answered. Whoever only holds it keeps others out.
const UNPROVEN: Duration = Duration::from_secs(30);

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    /// For questions under way, over all connections of its address.
    pub(super) questions: Arc<Semaphore>,
    proven: Arc<AtomicBool>,
}

impl Asker {
    /// One whose address shares these.
    pub(super) fn new(questions: Arc<Semaphore>) -> Self {
        Self { questions, proven: Arc::default() }
    }

    /// A question of it was answered.
    pub(super) fn prove(&self) {
        self.proven.store(true, Ordering::Relaxed);
    }

    /// Waits until it has had time enough, and has asked nothing; for ever, if it has.
    pub(super) async fn unproven(&self) {
        tokio::time::sleep(UNPROVEN).await;
        if self.proven.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_is_left() {
        let idle = Asker::new(Arc::new(Semaphore::new(1)));
        assert!(tokio::time::timeout(2 * UNPROVEN, idle.unproven()).await.is_ok());
        idle.prove();
        assert!(tokio::time::timeout(2 * UNPROVEN, idle.unproven()).await.is_err());
    }
}
