//! HTTP/1.1: a connection's requests, one after the other.
//!
//! An [`Inbox`] is given the bytes and the times, and what it says is done. Plain preflights are
//! answered on the spot, several at once if they come at once. Every other request is handed to
//! pingora with its whole header, and the connection comes back here when pingora has served it.

use super::client_stream::ClientStream;
use super::date::Date;
use super::draining::{Draining, Ends};
use super::express::Answers;
use super::inbox::{Inbox, Moment, Next};
use super::relay::{Relay, Relayed};
use super::timers::Timer;
use crate::config::Limits;
use crate::framing::Framing;
use crate::proxy::answer::Answer;
use crate::proxy::check::RequestError;
use crate::proxy::client::Client;
use crate::proxy::record::Record;
use crate::proxy::snapshot::Snapshot;
use arc_swap::{ArcSwap, Guard};
use bytes::BytesMut;
use http::StatusCode;
use pingora_core::apps::HttpServerApp;
use pingora_core::protocols::http::ServerSession;
use pingora_core::server::ShutdownWatch;
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncWrite as _, AsyncWriteExt as _};
use tokio::time::Instant;

/// Maximum length of what is read at once: a header, and a body of some length behind it.
const INPUT: usize = 32 << 10;

thread_local! {
    /// Room that a connection needs while its bytes are looked at, and only then: idle ones hold none.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

struct Scratch {
    input: Box<[u8]>,
    answers: Answers,
}

/// The rules for a connection's requests.
#[derive(Clone, Copy)]
pub(super) enum Rules<'e> {
    /// Traffic: what the configuration says that is current when the bytes come.
    Traffic(&'e ArcSwap<Snapshot>, &'e Client, &'e Relay),
    /// Pages: limits that never change. Requests have no route, and are not counted.
    Pages(&'e Limits),
}

/// The snapshot that traffic's requests are served by, and their client.
#[derive(Clone, Copy)]
pub(super) struct Traffic<'t> {
    pub snapshot: &'t Snapshot,
    pub client: &'t Client,
}

/// The rules while bytes are looked at.
enum Current<'e> {
    Traffic(Guard<Arc<Snapshot>>, &'e Client),
    Pages(&'e Limits),
}

/// A connection between two requests.
struct Connection<'e, A> {
    /// The server of those requests that are not answered here.
    app: &'e Arc<A>,
    rules: Rules<'e>,
    stream: Box<ClientStream>,
    inbox: Inbox,
    draining: Draining,
}

/// The next thing to do, and the answers that have to be sent before.
struct Turn {
    unsent: Option<Vec<u8>>,
    next: Next,
}

/// Serves a connection, which `inbox` knows the beginning of. Returns one that speaks HTTP/2, with the bytes
/// that were read of it.
pub(super) async fn serve<A: HttpServerApp>(
    app: &Arc<A>,
    rules: Rules<'_>,
    stream: Box<ClientStream>,
    inbox: Inbox,
    ends: Ends<'_>,
) -> Option<(Box<ClientStream>, BytesMut)> {
    let mut connection = Connection::new(app, rules, stream, inbox, ends);
    loop {
        let Turn { unsent, next } = poll_fn(|cx| connection.poll_turn(cx)).await;
        if let Some(unsent) = unsent
            && !connection.send(&unsent).await
        {
            return None;
        }
        match next {
            Next::Read => {}
            Next::Request(header, framing) => {
                // An idle connection is not to hold the room for it.
                connection = match connection.take(header, framing) {
                    Ok((relay, relayed)) => {
                        Box::pin(connection.relay(relay, relayed, framing)).await?
                    }
                    Err(header) => {
                        Box::pin(connection.hand_over(header, framing, ends.leaving)).await?
                    }
                };
            }
            Next::Http2 => return Some((connection.stream, connection.inbox.into_held())),
            Next::Refuse(error) => {
                Box::pin(connection.refuse(error)).await;
                return None;
            }
            Next::Close => {
                // The client has its answer; an error changes nothing.
                let _ = connection.stream.shutdown().await;
                return None;
            }
            Next::Leave => {
                let _ = connection.stream.leave().await;
                return None;
            }
            Next::End => return None,
        }
    }
}

/// Answers with an error status, and closes.
pub(super) async fn farewell(mut stream: Box<ClientStream>, status: StatusCode) {
    let mut bytes = Vec::new();
    let mut date = Date::new();
    Answer::bare(status).write_http1(date.value(Instant::now()), false, &mut bytes);
    // The connection ends either way.
    if stream.write_all(&bytes).await.is_ok() {
        let _ = stream.shutdown().await;
    }
}

// === impl Rules ===

impl<'e> Rules<'e> {
    fn load(self) -> Current<'e> {
        match self {
            Self::Traffic(snapshot, client, _) => Current::Traffic(snapshot.load(), client),
            Self::Pages(limits) => Current::Pages(limits),
        }
    }
}

impl Current<'_> {
    fn limits(&self) -> &Limits {
        match self {
            Self::Traffic(snapshot, _) => &snapshot.limits,
            Self::Pages(limits) => limits,
        }
    }

    fn traffic(&self) -> Option<Traffic<'_>> {
        match self {
            Self::Traffic(snapshot, client) => Some(Traffic { snapshot, client }),
            Self::Pages(_) => None,
        }
    }
}

// === impl Connection ===

impl<'e, A: HttpServerApp> Connection<'e, A> {
    fn new(
        app: &'e Arc<A>,
        rules: Rules<'e>,
        stream: Box<ClientStream>,
        inbox: Inbox,
        ends: Ends<'_>,
    ) -> Self {
        let mut connection = Self {
            app,
            rules,
            stream,
            inbox,
            draining: Draining::new(ends),
        };
        connection.set_timer(rules.load().limits());
        connection
    }

    /// Takes what has come, or what is here already, answers what can be answered, and returns what is
    /// next.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        SCRATCH.with_borrow_mut(|Scratch { input, answers }| {
            if self.inbox.has_news() {
                return Poll::Ready(self.turn(&[], answers, cx));
            }
            match self.stream.poll_receive(cx, input) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::End.into()),
                Poll::Ready(Ok(n)) => return Poll::Ready(self.turn(&input[..n], answers, cx)),
                Poll::Pending => {}
            }
            if self.stream.timers.poll(Timer::Request, cx).is_ready() {
                return Poll::Ready(self.inbox.expire().into());
            }
            // A request that has begun to come is still served.
            if self.inbox.is_idle() && self.draining.stopped.poll(cx).is_ready() {
                return Poll::Ready(Next::End.into());
            }
            Poll::Pending
        })
    }

    fn turn(&mut self, received: &[u8], answers: &mut Answers, cx: &mut Context<'_>) -> Turn {
        let now = Instant::now();
        let moment = Moment {
            now,
            is_stopping: self.draining.leaving.is_set(),
        };
        let rules = self.rules.load();
        let (limits, traffic) = (rules.limits(), rules.traffic());
        answers.clear();
        let next = self.inbox.receive(received, &moment, limits, |head| {
            answers.reply(traffic, head, &moment)
        });
        self.set_timer(limits);
        let unsent = match answers.output.is_empty() {
            true => Ok(None),
            false => self.start_sending(&answers.output, cx),
        };
        if let Some(Traffic { snapshot, .. }) = traffic
            && answers.has_answered()
        {
            answers.finish(snapshot);
        }
        match unsent {
            Ok(unsent) => Turn { unsent, next },
            Err(_) => Next::End.into(),
        }
    }

    fn set_timer(&mut self, limits: &Limits) {
        let deadline = self.inbox.deadline(limits);
        self.stream.timers.set(Timer::Request, deadline);
    }

    /// Writes as much as the socket takes at once, which is nearly always all. Returns the rest.
    fn start_sending(
        &mut self,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> std::io::Result<Option<Vec<u8>>> {
        let stream = &mut self.stream;
        let sent = match stream.poll_send(cx, bytes) {
            Poll::Ready(sent) => sent?,
            Poll::Pending => 0,
        };
        let is_flushed = Pin::new(stream).poll_flush(cx)?.is_ready();
        let is_sent = is_flushed && sent == bytes.len();
        Ok((!is_sent).then(|| bytes[sent..].to_vec()))
    }

    /// Sends what is left; returns whether the client took it.
    async fn send(&mut self, unsent: &[u8]) -> bool {
        self.stream.write_all(unsent).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// Takes a request on that the express lane forwards; gives the header of any other one back.
    fn take(&self, header: BytesMut, framing: Framing) -> Result<(&'e Relay, Relayed), BytesMut> {
        let Rules::Traffic(snapshot, _, relay) = self.rules else {
            return Err(header);
        };
        let relayed = relay.take(snapshot.load_full(), header, framing)?;
        Ok((relay, relayed))
    }

    /// Has the express lane forward a request; returns the connection for the next one.
    async fn relay(mut self, relay: &Relay, relayed: Relayed, framing: Framing) -> Option<Self> {
        let body_timeout = self.rules.load().limits().body_timeout;
        let held = self.inbox.into_held();
        self.stream.start_request(framing, held, body_timeout);
        if !relay.serve(&mut self.stream, relayed).await {
            return None;
        }
        let inbox = Inbox::resume(self.stream.take_held(), Instant::now());
        let mut connection = Self { inbox, ..self };
        connection.set_timer(self.rules.load().limits());
        Some(connection)
    }

    /// Has the application serve a request; returns the connection for the next one.
    async fn hand_over(
        mut self,
        header: BytesMut,
        framing: Framing,
        leaving: &ShutdownWatch,
    ) -> Option<Self> {
        if self.draining.leaving.is_set() {
            // With a task's budget used up, pingora would see the end before the request.
            tokio::task::yield_now().await;
        }
        let body_timeout = self.rules.load().limits().body_timeout;
        let held = self.inbox.into_held();
        self.stream.start_request(framing, held, body_timeout);
        let mut session = ServerSession::new_http1(self.stream);
        session.set_pipelined_prefix(header);
        let reused = self.app.process_new_http(session, leaving).await?;
        // The settings would be for pingora's next request, if it read that header itself.
        let (stream, _settings) = reused.consume();
        let mut stream = ClientStream::back(stream)?;
        let inbox = Inbox::resume(stream.take_held(), Instant::now());
        let mut connection = Self {
            stream,
            inbox,
            ..self
        };
        connection.set_timer(self.rules.load().limits());
        Some(connection)
    }

    /// Answers a header that came too slowly, is too long, or can't be read.
    async fn refuse(self, error: RequestError) {
        let since = self.inbox.header_since().unwrap_or_else(Instant::now);
        if let Rules::Traffic(snapshot, client, _) = self.rules {
            Record::refused(
                &snapshot.load(),
                client,
                error,
                since.into_std(),
                Some(error.status()),
            );
        }
        farewell(self.stream, error.status()).await;
    }
}

// === impl Scratch ===

impl Scratch {
    fn new() -> Self {
        Self {
            input: vec![0; INPUT].into(),
            answers: Answers::new(),
        }
    }
}

impl From<Next> for Turn {
    fn from(next: Next) -> Self {
        Self { unsent: None, next }
    }
}
