//! The client of a connection: who it is, and how it came.

use rustls::pki_types::CertificateDer;
use std::net::IpAddr;
use std::sync::Arc;

/// A client, as far as its connection tells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    /// The index of the listener that it came by.
    pub listener: usize,
    /// The address that it connected from, or that the PROXY protocol's header names. An IPv4 address
    /// is never written as an IPv6 one. `None` if the connection is not one of a network.
    pub peer: Option<IpAddr>,
    /// `None` on a plain connection.
    pub tls: Option<ClientTls>,
}

/// The part of a handshake that requests depend on.
#[derive(Debug, Clone)]
pub(crate) struct ClientTls {
    /// The client's certificate and those of its issuers, verified; empty without one.
    pub certificates: Arc<[CertificateDer<'static>]>,
}

tokio::task_local! {
    /// The client of the connection that the task serves. pingora's phases have no other way to it on
    /// HTTP/2.
    static CURRENT: Arc<Client>;
}

// === impl Client ===

impl Client {
    /// Runs a future whose requests are this client's.
    pub(in crate::proxy) fn serve<F: Future>(
        self: Arc<Self>,
        serve: F,
    ) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, serve)
    }

    /// Makes the client of a request that is only explained; with a `certificate` it shows one.
    pub(crate) fn explained(listener: usize, has_tls: bool, has_certificate: bool) -> Self {
        let certificate = has_certificate.then(|| CertificateDer::from([].as_slice()));
        Self {
            listener,
            peer: None,
            tls: has_tls.then(|| ClientTls {
                certificates: certificate.into_iter().collect(),
            }),
        }
    }

    /// Returns the client that the task serves. Outside of such a task it is one that shows nothing.
    pub(in crate::proxy) fn current() -> Arc<Self> {
        CURRENT.try_with(Arc::clone).unwrap_or_default()
    }

    /// Returns the scheme that the client's URLs have.
    pub(in crate::proxy) fn scheme(&self) -> &'static str {
        match self.tls {
            Some(_) => "https",
            None => "http",
        }
    }

    /// Returns the client's own certificate, and those of its issuers that came with it.
    pub(in crate::proxy) fn certificate(
        &self,
    ) -> Option<(&CertificateDer<'static>, &[CertificateDer<'static>])> {
        self.tls.as_ref()?.certificates.split_first()
    }
}
