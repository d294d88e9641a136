//! The express lane: reads the requests at the beginning of a connection's bytes, answers plain
//! preflights on the spot, and says what to do with everything else.

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

/// HTTP/2's connection preface: RFC 9113 §3.4.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Maximum length of a header that pingora reads; a longer one is refused here.
const MAX_HEADER: u64 = (1 << 20) - 1;

/// The answers written in one turn, one after the other.
pub(super) struct Desk {
    pub output: Vec<u8>,
    answered: Vec<(Record, StatusCode)>,
    date: Date,
}

/// The state of the connection when its bytes are looked at.
pub(super) struct Moment {
    pub now: Instant,
    /// Whether these are the first bytes of the connection.
    pub is_first: bool,
    /// Whether the connection ends with the next answer.
    pub is_stopping: bool,
}

/// The next thing to do with a connection.
pub(super) enum Next {
    /// Wait for more bytes.
    Read,
    /// Hand this request to pingora.
    Request(BytesMut, Body),
    /// Serve the connection as HTTP/2.
    Http2,
    Refuse(RequestError),
    /// Close: the last answer announced it.
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

    /// Answers the plain preflights at the beginning of `bytes`. Returns the number of bytes that are
    /// done with, and what to do next.
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

    /// Writes the answer to a plain preflight. Returns `false`, with nothing written, for every other
    /// request, and for a preflight that an upstream answers.
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

    /// Finishes the records of the answered requests.
    pub(super) fn finish(&self, snapshot: &Snapshot) {
        for (record, status) in &self.answered {
            record.finish(snapshot, Some(*status));
        }
    }
}

/// Says what to do with the first `len` bytes of a header that is not whole.
pub(super) fn bounded(limits: &Limits, len: usize) -> Next {
    let limit = limits.max_request_header_bytes;
    let most = limit.saturating_mul(HEADER_ROOM.into());
    match len as u64 > most.min(MAX_HEADER) {
        true => Next::Refuse(RequestError::HeaderTooLarge),
        false => Next::Read,
    }
}

/// Returns the length of the empty lines at the beginning, which RFC 9112 §2.2 has servers ignore.
fn empty_lines(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let [b'\n', after @ ..] | [b'\r', b'\n', after @ ..] = rest {
        rest = after;
    }
    bytes.len() - rest.len()
}

/// Whether the bytes begin HTTP/2's preface. One or two of them may still begin a POST.
fn is_http2(bytes: &[u8]) -> bool {
    let known = bytes.len().min(HTTP2_PREFACE.len());
    known >= 3 && bytes[..known] == HTTP2_PREFACE[..known]
}
