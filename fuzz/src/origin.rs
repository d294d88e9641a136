//! `Origin::parse` on any bytes, beside a twin made from the grammar.

use super::naive::origin as naive;
use corsgate::cors::{MAX_ORIGIN_LEN, Origin};

pub fn run(data: &[u8]) {
    let parsed = Origin::parse(data);
    let expected = naive::parse(data);
    let shown = data.escape_ascii();
    match (parsed, expected) {
        (Ok(Origin::Null), Some(naive::Origin::Null)) => {}
        (Ok(Origin::Tuple(origin)), Some(naive::Origin::Tuple(twin))) => {
            assert_eq!(origin.scheme(), twin.scheme, "the scheme of {shown}");
            assert_eq!(origin.host(), twin.host, "the host of {shown}");
            assert_eq!(origin.port(), twin.port, "the port of {shown}");
            assert_eq!(origin.as_str().as_bytes(), data);
            assert_safe_to_echo(data);
            assert!(!data.iter().any(u8::is_ascii_uppercase), "{shown}");
            let port = origin.port().map(|port| format!(":{port}"));
            let port = port.unwrap_or_default();
            let formatted = format!("{}://{}{port}", origin.scheme(), origin.host());
            assert_eq!(formatted.as_bytes(), data, "its parts make it again");
            assert_eq!(Origin::parse(formatted.as_bytes()), parsed);
            assert!(data.len() <= MAX_ORIGIN_LEN);
        }
        (Err(error), None) => {
            let message = error.to_string();
            assert!(!message.is_empty() && !message.contains(char::is_control));
        }
        (parsed, expected) => panic!("{shown}: {parsed:?}, but the twin says {expected:?}"),
    }
}

/// Whether the bytes may be echoed into a response's header.
pub fn assert_safe_to_echo(bytes: &[u8]) {
    let is_safe = |byte: &u8| {
        byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b',' | b';' | b'<' | b'>')
    };
    assert!(bytes.iter().all(is_safe), "{}", bytes.escape_ascii());
}
