//! A user who speaks to the API server without kubectl: any verb, any path, any body.

use std::path::PathBuf;
use std::sync::OnceLock;

use http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{Error, Kubectl};

/// Somebody who may ask the API server.
#[derive(Clone)]
pub struct User {
    client: Client,
    kubeconfig: PathBuf,
    kubectl: Kubectl,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("kubeconfig", &self.kubeconfig).finish_non_exhaustive()
    }
}

/// What the API server answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The status, such as 201.
    pub status: u16,
    /// The body, where it is JSON.
    pub body: Value,
    /// What the user is warned of.
    pub warnings: Vec<String>,
}

impl Reply {
    /// Whether it was done.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What was said, where it was not done.
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

/// An error with all its causes: `error sending request` says little.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// One for all users: clients live on it.
///
/// # Errors
///
/// If no threads can be started.
pub fn runtime() -> Result<&'static Runtime, Error> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    // kube takes the provider of the process; another test may have set it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let made = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let made = made.map_err(Error::io("start threads"))?;
    Ok(RUNTIME.get_or_init(|| made))
}

impl User {
    pub(crate) fn new(kubeconfig: PathBuf, kubectl: &Kubectl) -> Result<Self, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Client { what: error.to_string() };
        let read = Kubeconfig::read_from(&kubeconfig).map_err(|error| failed(&error))?;
        let runtime = runtime()?;
        let config = runtime.block_on(Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()));
        let config = config.map_err(|error| failed(&error))?;
        let _guard = runtime.enter();
        let client = Client::try_from(config).map_err(|error| failed(&error))?;
        Ok(Self { client, kubectl: kubectl.with_config(kubeconfig.clone()), kubeconfig })
    }

    /// The user's kubectl.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// The user's kubeconfig.
    pub fn kubeconfig(&self) -> &PathBuf {
        &self.kubeconfig
    }

    /// The client itself, for what is more than a question and an answer.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Asks for `path` with a body of this content type; a refusal is an answer, not an error.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub fn send(&self, method: &Method, path: &str, kind: &str, body: Vec<u8>) -> Result<Reply, Error> {
        runtime()?.block_on(self.ask(method, path, kind, body))
    }

    /// The same, for whoever asks many at once.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn ask(&self, method: &Method, path: &str, kind: &str, body: Vec<u8>) -> Result<Reply, Error> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, kind)
            .header(header::ACCEPT, "application/json")
            .body(Body::from(body))
            .map_err(|error| Error::Client { what: error.to_string() })?;
        let answer = async {
            let response = self.client.send(request).await?;
            let (head, body) = response.into_parts();
            let bytes = body.collect().await?.to_bytes();
            Ok::<_, kube::Error>((head, bytes))
        };
        let failed = |error: kube::Error| Error::Client { what: format!("{method} {path}: {}", chain(&error)) };
        let (head, bytes) = answer.await.map_err(failed)?;
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Reply { status: head.status.as_u16(), body, warnings: warnings(&head.headers) })
    }

    /// Reads.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn get(&self, path: &str) -> Result<Reply, Error> {
        self.send(&Method::GET, path, "application/json", Vec::new())
    }

    /// Creates an object in a collection.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn post(&self, path: &str, object: &Value) -> Result<Reply, Error> {
        self.send(&Method::POST, path, "application/json", object.to_string().into_bytes())
    }

    /// Replaces an object.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn put(&self, path: &str, object: &Value) -> Result<Reply, Error> {
        self.send(&Method::PUT, path, "application/json", object.to_string().into_bytes())
    }

    /// Changes an object by a patch of this kind, such as `merge`, `json`, `strategic-merge` or `apply`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn patch(&self, path: &str, kind: &str, patch: &Value) -> Result<Reply, Error> {
        let kind = if kind == "apply" {
            "application/apply-patch+yaml".to_owned()
        } else {
            format!("application/{kind}-patch+json")
        };
        self.send(&Method::PATCH, path, &kind, patch.to_string().into_bytes())
    }

    /// Deletes an object.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn delete(&self, path: &str) -> Result<Reply, Error> {
        self.send(&Method::DELETE, path, "application/json", Vec::new())
    }
}

/// The texts of `Warning: 299 - "text"`.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let texts =
        headers.get_all(header::WARNING).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    texts
        .map(|text| {
            let quoted = text.split_once('"').map_or(text.as_str(), |(_, rest)| rest);
            quoted.strip_suffix('"').unwrap_or(quoted).replace("\\\"", "\"")
        })
        .collect()
}
