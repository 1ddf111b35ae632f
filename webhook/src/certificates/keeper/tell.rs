//! Tells when to look: watches of single objects, of which nothing is read but that something has happened.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use kube::Resource;
use kube::api::{Api, WatchParams};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::warn;

use crate::failure::said;

/// How long one watch lasts, in seconds.
const LASTS: u32 = 250;
/// How long it may be silent beyond that before its connection counts as dead.
const SILENCE: Duration = Duration::from_secs(LASTS as u64 + 10);
/// How long to wait before the next one.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells whenever one object may have changed.
pub(super) async fn tell<K>(api: Api<K>, name: &'static str, changed: Arc<Notify>)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let params = WatchParams { timeout: Some(LASTS), ..WatchParams::default() };
    let params = params.fields(&format!("metadata.name={name}"));
    let mut told = String::new();
    loop {
        match timeout(SILENCE, api.watch_metadata(&params, "0")).await {
            Ok(Ok(events)) => {
                told.clear();
                // It begins with what there is, so that nothing is missed between two watches.
                let mut events = std::pin::pin!(events);
                while let Ok(Some(Ok(_))) = timeout(SILENCE, events.next()).await {
                    changed.notify_one();
                }
            }
            // What can't be watched is looked at now and then all the same.
            Ok(Err(error)) => {
                let text = said(&error);
                if text != told {
                    warn!(error = text, kind = %K::kind(&()), name, "can't be watched");
                    told = text;
                }
            }
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}
