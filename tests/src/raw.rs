//! A client of the webhook that is not the API server: any bytes, over TLS or without, from an address of its own.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Installed;

/// What can go wrong here goes wrong in a test, which tells it as it is.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How long an answer may take, or a connection may take to be closed: longer than the webhook waits for a client.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Connects to a port of a replica as somebody else: the webhook counts connections by address.
///
/// # Errors
///
/// If the network, TLS or the API server does not do as it should.
pub async fn connect(port: u16) -> Result<TcpStream> {
    connect_from([127, 0, 0, 2], port).await
}

/// The same from an address of this machine.
///
/// # Errors
///
/// If the network, TLS or the API server does not do as it should.
pub async fn connect_from(address: [u8; 4], port: u16) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((address, 0)))?;
    Ok(socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?)
}

/// TLS as somebody speaks it who trusts what the API server trusts now.
///
/// # Errors
///
/// If the network, TLS or the API server does not do as it should.
pub fn trusting(installed: &Installed) -> Result<TlsConnector> {
    trusting_only(&bundle(installed)?)
}

/// TLS as somebody speaks it who trusts these authorities, in PEM.
///
/// # Errors
///
/// If they can't be read.
pub fn trusting_only(bundle: &str) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}

/// The bundle of all registrations, in PEM; fails where they differ, as they do while a rotation writes one after the other.
///
/// # Errors
///
/// If the network, TLS or the API server does not do as it should.
pub fn bundle(installed: &Installed) -> Result<String> {
    let mut all = bundles(installed)?;
    match all.pop_first() {
        Some(one) if all.is_empty() => Ok(one),
        _ => Err(format!("the registrations have {} different bundles", all.len() + 1).into()),
    }
}

/// The bundles that the registrations have, in PEM, each once.
///
/// # Errors
///
/// If the network, TLS or the API server does not do as it should.
pub fn bundles(installed: &Installed) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for kind in ["mutating", "validating"] {
        let path = format!("/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/netintent");
        let object = installed.admin().get(&path)?.body;
        for webhook in object["webhooks"].as_array().into_iter().flatten() {
            let bundle = STANDARD.decode(webhook["clientConfig"]["caBundle"].as_str().unwrap_or_default())?;
            all.insert(String::from_utf8(bundle)?);
        }
    }
    Ok(all)
}

/// Connects over TLS.
///
/// # Errors
///
/// If the network, TLS or the API server does not do as it should.
pub async fn secure(tls: &TlsConnector, port: u16) -> Result<TlsStream<TcpStream>> {
    Ok(tls.connect(ServerName::try_from("127.0.0.1")?, connect(port).await?).await?)
}

/// The certificate that a replica serves to a new connection.
///
/// # Errors
///
/// If the network, TLS or the API server does not do as it should.
pub async fn served(tls: &TlsConnector, port: u16) -> Result<Vec<u8>> {
    let stream = secure(tls, port).await?;
    let chain = stream.get_ref().1.peer_certificates().ok_or("no certificate")?;
    Ok(chain.first().ok_or("no certificate")?.to_vec())
}

/// The head of a question of so many bytes, in HTTP/1.1.
pub fn head(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: webhook\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

/// All that comes until the connection is closed. A reset is an end as well: what came before it counts.
///
/// # Errors
///
/// If the network, TLS or the API server does not do as it should.
pub async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut some = [0; 4096];
    let read = async {
        while let Ok(count @ 1..) = stream.read(&mut some).await {
            all.extend_from_slice(&some[..count]);
        }
    };
    tokio::time::timeout(PATIENCE, read).await.map_err(|_| "the connection is not closed")?;
    Ok(all)
}

/// The status of an answer in HTTP/1.1; 0 where there was none.
pub fn status(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or_default()
}

/// Asks over TLS, and gives status and body. Whoever is refused may find the connection closed before all is sent.
///
/// # Errors
///
/// If the network, TLS or the API server does not do as it should.
pub async fn ask(tls: &TlsConnector, port: u16, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
    let mut stream = secure(tls, port).await?;
    let sent = async {
        stream.write_all(head(path, body.len()).as_bytes()).await?;
        stream.write_all(body).await?;
        stream.flush().await
    };
    // A refusal may come before the end of the body, and is read all the same.
    let _ = tokio::time::timeout(PATIENCE, sent).await.map_err(|_| "nobody reads the question")?;
    let answer = rest(&mut stream).await?;
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(&[][..], |at| &answer[at + 4..]);
    Ok((status(&answer), body.to_vec()))
}
