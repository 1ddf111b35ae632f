//! A certificate authority of the webhook's own, and the certificates that it signs.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;

use super::validity::{Validity, ValidityError};

/// How long an authority is valid.
const AUTHORITY: SignedDuration = SignedDuration::from_hours(365 * 24);
/// How long a certificate is valid that it signs.
const LEAF: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How far the clocks of a cluster may be apart.
pub(super) const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// Why an authority can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// It can't be read or made.
    #[error("{0}")]
    Generator(#[from] rcgen::Error),
    /// Its certificate can't be read.
    #[error(transparent)]
    Validity(#[from] ValidityError),
    /// The certificate is not that of the key.
    #[error("the certificate is of another key")]
    Mismatch,
    /// The certificate signs nothing that anybody would trust.
    #[error("it is not one certificate of an authority")]
    NoAuthority,
    /// TLS does not take what was signed.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// What was made can't be read back.
    #[error("{0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
}

/// An authority with its key.
#[derive(Clone, PartialEq, Eq)]
pub struct Authority {
    certificate: String,
    key: String,
    /// From when until when it is valid.
    pub valid: Validity,
}

/// Without the key: logs are read by many.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("valid", &self.valid).finish_non_exhaustive()
    }
}

/// What an authority has signed, ready to be served.
#[derive(Debug)]
pub struct Issued {
    /// The certificate and its key.
    pub certified: CertifiedKey,
    /// From when until when it is valid.
    pub valid: Validity,
}

impl Authority {
    /// Makes a new one, valid for a year.
    ///
    /// # Errors
    /// Where the system gives no randomness.
    pub fn generate(now: Timestamp) -> Result<Self, AuthorityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("netintent {}", now.strftime("%Y-%m-%dT%H:%M:%SZ")));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let valid = Validity { from: now.saturating_sub(SKEW)?, until: now.saturating_add(AUTHORITY)? };
        (params.not_before, params.not_after) = (at(valid.from), at(valid.until));
        let key = KeyPair::generate()?;
        Self::parse(&params.self_signed(&key)?.pem(), &key.serialize_pem())
    }

    /// Reads one that was kept, in PEM.
    ///
    /// # Errors
    /// Where it can't be read, or the two do not belong together.
    pub fn parse(certificate: &str, key: &str) -> Result<Self, AuthorityError> {
        let pair = KeyPair::from_pem(key)?;
        let valid = Validity::of_pem(certificate.as_bytes())?;
        if !super::validity::is_of_key(certificate.as_bytes(), pair.public_key_raw())? {
            return Err(AuthorityError::Mismatch);
        }
        if !super::validity::is_one_authority(certificate.as_bytes())? {
            return Err(AuthorityError::NoAuthority);
        }
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), valid })
    }

    /// The certificate, in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The key, in PEM.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Signs a certificate for a new key: a server's, for these DNS names and IP addresses, valid for a month and no longer
    /// than the authority.
    ///
    /// # Errors
    /// Where a name can't stand in a certificate.
    pub fn issue(&self, names: &[String], now: Timestamp, provider: &CryptoProvider) -> Result<Issued, AuthorityError> {
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, KeyPair::from_pem(&self.key)?)?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "netintent");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let until = now.saturating_add(LEAF)?.min(self.valid.until);
        let valid = Validity { from: now.saturating_sub(SKEW)?.max(self.valid.from), until };
        (params.not_before, params.not_after) = (at(valid.from), at(valid.until));
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        let private = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes())?;
        let certified = CertifiedKey::from_der(vec![certificate.der().clone()], private, provider)?;
        Ok(Issued { certified, valid })
    }
}

impl From<jiff::Error> for AuthorityError {
    /// A clock that is beyond all years.
    fn from(error: jiff::Error) -> Self {
        Self::Validity(ValidityError::Read(error.to_string()))
    }
}

fn at(time: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-26T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let made = Authority::generate(now()).unwrap();
        let read = Authority::parse(made.certificate(), made.key()).unwrap();
        assert_eq!(made, read);
        let other = Authority::generate(now()).unwrap();
        let error = Authority::parse(made.certificate(), other.key()).unwrap_err();
        assert_eq!(error.to_string(), "the certificate is of another key");
        let twice = made.certificate().repeat(2);
        let server = other_than_an_authority();
        for wrong in [Authority::parse(&twice, made.key()), Authority::parse(&server.0, &server.1)] {
            assert_eq!(wrong.unwrap_err().to_string(), "it is not one certificate of an authority");
        }
        assert!(Authority::parse("", made.key()).is_err() && Authority::parse(made.certificate(), "").is_err());
        assert!(!format!("{made:?}").contains("PRIVATE"));
    }

    fn other_than_an_authority() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn nothing_is_valid_for_longer_than_what_signed_it() {
        let authority = Authority::generate(now()).unwrap();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let names = ["netintent.netintent-system.svc".to_owned(), "127.0.0.1".to_owned()];
        let days = |days: i64| now() + SignedDuration::from_hours(24 * days);
        let until = |at| authority.issue(&names, at, &provider).unwrap().valid.until;
        assert_eq!((until(now()), until(days(300))), (days(30), days(330)));
        assert_eq!((until(days(360)), authority.valid.until), (days(365), days(365)));
    }
}
