//! A certificate with its chain and its key, checked to belong together.

use super::names::Names;
use super::pem::{self, PemError};
use super::provider::provider;
use rustls::SignatureAlgorithm;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A certificate that can be served.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    pub names: Names,
    /// The validity, in seconds since 1970.
    pub not_before: i64,
    pub not_after: i64,
}

/// Reason for which a certificate can't be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("{0}")]
    Certificate(PemError),
    #[error("{0}")]
    Key(PemError),
    #[error("its first certificate is not an X.509 certificate")]
    NotX509,
    #[error("its key is not one of RSA, ECDSA (P-256, P-384, P-521) or Ed25519")]
    UnsupportedKey,
    #[error("its key does not belong to the first certificate of the chain")]
    KeyMismatch,
    /// Holds the number of the certificate that the key belongs to.
    #[error("its key does not belong to the first certificate of the chain, but to number {0}")]
    LeafNotFirst(usize),
    #[error("its key can't be used with the certificate")]
    Unusable,
}

/// The part of a certificate's file that an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificatePart {
    Certificate,
    Key,
}

// === impl CertificateError ===

impl CertificateError {
    /// Returns the file that has to be changed.
    pub fn part(&self) -> CertificatePart {
        match self {
            Self::Certificate(_) | Self::NotX509 | Self::LeafNotFirst(_) => {
                CertificatePart::Certificate
            }
            Self::Key(_) | Self::UnsupportedKey | Self::KeyMismatch | Self::Unusable => {
                CertificatePart::Key
            }
        }
    }

    /// Returns what the operator can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Certificate(error) | Self::Key(error) => error.hint(),
            Self::NotX509 => "copy the file again, whole",
            Self::UnsupportedKey => "make a key of one of these kinds; ECDSA P-256 is the fastest",
            Self::KeyMismatch | Self::Unusable => {
                "name the key that the certificate was requested with; \
                 `openssl x509 -noout -pubkey -in CERTIFICATE` and `openssl pkey -pubout -in KEY` \
                 print the same for a pair"
            }
            Self::LeafNotFirst(_) => "put the server's own certificate first, then its issuer's",
        }
    }
}

// === impl Certificate ===

impl Certificate {
    /// Reads a chain and the key of its first certificate.
    ///
    /// # Errors
    ///
    /// Fails if one of them can't be read, or if they don't belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain = pem::certificates(chain).map_err(CertificateError::Certificate)?;
        let key = pem::private_key(key).map_err(CertificateError::Key)?;
        let (names, not_before, not_after) = facts(&chain)?;
        let key = provider()
            .key_provider
            .load_private_key(key)
            .map_err(|_| CertificateError::UnsupportedKey)?;
        let public_key = key.public_key().ok_or(CertificateError::Unusable)?;
        let owner = chain.iter().position(|certificate| {
            X509Certificate::from_der(certificate)
                .is_ok_and(|(_, certificate)| certificate.public_key().raw == public_key.as_ref())
        });
        match owner {
            Some(0) => {}
            Some(index) => return Err(CertificateError::LeafNotFirst(index + 1)),
            None => return Err(CertificateError::KeyMismatch),
        }
        Ok(Self {
            key: Arc::new(CertifiedKey::new(chain, key)),
            names,
            not_before,
            not_after,
        })
    }

    /// Returns the certificate and those of its issuers.
    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.key.cert
    }

    /// Returns the algorithm of the key. A client that can't verify one may verify the other, so that
    /// a name may have a certificate of each.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.key.key.algorithm()
    }
}

/// Returns the names and the validity of the first certificate.
fn facts(chain: &[CertificateDer<'_>]) -> Result<(Names, i64, i64), CertificateError> {
    let first = chain.first().map_or([].as_slice(), |first| first);
    let (_, first) = X509Certificate::from_der(first).map_err(|_| CertificateError::NotX509)?;
    let validity = first.validity();
    let (not_before, not_after) = (validity.not_before, validity.not_after);
    Ok((
        Names::of(&first),
        not_before.timestamp(),
        not_after.timestamp(),
    ))
}
