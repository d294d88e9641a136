//! The server of the built-in upstream.

use crate::config::{Upstream, UpstreamKind};
use crate::pages::PageLimits;
use crate::proxy::{Bound, Echo, listen_pages};
use std::io;
use std::net::SocketAddr;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// The limits of the built-in upstream: every request that the gateway may forward is taken.
const LIMITS: PageLimits = PageLimits {
    max_connections: 10_000,
    max_header_bytes: 1 << 20,
    max_headers: 256,
};

/// The built-in upstream, one for the whole process: started when a configuration first names it,
/// and kept from then on.
pub(super) struct EchoServer {
    /// `None` until it is started.
    address: Option<SocketAddr>,
    stopped: watch::Receiver<bool>,
}

// === impl EchoServer ===

impl EchoServer {
    /// Makes a server that is not started yet, and that ends with `stopped`.
    pub(super) fn new(stopped: &watch::Receiver<bool>) -> Self {
        Self {
            address: None,
            stopped: stopped.clone(),
        }
    }

    /// Returns where the server listens. Starts it on the current runtime if one of `upstreams` needs
    /// it and it does not run yet.
    ///
    /// # Errors
    ///
    /// Where it can't listen.
    pub(super) fn address_for(&mut self, upstreams: &[Upstream]) -> io::Result<Option<SocketAddr>> {
        let is_echo = |upstream: &Upstream| matches!(upstream.kind, UpstreamKind::Echo);
        if self.address.is_none() && upstreams.iter().any(is_echo) {
            let bound = Bound::loopback()?;
            self.address = Some(bound.address);
            let handle = Handle::current();
            listen_pages("echo", &handle, Echo, LIMITS, bound, &self.stopped)?;
        }
        Ok(self.address)
    }
}
