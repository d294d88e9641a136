//! Exchanges that depend on the order in which their two sides are ready: with sockets that is chance.

use super::*;
use crate::config::Config;
use crate::framing::Framing;
use crate::metrics::Metrics;
use crate::proxy::ctx::Ctx;
use crate::proxy::edge::client_stream::ClientStream;
use crate::proxy::edge::relay::attempt::Try;
use crate::proxy::edge::relay::body::RequestBody;
use crate::proxy::edge::relay::scratch::Drafts;
use crate::proxy::edge::timers::Timers;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::stages::Failing;
use crate::proxy::upstream::Body;
use async_trait::async_trait;
use http::Method;
use parking_lot::Mutex;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID, UniqueIDType,
};
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::time::{Instant, advance};

const SECOND: Duration = Duration::from_secs(1);
const SILENCE: Silence = Silence {
    read: SECOND,
    write: SECOND,
};
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// An upstream's socket, which does what the test says.
#[derive(Debug, Default)]
struct Socket {
    /// The length that is taken each time it is written to, or an error. With nothing here, it has no room.
    takes: VecDeque<Result<usize, ErrorKind>>,
    taken: Vec<u8>,
    /// The bytes that are read, or an error. With nothing here, nothing has come.
    comes: VecDeque<Result<&'static [u8], ErrorKind>>,
    /// Whether the task is woken when there is room.
    waits_for_room: bool,
}

#[derive(Debug, Clone, Default)]
struct Upstream(Arc<Mutex<Socket>>);

/// A client whose pieces of a body come as the test says.
struct Fake {
    ctx: Ctx,
    body: RequestBody,
    timers: Timers,
    comes: VecDeque<&'static str>,
    /// Whether the upstream has been silent for too long, as far as is known.
    is_late: bool,
    response: Vec<u8>,
}

// === impl Fake ===

impl Fake {
    fn new(comes: &[&'static str]) -> Self {
        let text = "listeners: [{ address: '127.0.0.1:1' }]\n\
                    upstreams: { u: { endpoints: ['127.0.0.1:2'] } }\n\
                    routes: [{ name: r, upstream: u, cors: off }]\n";
        let config = Config::parse(text, Path::new("test.yaml")).expect("it loads");
        let metrics = Metrics::new().expect("names differ");
        Self {
            ctx: Ctx::new(Arc::new(Snapshot::new(config, &metrics, None, None))),
            body: RequestBody::new(Framing::Chunked, &Method::PUT),
            timers: Timers::new(Instant::now()),
            comes: comes.iter().copied().collect(),
            is_late: false,
            response: Vec::new(),
        }
    }
}

impl ClientSide for Fake {
    fn next_try(&mut self) -> Result<Try> {
        unreachable!("there is one try")
    }

    fn failing(&mut self, _is_reused: bool) -> (&mut Ctx, Failing<'_>) {
        unreachable!("the test decides")
    }

    fn ctx(&mut self) -> (&mut Ctx, Option<&ClientStream>) {
        (&mut self.ctx, None)
    }

    fn body(&mut self) -> &mut RequestBody {
        &mut self.body
    }

    fn timers(&mut self) -> &mut Timers {
        &mut self.timers
    }

    fn is_request_read(&self) -> bool {
        false
    }

    fn poll_given_up(&mut self, _cx: &mut Context<'_>) -> Poll<Box<Error>> {
        Poll::Pending
    }

    fn poll_silence(
        &mut self,
        _cx: &mut Context<'_>,
        longest: Option<Duration>,
    ) -> Poll<Box<Error>> {
        match self.is_late && longest.is_some() {
            true => Poll::Ready(Error::explain(ErrorType::ReadTimedout, "late")),
            false => Poll::Pending,
        }
    }

    fn poll_read<'s>(
        &mut self,
        _cx: &mut Context<'_>,
        scratch: &'s mut Scratch,
    ) -> Poll<Result<(Piece, &'s [u8])>> {
        let Some(piece) = self.comes.pop_front() else {
            return Poll::Pending;
        };
        let output = &mut scratch.drafts.output;
        output.clear();
        self.body.write(piece.as_bytes(), output);
        if piece.is_empty() {
            self.body.write_end(output);
        }
        Poll::Ready(Ok((Piece::of(piece.is_empty()), output)))
    }

    fn poll_discard(&mut self, _cx: &mut Context<'_>, _scratch: &mut Scratch) -> Poll<Result<()>> {
        match self.comes.pop_front() {
            Some(_) => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }

    fn respond(
        &mut self,
        _cx: &mut Context<'_>,
        _download: &mut Download,
        came: io::Result<&[u8]>,
        _drafts: &mut Drafts,
    ) -> Result<()> {
        let came = came.map_err(|error| {
            Error::because(ErrorType::ReadError, "reading a response", error).into_up()
        })?;
        self.is_late = false;
        self.response.extend_from_slice(came);
        Ok(())
    }

    fn poll_taken(&mut self, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn is_taken(&self) -> bool {
        true
    }
}

// === impl Upstream ===

impl Upstream {
    fn takes(&self, takes: &[Result<usize, ErrorKind>]) {
        self.0.lock().takes.extend(takes);
    }

    fn comes(&self, comes: Result<&'static [u8], ErrorKind>) {
        self.0.lock().comes.push_back(comes);
    }

    fn taken(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().taken).into_owned()
    }
}

impl AsyncWrite for Upstream {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut socket = self.0.lock();
        match socket.takes.pop_front() {
            Some(Ok(most)) => {
                let length = most.min(bytes.len());
                socket.taken.extend_from_slice(&bytes[..length]);
                Poll::Ready(Ok(length))
            }
            Some(Err(kind)) => Poll::Ready(Err(kind.into())),
            None => {
                socket.waits_for_room = true;
                Poll::Pending
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncRead for Upstream {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.0.lock().comes.pop_front() {
            Some(Ok(bytes)) => {
                buffer.put_slice(bytes);
                Poll::Ready(Ok(()))
            }
            Some(Err(kind)) => Poll::Ready(Err(kind.into())),
            None => Poll::Pending,
        }
    }
}

#[async_trait]
impl Shutdown for Upstream {
    async fn shutdown(&mut self) {}
}

impl UniqueID for Upstream {
    fn id(&self) -> UniqueIDType {
        0
    }
}

impl Ssl for Upstream {}

impl GetTimingDigest for Upstream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for Upstream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }

    fn set_proxy_digest(&mut self, _digest: ProxyDigest) {}
}

impl GetSocketDigest for Upstream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }

    fn set_socket_digest(&mut self, _digest: SocketDigest) {}
}

impl Peek for Upstream {}

/// Polls an exchange once.
fn poll(exchange: &mut Exchange<'_, Fake>) -> Poll<Result<()>> {
    let mut cx = Context::from_waker(Waker::noop());
    Scratch::with(|scratch| exchange.poll(&mut cx, scratch))
}

/// Begins an exchange with a header of ten bytes, and does with it what the test does.
fn with_exchange(
    client: &mut Fake,
    upstream: &Upstream,
    test: impl FnOnce(&mut Exchange<'_, Fake>),
) {
    let mut stream: Stream = Box::new(upstream.clone());
    let mut exchange = Exchange::new(client, &mut stream, SILENCE);
    exchange.start(b"header----".to_vec()).expect("a request");
    test(&mut exchange);
}

#[tokio::test(start_paused = true)]
async fn a_body_of_which_a_part_was_discarded_is_not_sent_again() {
    let (mut client, upstream) = (Fake::new(&["one", "two", "three"]), Upstream::default());
    upstream.takes(&[Ok(99), Ok(99), Err(ErrorKind::BrokenPipe)]);
    with_exchange(&mut client, &upstream, |exchange| {
        assert!(poll(exchange).is_pending());
        upstream.comes(Err(ErrorKind::ConnectionReset));
        let Poll::Ready(Err(error)) = poll(exchange) else {
            panic!("the connection is broken");
        };
        // The failure that came first.
        assert_eq!(error.etype(), &ErrorType::WriteError);
    });
    assert_eq!(upstream.taken(), "header----3\r\none\r\n");
    assert_eq!(client.comes.len(), 0);
    assert!(matches!(client.body.known(), Body::Lost));
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_what_is_taken_in_part_is_waited_for() {
    for (comes, whole) in [
        (&[][..], "header----"),
        (&["one"], "header----3\r\none\r\n"),
        (&["one", ""], "header----3\r\none\r\n0\r\n\r\n"),
    ] {
        let (mut client, upstream) = (Fake::new(comes), Upstream::default());
        upstream.takes(&[Ok(4)]);
        with_exchange(&mut client, &upstream, |exchange| {
            assert!(poll(exchange).is_pending());
            assert_eq!(upstream.taken(), "head");
            assert!(upstream.0.lock().waits_for_room, "{comes:?}");
            upstream.takes(&[Ok(3), Ok(99), Ok(99)]);
            assert!(poll(exchange).is_pending());
        });
        assert_eq!(upstream.taken(), whole);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_has_said_something_is_not_silent() {
    let (mut client, upstream) = (Fake::new(&["one", ""]), Upstream::default());
    upstream.takes(&[Ok(99); 3]);
    with_exchange(&mut client, &upstream, |exchange| {
        assert!(poll(exchange).is_pending());
        // As if the task had not had its turn while the response came.
        exchange.client.is_late = true;
        upstream.comes(Ok(RESPONSE));
        assert!(poll(exchange).is_pending());
        assert_eq!(exchange.client.response, RESPONSE);
        exchange.client.is_late = true;
        assert!(poll(exchange).is_ready());
    });
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_has_yet_to_take_something_is_not_silent() {
    let (mut client, upstream) = (Fake::new(&["one", "two"]), Upstream::default());
    upstream.takes(&[Ok(99)]);
    with_exchange(&mut client, &upstream, |exchange| {
        assert!(poll(exchange).is_pending());
        exchange.client.is_late = true;
        assert!(poll(exchange).is_pending());
        upstream.takes(&[Ok(99); 2]);
        assert!(poll(exchange).is_ready());
    });
}

#[tokio::test(start_paused = true)]
async fn an_upstream_may_take_what_is_sent_little_by_little() {
    let (mut client, upstream) = (Fake::new(&["one", "two"]), Upstream::default());
    upstream.takes(&[Ok(1)]);
    let mut stream: Stream = Box::new(upstream.clone());
    let mut exchange = Exchange::new(&mut client, &mut stream, SILENCE);
    exchange.start(b"header----".to_vec()).expect("a request");
    for _ in 0..5 {
        assert!(poll(&mut exchange).is_pending());
        advance(SECOND * 2 / 3).await;
        upstream.takes(&[Ok(1)]);
    }
    assert!(matches!(exchange.upload, Upload::Reading));
    // Then nothing, for too long: what it has to say is passed on, and nothing more is sent.
    assert!(poll(&mut exchange).is_pending());
    advance(SECOND * 3 / 2).await;
    upstream.comes(Ok(RESPONSE));
    assert!(poll(&mut exchange).is_pending());
    assert!(matches!(exchange.upload, Upload::Refused(Some(_))));
    assert_eq!(exchange.client.response, RESPONSE);
    upstream.takes(&[Ok(99)]);
    upstream.comes(Err(ErrorKind::ConnectionReset));
    let Poll::Ready(Err(error)) = poll(&mut exchange) else {
        panic!("the connection is broken");
    };
    assert_eq!(error.etype(), &ErrorType::WriteTimedout);
    assert_eq!(upstream.taken(), "header");
}
