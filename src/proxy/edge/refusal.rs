//! Answers HTTP/1 requests that pingora must not get: those whose end is not certain, and those that
//! pingora would answer by itself, uncounted, without CORS fields and with its name in `Server`.

use super::express::Answers;
use super::head::WholeHead;
use super::http1::Traffic;
use super::inbox::{Moment, Reply};
use crate::proxy::check::RequestError;
use crate::proxy::facts::{Facts, HeaderLength, cors_request};
use crate::proxy::routed::{Routed, Step};
use http::Method;
use pingora_http::RequestHeader;

// === impl Answers ===

impl Answers {
    /// Answers a request that is answered here, and says what is to be done with every other one. Pages
    /// have no `traffic`.
    pub(super) fn reply(
        &mut self,
        traffic: Option<Traffic<'_>>,
        head: &WholeHead<'_, '_>,
        moment: &Moment,
    ) -> Reply {
        let answered = |Traffic { snapshot, client }| self.answer(snapshot, client, head, moment);
        if let Some(reply) = traffic.and_then(answered) {
            return reply;
        }
        let is_connect = head.method() == Method::CONNECT.as_str();
        let error = match head.framing() {
            Ok(framing) if !is_connect => {
                return match head.is_plain() || head.to_request().is_some() {
                    true => Reply::HandOver(framing),
                    false => Reply::Refuse(RequestError::Unreadable),
                };
            }
            Ok(_) => RequestError::MethodNotAllowed,
            Err(error) => RequestError::Framing(error),
        };
        match (traffic, head.to_request()) {
            (Some(traffic), Some(request)) => {
                self.refuse(traffic, &request, head.length(), error, moment);
                Reply::AnsweredLast
            }
            _ => Reply::Refuse(error),
        }
    }

    /// Writes the answer to a request that is refused, under its route.
    fn refuse(
        &mut self,
        Traffic { snapshot, client }: Traffic<'_>,
        request: &RequestHeader,
        length: HeaderLength,
        error: RequestError,
        moment: &Moment,
    ) {
        let cors = cors_request(request);
        let facts = Facts::of(client, request, request.raw_path(), &cors, length);
        let mut routed = Routed::of(snapshot, &facts);
        if routed.error().is_none() {
            // Never: `check` finds the same.
            routed.refuse(error);
        }
        let record = routed.commit(moment.now.into_std());
        if let Step::Answer(answer) = routed.step() {
            self.write(&answer, record, false, moment);
        }
    }
}
