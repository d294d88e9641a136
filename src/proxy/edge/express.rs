//! The express lane: answers preflights on the spot, before pingora makes a session for them.
//!
//! On HTTP/1.1 it takes plain ones, from the bytes of the connection; on HTTP/2 all of them, from the
//! decoded header. The answer is the same as without the lane, because [`Routed`] gives it.

use super::date::Date;
use super::head::{WholeHead, plain_facts};
use super::inbox::{Moment, Reply};
use crate::cors::{CorsRequest, RequestKind};
use crate::framing::Framing;
use crate::proxy::answer::Answer;
use crate::proxy::client::Client;
use crate::proxy::facts::{Facts, cors_request};
use crate::proxy::record::{End, Record};
use crate::proxy::routed::{Routed, Step};
use crate::proxy::snapshot::Snapshot;
use http::{Method, StatusCode};
use pingora_core::protocols::http::v2::server::HttpSession;
use std::time::Instant;
use tracing::debug;

/// The answers written in one turn, one after the other.
pub(super) struct Answers {
    pub output: Vec<u8>,
    answered: Vec<Answered>,
    date: Date,
}

/// A request that was answered, and the answer.
struct Answered {
    record: Record,
    status: StatusCode,
    response_bytes: usize,
}

// === impl Answers ===

impl Answers {
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

    /// Writes the answer to a plain preflight. Returns `None`, with nothing written, for every other
    /// request, and for a preflight that an upstream answers.
    pub(super) fn answer(
        &mut self,
        snapshot: &Snapshot,
        client: &Client,
        head: &WholeHead<'_, '_>,
        moment: &Moment,
    ) -> Option<Reply> {
        if !snapshot.express_lane {
            return None;
        }
        let mut cors = CorsRequest::default();
        let plain = head.plain_preflight(&mut cors)?;
        let fields = head.fields();
        // A plain one has no field that states a body.
        let facts = plain_facts(client, head, &plain, &fields, &cors, Framing::Unstated);
        let mut routed = Routed::of(snapshot, &facts);
        let Step::Answer(answer) = routed.step() else {
            return None;
        };
        let (record, answer) = commit(&mut routed, answer, moment.now.into_std());
        self.write(
            &answer,
            record,
            !moment.is_stopping && plain.keep_alive,
            moment,
        );
        Some(match plain.keep_alive {
            true => Reply::Answered,
            false => Reply::AnsweredToLast,
        })
    }

    /// Writes an answer behind the others.
    pub(super) fn write(
        &mut self,
        answer: &Answer<'_>,
        record: Record,
        keep_alive: bool,
        moment: &Moment,
    ) {
        let date = self.date.value(moment.now);
        answer.write_http1(date, keep_alive, &mut self.output);
        self.answered.push(Answered {
            record,
            status: answer.status,
            response_bytes: answer.length(),
        });
    }

    /// Finishes the records of the answered requests.
    pub(super) fn finish(&self, snapshot: &Snapshot) {
        for answered in &self.answered {
            let end = End {
                status: Some(answered.status),
                response_bytes: answered.response_bytes as u64,
                ..End::default()
            };
            answered.record.finish(snapshot, end);
        }
    }
}

/// Commits to an answer, in place of which the client gets a refusal if it sends too many requests.
fn commit<'a>(
    routed: &mut Routed<'a>,
    answer: Answer<'a>,
    started: Instant,
) -> (Record, Answer<'a>) {
    let record = routed.commit(started);
    if record.error.is_some()
        && let Step::Answer(refusal) = routed.step()
    {
        return (record, refusal);
    }
    (record, answer)
}

/// Answers a preflight that the gateway answers itself, and CONNECT, which pingora would answer by
/// itself. Returns `false`, with nothing sent, for every other request.
pub(super) fn answer_http2(
    snapshot: &Snapshot,
    client: &Client,
    session: &mut HttpSession,
) -> bool {
    let started = Instant::now();
    let request = session.req_header();
    let is_connect = request.method == Method::CONNECT;
    if !is_connect && (!snapshot.express_lane || request.method != Method::OPTIONS) {
        return false;
    }
    let cors = cors_request(request);
    if !is_connect && cors.kind() != RequestKind::Preflight {
        return false;
    }
    let facts = Facts::of_stream(client, session, &cors);
    let mut routed = Routed::of(snapshot, &facts);
    let Step::Answer(answer) = routed.step() else {
        return false;
    };
    // A body would have to wait for the client's window.
    if answer.body.is_some() {
        return false;
    }
    let (record, answer) = commit(&mut routed, answer, started);
    let status = answer.status;
    let header = answer.to_http2_header();
    if let Err(error) = session.write_response_header(header, true) {
        debug!(%error, "a client did not wait for its answer");
    }
    record.finish(snapshot, Some(status).into());
    true
}
