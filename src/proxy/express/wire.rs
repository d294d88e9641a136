//! A client's connection, as pingora gets to see it: one request's bytes and no more.
//!
//! pingora reads ahead, and what it has read too far it keeps to itself. So that the next request on
//! the connection can be looked at here again, pingora is given an allowance: the length of the
//! request's body, or where that is chunked, what may be the rest of it. What the client sends after
//! it is held back. That the client has gone is still told.

use super::frames::FrameClock;
use super::head::Body;
use async_trait::async_trait;
use bytes::{Buf as _, BytesMut};
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::{SslDigest, TlsRef};
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    Stream, TimingDigest, UniqueID, UniqueIDType,
};
use pingora_proxy::Session;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Sleep, sleep};

/// So much of what follows a request is taken from the socket while the request is being served.
const MAX_AHEAD: usize = 16 << 10;

/// How long a client may go on sending behind an answer that was the last.
const LINGER: Duration = Duration::from_secs(2);

/// No end that is known here.
const UNLIMITED: u64 = u64::MAX;

/// See the module's documentation.
#[derive(Debug)]
pub(in crate::proxy) struct Wire {
    stream: Stream,
    /// Read from the stream, and not yet anybody's.
    held: BytesMut,
    /// How much pingora may still read of the request. Atomic because the phases that change it
    /// have the session, and with it this, by shared reference.
    allowance: AtomicU64,
    body: Body,
    /// How much of the end of a chunked body, `CR LF CR LF`, was passed on last.
    end_matched: usize,
    has_ended: bool,
    /// Runs while the client of a connection that is being closed finishes.
    patience: Option<Pin<Box<Sleep>>>,
    /// On HTTP/2: what an unfinished frame may take.
    frames: Option<FrameClock>,
}

// === impl Wire ===

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            held: BytesMut::new(),
            allowance: AtomicU64::new(0),
            body: Body::Length(0),
            end_matched: 0,
            has_ended: false,
            patience: None,
            frames: None,
        }
    }

    /// The wire below an HTTP/1.1 session.
    pub(in crate::proxy) fn of(session: &Session) -> Option<&Self> {
        let http1 = session.as_downstream().as_http1()?;
        http1.stream().as_any().downcast_ref()
    }

    /// The wire that pingora gives back after a request.
    pub(super) fn back(stream: Stream) -> Option<Box<Self>> {
        stream.into_any().downcast().ok()
    }

    /// Lets pingora read the body of the request whose header it gets.
    pub(super) fn allow(&mut self, body: Body) {
        self.body = body;
        self.end_matched = 0;
        *self.allowance.get_mut() = match body {
            Body::Length(length) => length,
            Body::Chunked | Body::Unframed => UNLIMITED,
        };
    }

    /// Lets the connection be read as HTTP/2: to its end, and no frame slower than `timeout`.
    pub(super) fn allow_http2(&mut self, timeout: Duration) {
        *self.allowance.get_mut() = UNLIMITED;
        self.frames = Some(FrameClock::new(timeout));
    }

    /// Whether another request may follow this one. Where the end of this one is not certain, what
    /// follows could be a part of it.
    pub(in crate::proxy) fn can_be_reused(&self) -> bool {
        self.body != Body::Unframed
    }

    /// The request has been read to its end.
    pub(in crate::proxy) fn end_request(&self) {
        self.allowance.store(0, Ordering::Relaxed);
    }

    /// The request has become a tunnel.
    pub(in crate::proxy) fn end_http(&self) {
        self.allowance.store(UNLIMITED, Ordering::Relaxed);
    }

    pub(super) fn held(&self) -> &BytesMut {
        &self.held
    }

    pub(super) fn take_held(&mut self) -> BytesMut {
        std::mem::take(&mut self.held)
    }

    pub(super) fn hold(&mut self, bytes: BytesMut) {
        debug_assert!(self.held.is_empty());
        self.held = bytes;
    }

    /// Reads for the gateway itself, whatever pingora may. 0 is the end.
    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.has_ended {
            return Poll::Ready(Ok(0));
        }
        let mut into = ReadBuf::new(into);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut into))?;
        Poll::Ready(Ok(into.filled().len()))
    }

    /// Keeps what comes behind the request's end. Never ready but with the end of the connection,
    /// and with that only while no further request is here to be answered.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut chunk = [0; 512];
        while !self.has_ended && self.held.len() < MAX_AHEAD {
            match ready!(self.poll_receive(cx, &mut chunk))? {
                0 => self.has_ended = true,
                n => self.held.extend_from_slice(&chunk[..n]),
            }
        }
        match self.held.is_empty() {
            true => Poll::Ready(Ok(())),
            // Whoever polls has other things to wait for: the response, first of all.
            false => Poll::Pending,
        }
    }

    /// Takes what a client still sends behind the last answer. Closed with bytes unread the connection
    /// would be reset, and with it would go the answer: an upload that is refused would look like a
    /// broken network.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut unread = [0; 4096];
        while let Poll::Ready(read) = self.poll_receive(cx, &mut unread) {
            if matches!(read, Ok(0) | Err(_)) {
                return Poll::Ready(());
            }
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        patience.as_mut().poll(cx)
    }

    /// How much of the first `n` bytes held may be passed on of a chunked body: up to an empty line,
    /// which is its end or lies in it. So it is never read past, wherever in it that is: RFC 9112
    /// §7.1.
    fn up_to_an_end(&mut self, n: usize) -> usize {
        const END: &[u8; 4] = b"\r\n\r\n";
        for (at, &byte) in self.held[..n].iter().enumerate() {
            self.end_matched = match byte {
                byte if byte == END[self.end_matched] => self.end_matched + 1,
                b'\r' => 1,
                _ => 0,
            };
            if self.end_matched == END.len() {
                self.end_matched = 0;
                return at + 1;
            }
        }
        n
    }

    fn poll_stream(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        allowance: u64,
    ) -> Poll<io::Result<()>> {
        let room = usize::try_from(allowance).unwrap_or(usize::MAX);
        if self.body == Body::Chunked && self.held.is_empty() && !self.has_ended {
            let mut chunk = [0; 4096];
            let n = ready!(self.poll_receive(cx, &mut chunk))?;
            self.held.extend_from_slice(&chunk[..n]);
        }
        if !self.held.is_empty() {
            let mut n = room.min(buf.remaining()).min(self.held.len());
            if self.body == Body::Chunked {
                n = self.up_to_an_end(n);
            }
            buf.put_slice(&self.held[..n]);
            self.held.advance(n);
            if self.held.is_empty() {
                // Its room is not needed for as long as the connection lives.
                self.held = BytesMut::new();
            }
            return Poll::Ready(Ok(()));
        }
        if self.has_ended {
            return Poll::Ready(Ok(()));
        }
        if room >= buf.remaining() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let n = ready!(self.poll_receive(cx, buf.initialize_unfilled_to(room)))?;
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let allowance = *this.allowance.get_mut();
        if allowance == 0 {
            return this.poll_ahead(cx);
        }
        let before = buf.filled().len();
        let polled = this.poll_stream(cx, buf, allowance);
        let read = &buf.filled()[before..];
        if allowance != UNLIMITED {
            *this.allowance.get_mut() = allowance - read.len() as u64;
        }
        match &mut this.frames {
            Some(frames) => frames.poll(cx, polled, read),
            None => polled,
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        self.poll_discard(cx).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

// === What pingora asks of a connection, passed on ===

#[async_trait]
impl Shutdown for Wire {
    async fn shutdown(&mut self) {
        // An error is the end as well.
        let _ = AsyncWriteExt::shutdown(self).await;
    }
}

impl UniqueID for Wire {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl Ssl for Wire {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.stream.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.selected_alpn_proto()
    }
}

impl GetTimingDigest for Wire {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.stream.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.stream.get_write_pending_time()
    }
}

impl GetProxyDigest for Wire {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_proxy_digest()
    }

    fn set_proxy_digest(&mut self, digest: ProxyDigest) {
        self.stream.set_proxy_digest(digest);
    }
}

impl GetSocketDigest for Wire {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }

    fn set_socket_digest(&mut self, digest: SocketDigest) {
        self.stream.set_socket_digest(digest);
    }
}

/// Nobody peeks: what a connection begins with is known before pingora gets it.
impl Peek for Wire {}
