//! A cluster: whom to speak to and as whom, by kubectl's own rules, and what went wrong in words.

mod disarm;
mod dry_run;
mod failure;
mod kinds;
mod list;
mod mode;
pub(crate) mod names;
mod objects;
mod recover;
pub(crate) mod status;
mod world;
mod write;

use std::future::Future;
use std::io::ErrorKind;
use std::time::Duration;

use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use netintent::names::printable;
use serde_json::Value;

use crate::cli::Connection;
use crate::error::{Error, Result};
pub(crate) use dry_run::{Admitted, Probe};
pub(crate) use failure::Failure;
pub(crate) use kinds::{DISCOVERY, Discovery};
pub(crate) use list::get;
pub(crate) use mode::{Labelled, missing};
pub(crate) use objects::Meta;
pub(crate) use recover::{Configuration, Leader, Myself, State};
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
            let config = config(connection).await?;
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

async fn config(connection: &Connection) -> Result<Config> {
    let mut config = match kubeconfig(connection)? {
        Some(kubeconfig) => {
            let options = KubeConfigOptions {
                context: connection.context.clone(),
                cluster: connection.cluster.clone(),
                user: connection.user.clone(),
            };
            let of = with_server(kubeconfig, connection, &options);
            Config::from_custom_kubeconfig(of, &options).await.map_err(|error| unusable(&error, connection))?
        }
        None => match (&connection.server, Config::incluster()) {
            (Some(server), _) => Config::new(url(server)?),
            (None, Ok(config)) => config,
            (None, Err(_)) => return Err(nowhere()),
        },
    };
    let auth = &mut config.auth_info;
    if let Some(token) = &connection.token {
        let text = serde_json::json!({ "token": token });
        *auth = serde_json::from_value::<AuthInfo>(text).map_err(|_| Error::new("--token is no token"))?;
    }
    if let Some(user) = &connection.as_user {
        auth.impersonate = Some(user.clone());
        auth.impersonate_groups = Some(connection.as_groups.clone()).filter(|groups| !groups.is_empty());
        auth.impersonate_uid.clone_from(&connection.as_uid);
        auth.impersonate_user_extra = None;
    }
    Ok(config)
}

/// The kubeconfig; `None` where there is none, as in a pod.
fn kubeconfig(connection: &Connection) -> Result<Option<Kubeconfig>> {
    let read = match &connection.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    match read {
        Ok(kubeconfig) if connection.kubeconfig.is_none() && kubeconfig.contexts.is_empty() => Ok(None),
        Ok(kubeconfig) => Ok(Some(kubeconfig)),
        Err(KubeconfigError::ReadConfig(error, _))
            if error.kind() == ErrorKind::NotFound && connection.kubeconfig.is_none() =>
        {
            Ok(None)
        }
        Err(KubeconfigError::FindPath) => Ok(None),
        Err(error) => Err(unusable(&error, connection)),
    }
}

/// The same with another address in the cluster that is meant.
fn with_server(mut kubeconfig: Kubeconfig, connection: &Connection, options: &KubeConfigOptions) -> Kubeconfig {
    let Some(server) = &connection.server else { return kubeconfig };
    let context = options.context.as_ref().or(kubeconfig.current_context.as_ref());
    let context = kubeconfig.contexts.iter().find(|named| Some(&named.name) == context);
    let of_context = context.and_then(|named| named.context.as_ref()).map(|context| context.cluster.clone());
    let meant = options.cluster.clone().or(of_context);
    for named in kubeconfig.clusters.iter_mut().filter(|named| Some(&named.name) == meant.as_ref()) {
        if let Some(cluster) = &mut named.cluster {
            cluster.server = Some(server.clone());
        }
    }
    kubeconfig
}

fn url(text: &str) -> Result<http::Uri> {
    let url = text.parse::<http::Uri>().ok().filter(|url| url.scheme().is_some() && url.host().is_some());
    url.ok_or_else(|| {
        let help = "write it as https://HOST:PORT".to_owned();
        Error::with_help(format!("`{}` is no address of a server", printable(text)), help)
    })
}

fn nowhere() -> Error {
    let help = "read manifests with -f PATH, or name a cluster: --kubeconfig FILE, or KUBECONFIG";
    Error::with_help("no cluster is configured, and no file is given", help.to_owned())
}

/// A kubeconfig that can't be used.
fn unusable(error: &KubeconfigError, connection: &Connection) -> Error {
    let file = connection.kubeconfig.as_deref().map_or_else(|| "the kubeconfig".to_owned(), printable);
    let help = "kubectl config view shows what kubectl makes of it".to_owned();
    let contexts = "kubectl config get-contexts shows which there are".to_owned();
    let (what, help) = match error {
        KubeconfigError::CurrentContextNotSet => {
            ("it names no current context".to_owned(), "choose one with --context".to_owned())
        }
        KubeconfigError::LoadContext(name) => (format!("it has no context `{name}`"), contexts),
        KubeconfigError::LoadClusterOfContext(name) => (format!("it has no cluster `{name}`"), help),
        KubeconfigError::ReadConfig(error, path) => {
            (format!("cannot read {}: {error}", path.display()), "give another file with --kubeconfig".to_owned())
        }
        other => (failure::chain(other), help),
    };
    Error::with_help(format!("{file} can't be used: {}", printable(&what)), help)
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
