//! The PROXY protocol's header beside its twin: who the client is, and where its own bytes begin.

use super::naive::proxy_protocol as naive;
use corsgate::framing::{Addressed, ProxyHeader};

/// The input is the beginning of a connection.
pub fn run(input: &[u8]) {
    let parsed = ProxyHeader::parse(input);
    match &parsed {
        ProxyHeader::Whole(Addressed { length, .. }) => {
            let header = &input[..*length];
            let is_whole = header.ends_with(b"\r\n") && header.starts_with(b"PROXY ");
            assert!(
                is_whole || naive::stated(header) == Some(*length),
                "{}",
                header.escape_ascii()
            );
            // No shorter part of it is one.
            for cut in 0..*length {
                let part = ProxyHeader::parse(&input[..cut]);
                assert_eq!(
                    part,
                    ProxyHeader::Partial,
                    "{cut} of {}",
                    header.escape_ascii()
                );
            }
        }
        ProxyHeader::Partial => assert!(input.len() < naive::MAX_HEADER),
        ProxyHeader::Malformed => {}
    }
    // The twin takes less: it has the grammar to the letter.
    if let Some((client, length)) = naive::read(input) {
        let expected = ProxyHeader::Whole(Addressed { client, length });
        assert_eq!(parsed, expected, "{}", input.escape_ascii());
    }
}
