//! The serving certificate, from a folder that somebody else keeps up to date: read again as soon as it changes, without a
//! restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tracing::{info, warn};

/// How often the folder is looked at. It holds two small files; a folder that is swapped by a symbolic link, as Kubernetes
/// does it, tells no watcher of files.
const POLL: Duration = Duration::from_secs(2);

/// Why a certificate can't be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file holds no PEM of what it should.
    #[error("{} holds no {what} in PEM: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was expected.
        what: &'static str,
        /// What is wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// The two do not fit.
    #[error("the certificate and the key can't be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// The bytes of `tls.crt` and `tls.key`.
#[derive(PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// What is served now.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Serves the certificate in a folder (`tls.crt`, `tls.key`, as in a Secret of type `kubernetes.io/tls`), and follows its
/// changes for as long as the program runs.
///
/// # Errors
/// Where it can't be served now. What goes wrong later is logged, and the last good certificate kept.
pub fn follow(folder: &Path) -> Result<ServerConfig, CertificateError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut files = read(folder)?;
    let current = Arc::new(Current(ArcSwap::from_pointee(certified(folder, &files, &provider)?)));
    let config = configure(Arc::clone(&provider), Arc::clone(&current) as Arc<dyn ResolvesServerCert>)?;
    let folder = folder.to_owned();
    tokio::spawn(async move {
        let mut told = String::new();
        loop {
            tokio::time::sleep(POLL).await;
            // The one file may be new already and the other not yet: the next look finds both.
            let result = read(&folder).and_then(|new| {
                if new == files {
                    return Ok(false);
                }
                current.0.store(Arc::new(certified(&folder, &new, &provider)?));
                files = new;
                Ok(true)
            });
            match result {
                Ok(true) => info!("a new certificate is served"),
                Ok(false) => told.clear(),
                Err(error) if error.to_string() != told => {
                    told = error.to_string();
                    warn!(%error, "the last good certificate is kept");
                }
                Err(_) => {}
            }
        }
    });
    Ok(config)
}

/// TLS as the API server speaks it, with this certificate.
fn configure(
    provider: Arc<CryptoProvider>,
    certificate: Arc<dyn ResolvesServerCert>,
) -> Result<ServerConfig, CertificateError> {
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn read(folder: &Path) -> Result<Files, CertificateError> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|source| CertificateError::File { path, source })
    };
    Ok(Files { certificate: read("tls.crt")?, key: read("tls.key")? })
}

fn certified(folder: &Path, files: &Files, provider: &CryptoProvider) -> Result<CertifiedKey, CertificateError> {
    let wrong = |name: &str, what| {
        let path = folder.join(name);
        move |source| CertificateError::Pem { path, what, source }
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&files.certificate).collect();
    let chain = chain.map_err(wrong("tls.crt", "certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(&files.key).map_err(wrong("tls.key", "private key"))?;
    Ok(CertifiedKey::from_der(chain, key, provider)?)
}
