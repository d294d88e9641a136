//! Upstreams: endpoints in turn, names, failures, protocols.

mod balancing;
mod health;
mod http2;
mod tls;

use crate::support::{Answer, Client, Gateway, PATIENCE, Refusing, Upstream, run};
use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\nOrigin: https://app.example.com\r\n\r\n";

fn gateway(upstream: &str) -> Gateway {
    Gateway::start(&format!(
        "upstreams: {{ u: {upstream} }}\n\
         routes: [{{ upstream: u, cors: {{ allow_origins: ['https://app.example.com'] }} }}]\n"
    ))
}

#[test]
fn endpoints_are_used_in_turn() {
    let (a, b) = (Upstream::start(Answer::ok()), Upstream::start(Answer::ok()));
    let gateway = gateway(&format!(
        "{{ endpoints: ['{}', '{}'] }}",
        a.address, b.address
    ));
    for _ in 0..6 {
        assert_eq!(gateway.send(GET).status, 200);
    }
    assert_eq!((a.received().len(), b.received().len()), (3, 3));
}

#[test]
fn an_endpoint_that_is_down_costs_no_request() {
    let down = Refusing::new();
    let up = Upstream::start(Answer::ok());
    let gateway = gateway(&format!(
        "{{ endpoints: ['{}', '{}'] }}",
        down.address, up.address
    ));
    let mut client = Client::connect(gateway.address);
    for _ in 0..6 {
        assert_eq!(client.exchange(GET).status, 200);
    }
    assert_eq!(up.received().len(), 6);
}

#[test]
fn nor_does_it_where_many_ask_at_once() {
    let down = Refusing::new();
    let up = Upstream::start(Answer::ok());
    let gateway = gateway(&format!(
        "{{ endpoints: ['{}', '{}'] }}",
        down.address, up.address
    ));
    let statuses: Vec<u16> = thread::scope(|scope| {
        let ask = || {
            let mut client = Client::connect(gateway.address);
            (0..25)
                .map(|_| client.exchange(GET).status)
                .collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().expect("no panic"))
            .collect()
    });
    assert_eq!(statuses, [200; 200]);
}

#[test]
fn a_name_is_resolved_while_the_gateway_runs() {
    let up = Upstream::start(Answer::ok());
    let gateway = gateway(&format!(
        "{{ endpoints: ['localhost:{}'] }}",
        up.address.port()
    ));
    let started = Instant::now();
    // Until the first look-up is back there is nowhere to go, and the answer says so.
    let status = loop {
        match gateway.send(GET).status {
            503 if started.elapsed() < PATIENCE => thread::yield_now(),
            status => break status,
        }
    };
    assert_eq!(status, 200);
}

#[test]
fn an_upstream_without_an_address_is_a_503_with_cors_headers() {
    let gateway = gateway("{ endpoints: ['nowhere.invalid:80'] }");
    let response = gateway.send(GET);
    assert_eq!(response.status, 503);
    let allowed = response.get("access-control-allow-origin");
    assert_eq!(allowed.as_deref(), Some("https://app.example.com"));
}

#[test]
fn the_echo_upstream_answers_with_what_it_was_sent() {
    let gateway = gateway("{ echo: true }");
    let request =
        "PUT /x?y=z HTTP/1.1\r\nHost: a.test\r\nX-Demo: 1\r\nContent-Length: 5\r\n\r\nhello";
    let response = gateway.send(request);
    assert_eq!(response.status, 200);
    let echoed: serde_json::Value = serde_json::from_str(&response.body).expect("JSON");
    assert_eq!(echoed["method"], "PUT");
    assert_eq!(echoed["path"], "/x?y=z");
    assert_eq!(echoed["body"], "hello");
    let headers = echoed["headers"].as_array().expect("a list");
    assert!(
        headers.contains(&serde_json::json!(["x-demo", "1"])),
        "{headers:?}"
    );
}

#[test]
fn an_upstream_can_be_spoken_to_in_http_2() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    listener.set_nonblocking(true).expect("an option");
    let backend = thread::spawn(move || {
        run(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                assert_eq!(request.version(), http::Version::HTTP_2);
                let response = http::Response::builder()
                    .status(200)
                    .body(())
                    .expect("a response");
                respond.send_response(response, true).expect("sent");
            }
        });
    });
    let gateway = gateway(&format!("{{ endpoints: ['{address}'], protocol: h2c }}"));
    let response = gateway.send(GET);
    assert_eq!(response.status, 200);
    assert_eq!(response.lines("access-control-allow-origin"), 1);
    drop(gateway);
    drop(backend);
}

/// Holds the requests that come to an upstream until it is opened.
#[derive(Default)]
struct Gate {
    state: Mutex<(usize, bool)>,
    change: Condvar,
}

impl Gate {
    /// Starts an upstream behind the gate.
    fn upstream(self: &Arc<Self>) -> Upstream {
        let gate = Arc::clone(self);
        Upstream::start_with(move |_| {
            let mut state = gate.state.lock().expect("no panic");
            state.0 += 1;
            gate.change.notify_all();
            drop(gate.change.wait_while(state, |(_, is_open)| !*is_open));
            Answer::ok()
        })
    }

    /// Waits until so many requests have come.
    fn wait_for(&self, requests: usize) {
        let state = self.state.lock().expect("no panic");
        let is_less = |(come, _): &mut (usize, bool)| *come < requests;
        let waited = self.change.wait_timeout_while(state, PATIENCE, is_less);
        assert!(
            !waited.expect("no panic").1.timed_out(),
            "{requests} requests"
        );
    }

    fn open(&self) {
        self.state.lock().expect("no panic").1 = true;
        self.change.notify_all();
    }
}

#[test]
fn an_endpoint_gets_no_more_requests_at_once_than_it_may() {
    let gates = [Arc::new(Gate::default()), Arc::new(Gate::default())];
    let [a, b] = gates.each_ref().map(Gate::upstream);
    let gateway = gateway(&format!(
        "{{ endpoints: ['{}', '{}'], max_connections: 2 }}",
        a.address, b.address
    ));
    let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(gateway.address)).collect();
    for client in &mut clients {
        client.write(GET.as_bytes());
    }
    for gate in &gates {
        gate.wait_for(2);
    }
    let response = gateway.send(GET);
    assert_eq!(response.status, 503);
    assert_eq!(response.get("retry-after").as_deref(), Some("1"));
    let allowed = response.get("access-control-allow-origin");
    assert_eq!(allowed.as_deref(), Some("https://app.example.com"));
    // One endpoint is enough: the other's turn passes to it.
    gates[0].open();
    for _ in 0..2 {
        while gateway.send(GET).status == 503 {
            thread::yield_now();
        }
    }
    gates[1].open();
    for client in &mut clients {
        assert_eq!(client.read(false).expect("an answer").status, 200);
    }
}

#[test]
fn a_request_makes_room_for_another_however_it_ends() {
    let refusing = Refusing::new();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = silent.local_addr().expect("bound");
    let nonsense = Upstream::start(Answer(b"nonsense\r\n\r\n".to_vec()));
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_vec();
    let cut = Upstream::start(Answer(cut));
    for (address, expected, timeout) in [
        (refusing.address, 502, "60s"),
        (nonsense.address, 502, "60s"),
        (silent, 504, "100ms"),
        (cut.address, 200, "1s"),
    ] {
        let gateway = gateway(&format!(
            "{{ endpoints: ['{address}'], max_connections: 1, read_timeout: {timeout} }}"
        ));
        for _ in 0..3 {
            let mut client = Client::connect(gateway.address);
            client.write(GET.as_bytes());
            // The header: what follows may be cut off.
            let status = client.read(true).expect("an answer").status;
            assert_eq!(status, expected, "{address}");
            // The request has ended when its connection has.
            client.drain();
        }
    }
}

#[test]
fn a_client_that_goes_away_makes_room_for_another() {
    let gate = Arc::new(Gate::default());
    let upstream = gate.upstream();
    let gateway = gateway(&format!(
        "{{ endpoints: ['{}'], max_connections: 1 }}",
        upstream.address
    ));
    let mut client = Client::connect(gateway.address);
    client.write(GET.as_bytes());
    gate.wait_for(1);
    assert_eq!(gateway.send(GET).status, 503);
    drop(client);
    gate.open();
    let started = Instant::now();
    while gateway.send(GET).status == 503 {
        assert!(started.elapsed() < PATIENCE, "there is no room");
        thread::yield_now();
    }
}

#[test]
fn an_endpoint_may_be_an_address_of_ipv6() {
    // Not every machine has it.
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return;
    };
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            crate::support::read_head(&mut stream);
            let _ = std::io::Write::write_all(&mut stream, &Answer::ok().0);
        }
    });
    let gateway = gateway(&format!("{{ endpoints: ['{address}'] }}"));
    assert_eq!(gateway.send(GET).status, 200);
}

#[test]
fn a_compressed_content_is_passed_on_as_it_is() {
    // A few bytes that would unpack to very many.
    let bomb: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        bomb.len()
    )
    .into_bytes();
    answer.extend_from_slice(&bomb);
    let up = Upstream::start(Answer(answer));
    let gateway = gateway(&format!("{{ endpoints: ['{}'] }}", up.address));
    let asked = GET.replace(
        "\r\n\r\n",
        "\r\nAccept-Encoding: gzip, br\r\nConnection: close\r\n\r\n",
    );
    let mut stream = std::net::TcpStream::connect(gateway.address).expect("it listens");
    std::io::Write::write_all(&mut stream, asked.as_bytes()).expect("it reads");
    let mut all = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut all).expect("it ends");
    assert!(all.ends_with(&bomb), "{} bytes", all.len());
    let received = up.received().remove(0);
    assert_eq!(received.get("accept-encoding").as_deref(), Some("gzip, br"));
}
