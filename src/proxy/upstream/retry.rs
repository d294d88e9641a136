//! Whether a request whose upstream failed is sent again.
//!
//! A backend may close an idle connection just as a request leaves for it. Neither side has done
//! anything wrong, and the client would see an error out of nothing. RFC 9110 §9.2.2 lets a proxy send
//! the request again if that can't do anything twice.

use http::Method;
use pingora_core::{Error, ErrorSource, ErrorType, RetryType};

/// A try that failed after its connection was there.
#[derive(Debug, Clone, Copy)]
pub(in crate::proxy) struct FailedTry<'a> {
    pub method: &'a Method,
    /// Whether the connection had served a request before.
    pub is_reused: bool,
    /// Whether anything of a response had come.
    pub has_answer: bool,
    /// Whether all that was read of the request's body can be sent again.
    pub has_body: bool,
    pub failure: Failure,
}

/// The way in which a try failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Failure {
    /// The connection ended before a byte of a response.
    Closed,
    /// The upstream said that it did not process the request: RFC 9113 §8.7.
    Unprocessed,
    /// Anything else: a time-out, a malformed response, a client that went away.
    Other,
}

/// Decides whether the request is sent again, on a fresh connection.
pub(in crate::proxy) fn may_try_again(failed: &FailedTry<'_>) -> bool {
    let is_safe = failed.method.is_idempotent() && failed.has_body && !failed.has_answer;
    is_safe
        && match failed.failure {
            // On a fresh connection, it was this request that the upstream would not answer.
            Failure::Closed => failed.is_reused,
            Failure::Unprocessed => true,
            Failure::Other => false,
        }
}

// === impl Failure ===

impl Failure {
    pub(in crate::proxy) fn of(error: &Error) -> Self {
        if *error.esource() != ErrorSource::Upstream {
            return Self::Other;
        }
        match (error.etype(), error.retry) {
            (_, RetryType::Decided(true)) => Self::Unprocessed,
            (ErrorType::WriteError, _) => Self::Closed,
            (ErrorType::ConnectionClosed | ErrorType::ReadError, RetryType::ReusedOnly)
                if !has_read(error) =>
            {
                Self::Closed
            }
            _ => Self::Other,
        }
    }
}

/// Whether bytes of a response had been read. pingora says so in the error's text alone, and on HTTP/1.1
/// alone; on HTTP/2 it marks the error for a retry only if no header had come.
fn has_read(error: &Error) -> bool {
    let text = error
        .context
        .as_ref()
        .map_or("", |context| context.as_str());
    let read = text.rsplit_once("already read: ");
    read.is_some_and(|(_, bytes)| bytes != "0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use Failure::{Closed, Other, Unprocessed};

    #[test]
    fn only_what_can_not_be_done_twice_is_sent_again() {
        for (method, is_reused, has_answer, has_body, failure, expected) in [
            ("GET", true, false, true, Closed, true),
            ("HEAD", true, false, true, Closed, true),
            ("OPTIONS", true, false, true, Closed, true),
            ("PUT", true, false, true, Closed, true),
            ("DELETE", true, false, true, Closed, true),
            ("POST", true, false, true, Closed, false),
            ("PATCH", true, false, true, Closed, false),
            ("QUERY", true, false, true, Closed, true),
            ("get", true, false, true, Closed, false),
            ("GET", false, false, true, Closed, false),
            ("GET", true, true, true, Closed, false),
            ("PUT", true, false, false, Closed, false),
            ("GET", true, false, true, Other, false),
            ("GET", false, false, true, Unprocessed, true),
            ("POST", false, false, true, Unprocessed, false),
            ("PUT", false, false, false, Unprocessed, false),
        ] {
            let failed = FailedTry {
                method: &Method::from_bytes(method.as_bytes()).expect("a method"),
                is_reused,
                has_answer,
                has_body,
                failure,
            };
            assert_eq!(may_try_again(&failed), expected, "{failed:?}");
        }
    }

    #[test]
    fn failures_are_told_apart() {
        let error = |kind, text: &'static str, retry| {
            let mut error = Error::explain(kind, text).into_up();
            error.retry = retry;
            error
        };
        let nothing = "while reading response headers, bytes already read: 0";
        let something = "while reading response headers, bytes already read: 10";
        let (no, reused) = (RetryType::Decided(false), RetryType::ReusedOnly);
        for (error, expected) in [
            (error(ErrorType::ConnectionClosed, nothing, reused), Closed),
            (error(ErrorType::ReadError, nothing, reused), Closed),
            (
                error(ErrorType::ReadError, "while reading h2 header", reused),
                Closed,
            ),
            (
                error(ErrorType::WriteError, "while writing request headers", no),
                Closed,
            ),
            (error(ErrorType::ConnectionClosed, something, reused), Other),
            (error(ErrorType::ReadError, something, reused), Other),
            (error(ErrorType::ReadError, nothing, no), Other),
            (error(ErrorType::ReadTimedout, "", no), Other),
            (error(ErrorType::InvalidHTTPHeader, "", no), Other),
            (
                error(ErrorType::H2Error, "", RetryType::Decided(true)),
                Unprocessed,
            ),
            (
                error(ErrorType::ConnectionClosed, nothing, reused).into_down(),
                Other,
            ),
        ] {
            assert_eq!(Failure::of(&error), expected, "{error:?}");
        }
    }
}
