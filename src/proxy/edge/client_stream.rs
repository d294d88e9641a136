//! A client's connection as pingora sees it: one request's bytes, and no more.
//!
//! pingora reads and writes here within a [`ReadAllowance`] and the connection's [`Timers`]. Bytes
//! that the client sends behind a request are held for the next one.

use super::frame_bounds::{Excess, FrameBounds};
use super::read_allowance::ReadAllowance;
use super::tcp::Tcp;
use super::timers::{LINGER, Timer, Timers};
use super::transport::{Socket, Transport};
use crate::framing::{Framing, MalformedChunk};
use async_trait::async_trait;
use bytes::{Buf as _, BytesMut};
use parking_lot::Mutex;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream,
    TimingDigest, UniqueID, UniqueIDType,
};
use pingora_proxy::Session;
use std::io;
use std::os::fd::AsRawFd as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Instant;

/// Maximum length of what is taken from the socket behind a request that is being served; beyond it,
/// the client has to wait with sending.
const MAX_AHEAD: usize = 16 << 10;

/// Maximum length of what a client may send behind the last answer; beyond it, the connection is
/// reset.
const MAX_DISCARDED: usize = 64 << 20;

/// See the module's documentation.
#[derive(Debug)]
pub(in crate::proxy) struct ClientStream {
    stream: Transport,
    pub(super) timers: Timers,
    /// Maximum time in which the client takes nothing of what is written to it.
    write_timeout: Duration,
    /// Maximum pause while the client sends the body of a request.
    body_timeout: Duration,
    /// Bytes read from the socket that pingora has not read, and may have to leave.
    held: BytesMut,
    /// Bytes that pingora may read. In a lock, which is never waited for, because pingora's phases
    /// change it and have the session, and with it this stream, by shared reference.
    allowance: Mutex<ReadAllowance>,
    /// The wait for the upstream, in a lock for the same reason.
    wait: Mutex<Wait>,
    /// Whether the client has sent a chunk that pingora did not get.
    is_malformed: bool,
    /// Whether the client has paused for too long in the body of its request.
    is_body_late: bool,
    has_ended: bool,
    discarded: usize,
    /// The bounds of HTTP/2's frames; `None` on HTTP/1.1.
    frames: Option<FrameBounds>,
}

/// A client's stream for writes that are whole in themselves: nothing is collected.
pub(super) struct AtOnce<'s>(pub &'s mut ClientStream);

/// The wait of an HTTP/1.1 request for its upstream, as far as pingora does not bound it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Nothing,
    /// For the response's header, until this time.
    Header(Instant),
    /// For the next piece of the content.
    Content {
        /// The end of the wait; each piece that is written to the client moves it on by `timeout`.
        at: Instant,
        timeout: Duration,
        /// The longest `timeout` for a client that has ended its side, and may be gone.
        once_ended: Duration,
    },
    /// In vain.
    Late,
}

// === impl ClientStream ===

impl ClientStream {
    /// Makes one of a socket that speaks HTTP from its first byte on.
    pub(super) fn plain(tcp: Tcp, write_timeout: Duration) -> Self {
        Self::new(Transport::Plain(Socket::new(tcp)), write_timeout)
    }

    pub(super) fn new(stream: Transport, write_timeout: Duration) -> Self {
        Self {
            stream,
            timers: Timers::new(Instant::now()),
            write_timeout,
            // No body is read before a request begins.
            body_timeout: Duration::ZERO,
            held: BytesMut::new(),
            allowance: Mutex::new(ReadAllowance::NOTHING),
            wait: Mutex::new(Wait::Nothing),
            is_malformed: false,
            is_body_late: false,
            has_ended: false,
            discarded: 0,
            frames: None,
        }
    }

    /// Returns the stream below an HTTP/1.1 session.
    pub(in crate::proxy) fn of(session: &Session) -> Option<&Self> {
        let http1 = session.as_downstream().as_http1()?;
        http1.stream().as_any().downcast_ref()
    }

    /// Returns the stream that pingora gives back after a request; `None` if pingora has not read that
    /// to its end, behind which the next one begins.
    pub(super) fn back(stream: Stream) -> Option<Box<Self>> {
        let mut stream: Box<Self> = stream.into_any().downcast().ok()?;
        let is_at_end = *stream.allowance.get_mut() == ReadAllowance::NOTHING;
        is_at_end.then_some(stream)
    }

    /// Lets pingora read the body of the request whose header it gets. `held` was read behind that. The
    /// client pauses in the body for no longer than `body_timeout`.
    pub(super) fn start_request(
        &mut self,
        framing: Framing,
        held: BytesMut,
        body_timeout: Duration,
    ) {
        self.timers.stop(Timer::Request);
        self.timers.stop(Timer::Body);
        self.body_timeout = body_timeout;
        self.held = held;
        *self.allowance.get_mut() = framing.into();
        *self.wait.get_mut() = Wait::Nothing;
        self.timers.stop(Timer::Response);
    }

    /// Lets the connection be read as HTTP/2: to its end, no frame slower than `timeout`, and neither a
    /// header block of too many fields nor too many frames without a request, which would be an `excess`.
    pub(super) fn start_http2(&mut self, held: BytesMut, timeout: Duration, excess: Excess) {
        self.timers.stop(Timer::Request);
        self.held = held;
        *self.allowance.get_mut() = ReadAllowance::Everything;
        self.frames = Some(FrameBounds::new(timeout, excess));
        self.stream.tcp_mut().collect_frames();
    }

    /// Returns whether the client has sent a malformed chunk, of which pingora knows only that it can't
    /// read on.
    pub(in crate::proxy) fn is_malformed(&self) -> bool {
        self.is_malformed
    }

    /// Whether the client has paused for too long in the body of its request, of which pingora knows only
    /// that it can't read on.
    pub(in crate::proxy) fn is_body_late(&self) -> bool {
        self.is_body_late
    }

    /// Whether the client has ended its side, and sent no further request.
    pub(in crate::proxy) fn has_ended(&self) -> bool {
        self.has_ended && self.held.is_empty()
    }

    /// Notes that the request has become a tunnel.
    pub(in crate::proxy) fn end_http(&self) {
        *self.allowance.lock() = ReadAllowance::Everything;
        *self.wait.lock() = Wait::Nothing;
    }

    /// Lets the request wait for the header of its response until `by`.
    pub(in crate::proxy) fn await_header(&self, by: Instant) {
        *self.wait.lock() = Wait::Header(by);
    }

    /// Lets the request wait for the rest of its body, and not for the header of its response.
    pub(in crate::proxy) fn await_body(&self) {
        *self.wait.lock() = Wait::Nothing;
    }

    /// Lets the request wait for each piece of its response's content for `timeout`; for no longer than
    /// `once_ended` if the client has ended its side, and may be gone.
    pub(in crate::proxy) fn await_content(&self, timeout: Duration, once_ended: Duration) {
        let timeout = match self.has_ended {
            true => timeout.min(once_ended),
            false => timeout,
        };
        *self.wait.lock() = Wait::Content {
            at: Instant::now() + timeout,
            timeout,
            once_ended,
        };
    }

    /// Notes that the client has ended its side.
    fn end(&mut self) {
        self.has_ended = true;
        if let Wait::Content {
            at,
            timeout,
            once_ended,
        } = self.wait.get_mut()
        {
            *timeout = (*timeout).min(*once_ended);
            *at = (*at).min(Instant::now() + *timeout);
        }
    }

    /// Moves on the wait for content, a piece of which the client may just have taken. One that takes
    /// content may leave the rest of its body for later.
    fn note_written(&mut self, written: &Poll<io::Result<usize>>) {
        if let (Some(frames), Poll::Ready(Ok(bytes))) = (&mut self.frames, written) {
            frames.note_written(*bytes);
        }
        if let (Poll::Ready(Ok(_)), Wait::Content { at, timeout, .. }) =
            (written, self.wait.get_mut())
        {
            *at = Instant::now() + *timeout;
            self.timers.stop(Timer::Body);
        }
    }

    /// Passes on what was `polled` of a request's body, or an error if the client has paused for too
    /// long. The time in which pingora reads nothing, because the upstream takes nothing, never counts:
    /// pingora stops reading with a piece that it got, and that ends a pause.
    fn body_in_time(
        &mut self,
        polled: Poll<io::Result<()>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let is_tunnel = *self.allowance.get_mut() == ReadAllowance::Everything;
        // The client has announced its body, and waits for a word from the upstream.
        let is_announced = matches!(self.wait.get_mut(), Wait::Header(_));
        if polled.is_ready() || is_tunnel || is_announced {
            self.timers.stop(Timer::Body);
            return polled;
        }
        self.timers.start(Timer::Body, self.body_timeout);
        ready!(self.timers.poll(Timer::Body, cx));
        self.is_body_late = true;
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Whether the upstream has let the request wait for too long.
    pub(in crate::proxy) fn is_upstream_late(&self) -> bool {
        *self.wait.lock() == Wait::Late
    }

    /// Whether all of the request has been read.
    pub(super) fn is_request_read(&self) -> bool {
        *self.allowance.lock() == ReadAllowance::NOTHING
    }

    /// Ready once the upstream lets the request wait for too long. pingora reads from the client, or
    /// waits for it to go away, for as long as it waits for the upstream.
    pub(super) fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (Wait::Header(at) | Wait::Content { at, .. }) = *self.wait.get_mut() else {
            return Poll::Pending;
        };
        // The client is what holds the response up, and has a time of its own.
        if self.timers.is_set(Timer::Write) {
            return Poll::Pending;
        }
        self.timers.set(Timer::Response, at);
        ready!(self.timers.poll(Timer::Response, cx));
        *self.wait.get_mut() = Wait::Late;
        Poll::Ready(())
    }

    /// Returns the bytes that came behind the request.
    pub(super) fn take_held(&mut self) -> BytesMut {
        std::mem::take(&mut self.held)
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

    /// Writes for the gateway itself, which flushes after it: nothing is collected.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream.poll_send(cx, bytes);
        self.note_written(&written);
        self.in_time(written, cx)
    }

    /// Holds what comes behind the request's end. Never ready but with the end of the connection, and
    /// with that only while no further request is here to be answered, and no upstream is waited for:
    /// pingora reads no more behind the end, and only reading finds an upstream late.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut chunk = [0; 512];
        while !self.has_ended && self.held.len() < MAX_AHEAD {
            match ready!(self.poll_receive(cx, &mut chunk))? {
                0 => self.end(),
                n => self.held.extend_from_slice(&chunk[..n]),
            }
        }
        match self.held.is_empty() && *self.wait.get_mut() == Wait::Nothing {
            true => Poll::Ready(Ok(())),
            // pingora has other things to wait for: the response, first of all.
            false => Poll::Pending,
        }
    }

    /// Reads what pingora may have of the request.
    fn poll_request(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = self.allowance.get_mut().max_direct_read();
        if room == 0 && self.held.is_empty() {
            let mut chunk = [0; 4096];
            let n = ready!(self.poll_receive(cx, &mut chunk))?;
            self.held.extend_from_slice(&chunk[..n]);
        }
        if !self.held.is_empty() {
            let n = buf.remaining().min(self.held.len());
            let n = self.allowance.get_mut().take(&self.held[..n]);
            let n = n.map_err(|MalformedChunk| {
                self.is_malformed = true;
                io::ErrorKind::InvalidData
            })?;
            buf.put_slice(&self.held[..n]);
            self.held.advance(n);
            if self.held.is_empty() {
                // Its room is not needed for as long as the connection lives.
                self.held = BytesMut::new();
            }
            return Poll::Ready(Ok(()));
        }
        if self.has_ended || room == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        if room >= buf.remaining() {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        } else {
            let n = ready!(self.poll_receive(cx, buf.initialize_unfilled_to(room)))?;
            buf.advance(n);
        }
        // No more than `room`, of which all is certain.
        let taken = self.allowance.get_mut().take(&buf.filled()[before..]);
        debug_assert_eq!(taken, Ok(buf.filled().len() - before));
        Poll::Ready(Ok(()))
    }

    /// Ends the gateway's side behind the last answer, for a client that has said that it sends nothing
    /// more. Nothing can come that would have to be taken, and closing the socket ends that side as well. Over
    /// TLS the client is told, and answers.
    pub(super) async fn leave(&mut self) -> io::Result<()> {
        match self.stream {
            Transport::Plain(_) => self.flush().await,
            Transport::Tls(_) => AsyncWriteExt::shutdown(self).await,
        }
    }

    /// Passes on what was `written`, or an error if the client has taken nothing for too long.
    fn in_time<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.timers.stop(Timer::Write);
            return written;
        }
        self.timers.start(Timer::Write, self.write_timeout);
        ready!(self.timers.poll(Timer::Write, cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Takes what a client still sends behind the last answer. If the connection were closed with
    /// bytes unread, it would be reset, and the answer lost: an upload that is refused would look like
    /// a broken network.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Before the reading, which may use up the task's budget, and with it the timer's turn.
        self.timers.start(Timer::Linger, LINGER);
        if self.timers.poll(Timer::Linger, cx).is_ready() {
            return Poll::Ready(());
        }
        let mut unread = [0; 4096];
        loop {
            match ready!(self.poll_receive(cx, &mut unread)) {
                Ok(n @ 1..) if self.discarded < MAX_DISCARDED => self.discarded += n,
                Ok(_) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.poll_late(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if *this.allowance.get_mut() == ReadAllowance::NOTHING {
            return this.poll_ahead(cx);
        }
        let before = buf.filled().len();
        let polled = this.poll_request(cx, buf);
        let Some(frames) = &mut this.frames else {
            return this.body_in_time(polled, cx);
        };
        let polled = frames.poll(&mut this.timers, cx, polled, &buf.filled()[before..]);
        if polled.is_pending() {
            buf.set_filled(before);
        }
        polled
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note_written(&written);
        self.in_time(written, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.in_time(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(cx);
        ready!(self.in_time(ended, cx))?;
        self.poll_discard(cx).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.note_written(&written);
        self.in_time(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl AsyncWrite for AtOnce<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().0.poll_send(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().0).poll_shutdown(cx)
    }
}

// === pingora's questions about a connection, passed on to the socket ===

#[async_trait]
impl Shutdown for ClientStream {
    async fn shutdown(&mut self) {
        // After an error the connection is closed just the same.
        let _ = AsyncWriteExt::shutdown(self).await;
    }
}

impl UniqueID for ClientStream {
    fn id(&self) -> UniqueIDType {
        let descriptor = self.stream.tcp().descriptor();
        descriptor.map_or(-1, |descriptor| descriptor.as_raw_fd())
    }
}

/// TLS is below, and pingora need not know of it.
impl Ssl for ClientStream {}

/// Without times: each would have to be taken, and no log has them.
impl GetTimingDigest for ClientStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

/// Without a proxy on the way that pingora would know of.
impl GetProxyDigest for ClientStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }

    fn set_proxy_digest(&mut self, _digest: ProxyDigest) {}
}

/// Without addresses: `Client` has the one that counts, which may come from the PROXY protocol.
impl GetSocketDigest for ClientStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }

    fn set_socket_digest(&mut self, _digest: SocketDigest) {}
}

/// Without a way to peek: pingora gets a connection when its first bytes are known.
impl Peek for ClientStream {}

#[cfg(test)]
mod tests;
