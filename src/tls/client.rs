//! TLS of connections that the gateway opens: whom it believes, and who it says it is.

use super::certificate::{Certificate, CertificateError};
use super::pem;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::sync::Arc;

/// The settings for connections to one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTls {
    /// The name that is sent, and that the server's certificate must have.
    pub server_name: String,
    /// The authorities that the server's certificate is verified by.
    pub authorities: Arc<[CertificateDer<'static>]>,
    /// The gateway's own certificate, if it has one.
    pub identity: Option<Identity>,
    /// Whether any certificate will do.
    pub skips_verification: bool,
}

/// A certificate with those of its issuers, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub chain: Arc<[CertificateDer<'static>]>,
    pub key: Arc<PrivateKeyDer<'static>>,
}

// === impl Identity ===

impl Identity {
    /// Reads a chain and the key of its first certificate. Returns that certificate as well.
    ///
    /// # Errors
    ///
    /// The same as [`Certificate::from_pem`].
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<(Self, Certificate), CertificateError> {
        let certificate = Certificate::from_pem(chain, key)?;
        let key = pem::private_key(key).map_err(CertificateError::Key)?;
        let identity = Self {
            chain: certificate.chain().into(),
            key: Arc::new(key),
        };
        Ok((identity, certificate))
    }
}

/// Whether a server's certificate can have this name: a DNS name or an address.
pub fn is_server_name(name: &str) -> bool {
    ServerName::try_from(name).is_ok()
}

/// Keeps the certificates that others can be verified by.
pub fn usable_authorities(
    certificates: impl IntoIterator<Item = CertificateDer<'static>>,
) -> Arc<[CertificateDer<'static>]> {
    let is_usable = |one: &CertificateDer<'static>| {
        let mut roots = RootCertStore::empty();
        roots.add(one.clone()).is_ok()
    };
    certificates.into_iter().filter(is_usable).collect()
}
