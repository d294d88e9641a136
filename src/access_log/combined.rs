//! Lines in Apache's combined format, which most tools that read logs know.

use super::escape::{self, Combined};
use super::line::Line;
use super::{Entry, time};

/// Writes the line, without its end. A dash stands for what is not known.
pub(super) fn write(entry: &Entry<'_>, out: &mut Line) {
    match entry.client {
        Some(client) => out.ip(client),
        None => out.push(b'-'),
    }
    out.array(b" - - [");
    time::combined(entry.time, out);
    out.array(b"] \"");
    match entry.method {
        None => out.push(b'-'),
        Some(method) => {
            escape::write::<Combined>(method, out);
            out.push(b' ');
            escape::write::<Combined>(entry.path.unwrap_or(b"-"), out);
            out.push(b' ');
            out.slice(entry.protocol.unwrap_or("-").as_bytes());
        }
    }
    out.array(b"\" ");
    match entry.status {
        Some(status) => out.number(status.into()),
        None => out.push(b'-'),
    }
    out.push(b' ');
    match entry.response_bytes {
        0 => out.push(b'-'),
        bytes => out.number(bytes),
    }
    for value in [entry.referer, entry.user_agent] {
        out.array(b" \"");
        escape::write::<Combined>(value.unwrap_or(b"-"), out);
        out.push(b'"');
    }
}
