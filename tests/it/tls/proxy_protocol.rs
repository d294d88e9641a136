//! The PROXY protocol, before TLS and without.

use super::{ACTUAL, BOTH, Site, run, wait_until};
use crate::support::{Client, WITH_LANE};

const LISTENERS: &str = "- { address: '127.0.0.1:0', proxy_protocol: true, tls: { {tls} } }\n\
                         - { address: '127.0.0.1:0', proxy_protocol: true }";
const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n";

/// A header of version 2 that names 203.0.113.9.
fn v2(command: u8) -> Vec<u8> {
    let start = b"\r\n\r\n\0\r\nQUIT\n";
    let addresses = [203, 0, 113, 9, 10, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb];
    [&start[..], &[0x20 | command, 0x11, 0, 12], &addresses].concat()
}

#[test]
fn the_header_says_who_the_client_is() {
    let v1 = |line: &str| format!("{line}\r\n").into_bytes();
    for (name, header, client) in [
        (
            "v1",
            v1("PROXY TCP4 203.0.113.9 10.0.0.1 12345 443"),
            "203.0.113.9",
        ),
        (
            "v1, IPv6",
            v1("PROXY TCP6 2001:db8::7 ::1 12345 443"),
            "2001:db8::7",
        ),
        ("v1, unknown", v1("PROXY UNKNOWN"), "127.0.0.1"),
        ("v2", v2(1), "203.0.113.9"),
        ("v2, local", v2(0), "127.0.0.1"),
    ] {
        let site = Site::start(LISTENERS);
        let [tls, plain] = site.gateway.addresses()[..] else {
            panic!("two listeners")
        };
        for alpn in BOTH {
            let client = site.client(&[alpn]).after(&header);
            let response = run(client.exchange(tls, "GET", &ACTUAL));
            assert_eq!(response.expect("a response").status, 200, "{name}");
        }
        let mut connection = Client::connect(plain);
        connection.write(&[header.as_slice(), GET.as_bytes(), b"\r\n"].concat());
        assert_eq!(
            connection.read(false).expect("a response").status,
            200,
            "{name}"
        );
        let received = site.upstream.received();
        assert_eq!(received.len(), 3, "{name}");
        for (request, scheme) in received.iter().zip(["https", "https", "http"]) {
            let field = |name: &str| request.get(name);
            assert_eq!(field("x-forwarded-for").as_deref(), Some(client), "{name}");
            assert_eq!(
                field("x-forwarded-proto").as_deref(),
                Some(scheme),
                "{name}"
            );
        }
    }
}

#[test]
fn the_peer_that_is_trusted_is_whom_the_header_names() {
    for (named, expected) in [
        ("203.0.113.9", "203.0.113.9"),
        // A proxy before the balancer, which is believed about its client.
        ("10.0.0.7", "198.51.100.7, 10.0.0.7"),
    ] {
        let more = "trusted_proxies: [10.0.0.0/8]";
        let site = Site::start_with(WITH_LANE, LISTENERS, more);
        let mut connection = Client::connect(site.gateway.addresses()[1]);
        let header = format!("PROXY TCP4 {named} 10.0.0.1 12345 443\r\n");
        let forwarded = "X-Forwarded-For: 192.0.2.1, 198.51.100.7\r\n\r\n";
        connection.write(format!("{header}{GET}{forwarded}").as_bytes());
        assert_eq!(connection.read(false).expect("a response").status, 200);
        let received = site.upstream.received();
        assert_eq!(
            received[0].get("x-forwarded-for").as_deref(),
            Some(expected),
            "{named}"
        );
    }
}

#[test]
fn a_connection_without_a_header_is_closed_and_counted() {
    let site = Site::start_with(WITH_LANE, LISTENERS, "limits: { header_timeout: 1s }");
    let [tls, plain] = site.gateway.addresses()[..] else {
        panic!("two listeners")
    };
    let refused =
        || site.refused("malformed", "unmatched") + site.refused("header_timeout", "unmatched");
    let mut count = 0.0;
    for (name, bytes) in [
        ("a request", GET.as_bytes().to_vec()),
        ("a handshake", vec![0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]),
        (
            "a header that is too long",
            [&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat(),
        ),
        (
            "a header that lies about its length",
            [&v2(1)[..14], &[0, 4], &[0; 64]].concat(),
        ),
        (
            "a header that is longer than may be",
            [&v2(1)[..14], &[0xff, 0xff]].concat(),
        ),
        // These wait for the rest until the deadline.
        ("a header that never ends", b"PROXY TCP4 1.1.1.1".to_vec()),
        ("one byte", b"P".to_vec()),
    ] {
        for address in [tls, plain] {
            let mut connection = Client::connect(address);
            connection.try_write(&bytes);
            assert!(connection.is_closed(), "{name}");
            count += 1.0;
            wait_until(name, || refused() == count);
        }
    }
    // A balancer that looks whether the port is open.
    drop(Client::connect(plain));
    let mut connection = Client::connect(plain);
    connection.write(&[&v2(0), GET.as_bytes(), b"\r\n"].concat());
    assert_eq!(connection.read(false).expect("a response").status, 200);
    assert_eq!(refused(), count);
}
