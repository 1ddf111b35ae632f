//! A cluster: whom to speak to and as whom, by kubectl's own rules, and what went wrong in words.

mod clock;
mod config;
mod disarm;
mod dry_run;
mod failure;
mod kinds;
mod list;
mod mode;
pub(crate) mod names;
mod objects;
mod proxy;
mod recover;
pub(crate) mod status;
mod world;
mod write;

use std::future::Future;
use std::time::Duration;

use kube::Client;
use serde_json::Value;

use crate::cli::Connection;
use crate::error::{Error, Result};
pub(crate) use disarm::is_disarmed;
pub(crate) use dry_run::{Admitted, Probe};
pub(crate) use failure::Failure;
pub(crate) use kinds::{DISCOVERY, Discovery};
pub(crate) use list::get;
pub(crate) use mode::{Labelled, missing};
pub(crate) use objects::Meta;
pub(crate) use recover::{Closed, Configuration, Leader, Leads, Myself, OpenService, State};
pub(crate) use world::{Wanted, World, new_enough, read};

/// A connection to an API server, and the runtime that its requests run on.
pub(crate) struct Cluster {
    runtime: tokio::runtime::Runtime,
    client: Client,
    server: String,
    namespace: String,
    timeout: Option<Duration>,
}

impl Cluster {
    /// Finds the cluster; nothing is asked of it yet, but programs that give credentials may run.
    ///
    /// # Errors
    /// Where no cluster is configured, or the configuration can't be used.
    pub(crate) fn connect(connection: &Connection) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::new(format!("cannot start: {error}")))?;
        let timeout = connection.request_timeout.filter(|timeout| !timeout.is_zero());
        let (client, server, namespace) = runtime.block_on(async {
            let config = config::config(connection).await?;
            let (server, namespace) = (config.cluster_url.to_string(), config.default_namespace.clone());
            let client = Client::try_from(config).map_err(|error| Failure::of(error, &server).into_error())?;
            Ok::<_, Error>((client, server, namespace))
        })?;
        Ok(Self { runtime, client, server, namespace, timeout })
    }

    /// The address of the API server.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// The namespace of the context.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Runs requests to their end.
    pub(crate) fn run<T>(&self, requests: impl Future<Output = T>) -> T {
        self.runtime.block_on(requests)
    }

    /// Has each request end in time, also where nobody has said how long it may take.
    pub(crate) fn in_time_at_most(&mut self, time: Duration) {
        self.timeout = Some(self.timeout.unwrap_or(time));
    }

    /// Waits before the next look at something that is to come true.
    pub(crate) fn pause(&self, time: Duration) {
        self.run(async { tokio::time::sleep(time).await });
    }

    /// Sends a change, and gives what the API server warns of.
    ///
    /// # Errors
    /// Where there is no answer in time, or the API server refuses.
    async fn changing(&self, request: http::Request<Vec<u8>>) -> std::result::Result<Vec<String>, Failure> {
        Ok(self.changed(request).await?.0)
    }

    /// The same, with what the API server answers.
    ///
    /// # Errors
    /// As [`Cluster::changing`].
    async fn changed(&self, request: http::Request<Vec<u8>>) -> std::result::Result<(Vec<String>, Value), Failure> {
        let (status, warnings, body) = self.answered(request).await?;
        if status.is_success() {
            let answer = serde_json::from_slice(&body).map_err(|error| Failure::Garbled(error.to_string()))?;
            return Ok((warnings, answer));
        }
        Err(Failure::of(kube::Error::Api(Box::new(refusal(status, &body))), &self.server))
    }

    /// Sends a request, and gives what comes: that the API server refuses is an answer too.
    async fn answered(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> std::result::Result<(http::StatusCode, Vec<String>, Vec<u8>), Failure> {
        let sent = self.client.send(request.map(kube::client::Body::from));
        let answer = self.in_time(sent).await?;
        let warnings = answer.headers().get_all(http::header::WARNING).iter();
        let warnings = warnings.filter_map(|value| value.to_str().ok()).filter_map(warned).collect();
        let status = answer.status();
        let body = self.in_time(async { Ok(answer.into_body().collect_bytes().await?.to_vec()) }).await?;
        Ok((status, warnings, body))
    }

    /// What comes of a request, if it comes in time.
    async fn in_time<T>(&self, answer: impl Future<Output = kube::Result<T>>) -> std::result::Result<T, Failure> {
        let answer = match self.timeout {
            Some(timeout) => match tokio::time::timeout(timeout, answer).await {
                Ok(answer) => answer,
                Err(_) => return Err(Failure::Slow { server: self.server.clone(), timeout }),
            },
            None => answer.await,
        };
        answer.map_err(|error| Failure::of(error, &self.server))
    }

    /// The body of one answer, as text.
    ///
    /// # Errors
    /// Where there is none in time, or the API server refuses.
    pub(crate) async fn text(&self, request: http::Request<Vec<u8>>) -> std::result::Result<String, Failure> {
        self.in_time(self.client.request_text(request)).await
    }
}

/// What the API server says where it refuses.
fn refusal(status: http::StatusCode, body: &[u8]) -> kube::core::Status {
    let said = serde_json::from_slice::<kube::core::Status>(body).unwrap_or_default();
    kube::core::Status { code: status.as_u16(), ..said }
}

/// The text of a `Warning` header: `299 - "text"`, with `"` and `\` escaped.
fn warned(header: &str) -> Option<String> {
    let quoted = header.strip_prefix("299 ")?.split_once(' ')?.1.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::warned;

    #[test]
    fn a_warning_is_its_text() {
        assert_eq!(warned(r#"299 - "say \"yes\"""#).as_deref(), Some("say \"yes\""));
        assert_eq!(warned("199 - \"x\""), None);
        assert_eq!(warned("299 -"), None);
    }
}
