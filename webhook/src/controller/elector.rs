//! Holds the Lease for one replica: leads while it has it, and gives it back at the end.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::Client;
use kube::api::{GetParams, PostParams};
use kube::core::Request;
use serde_json::Value;
use tokio::time::{sleep, timeout, timeout_at};
use tracing::{info, warn};

use super::lease::{ACTS, EVERY, Seen, Step, released, step, wanted};
use crate::lean::Lean;

/// The name of the Lease.
const NAME: &str = "netintent";
/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// One replica's part in who leads.
pub(crate) struct Elector {
    client: Client,
    namespace: String,
    me: String,
    seen: Option<Seen>,
    /// What went wrong last, so that it is told once.
    told: String,
}

impl Elector {
    pub(crate) fn new(client: Client, namespace: String) -> Self {
        Self { client, namespace, me: identity(), seen: None, told: String::new() }
    }

    /// Who this replica is among all that there ever were.
    pub(crate) fn me(&self) -> &str {
        &self.me
    }

    /// Waits until this replica has the Lease; returns until when it may act.
    pub(crate) async fn elected(&mut self) -> Instant {
        loop {
            if let Some(until) = self.round().await {
                info!(identity = self.me, "this replica leads");
                return until;
            }
            sleep(EVERY).await;
        }
    }

    /// Renews the Lease for as long as it can; returns once the replica must not act any more.
    pub(crate) async fn keep(&mut self, mut until: Instant) {
        loop {
            let wait = EVERY.min(until.saturating_duration_since(Instant::now()));
            sleep(wait).await;
            match timeout_at(until.into(), self.round()).await {
                Ok(Some(later)) => until = later,
                // Another has it.
                Ok(None) if self.lost() => break,
                Ok(None) if Instant::now() < until => {}
                Ok(None) | Err(_) => break,
            }
        }
        warn!(identity = self.me, "this replica leads no longer");
    }

    /// Gives the Lease back, if it is ours.
    pub(crate) async fn release(&mut self) {
        // A renewal that was under way may have come through: then it is another version that is given back.
        for _ in 0..2 {
            let Some(seen) = self.seen.as_ref().filter(|seen| seen.holder() == Some(&self.me)) else { return };
            let object = released(seen, Timestamp::now());
            match self.write(Step::Renew, &object).await {
                Ok(_) => {
                    info!(identity = self.me, "this replica has given the Lease back");
                    return;
                }
                Err(error) => {
                    self.tell("the Lease can't be given back", &error);
                    let _ = self.read().await;
                }
            }
        }
    }

    /// Tells what went wrong, unless it is what went wrong before.
    fn tell(&mut self, what: &'static str, error: &kube::Error) {
        // Another was faster: that is as it should be.
        if matches!(error, kube::Error::Api(status) if status.code == 409) {
            return;
        }
        let text = format!("{what}: {error}");
        if text != self.told {
            warn!("{text}");
            self.told = text;
        }
    }

    fn lost(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.holder() != Some(&self.me))
    }

    /// Looks at the Lease once, and does what there is to do; returns until when to act, if it is ours.
    async fn round(&mut self) -> Option<Instant> {
        let began = Instant::now();
        // What was written last is what there is, unless somebody else has written since: that shows as a conflict.
        let is_ours = self.seen.as_ref().is_some_and(|seen| seen.holder() == Some(&self.me));
        if !is_ours && let Err(error) = self.read().await {
            self.tell("the Lease can't be read", &error);
            return None;
        }
        let step = step(self.seen.as_ref(), &self.me, Instant::now());
        if step == Step::Wait {
            return None;
        }
        let place = (self.namespace.as_str(), NAME);
        let object = wanted(self.seen.as_ref(), step, &self.me, place, Timestamp::now());
        match self.write(step, &object).await {
            Ok(object) => {
                self.seen = Some(Seen::next(self.seen.take(), object, Instant::now()));
                self.told.clear();
                Some(began + ACTS)
            }
            Err(error) => {
                self.tell("the Lease can't be written", &error);
                // What it is now decides the next time.
                let _ = self.read().await;
                None
            }
        }
    }

    async fn read(&mut self) -> Result<(), kube::Error> {
        let request = Request::new(self.path()).get(NAME, &GetParams::default()).map_err(kube::Error::BuildRequest)?;
        match self.ask(request).await {
            Ok(object) => self.seen = Some(Seen::next(self.seen.take(), object, Instant::now())),
            Err(kube::Error::Api(status)) if status.code == 404 => self.seen = None,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn write(&self, step: Step, object: &Value) -> Result<Value, kube::Error> {
        let (params, body) = (PostParams::default(), object.to_string().into_bytes());
        let request = Request::new(self.path());
        let request = match step {
            Step::Create => request.create(&params, body),
            _ => request.replace(NAME, &params, body),
        };
        self.ask(request.map_err(kube::Error::BuildRequest)?).await
    }

    async fn ask(&self, request: axum::http::Request<Vec<u8>>) -> Result<Value, kube::Error> {
        let answer = timeout(PATIENCE, self.client.request::<Lean>(request)).await;
        let slow = |_| kube::Error::Service("the API server does not answer".into());
        answer.map_err(slow)?.map(|Lean(object)| object)
    }

    fn path(&self) -> String {
        format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.namespace)
    }
}

/// The pod's name, and what tells one life of it from another.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    let host = host.unwrap_or_else(|| "netintent".to_owned());
    format!("{host}_{}_{:x}", std::process::id(), Timestamp::now().as_nanosecond())
}
