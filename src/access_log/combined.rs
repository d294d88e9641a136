//! Lines in Apache's combined format, which most tools that read logs know.

use super::address::{ip, number};
use super::escape::{self, Combined};
use super::{Entry, time};

/// Writes the line, without its end. A dash stands for what is not known.
pub(super) fn write(entry: &Entry<'_>, out: &mut Vec<u8>) {
    match entry.client {
        Some(client) => ip(client, out),
        None => out.push(b'-'),
    }
    out.extend_from_slice(b" - - [");
    time::combined(entry.time, out);
    out.extend_from_slice(b"] \"");
    match entry.method {
        None => out.push(b'-'),
        Some(method) => {
            escape::write::<Combined>(method, out);
            out.push(b' ');
            escape::write::<Combined>(entry.path.unwrap_or(b"-"), out);
            out.push(b' ');
            out.extend_from_slice(entry.protocol.unwrap_or("-").as_bytes());
        }
    }
    out.extend_from_slice(b"\" ");
    match entry.status {
        Some(status) => number(status, out),
        None => out.push(b'-'),
    }
    out.push(b' ');
    match entry.response_bytes {
        0 => out.push(b'-'),
        bytes => number(bytes, out),
    }
    for value in [entry.referer, entry.user_agent] {
        out.extend_from_slice(b" \"");
        escape::write::<Combined>(value.unwrap_or(b"-"), out);
        out.push(b'"');
    }
}
