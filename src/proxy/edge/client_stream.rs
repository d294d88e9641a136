//! A client's connection, as pingora gets to see it: one request's bytes and no more.
//!
//! pingora reads ahead, and what it has read too far it keeps to itself. So that the next request on
//! the connection can be looked at here again, pingora is given an allowance: the length of the
//! request's body, or where that is chunked, what may be the rest of it. What the client sends after
//! it is held back. That the client has gone is still told, unless it has left another request.

use super::frame_deadline::FrameDeadline;
use super::head::Body;
use super::timers::Countdown;
use crate::proxy::gateway::WRITE_TIMEOUT;
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

/// So much of what follows a request is taken from the socket while the request is being served.
const MAX_AHEAD: usize = 16 << 10;

/// How long a client may go on sending behind an answer that was the last.
const LINGER: Duration = Duration::from_secs(2);
/// And so many bytes of it are taken.
const MAX_DISCARDED: usize = 64 << 20;

/// No end that is known here.
const UNLIMITED: u64 = u64::MAX;

/// See the module's documentation.
#[derive(Debug)]
pub(in crate::proxy) struct ClientStream {
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
    /// Runs while the client takes nothing of what is written.
    stalled: Countdown,
    /// Runs while the client of a connection that is being closed finishes.
    patience: Countdown,
    discarded: usize,
    /// On HTTP/2: what an unfinished frame may take.
    frames: Option<FrameDeadline>,
}

// === impl ClientStream ===

impl ClientStream {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            held: BytesMut::new(),
            allowance: AtomicU64::new(0),
            body: Body::Length(0),
            end_matched: 0,
            has_ended: false,
            stalled: Countdown::default(),
            patience: Countdown::default(),
            discarded: 0,
            frames: None,
        }
    }

    /// The stream below an HTTP/1.1 session.
    pub(in crate::proxy) fn of(session: &Session) -> Option<&Self> {
        let http1 = session.as_downstream().as_http1()?;
        http1.stream().as_any().downcast_ref()
    }

    /// The stream that pingora gives back after a request.
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
        self.frames = Some(FrameDeadline::new(timeout));
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
        // Before the reading, which may use up the task's budget, and with it the timer's turn.
        if self.patience.poll(LINGER, cx).is_ready() {
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

    /// Passes on what was `written`; an error, where the client has taken nothing for too long.
    fn in_time<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled.stop();
            return written;
        }
        ready!(self.stalled.poll(WRITE_TIMEOUT, cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
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
        if self.body == Body::Chunked && self.held.is_empty() {
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

impl AsyncRead for ClientStream {
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

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
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
        self.in_time(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

// === What pingora asks of a connection, passed on ===

#[async_trait]
impl Shutdown for ClientStream {
    async fn shutdown(&mut self) {
        // An error is the end as well.
        let _ = AsyncWriteExt::shutdown(self).await;
    }
}

impl UniqueID for ClientStream {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl Ssl for ClientStream {
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

impl GetTimingDigest for ClientStream {
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

impl GetProxyDigest for ClientStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_proxy_digest()
    }

    fn set_proxy_digest(&mut self, digest: ProxyDigest) {
        self.stream.set_proxy_digest(digest);
    }
}

impl GetSocketDigest for ClientStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }

    fn set_socket_digest(&mut self, digest: SocketDigest) {
        self.stream.set_socket_digest(digest);
    }
}

/// Nobody peeks: what a connection begins with is known before pingora gets it.
impl Peek for ClientStream {}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, duplex};
    use tokio::time::{Instant, sleep};

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (ours, theirs) = duplex(64);
        let mut stream = ClientStream::new(Box::new(ours));
        let started = Instant::now();
        let error = stream.write_all(&[0; 65]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed().as_secs(), WRITE_TIMEOUT.as_secs());
        drop(theirs);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_reads_slowly_is_not() {
        let (ours, mut theirs) = duplex(64);
        let mut stream = ClientStream::new(Box::new(ours));
        let reader = tokio::spawn(async move {
            for _ in 0..10 {
                sleep(WRITE_TIMEOUT / 2).await;
                theirs.read_exact(&mut [0; 64]).await.expect("it comes");
            }
        });
        stream.write_all(&[0; 640]).await.expect("somebody reads");
        reader.await.expect("no panic");
    }

    #[tokio::test(start_paused = true)]
    async fn closing_waits_for_the_client_and_not_for_ever() {
        let (ours, mut theirs) = duplex(64);
        let mut stream = ClientStream::new(Box::new(ours));
        let started = Instant::now();
        let (closed, sent) = tokio::join!(AsyncWriteExt::shutdown(&mut stream), async {
            // All of it is taken, though nobody has a use for it.
            theirs.write_all(&[0; 1000]).await
        });
        closed.expect("closed");
        sent.expect("taken");
        assert_eq!(started.elapsed().as_secs(), LINGER.as_secs());
        drop(theirs);
    }

    /// What is read of a connection on which `sent` comes, in reads of `size` bytes.
    async fn read(body: Body, sent: &[u8], size: usize) -> Vec<u8> {
        let (ours, mut theirs) = duplex(1024);
        theirs.write_all(sent).await.expect("there is room");
        let mut stream = ClientStream::new(Box::new(ours));
        stream.allow(body);
        let mut all = Vec::new();
        let mut piece = vec![0; size];
        loop {
            let read = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut piece)).await;
            let Ok(Ok(n @ 1..)) = read else { return all };
            all.extend_from_slice(&piece[..n]);
            if body == Body::Chunked && all.ends_with(b"0\r\n\r\n") {
                // As when pingora has found the end.
                stream.end_request();
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_to_its_end_and_no_further() {
        let chunked = b"4\r\n\r\n\r\n\r\n1\r\na\r\n0\r\n\r\n";
        for size in 1..=40 {
            let behind = [chunked, b"GET / HTTP/1.1\r\n\r\n".as_slice()].concat();
            assert_eq!(read(Body::Chunked, &behind, size).await, chunked, "{size}");
            assert_eq!(read(Body::Length(7), &behind, size).await, chunked[..7]);
            assert_eq!(read(Body::Length(0), &behind, size).await, b"");
        }
    }
}
