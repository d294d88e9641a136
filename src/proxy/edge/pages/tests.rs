//! Whole connections to a server of pages over a pipe, in a time that passes only while all wait.

use super::*;
use crate::pages::{RequestBody, with_body};
use async_trait::async_trait;
use http::request::Parts;
use http::{Response, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

const LIMITS: PageLimits = PageLimits {
    max_connections: 2,
    max_header_bytes: 1 << 10,
    max_headers: 10,
};

/// Length of what a connection takes unread, each way.
const PIPE: usize = 4 << 10;

/// A page that is longer than that, and says how much came with the request. `/read` waits for it.
struct LongPage;

#[async_trait]
impl Pages for LongPage {
    async fn respond(&self, request: &Parts, body: &mut dyn RequestBody) -> Response<Vec<u8>> {
        let mut length = 0;
        if request.uri.path() == "/read" {
            while let Ok(Some(chunk)) = body.next().await {
                length += chunk.len();
            }
        }
        let mut page = format!("{length} bytes came\n").into_bytes();
        page.resize(2 * PIPE, b'.');
        with_body(StatusCode::OK, "text/plain", page)
    }
}

/// A server, for as long as the value lives.
struct Server {
    edge: Arc<PageEdge<LongPage>>,
    _running: watch::Sender<bool>,
}

impl Server {
    fn new() -> Self {
        let running = watch::Sender::new(false);
        Self {
            edge: Arc::new(PageEdge::new(LongPage, LIMITS, running.subscribe())),
            _running: running,
        }
    }

    /// Connects, and sends something.
    async fn send(&self, bytes: &str) -> DuplexStream {
        let (mut ours, theirs) = duplex(PIPE);
        tokio::spawn(Arc::clone(&self.edge).serve(Tcp::pipe(theirs)));
        ours.write_all(bytes.as_bytes()).await.expect("it reads");
        ours
    }
}

/// Sends `drop` each second until the connection ends. Returns what came, without the page, and after how
/// many seconds it ended.
async fn drip(pipe: DuplexStream, drop: &str) -> (String, u64) {
    let (mut reader, mut writer) = tokio::io::split(pipe);
    let began = Instant::now();
    let mut rest = Vec::new();
    let dripping = async {
        loop {
            sleep(Duration::from_secs(1)).await;
            // Fails when the connection is closed.
            let _ = writer.write_all(drop.as_bytes()).await;
        }
    };
    tokio::select! {
        () = dripping => unreachable!("it goes on"),
        end = reader.read_to_end(&mut rest) => { end.expect("its end"); }
    }
    let rest = String::from_utf8(rest).expect("it is text");
    let status = rest.lines().next().unwrap_or_default().to_owned();
    (status, began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_client_of_pages_is_held_to_deadlines_and_bounds() {
    let long = "x".repeat(LIMITS.max_header_bytes as usize);
    let longer = "x".repeat(5 * LIMITS.max_header_bytes as usize);
    let fields = "a: b\r\n".repeat(LIMITS.max_headers + 1);
    let read = "POST /read HTTP/1.1\r\nHost: a\r\n";
    let close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
    for (name, start, drop, expected) in [
        ("silence", "", "", ("", 75)),
        ("empty lines", "", "\r\n", ("", 75)),
        ("a header that stops", "GET / HT", "", ("408", 10)),
        ("one that drips", "GET / HTTP/1.1\r\nX: ", "x", ("408", 10)),
        ("a header", &format!("{close}\r\n"), "", ("200", 0)),
        (
            "a long one",
            &format!("{close}X: {long}\r\n\r\n"),
            "",
            ("431", 0),
        ),
        (
            "one without an end",
            &format!("{close}X: {longer}"),
            "",
            ("431", 0),
        ),
        (
            "many fields",
            &format!("{close}{fields}\r\n"),
            "",
            ("431", 0),
        ),
        (
            "a malformed one",
            "GET / HTTP/1.1\r\nbad name: a\r\n\r\n",
            "",
            ("400", 0),
        ),
        (
            "two hosts",
            &format!("{close}Host: b\r\n\r\n"),
            "",
            ("400", 0),
        ),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", ("", 0)),
        (
            "a body that stops",
            &format!("{read}Content-Length: 9\r\n\r\n"),
            "",
            ("200", 60),
        ),
        // The answer does not wait for the body.
        (
            "a body that is not asked for",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "1\r\nx\r\n",
            ("200", 0),
        ),
    ] {
        let server = Server::new();
        let (status, seconds) = drip(server.send(start).await, drop).await;
        let (expected, after) = expected;
        let status = status.trim_start_matches("HTTP/1.1 ");
        assert!(status.starts_with(expected), "{name}: {status:?}");
        assert_eq!(status.is_empty(), expected.is_empty(), "{name}: {status:?}");
        assert_eq!(seconds, after, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_its_client_does_not_take_is_given_up() {
    let server = Server::new();
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut pipe = server.send(get).await;
    let began = Instant::now();
    while Arc::strong_count(&server.edge) > 1 {
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(began.elapsed().as_secs(), 61);
    let mut rest = Vec::new();
    pipe.read_to_end(&mut rest).await.expect("its end");
    assert!(rest.len() < 2 * PIPE, "cut off");
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_body_is_the_next_request() {
    let server = Server::new();
    let first = "POST /read HTTP/1.1\r\nHost: a\r\n";
    let last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for framed in [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        let mut pipe = server.send(&format!("{first}{framed}{last}")).await;
        let mut all = String::new();
        pipe.read_to_string(&mut all).await.expect("its end");
        assert_eq!(all.matches("HTTP/1.1 200").count(), 2, "{framed}");
        assert!(all.contains("\r\n\r\n5 bytes came\n"), "{framed}");
        assert!(all.contains("\r\n\r\n0 bytes came\n"), "{framed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_too_many_closes_the_connection_whose_last_request_is_the_longest_ago() {
    let server = Server::new();
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let ask = async |pipe: &mut DuplexStream| {
        pipe.write_all(get.as_bytes()).await.expect("it reads");
        let mut page = Vec::new();
        while page.len() < 2 * PIPE || !page.ends_with(b"...") {
            pipe.read_buf(&mut page).await.expect("a page");
        }
    };
    let mut first = server.send("").await;
    let mut second = server.send("").await;
    sleep(Duration::from_secs(1)).await;
    ask(&mut first).await;
    let mut third = server.send("").await;
    let mut end = Vec::new();
    assert_eq!(second.read_to_end(&mut end).await.ok(), Some(0));
    ask(&mut third).await;
    ask(&mut first).await;
}
