//! Bytes that are not a handshake: a clean end, a count, and nothing else harmed.

use super::{ACTUAL, PLAIN_TLS, PREFLIGHT, Site, assert_allowed, run, wait_until};
use crate::support::{Client, WITH_LANE};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use std::time::{Duration, Instant};

const OPEN: &str = "corsgate_downstream_connections";

/// A whole and valid first message of a client that asks for this name.
fn client_hello(site: &Site, name: &str) -> Vec<u8> {
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut client = ClientConnection::new(site.client(&["h2"]).config(), name).expect("a client");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("a vector takes all");
    hello
}

/// The same with other bytes in the place of the name.
fn renamed(hello: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = hello.windows(from.len()).position(|part| part == from);
    let at = at.expect("the name is in it");
    [&hello[..at], to, &hello[at + from.len()..]].concat()
}

/// The type of a record: RFC 8446 §5.1.
const ALERT: u8 = 0x15;
const HANDSHAKE: u8 = 0x16;

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
    let hello = client_hello(&site, "a.test");
    let with_name = |name: &[u8; 6]| renamed(&hello, b"a.test", name);
    let mut count = 0.0;
    // The first byte of the answer; `None` if there is none.
    for (name, bytes, answer) in [
        (
            "nothing wrong, but for the end",
            hello.clone(),
            Some(HANDSHAKE),
        ),
        ("cut short", hello[..hello.len() / 2].to_vec(), None),
        ("another name", with_name(b"b.test"), Some(HANDSHAKE)),
        (
            "a name that is not one",
            with_name(b"\xff.test"),
            Some(ALERT),
        ),
        ("a name with a space", with_name(b"a test"), Some(ALERT)),
        ("a name with a zero", with_name(b"a\0test"), Some(ALERT)),
        ("dots alone", with_name(b"......"), Some(ALERT)),
        (
            "another length",
            // The byte behind the shorter record is not the type of a record; the last one of the hello may be, by
            // the order of its extensions, which is random.
            [
                &hello[..4],
                &[hello[4] - 1],
                &hello[5..hello.len() - 1],
                &[0],
            ]
            .concat(),
            Some(ALERT),
        ),
        (
            "no list of versions, which is TLS 1.2",
            renamed(&hello, &[0x00, 0x2b], &[0xaa, 0x2b]),
            Some(HANDSHAKE),
        ),
        ("zeros", vec![0; 64], Some(ALERT)),
        ("another record", vec![0x17, 3, 3, 0, 1, 0], Some(ALERT)),
        (
            "a record that is too long",
            vec![0x16, 3, 1, 0xff, 0xff, 1],
            Some(ALERT),
        ),
        (
            "an empty message",
            vec![0x16, 3, 1, 0, 4, 1, 0, 0, 0],
            Some(ALERT),
        ),
        (
            "lower case",
            b"get / http/1.1\r\n\r\n".to_vec(),
            Some(ALERT),
        ),
    ] {
        let mut client = Client::connect(site.gateway.address);
        client.try_write(&bytes);
        client.end_sending();
        assert_eq!(client.drain().first().copied(), answer, "{name}");
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
    let hello = client_hello(&site, "a.test");
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

#[test]
fn a_connection_that_has_sent_nothing_holds_up_no_end() {
    let listeners = format!("{PLAIN_TLS}\n- {{ address: '127.0.0.1:0', proxy_protocol: true }}");
    let site = Site::start(&listeners);
    let addresses = site.gateway.addresses().into_iter();
    let mut silent: Vec<Client> = addresses.map(Client::connect).collect();
    wait_until("they are open", || site.gateway.metric(OPEN) == 2.0);
    let began = Instant::now();
    site.gateway.drain();
    for client in &mut silent {
        assert!(client.is_closed());
    }
    // The grace period has 5 s.
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
}
