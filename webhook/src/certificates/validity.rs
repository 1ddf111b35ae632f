//! From when until when a certificate is valid, read from the certificate itself.

use jiff::{SignedDuration, Timestamp};
use x509_parser::pem::Pem;
use x509_parser::prelude::X509Certificate;

/// Why a certificate can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ValidityError {
    /// There is none.
    #[error("no certificate in PEM was found")]
    None,
    /// It is none.
    #[error("the certificate can't be read: {0}")]
    Read(String),
}

/// A time in which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

impl Validity {
    /// That of the first certificate of a file in PEM: of a chain, the server's own.
    ///
    /// # Errors
    /// Where there is none.
    pub fn of_pem(pem: &[u8]) -> Result<Self, ValidityError> {
        first(pem, |certificate| {
            let at = |time: x509_parser::time::ASN1Time| {
                Timestamp::from_second(time.timestamp()).map_err(|error| ValidityError::Read(error.to_string()))
            };
            let valid = certificate.validity();
            Ok(Self { from: at(valid.not_before)?, until: at(valid.not_after)? })
        })
    }

    /// When to look for a successor: after two thirds of its time.
    pub fn renewal(&self) -> Timestamp {
        let whole = self.until.duration_since(self.from);
        let two_thirds = SignedDuration::from_secs(whole.as_secs() / 3 * 2);
        self.from.saturating_add(two_thirds).unwrap_or(self.until)
    }

    /// Whether it is valid at a moment.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && !self.is_over(now)
    }

    /// Whether it is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until <= now
    }
}

/// Whether a certificate in PEM is that of a public key.
///
/// # Errors
/// Where there is none.
pub(super) fn is_of_key(pem: &[u8], public_key: &[u8]) -> Result<bool, ValidityError> {
    first(pem, |certificate| Ok(*certificate.public_key().subject_public_key.data == *public_key))
}

/// Whether a text is one certificate, of an authority.
///
/// # Errors
/// Where there is none.
pub(super) fn is_one_authority(pem: &[u8]) -> Result<bool, ValidityError> {
    let signs = first(pem, |certificate| {
        let usage = certificate.key_usage().map_err(|error| ValidityError::Read(error.to_string()))?;
        Ok(certificate.is_ca() && usage.is_none_or(|usage| usage.value.key_cert_sign()))
    })?;
    Ok(signs && Pem::iter_from_buffer(pem).count() == 1)
}

fn first<T>(
    pem: &[u8],
    look: impl FnOnce(&X509Certificate<'_>) -> Result<T, ValidityError>,
) -> Result<T, ValidityError> {
    let mut all = Pem::iter_from_buffer(pem);
    let pem = all.next().ok_or(ValidityError::None)?.map_err(|error| ValidityError::Read(error.to_string()))?;
    let certificate = pem.parse_x509().map_err(|error| ValidityError::Read(error.to_string()))?;
    look(&certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_is_due_after_two_thirds() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let valid = Validity { from: at("2026-01-01T00:00:00Z"), until: at("2026-01-31T00:00:00Z") };
        assert_eq!(valid.renewal(), at("2026-01-21T00:00:00Z"));
        assert!(valid.is_over(valid.until) && !valid.is_over(valid.renewal()));
    }

    #[test]
    fn what_is_no_certificate_is_said_to_be_none() {
        assert_eq!(Validity::of_pem(b"").unwrap_err().to_string(), "no certificate in PEM was found");
        let wrong = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(Validity::of_pem(wrong).unwrap_err().to_string().starts_with("the certificate can't be read: "));
    }
}
