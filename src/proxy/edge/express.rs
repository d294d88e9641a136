//! What an HTTP/1.1 connection's bytes ask for: answers written on the spot, or what else to do.

use super::HEADER_ROOM;
use super::date::Date;
use super::head::{Body, Head, PlainPreflight, WholeHead, slots};
use crate::config::Limits;
use crate::cors::CorsRequest;
use crate::proxy::check::RequestError;
use crate::proxy::facts::{Facts, Target};
use crate::proxy::record::Record;
use crate::proxy::routed::{Routed, Step};
use crate::proxy::snapshot::Snapshot;
use crate::routing::normalized_path;
use bytes::BytesMut;
use http::{StatusCode, Version};
use tokio::time::Instant;

/// RFC 9113 §3.4.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// pingora reads no longer headers.
const MAX_HEADER: u64 = (1 << 20) - 1;

/// Where answers are written, one behind the other.
pub(super) struct Desk {
    pub output: Vec<u8>,
    answered: Vec<(Record, StatusCode)>,
    date: Date,
}

/// When and where bytes are looked at.
pub(super) struct Moment {
    pub now: Instant,
    /// Whether nothing has come before them on the connection.
    pub is_first: bool,
    /// Whether the connection is to end with the next answer.
    pub is_stopping: bool,
}

/// What has to be done next with a connection.
pub(super) enum Next {
    /// Wait for more.
    Read,
    /// pingora serves this request.
    Request(BytesMut, Body),
    /// The connection speaks HTTP/2.
    Http2,
    Refuse(RequestError),
    /// The answer said that it was the last.
    Close,
    End,
}

// === impl Desk ===

impl Desk {
    pub(super) fn new() -> Self {
        Self {
            output: Vec::new(),
            answered: Vec::new(),
            date: Date::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.output.clear();
        self.answered.clear();
    }

    pub(super) fn has_answered(&self) -> bool {
        !self.answered.is_empty()
    }

    /// Answers the plain preflights at the beginning of `bytes`. Returns how much of them is done
    /// with, and what is next.
    pub(super) fn look(
        &mut self,
        snapshot: &Snapshot,
        bytes: &[u8],
        moment: &Moment,
    ) -> (usize, Next) {
        let mut done = 0;
        loop {
            done += empty_lines(&bytes[done..]);
            let rest = &bytes[done..];
            if rest.is_empty() {
                return (done, Next::Read);
            }
            if moment.is_first && done == 0 && is_http2(rest) {
                return match rest.len() >= HTTP2_PREFACE.len() {
                    true => (0, Next::Http2),
                    false => (0, Next::Read),
                };
            }
            let mut slots = slots();
            match Head::parse(rest, &mut slots) {
                Head::Partial => return (done, bounded(&snapshot.limits, rest.len())),
                Head::Unreadable => {
                    let all = BytesMut::from(rest);
                    return (bytes.len(), Next::Request(all, Body::Unframed));
                }
                Head::Whole(head) => {
                    done += head.len();
                    if !self.answer(snapshot, &head, moment) {
                        let header = BytesMut::from(&rest[..head.len()]);
                        return (done, Next::Request(header, head.body()));
                    }
                    if moment.is_stopping {
                        return (bytes.len(), Next::Close);
                    }
                }
            }
        }
    }

    /// Writes the answer to a plain preflight; says whether it was one.
    fn answer(&mut self, snapshot: &Snapshot, head: &WholeHead<'_, '_>, moment: &Moment) -> bool {
        if !snapshot.express_lane {
            return false;
        }
        let mut cors = CorsRequest::default();
        let Some(PlainPreflight { host, path }) = head.plain_preflight(&mut cors) else {
            return false;
        };
        let facts = Facts {
            target: Target::Path(path),
            host,
            path: normalized_path(path),
            fields: &head.fields(),
            cors: &cors,
            version: Version::HTTP_11,
            header_bytes: head.len(),
        };
        let routed = Routed::of(snapshot, &facts);
        let Step::Answer(answer) = routed.step() else {
            return false;
        };
        let date = self.date.value(moment.now);
        answer.write_http1(date, !moment.is_stopping, &mut self.output);
        let record = routed.record(moment.now.into_std());
        self.answered.push((record, answer.status));
        true
    }

    /// Finishes the requests that were answered.
    pub(super) fn finish(&self, snapshot: &Snapshot) {
        for (record, status) in &self.answered {
            record.finish(snapshot, Some(*status));
        }
    }
}

/// What to do with so much of a header that isn't whole.
pub(super) fn bounded(limits: &Limits, len: usize) -> Next {
    let limit = limits.max_request_header_bytes;
    let most = limit.saturating_mul(HEADER_ROOM.into());
    match len as u64 > most.min(MAX_HEADER) {
        true => Next::Refuse(RequestError::HeaderTooLarge),
        false => Next::Read,
    }
}

/// How many bytes of empty lines there are: RFC 9112 §2.2 has servers ignore them before a request.
fn empty_lines(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let [b'\n', after @ ..] | [b'\r', b'\n', after @ ..] = rest {
        rest = after;
    }
    bytes.len() - rest.len()
}

/// Whether the bytes are HTTP/2's preface, as far as they go. `P` alone may be a POST.
fn is_http2(bytes: &[u8]) -> bool {
    let known = bytes.len().min(HTTP2_PREFACE.len());
    known >= 3 && bytes[..known] == HTTP2_PREFACE[..known]
}
