//! Bodies that pause: whose pause it is, how long it may be, and what the client learns. Each test runs with the
//! express lane and without it.

use crate::support::{
    Answer, Client, Gateway, LANES, PATIENCE, Upstream, WITH_LANE, http2, read_head, read_request,
    run,
};
use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, SendStream};
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// `body_timeout`, where it is to pass.
const SHORT: Duration = Duration::from_millis(500);
/// Timers are coarse: nothing may happen much earlier.
const AT_LEAST: Duration = Duration::from_millis(450);
const DRIP: Duration = Duration::from_millis(100);

const LATE: &str = r#"corsgate_requests_refused_total{reason="body_timeout",route="r"} "#;
const ORIGIN: &str = "https://app.example.com";

fn gateway(server: &str, upstream: SocketAddr, limits: &str, timeouts: &str) -> Gateway {
    let config = format!(
        "limits: {{ {limits} }}\n\
         upstreams: {{ u: {{ endpoints: ['{upstream}'], {timeouts} }} }}\n\
         routes: [{{ name: r, upstream: u, cors: {{ allow_origins: ['{ORIGIN}'] }} }}]\n"
    );
    Gateway::start_with(server, &config)
}

/// A request's header on HTTP/1.1.
fn post(fields: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\n{fields}\r\n")
}

/// Begins a request with a body on HTTP/2.
async fn begin(gateway: &Gateway, length: Option<usize>) -> (ResponseFuture, SendStream<Bytes>) {
    let mut client = http2(gateway.address).await;
    let mut request = http::Request::post("http://a.test/").header("origin", ORIGIN);
    if let Some(length) = length {
        request = request.header("content-length", length);
    }
    let request = request.body(()).expect("a request");
    client.send_request(request, false).expect("a stream")
}

/// Starts an upstream that is told when to do what.
fn told(serve: impl FnOnce(TcpStream, Receiver<()>) + Send + 'static) -> (SocketAddr, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (tell, told) = channel();
    // The thread ends with the test, which drops its end of the channel.
    thread::spawn(move || serve(listener.accept().expect("a connection").0, told));
    (address, tell)
}

/// Starts an upstream that reads all, and answers nothing.
fn reading() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {});
        }
    });
    address
}

#[test]
fn a_body_that_pauses_is_answered_with_408_that_a_script_can_read() {
    for server in LANES {
        let gateway = gateway(server, reading(), "body_timeout: 500ms", "");
        let mut counted = 0.0;
        for (fields, body) in [
            ("Content-Length: 9\r\n", ""),
            ("Content-Length: 9\r\n", "body"),
            ("Content-Length: 900000\r\n", "body"),
            ("Transfer-Encoding: chunked\r\n", "4\r\nbody\r\n"),
            ("Transfer-Encoding: chunked\r\n", "4\r\nbo"),
        ] {
            let mut client = Client::connect(gateway.address);
            let started = Instant::now();
            client.write((post(fields) + body).as_bytes());
            let response = client.read(false).expect("an answer");
            let waited = started.elapsed();
            assert_eq!(response.status, 408, "{fields:?} {body:?}: {response:?}");
            assert!(waited >= AT_LEAST, "{fields:?} {body:?}: {waited:?}");
            let allowed = response.get("access-control-allow-origin");
            assert_eq!(allowed.as_deref(), Some(ORIGIN));
            assert_eq!(response.get("connection").as_deref(), Some("close"));
            assert!(client.is_closed());
            counted += 1.0;
            gateway.wait_for_metric(LATE, counted);
        }
    }
}

#[test]
fn a_body_may_take_longer_than_any_pause_in_it() {
    for server in LANES {
        let upstream = Upstream::start(Answer::ok());
        let gateway = gateway(
            server,
            upstream.address,
            "body_timeout: 2s",
            "read_timeout: 1500ms",
        );
        let mut client = Client::connect(gateway.address);
        client.write(post("Content-Length: 24\r\n").as_bytes());
        for _ in 0..24 {
            assert!(!client.has_news_within(DRIP), "the body is on its way");
            client.write(b"x");
        }
        assert_eq!(client.read(false).expect("the response").status, 200);
        run(async {
            let (response, mut body) = begin(&gateway, Some(24)).await;
            for left in (0..24).rev() {
                tokio::time::sleep(DRIP).await;
                let piece = Bytes::from_static(b"x");
                body.send_data(piece, left == 0).expect("it is on its way");
            }
            assert_eq!(response.await.expect("an answer").status(), 200);
        });
        assert_eq!(gateway.metric(LATE), 0.0);
    }
}

#[test]
fn the_upstream_is_not_late_while_the_client_pauses() {
    for server in LANES {
        let upstream = Upstream::start(Answer::ok());
        let gateway = gateway(server, upstream.address, "", "read_timeout: 300ms");
        let pause = 3 * Duration::from_millis(300);
        const LENGTH: usize = 100_000;
        for length in [9, LENGTH] {
            let mut client = Client::connect(gateway.address);
            client.write(post(&format!("Content-Length: {length}\r\n")).as_bytes());
            assert!(!client.has_news_within(pause), "it waits for the body");
            client.write(&vec![b'x'; length]);
            assert_eq!(client.read(false).expect("the response").status, 200);
        }
        run(async {
            let (response, mut body) = begin(&gateway, Some(LENGTH)).await;
            tokio::time::sleep(pause).await;
            let all = vec![b'x'; LENGTH];
            body.send_data(all.into(), true).expect("it is waited for");
            assert_eq!(response.await.expect("an answer").status(), 200);
        });
    }
}

#[test]
fn a_body_that_pauses_over_http_2_gets_408_or_a_reset_stream() {
    for server in LANES {
        let upstream = reading();
        let short = "body_timeout: 500ms";
        for (limits, timeouts, length, is_answered) in [
            // pingora's time-out for the upstream is not longer, and leads to an answer.
            (short, "read_timeout: 300ms", None, true),
            (short, "read_timeout: 300ms", Some(100_000), true),
            ("", "read_timeout: 500ms", Some(9), true),
            (short, "", None, false),
            (short, "", Some(9), false),
        ] {
            let gateway = gateway(server, upstream, limits, timeouts);
            for piece in ["", "body"] {
                let started = Instant::now();
                let answer = run(async {
                    let (response, mut body) = begin(&gateway, length).await;
                    if !piece.is_empty() {
                        body.send_data(piece.into(), false).expect("a stream");
                    }
                    response.await
                });
                let waited = started.elapsed();
                assert!(waited >= AT_LEAST, "{limits} {timeouts} {length:?}");
                assert!(waited < PATIENCE / 3, "{limits} {timeouts}: {waited:?}");
                match answer {
                    Ok(response) => {
                        assert!(is_answered, "{limits} {timeouts} {length:?}");
                        assert_eq!(response.status(), 408, "{limits} {timeouts} {length:?}");
                        let allowed = &response.headers()["access-control-allow-origin"];
                        assert_eq!(allowed, ORIGIN);
                    }
                    Err(error) => {
                        assert!(!is_answered, "{limits} {timeouts} {length:?}: {error}");
                        assert_eq!(error.reason(), Some(Reason::CANCEL), "{error}");
                    }
                }
            }
            gateway.wait_for_metric(LATE, 2.0);
        }
    }
}

#[test]
fn a_response_that_has_begun_ends_with_the_pause() {
    for server in LANES {
        let (upstream, tell) = told(|mut stream, told| {
            read_head(&mut stream);
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody";
            stream.write_all(head).expect("it reads");
            let _ = told.recv();
        });
        let gateway = gateway(server, upstream, "body_timeout: 500ms", "");
        let mut stream = TcpStream::connect(gateway.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream
            .write_all(post("Content-Length: 9\r\n").as_bytes())
            .expect("it reads");
        let mut all = Vec::new();
        // A reset will do as well as an end.
        let _ = stream.read_to_end(&mut all);
        let all = String::from_utf8_lossy(&all);
        assert!(
            all.starts_with("HTTP/1.1 200 ") && all.ends_with("\r\n\r\nbody"),
            "{all:?}"
        );
        gateway.wait_for_metric(LATE, 1.0);
        drop(tell);
    }
}

#[test]
fn an_upstream_that_takes_nothing_for_a_while_is_not_the_clients_pause() {
    for server in LANES {
        // More than the sockets on the way hold.
        const LENGTH: usize = 16 << 20;
        let upstream = || {
            told(|stream, told| {
                let _ = told.recv();
                let mut reader = BufReader::new(stream);
                let request = read_request(&mut reader).expect("a request");
                assert_eq!(request.body.len(), LENGTH);
                let mut stream = reader.into_inner();
                stream.write_all(&Answer::ok().0).expect("it waits");
                let _ = told.recv();
            })
        };
        let (address, tell) = upstream();
        let gateway1 = gateway(server, address, "body_timeout: 500ms", "");
        let mut client = Client::connect(gateway1.address);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::park_timeout(3 * SHORT);
                tell.send(()).expect("it waits");
            });
            client.write(post(&format!("Content-Length: {LENGTH}\r\n")).as_bytes());
            client.write(&vec![b'x'; LENGTH]);
            assert_eq!(client.read(false).expect("the response").status, 200);
        });
        assert_eq!(gateway1.metric(LATE), 0.0);

        let (address, tell) = upstream();
        let gateway2 = gateway(server, address, "body_timeout: 500ms", "");
        run(async {
            let (response, mut body) = begin(&gateway2, Some(LENGTH)).await;
            body.send_data(vec![b'x'; LENGTH].into(), true)
                .expect("a stream");
            // Longer than the grace of a stream, too.
            tokio::time::sleep(4 * SHORT + Duration::from_secs(1)).await;
            tell.send(()).expect("it waits");
            assert_eq!(response.await.expect("an answer").status(), 200);
        });
        assert_eq!(gateway2.metric(LATE), 0.0);
    }
}

#[test]
fn a_client_that_waits_for_100_does_not_pause() {
    for server in LANES {
        // Silent, and then not.
        for is_silent in [true, false] {
            let (upstream, tell) = told(move |mut stream, told| {
                read_head(&mut stream);
                if !is_silent {
                    let word = b"HTTP/1.1 100 Continue\r\n\r\n";
                    stream.write_all(word).expect("it reads");
                }
                let _ = told.recv();
            });
            let gateway = gateway(server, upstream, "body_timeout: 500ms", "read_timeout: 1s");
            let mut client = Client::connect(gateway.address);
            let started = Instant::now();
            client.write(post("Content-Length: 9\r\nExpect: 100-continue\r\n").as_bytes());
            let mut response = client.read(false).expect("an answer");
            if !is_silent {
                assert_eq!(response.status, 100);
                response = client.read(false).expect("an answer");
            }
            let (status, counted) = if is_silent { (504, 0.0) } else { (408, 1.0) };
            assert_eq!(response.status, status, "{:?}", started.elapsed());
            assert!(client.is_closed());
            gateway.wait_for_metric(LATE, counted);
            drop(tell);
        }
    }
}

#[test]
fn a_body_of_no_length_that_does_not_end_is_one_that_pauses() {
    for server in LANES {
        let (upstream, tell) = told(|mut stream, told| {
            read_head(&mut stream);
            stream.write_all(&Answer::ok().0).expect("it reads");
            let _ = told.recv();
        });
        let gateway = gateway(server, upstream, "body_timeout: 500ms", "");
        run(async {
            let mut client = http2(gateway.address).await;
            let request = http::Request::post("http://a.test/").header("content-length", "00");
            let request = request.body(()).expect("a request");
            let (response, _body) = client.send_request(request, false).expect("a stream");
            assert_eq!(response.await.expect("a response").status(), 200);
            let late = tokio::task::spawn_blocking(move || gateway.wait_for_metric(LATE, 1.0));
            late.await.expect("it is counted");
        });
        drop(tell);
    }
}

#[test]
fn a_client_of_http_2_that_leaves_in_its_body_ends_the_upstreams_connection() {
    for server in LANES {
        let (has_read, read) = channel();
        let (upstream, _tell) = told(move |mut stream, _| {
            read_head(&mut stream);
            has_read.send(Vec::new()).expect("it waits");
            let mut body = Vec::new();
            // A reset will do as well as an end.
            let _ = stream.read_to_end(&mut body);
            has_read.send(body).expect("it waits");
        });
        let gateway = gateway(server, upstream, "", "");
        run(async {
            let (_response, mut body) = begin(&gateway, None).await;
            body.send_data("body".into(), false).expect("a stream");
            let read = tokio::task::spawn_blocking(move || {
                read.recv_timeout(PATIENCE).expect("a request");
                read
            });
            let read = read.await.expect("no panic");
            body.send_reset(Reason::CANCEL);
            let rest = tokio::task::spawn_blocking(move || read.recv_timeout(PATIENCE));
            let rest = rest.await.expect("no panic").expect("the connection's end");
            // No last chunk: the upstream can't take what it has for all of the body.
            let as_sent = String::from_utf8_lossy(&rest);
            assert!("4\r\nbody\r\n".starts_with(&*as_sent), "{as_sent:?}");
        });
    }
}

/// Without the lane it may not: pingora reads nothing while it writes.
#[test]
fn a_client_of_http_2_may_send_all_of_its_body_before_it_takes_the_response() {
    // Longer than windows and sockets hold.
    const LENGTH: usize = 16 << 20;
    let (has_read, read) = channel();
    let (upstream, _tell) = told(move |mut stream, _| {
        read_head(&mut stream);
        let mut responding = stream.try_clone().expect("a socket");
        thread::scope(|scope| {
            scope.spawn(move || {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
                responding.write_all(head.as_bytes()).expect("it reads");
                responding.write_all(&vec![b'y'; LENGTH]).expect("it reads");
            });
            let mut body = vec![0; LENGTH];
            stream.read_exact(&mut body).expect("a body");
            has_read.send(()).expect("it waits");
        });
    });
    let gateway = gateway(WITH_LANE, upstream, "", "");
    run(async {
        let (response, mut body) = begin(&gateway, Some(LENGTH)).await;
        let mut content = response.await.expect("a response").into_body();
        body.send_data(vec![b'x'; LENGTH].into(), true)
            .expect("a stream");
        let read = tokio::task::spawn_blocking(move || read.recv_timeout(PATIENCE));
        read.await.expect("no panic").expect("all of the body");
        let mut length = 0;
        while let Some(piece) = content.data().await {
            let piece = piece.expect("content");
            let flow = content.flow_control();
            flow.release_capacity(piece.len()).expect("a stream");
            length += piece.len();
        }
        assert_eq!(length, LENGTH);
    });
}
