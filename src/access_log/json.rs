//! Lines of JSON: an object per request, with every field on every line.

use super::escape::{self, Json};
use super::line::{Line, Piece};
use super::{Entry, time};
use crate::config::{LogField, LogFields};
use std::time::Duration;

const NULL: &[u8; 4] = b"null";

/// The fields of all lines, each with its key as lines have it: `,"status":`, and without the comma for the first.
#[derive(Debug, Clone)]
pub(super) struct Keys(Box<[(LogField, Piece)]>);

// === impl Keys ===

impl Keys {
    pub(super) fn of(fields: LogFields) -> Self {
        let commas = std::iter::once("").chain(std::iter::repeat(","));
        let keys = fields.iter().zip(commas).filter_map(|(field, comma)| {
            let key = format!("{comma}\"{}\":", field.as_str());
            Some((field, Piece::of(&key)?))
        });
        Self(keys.collect())
    }
}

/// Writes the object, without the end of its line.
pub(super) fn write(entry: &Entry<'_>, Keys(keys): &Keys, out: &mut Line) {
    out.push(b'{');
    for (field, key) in keys {
        out.piece(key);
        value(entry, *field, out);
    }
    out.push(b'}');
}

fn value(entry: &Entry<'_>, field: LogField, out: &mut Line) {
    let upstream = entry.upstream.as_ref();
    match field {
        LogField::Time => {
            out.push(b'"');
            time::rfc3339(entry.time, out);
            out.push(b'"');
        }
        LogField::Client => quoted(entry.client, |ip, out| out.ip(ip), out),
        LogField::Listener => quoted(entry.listener, |socket, out| out.socket(socket), out),
        LogField::Protocol => word(entry.protocol, out),
        LogField::TlsVersion => word(entry.tls_version, out),
        LogField::Method => text(entry.method, out),
        LogField::Host => text(entry.host, out),
        LogField::Path => text(entry.path, out),
        LogField::Status => count(entry.status.map(u64::from), out),
        LogField::DurationMs => milliseconds(Some(entry.duration), out),
        LogField::RequestBytes => out.number(entry.request_bytes),
        LogField::ResponseBytes => out.number(entry.response_bytes),
        LogField::Route => word(Some(entry.route), out),
        LogField::Policy => word(entry.policy, out),
        LogField::Outcome => word(entry.outcome, out),
        LogField::Reason => word(entry.reason, out),
        LogField::Origin => text(entry.origin, out),
        LogField::Upstream => word(upstream.map(|upstream| upstream.name), out),
        LogField::Endpoint => {
            let endpoint = upstream.and_then(|upstream| upstream.endpoint);
            quoted(endpoint, |socket, out| out.socket(socket), out);
        }
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

fn text(value: Option<&[u8]>, out: &mut Line) {
    quoted(value, escape::write::<Json>, out);
}

fn word(value: Option<&str>, out: &mut Line) {
    text(value.map(str::as_bytes), out);
}

fn count(value: Option<u64>, out: &mut Line) {
    match value {
        None => out.array(NULL),
        Some(value) => out.number(value),
    }
}

/// Writes milliseconds, with microseconds behind the point.
fn milliseconds(value: Option<Duration>, out: &mut Line) {
    let Some(value) = value else {
        return out.array(NULL);
    };
    let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
    out.number(micros / 1000);
    out.push(b'.');
    out.digits::<3>(micros);
}

/// Writes a string, whose content `write` writes.
fn quoted<T>(value: Option<T>, write: impl FnOnce(T, &mut Line), out: &mut Line) {
    match value {
        None => out.array(NULL),
        Some(value) => {
            out.push(b'"');
            write(value, out);
            out.push(b'"');
        }
    }
}
