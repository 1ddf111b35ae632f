//! The controller: keeps the policies that `enforce` gives in place, and the labels of running pods what they have a right
//! to. Of all replicas one does, as long as it has the Lease.
//!
//! ```text
//! watches ─► cache ── changes ──┐
//!            pods, policies ────┴─► touched ─► plan: what differs ─► queue ─► work ─► API server
//! ```
//!
//! Every rule is the library's; what is decided is pure, and decided again in the moment that it is done.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use netintent::cut::Figures;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{error, info};

mod about;
mod elector;
mod events;
mod lead;
mod lease;
mod notes;
mod pending;
mod plan;
mod pods;
mod policies;
mod queue;
mod rate;
mod recovery;
mod teller;
mod touched;
mod uncovered;
mod work;

use crate::cache::Cache;
use crate::metrics::Metrics;
use crate::server::{Life, Phase};
use elector::Elector;

/// How often to look whether everything is known.
const LOOK: Duration = Duration::from_millis(50);

/// How long to wait before leading is begun again that has ended by itself.
const AGAIN: Duration = Duration::from_secs(2);

/// One replica's controller.
pub struct Controller {
    client: Client,
    /// netintent's own namespace, which has the Lease.
    namespace: String,
    cache: Arc<Cache>,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controller").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Controller {
    /// Acts on what this cache knows.
    pub fn new(client: Client, namespace: String, cache: Arc<Cache>, metrics: Arc<Metrics>) -> Self {
        Self { client, namespace, cache, metrics }
    }

    /// Leads whenever it can, until the program is told to end; then it gives the Lease back.
    pub async fn run(self: Arc<Self>, life: Life) {
        let mut elector = Elector::new(self.client.clone(), self.namespace.clone());
        let me = elector.me().to_owned();
        let ends = life.reached(Phase::Lingering);
        let mut ends = std::pin::pin!(ends);
        // Whoever knows nothing yet keeps nobody else from leading.
        let synced = async {
            while !self.cache.is_synced() {
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = synced => {}
            () = &mut ends => return,
        }
        loop {
            let until = tokio::select! {
                until = elector.elected() => until,
                () = &mut ends => break,
            };
            self.metrics.controller_leader.set(1);
            // What panics ends this time of leading alone. Dropped, it stops at once.
            let mut leading = JoinSet::new();
            let (controller, identity) = (Arc::clone(&self), me.clone());
            leading.spawn(async move { lead::lead(&controller, &identity).await });
            let over = tokio::select! {
                () = elector.keep(until) => false,
                _ = leading.join_next() => {
                    error!("leading has ended by itself: it is begun again");
                    sleep(AGAIN).await;
                    false
                }
                () = &mut ends => true,
            };
            leading.shutdown().await;
            self.metrics.controller_leader.set(0);
            self.metrics.controller_queue.set(0);
            self.metrics.uncovered(&[], &Figures::default());
            if over {
                break;
            }
        }
        elector.release().await;
        info!("the controller has ended");
    }
}
