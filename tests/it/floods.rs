//! Floods: clients that ask for more than their share. What they get is bounded, and the others are
//! served.

use crate::support::{
    Answer, Client, File, Gateway, LANES, PATIENCE, Response, Running, Upstream, http2, http2_with,
    run,
};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

const PREFLIGHT: &str = "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nOrigin: https://app.example.com\r\n\
                         Access-Control-Request-Method: PUT\r\n\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\nOrigin: https://app.example.com\r\n\r\n";

/// The rest of a configuration with one route and one policy.
fn config(upstream: &Upstream, limits: &str) -> String {
    format!(
        "limits: {{ {limits} }}\n\
         upstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
         routes:\n\
         - name: r\n  match: {{ hosts: [a.test] }}\n  upstream: u\n  \
           cors: {{ allow_origins: ['https://app.example.com'], allow_methods: [PUT] }}\n",
        upstream.address
    )
}

/// Runs with the express lane and without it.
fn in_both_lanes(run: impl Fn(&str) + Sync) {
    thread::scope(|scope| {
        for server in LANES {
            scope.spawn(|| run(server));
        }
    });
}

/// A gate that upstreams wait at.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn wait(&self) {
        let (is_open, changed) = &*self.0;
        let is_open = is_open.lock().expect("no panic");
        let waited = changed.wait_while(is_open, |is_open| !*is_open);
        drop(waited.expect("no panic"));
    }

    fn open(&self) {
        let (is_open, changed) = &*self.0;
        *is_open.lock().expect("no panic") = true;
        changed.notify_all();
    }
}

/// An upstream that answers when the gate is open, and notes at once that it was asked.
fn waiting_upstream(gate: &Gate) -> (Upstream, Arc<Mutex<usize>>) {
    let asked = Arc::new(Mutex::new(0));
    let (gate, count) = (gate.clone(), Arc::clone(&asked));
    let upstream = Upstream::start_with(move |_| {
        *count.lock().expect("no panic") += 1;
        gate.wait();
        Answer::ok()
    });
    (upstream, asked)
}

/// Waits until the condition holds.
fn until(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        thread::yield_now();
    }
}

fn get_http2(client: &mut SendRequest<Bytes>) -> ResponseFuture {
    let request = http::Request::get("http://a.test/")
        .header("origin", "https://app.example.com")
        .body(())
        .expect("a request");
    client.send_request(request, true).expect("a stream").0
}

#[track_caller]
fn assert_too_many(response: &Response) {
    assert_eq!(response.status, 503, "{response:?}");
    assert_eq!(response.get("retry-after").as_deref(), Some("1"));
    let allowed = response.get("access-control-allow-origin");
    assert_eq!(allowed.as_deref(), Some("https://app.example.com"));
}

#[test]
fn requests_past_their_limit_get_503_that_a_script_can_read() {
    const REFUSED: &str =
        r#"corsgate_requests_refused_total{reason="too_many_requests",route="r"} "#;
    in_both_lanes(|server| {
        let gate = Gate::default();
        let (upstream, asked) = waiting_upstream(&gate);
        let gateway = Gateway::start_with(server, &config(&upstream, "max_requests: 2"));
        let mut waiting = [(); 2].map(|()| Client::connect(gateway.address));
        for client in &mut waiting {
            client.write(GET.as_bytes());
        }
        until("two requests reach it", || {
            *asked.lock().expect("no panic") == 2
        });

        let mut third = Client::connect(gateway.address);
        assert_too_many(&third.exchange(GET));
        assert_eq!(third.exchange(PREFLIGHT).status, 204, "needs no upstream");
        run(async {
            let mut client = http2(gateway.address).await;
            let response = get_http2(&mut client).await.expect("an answer");
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()["retry-after"], "1");
            let allowed = &response.headers()["access-control-allow-origin"];
            assert_eq!(allowed, "https://app.example.com");
        });
        assert_eq!(gateway.metric(REFUSED), 2.0);

        gate.open();
        for client in &mut waiting {
            assert_eq!(client.read(false).expect("an answer").status, 200);
        }
        // On the connection that was refused, which is kept.
        until("there is room again", || third_is_served(&gateway));
        assert_eq!(third.exchange(GET).status, 200);
    });
}

fn third_is_served(gateway: &Gateway) -> bool {
    gateway.send(GET).status == 200
}

#[test]
fn few_descriptors_are_shared_so_that_new_clients_and_the_admin_listener_are_served() {
    let gate = Gate::default();
    let (upstream, _asked) = waiting_upstream(&gate);
    let file = File::new(&format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\n{}",
        config(&upstream, "max_connections: 20000")
    ));
    let program = env!("CARGO_BIN_EXE_corsgate");
    let child = Command::new("sh")
        .args(["-c", "ulimit -n 256 && exec \"$0\" serve --config \"$1\""])
        .args([program, &file.path])
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut gateway = Running(child);
    let log = gateway.log();
    log.line("limit of 256 file descriptors is enough for");
    let address = log.listener();
    let admin = log.admin();
    run(async {
        let mut clients = Vec::new();
        let mut refused = 0;
        for _ in 0..12 {
            let mut client = http2(address).await;
            let mut answers = Vec::new();
            for _ in 0..100 {
                client = client.ready().await.expect("room for a stream");
                answers.push(get_http2(&mut client));
            }
            clients.push((client, answers));
        }
        // All of the last client's are refused by now; some of the first one's wait for the upstream.
        for answer in clients.pop().expect("the last").1 {
            let response = answer.await.expect("an answer");
            assert_eq!(response.status(), 503);
            refused += 1;
        }
        assert_eq!(refused, 100);
        let livez = tokio::task::spawn_blocking(move || {
            let ask = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
            let page = Client::connect(admin).exchange(ask);
            let preflight = Client::connect(address).exchange(PREFLIGHT);
            (page.status, preflight.status)
        });
        assert_eq!(livez.await.expect("no panic"), (200, 204));
    });
    gate.open();
}

#[test]
fn a_header_of_too_many_fields_is_answered_with_431_that_a_script_can_read() {
    in_both_lanes(|server| {
        let upstream = Upstream::start(Answer::ok());
        let gateway = Gateway::start_with(server, &config(&upstream, "max_request_headers: 20"));
        // `Host` and `Origin` are two of them.
        let with = |request: &str, fields: usize| {
            let fields = "X: 1\r\n".repeat(fields);
            request.replacen("\r\n\r\n", &format!("\r\n{fields}\r\n"), 1)
        };
        assert_eq!(gateway.send(&with(GET, 18)).status, 200);
        assert_eq!(gateway.send(&with(PREFLIGHT, 17)).status, 204);
        for refused in [with(GET, 19), with(PREFLIGHT, 18), with(GET, 254)] {
            let response = gateway.send(&refused);
            assert_eq!(response.status, 431, "{response:?}");
            let allowed = response.get("access-control-allow-origin");
            let is_preflight = refused.starts_with("OPTIONS");
            assert!(is_preflight || allowed.is_some(), "{response:?}");
        }
        // Not even read to its end.
        assert_eq!(gateway.send(&with(GET, 300)).status, 431);
        const REFUSED: &str =
            r#"corsgate_requests_refused_total{reason="header_too_large",route="r"} "#;
        assert_eq!(gateway.metric(REFUSED), 3.0);
        run(async {
            let mut client = http2(gateway.address).await;
            for (fields, status) in [(19, 200), (20, 431)] {
                let mut request = http::Request::get("http://a.test/").body(()).expect("one");
                for _ in 0..fields {
                    let value = http::HeaderValue::from_static("1");
                    request.headers_mut().append("x", value);
                }
                request.headers_mut().insert(
                    "origin",
                    http::HeaderValue::from_static("https://app.example.com"),
                );
                let sent = client.send_request(request, true).expect("a stream").0;
                assert_eq!(sent.await.expect("an answer").status(), status, "{fields}");
            }
        });
    });
}

/// Connects with HTTP/2 as a client that lets each response come this far before it reads.
async fn http2_with_window(address: SocketAddr, stream: u32) -> SendRequest<Bytes> {
    let mut settings = h2::client::Builder::new();
    settings
        .initial_window_size(stream)
        .initial_connection_window_size(1 << 30);
    http2_with(&settings, address).await
}

/// Reads a response to its end; the number of its bytes.
async fn read_all(mut body: h2::RecvStream) -> Result<usize, h2::Error> {
    let mut read = 0;
    while let Some(piece) = body.data().await {
        let piece = piece?;
        read += piece.len();
        body.flow_control().release_capacity(piece.len())?;
    }
    Ok(read)
}

const LARGE: usize = 1 << 20;

fn large_upstream() -> Upstream {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
    let answer = [head.into_bytes(), vec![b'x'; LARGE]].concat();
    Upstream::start(Answer(answer))
}

#[test]
fn responses_that_wait_for_their_client_take_little_memory_and_arrive_when_it_reads() {
    let upstream = large_upstream();
    let file = File::new(&format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]\nserver: {{ threads: 2 }}\n{}",
        config(&upstream, "")
    ));
    let mut gateway = Running::start(&["serve", "--config", &file.path]);
    let address = gateway.log().listener();
    run(async {
        // What is allocated once.
        let mut client = http2(address).await;
        let first = get_http2(&mut client).await.expect("an answer");
        assert_eq!(read_all(first.into_body()).await.expect("all of it"), LARGE);

        let before = gateway.most_memory();
        let mut client = http2_with_window(address, 1000).await;
        let mut answers = Vec::new();
        for _ in 0..100 {
            client = client.ready().await.expect("room for a stream");
            answers.push(get_http2(&mut client));
        }
        // By now, the gateway would have read all of them.
        let mut other = http2(address).await;
        for _ in 0..20 {
            let body = get_http2(&mut other).await.expect("an answer").into_body();
            assert_eq!(read_all(body).await.expect("all of it"), LARGE);
        }
        let taken = gateway.most_memory() - before;
        assert!(
            taken < 20 << 20,
            "{} MiB for 100 responses of 1 MiB",
            taken >> 20
        );

        let mut reading = tokio::task::JoinSet::new();
        for answer in answers {
            reading.spawn(async { read_all(answer.await?.into_body()).await });
        }
        for read in reading.join_all().await {
            assert_eq!(read.expect("all of it"), LARGE);
        }
    });
}

#[test]
fn a_client_that_opens_no_window_for_a_response_is_given_up_and_its_others_are_served() {
    const CUT: &str = r#"corsgate_requests_total{code="2xx",kind="request",route="r"} "#;
    let upstream = large_upstream();
    let gateway = Gateway::start(&config(&upstream, "write_timeout: 500ms"));
    run(async {
        let mut client = http2_with_window(gateway.address, 1000).await;
        let mut answers = Vec::new();
        for _ in 0..20 {
            client = client.ready().await.expect("room for a stream");
            answers.push(get_http2(&mut client));
        }
        // The last of them waits for the first ones, and these for their client.
        let mut given_up = 0;
        let mut bodies = Vec::new();
        for answer in answers {
            bodies.push(answer.await.expect("an answer").into_body());
        }
        for mut body in bodies {
            // Reads what has come, and opens no window.
            while let Some(piece) = body.data().await {
                if piece.is_err() {
                    given_up += 1;
                    break;
                }
            }
        }
        assert_eq!(given_up, 20);
        let body = get_http2(&mut client).await.expect("an answer").into_body();
        assert_eq!(read_all(body).await.expect("all of it"), LARGE);
    });
    until("all are counted", || gateway.metric(CUT) == 21.0);
}
