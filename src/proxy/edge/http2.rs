//! HTTP/2: a connection's streams, each from its decoded header.
//!
//! Preflights that the gateway answers itself are answered where they are accepted, with one frame
//! and without a task or a proxy session. Every other stream has a task, in which it is forwarded, by the express
//! lane or by pingora.

use super::backlog::{Account, Backlog};
use super::client_stream::ClientStream;
use super::draining::{Draining, Ends};
use super::express::answer_http2;
use super::frame_bounds::Excess;
use super::timers::{Timer, Timers};
use super::{Edge, HEADER_ROOM, response_deadline, upload};
use crate::config::Limits;
use crate::proxy::check::RequestError;
use crate::proxy::client::Client;
use crate::proxy::record::Record;
use bytes::{Bytes, BytesMut};
use h2::Reason;
use http::StatusCode;
use parking_lot::Mutex;
use pingora_core::apps::HttpServerApp as _;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::{
    H2Accept, H2Options, HttpSession, default_h2_options, handshake,
};
use pingora_core::protocols::{
    Digest, GetProxyDigest as _, GetSocketDigest as _, GetTimingDigest as _, Stream,
};
use pingora_core::server::ShutdownWatch;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::task::{unconstrained, yield_now};
use tokio::time::Instant;
use tracing::debug;

/// Maximum number of streams that have a task at once, for each one that may be open: one that the
/// client has reset may not have noticed yet. One more is refused.
const SERVED_PER_OPEN: usize = 2;

/// Maximum that h2 holds of one response, which is a part of what its backlog counts.
const SEND_BUFFER: usize = 64 << 10;

/// Maximum number of malformed requests on a connection; with that many, it is ended.
const MAX_MALFORMED: usize = 32;

/// Maximum number of streams on a connection that are reset because of what the client sent, or that are
/// beyond the number of those that it may open; with one more, the connection is ended.
const MAX_ERRORS: usize = 256;

/// Maximum number of streams that are taken before any of them is answered.
const MAX_TAKEN: usize = 32;

type Connection = h2::server::Connection<Stream, Bytes>;

/// The streams of a connection that have a task.
#[derive(Debug)]
struct Streams {
    open: usize,
    /// The time at which one of them began or ended last.
    last: Instant,
}

struct OpenStream(Arc<Mutex<Streams>>);

/// A stream whose header has come.
enum Accepted {
    /// In a box at once: it is large, and moved several times.
    Stream(Box<HttpSession>),
    /// pingora has answered it, or reset it.
    Rejected,
}

/// Serves a connection to its end.
pub(super) async fn serve(
    edge: &Arc<Edge>,
    client: &Arc<Client>,
    mut stream: Box<ClientStream>,
    held: BytesMut,
    ends: Ends<'_>,
) {
    let limits = edge.snapshot.load().limits;
    let excess = Excess::default();
    stream.start_http2(held, limits.header_timeout, excess.clone());
    let digest = Arc::new(Digest {
        ssl_digest: None,
        timing_digest: stream.get_timing_digest(),
        proxy_digest: stream.get_proxy_digest(),
        socket_digest: stream.get_socket_digest(),
    });
    let mut connection = match handshake(stream, Some(options(&limits))).await {
        Ok(connection) => connection,
        Err(error) => return debug!(%error, "no HTTP/2 connection came about"),
    };
    let streams = Arc::new(Mutex::new(Streams {
        open: 0,
        last: Instant::now(),
    }));
    // A table of its own: the stream's belongs to h2 by now.
    let now = Instant::now();
    let mut timers = Timers::new(now);
    timers.set(Timer::Request, now + limits.keepalive_timeout);
    let mut draining = Draining::new(ends);
    let mut is_draining = false;
    // A connection that comes while the process is leaving has at least one stream.
    let mut is_used = false;
    let mut malformed = 0;
    let max_served = limits.max_concurrent_streams as usize * SERVED_PER_OPEN;
    let backlog = Account::of_connection();
    loop {
        let accepted = tokio::select! {
            biased;
            () = poll_fn(|cx| draining.poll(is_used, cx)), if !is_draining => {
                connection.graceful_shutdown();
                is_draining = true;
                continue;
            }
            // Before the reading, and whatever that leaves of the task's budget: a flood of frames must
            // not starve the timer.
            () = unconstrained(poll_fn(|cx| timers.poll(Timer::Request, cx))) => {
                match idle_until(&streams, limits.keepalive_timeout) {
                    until if until <= Instant::now() => return,
                    until => timers.set(Timer::Request, until),
                }
                continue;
            }
            accepted = accept(&mut connection, &digest, &streams) => accepted,
            // Only the reading above finds one.
            error = poll_fn(|_| excess.found().map_or(Poll::Pending, Poll::Ready)) => {
                return refuse(edge, client, connection, error).await;
            }
        };
        streams.lock().last = Instant::now();
        is_used = true;
        for mut accepted in accepted {
            if let Ok(Some(Accepted::Stream(session))) = &mut accepted
                && answer_http2(&edge.snapshot.load(), client, session)
            {
                continue;
            }
            match accepted {
                // Those that wait for room do not learn that they were reset.
                Ok(Some(Accepted::Stream(session))) if streams.lock().open >= max_served => {
                    refuse_stream(edge, client, session);
                }
                Ok(Some(Accepted::Stream(session))) => {
                    let backlog = Backlog::new(&backlog, &edge.backlog);
                    hand_over(
                        edge,
                        session,
                        backlog,
                        OpenStream::new(&streams),
                        Arc::clone(client),
                        ends.leaving,
                    );
                }
                Ok(Some(Accepted::Rejected)) => {
                    // pingora answers some with 400, and resets others.
                    let error = RequestError::MalformedStream;
                    count(edge, client, error, Some(error.status()));
                    malformed += 1;
                    if malformed >= MAX_MALFORMED {
                        return refuse(edge, client, connection, RequestError::TooManyFrames).await;
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    if let Some(found) = found_by_h2(&error) {
                        count(edge, client, found, None);
                    }
                    return debug!(%error, "an HTTP/2 connection ended");
                }
            }
        }
    }
}

/// Returns what h2 has found wrong with a connection, which it then ends; `None` if the client ended it.
fn found_by_h2(error: &pingora_core::Error) -> Option<RequestError> {
    let error = error.root_cause().downcast_ref::<h2::Error>()?;
    let reason = error.reason().filter(|_| error.is_library())?;
    Some(match reason {
        Reason::ENHANCE_YOUR_CALM => RequestError::TooManyFrames,
        _ => RequestError::MalformedStream,
    })
}

/// Ends a connection that is beyond a bound: RFC 9113 §10.5.
async fn refuse(edge: &Edge, client: &Client, mut connection: Connection, error: RequestError) {
    count(edge, client, error, None);
    connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
    // The connection ends either way.
    let _ = poll_fn(|cx| connection.poll_closed(cx)).await;
}

/// Counts a stream that is refused before a route is known.
fn count(edge: &Edge, client: &Client, error: RequestError, status: Option<StatusCode>) {
    let now = Instant::now().into_std();
    Record::refused(&edge.snapshot.load(), client, error, now, status);
}

/// Refuses a stream, which the client may then open again: RFC 9113 §8.7.
fn refuse_stream(edge: &Edge, client: &Client, mut session: Box<HttpSession>) {
    count(edge, client, RequestError::TooManyRequests, None);
    session.shutdown_with_reason(Reason::REFUSED_STREAM);
}

/// Returns HTTP/2's settings for a connection.
fn options(limits: &Limits) -> H2Options {
    let header_bytes = u32::try_from(limits.max_request_header_bytes).unwrap_or(u32::MAX);
    let mut options = default_h2_options();
    options.max_header_list_size(header_bytes.saturating_mul(HEADER_ROOM));
    options.max_concurrent_streams(limits.max_concurrent_streams);
    options.max_send_buffer_size(SEND_BUFFER);
    options.max_local_error_reset_streams(Some(MAX_ERRORS));
    options
}

/// Waits for a stream, and takes those that came with it. The connection sends its output when it is
/// asked for a stream: since no answer is made before all streams are taken, answers go out together.
async fn accept(
    connection: &mut Connection,
    digest: &Arc<Digest>,
    streams: &Mutex<Streams>,
) -> Vec<pingora_core::Result<Option<Accepted>>> {
    let first = HttpSession::from_h2_conn(connection, Arc::clone(digest));
    let mut all = vec![boxed(after_others(first, streams).await)];
    while all.len() < MAX_TAKEN && matches!(all.last(), Some(Ok(Some(_)))) {
        let mut next = pin!(HttpSession::from_h2_conn(connection, Arc::clone(digest)));
        match poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
            Poll::Ready(next) => all.push(boxed(next)),
            Poll::Pending => break,
        }
    }
    all
}

fn boxed(
    accepted: pingora_core::Result<Option<H2Accept>>,
) -> pingora_core::Result<Option<Accepted>> {
    Ok(accepted?.map(|accepted| match accepted {
        H2Accept::Session(session) => Accepted::Stream(Box::new(session)),
        H2Accept::Rejected => Accepted::Rejected,
    }))
}

/// Waits as `accepting` does, but when woken lets all go first that are ready as well. Among them are the other
/// streams that have a response by now: what they send goes out with one call to the system.
async fn after_others<T>(accepting: impl Future<Output = T>, streams: &Mutex<Streams>) -> T {
    let mut accepting = pin!(accepting);
    let turn_of_others = |are_there: bool| are_there.then(yield_now);
    let mut others = pin!(turn_of_others(false));
    poll_fn(|cx| {
        if let Some(turn) = others.as_mut().as_pin_mut() {
            ready!(turn.poll(cx));
        }
        let accepted = accepting.as_mut().poll(cx);
        let has_others = accepted.is_pending() && streams.lock().open > 1;
        others.set(turn_of_others(has_others));
        accepted
    })
    .await
}

/// Returns the time at which the connection will have been idle for `timeout`, as it looks now.
fn idle_until(streams: &Mutex<Streams>, timeout: Duration) -> Instant {
    let streams = streams.lock();
    match streams.open {
        0 => streams.last + timeout,
        _ => Instant::now() + timeout,
    }
}

fn hand_over(
    edge: &Arc<Edge>,
    session: Box<HttpSession>,
    backlog: Arc<Backlog>,
    open: OpenStream,
    client: Arc<Client>,
    leaving: &ShutdownWatch,
) {
    let edge = Arc::clone(edge);
    let leaving = leaving.clone();
    let serve = async move {
        // In a box, because each of the futures around it is moved, and takes the room of what it holds twice.
        let request = Box::pin(async {
            match edge.relay.take_stream(&edge.snapshot.load_full(), session) {
                Ok(streamed) => edge.relay.serve_stream(streamed).await,
                Err(session) => {
                    let session = ServerSession::new_http2(*session);
                    // An HTTP/2 session is not used again.
                    let _ = Box::pin(edge.proxy.process_new_http(session, &leaving)).await;
                }
            }
        });
        if !upload::hold(response_deadline::hold(request)).await {
            debug!("a stream is reset: its body, or the header of its response, is late");
        }
        drop(open);
    };
    tokio::spawn(backlog.bound(client.serve(serve)));
}

// === impl OpenStream ===

impl OpenStream {
    fn new(streams: &Arc<Mutex<Streams>>) -> Self {
        streams.lock().open += 1;
        Self(Arc::clone(streams))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut streams = self.0.lock();
        streams.open -= 1;
        streams.last = Instant::now();
    }
}
