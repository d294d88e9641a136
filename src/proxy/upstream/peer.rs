//! Connections to a backend as pingora makes and keeps them: protocol, TLS, pools, and their bounds.

use super::exchange::Silence;
use crate::config::{Protocol, Upstream};
use crate::tls::{ClientTls, Identity};
use pingora_core::connectors::ConnectorOptions;
use pingora_core::protocols::ALPN;
use pingora_core::protocols::TcpKeepalive;
use pingora_core::protocols::tls::CaType;
use pingora_core::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use pingora_core::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Maximum number of requests under way on one HTTP/2 connection; beyond it, another one is opened.
pub(super) const MAX_STREAMS: usize = 100;
/// Maximum bytes of a response over HTTP/2 that its upstream sends ahead of the client.
const STREAM_WINDOW: u32 = 64 << 10;
/// The same for all responses of a connection: clients that take nothing must not hold up others.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MAX_STREAMS as u32;

/// Bounds after which the system gives up a connection whose other end has gone without a word. On
/// HTTP/2, requests would go on to be sent on it.
const KEEPALIVE: TcpKeepalive = TcpKeepalive {
    idle: Duration::from_secs(30),
    interval: Duration::from_secs(10),
    count: 3,
    user_timeout: Duration::from_secs(30),
};

/// The way to a backend.
#[derive(Debug, Clone)]
pub(super) struct Way {
    protocol: Protocol,
    tls: Option<Arc<WayTls>>,
    idle_timeout: Duration,
    /// The key of the connections that requests share. No other way has it, so that no pool has
    /// connections that were made under other settings.
    shared: u64,
    /// The key of connections that are not shared.
    fresh: u64,
}

/// TLS in the form that pingora takes it.
#[derive(Debug)]
struct WayTls {
    server_name: String,
    authorities: Arc<CaType>,
    identity: Option<Arc<CertKey>>,
    verifies: bool,
}

/// The authorities of upstreams in the form that pingora takes them, which is many times as large. Many
/// upstreams have the same ones.
#[derive(Default)]
pub(in crate::proxy) struct KnownAuthorities(Vec<(Certificates, Arc<CaType>)>);

type Certificates = Arc<[CertificateDer<'static>]>;

/// The needs of one request.
#[derive(Debug, Clone, Copy)]
pub(in crate::proxy) struct Needs {
    /// Maximum time to connect.
    pub connect_timeout: Duration,
    /// The waits of the exchange, which pingora is told once.
    pub silence: Silence,
    /// Whether the connection may become a tunnel.
    pub is_websocket: bool,
    /// Whether the connection must not be one that has served a request before.
    pub is_fresh: bool,
}

/// Returns the options of everything that connects to upstreams.
pub(in crate::proxy) fn connector_options(pooled: usize) -> ConnectorOptions {
    let mut options = ConnectorOptions::new(pooled);
    options.ca_file = Some(NO_AUTHORITIES.to_owned());
    options
}

/// The file that pingora reads its own authorities from. Each upstream brings those that it is verified by;
/// without a file, pingora would read the machine's, and panic if there are none.
pub(in crate::proxy) const NO_AUTHORITIES: &str = "/dev/null";

// === impl Way ===

impl Way {
    pub(super) fn new(upstream: &Upstream, known: &mut KnownAuthorities) -> Self {
        let tls = upstream.tls.as_ref();
        Self {
            protocol: upstream.protocol,
            tls: tls.map(|tls| Arc::new(WayTls::new(tls, known))),
            idle_timeout: upstream.idle_timeout,
            shared: next_key(),
            fresh: next_key(),
        }
    }

    /// Returns the number of requests that `connections` carry at once.
    pub(super) fn capacity(&self, connections: usize) -> usize {
        match self.protocol.is_http2() {
            true => connections.saturating_mul(MAX_STREAMS),
            false => connections,
        }
    }

    /// Whether each request is to be one of HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.protocol.is_http2()
    }

    /// Returns the scheme of URLs that are asked for.
    pub(super) fn scheme(&self) -> &'static str {
        match self.tls {
            Some(_) => "https",
            None => "http",
        }
    }

    /// Returns the peer at `address` for a request.
    pub(super) fn peer(&self, address: SocketAddr, needs: Needs) -> Box<HttpPeer> {
        let mut peer = self.peer_within(address, needs.connect_timeout, needs.silence);
        if !needs.is_websocket {
            let policy = HttpUpstreamRequestPolicy::deny_upgrades();
            peer.options.http_upstream_request_policy = policy;
        }
        if needs.is_fresh {
            // A pool of its own, in which nothing stays.
            peer.group_key = self.fresh;
            peer.options.idle_timeout = Some(Duration::ZERO);
        }
        peer
    }

    /// Returns the peer at `address` for one check, which has a connection to itself.
    pub(super) fn checked_peer(&self, address: SocketAddr, timeout: Duration) -> Box<HttpPeer> {
        let silence = Silence {
            read: timeout,
            write: timeout,
        };
        let mut peer = self.peer_within(address, timeout, silence);
        peer.group_key = self.fresh;
        peer.options.max_h2_streams = 1;
        peer
    }

    fn peer_within(
        &self,
        address: SocketAddr,
        connect_timeout: Duration,
        silence: Silence,
    ) -> Box<HttpPeer> {
        let server_name = self.tls.as_ref().map(|tls| tls.server_name.clone());
        let server_name = server_name.unwrap_or_default();
        let mut peer = HttpPeer::new(address, self.tls.is_some(), server_name);
        peer.group_key = self.shared;
        if let Some(tls) = &self.tls {
            peer.client_cert_key.clone_from(&tls.identity);
            peer.options.ca = Some(Arc::clone(&tls.authorities));
            peer.options.verify_cert = tls.verifies;
            peer.options.verify_hostname = tls.verifies;
        }
        let options = &mut peer.options;
        options.connection_timeout = Some(connect_timeout);
        options.total_connection_timeout = Some(connect_timeout);
        options.read_timeout = Some(silence.read);
        options.write_timeout = Some(silence.write);
        options.idle_timeout = Some(self.idle_timeout);
        options.tcp_keepalive = Some(KEEPALIVE);
        if self.protocol.is_http2() {
            // Without TLS there is no negotiation: pingora then starts with HTTP/2 at once.
            options.alpn = ALPN::H2;
            options.max_h2_streams = MAX_STREAMS;
            options.h2_stream_window_size = Some(STREAM_WINDOW);
            options.h2_connection_window_size = Some(CONNECTION_WINDOW);
        }
        Box::new(peer)
    }
}

// === impl WayTls ===

impl WayTls {
    fn new(tls: &ClientTls, known: &mut KnownAuthorities) -> Self {
        let ClientTls {
            server_name,
            authorities,
            identity,
            skips_verification,
        } = tls;
        Self {
            server_name: server_name.clone(),
            authorities: match skips_verification {
                false => known.wrapped(authorities),
                true => placeholder(),
            },
            identity: identity.as_ref().map(|Identity { chain, key }| {
                let chain = chain.iter().map(|one| one.to_vec()).collect();
                Arc::new(CertKey::new(chain, key.secret_der().to_vec()))
            }),
            verifies: !skips_verification,
        }
    }
}

// === impl KnownAuthorities ===

impl KnownAuthorities {
    fn wrapped(&mut self, certificates: &Certificates) -> Arc<CaType> {
        let is_same =
            |known: &Certificates| Arc::ptr_eq(known, certificates) || **known == **certificates;
        match self.0.iter().find(|(known, _)| is_same(known)) {
            Some((_, all)) => Arc::clone(all),
            None => {
                let all: Arc<CaType> = certificates.iter().map(wrapped).collect();
                self.0.push((Arc::clone(certificates), Arc::clone(&all)));
                all
            }
        }
    }
}

/// Returns an authority that nothing is verified by: pingora's verifier needs one even where it accepts
/// every certificate.
fn placeholder() -> Arc<CaType> {
    let made = rcgen::generate_simple_self_signed(["placeholder.invalid".to_owned()]);
    let made = made.iter().map(|made| wrapped(made.cert.der()));
    made.collect()
}

fn wrapped(certificate: &CertificateDer<'static>) -> WrappedX509 {
    WrappedX509::new(certificate.to_vec(), parse_x509)
}

/// Returns a key that no other connections have; pingora's default is 0.
fn next_key() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}
