//! One client connection: which protocol it speaks, and that it is counted.
//!
//! pingora's own h2c detection waits for 24 bytes without a time-out, so that a short HTTP/1.1
//! request, or a client that sends nothing, would hang for ever. Here four bytes tell: no HTTP/1
//! request is shorter, and none has the method `PRI`.

use super::Gateway;
use crate::config::Limits;
use async_trait::async_trait;
use pingora_core::apps::{HttpServerApp, ServerApp};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::default_h2_options;
use pingora_core::server::ShutdownWatch;
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::{HttpProxy, http_proxy};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// RFC 9113 §3.4.
const H2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const H2_MARK: &[u8; 4] = b"PRI ";

/// The application behind a traffic listener.
pub struct EdgeApp {
    proxy: Arc<HttpProxy<Gateway>>,
    connections: Connections,
    /// For a connection's first bytes.
    idle_timeout: Duration,
}

/// How many connections are open.
#[derive(Debug, Clone, Default)]
pub struct Connections {
    open: Arc<(AtomicUsize, Notify)>,
}

struct OpenConnection(Connections);

/// What a client's first bytes say.
enum Protocol {
    Http1,
    Http2,
}

// === impl EdgeApp ===

impl EdgeApp {
    pub fn new(
        conf: &Arc<ServerConf>,
        gateway: Gateway,
        connections: Connections,
        limits: &Limits,
    ) -> Self {
        let idle_timeout = limits.keepalive_timeout;
        let mut proxy = http_proxy(conf, gateway);
        let mut options = pingora_core::apps::HttpServerOptions::default();
        options.h2c = true;
        options.h2_idle_timeout = Some(idle_timeout);
        proxy.server_options = Some(options);
        let mut h2 = default_h2_options();
        // HTTP/2 ends a connection over this; with room to spare, a 431 says the same more gently.
        let header_bytes = u32::try_from(limits.max_request_header_bytes).unwrap_or(u32::MAX);
        h2.max_header_list_size(header_bytes.saturating_mul(4));
        proxy.h2_options = Some(h2);
        Self {
            proxy: Arc::new(proxy),
            connections,
            idle_timeout,
        }
    }

    /// Looks at the first bytes without taking them; `None` where the client ends or waits.
    async fn protocol(&self, stream: &mut Stream) -> Option<Protocol> {
        let peek = async {
            let mut mark = [0; H2_MARK.len()];
            stream.try_peek(&mut mark).await.ok()?;
            if mark != *H2_MARK {
                return Some(Protocol::Http1);
            }
            let mut preface = [0; H2_PREFACE.len()];
            stream.try_peek(&mut preface).await.ok()?;
            Some(match preface == *H2_PREFACE {
                true => Protocol::Http2,
                false => Protocol::Http1,
            })
        };
        tokio::time::timeout(self.idle_timeout, peek).await.ok()?
    }

    /// Requests one after the other, until one of the two sides has enough.
    async fn serve_http1(&self, stream: Stream, shutdown: &ShutdownWatch) {
        let mut session = ServerSession::new_http1(stream);
        session.set_keepalive(match *shutdown.borrow() {
            true => None,
            false => Some(self.idle_timeout.as_secs().max(1)),
        });
        while let Some(reused) = self.proxy.process_new_http(session, shutdown).await {
            let (stream, settings) = reused.consume();
            session = ServerSession::new_http1(stream);
            if let Some(settings) = settings {
                settings.apply_to_session(&mut session);
            }
        }
    }
}

#[async_trait]
impl ServerApp for EdgeApp {
    async fn process_new(
        self: &Arc<Self>,
        mut stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let _open = self.connections.open();
        let mut stopping = shutdown.clone();
        let protocol = tokio::select! {
            biased;
            protocol = self.protocol(&mut stream) => protocol?,
            // Nothing was promised to a client that has sent nothing.
            _ = stopping.wait_for(|&stopping| stopping) => return None,
        };
        match protocol {
            Protocol::Http1 => self.serve_http1(stream, shutdown).await,
            Protocol::Http2 => {
                ServerApp::process_new(&self.proxy, stream, shutdown).await;
            }
        }
        None
    }

    async fn cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
}

// === impl Connections ===

impl Connections {
    fn open(&self) -> OpenConnection {
        self.open.0.fetch_add(1, Ordering::Relaxed);
        OpenConnection(self.clone())
    }

    pub fn count(&self) -> usize {
        self.open.0.load(Ordering::Acquire)
    }

    /// Waits until none is open.
    pub async fn all_closed(&self) {
        let (_, closed) = &*self.open;
        loop {
            let notified = closed.notified();
            tokio::pin!(notified);
            // Registered before the count is read, so that no close is missed in between.
            notified.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let (count, closed) = &*self.0.open;
        if count.fetch_sub(1, Ordering::AcqRel) == 1 {
            closed.notify_waiters();
        }
    }
}
