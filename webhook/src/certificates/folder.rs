//! A certificate that somebody else keeps up to date in a folder: read again as soon as it changes, without a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tracing::{info, warn};

use super::served::Served;
use super::validity::{Validity, ValidityError};
use crate::metrics::Metrics;

/// How often the folder is looked at. It holds two small files; a folder that is swapped by a symbolic link, as Kubernetes
/// does it, tells no watcher of files.
const POLL: Duration = Duration::from_secs(2);

/// Why a certificate can't be served.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
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
    /// The time of the certificate can't be read.
    #[error("{}: {source}", path.display())]
    Validity {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ValidityError,
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

/// Serves the certificate in a folder (`tls.crt`, `tls.key`, as in a Secret of type `kubernetes.io/tls`), and follows its
/// changes for as long as the program runs.
///
/// # Errors
/// Where it can't be served now. What goes wrong later is logged and counted, and the last good certificate kept.
pub fn follow(
    folder: &Path,
    served: Arc<Served>,
    provider: Arc<CryptoProvider>,
    metrics: Arc<Metrics>,
) -> Result<(), FolderError> {
    let mut files = read(folder)?;
    serve(folder, &files, &served, &provider)?;
    let folder = folder.to_owned();
    tokio::spawn(async move {
        let mut last: Option<(String, bool)> = None;
        loop {
            tokio::time::sleep(POLL).await;
            let result = read(&folder).and_then(|new| {
                if new == files {
                    return Ok(false);
                }
                serve(&folder, &new, &served, &provider)?;
                files = new;
                Ok(true)
            });
            let error = match result {
                Ok(changed) => {
                    if changed {
                        info!("a new certificate is served");
                    }
                    last = None;
                    continue;
                }
                Err(error) => error.to_string(),
            };
            // The one file may be new already and the other not yet: the next look finds both. What is still wrong then is
            // told, once.
            last = match last {
                Some((before, told)) if before == error => {
                    if !told {
                        metrics.certificate_failures.inc();
                        warn!(error, "the last good certificate is kept");
                    }
                    Some((before, true))
                }
                _ => Some((error, false)),
            };
        }
    });
    Ok(())
}

fn read(folder: &Path) -> Result<Files, FolderError> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|source| FolderError::File { path, source })
    };
    Ok(Files { certificate: read("tls.crt")?, key: read("tls.key")? })
}

fn serve(folder: &Path, files: &Files, served: &Served, provider: &CryptoProvider) -> Result<(), FolderError> {
    let wrong = |name: &str, what| {
        let path = folder.join(name);
        move |source| FolderError::Pem { path, what, source }
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&files.certificate).collect();
    let chain = chain.map_err(wrong("tls.crt", "certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(&files.key).map_err(wrong("tls.key", "private key"))?;
    let path = folder.join("tls.crt");
    let valid = Validity::of_pem(&files.certificate).map_err(|source| FolderError::Validity { path, source })?;
    if valid.is_over(Timestamp::now()) {
        warn!(until = %valid.until, file = %folder.join("tls.crt").display(), "the certificate is over: no API server trusts it");
    }
    served.serve(CertifiedKey::from_der(chain, key, provider)?, valid);
    Ok(())
}
