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
pub(super) mod page_connections;
mod pages;
mod read_allowance;
mod refusal;
pub(super) mod response_deadline;
mod timers;
pub(super) mod upload;

pub use admission::Connections;
pub(super) use pages::PageEdge;

use super::snapshot::Snapshot;
use crate::proxy::gateway::{Gateway, MAX_TRIES};
use admission::Admission;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use backlog::Account;
use bytes::BytesMut;
use client_stream::ClientStream;
use draining::Ends;
use http::StatusCode;
use http1::Rules;
use pingora_core::apps::{HttpServerApp as _, ServerApp};
use pingora_core::protocols::{ALPN, Ssl as _, Stream};
use pingora_core::server::ShutdownWatch;
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::{HttpProxy, http_proxy};
use std::sync::Arc;

/// Multiple of their limit up to which headers are read: a page's script then learns, with the CORS
/// headers it needs, what was wrong with the request. Beyond it, a client gets a bare answer on
/// HTTP/1.1, and none on HTTP/2.
const HEADER_ROOM: u32 = 4;

/// The application behind a traffic listener.
pub struct Edge {
    proxy: Arc<HttpProxy<Gateway>>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    connections: Connections,
    /// Says that the process is leaving, which it may do long before the listeners are closed.
    leaving: ShutdownWatch,
    /// Room for responses that HTTP/2 clients have yet to take.
    backlog: Arc<Account>,
}

// === impl Edge ===

impl Edge {
    /// `pooled` idle connections to upstreams are kept per thread. From the time that `leaving` is set,
    /// each answer is its connection's last.
    pub fn new(
        threads: usize,
        pooled: usize,
        snapshot: Arc<ArcSwap<Snapshot>>,
        connections: Connections,
        leaving: ShutdownWatch,
    ) -> Self {
        let conf = ServerConf {
            threads,
            max_retries: MAX_TRIES,
            upstream_keepalive_pool_size: pooled,
            ..ServerConf::default()
        };
        let gateway = Gateway::new(Arc::clone(&snapshot), leaving.clone());
        let proxy = http_proxy(&Arc::new(conf), gateway);
        Self {
            proxy: Arc::new(proxy),
            snapshot,
            connections,
            leaving,
            backlog: Account::of_process(),
        }
    }
}

#[async_trait]
impl ServerApp for Edge {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let limits = self.snapshot.load().limits;
        let stream = Box::new(ClientStream::new(stream, limits.write_timeout));
        let _open = match self.connections.admit(limits.max_connections) {
            Admission::Open(open) => open,
            Admission::Refused(_refused) => {
                http1::farewell(stream, StatusCode::SERVICE_UNAVAILABLE).await;
                return None;
            }
            Admission::Dropped => return None,
        };
        let ends = Ends {
            leaving: &self.leaving,
            stopped: shutdown,
        };
        let is_http2 = stream.selected_alpn_proto() == Some(ALPN::H2);
        let http2 = match is_http2 {
            true => Some((stream, BytesMut::new())),
            false => http1::serve(&self.proxy, Rules::Traffic(&self.snapshot), stream, ends).await,
        };
        if let Some((stream, held)) = http2 {
            http2::serve(self, stream, held, ends).await;
        }
        None
    }

    async fn cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
}

#[cfg(test)]
mod tests;
