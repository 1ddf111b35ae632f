//! What stands between the webhook and the API server, and can be as bad as a network and an API server get: slow, wrong,
//! forgetful, cut off, or silent.
//!
//! It is spoken to without TLS, and speaks TLS to the API server. Who asks is known by the token that it passes on.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use rustls::pki_types::ServerName;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use crate::{Error, Random, raw};

/// What goes wrong here ends one connection.
type Result<T> = std::result::Result<T, Cause>;
type Cause = Box<dyn std::error::Error + Send + Sync>;
type Body = BoxBody<Bytes, std::io::Error>;

/// How the API server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// As it should.
    None,
    /// Each answer, and each event of a watch, is late by as much as this.
    Slow(Duration),
    /// So many of a hundred requests are answered with 500, 503 or 429: half of them without having been done, half after.
    Errors(u64),
    /// Every watch ends within this time with 410 Gone, at its beginning or later.
    Gone(Duration),
    /// Every connection is cut within this time, in the middle of what it carries; some before there was an answer.
    Cut(Duration),
    /// As it should, by a clock that is ahead of this machine's by as much as this.
    Ahead(SignedDuration),
    /// Not at all: connections are taken and stay open. Those that are open by then stay so for good.
    Silent,
}

/// A proxy on a loopback port; it ends on drop, with all its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    fault: watch::Sender<Fault>,
    random: Mutex<Random>,
    /// How many requests there were, and to how many something was done.
    asked: AtomicU64,
    spoiled: AtomicU64,
    tls: TlsConnector,
    /// Where the API server is.
    server: String,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Proxy {
    /// Begins to pass on to the API server at `url`, which an authority has signed.
    ///
    /// # Errors
    /// Where it can't be.
    pub fn start(url: &str, authority: &str) -> std::result::Result<Self, Error> {
        let failed = |what: &dyn std::fmt::Display| Error::Client { what: format!("a proxy can't be had: {what}") };
        let tls = raw::trusting_only(authority).map_err(|error| failed(&error))?;
        let shared = Arc::new(Shared {
            fault: watch::Sender::new(Fault::None),
            random: Mutex::new(Random::new(1)),
            asked: AtomicU64::new(0),
            spoiled: AtomicU64::new(0),
            tls,
            server: url.trim_start_matches("https://").to_owned(),
        });
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::io("start a runtime"))?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.map_err(Error::io("listen on 127.0.0.1"))?;
        let port = listener.local_addr().map_err(Error::io("listen on 127.0.0.1"))?.port();
        let (stop, stopped) = oneshot::channel();
        let passes = Arc::clone(&shared);
        let work = move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = accept(listener, passes) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("proxy".into()).spawn(work);
        let thread = thread.map_err(Error::io("start a thread"))?;
        Ok(Self { port, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it is spoken to.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How the API server answers from now on.
    pub fn set(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
    }

    /// How many requests there were, and to how many of them, or their answers, something was done.
    pub fn counts(&self) -> (u64, u64) {
        (self.shared.asked.load(Ordering::Relaxed), self.shared.spoiled.load(Ordering::Relaxed))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, say: others will end.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { shared.handle(request).await.map_err(std::io::Error::other) }
            });
            // How a connection ends that was cut is what it was cut for.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Shared {
    fn below(&self, bound: u64) -> u64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).below(bound.max(1))
    }

    fn within(&self, most: Duration) -> Duration {
        Duration::from_millis(self.below(u64::try_from(most.as_millis()).unwrap_or(u64::MAX)))
    }

    fn spoil(&self) {
        self.spoiled.fetch_add(1, Ordering::Relaxed);
    }

    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let query = request.uri().query().unwrap_or_default();
        let is_watch = query.split('&').any(|part| part == "watch=true" || part == "watch=1");
        let fault = *self.fault.borrow();
        match fault {
            Fault::None => {}
            Fault::Slow(most) => {
                self.spoil();
                sleep(self.within(most)).await;
            }
            Fault::Errors(share) if self.below(100) < share => {
                self.spoil();
                let codes =
                    [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
                let number = self.below(6);
                // It may have been done all the same.
                if number >= 3 {
                    self.forward(request).await?;
                }
                return status(codes[usize::try_from(number % 3)?]);
            }
            Fault::Gone(_) if is_watch && self.below(2) == 0 => {
                self.spoil();
                return status(StatusCode::GONE);
            }
            Fault::Cut(_) if self.below(4) == 0 => {
                self.spoil();
                if self.below(2) == 0 {
                    self.forward(request).await?;
                }
                return Err("cut before there was an answer".into());
            }
            Fault::Silent => {
                self.spoil();
                std::future::pending::<()>().await;
            }
            Fault::Errors(_) | Fault::Gone(_) | Fault::Cut(_) | Fault::Ahead(_) => {}
        }
        let (mut head, body) = self.forward(request).await?.into_parts();
        if let Fault::Ahead(by) = fault {
            self.spoil();
            let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&(Timestamp::now() + by))?;
            head.headers.insert(header::DATE, date.parse()?);
        }
        let (sender, channel) = Channel::new(16);
        tokio::spawn(self.pass(body, sender, is_watch));
        Ok(Response::from_parts(head, channel.boxed()))
    }

    /// Asks the API server, over a connection of its own.
    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Incoming>> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        head.headers.insert(header::HOST, self.server.parse()?);
        head.headers.remove(header::CONNECTION);
        let stream = TcpStream::connect(&self.server).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::try_from("127.0.0.1")?, stream).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender.send_request(Request::from_parts(head, Full::new(body))).await?)
    }

    /// Passes on what the API server answers, and does to it what is to be done meanwhile.
    async fn pass(self: Arc<Self>, mut body: Incoming, mut sender: Sender<Bytes, std::io::Error>, is_watch: bool) {
        let mut faults = self.fault.subscribe();
        loop {
            let fault = *faults.borrow_and_update();
            let end = async {
                match fault {
                    Fault::Gone(most) if is_watch => sleep(self.within(most)).await,
                    Fault::Cut(most) => sleep(self.within(most)).await,
                    _ => std::future::pending().await,
                }
            };
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = end => {
                    self.spoil();
                    if matches!(fault, Fault::Gone(_)) {
                        let event = json!({"type": "ERROR", "object": object(StatusCode::GONE)});
                        let _ = sender.send_data(format!("{event}\n").into()).await;
                        return;
                    }
                    return sender.abort(std::io::Error::other("cut in the middle"));
                }
                _ = faults.changed() => continue,
            };
            match fault {
                Fault::Slow(most) if is_watch => sleep(self.within(most)).await,
                Fault::Silent => {
                    // Nobody hears of it any more, and nobody is told that.
                    self.spoil();
                    return std::future::pending().await;
                }
                _ => {}
            }
            let passed = match frame {
                Some(Ok(frame)) => sender.send(frame).await,
                Some(Err(error)) => return sender.abort(std::io::Error::other(error)),
                None => return,
            };
            if passed.is_err() {
                return;
            }
        }
    }
}

/// A refusal as the API server words it.
fn object(code: StatusCode) -> serde_json::Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "the proxy says so",
        "reason": code.canonical_reason().unwrap_or_default().replace(' ', ""), "code": code.as_u16()})
}

fn status(code: StatusCode) -> Result<Response<Body>> {
    let text = object(code).to_string();
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed();
    Ok(Response::builder().status(code).header(header::CONTENT_TYPE, "application/json").body(body)?)
}
