//! Bytes that are not a handshake: a clean end, a count, and nothing else harmed.

use super::{ACTUAL, PLAIN_TLS, PREFLIGHT, Site, assert_allowed, run, wait_until};
use crate::support::{Client, WITH_LANE};
use std::time::{Duration, Instant};

const OPEN: &str = "corsgate_downstream_connections";

/// A client's first message that offers nothing; `name` is the content of its SNI extension.
fn client_hello(name: &[u8]) -> Vec<u8> {
    let length = |n: usize| (n as u16).to_be_bytes();
    // One entry: a host name.
    let entry = [&[0][..], &length(name.len()), name].concat();
    let list = [&length(entry.len())[..], &entry].concat();
    let extension = [&[0, 0][..], &length(list.len()), &list].concat();
    let extensions = [&length(extension.len())[..], &extension].concat();
    let hello = [
        &[3, 3][..],
        &[7; 32],
        &[0],
        &[0, 2, 0xc0, 0x2b],
        &[1, 0],
        &extensions,
    ]
    .concat();
    let handshake = [&[1, 0][..], &length(hello.len()), &hello].concat();
    [&[0x16, 3, 1][..], &length(handshake.len()), &handshake].concat()
}

#[test]
fn plain_http_gets_an_answer_that_a_person_can_read() {
    let site = Site::start(PLAIN_TLS);
    for request in [
        "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut client = Client::connect(site.gateway.address);
        client.write(request.as_bytes());
        client.end_sending();
        let response = client.read(false).expect("an answer");
        assert_eq!(response.status, 400);
        assert!(response.body.contains("TLS"), "{response:?}");
        assert!(client.is_closed());
    }
    assert_eq!(site.handshakes("failed"), 3.0);
}

#[test]
fn tls_on_a_plain_port_gets_a_clean_end() {
    let site = Site::start("- { address: '127.0.0.1:0' }");
    let refused = run(site
        .client(&["h2"])
        .exchange(site.gateway.address, "GET", &ACTUAL));
    refused.expect_err("there is no TLS");
    assert_eq!(site.refused("malformed", "unmatched"), 1.0);
}

#[test]
fn garbage_ends_the_connection_and_harms_nothing_else() {
    let site = Site::start(PLAIN_TLS);
    let mut count = 0.0;
    for (name, bytes) in [
        ("zeros", vec![0; 64]),
        ("another record", vec![0x17, 3, 3, 0, 1, 0]),
        ("a record of another version", vec![0x16, 9, 9, 0, 1, 0]),
        ("a record that is too long", vec![0x16, 3, 1, 0xff, 0xff, 1]),
        ("an empty message", vec![0x16, 3, 1, 0, 4, 1, 0, 0, 0]),
        (
            "no cipher in common",
            client_hello(b"a.test")
                .iter()
                .map(|&b| if b == 0xc0 { 0xaa } else { b })
                .collect(),
        ),
        ("a name that is none", client_hello(b"\xff\xfe")),
        ("an address for a name", client_hello(b"192.0.2.1")),
        ("an empty name", client_hello(b"")),
        ("a name that is too long", client_hello(&[b'a'; 1000])),
        ("lower case", b"get / http/1.1\r\n\r\n".to_vec()),
    ] {
        let mut client = Client::connect(site.gateway.address);
        client.try_write(&bytes);
        // Without more, a client hello that rustls takes is answered.
        client.end_sending();
        client.drain();
        count += 1.0;
        wait_until(name, || site.handshakes("failed") == count);
        let answer =
            run(site
                .client(&["h2"])
                .exchange(site.gateway.address, "OPTIONS", &PREFLIGHT));
        assert_allowed(name, &answer.expect("an answer"), 204);
    }
    // One that only looks whether the port is open has begun no handshake.
    drop(Client::connect(site.gateway.address));
    assert_eq!(site.handshakes("failed"), count);
}

#[test]
fn a_handshake_that_drips_has_a_deadline_and_holds_a_connections_place() {
    let limits = "limits: { header_timeout: 1s, max_connections: 1 }";
    let site = Site::start_with(WITH_LANE, PLAIN_TLS, limits);
    let hello = client_hello(b"a.test");
    let began = Instant::now();
    let mut dripping = Client::connect(site.gateway.address);
    dripping.write(&hello[..1]);
    wait_until("it is counted", || site.gateway.metric(OPEN) == 1.0);
    let mut other = Client::connect(site.gateway.address);
    assert!(other.is_closed(), "there is no room");
    for byte in &hello[1..] {
        if dripping.has_news_within(Duration::from_millis(100)) {
            break;
        }
        dripping.try_write(&[*byte]);
    }
    assert!(dripping.is_closed());
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(site.handshakes("timeout"), 1.0);
    wait_until("it is counted", || site.gateway.metric(OPEN) == 0.0);
    let answer = run(site
        .client(&["h2"])
        .exchange(site.gateway.address, "OPTIONS", &PREFLIGHT));
    assert_allowed("afterwards", &answer.expect("an answer"), 204);
}
