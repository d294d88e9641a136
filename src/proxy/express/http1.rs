//! HTTP/1.1: a connection's requests, one after the other, each from its first byte.
//!
//! The header of every request is read here, under one deadline and one bound. Plain preflights
//! are answered on the spot, several at once where they come at once; every other request is handed
//! to pingora with its whole header, and the connection comes back here when it has been served.

use super::Edge;
use super::clock::{Date, Deadline};
use super::head::{Body, Head, PlainPreflight, WholeHead, has_empty_line, slots};
use super::wire::Wire;
use crate::config::{Limits, normalized_path};
use crate::cors::CorsRequest;
use crate::proxy::WRITE_TIMEOUT;
use crate::proxy::respond::Answer;
use crate::proxy::router::RouteRequest;
use crate::proxy::snapshot::{RouteId, Snapshot};
use crate::proxy::verdict::Verdict;
use bytes::{Buf as _, BytesMut};
use http::StatusCode;
use pingora_core::apps::HttpServerApp as _;
use pingora_core::protocols::http::ServerSession;
use pingora_core::server::ShutdownWatch;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

/// RFC 9113 §3.4.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// So much is read at once.
const INPUT: usize = 16 << 10;

/// pingora reads no longer headers.
const MAX_HEADER: u64 = (1 << 20) - 1;

/// How long a client that is sent away may go on sending, so that what it was told is not lost with
/// the reset of the connection.
const LINGER: Duration = Duration::from_secs(1);

thread_local! {
    /// What a connection needs while it is being looked at, and only then: idle ones hold no buffer.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

struct Scratch {
    input: Box<[u8]>,
    desk: Desk,
}

/// Where answers are written.
struct Desk {
    output: Vec<u8>,
    answered: Vec<(RouteId, StatusCode)>,
    date: Date,
}

/// A connection between two requests.
struct Connection<'e> {
    edge: &'e Edge,
    wire: Box<Wire>,
    deadline: Deadline,
    /// When a header began that isn't whole yet.
    header_since: Option<Instant>,
    /// How much of what is held is known to be no whole header.
    seen: usize,
    is_first: bool,
    stopping: ShutdownWatch,
    /// Whether the connection's task is woken when the process is about to end.
    is_registered: bool,
}

/// What has to be done next, and what is still to be sent before.
struct Turn {
    unsent: Option<Vec<u8>>,
    next: Next,
}

enum Next {
    /// Wait for more.
    Read,
    /// pingora serves this request.
    Request(BytesMut, Body),
    /// The connection speaks HTTP/2.
    Http2,
    Refuse(StatusCode),
    End,
}

/// Serves a connection. What is returned is one that speaks HTTP/2, from its first byte.
pub(super) async fn serve(
    edge: &Edge,
    wire: Box<Wire>,
    shutdown: &ShutdownWatch,
) -> Option<Box<Wire>> {
    let mut stop = shutdown.clone();
    let mut stop = pin!(async move {
        // An error is the end of whoever could have said so.
        let _ = stop.wait_for(|&stopping| stopping).await;
    });
    let mut connection = Connection::new(edge, wire, shutdown);
    loop {
        let Turn { unsent, next } = poll_fn(|cx| connection.poll_turn(stop.as_mut(), cx)).await;
        if let Some(unsent) = unsent
            && !connection.send(&unsent).await
        {
            return None;
        }
        match next {
            Next::Read => {}
            Next::Request(header, body) => {
                connection = connection.hand_over(header, body, shutdown).await?;
            }
            Next::Http2 => return Some(connection.wire),
            Next::Refuse(status) => {
                connection.refuse(status).await;
                return None;
            }
            Next::End => return None,
        }
    }
}

/// Tells a client that there is no room for it.
pub(super) async fn send_away(wire: Box<Wire>) {
    farewell(wire, StatusCode::SERVICE_UNAVAILABLE).await;
}

/// Answers what is no request, and closes.
async fn farewell(mut wire: Box<Wire>, status: StatusCode) {
    let mut bytes = Vec::new();
    let mut date = Date::new();
    Answer::bare(status).write_http1(date.value(Instant::now()), false, &mut bytes);
    let told = timeout(LINGER, async {
        wire.write_all(&bytes).await?;
        wire.shutdown().await?;
        // Closed with bytes unread, the connection would be reset, and the answer lost.
        wire.allow(Body::Unframed);
        let mut rest = [0; 1024];
        while wire.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    });
    // Nobody is left to be told of an error.
    let _ = told.await;
}

// === impl Connection ===

impl<'e> Connection<'e> {
    fn new(edge: &'e Edge, wire: Box<Wire>, shutdown: &ShutdownWatch) -> Self {
        let keepalive = edge.snapshot.load().limits.keepalive_timeout;
        let mut stopping = shutdown.clone();
        if *shutdown.borrow() {
            stopping.mark_changed();
        }
        Self {
            edge,
            wire,
            deadline: Deadline::new(Instant::now() + keepalive),
            header_since: None,
            seen: 0,
            is_first: true,
            stopping,
            is_registered: false,
        }
    }

    fn is_stopping(&self) -> bool {
        !matches!(self.stopping.has_changed(), Ok(false))
    }

    /// Takes what has come, or what is here already, answers what can be answered, and says what is
    /// next.
    fn poll_turn(
        &mut self,
        stop: Pin<&mut impl Future<Output = ()>>,
        cx: &mut Context<'_>,
    ) -> Poll<Turn> {
        SCRATCH.with_borrow_mut(|Scratch { input, desk }| {
            if self.wire.held().len() > self.seen {
                return Poll::Ready(self.turn(&[], desk, cx));
            }
            match self.wire.poll_receive(cx, input) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::End.into()),
                Poll::Ready(Ok(n)) => return Poll::Ready(self.turn(&input[..n], desk, cx)),
                Poll::Pending => {}
            }
            if self.deadline.poll(cx).is_ready() {
                return Poll::Ready(match self.header_since {
                    Some(_) => Next::Refuse(StatusCode::REQUEST_TIMEOUT).into(),
                    None => Next::End.into(),
                });
            }
            // A request that has begun to come is still served.
            if self.header_since.is_none() && self.poll_stop(stop, cx).is_ready() {
                return Poll::Ready(Next::End.into());
            }
            Poll::Pending
        })
    }

    /// Ready when the process is about to end. `stop` is polled once: it wakes this connection's
    /// task whenever that comes to be, and until then a flag tells as much with less ado.
    fn poll_stop(
        &mut self,
        stop: Pin<&mut impl Future<Output = ()>>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if !self.is_registered {
            self.is_registered = true;
            return stop.poll(cx);
        }
        match self.is_stopping() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    fn turn(&mut self, received: &[u8], desk: &mut Desk, cx: &mut Context<'_>) -> Turn {
        let now = Instant::now();
        let snapshot = self.edge.snapshot.load();
        desk.output.clear();
        desk.answered.clear();
        // Nearly always a request comes whole, and is looked at where it was read.
        let (rest, next) = if self.wire.held().is_empty() {
            let (done, next) = self.look(&snapshot, received, desk, now);
            let rest = match &received[done..] {
                [] => BytesMut::new(),
                rest => BytesMut::from(rest),
            };
            (rest, next)
        } else {
            let mut held = self.wire.take_held();
            held.extend_from_slice(received);
            let (done, next) = match self.may_be_whole(&held) {
                true => self.look(&snapshot, &held, desk, now),
                false => (0, self.bounded(&snapshot.limits, held.len())),
            };
            held.advance(done);
            (held, next)
        };
        self.wait_from(now, &snapshot.limits, &rest, !desk.answered.is_empty());
        self.wire.hold(rest);
        self.is_first &= matches!(next, Next::Read) && desk.answered.is_empty();
        let unsent = match desk.output.is_empty() {
            true => Ok(None),
            false => self.start_sending(&desk.output, cx),
        };
        let elapsed = now.elapsed();
        for (route, status) in &desk.answered {
            let metrics = &snapshot.route(*route).metrics;
            metrics.request(Some(status.as_u16()), elapsed);
        }
        match unsent {
            Ok(unsent) => Turn { unsent, next },
            Err(_) => Next::End.into(),
        }
    }

    /// Whether what is held could be a whole header by now. Looked at after every byte, a long one
    /// would cost its length squared.
    fn may_be_whole(&self, held: &[u8]) -> bool {
        let unseen = &held[self.seen.saturating_sub(3)..];
        self.seen == 0 || has_empty_line(unseen)
    }

    /// What to do with so much of a header that isn't whole.
    fn bounded(&self, limits: &Limits, len: usize) -> Next {
        // Between the limit and this there is room to read the request, and to tell a page's
        // script, with the CORS headers it needs, what was wrong with it.
        let most = limits.max_request_header_bytes.saturating_mul(4);
        match len as u64 > most.min(MAX_HEADER) {
            true => Next::Refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            false => Next::Read,
        }
    }

    /// Answers the plain preflights at the beginning of `bytes`. Returns how much of them is done
    /// with, and what is next.
    fn look(
        &self,
        snapshot: &Snapshot,
        bytes: &[u8],
        desk: &mut Desk,
        now: Instant,
    ) -> (usize, Next) {
        let mut done = 0;
        loop {
            done += empty_lines(&bytes[done..]);
            let rest = &bytes[done..];
            if rest.is_empty() {
                return (done, Next::Read);
            }
            if self.is_first && done == 0 && is_http2(rest) {
                return match rest.len() >= HTTP2_PREFACE.len() {
                    true => (0, Next::Http2),
                    false => (0, Next::Read),
                };
            }
            let mut slots = slots();
            match Head::parse(rest, &mut slots) {
                Head::Partial => return (done, self.bounded(&snapshot.limits, rest.len())),
                Head::Unreadable => {
                    let all = BytesMut::from(rest);
                    return (bytes.len(), Next::Request(all, Body::Unframed));
                }
                Head::Whole(head) => {
                    done += head.len();
                    let keep_alive = !self.is_stopping();
                    if !self.answer(snapshot, &head, keep_alive, desk, now) {
                        let header = BytesMut::from(&rest[..head.len()]);
                        return (done, Next::Request(header, head.body()));
                    }
                    if !keep_alive {
                        return (bytes.len(), Next::End);
                    }
                }
            }
        }
    }

    /// Writes the answer to a plain preflight; says whether it was one.
    fn answer(
        &self,
        snapshot: &Snapshot,
        head: &WholeHead<'_, '_>,
        keep_alive: bool,
        desk: &mut Desk,
        now: Instant,
    ) -> bool {
        if !snapshot.express_lane {
            return false;
        }
        let mut cors = CorsRequest::default();
        let Some(PlainPreflight { host, path }) = head.plain_preflight(&snapshot.limits, &mut cors)
        else {
            return false;
        };
        let path = normalized_path(path);
        let route_request = RouteRequest {
            host,
            path: &path,
            fields: &head.fields(),
            cors: &cors,
        };
        let verdict = Verdict::on(snapshot, &route_request);
        let route = verdict.route_id;
        let Some(answer) = verdict.answer() else {
            return false;
        };
        verdict.count();
        let date = desk.date.value(now);
        answer.write_http1(date, keep_alive, &mut desk.output);
        desk.answered.push((route, answer.status));
        true
    }

    /// Sets the deadline for what comes after what was done at `now`, `rest` being left.
    fn wait_from(&mut self, now: Instant, limits: &Limits, rest: &[u8], has_answered: bool) {
        self.seen = rest.len();
        if has_answered {
            self.header_since = None;
        }
        if rest.is_empty() {
            self.header_since = None;
            self.deadline.set(now + limits.keepalive_timeout);
        } else {
            let since = *self.header_since.get_or_insert(now);
            self.deadline.set(since + limits.header_timeout);
        }
    }

    /// Writes as much as is taken at once, which is nearly always all. Returns the rest.
    fn start_sending(
        &mut self,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> std::io::Result<Option<Vec<u8>>> {
        let mut wire = Pin::new(&mut *self.wire);
        let sent = match wire.as_mut().poll_write(cx, bytes) {
            Poll::Ready(sent) => sent?,
            Poll::Pending => 0,
        };
        let is_flushed = wire.poll_flush(cx)?.is_ready();
        let is_sent = is_flushed && sent == bytes.len();
        Ok((!is_sent).then(|| bytes[sent..].to_vec()))
    }

    /// Sends what is left; says whether the client took it.
    async fn send(&mut self, unsent: &[u8]) -> bool {
        let sent = async {
            self.wire.write_all(unsent).await?;
            self.wire.flush().await
        };
        matches!(timeout(WRITE_TIMEOUT, sent).await, Ok(Ok(())))
    }

    /// Has pingora serve a request, and comes back for the next.
    async fn hand_over(
        self,
        header: BytesMut,
        body: Body,
        shutdown: &ShutdownWatch,
    ) -> Option<Self> {
        let Self {
            edge,
            mut wire,
            mut deadline,
            stopping,
            is_registered,
            ..
        } = self;
        wire.allow(body);
        let mut session = ServerSession::new_http1(wire);
        session.set_pipelined_prefix(header);
        let reused = edge.proxy.process_new_http(session, shutdown).await?;
        // The settings are for whoever lets pingora read the next header.
        let (stream, _settings) = reused.consume();
        let wire = Wire::back(stream)?;
        let keepalive = edge.snapshot.load().limits.keepalive_timeout;
        deadline.set(Instant::now() + keepalive);
        Some(Self {
            edge,
            wire,
            deadline,
            header_since: None,
            seen: 0,
            is_first: false,
            stopping,
            is_registered,
        })
    }

    /// Answers what has come, and can't be taken for a request.
    async fn refuse(self, status: StatusCode) {
        let elapsed = self
            .header_since
            .map_or(Duration::ZERO, |since| since.elapsed());
        let snapshot = self.edge.snapshot.load_full();
        let metrics = &snapshot.route(snapshot.unmatched()).metrics;
        metrics.request(Some(status.as_u16()), elapsed);
        farewell(self.wire, status).await;
    }
}

/// How many bytes of empty lines there are: RFC 9112 §2.2 has servers ignore them before a request.
fn empty_lines(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let [b'\n', after @ ..] | [b'\r', b'\n', after @ ..] = rest {
        rest = after;
    }
    bytes.len() - rest.len()
}

/// Whether the bytes are HTTP/2's preface, as far as they go. `P` alone may be a POST.
fn is_http2(bytes: &[u8]) -> bool {
    let known = bytes.len().min(HTTP2_PREFACE.len());
    known >= 3 && bytes[..known] == HTTP2_PREFACE[..known]
}

// === impl Scratch ===

impl Scratch {
    fn new() -> Self {
        Self {
            input: vec![0; INPUT].into(),
            desk: Desk {
                output: Vec::new(),
                answered: Vec::new(),
                date: Date::new(),
            },
        }
    }
}

impl From<Next> for Turn {
    fn from(next: Next) -> Self {
        Self { unsent: None, next }
    }
}
