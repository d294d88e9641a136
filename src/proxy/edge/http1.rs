//! HTTP/1.1: a connection's requests, one after the other, each from its first byte.
//!
//! The header of every request is read here, under one deadline and one bound. Plain preflights
//! are answered on the spot, several at once where they come at once; every other request is handed
//! to pingora with its whole header, and the connection comes back here when it has been served.

use super::Edge;
use super::client_stream::ClientStream;
use super::date::Date;
use super::draining::Draining;
use super::express::{Desk, Moment, Next, bounded};
use super::head::{Body, has_empty_line};
use super::timers::Deadline;
use crate::config::Limits;
use crate::proxy::answer::Answer;
use crate::proxy::check::RequestError;
use crate::proxy::record::Record;
use bytes::{Buf as _, BytesMut};
use http::StatusCode;
use pingora_core::apps::HttpServerApp as _;
use pingora_core::protocols::http::ServerSession;
use pingora_core::server::ShutdownWatch;
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncWrite as _, AsyncWriteExt as _};
use tokio::time::Instant;

/// So much is read at once.
const INPUT: usize = 16 << 10;

thread_local! {
    /// What a connection needs while it is being looked at, and only then: idle ones hold no buffer.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

struct Scratch {
    input: Box<[u8]>,
    desk: Desk,
}

/// A connection between two requests.
struct Connection<'e> {
    edge: &'e Edge,
    stream: Box<ClientStream>,
    deadline: Deadline,
    /// When a header began that isn't whole yet.
    header_since: Option<Instant>,
    /// How much of what is held is known to be no whole header.
    seen: usize,
    is_first: bool,
    draining: Draining,
}

/// What has to be done next, and what is still to be sent before.
struct Turn {
    unsent: Option<Vec<u8>>,
    next: Next,
}

/// Serves a connection. What is returned is one that speaks HTTP/2, from its first byte.
pub(super) async fn serve(
    edge: &Edge,
    stream: Box<ClientStream>,
    shutdown: &ShutdownWatch,
) -> Option<Box<ClientStream>> {
    let mut connection = Connection::new(edge, stream, shutdown);
    loop {
        let Turn { unsent, next } = poll_fn(|cx| connection.poll_turn(cx)).await;
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
            Next::Http2 => return Some(connection.stream),
            Next::Refuse(error) => {
                connection.refuse(error).await;
                return None;
            }
            Next::Close => {
                // Nobody is left to be told of an error.
                let _ = connection.stream.shutdown().await;
                return None;
            }
            Next::End => return None,
        }
    }
}

/// Answers what is no request, and closes.
pub(super) async fn farewell(mut stream: Box<ClientStream>, status: StatusCode) {
    let mut bytes = Vec::new();
    let mut date = Date::new();
    Answer::bare(status).write_http1(date.value(Instant::now()), false, &mut bytes);
    // Nobody is left to be told of an error.
    if stream.write_all(&bytes).await.is_ok() {
        let _ = stream.shutdown().await;
    }
}

// === impl Connection ===

impl<'e> Connection<'e> {
    fn new(edge: &'e Edge, stream: Box<ClientStream>, shutdown: &ShutdownWatch) -> Self {
        let keepalive = edge.snapshot.load().limits.keepalive_timeout;
        Self {
            edge,
            stream,
            deadline: Deadline::new(Instant::now() + keepalive),
            header_since: None,
            seen: 0,
            is_first: true,
            draining: Draining::new(shutdown),
        }
    }

    /// Takes what has come, or what is here already, answers what can be answered, and says what is
    /// next.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        SCRATCH.with_borrow_mut(|Scratch { input, desk }| {
            if self.stream.held().len() > self.seen {
                return Poll::Ready(self.turn(&[], desk, cx));
            }
            match self.stream.poll_receive(cx, input) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::End.into()),
                Poll::Ready(Ok(n)) => return Poll::Ready(self.turn(&input[..n], desk, cx)),
                Poll::Pending => {}
            }
            if self.deadline.poll(cx).is_ready() {
                return Poll::Ready(match self.header_since {
                    Some(_) => Next::Refuse(RequestError::HeaderTimeout).into(),
                    None => Next::End.into(),
                });
            }
            // A request that has begun to come is still served.
            if self.header_since.is_none() && self.draining.poll(cx).is_ready() {
                return Poll::Ready(Next::End.into());
            }
            Poll::Pending
        })
    }

    fn turn(&mut self, received: &[u8], desk: &mut Desk, cx: &mut Context<'_>) -> Turn {
        let now = Instant::now();
        let moment = Moment {
            now,
            is_first: self.is_first,
            is_stopping: self.draining.is_set(),
        };
        let snapshot = self.edge.snapshot.load();
        desk.clear();
        // Nearly always a request comes whole, and is looked at where it was read.
        let (rest, next) = if self.stream.held().is_empty() {
            let (done, next) = desk.look(&snapshot, received, &moment);
            let rest = match &received[done..] {
                [] => BytesMut::new(),
                rest => BytesMut::from(rest),
            };
            (rest, next)
        } else {
            let mut held = self.stream.take_held();
            held.extend_from_slice(received);
            let (done, next) = match self.may_be_whole(&held) {
                true => desk.look(&snapshot, &held, &moment),
                false => (0, bounded(&snapshot.limits, held.len())),
            };
            held.advance(done);
            (held, next)
        };
        self.wait_from(now, &snapshot.limits, &rest, desk.has_answered());
        self.stream.hold(rest);
        self.is_first &= matches!(next, Next::Read) && !desk.has_answered();
        let unsent = match desk.output.is_empty() {
            true => Ok(None),
            false => self.start_sending(&desk.output, cx),
        };
        if desk.has_answered() {
            desk.finish(&snapshot);
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
        self.seen == 0 || held.starts_with(b"\r\n") || has_empty_line(unseen)
    }

    /// Sets the deadline for what comes after what was done at `now`, `rest` being left.
    fn wait_from(&mut self, now: Instant, limits: &Limits, rest: &[u8], has_answered: bool) {
        self.seen = rest.len();
        if has_answered {
            self.header_since = None;
        }
        if rest.is_empty() {
            // Empty lines alone are no sign of life.
            if has_answered || self.header_since.take().is_some() {
                self.deadline.set(now + limits.keepalive_timeout);
            }
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
        let mut stream = Pin::new(&mut *self.stream);
        let sent = match stream.as_mut().poll_write(cx, bytes) {
            Poll::Ready(sent) => sent?,
            Poll::Pending => 0,
        };
        let is_flushed = stream.poll_flush(cx)?.is_ready();
        let is_sent = is_flushed && sent == bytes.len();
        Ok((!is_sent).then(|| bytes[sent..].to_vec()))
    }

    /// Sends what is left; says whether the client took it.
    async fn send(&mut self, unsent: &[u8]) -> bool {
        self.stream.write_all(unsent).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// Has pingora serve a request, and comes back for the next.
    async fn hand_over(
        mut self,
        header: BytesMut,
        body: Body,
        shutdown: &ShutdownWatch,
    ) -> Option<Self> {
        if self.draining.is_set() {
            // With a task's budget used up, pingora would see the end before the request.
            tokio::task::yield_now().await;
        }
        self.stream.allow(body);
        let mut session = ServerSession::new_http1(self.stream);
        session.set_pipelined_prefix(header);
        let reused = self.edge.proxy.process_new_http(session, shutdown).await?;
        // The settings are for whoever lets pingora read the next header.
        let (stream, _settings) = reused.consume();
        let keepalive = self.edge.snapshot.load().limits.keepalive_timeout;
        self.deadline.set(Instant::now() + keepalive);
        Some(Self {
            stream: ClientStream::back(stream)?,
            header_since: None,
            seen: 0,
            is_first: false,
            ..self
        })
    }

    /// Answers what has come and can't be taken for a request.
    async fn refuse(self, error: RequestError) {
        let since = self.header_since.unwrap_or_else(Instant::now);
        let snapshot = self.edge.snapshot.load_full();
        let record = Record::unrouted(&snapshot, Some(error), since.into_std());
        record.finish(&snapshot, Some(error.status()));
        farewell(self.stream, error.status()).await;
    }
}

// === impl Scratch ===

impl Scratch {
    fn new() -> Self {
        Self {
            input: vec![0; INPUT].into(),
            desk: Desk::new(),
        }
    }
}

impl From<Next> for Turn {
    fn from(next: Next) -> Self {
        Self { unsent: None, next }
    }
}
