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
    /// The number of the first certificate in the chain that the next one has not issued.
    pub gap: Option<usize>,
}

/// Reason for which a certificate can't be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("{0}")]
    Certificate(PemError),
    #[error("{0}")]
    Key(PemError),
    /// Holds its number.
    #[error("its certificate number {0} is not an X.509 certificate")]
    NotX509(usize),
    #[error("its key is not one of RSA (from 2048 bits), ECDSA (P-256, P-384, P-521) or Ed25519")]
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
            Self::Certificate(_) | Self::NotX509(_) | Self::LeafNotFirst(_) => {
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
            Self::NotX509(_) => "copy the file again, whole",
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
        let parsed = parsed(&chain)?;
        let key = provider()
            .key_provider
            .load_private_key(key)
            .map_err(|_| CertificateError::UnsupportedKey)?;
        let public_key = key.public_key().ok_or(CertificateError::Unusable)?;
        let owner = parsed
            .iter()
            .position(|certificate| certificate.public_key().raw == public_key.as_ref());
        match owner {
            Some(0) => {}
            Some(index) => return Err(CertificateError::LeafNotFirst(index + 1)),
            None => return Err(CertificateError::KeyMismatch),
        }
        // There is one: the owner of the key.
        let own = parsed.first().ok_or(CertificateError::KeyMismatch)?;
        let validity = own.validity();
        let is_gap = |pair: &[X509Certificate<'_>]| pair[0].issuer() != pair[1].subject();
        let gap = parsed.windows(2).position(is_gap);
        Ok(Self {
            names: Names::of(own),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            gap: gap.map(|index| index + 1),
            key: Arc::new(CertifiedKey::new(chain.clone(), key)),
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

/// Reads all certificates of a chain: a client gets them all, and refuses them if one can't be read.
fn parsed<'c>(
    chain: &'c [CertificateDer<'_>],
) -> Result<Vec<X509Certificate<'c>>, CertificateError> {
    let numbered = chain.iter().enumerate();
    numbered
        .map(
            |(index, certificate)| match X509Certificate::from_der(certificate) {
                Ok((_, certificate)) => Ok(certificate),
                Err(_) => Err(CertificateError::NotX509(index + 1)),
            },
        )
        .collect()
}

/// Returns the end of a certificate's validity, in seconds since 1970; `None` for what is not a certificate.
pub fn not_after(certificate: &[u8]) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(certificate.validity().not_after.timestamp())
}
