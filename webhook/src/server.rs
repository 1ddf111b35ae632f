//! HTTP over TLS: one path for each registration, within limits that keep one client from taking what all need.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

mod patience;
mod peers;

use crate::admission::{Admission, Undecided};
use crate::metrics::{Outcome, Registration};
use patience::Patient;
use peers::Peers;

/// The most bytes of one question. A valid update can make a review of 17 MB, and junk in it 36 MB.
const MAX_BODY: usize = 40 * MIB;
/// How many bytes of questions there may be at once.
const BUDGET: usize = 120 * MIB;
const KIB: usize = 1024;
const MIB: usize = 1024 * 1024;
/// How long a handshake, the headers, the body of a question and room for it may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection may be silent between questions.
const IDLE: Duration = Duration::from_mins(2);
/// How many connections there may be at once.
const CONNECTIONS: usize = 2048;

/// What the handlers share.
#[derive(Clone, Debug)]
struct Shared {
    admission: Arc<Admission>,
    /// For questions, in KiB.
    room: Arc<Semaphore>,
}

/// The paths that the API server calls.
pub fn router(admission: Arc<Admission>) -> Router {
    let shared = Shared { admission, room: Arc::new(Semaphore::new(BUDGET / KIB)) };
    let route = |registration: Registration| {
        post(move |State(shared): State<Shared>, request: Request| async move {
            handle(&shared, registration, request).await
        })
    };
    Router::new()
        .route("/derive", route(Registration::derive))
        .route("/guard", route(Registration::guard))
        .route("/workloads", route(Registration::workloads))
        .route("/approvals", route(Registration::approvals))
        .with_state(shared)
}

/// The paths for whoever watches over the program: alive, ready, and what it counted.
pub fn observed(admission: Arc<Admission>) -> Router {
    let ready = |State(admission): State<Arc<Admission>>| async move {
        if admission.cache.is_synced() {
            (StatusCode::OK, "ok\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "the cluster is still being read\n")
        }
    };
    let metrics = |State(admission): State<Arc<Admission>>| async move {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ([(header::CONTENT_TYPE, kind)], admission.metrics.text())
    };
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(admission)
}

async fn handle(shared: &Shared, registration: Registration, request: Request) -> Response {
    let admission = &shared.admission;
    let failed = |code: StatusCode, message: String| {
        admission.metrics.admission(registration, Outcome::error);
        warn!(?registration, %message, "not decided");
        (code, format!("netintent: {message}\n")).into_response()
    };
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let length: usize = length.unwrap_or(MAX_BODY);
    if length > MAX_BODY {
        return failed(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the request has {length} bytes: at most {MAX_BODY} are read"),
        );
    }
    let needed = u32::try_from(length.div_ceil(KIB)).unwrap_or(u32::MAX);
    let room = shared.room.acquire_many(needed);
    let Ok(Ok(_room)) = tokio::time::timeout(PATIENCE, room).await else {
        return failed(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once".to_owned());
    };
    let body = tokio::time::timeout(PATIENCE, to_bytes(request.into_body(), MAX_BODY)).await;
    let Ok(Ok(body)) = body else {
        return failed(StatusCode::BAD_REQUEST, "the request did not arrive as a whole".to_owned());
    };
    match admission.answer(registration, &body).await {
        Ok((json, answer)) => {
            let outcome = match &answer.denied {
                Some(reason) => {
                    info!(?registration, %reason, "denied");
                    Outcome::denied
                }
                None if answer.patch.is_empty() => Outcome::allowed,
                None => Outcome::patched,
            };
            admission.metrics.admission(registration, outcome);
            ([(header::CONTENT_TYPE, "application/json")], Body::from(json)).into_response()
        }
        Err(error @ Undecided::Unreadable(_)) => failed(StatusCode::BAD_REQUEST, error.to_string()),
        Err(error) => failed(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

/// Serves until the program ends, over TLS where there is a certificate.
pub async fn serve(listener: TcpListener, tls: Option<Arc<ServerConfig>>, router: Router) {
    let tls = tls.map(TlsAcceptor::from);
    let (connections, peers) = (Arc::new(Semaphore::new(CONNECTIONS)), Peers::default());
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, say: others will end.
                warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(counted) = peers.count(peer.ip()) else {
            debug!(%peer, "an address has too many connections");
            continue;
        };
        let (tls, router) = (tls.clone(), router.clone());
        tokio::spawn(async move {
            if let Err(error) = connection(stream, tls, router).await {
                debug!(%peer, %error, "a connection ended");
            }
            drop((permit, counted));
        });
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // Answers are small: waiting for more to send would only make them late.
    stream.set_nodelay(true)?;
    let stream = Patient::new(stream, PATIENCE, IDLE);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(30)).max_concurrent_streams(100);
    let service = TowerToHyperService::new(router);
    match tls {
        Some(tls) => {
            let stream = tokio::time::timeout(PATIENCE, tls.accept(stream)).await??;
            // A handshake is no question yet.
            let stream = Patient::new(stream, PATIENCE, IDLE);
            builder.serve_connection(TokioIo::new(stream), service).await
        }
        None => builder.serve_connection(TokioIo::new(stream), service).await,
    }
}

/// Listens, with a message that says where when it can't.
///
/// # Errors
/// Where the address is taken, or not this machine's.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))
}
