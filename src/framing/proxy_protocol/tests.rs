use super::*;
use proptest::prelude::*;

/// A header of version 2 with this command, family and addresses, and so many bytes more.
fn v2(command: u8, family: u8, addresses: &[u8], more: usize) -> Vec<u8> {
    let length = u16::try_from(addresses.len() + more).expect("it fits");
    let mut header = V2.to_vec();
    header.extend([0x20 | command, family]);
    header.extend(length.to_be_bytes());
    header.extend(addresses);
    header.extend(vec![0; more]);
    header
}

const IPV4: [u8; 12] = [203, 0, 113, 9, 10, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb];

/// Addresses of which the first is `source`.
fn ipv6(source: &str) -> Vec<u8> {
    let source: std::net::Ipv6Addr = source.parse().expect("an address");
    [&source.octets()[..], &[0; 16], &[0, 1, 0, 2]].concat()
}

#[test]
fn a_header_names_the_client_or_leaves_it_who_it_was() {
    let v1 = |line: &str| format!("{line}\r\n").into_bytes();
    for (name, header, client) in [
        (
            "v1, IPv4",
            v1("PROXY TCP4 203.0.113.9 10.0.0.1 12345 443"),
            Some("203.0.113.9"),
        ),
        (
            "v1, IPv6",
            v1("PROXY TCP6 2001:db8::1 ::1 1 2"),
            Some("2001:db8::1"),
        ),
        (
            "v1, IPv4 as IPv6",
            v1("PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2"),
            Some("203.0.113.9"),
        ),
        ("v1, unknown", v1("PROXY UNKNOWN"), None),
        (
            "v1, unknown with addresses",
            v1("PROXY UNKNOWN ffff::1 ffff::2 1 2"),
            None,
        ),
        ("v2, IPv4", v2(1, 0x11, &IPV4, 0), Some("203.0.113.9")),
        (
            "v2, IPv6",
            v2(1, 0x21, &ipv6("2001:db8::1"), 0),
            Some("2001:db8::1"),
        ),
        (
            "v2, IPv4 as IPv6",
            v2(1, 0x21, &ipv6("::ffff:203.0.113.9"), 0),
            Some("203.0.113.9"),
        ),
        (
            "v2, with a balancer's own fields",
            v2(1, 0x11, &IPV4, 900),
            Some("203.0.113.9"),
        ),
        ("v2, local", v2(0, 0x00, &[], 0), None),
        ("v2, local with addresses", v2(0, 0x11, &IPV4, 0), None),
        ("v2, unspecified", v2(1, 0x00, &[], 7), None),
        ("v2, Unix sockets", v2(1, 0x31, &[b'/'; 216], 0), None),
        ("v2, datagrams", v2(1, 0x12, &IPV4, 0), None),
        (
            "v2, as long as may be",
            v2(1, 0x11, &IPV4, MAX_HEADER - 28),
            Some("203.0.113.9"),
        ),
    ] {
        let client = client.map(|client| client.parse().expect("an address"));
        let length = header.len();
        let bytes = [header, b"GET / HTTP/1.1\r\n".to_vec()].concat();
        assert_eq!(
            ProxyHeader::parse(&bytes),
            ProxyHeader::Whole(Addressed { client, length }),
            "{name}"
        );
        for cut in 0..length {
            assert_eq!(
                ProxyHeader::parse(&bytes[..cut]),
                ProxyHeader::Partial,
                "{name}, {cut} bytes of it"
            );
        }
        let mut held = BytesMut::from(&bytes[..]);
        ProxyHeader::take(&mut held);
        assert_eq!(&held[..], b"GET / HTTP/1.1\r\n", "{name}");
    }
}

#[test]
fn anything_else_is_malformed_as_soon_as_that_is_certain() {
    let endless = format!("PROXY UNKNOWN {}", "a".repeat(200));
    for (name, bytes) in [
        ("a request", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        (
            "another word",
            b"PROXI TCP4 1.1.1.1 2.2.2.2 1 2\r\n".to_vec(),
        ),
        ("a POST", b"PO".to_vec()),
        ("a handshake", vec![0x16, 3, 1, 2, 0]),
        ("lower case", b"proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n".to_vec()),
        ("a line without an end", endless.into_bytes()),
        (
            "no such family",
            b"PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n".to_vec(),
        ),
        (
            "an address of another family",
            b"PROXY TCP4 ::1 ::2 1 2\r\n".to_vec(),
        ),
        (
            "a port that is none",
            b"PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n".to_vec(),
        ),
        (
            "a line feed alone",
            b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rX".to_vec(),
        ),
        ("another version", [V2, &[0x11, 0x11, 0, 12]].concat()),
        ("another command", v2(2, 0x11, &IPV4, 0)),
        ("another family", v2(1, 0x41, &IPV4, 0)),
        ("longer than may be", v2(1, 0x11, &IPV4, MAX_HEADER - 27)),
        (
            "as long as can be said",
            [V2, &[0x21, 0x11, 0xff, 0xff]].concat(),
        ),
        (
            "too short for its addresses",
            [&v2(1, 0x11, &IPV4[..4], 0)[..], &[0; 64]].concat(),
        ),
        ("too short for its sockets", v2(1, 0x31, &[0; 100], 0)),
    ] {
        assert_eq!(ProxyHeader::parse(&bytes), ProxyHeader::Malformed, "{name}");
    }
}

proptest! {
    /// However the bytes come, the header is the same, and no byte behind it is taken.
    #[test]
    fn bytes_in_pieces_are_the_same_header(
        start in prop::sample::select(vec![V1.to_vec(), V2.to_vec(), v2(1, 0x11, &IPV4, 5), Vec::new()]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let bytes = [start, rest].concat();
        let at_once = ProxyHeader::parse(&bytes);
        for cut in 0..=bytes.len() {
            match ProxyHeader::parse(&bytes[..cut]) {
                ProxyHeader::Partial => {}
                parsed => {
                    prop_assert_eq!(&parsed, &at_once);
                    break;
                }
            }
        }
        if let ProxyHeader::Whole(header) = at_once {
            prop_assert!(header.length <= bytes.len());
        }
    }
}
