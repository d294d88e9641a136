//! Connections for the handshakes of WebSockets, whose responses are held back until pingora has sent the request to
//! its end.
//!
//! pingora 0.9.1 takes the end of the handshake's empty body for the end of the tunnel if it reads the 101 first, which is
//! left to chance: <https://github.com/cloudflare/pingora/issues/946>. Here it never does: nothing can be read from the
//! time before the request is written until the flush that follows its end.

use super::peer::connector_options;
use async_trait::async_trait;
use once_cell::sync::Lazy;
use parking_lot::Mutex;
use pingora_core::Result;
use pingora_core::connectors::TransportConnector;
use pingora_core::connectors::l4::Connect;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use pingora_core::upstreams::peer::{BasicPeer, HttpPeer};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Connects without a pool: a tunnel's connection serves no other request.
static CONNECTOR: Lazy<TransportConnector> =
    Lazy::new(|| TransportConnector::new(Some(connector_options(0))));

/// The way to hold the response of a handshake back.
#[derive(Debug, Clone, Default)]
pub(in crate::proxy) struct Hold(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// The task that waits to read.
    reader: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    /// Bytes can be read: those of TLS, before the request, and all of the tunnel.
    #[default]
    Open,
    /// The request is being sent.
    Held,
    /// Its end is on the way to the connection.
    Ending,
}

/// Makes the connection.
#[derive(Debug)]
struct Opener {
    hold: Hold,
    timeout: Option<Duration>,
}

/// A connection whose responses can be held back.
#[derive(Debug)]
struct HeldStream {
    stream: pingora_core::protocols::Stream,
    hold: Hold,
}

// === impl Hold ===

impl Hold {
    /// Has the connection to this peer, a new one, hold its response back.
    pub(in crate::proxy) fn on(peer: &mut HttpPeer) -> Self {
        let hold = Self::default();
        peer.options.custom_l4 = Some(Arc::new(Opener {
            hold: hold.clone(),
            timeout: peer.options.connection_timeout,
        }));
        hold
    }

    /// Notes that the request is going to be written.
    pub(in crate::proxy) fn begin(&self) {
        self.0.lock().phase = Phase::Held;
    }

    /// Notes that the request's end has been handed on: the next flush is the one behind it. The end of the tunnel
    /// changes nothing.
    pub(in crate::proxy) fn end(&self) {
        let mut state = self.0.lock();
        if state.phase == Phase::Held {
            state.phase = Phase::Ending;
        }
    }

    fn flushed(&self) {
        let mut state = self.0.lock();
        if state.phase == Phase::Ending {
            state.phase = Phase::Open;
            if let Some(reader) = state.reader.take() {
                reader.wake();
            }
        }
    }

    /// Waits until bytes can be read.
    fn poll_open(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.phase == Phase::Open {
            return Poll::Ready(());
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

// === impl Connect ===

#[async_trait]
impl Connect for Opener {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let mut peer = BasicPeer::new(&address.to_string());
        peer.options.connection_timeout = self.timeout;
        let stream = CONNECTOR.new_stream(&peer).await?;
        let held = HeldStream {
            stream,
            hold: self.hold.clone(),
        };
        Ok(VirtualSocketStream::new(Box::new(held)).into())
    }
}

// === impl HeldStream ===

impl VirtualSocket for HeldStream {
    /// Does nothing: the connection has its options.
    fn set_socket_option(&self, _: VirtualSockOpt) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for HeldStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.hold.poll_open(cx));
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for HeldStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        self.hold.flushed();
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
