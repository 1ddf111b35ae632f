//! HTTP over TLS: one path for each registration, within limits that keep one client from taking what all need.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use futures::FutureExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use netintent::names;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

mod asker;
mod body;
mod life;
mod patience;
mod peers;
mod seldom;

use crate::admission::{Admission, Undecided};
use crate::certificates::Served;
use crate::metrics::{Metrics, Outcome, Registration};
use crate::watched::Watched;
use asker::Asker;
use body::{BodyError, Room};
pub use life::{Life, Phase};
use patience::Patient;
use peers::Peers;
use seldom::Seldom;

/// How long a handshake, the headers, the body of a question and room for it may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection may be silent between questions.
const IDLE: Duration = Duration::from_mins(2);
/// How long who has connected last may take to ask.
const LAST: Duration = Duration::from_secs(1);
/// How long an answer may take in all: the API server waits ten seconds.
const ANSWER: Duration = Duration::from_secs(9);
/// How many connections there may be at once.
const CONNECTIONS: u32 = 512;
/// How many questions there may be under way.
const QUESTIONS: usize = 2048;
/// How many of them one connection may carry.
const STREAMS: u32 = 64;
/// How many bytes the headers of a question may have.
const HEADERS: u32 = 8 * 1024;
/// How many bytes a connection, and one question on it, may send ahead of being read.
const AHEAD: (u32, u32) = (128 * 1024, 64 * 1024);

/// What the handlers share.
#[derive(Clone, Debug)]
struct Shared {
    admission: Arc<Admission>,
    room: Arc<Room>,
    /// For questions under way.
    questions: Arc<Semaphore>,
    seldom: Arc<Seldom>,
}

/// The paths that the API server calls.
pub fn router(admission: Arc<Admission>) -> Router {
    let questions = Arc::new(Semaphore::new(QUESTIONS));
    let shared = Shared { admission, room: Arc::default(), questions, seldom: Arc::default() };
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

/// What is told to whoever watches over the program.
#[derive(Clone, Debug)]
struct Observed {
    admission: Arc<Admission>,
    served: Arc<Served>,
    life: Life,
}

impl Observed {
    /// Why it can't be asked now, if it can't.
    fn is_not_ready(&self) -> Option<String> {
        let unknown = self.admission.cache.unknown();
        if !self.life.is_running() {
            Some("it ends\n".to_owned())
        } else if !unknown.is_empty() {
            Some(format!("not yet read: {}; the log says why, if it takes long\n", unknown.join(", ")))
        } else if let Some(valid) = self.served.valid() {
            let (from, until) = (valid.from, valid.until);
            (!valid.holds(Timestamp::now())).then(|| format!("the certificate is valid from {from} to {until} alone\n"))
        } else {
            Some("there is no certificate yet that the webhook configurations trust; the log says why\n".to_owned())
        }
    }

    /// That it can be asked, and what of it may be old. Without the API server it answers by what was known last, and asks
    /// before anything hangs on what is too old: it is no less ready than another replica.
    fn is_ready(&self) -> String {
        let age = |(kind, age): (Watched, Duration)| format!("{} for {} s", kind.kind(), age.as_secs());
        let doubtful: Vec<String> = self.admission.cache.doubtful().into_iter().map(age).collect();
        if doubtful.is_empty() {
            return "ok\n".to_owned();
        }
        format!("ok; not confirmed by the API server: {}; what was known last holds\n", doubtful.join(", "))
    }
}

/// The paths for whoever watches over the program: alive, ready, and what it counted.
pub fn observed(admission: Arc<Admission>, served: Arc<Served>, life: Life) -> Router {
    let ready = |State(observed): State<Observed>| async move {
        let why = observed.is_not_ready();
        why.map_or_else(|| (StatusCode::OK, observed.is_ready()), |why| (StatusCode::SERVICE_UNAVAILABLE, why))
    };
    let metrics = |State(observed): State<Observed>| async move {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        let text = observed.admission.metrics.text(&observed.admission.cache, &observed.served);
        ([(header::CONTENT_TYPE, kind)], text)
    };
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Observed { admission, served, life })
}

async fn handle(shared: &Shared, registration: Registration, request: Request) -> Response {
    let (began, metrics) = (Instant::now(), &shared.admission.metrics);
    let answer = tokio::time::timeout(ANSWER, answer(shared, registration, request)).await;
    let late = (StatusCode::SERVICE_UNAVAILABLE, format!("no answer was found within {} s", ANSWER.as_secs()));
    match answer.unwrap_or(Err(late)) {
        Ok((json, outcome)) => {
            metrics.admission(registration, outcome, began.elapsed());
            ([(header::CONTENT_TYPE, "application/json")], Body::from(json)).into_response()
        }
        Err((code, message)) => {
            metrics.admission(registration, Outcome::error, began.elapsed());
            // Anybody who reaches the port can cause it.
            if let Some(more) = shared.seldom.tell(Instant::now()) {
                warn!(?registration, message = names::printable(&message), more, "not decided");
            }
            (code, format!("netintent: {message}\n")).into_response()
        }
    }
}

/// The JSON of the answer to a question, and what it says; or why there is none.
async fn answer(
    shared: &Shared,
    registration: Registration,
    request: Request,
) -> Result<(Vec<u8>, Outcome), (StatusCode, String)> {
    let (head, body) = request.into_parts();
    let asker = head.extensions.get::<Asker>();
    let busy = |_| (StatusCode::SERVICE_UNAVAILABLE, BodyError::Busy.to_string());
    let _own = asker.map(|asker| asker.questions.try_acquire()).transpose().map_err(busy)?;
    let _one = shared.questions.try_acquire().map_err(busy)?;
    let (body, _room) = shared.room.read(&head.headers, body).await.map_err(|error| {
        let code = match error {
            BodyError::Long => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            BodyError::Cut => StatusCode::BAD_REQUEST,
        };
        (code, error.to_string())
    })?;
    let answer = shared.admission.answer(registration, &body).await.map_err(|error| match error {
        Undecided::Unreadable(_) => (StatusCode::BAD_REQUEST, error.to_string()),
        error => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    })?;
    if let Some(asker) = asker {
        asker.prove();
    }
    Ok(answer)
}

/// Where and how a router is served.
#[derive(Clone, Debug)]
pub struct Server {
    /// TLS, if any.
    pub tls: Option<Arc<ServerConfig>>,
    /// When it ends.
    pub life: Life,
    /// Where failures are counted.
    pub metrics: Arc<Metrics>,
}

impl Server {
    /// Serves until the program drains, and returns when the last connection has ended.
    pub async fn serve(self, listener: TcpListener, router: Router) {
        let tls = self.tls.clone().map(TlsAcceptor::from);
        let (connections, peers) = (Arc::new(Semaphore::new(CONNECTIONS as usize)), Peers::default());
        let (crowded, failing) = (Seldom::default(), Arc::new(Seldom::default()));
        let take = |stream, peer: SocketAddr| {
            let counted = peers.count(peer.ip());
            let (Some(counted), Ok(permit)) = (counted, Arc::clone(&connections).try_acquire_owned()) else {
                self.metrics.refused_connections.inc();
                if let Some(more) = crowded.tell(Instant::now()) {
                    warn!(%peer, more, "there are too many connections, of this address or of all");
                }
                return;
            };
            let (server, tls, failing) = (self.clone(), tls.clone(), Arc::clone(&failing));
            let asker = Asker::new(Arc::clone(&counted.questions));
            let router = router.clone().layer(Extension(asker.clone()));
            tokio::spawn(async move {
                server.connection(stream, peer, tls, router, asker, &failing).await;
                drop((permit, counted));
            });
        };
        let drains = self.life.reached(Phase::Draining);
        let mut drains = std::pin::pin!(drains);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut drains => break,
            };
            match accepted {
                Ok((stream, peer)) => take(stream, peer),
                Err(error) => {
                    // Out of file descriptors, say: others will end.
                    warn!(%error, "a connection can't be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        // Whoever has connected already is heard.
        while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
            take(stream, peer);
        }
        drop(listener);
        // It gets them all when each connection has given back its own.
        let _ = connections.acquire_many(CONNECTIONS).await;
    }

    async fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        tls: Option<TlsAcceptor>,
        router: Router,
        asker: Asker,
        failing: &Seldom,
    ) {
        // Answers are small: waiting for more to send would only make them late.
        let _ = stream.set_nodelay(true);
        let stream = Patient::new(stream, PATIENCE, IDLE);
        let Some(tls) = tls else { return self.talk(stream, peer, router, None).await };
        let error = match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
            // A handshake is no question yet.
            Ok(Ok(stream)) => return self.talk(Patient::new(stream, PATIENCE, IDLE), peer, router, Some(asker)).await,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        self.metrics.handshake_failures.inc();
        if let Some(more) = failing.tell(Instant::now()) {
            warn!(%peer, error, more, "a TLS handshake failed");
        }
    }

    /// Waits until idle connections are closed: a moment later than no more are taken, so that who has just come can ask.
    async fn drains(&self) {
        self.life.reached(Phase::Draining).await;
        tokio::time::sleep(LAST).await;
    }

    async fn talk(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        router: Router,
        asker: Option<Asker>,
    ) {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(64 * 1024);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(30))
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADERS)
            .initial_connection_window_size(AHEAD.0)
            .initial_stream_window_size(AHEAD.1);
        let talk = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let mut talk = std::pin::pin!(talk);
        let unproven = async {
            match &asker {
                Some(asker) => asker.unproven().await,
                None => std::future::pending().await,
            }
        };
        let result = tokio::select! {
            result = talk.as_mut() => result,
            () = unproven => return debug!(%peer, "a connection was only held"),
            () = self.drains() => {
                talk.as_mut().graceful_shutdown();
                talk.await
            }
        };
        if let Err(error) = result {
            debug!(%peer, %error, "a connection ended");
        }
    }
}

/// Listens, with a message that says where when it can't.
///
/// # Errors
/// Where the address is taken, or not this machine's.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))
}
