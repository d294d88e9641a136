//! Upstreams that send what they should not, or not in time.

use crate::support::{Client, Gateway, Http2Client, PATIENCE, Received, read_request};
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The fate of an upstream's connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    Waits,
    Closes,
}

/// An upstream that serves each request by a function, until that closes the connection.
struct Odd {
    address: SocketAddr,
    received: Arc<Mutex<Vec<String>>>,
}

impl Odd {
    /// `serve` gets the request, its number on its connection, and the connection.
    fn start(
        serve: impl Fn(&Received, usize, &mut TcpStream) -> Then + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (serve, log) = (Arc::clone(&serve), Arc::clone(&log));
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
                    for number in 0.. {
                        let Some(request) = read_request(&mut reader) else {
                            break;
                        };
                        let line = format!("{} {}", request.method, request.target);
                        log.lock().expect("no panic").push(line);
                        if serve(&request, number, &mut stream) == Then::Closes {
                            break;
                        }
                    }
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Self { address, received }
    }

    /// Sends `answer` to every request but those for /next, which are answered well.
    fn answering(answer: &str, then: Then) -> Self {
        // A character is a byte.
        let answer: Vec<u8> = answer.chars().map(|c| c as u8).collect();
        Self::start(move |request, _, stream| {
            if request.target == "/next" {
                stream.write_all(NEXT.as_bytes()).expect("it reads");
                return Then::Waits;
            }
            // The gateway may have had enough of it.
            let _ = stream.write_all(&answer);
            then
        })
    }

    fn received(&self) -> Vec<String> {
        self.received.lock().expect("no panic").clone()
    }

    fn gateway(&self, keys: &str) -> Gateway {
        gateway(&[self.address], keys)
    }
}

const NEXT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext";
const REFUSED: &str = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
const ORIGIN: &str = "Origin: https://app.example.com\r\n";

fn gateway(endpoints: &[SocketAddr], keys: &str) -> Gateway {
    let endpoints: Vec<String> = endpoints.iter().map(|e| format!("'{e}'")).collect();
    // A request's body keeps its response waiting for as long as its client may pause.
    Gateway::start(&format!(
        "limits: {{ body_timeout: 1s }}\n\
         upstreams: {{ u: {{ endpoints: [{}], {keys} }} }}\n\
         routes: [{{ upstream: u, cors: {{ allow_origins: ['https://app.example.com'] }} }}]\n",
        endpoints.join(", ")
    ))
}

/// Everything that the gateway sends until it closes, without the fields that it adds to every response.
fn everything(gateway: &Gateway, requests: &str) -> String {
    let mut stream = TcpStream::connect(gateway.address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.write_all(requests.as_bytes()).expect("it reads");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("it closes");
    let all: String = all.into_iter().map(char::from).collect();
    let own = ["Date: ", "Vary: ", "Connection: ", "X-Request-Id: "];
    let lines = all.split_inclusive("\r\n");
    lines
        .filter(|line| !own.iter().any(|name| line.starts_with(name)))
        .collect()
}

/// The second request comes behind the first: bytes that are not its response would be taken for it.
fn with_next(method: &str) -> String {
    format!(
        "{method} / HTTP/1.1\r\nHost: a.test\r\n\r\n\
         GET /next HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
    )
}

/// The answer to a request over HTTP/2: status and body, `None` where the stream was reset.
fn over_http_2(gateway: &Gateway, method: &str) -> Option<(u16, String)> {
    let response = Http2Client::connect(gateway.address).exchange(method, &[]);
    response
        .ok()
        .map(|response| (response.status, response.body))
}

#[test]
fn responses_are_passed_on_in_one_form() {
    use Then::{Closes, Waits};
    const SMUGGLED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    const CHUNKS: &str = "5\r\nhello\r\n0\r\n\r\n";
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKS}");
    let plain = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    for (method, answer, then, expected, body) in [
        // No content: RFC 9110 §8.6 and §15.3.6, RFC 9112 §6.3.
        (
            "GET",
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
            Waits,
            "HTTP/1.1 204 No Content\r\n\r\n",
            "",
        ),
        (
            "GET",
            &format!("HTTP/1.1 204 No Content\r\nContent-Length: 44\r\n\r\n{SMUGGLED}"),
            Waits,
            "HTTP/1.1 204 No Content\r\n\r\n",
            "",
        ),
        (
            "GET",
            &format!("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKS}"),
            Closes,
            "HTTP/1.1 204 No Content\r\n\r\n",
            "",
        ),
        (
            "PUT",
            "HTTP/1.1 205 Reset Content\r\nContent-Length: 5\r\n\r\nhello",
            Waits,
            "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
            "",
        ),
        (
            "PUT",
            &format!("HTTP/1.1 205 Reset Content\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKS}"),
            Waits,
            "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
            "",
        ),
        (
            "PUT",
            "HTTP/1.1 205 Reset Content\r\n\r\nhello",
            Closes,
            "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
            "",
        ),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello",
            Waits,
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            "",
        ),
        (
            "HEAD",
            plain,
            Waits,
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            "",
        ),
        (
            "HEAD",
            &format!("HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n{SMUGGLED}"),
            Waits,
            "HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n",
            "",
        ),
        (
            "HEAD",
            &chunked,
            Waits,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "",
        ),
        // One length.
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            Waits,
            plain,
            "hello",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
            Waits,
            plain,
            "hello",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
            Waits,
            plain,
            "hello",
        ),
        ("GET", &format!("{plain}{SMUGGLED}"), Waits, plain, "hello"),
        (
            "GET",
            &format!("{chunked}{SMUGGLED}"),
            Waits,
            &chunked,
            "hello",
        ),
        (
            "GET",
            &format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKS}"
            ),
            Waits,
            &chunked,
            "hello",
        ),
        (
            "GET",
            &chunked.replace("5\r\n", "5;name=value\r\n"),
            Waits,
            &chunked,
            "hello",
        ),
        (
            "GET",
            &chunked.replace("1.1", "1.0"),
            Waits,
            &chunked,
            "hello",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\r\n\r\nhello",
            Closes,
            &chunked,
            "hello",
        ),
        (
            "GET",
            "HTTP/1.0 200 OK\r\n\r\nhello",
            Closes,
            &chunked,
            "hello",
        ),
        (
            "GET",
            "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            Closes,
            plain,
            "hello",
        ),
        // Interim responses have no content either.
        (
            "GET",
            &format!(
                "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nConnection: close\r\n\r\n{plain}"
            ),
            Waits,
            &format!("HTTP/1.1 103 Early Hints\r\n\r\n{plain}"),
            "hello",
        ),
        // A field's value is one line.
        (
            "GET",
            "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
            Waits,
            "HTTP/1.1 200 OK\r\nX: a b\r\nContent-Length: 0\r\n\r\n",
            "",
        ),
        (
            "GET",
            "HTTP/1.1 200 OK\nX: \u{e9}\nContent-Length: 0\n\n",
            Waits,
            "HTTP/1.1 200 OK\r\nX: \u{e9}\r\nContent-Length: 0\r\n\r\n",
            "",
        ),
    ] {
        let upstream = Odd::answering(answer, then);
        let gateway = upstream.gateway("");
        let all = everything(&gateway, &with_next(method));
        assert_eq!(all, format!("{expected}{NEXT}"), "{answer:?}");
        let status = expected.rsplit("HTTP/1.1 ").next().expect("one");
        let status: u16 = status[..3].parse().expect("a status");
        let answered = over_http_2(&gateway, method);
        assert_eq!(answered, Some((status, body.to_owned())), "{answer:?}");
    }
}

#[test]
fn responses_that_mean_two_things_are_refused() {
    let many = "X: y\r\n".repeat(10_000);
    let long = "x".repeat(10 << 20);
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n".repeat(17);
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: gzip\r\n\r\n",
        "hello",
        "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 99 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 1000 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 \x01\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n X: a\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX y: a\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX\r\nContent-Length: 0\r\n\r\n",
        // A 101 that was not asked for.
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nevil",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        // Without end.
        &format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 0\r\n\r\n"),
        &format!("HTTP/1.1 200 OK\r\nX: {long}\r\nContent-Length: 0\r\n\r\n"),
        &format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let upstream = Odd::answering(answer, Then::Waits);
        let gateway = upstream.gateway("");
        let all = everything(&gateway, &with_next("GET"));
        let last = all.rsplit("\r\n\r\nHTTP").next().expect("one");
        let last = format!("HTTP{}", last.trim_start_matches("HTTP"));
        assert_eq!(last, REFUSED, "{answer:.100?}");
        let status = over_http_2(&gateway, "GET").map(|(status, _)| status);
        assert_eq!(status, Some(502), "{answer:.100?}");
    }
}

#[test]
fn a_content_that_is_cut_off_is_not_passed_on_as_whole() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (content, passed_on) in [
        ("5\r\nhel", "3\r\nhel\r\n"),
        ("5\r\nhello\r\n", "5\r\nhello\r\n"),
        ("5\r\nhello\r\n0\r\n", "5\r\nhello\r\n"),
        ("ZZ\r\nhello\r\n0\r\n\r\n", ""),
        ("5\nhello\n0\n\n", ""),
        ("-5\r\nhello\r\n0\r\n\r\n", ""),
        ("5\r\nhelloXX0\r\n\r\n", ""),
        ("fffffffffffffffff\r\nhello\r\n0\r\n\r\n", ""),
    ] {
        let upstream = Odd::answering(&format!("{CHUNKED}{content}"), Then::Closes);
        let gateway = upstream.gateway("");
        let all = everything(&gateway, &with_next("GET"));
        assert_eq!(all, format!("{CHUNKED}{passed_on}"), "{content:?}");
        assert_eq!(over_http_2(&gateway, "GET"), None, "{content:?}");
    }
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    let upstream = Odd::answering(short, Then::Closes);
    let gateway = upstream.gateway("");
    assert_eq!(everything(&gateway, &with_next("GET")), short);
    assert_eq!(over_http_2(&gateway, "GET"), None);
}

/// The time-out of tests that wait for it, and about how long they may then take.
const LIMIT: Duration = Duration::from_millis(500);
const SOON: Duration = Duration::from_secs(10);
const TIMEOUT: &str = "read_timeout: 500ms, write_timeout: 500ms";

/// Waits for so long; returns whether the gateway has not closed meanwhile.
fn hear_nothing(stream: &mut TcpStream, time: Duration) -> bool {
    stream.set_read_timeout(Some(time)).expect("a time-out");
    !matches!(stream.read(&mut [0]), Ok(0))
}

/// Sends `start`, and then `drop` again and again, until the gateway closes.
fn dripping(start: &'static str, drop: &'static str) -> Odd {
    Odd::start(move |_, _, stream| {
        let mut sent = stream.write_all(start.as_bytes());
        while sent.is_ok() && hear_nothing(stream, LIMIT / 10) {
            sent = stream.write_all(drop.as_bytes());
        }
        Then::Closes
    })
}

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[test]
fn a_response_has_to_begin_in_time_whatever_the_upstream_sends() {
    for (start, drop) in [
        ("", ""),
        ("HTTP/1.1 200 OK\r\nX: ", "x"),
        ("HTTP/1.1 103 Early Hints\r\nX: ", "x"),
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
    ] {
        let upstream = dripping(start, drop);
        let gateway = upstream.gateway(TIMEOUT);
        for fields in [
            "",
            UPGRADE,
            "Upgrade: x\r\nConnection: upgrade\r\n",
            "Upgrade: websocket\r\n",
        ] {
            let mut client = Client::connect(gateway.address);
            let started = Instant::now();
            client.write(
                format!("GET / HTTP/1.1\r\nHost: a.test\r\n{ORIGIN}{fields}\r\n").as_bytes(),
            );
            let response = loop {
                let response = client.read(false).expect("an answer");
                if response.status >= 200 {
                    break response;
                }
            };
            let waited = started.elapsed();
            // Sixteen interim responses may come sooner.
            assert!(
                matches!(response.status, 502 | 504),
                "{start:?} {fields:?}: {response:?}"
            );
            let is_504 = response.status == 504 && waited >= LIMIT;
            assert!(
                is_504 || drop.len() > 1,
                "{start:?} {fields:?}: {response:?} after {waited:?}"
            );
            assert!(waited < SOON, "{start:?} {fields:?}: {waited:?}");
            let allowed = response.get("access-control-allow-origin");
            assert_eq!(allowed.as_deref(), Some("https://app.example.com"));
            assert!(client.is_closed());
        }
        let started = Instant::now();
        let answered = over_http_2(&gateway, "GET").map(|(status, _)| status);
        // Where it drips, the stream is reset.
        let is_refused = matches!(answered, Some(502 | 504)) || (answered.is_none() && drop == "x");
        assert!(
            is_refused && started.elapsed() < SOON,
            "{start:?}: {answered:?}"
        );
        let counted = gateway.metric(
            "corsgate_request_duration_seconds_count{kind=\"request\",route=\"routes[0]\"}",
        );
        assert!(
            (counted - 5.0).abs() < 0.1,
            "{start:?}: {counted} of 5 requests"
        );
    }
}

#[test]
fn an_upstream_that_takes_nothing_is_given_up() {
    let upstream = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let gateway = gateway(&[upstream.local_addr().expect("bound")], TIMEOUT);
    for fields in ["", UPGRADE] {
        // More than the sockets on the way hold.
        let length = 64 << 20;
        let head =
            format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n{fields}\r\n");
        let started = Instant::now();
        let mut stream = TcpStream::connect(gateway.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let mut writer = stream.try_clone().expect("a socket");
        let upload = thread::spawn(move || {
            writer.write_all(head.as_bytes())?;
            writer.write_all(&vec![b'x'; length])
        });
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 504", "{fields:?}");
        assert!(
            started.elapsed() < SOON,
            "{fields:?}: {:?}",
            started.elapsed()
        );
        drop(stream);
        // It may have been read to its end, or not.
        let _ = upload.join().expect("no panic");
    }
}

#[test]
fn a_client_of_http_1_0_gets_no_interim_response() {
    let answer = format!("HTTP/1.1 103 Early Hints\r\n\r\n{NEXT}");
    let upstream = Odd::answering(&answer, Then::Waits);
    let gateway = upstream.gateway("");
    let all = everything(&gateway, "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    assert_eq!(all, NEXT);
}

#[test]
fn a_websocket_that_is_refused_has_no_more_time_than_any_other_response() {
    let upstream = Odd::answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        Then::Waits,
    );
    let gateway = upstream.gateway(TIMEOUT);
    let started = Instant::now();
    let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{UPGRADE}\r\n");
    let all = everything(&gateway, &request);
    assert!(all.ends_with("hello"), "{all:?}");
    let waited = started.elapsed();
    assert!(waited >= LIMIT && waited < SOON, "{waited:?}");
}

#[test]
fn a_websocket_may_be_silent_for_longer_than_a_response() {
    let upstream = Odd::start(|_, _, stream| {
        let switching =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        stream.write_all(switching.as_bytes()).expect("it reads");
        hear_nothing(stream, LIMIT * 2);
        stream.write_all(b"ping").expect("it reads");
        Then::Closes
    });
    let gateway = upstream.gateway(TIMEOUT);
    let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{UPGRADE}\r\n");
    let all = everything(&gateway, &request);
    assert!(all.starts_with("HTTP/1.1 101 "), "{all:?}");
    assert!(all.ends_with("ping"), "{all:?}");
}

/// An upstream that has no use for a connection after its first request: it reads the second one, as far
/// as a half-closed connection lets it, and closes without a word or with a few.
fn closing(last_words: &'static str) -> Odd {
    Odd::start(move |_, number, stream| match number {
        0 => {
            stream.write_all(NEXT.as_bytes()).expect("it reads");
            Then::Waits
        }
        _ => {
            let _ = stream.write_all(last_words.as_bytes());
            Then::Closes
        }
    })
}

fn request(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
fn a_request_that_meets_a_closed_connection_is_sent_again_if_that_is_safe() {
    let long = "x".repeat(100 << 10);
    for (method, body, last_words, is_sent_again) in [
        ("GET", "", "", true),
        ("HEAD", "", "", true),
        ("OPTIONS", "", "", true),
        ("DELETE", "", "", true),
        ("PUT", "", "", true),
        ("PUT", "hello", "", true),
        ("POST", "", "", false),
        ("POST", "hello", "", false),
        ("PATCH", "hello", "", false),
        // More than is kept to be sent again.
        ("PUT", &long, "", false),
        // A response had begun.
        ("GET", "", "H", false),
        ("GET", "", "HTTP/1.1 103 Early Hints\r\n\r\n", false),
    ] {
        let upstream = closing(last_words);
        let gateway = upstream.gateway("");
        assert_eq!(gateway.send(&request("GET", "/first", "")).status, 200);
        let mut client = Client::connect(gateway.address);
        let response = client.exchange(&request(method, "/second", body));
        let expected = if is_sent_again { 200 } else { 502 };
        assert_eq!(response.status, expected, "{method} {last_words:?}");
        let line = format!("{method} /second");
        let second = upstream.received().iter().filter(|r| **r == line).count();
        assert_eq!(
            second,
            1 + usize::from(is_sent_again),
            "{method} {last_words:?}"
        );
    }
}

#[test]
fn a_request_that_fresh_connections_close_on_is_sent_as_often_as_retries_say() {
    for (method, body, keys, expected) in [
        ("GET", "", "", 3),
        ("DELETE", "", "", 3),
        ("GET", "", "retries: 0", 1),
        ("GET", "", "retries: 5", 6),
        // It may have been this request that the upstream ended with.
        ("PUT", "hello", "", 1),
        ("POST", "", "", 1),
    ] {
        let upstream = Odd::answering("", Then::Closes);
        let gateway = upstream.gateway(keys);
        assert_eq!(gateway.send(&request(method, "/", body)).status, 502);
        assert_eq!(upstream.received().len(), expected, "{method}{keys}");
        let retries = gateway.metric(r#"corsgate_upstream_retries_total{upstream="u"}"#);
        assert_eq!(retries, (expected - 1) as f64, "{method}{keys}");
    }
}

#[test]
fn an_upstream_that_closes_idle_connections_costs_no_request() {
    let pause = Duration::from_millis(1);
    let upstream = Odd::start(move |request, _, stream| {
        let body = if request.method == "HEAD" { "" } else { "next" };
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).expect("it reads");
        stream.set_read_timeout(Some(pause)).expect("a time-out");
        // The next read fails after that time, and closes it.
        Then::Waits
    });
    let gateway = upstream.gateway("");
    let mut client = Client::connect(gateway.address);
    for _ in 0..100 {
        for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
            let body = if method == "PUT" { "hello" } else { "" };
            let response = client.exchange(&request(method, "/", body));
            assert_eq!(response.status, 200, "{method}");
            assert!(!client.has_news_within(pause), "nothing was asked");
        }
    }
}
