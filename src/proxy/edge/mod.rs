//! A client's connection from its first byte to its last, in front of pingora's proxy.
//!
//! The gateway admits the connection, and reads the header of each request in time and in bounds. The
//! express lane answers plain preflights on the spot, from the bytes on HTTP/1.1 and from the decoded
//! header on HTTP/2, before there is a session. Every other request goes on to pingora as it came. The
//! lane takes route, decision, answer and count from the same code as `request_filter`; if it is
//! switched off, pingora gets every request.

mod admission;
pub(super) mod backlog;
pub(super) mod client_stream;
mod date;
mod draining;
mod express;
mod frame_bounds;
mod head;
mod http1;
mod http2;
mod inbox;
mod lines;
mod open;
pub(super) mod page_connections;
mod pages;
mod read_allowance;
mod refusal;
mod relay;
pub(super) mod response_deadline;
mod tcp;
mod timers;
mod transport;
pub(super) mod upload;

pub use admission::Connections;
pub(super) use pages::PageEdge;
pub(super) use tcp::Tcp;

use super::snapshot::Snapshot;
use crate::metrics::TlsMetrics;
use crate::proxy::gateway::{Gateway, MAX_TRIES};
use crate::proxy::upstream::NO_AUTHORITIES;
use arc_swap::ArcSwap;
use backlog::Account;
use bytes::BytesMut;
use draining::Ends;
use http1::Rules;
use inbox::Inbox;
use open::{Opened, Speaks};
use pingora_core::apps::HttpServerApp as _;
use pingora_core::server::ShutdownWatch;
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::{HttpProxy, http_proxy};
use relay::Relay;
use std::sync::Arc;
use tokio::time::Instant;

/// Multiple of their limit up to which headers are read: a page's script then learns, with the CORS
/// headers it needs, what was wrong with the request. Beyond it, a client gets a bare answer on
/// HTTP/1.1, and none on HTTP/2.
const HEADER_ROOM: u32 = 4;

/// A server behind a listener.
pub(super) trait Application: Send + Sync + 'static {
    /// Serves a connection to its end.
    fn serve(self: Arc<Self>, tcp: Tcp) -> impl Future<Output = ()> + Send;

    /// Ends what serves no connection, when the listener is closed.
    fn cleanup(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// The application behind a traffic listener.
#[derive(Clone)]
pub struct Edge {
    /// The index of the listener.
    listener: usize,
    proxy: Arc<HttpProxy<Gateway>>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    connections: Connections,
    tls: TlsMetrics,
    /// Says that the process is leaving, which it may do long before it ends.
    leaving: ShutdownWatch,
    /// Says that connections without a request end.
    stopped: ShutdownWatch,
    /// Forwards the plain requests.
    relay: Arc<Relay>,
    /// Room for responses that HTTP/2 clients have yet to take.
    backlog: Arc<Account>,
}

// === impl Edge ===

impl Edge {
    /// `pooled` idle connections to upstreams are kept per thread. From the time that `leaving` is set,
    /// each answer is its connection's last; from the time that `stopped` is set, idle connections end.
    pub fn new(
        threads: usize,
        pooled: usize,
        snapshot: Arc<ArcSwap<Snapshot>>,
        connections: Connections,
        tls: TlsMetrics,
        leaving: ShutdownWatch,
        stopped: ShutdownWatch,
    ) -> Self {
        let conf = ServerConf {
            threads,
            max_retries: MAX_TRIES,
            upstream_keepalive_pool_size: pooled,
            ca_file: Some(NO_AUTHORITIES.to_owned()),
            ..ServerConf::default()
        };
        let gateway = Gateway::new(Arc::clone(&snapshot), leaving.clone());
        let relay = Relay::new(gateway.requests(), pooled * threads, leaving.clone());
        let proxy = http_proxy(&Arc::new(conf), gateway);
        Self {
            relay: Arc::new(relay),
            listener: 0,
            proxy: Arc::new(proxy),
            snapshot,
            connections,
            tls,
            leaving,
            stopped,
            backlog: Account::of_process(),
        }
    }

    /// Returns the same application behind another listener.
    pub(super) fn behind(&self, listener: usize) -> Self {
        Self {
            listener,
            ..self.clone()
        }
    }
}

impl Application for Edge {
    async fn serve(self: Arc<Self>, tcp: Tcp) {
        // What is large and not of every connection has memory of its own: the future of a connection is as
        // large as the largest that it waits for, and an idle one keeps that.
        let Some(opened) = open::open(&self, tcp, &self.stopped).await else {
            return;
        };
        let Opened {
            stream,
            client,
            speaks,
            open: _open,
        } = opened;
        let ends = Ends {
            leaving: &self.leaving,
            stopped: &self.stopped,
        };
        let inbox = match speaks {
            Speaks::Any => Inbox::new(Instant::now()),
            Speaks::Http1 => Inbox::of_http1(Instant::now()),
            Speaks::Http2 => {
                Box::pin(http2::serve(&self, &client, stream, BytesMut::new(), ends)).await;
                return;
            }
        };
        let rules = Rules::Traffic(&self.snapshot, &client, &self.relay);
        let http1 = http1::serve(&self.proxy, rules, stream, inbox, ends);
        if let Some((stream, held)) = Arc::clone(&client).serve(http1).await {
            Box::pin(http2::serve(&self, &client, stream, held, ends)).await;
        }
    }

    async fn cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
}

#[cfg(test)]
mod tests;
