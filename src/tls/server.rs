//! rustls's settings for one listener.

use super::certificate::Certificate;
use super::choice::Choice;
use super::provider::provider;
use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::sync::Arc;

/// The oldest version of TLS that clients may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MinVersion {
    #[default]
    Tls12,
    Tls13,
}

/// A protocol that is negotiated with a client: RFC 7301.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpn {
    H2,
    Http11,
}

/// The certificates that clients show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientCertificate {
    /// They are not asked for one.
    #[default]
    Never,
    /// They are asked, and need not have one.
    Optional,
    /// They are asked, and need not have one for a preflight.
    ExceptPreflight,
    /// A handshake without one fails.
    Always,
}

/// The settings of a listener, as its operator writes them.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// At least one.
    pub certificates: Vec<Certificate>,
    pub min_version: MinVersion,
    /// In the order of preference; at least one.
    pub alpn: Vec<Alpn>,
    pub client_certificate: ClientCertificate,
    /// The authorities that have signed the clients' certificates.
    pub client_authorities: Arc<RootCertStore>,
}

/// A listener's settings, ready for handshakes.
#[derive(Debug, Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    authorities: Authorities,
    identity: Identity,
}

/// The authorities that clients' certificates are verified by. Those of a listener stay the same thing over
/// reloads that don't change them.
#[derive(Debug, Clone)]
pub struct Authorities(Arc<RootCertStore>);

/// Everything that handshakes depend on. A key belongs to its certificate, which stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    chains: Vec<Vec<CertificateDer<'static>>>,
    min_version: MinVersion,
    alpn: Vec<Alpn>,
    client_certificate: ClientCertificate,
}

// === impl Authorities ===

impl Authorities {
    /// Whether these are the same, without a reload that has changed them.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

// === impl Alpn ===

impl Alpn {
    /// Returns its name in handshakes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::H2 => "h2",
            Self::Http11 => "http/1.1",
        }
    }
}

// === impl MinVersion ===

impl MinVersion {
    fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        static ALL: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Self::Tls12 => &ALL,
            Self::Tls13 => &ALL[..1],
        }
    }
}

// === impl ServerTls ===

impl ServerTls {
    /// Makes a listener's settings.
    ///
    /// # Errors
    ///
    /// Fails if rustls refuses them, with rustls's text. It takes all that `TlsSettings` can say.
    pub fn new(settings: &TlsSettings) -> Result<Self, String> {
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(settings.min_version.versions())
            .map_err(|error| error.to_string())?;
        let builder = match settings.client_certificate {
            ClientCertificate::Never => builder.with_no_client_auth(),
            mode => {
                let roots = Arc::clone(&settings.client_authorities);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier = match mode {
                    ClientCertificate::Always => verifier,
                    _ => verifier.allow_unauthenticated(),
                };
                let verifier = verifier.build().map_err(|error| error.to_string())?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let choice = Choice::new(&settings.certificates);
        let mut config = builder.with_cert_resolver(Arc::new(choice));
        config.alpn_protocols = settings
            .alpn
            .iter()
            .map(|protocol| protocol.as_str().as_bytes().to_vec())
            .collect();
        // Tickets hold a session's state, so that resumption takes no memory here, however many
        // clients there are. They are good for this process and these settings alone: a client's
        // certificate is in its ticket, and would not be verified again under other authorities.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = new_ticketer()?;
        Ok(Self {
            config: Arc::new(config),
            authorities: Authorities(Arc::clone(&settings.client_authorities)),
            identity: Identity::of(settings),
        })
    }

    /// Returns the settings for a handshake.
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// Takes over the authorities and the sessions of settings in which they are the same, so that
    /// certificates stay verified, and clients can resume.
    pub fn continue_from(&mut self, previous: &Self) {
        if self.authorities.0.roots != previous.authorities.0.roots {
            return;
        }
        self.authorities = previous.authorities.clone();
        if self.identity == previous.identity {
            self.config = Arc::clone(&previous.config);
        }
    }

    /// Returns the authorities that clients' certificates are verified by.
    pub fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    /// Whether a client may speak this protocol.
    pub fn speaks(&self, protocol: Alpn) -> bool {
        self.identity.alpn.contains(&protocol)
    }
}

fn new_ticketer() -> Result<Arc<dyn rustls::server::ProducesTickets>, String> {
    rustls::crypto::ring::Ticketer::new().map_err(|error| error.to_string())
}

// === impl Identity ===

impl Identity {
    fn of(settings: &TlsSettings) -> Self {
        let TlsSettings {
            certificates,
            min_version,
            alpn,
            client_certificate,
            client_authorities: _,
        } = settings;
        let chains = certificates.iter();
        Self {
            chains: chains.map(|one| one.chain().to_vec()).collect(),
            min_version: *min_version,
            alpn: alpn.clone(),
            client_certificate: *client_certificate,
        }
    }
}
