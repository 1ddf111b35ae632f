//! The API server's part: keeps connections, and asks the recorded question over them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Result;

/// What a real API server sent.
static REVIEW: &[u8] = include_bytes!("review.json");
/// How many questions are under way at once, at most.
pub(crate) const AT_ONCE: usize = 16;
/// Over how many connections, where one carries many at once. The API server has one for each of its own processes.
const SHARED: usize = 2;

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Http {
    /// 1.1: a connection carries one question at a time.
    One,
    /// 2, which the API server speaks: a connection carries many at once.
    Two,
}

/// A server to ask.
#[derive(Debug)]
pub(crate) struct Target {
    port: u16,
    roots: Arc<RootCertStore>,
}

impl Target {
    /// The server at a port, which has this certificate.
    pub(crate) fn new(port: u16, certificate: &CertificateDer<'static>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone())?;
        Ok(Self { port, roots: Arc::new(roots) })
    }

    async fn connect(&self, http: Http) -> Result<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = builder.with_root_certificates(Arc::clone(&self.roots)).with_no_client_auth();
        config.alpn_protocols = vec![if http == Http::Two { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        Ok(TokioIo::new(TlsConnector::from(Arc::new(config)).connect(name, stream).await?))
    }

    async fn open(&self, http: Http) -> Result<Asker> {
        let io = self.connect(http).await?;
        Ok(match http {
            Http::One => {
                let (sender, connection) = http1::handshake(io).await?;
                // How it ends is told to whoever asks.
                tokio::spawn(async { drop(connection.await) });
                Asker::One(sender)
            }
            Http::Two => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(async { drop(connection.await) });
                Asker::Two(sender)
            }
        })
    }

    /// As many as ask at once, on the connections that they need.
    pub(crate) async fn askers(&self, http: Http) -> Result<Vec<Asker>> {
        let mut all = Vec::with_capacity(AT_ONCE);
        while all.len() < AT_ONCE {
            match self.open(http).await? {
                Asker::Two(sender) => {
                    all.extend(std::iter::repeat_n(sender, AT_ONCE / SHARED).map(Asker::Two));
                }
                one @ Asker::One(_) => all.push(one),
            }
        }
        Ok(all)
    }
}

/// Asks one question after the other.
#[derive(Debug)]
pub(crate) enum Asker {
    /// On a connection of its own.
    One(http1::SendRequest<Full<Bytes>>),
    /// On a connection with others.
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Asker {
    /// Asks, and reads all of the answer.
    pub(crate) async fn ask(&mut self) -> Result<Bytes> {
        let uri =
            if matches!(self, Self::Two(_)) { "https://localhost/derive?timeout=10s" } else { "/derive?timeout=10s" };
        // As the API server's, but for HTTP/2, which has the host in the URI.
        let request = Request::post(uri)
            .header(header::HOST, "localhost")
            .header(header::USER_AGENT, "kube-apiserver-admission")
            .header(header::ACCEPT, "application/json, */*")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT_ENCODING, "gzip")
            .body(Full::new(Bytes::from_static(REVIEW)))?;
        let response = match self {
            Self::One(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Two(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status == StatusCode::OK {
            return Ok(body);
        }
        Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into())
    }
}

/// Asks once.
pub(crate) async fn ask(target: &Target, http: Http) -> Result<Bytes> {
    target.open(http).await?.ask().await
}
