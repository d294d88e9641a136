//! Whole connections over a pipe, in a time that passes only while all wait: pingora serves what the
//! express lane does not, and no test waits.

use super::*;
use crate::config::Config;
use crate::framing::PREFACE;
use crate::metrics::Metrics;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex,
};
use tokio::sync::watch;
use tokio::task::coop::poll_proceed;
use tokio::time::{Instant, advance, sleep, timeout};

const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(60);
/// Time between two bytes of a client that drips: no read takes long.
const DRIP: Duration = Duration::from_secs(1);

/// Answered in the express lane, or by pingora if there is none.
const PREFLIGHT: &str = "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nOrigin: https://app.example.com\r\n\
                         Access-Control-Request-Method: PUT\r\n\r\n";
/// Answered by pingora: it has no route.
const GET: &str = "GET / HTTP/1.1\r\nHost: nowhere.test\r\n\r\n";
const ENDLESS: &str = "GET / HTTP/1.1\r\nX-Drip: ";

/// The process, which is not leaving.
static RUNNING: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// The client's end of a connection.
struct Client {
    pipe: DuplexStream,
}

/// Makes a gateway, with the express lane or without.
fn edge(lane: bool) -> Arc<Edge> {
    let text = format!(
        "listeners: [{{ address: '127.0.0.1:1' }}]\n\
         server: {{ express_lane: {lane} }}\n\
         limits: {{ header_timeout: {}s, keepalive_timeout: {}s }}\n\
         upstreams: {{ u: {{ endpoints: ['127.0.0.1:2'] }} }}\n\
         routes:\n\
         - name: r\n  match: {{ hosts: [a.test] }}\n  upstream: u\n  \
           cors: {{ allow_origins: ['https://app.example.com'], allow_methods: [PUT] }}\n",
        HEADER_TIMEOUT.as_secs(),
        KEEPALIVE_TIMEOUT.as_secs(),
    );
    let config = Config::parse(&text, Path::new("test.yaml")).expect("it loads");
    let metrics = Metrics::new().expect("names differ");
    let snapshot = Snapshot::new(config, &metrics, None, None);
    Arc::new(Edge::new(
        1,
        1,
        Arc::new(ArcSwap::from_pointee(snapshot)),
        Connections::new(metrics.connections()),
        metrics.tls().clone(),
        RUNNING.subscribe(),
        RUNNING.subscribe(),
    ))
}

/// Runs with a client of a gateway that has the express lane, and with one of a gateway without.
async fn in_both_lanes(run: impl AsyncFn(&dyn Fn() -> Client)) {
    for lane in [true, false] {
        let edge = edge(lane);
        run(&|| Client::connect(&edge)).await;
    }
}

// === impl Client ===

impl Client {
    fn connect(edge: &Arc<Edge>) -> Self {
        let (ours, theirs) = duplex(64 << 10);
        tokio::spawn(Arc::clone(edge).serve(Tcp::pipe(theirs)));
        Self { pipe: ours }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.pipe.write_all(bytes).await.expect("it reads");
    }

    /// Reads a response without a body.
    async fn response(&mut self) -> String {
        let mut response = Vec::new();
        while !response.ends_with(b"\r\n\r\n") {
            response.push(self.pipe.read_u8().await.expect("a response"));
        }
        String::from_utf8(response).expect("it is text")
    }

    async fn exchange(&mut self, request: &str) {
        self.send(request.as_bytes()).await;
        let response = self.response().await;
        let expected = match request.starts_with(GET) {
            true => "HTTP/1.1 404 Not Found\r\n",
            false => "HTTP/1.1 204 No Content\r\n",
        };
        assert!(response.starts_with(expected), "{response}");
    }

    /// Returns what the gateway sends up to the end of the connection, and how long that takes.
    async fn rest(mut self) -> (Vec<u8>, Duration) {
        let began = Instant::now();
        let mut rest = Vec::new();
        self.pipe.read_to_end(&mut rest).await.expect("its end");
        (rest, began.elapsed())
    }

    /// Sends `drop` now and again, until the connection ends; returns what came, and how long it took.
    async fn drip(self, drop: &[u8]) -> (Vec<u8>, Duration) {
        let (mut reader, mut writer) = tokio::io::split(self.pipe);
        let began = Instant::now();
        let mut rest = Vec::new();
        let dripping = async {
            loop {
                sleep(DRIP).await;
                // Fails when the connection is closed.
                let _ = writer.write_all(drop).await;
            }
        };
        tokio::select! {
            () = dripping => unreachable!("it goes on"),
            end = reader.read_to_end(&mut rest) => end.expect("its end"),
        };
        (rest, began.elapsed())
    }
}

/// Checks that a header is given up after its time.
fn assert_timed_out((response, waited): (Vec<u8>, Duration)) {
    let response = String::from_utf8(response).expect("it is text");
    assert!(
        response.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
        "{response}"
    );
    assert!(response.contains("\r\nConnection: close\r\n"), "{response}");
    assert!(
        response.ends_with("\r\n\r\n"),
        "nothing but that: {response}"
    );
    assert_eq!(waited.as_secs(), HEADER_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_header_that_does_not_end_is_answered_with_408() {
    in_both_lanes(async |connect| {
        for first in [None, Some(PREFLIGHT), Some(GET)] {
            for start in [
                "G",
                ENDLESS,
                PREFLIGHT.trim_end(),
                "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nX-Drip: ",
            ] {
                for drop in ["", "x"] {
                    let mut client = connect();
                    if let Some(first) = first {
                        client.exchange(first).await;
                        sleep(KEEPALIVE_TIMEOUT / 2).await;
                    }
                    client.send(start.as_bytes()).await;
                    assert_timed_out(client.drip(drop.as_bytes()).await);
                }
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn so_is_one_that_began_behind_another_request() {
    in_both_lanes(async |connect| {
        for first in [PREFLIGHT, GET] {
            let mut client = connect();
            client.exchange(&format!("{first}{ENDLESS}")).await;
            assert_timed_out(client.drip(b"x").await);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_header_that_takes_its_time_within_the_limit_is_served() {
    in_both_lanes(async |connect| {
        let mut client = connect();
        for request in [PREFLIGHT, GET] {
            let (start, end) = request.as_bytes().split_at(request.len() - 9);
            client.send(start).await;
            for &byte in end {
                let answered = timeout(DRIP, client.pipe.read_u8()).await;
                assert!(answered.is_err(), "an answer to a part");
                client.send(&[byte]).await;
            }
            client.response().await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_connection_without_a_word() {
    in_both_lanes(async |connect| {
        for requests in [&[][..], &[PREFLIGHT], &[GET], &[PREFLIGHT, GET, PREFLIGHT]] {
            let mut client = connect();
            for request in requests {
                // Longer than a header may take.
                sleep(KEEPALIVE_TIMEOUT - DRIP).await;
                client.exchange(request).await;
            }
            let (rest, waited) = client.rest().await;
            assert!(rest.is_empty(), "{requests:?}: {}", rest.escape_ascii());
            assert_eq!(waited.as_secs(), KEEPALIVE_TIMEOUT.as_secs());
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn empty_lines_are_silence() {
    in_both_lanes(async |connect| {
        let (rest, waited) = connect().drip(b"\r\n").await;
        assert!(rest.is_empty(), "{}", rest.escape_ascii());
        assert_eq!(waited.as_secs(), KEEPALIVE_TIMEOUT.as_secs());
    })
    .await;
}

/// RFC 9113 §3.4, and an empty SETTINGS frame, which has to follow.
const H2_SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";

#[tokio::test(start_paused = true)]
async fn an_http_2_header_that_does_not_end_ends_its_connection() {
    // Stream 1, END_STREAM without END_HEADERS; `:method: GET`, `:scheme: http`, `:path: /`.
    let headers = b"\0\0\x03\x01\x01\0\0\0\x01\x82\x86\x84";
    // The rest of it: 1000 bytes, which never come, or by drops.
    let continuation = b"\0\x03\xe8\x09\x04\0\0\0\x01";
    let whole = [PREFACE.as_bytes(), H2_SETTINGS, headers].concat();
    let dripping = [&whole[..], continuation].concat();
    let settings = [PREFACE.as_bytes(), H2_SETTINGS].concat();
    in_both_lanes(async |connect| {
        for (start, drop, limit) in [
            (&PREFACE.as_bytes()[..3], &b""[..], HEADER_TIMEOUT),
            (&PREFACE.as_bytes()[..12], b"", HEADER_TIMEOUT),
            (&whole, b"", HEADER_TIMEOUT),
            (&whole[..whole.len() - 2], b"", HEADER_TIMEOUT),
            (&dripping[..dripping.len() - 4], b"", HEADER_TIMEOUT),
            (&dripping, b"\0", HEADER_TIMEOUT),
            // Nothing is unfinished: that is silence.
            (&settings, b"", KEEPALIVE_TIMEOUT),
        ] {
            let mut client = connect();
            client.send(start).await;
            let (_, waited) = client.drip(drop).await;
            assert_eq!(
                waited.as_secs(),
                limit.as_secs(),
                "{}",
                start.escape_ascii()
            );
        }
    })
    .await;
}

/// A client that sends one frame after the other, as fast as they are read, and takes every answer.
#[derive(Debug)]
struct Flood {
    /// Read at first.
    start: Vec<u8>,
    frame: &'static [u8],
    /// Number of frames that were read.
    read: Arc<AtomicUsize>,
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Like a socket, which has a share of a task's turn and no more.
        let budget = ready!(poll_proceed(cx));
        budget.made_progress();
        match std::mem::take(&mut self.start) {
            start if start.is_empty() => {
                buf.put_slice(self.frame);
                self.read.fetch_add(1, Ordering::Relaxed);
            }
            start => buf.put_slice(&start),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_does_not_starve_the_timer_of_idle_connections() {
    let ping = b"\0\0\x08\x06\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08";
    let read = Arc::new(AtomicUsize::new(0));
    let flood = Flood {
        start: [PREFACE.as_bytes(), H2_SETTINGS].concat(),
        frame: ping,
        read: Arc::clone(&read),
    };
    let connection = tokio::spawn(edge(true).serve(Tcp::pipe(flood)));
    tokio::task::yield_now().await;
    advance(KEEPALIVE_TIMEOUT + Duration::from_secs(1)).await;
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert!(connection.is_finished(), "it has no request");
    let read = read.load(Ordering::Relaxed);
    assert!((100..9000).contains(&read), "{read}: not for their number");
}
