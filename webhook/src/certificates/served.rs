//! What is served, to be changed at any time.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use super::validity::Validity;

/// The certificate that is served, and until when it is valid.
#[derive(Debug)]
pub struct Served {
    now: ArcSwapOption<Certificate>,
    there: watch::Sender<bool>,
}

#[derive(Debug)]
struct Certificate {
    certified: Arc<CertifiedKey>,
    valid: Validity,
}

impl Default for Served {
    fn default() -> Self {
        Self { now: ArcSwapOption::default(), there: watch::Sender::new(false) }
    }
}

impl Served {
    /// Serves another certificate from the next connection on.
    pub fn serve(&self, certified: CertifiedKey, valid: Validity) {
        self.now.store(Some(Arc::new(Certificate { certified: Arc::new(certified), valid })));
        self.there.send_replace(true);
    }

    /// From when until when what is served is valid; `None`: nothing is served yet.
    pub fn valid(&self) -> Option<Validity> {
        self.now.load().as_ref().map(|served| served.valid)
    }

    /// Whether there is a certificate, and it is valid.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.valid().is_some_and(|valid| valid.holds(now))
    }

    /// Waits until there is one.
    pub async fn there(&self) {
        // The sender is this value's own: it does not go before the receiver.
        let _ = self.there.subscribe().wait_for(|there| *there).await;
    }

    /// TLS as the API server speaks it, with what is served at the moment of each handshake.
    ///
    /// # Errors
    /// Where the provider knows none of the versions of TLS.
    pub fn tls(self: &Arc<Self>, provider: Arc<CryptoProvider>) -> Result<ServerConfig, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let resolver = Arc::clone(self) as Arc<dyn ResolvesServerCert>;
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.now.load().as_ref().map(|served| Arc::clone(&served.certified))
    }
}
