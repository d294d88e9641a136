//! The bytes that a client sends before a request, or between two: bytes and times go in, the next
//! thing to do comes out. There is no socket here and no timer.
//!
//! Nearly always a request comes whole. It is looked at where it was read, and nothing is kept, so
//! that idle connections hold no buffer.

use super::HEADER_ROOM;
use super::head::{Head, WholeHead, has_empty_line, slots};
use crate::config::Limits;
use crate::framing::{Framing, PREFACE};
use crate::proxy::check::RequestError;
use bytes::{Buf as _, BytesMut};
use tokio::time::Instant;

/// Maximum length of a header that pingora reads.
const MAX_HEADER: u64 = (1 << 20) - 1;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Bytes received and not consumed: the beginning of a header.
    held: BytesMut,
    /// Length of what is known to be no whole header, at the beginning of `held`.
    scanned: usize,
    /// Start of the request header being read; `None` between requests.
    header_since: Option<Instant>,
    /// Start of the client's silence: when the connection began, or the last request ended.
    silent_since: Instant,
    /// Whether the bytes can be HTTP/2's preface: no request has come yet.
    is_first: bool,
}

/// The circumstances under which bytes are looked at.
pub(super) struct Moment {
    pub now: Instant,
    /// Whether the connection is to end with the next answer.
    pub is_stopping: bool,
}

/// The next thing to do with a connection.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Wait for more.
    Read,
    /// Have pingora serve the request with this header, whose body ends as it says.
    Request(BytesMut, Framing),
    /// Go on as an HTTP/2 connection.
    Http2,
    /// Answer with the error's status, and close.
    Refuse(RequestError),
    /// Close: the answer said that it was the last.
    Close,
    /// Close: the answer said that it was the last, as the client had said of its request.
    Leave,
    /// Close without a word.
    End,
}

/// The gateway's reply to a whole header.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    /// It was answered.
    Answered,
    /// It was answered with the connection's last answer: its end is not certain.
    AnsweredLast,
    /// It was answered, and is the last one that the client sends.
    AnsweredToLast,
    /// Nothing: pingora is to serve it.
    HandOver(Framing),
    /// Nothing: it is to be refused without a route.
    Refuse(RequestError),
}

// === impl Inbox ===

impl Inbox {
    /// Begins with a new connection that can't become one of HTTP/2: TLS has settled the protocol.
    pub(super) fn of_http1(now: Instant) -> Self {
        Self {
            is_first: false,
            ..Self::new(now)
        }
    }

    /// Begins with a new connection.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            held: BytesMut::new(),
            scanned: 0,
            header_since: None,
            silent_since: now,
            is_first: true,
        }
    }

    /// Goes on behind a request that pingora has served, with what the client has sent behind it.
    pub(super) fn resume(held: BytesMut, now: Instant) -> Self {
        Self {
            held,
            is_first: false,
            ..Self::new(now)
        }
    }

    /// Takes what was `received`. Each whole header is shown to `reply`; the first that isn't answered
    /// is what is next.
    pub(super) fn receive(
        &mut self,
        received: &[u8],
        moment: &Moment,
        limits: &Limits,
        reply: impl FnMut(&WholeHead<'_, '_>) -> Reply,
    ) -> Next {
        let looked = if self.held.is_empty() {
            let looked = look(received, self.is_first, moment, limits, reply);
            match &received[looked.used..] {
                [] => {}
                rest => self.held = BytesMut::from(rest),
            }
            looked
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(received);
            let looked = match self.may_be_whole(&held) {
                true => look(&held, self.is_first, moment, limits, reply),
                false => Looked::waiting(0, bounded(limits, held.len())),
            };
            held.advance(looked.used);
            if !held.is_empty() {
                self.held = held;
            }
            looked
        };
        self.note(&looked, moment.now);
        looked.next
    }

    /// Returns whether there are bytes that have not been looked at.
    pub(super) fn has_news(&self) -> bool {
        self.held.len() > self.scanned
    }

    /// Returns whether the client is not in the middle of a header.
    pub(super) fn is_idle(&self) -> bool {
        self.header_since.is_none()
    }

    /// Returns when the header being read began.
    pub(super) fn header_since(&self) -> Option<Instant> {
        self.header_since
    }

    /// Returns the time by which the client has to go on.
    pub(super) fn deadline(&self, limits: &Limits) -> Instant {
        match self.header_since {
            Some(since) => since + limits.header_timeout,
            None => self.silent_since + limits.keepalive_timeout,
        }
    }

    /// Returns what is next when the deadline has passed.
    pub(super) fn expire(&self) -> Next {
        match self.header_since {
            Some(_) => Next::Refuse(RequestError::HeaderTimeout),
            None => Next::End,
        }
    }

    /// Returns the bytes that are not consumed.
    pub(super) fn into_held(self) -> BytesMut {
        self.held
    }

    /// Returns whether `held` could have a whole header by now. If a long one were parsed after every
    /// byte, it would cost its length squared.
    fn may_be_whole(&self, held: &[u8]) -> bool {
        let unseen = &held[self.scanned.saturating_sub(3)..];
        self.scanned == 0 || held.starts_with(b"\r\n") || has_empty_line(unseen)
    }

    /// Notes where the connection is after bytes were looked at.
    fn note(&mut self, looked: &Looked, now: Instant) {
        self.scanned = self.held.len();
        if looked.has_answered {
            self.header_since = None;
        }
        if !self.held.is_empty() {
            self.header_since.get_or_insert(now);
        } else if looked.has_answered || self.header_since.take().is_some() {
            // Empty lines alone count as silence.
            self.silent_since = now;
        }
        self.is_first &= looked.next == Next::Read && !looked.has_answered;
    }
}

/// The result of looking at bytes.
struct Looked {
    /// Number of bytes that are done with.
    used: usize,
    has_answered: bool,
    next: Next,
}

// === impl Looked ===

impl Looked {
    fn waiting(used: usize, next: Next) -> Self {
        Self {
            used,
            has_answered: false,
            next,
        }
    }
}

/// Reads headers until one is not whole, or is not answered.
fn look(
    bytes: &[u8],
    is_first: bool,
    moment: &Moment,
    limits: &Limits,
    mut reply: impl FnMut(&WholeHead<'_, '_>) -> Reply,
) -> Looked {
    let mut used = 0;
    let mut has_answered = false;
    let next = loop {
        used += empty_lines(&bytes[used..]);
        let rest = &bytes[used..];
        if rest.is_empty() {
            break Next::Read;
        }
        if is_first && used == 0 && is_http2(rest) {
            break match rest.len() >= PREFACE.len() {
                true => Next::Http2,
                false => Next::Read,
            };
        }
        let mut slots = slots();
        match Head::parse(rest, &mut slots) {
            Head::Partial => break bounded(limits, rest.len()),
            Head::TooManyFields => break Next::Refuse(RequestError::TooManyFields),
            Head::Unreadable => break Next::Refuse(RequestError::Unreadable),
            Head::Whole(head) => {
                used += head.len();
                let reply = reply(&head);
                has_answered |= !matches!(reply, Reply::HandOver(_) | Reply::Refuse(_));
                match reply {
                    Reply::Answered if !moment.is_stopping => {}
                    // With more behind it, the client can't be believed.
                    Reply::AnsweredToLast if used == bytes.len() => break Next::Leave,
                    Reply::Answered | Reply::AnsweredLast | Reply::AnsweredToLast => {
                        used = bytes.len();
                        break Next::Close;
                    }
                    Reply::HandOver(framing) => {
                        break Next::Request(head.to_bytes(), framing);
                    }
                    Reply::Refuse(error) => break Next::Refuse(error),
                }
            }
        }
    };
    Looked {
        used,
        has_answered,
        next,
    }
}

/// Returns what to do with `len` bytes of a header that isn't whole.
fn bounded(limits: &Limits, len: usize) -> Next {
    let limit = limits.max_request_header_bytes;
    let most = limit.saturating_mul(HEADER_ROOM.into());
    match len as u64 > most.min(MAX_HEADER) {
        true => Next::Refuse(RequestError::HeaderTooLarge),
        false => Next::Read,
    }
}

/// Returns the length of the empty lines at the beginning: RFC 9112 §2.2 has servers ignore them
/// before a request.
fn empty_lines(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let [b'\r', b'\n', after @ ..] = rest {
        rest = after;
    }
    bytes.len() - rest.len()
}

/// Returns whether the bytes are HTTP/2's preface, as far as they go. `P` alone may be a POST.
fn is_http2(bytes: &[u8]) -> bool {
    let known = bytes.len().min(PREFACE.len());
    known >= 3 && bytes[..known] == PREFACE.as_bytes()[..known]
}

#[cfg(test)]
mod tests;
