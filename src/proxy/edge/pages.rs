//! The connections of a server of pages, held to the same deadlines and bounds as those of traffic.
//! They speak HTTP/1 alone.

use super::client_stream::ClientStream;
use super::draining::Ends;
use super::http1::{self, Rules};
use super::inbox::Inbox;
use super::page_connections::PageConnections;
use super::{Application, Tcp};
use crate::config::Limits;
use crate::pages::{PageLimits, Pages};
use crate::proxy::page_server::PageServer;
use pingora_core::server::ShutdownWatch;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Maximum time that a connection stays idle between two requests; beyond it, it is closed. It is longer
/// than the gateway itself keeps one to its built-in upstream.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(75);

/// The application behind a listener of pages.
pub(in crate::proxy) struct PageEdge<P> {
    pages: Arc<P>,
    limits: Limits,
    connections: Arc<PageConnections>,
    /// Says that each answer is its connection's last, and that those without a request end.
    stopped: ShutdownWatch,
}

// === impl PageEdge ===

impl<P> PageEdge<P> {
    pub(in crate::proxy) fn new(pages: P, limits: PageLimits, stopped: ShutdownWatch) -> Self {
        let PageLimits {
            max_connections,
            max_header_bytes,
            max_headers,
        } = limits;
        Self {
            pages: Arc::new(pages),
            limits: Limits {
                max_request_header_bytes: max_header_bytes,
                max_request_headers: max_headers,
                keepalive_timeout: KEEPALIVE_TIMEOUT,
                ..Limits::default()
            },
            connections: PageConnections::new(max_connections),
            stopped,
        }
    }
}

impl<P: Pages + 'static> Application for PageEdge<P> {
    async fn serve(self: Arc<Self>, tcp: Tcp) {
        let stream = Box::new(ClientStream::plain(tcp, self.limits.write_timeout));
        let (connection, closed) = self.connections.open();
        let (pages, limits) = (Arc::clone(&self.pages), self.limits);
        let app = Arc::new(PageServer::new(pages, limits, connection));
        let rules = Rules::Pages(&self.limits);
        let ends = Ends {
            leaving: &self.stopped,
            stopped: &self.stopped,
        };
        tokio::select! {
            // A request that is here is answered, also if its connection has to make room.
            biased;
            // One that begins as HTTP/2 is closed.
            _ = http1::serve(&app, rules, stream, Inbox::new(Instant::now()), ends) => {}
            _ = closed => {}
        }
    }
}

#[cfg(test)]
mod tests;
