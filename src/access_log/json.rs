//! Lines of JSON: an object per request, with every field on every line.

use super::escape::{self, Json};
use super::{Entry, time};
use crate::config::{LogField, LogFields};
use std::io::Write as _;
use std::time::Duration;

/// Writes the object, without the end of its line.
pub(super) fn write(entry: &Entry<'_>, fields: LogFields, out: &mut Vec<u8>) {
    out.push(b'{');
    for field in fields.iter() {
        if out.last() != Some(&b'{') {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(field.as_str().as_bytes());
        out.extend_from_slice(b"\":");
        value(entry, field, out);
    }
    out.push(b'}');
}

fn value(entry: &Entry<'_>, field: LogField, out: &mut Vec<u8>) {
    let upstream = entry.upstream.as_ref();
    match field {
        LogField::Time => {
            out.push(b'"');
            time::rfc3339(entry.time, out);
            out.push(b'"');
        }
        LogField::Client => shown(entry.client, out),
        LogField::Listener => shown(entry.listener, out),
        LogField::Protocol => word(entry.protocol, out),
        LogField::TlsVersion => word(entry.tls_version, out),
        LogField::Method => text(entry.method, out),
        LogField::Host => text(entry.host, out),
        LogField::Path => text(entry.path, out),
        LogField::Status => number(entry.status.map(u64::from), out),
        LogField::DurationMs => milliseconds(Some(entry.duration), out),
        LogField::RequestBytes => number(Some(entry.request_bytes), out),
        LogField::ResponseBytes => number(Some(entry.response_bytes), out),
        LogField::Route => word(Some(entry.route), out),
        LogField::Policy => word(entry.policy, out),
        LogField::Outcome => word(entry.outcome, out),
        LogField::Reason => word(entry.reason, out),
        LogField::Origin => text(entry.origin, out),
        LogField::Upstream => word(upstream.map(|upstream| upstream.name), out),
        LogField::Endpoint => shown(upstream.and_then(|upstream| upstream.endpoint), out),
        LogField::UpstreamDurationMs => {
            milliseconds(upstream.and_then(|upstream| upstream.duration), out);
        }
        LogField::Retries => number(upstream.map(|upstream| upstream.retries as u64), out),
        LogField::RequestId => text(entry.request_id, out),
        LogField::TraceId => text(entry.trace_id, out),
        LogField::UserAgent => text(entry.user_agent, out),
        LogField::Referer => text(entry.referer, out),
    }
}

fn text(value: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(value) = value else {
        return out.extend_from_slice(b"null");
    };
    out.push(b'"');
    escape::write::<Json>(value, out);
    out.push(b'"');
}

fn word(value: Option<&str>, out: &mut Vec<u8>) {
    text(value.map(str::as_bytes), out);
}

fn number(value: Option<u64>, out: &mut Vec<u8>) {
    match value {
        None => out.extend_from_slice(b"null"),
        Some(value) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
    }
}

/// Writes milliseconds, with microseconds behind the point.
fn milliseconds(value: Option<Duration>, out: &mut Vec<u8>) {
    let Some(value) = value else {
        return out.extend_from_slice(b"null");
    };
    let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
    number(Some(micros / 1000), out);
    let digit = |value: u64| b'0' + u8::try_from(value % 10).unwrap_or_default();
    out.push(b'.');
    out.extend([micros / 100, micros / 10, micros].map(digit));
}

/// Writes an address.
fn shown(value: Option<impl std::fmt::Display>, out: &mut Vec<u8>) {
    match value {
        None => out.extend_from_slice(b"null"),
        Some(value) => {
            let _ = write!(out, "\"{value}\"");
        }
    }
}
