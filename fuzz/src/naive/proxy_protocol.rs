//! The PROXY protocol's header, read as its specification says, without care for time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub const MAX_HEADER: usize = 4096;

const SIGNATURE: [u8; 12] = [
    0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
];

/// Returns the client, if the header names one, and the header's length; `None` for anything that is not a
/// whole header.
pub fn read(bytes: &[u8]) -> Option<(Option<IpAddr>, usize)> {
    match bytes.starts_with(&SIGNATURE) {
        true => version_2(bytes),
        false => version_1(bytes),
    }
}

/// §2.1: a line of at most 107 bytes.
fn version_1(bytes: &[u8]) -> Option<(Option<IpAddr>, usize)> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    if end + 2 > 107 || bytes[..end].contains(&b'\r') {
        return None;
    }
    let line = std::str::from_utf8(&bytes[..end]).ok()?;
    let length = end + 2;
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Some((None, length)),
        ["PROXY", family, source, destination, ports @ ..] => {
            let [from, to] = ports else { return None };
            for port in [from, to] {
                let is_plain = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
                let is_short = *port == "0" || !port.starts_with('0');
                if !is_plain || !is_short || port.parse::<u16>().is_err() {
                    return None;
                }
            }
            let address = |text: &str| -> Option<IpAddr> {
                match *family {
                    "TCP4" => Some(IpAddr::V4(text.parse().ok()?)),
                    "TCP6" => Some(IpAddr::V6(text.parse().ok()?)),
                    _ => None,
                }
            };
            address(destination)?;
            Some((Some(plain(address(source)?)), length))
        }
        _ => None,
    }
}

/// Returns the length that a header of version 2 says it has.
pub fn stated(bytes: &[u8]) -> Option<usize> {
    let length = [*bytes.get(14)?, *bytes.get(15)?];
    Some(16 + usize::from(length[0]) * 256 + usize::from(length[1]))
}

/// §2.2: sixteen bytes, and as many more as they say.
fn version_2(bytes: &[u8]) -> Option<(Option<IpAddr>, usize)> {
    let length = stated(bytes)?;
    if bytes.len() < length || length > MAX_HEADER {
        return None;
    }
    let (command, family) = (bytes[12], bytes[13]);
    let payload = &bytes[16..length];
    let (least, client) = match family {
        0x00 => (0, None),
        0x11 | 0x12 => {
            let octets: Option<[u8; 4]> = payload.get(..4).and_then(|b| b.try_into().ok());
            (12, octets.map(|octets| IpAddr::V4(Ipv4Addr::from(octets))))
        }
        0x21 | 0x22 => {
            let octets: Option<[u8; 16]> = payload.get(..16).and_then(|b| b.try_into().ok());
            (36, octets.map(|octets| IpAddr::V6(Ipv6Addr::from(octets))))
        }
        0x31 | 0x32 => (216, None),
        _ => return None,
    };
    if payload.len() < least {
        return None;
    }
    match command {
        0x20 => Some((None, length)),
        // Datagrams don't come over a connection.
        0x21 if family & 0x0f == 2 => Some((None, length)),
        0x21 => Some((client.map(plain), length)),
        _ => None,
    }
}

/// Writes an IPv4 address as one, however it came.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}
