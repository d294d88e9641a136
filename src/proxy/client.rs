//! The client of a connection: who it is, and how it came.

use crate::config::{ListenerTls, unix_time};
use crate::tls::{Authorities, not_after};
use once_cell::sync::OnceCell;
use rustls::pki_types::CertificateDer;
use rustls::{ProtocolVersion, ServerConnection};
use std::net::IpAddr;
use std::sync::Arc;

/// A client, as far as its connection tells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    pub via: Via,
    /// The address that it connected from, or that the PROXY protocol's header names. An IPv4 address
    /// is never written as an IPv6 one. `None` if the connection is not one of a network.
    pub peer: Option<IpAddr>,
    /// `None` on a plain connection.
    pub tls: Option<ClientTls>,
    /// The scheme that a trusted proxy in front states, of a request that is only explained: it has no field
    /// that says so.
    pub explained_scheme: Option<&'static str>,
    /// The peer as text, once an upstream is told of it.
    pub(in crate::proxy) peer_text: OnceCell<Box<str>>,
}

/// The way by which a client came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Via {
    /// The listener with this index.
    Listener(usize),
    /// A proxy in front, by which only explained requests come: it has listeners of its own.
    Proxy,
    /// It is not known, which never happens: such a client is not let by.
    #[default]
    Unknown,
}

/// The part of a handshake that requests depend on.
#[derive(Debug, Clone)]
pub(crate) struct ClientTls {
    /// The client's certificate and those of its issuers, verified; empty without one.
    certificates: Arc<[CertificateDer<'static>]>,
    /// The authorities that they were verified by.
    authorities: Authorities,
    /// The end of the certificate's validity, in seconds since 1970.
    not_after: i64,
    /// The version, as logs have it.
    pub version: &'static str,
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

    /// Makes the client of a request that is only explained. Over TLS it shows a certificate, if
    /// `has_certificate`. A proxy in front has ended TLS where `scheme` says so.
    pub(crate) fn explained(
        via: Via,
        tls: Option<&ListenerTls>,
        has_certificate: bool,
        scheme: Option<&'static str>,
    ) -> Self {
        let certificate = has_certificate.then(|| CertificateDer::from([].as_slice()));
        Self {
            via,
            peer: None,
            tls: tls.map(|tls| ClientTls {
                certificates: certificate.into_iter().collect(),
                authorities: tls.server.authorities().clone(),
                not_after: i64::MAX,
                version: "",
            }),
            explained_scheme: scheme,
            peer_text: OnceCell::new(),
        }
    }

    /// Returns the client that the task serves. Outside of such a task it is one that is not known.
    pub(in crate::proxy) fn current() -> Arc<Self> {
        CURRENT.try_with(Arc::clone).unwrap_or_default()
    }

    /// Returns the peer's address as text; empty without one.
    pub(in crate::proxy) fn peer_text(&self) -> &str {
        let text = || self.peer.map(|peer| peer.to_string()).unwrap_or_default();
        self.peer_text.get_or_init(|| text().into())
    }

    /// Returns the scheme of the connection.
    pub(in crate::proxy) fn scheme(&self) -> &'static str {
        match self.tls {
            Some(_) => "https",
            None => "http",
        }
    }

    /// Returns the client's own certificate, and those of its issuers that came with it, if `listener`
    /// would still accept it in a handshake: connections and sessions can outlive a certificate, and the
    /// trust in its authority.
    pub(in crate::proxy) fn certificate(
        &self,
        listener: &ListenerTls,
    ) -> Option<(&CertificateDer<'static>, &[CertificateDer<'static>])> {
        let tls = self.tls.as_ref()?;
        let own = tls.certificates.split_first()?;
        let is_trusted = tls.authorities.is_same(listener.server.authorities());
        (is_trusted && unix_time() <= tls.not_after).then_some(own)
    }
}

// === impl ClientTls ===

impl ClientTls {
    /// Notes what a handshake has shown, in which these `authorities` were trusted.
    pub(in crate::proxy) fn new(session: &ServerConnection, authorities: &Authorities) -> Self {
        let certificates = session.peer_certificates().unwrap_or_default();
        Self {
            not_after: certificates
                .first()
                .and_then(|own| not_after(own))
                .unwrap_or_default(),
            certificates: certificates.into(),
            authorities: authorities.clone(),
            version: match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            },
        }
    }
}
