//! The header of the PROXY protocol, by which a load balancer says who the client is before it sends the
//! client's bytes: <https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>.

use bytes::BytesMut;
use proxy_header::{Error, ParseConfig, Protocol};
use std::net::IpAddr;

/// Maximum length of a header: version 2 lets a balancer add fields of its own, of which the longest in
/// use have some hundred bytes. A longer header ends the connection.
const MAX_HEADER: usize = 4096;

/// Maximum length of a header of version 1: §2.1.
const MAX_V1: usize = 107;

/// The first bytes of version 1, and of version 2.
const V1: &[u8] = b"PROXY ";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header as far as it has come.
#[derive(Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// More bytes are needed.
    Partial,
    Whole(Addressed),
    /// The connection does not begin with a header, or with one that is too long.
    Malformed,
}

/// A whole header.
#[derive(Debug, PartialEq, Eq)]
pub struct Addressed {
    /// The client's address; `None` if the connection is the balancer's own (`LOCAL`), or it does not
    /// say (`UNKNOWN`).
    pub client: Option<IpAddr>,
    /// Number of bytes, behind which the client's begin.
    pub length: usize,
}

// === impl ProxyHeader ===

impl ProxyHeader {
    /// Reads the header at the beginning of a connection's bytes.
    pub fn parse(bytes: &[u8]) -> Self {
        let starts_like = |start: &[u8]| {
            let known = bytes.len().min(start.len());
            bytes[..known] == start[..known]
        };
        let most = match () {
            () if starts_like(V1) => MAX_V1,
            () if starts_like(V2) => MAX_HEADER,
            () => return Self::Malformed,
        };
        let config = ParseConfig {
            include_tlvs: false,
            ..ParseConfig::default()
        };
        match proxy_header::ProxyHeader::parse(&bytes[..bytes.len().min(most)], config) {
            Ok((header, length)) => {
                let address = header.proxied_address();
                let address = address.filter(|address| address.protocol == Protocol::Stream);
                Self::Whole(Addressed {
                    client: address.map(|address| address.source.ip().to_canonical()),
                    length,
                })
            }
            Err(Error::BufferTooShort) if bytes.len() < most && stated(bytes) <= most => {
                Self::Partial
            }
            Err(_) => Self::Malformed,
        }
    }

    /// Takes a whole header off the front of what was read.
    pub fn take(held: &mut BytesMut) -> Self {
        let parsed = Self::parse(held);
        if let Self::Whole(header) = &parsed {
            let _ = held.split_to(header.length);
        }
        parsed
    }
}

/// Returns the length that a header of version 2 says it has; 0 where it does not yet, or is one of
/// version 1.
fn stated(bytes: &[u8]) -> usize {
    match bytes.get(V2.len()..V2.len() + 4) {
        Some(&[_, _, high, low]) if bytes.starts_with(V2) => {
            V2.len() + 4 + usize::from(u16::from_be_bytes([high, low]))
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
