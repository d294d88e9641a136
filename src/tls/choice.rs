//! The choice of a certificate by the name that a client asks for (SNI, RFC 6066 §3).

use super::certificate::Certificate;
use super::names::{CertificateName, parent};
use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::sync::Arc;

/// The certificates of a listener by name.
#[derive(Debug)]
pub(super) struct Choice {
    exact: HashMap<String, Keys>,
    wildcard: HashMap<String, Keys>,
    /// The first certificate, with those that have the same names and another kind of key.
    default: Keys,
}

/// The certificates of one name, in the order of the file.
type Keys = Vec<Arc<CertifiedKey>>;

// === impl Choice ===

impl Choice {
    /// Indexes certificates by their names.
    pub(super) fn new(certificates: &[Certificate]) -> Self {
        let mut choice = Self {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            default: Vec::new(),
        };
        let first = certificates.first();
        for certificate in certificates {
            for name in &certificate.names.dns {
                let keys = match name {
                    CertificateName::Exact(name) => choice.exact.entry(name.clone()),
                    CertificateName::Wildcard(rest) => choice.wildcard.entry(rest.clone()),
                };
                keys.or_default().push(Arc::clone(&certificate.key));
            }
            if first.is_some_and(|first| first.names == certificate.names) {
                choice.default.push(Arc::clone(&certificate.key));
            }
        }
        choice
    }

    /// Chooses by a name in lower case, exact before wildcard. Among several for one name, the first
    /// that the client can verify is chosen. Without a name, or for one that no certificate has, the
    /// first of the file is.
    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let by_name = name.and_then(|name| {
            let wildcard = || self.wildcard.get(parent(name)?);
            self.exact.get(name).or_else(wildcard)
        });
        let keys = by_name.unwrap_or(&self.default);
        let verifiable = keys
            .iter()
            .find(|key| key.key.choose_scheme(schemes).is_some());
        verifiable.or(keys.first()).cloned()
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // rustls hands over a valid DNS name in lower case, or none.
        self.choose(hello.server_name(), hello.signature_schemes())
    }
}

#[cfg(test)]
mod tests;
