//! The express lane: a client's connection from its first byte, in front of pingora's proxy.
//!
//! Preflights that are plain, and the gateway's own to answer, are answered here, from the bytes on
//! HTTP/1.1 and from the decoded header on HTTP/2, before there is a session. Everything else goes
//! on to pingora as it came. Which route a request has, what is decided, how it is answered and what
//! is counted is asked of the same code as in `request_filter`; switched off, all goes that way.

mod admission;
mod client_stream;
mod date;
mod draining;
mod express;
mod frame_deadline;
mod head;
mod http1;
mod http2;
mod timers;

pub use admission::Connections;
pub(super) use client_stream::ClientStream;

use super::snapshot::Snapshot;
use crate::proxy::gateway::{Gateway, MAX_RETRIES};
use admission::Admission;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::StatusCode;
use pingora_core::apps::{HttpServerApp as _, ServerApp};
use pingora_core::protocols::{ALPN, Ssl as _, Stream};
use pingora_core::server::ShutdownWatch;
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::{HttpProxy, http_proxy};
use std::sync::Arc;

/// Headers up to so many times their limit are read, to tell a page's script, with the CORS headers
/// it needs, what was wrong with the request. Past it there is no answer on HTTP/2, and a bare one
/// on HTTP/1.1.
const HEADER_ROOM: u32 = 4;

/// The application behind a traffic listener.
pub struct Edge {
    proxy: Arc<HttpProxy<Gateway>>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    connections: Connections,
}

// === impl Edge ===

impl Edge {
    pub fn new(threads: usize, snapshot: Arc<ArcSwap<Snapshot>>, connections: Connections) -> Self {
        let conf = ServerConf {
            threads,
            max_retries: MAX_RETRIES,
            ..ServerConf::default()
        };
        let proxy = http_proxy(&Arc::new(conf), Gateway::new(Arc::clone(&snapshot)));
        Self {
            proxy: Arc::new(proxy),
            snapshot,
            connections,
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
        let stream = Box::new(ClientStream::new(stream));
        let max_connections = self.snapshot.load().limits.max_connections;
        let _open = match self.connections.admit(max_connections) {
            Admission::Open(open) => open,
            Admission::Refused(_refused) => {
                http1::farewell(stream, StatusCode::SERVICE_UNAVAILABLE).await;
                return None;
            }
            Admission::Dropped => return None,
        };
        let is_http2 = stream.selected_alpn_proto() == Some(ALPN::H2);
        let http2 = match is_http2 {
            true => Some(stream),
            false => http1::serve(self, stream, shutdown).await,
        };
        if let Some(stream) = http2 {
            http2::serve(self, stream, shutdown).await;
        }
        None
    }

    async fn cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
}
