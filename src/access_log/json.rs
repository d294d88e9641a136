//! Lines of JSON: an object per request, with every field on every line.

use super::address::{ip, number, socket};
use super::escape::{self, Json};
use super::{Entry, time};
use crate::config::{LogField, LogFields};
use std::time::Duration;

const NULL: &[u8] = b"null";

/// The fields of all lines, each with its key as lines have it: `,"status":`, and without the comma for the first.
#[derive(Debug, Clone)]
pub(super) struct Keys(Box<[(LogField, Box<str>)]>);

// === impl Keys ===

impl Keys {
    pub(super) fn of(fields: LogFields) -> Self {
        let commas = std::iter::once("").chain(std::iter::repeat(","));
        let keys = fields.iter().zip(commas).map(|(field, comma)| {
            let key = format!("{comma}\"{}\":", field.as_str());
            (field, key.into_boxed_str())
        });
        Self(keys.collect())
    }
}

/// Writes the object, without the end of its line.
pub(super) fn write(entry: &Entry<'_>, Keys(keys): &Keys, out: &mut Vec<u8>) {
    out.push(b'{');
    for (field, key) in keys {
        out.extend_from_slice(key.as_bytes());
        value(entry, *field, out);
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
        LogField::Client => quoted(entry.client, ip, out),
        LogField::Listener => quoted(entry.listener, socket, out),
        LogField::Protocol => word(entry.protocol, out),
        LogField::TlsVersion => word(entry.tls_version, out),
        LogField::Method => text(entry.method, out),
        LogField::Host => text(entry.host, out),
        LogField::Path => text(entry.path, out),
        LogField::Status => count(entry.status.map(u64::from), out),
        LogField::DurationMs => milliseconds(Some(entry.duration), out),
        LogField::RequestBytes => number(entry.request_bytes, out),
        LogField::ResponseBytes => number(entry.response_bytes, out),
        LogField::Route => word(Some(entry.route), out),
        LogField::Policy => word(entry.policy, out),
        LogField::Outcome => word(entry.outcome, out),
        LogField::Reason => word(entry.reason, out),
        LogField::Origin => text(entry.origin, out),
        LogField::Upstream => word(upstream.map(|upstream| upstream.name), out),
        LogField::Endpoint => quoted(upstream.and_then(|upstream| upstream.endpoint), socket, out),
        LogField::UpstreamDurationMs => {
            milliseconds(upstream.and_then(|upstream| upstream.duration), out);
        }
        LogField::Retries => count(upstream.map(|upstream| upstream.retries as u64), out),
        LogField::RequestId => text(entry.request_id, out),
        LogField::TraceId => text(entry.trace_id, out),
        LogField::UserAgent => text(entry.user_agent, out),
        LogField::Referer => text(entry.referer, out),
    }
}

fn text(value: Option<&[u8]>, out: &mut Vec<u8>) {
    quoted(value, escape::write::<Json>, out);
}

fn word(value: Option<&str>, out: &mut Vec<u8>) {
    text(value.map(str::as_bytes), out);
}

fn count(value: Option<u64>, out: &mut Vec<u8>) {
    match value {
        None => out.extend_from_slice(NULL),
        Some(value) => number(value, out),
    }
}

/// Writes milliseconds, with microseconds behind the point.
fn milliseconds(value: Option<Duration>, out: &mut Vec<u8>) {
    let Some(value) = value else {
        return out.extend_from_slice(NULL);
    };
    let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
    number(micros / 1000, out);
    let digit = |value: u64| b'0' + u8::try_from(value % 10).unwrap_or_default();
    out.push(b'.');
    out.extend([micros / 100, micros / 10, micros].map(digit));
}

/// Writes a string, whose content `write` writes.
fn quoted<T>(value: Option<T>, write: impl FnOnce(T, &mut Vec<u8>), out: &mut Vec<u8>) {
    match value {
        None => out.extend_from_slice(NULL),
        Some(value) => {
            out.push(b'"');
            write(value, out);
            out.push(b'"');
        }
    }
}
