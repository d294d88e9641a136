//! Upstreams: endpoints in turn, names, failures, protocols.

use crate::support::{Answer, Client, Gateway, PATIENCE, Refusing, Upstream};
use std::net::TcpListener;
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
    let statuses: Vec<u16> = std::thread::scope(|scope| {
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
            503 if started.elapsed() < PATIENCE => std::thread::yield_now(),
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
    let backend = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
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
