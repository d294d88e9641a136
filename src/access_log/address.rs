//! Addresses in a line, without the formatting of the standard library, which takes as long as the rest of the
//! line does.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Writes an address.
pub(super) fn ip(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => ipv4(address, out),
        // Seldom enough, and with rules of its own.
        IpAddr::V6(address) => {
            let _ = write!(out, "{address}");
        }
    }
}

/// Writes an address and its port.
pub(super) fn socket(address: SocketAddr, out: &mut Vec<u8>) {
    match address {
        SocketAddr::V4(address) => {
            ipv4(*address.ip(), out);
            out.push(b':');
            number(address.port(), out);
        }
        SocketAddr::V6(address) => {
            let _ = write!(out, "{address}");
        }
    }
}

fn ipv4(address: Ipv4Addr, out: &mut Vec<u8>) {
    let [first, rest @ ..] = address.octets();
    number(first, out);
    for octet in rest {
        out.push(b'.');
        number(octet, out);
    }
}

/// Writes a number in decimal digits.
pub(super) fn number(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn addresses_are_written_as_the_standard_library_does(
            ip in any::<IpAddr>(),
            port in any::<u16>(),
        ) {
            let mut out = Vec::new();
            super::ip(ip, &mut out);
            out.push(b' ');
            let socket = SocketAddr::new(ip, port);
            super::socket(socket, &mut out);
            prop_assert_eq!(String::from_utf8(out), Ok(format!("{ip} {socket}")));
        }
    }
}
