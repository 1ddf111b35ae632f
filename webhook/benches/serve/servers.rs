//! The two servers: the webhook, and one that reads the question as webhooks in Rust commonly do, and admits.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use kube::{Client, Config};
use netintent_webhook::admission::Admission;
use netintent_webhook::cache::Cache;
use netintent_webhook::certificates::{Served, follow};
use netintent_webhook::live::Live;
use netintent_webhook::metrics::Metrics;
use netintent_webhook::server::{Life, Server, listen, router};
use netintent_webhook::watched::Watched;
use netintent_webhook::world;
use tokio::net::TcpListener;

use crate::{Result, objects};

/// The argument that asks for one.
pub(crate) const COMMAND: &str = "server";
/// How often the watches hear of the API server, at the latest.
const BOOKMARK: Duration = Duration::from_secs(10);
/// More than any question here has.
const MOST: usize = 1 << 20;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The webhook, with the cluster loaded.
    Netintent,
    /// The yardstick, which knows nothing.
    Admits,
}

impl Kind {
    /// Its name among the arguments.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Netintent => "netintent",
            Self::Admits => "admits",
        }
    }

    /// The server of a name.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        let all = [Self::Netintent, Self::Admits];
        Ok(all.into_iter().find(|kind| kind.name() == name).ok_or_else(|| format!("there is no server `{name}`"))?)
    }
}

/// Serves until standard input ends, and tells its port first.
pub(crate) fn run(kind: Kind, folder: &Path) -> Result {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (served, metrics) = (Arc::new(Served::default()), Arc::new(Metrics::default()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let (router, listener) = runtime.block_on(async {
        let router = match kind {
            Kind::Netintent => netintent(objects::read(folder)?)?,
            Kind::Admits => Router::new().route("/derive", post(admit)),
        };
        let listener: TcpListener = listen(([127, 0, 0, 1], 0).into()).await?;
        follow(folder, Arc::clone(&served), Arc::clone(&provider), Arc::clone(&metrics))?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((router, listener))
    })?;
    let server = Server { tls: Some(Arc::new(served.tls(provider)?)), life: Life::default(), metrics };
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    runtime.spawn(server.serve(listener, router));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// The webhook as `main.rs` starts it, but for the watches: the world is given, and confirmed as they would.
fn netintent(world: world::World) -> Result<Router> {
    let cache = Arc::new(Cache::new(world));
    // Nobody listens there: an answer that needed the API server would fail.
    let client = Client::try_from(Config::new("http://127.0.0.1:1".parse()?))?;
    let confirmed = Arc::clone(&cache);
    tokio::spawn(async move {
        loop {
            Watched::ALL.into_iter().for_each(|kind| confirmed.confirm(kind));
            tokio::time::sleep(BOOKMARK).await;
        }
    });
    Ok(router(Arc::new(Admission::new(cache, Arc::new(Metrics::default()), Live::new(client)))))
}

/// Reads all of the question, looks at none of it, and admits.
async fn admit(request: Request) -> Response {
    let Ok(body) = to_bytes(request.into_body(), MOST).await else { return StatusCode::BAD_REQUEST.into_response() };
    match answer(&body) {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

fn answer(body: &Bytes) -> Result<Vec<u8>> {
    let review: AdmissionReview<DynamicObject> = serde_json::from_slice(body)?;
    let request: AdmissionRequest<DynamicObject> = review.try_into()?;
    Ok(serde_json::to_vec(&AdmissionResponse::from(&request).into_review())?)
}

/// The JSON Patch of an answer.
pub(crate) fn decode(patch: &str) -> Result<serde_json::Value> {
    Ok(serde_json::from_slice(&STANDARD.decode(patch)?)?)
}
