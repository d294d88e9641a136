//! Whether a request whose try failed is sent again, and whether the failure speaks against its endpoint.
//!
//! A backend may close an idle connection just as a request leaves for it. Neither side has done
//! anything wrong, and the client would see an error out of nothing. RFC 9110 §9.2.2 lets a proxy send
//! the request again if that can't do anything twice.

use super::failure::Failure;
use crate::metrics::UpstreamFailure;
use http::{Method, StatusCode};

/// A try that failed.
#[derive(Debug, Clone, Copy)]
pub(in crate::proxy) struct FailedTry<'a> {
    pub failure: Failure,
    pub method: &'a Method,
    /// Whether the connection had served a request before.
    pub is_reused: bool,
    /// Whether anything of a response had come.
    pub has_answer: bool,
    pub body: Body,
}

/// The body of a request that may have to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Body {
    None,
    /// All that was read of it is kept.
    Kept,
    /// Some of it can't be sent again.
    Lost,
}

// === impl FailedTry ===

impl FailedTry<'_> {
    /// Decides whether the request is sent again. `has_other` says whether there is an endpoint that it has
    /// not been tried on.
    pub(in crate::proxy) fn may_try_again(&self, has_other: bool) -> bool {
        let is_idempotent = self.method.is_idempotent();
        !self.has_answer
            && match self.failure {
                // Nothing was sent. The same endpoint would hardly take the next connection.
                Failure::Connect(_) => has_other,
                // RFC 9113 §8.7: it is as if it had not been sent.
                Failure::Unprocessed => self.body != Body::Lost,
                Failure::Closed => match self.is_reused {
                    true => is_idempotent && self.body != Body::Lost,
                    // It may have been this request that the endpoint ended with.
                    false => is_idempotent && self.body == Body::None,
                },
                Failure::Broken(_) | Failure::NotUpstreams => false,
            }
    }

    /// Whether the endpoint has failed, and not the client, or an idle connection that had its time.
    pub(in crate::proxy) fn is_endpoints(&self) -> bool {
        match self.failure {
            Failure::Connect(_) => true,
            Failure::Closed => !self.is_reused,
            // A stream that is quiet for too long has been answered.
            Failure::Broken(UpstreamFailure::Timeout) => !self.has_answer,
            Failure::Broken(_) => true,
            Failure::Unprocessed | Failure::NotUpstreams => false,
        }
    }
}

/// Whether an endpoint that answers with this status has failed. A 500 does not say so: a client can
/// cause one.
pub(in crate::proxy) fn is_failure(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use Body::{Kept, Lost, None as Empty};
    use Failure::{Broken, Closed, Connect, NotUpstreams, Unprocessed};

    #[test]
    fn only_what_can_not_be_done_twice_is_sent_again() {
        let refused = Connect(UpstreamFailure::Connect);
        let late = Broken(UpstreamFailure::Timeout);
        for (method, failure, is_reused, has_answer, body, has_other, expected) in [
            // Nothing was sent: any request, where there is another endpoint.
            ("GET", refused, false, false, Empty, true, true),
            ("POST", refused, false, false, Kept, true, true),
            (
                "POST",
                Connect(UpstreamFailure::Tls),
                false,
                false,
                Kept,
                true,
                true,
            ),
            (
                "POST",
                Connect(UpstreamFailure::Timeout),
                false,
                false,
                Kept,
                true,
                true,
            ),
            ("GET", refused, false, false, Empty, false, false),
            // An idle connection that its upstream closed: on the same endpoint, too.
            ("GET", Closed, true, false, Empty, false, true),
            ("HEAD", Closed, true, false, Empty, true, true),
            ("OPTIONS", Closed, true, false, Empty, true, true),
            ("PUT", Closed, true, false, Kept, true, true),
            ("DELETE", Closed, true, false, Empty, true, true),
            ("QUERY", Closed, true, false, Kept, true, true),
            ("POST", Closed, true, false, Empty, true, false),
            ("PATCH", Closed, true, false, Kept, true, false),
            ("get", Closed, true, false, Empty, true, false),
            ("PUT", Closed, true, false, Lost, true, false),
            ("GET", Closed, true, true, Empty, true, false),
            // A fresh one: without a body alone.
            ("GET", Closed, false, false, Empty, true, true),
            ("GET", Closed, false, false, Empty, false, true),
            ("DELETE", Closed, false, false, Empty, true, true),
            ("PUT", Closed, false, false, Kept, true, false),
            ("POST", Closed, false, false, Empty, true, false),
            ("GET", Unprocessed, false, false, Empty, false, true),
            ("POST", Unprocessed, true, false, Kept, false, true),
            ("POST", Unprocessed, true, false, Lost, false, false),
            ("GET", Unprocessed, true, true, Empty, true, false),
            // Never after a time-out, or an answer that can't be read.
            ("GET", late, false, false, Empty, true, false),
            (
                "GET",
                Broken(UpstreamFailure::Protocol),
                true,
                false,
                Empty,
                true,
                false,
            ),
            ("GET", NotUpstreams, true, false, Empty, true, false),
        ] {
            let failed = FailedTry {
                failure,
                method: &Method::from_bytes(method.as_bytes()).expect("a method"),
                is_reused,
                has_answer,
                body,
            };
            assert_eq!(failed.may_try_again(has_other), expected, "{failed:?}");
        }
    }

    #[test]
    fn clients_and_idle_connections_do_not_speak_against_an_endpoint() {
        for (failure, is_reused, has_answer, expected) in [
            (Connect(UpstreamFailure::Connect), false, false, true),
            (Connect(UpstreamFailure::Tls), false, false, true),
            (Closed, true, false, false),
            (Closed, false, false, true),
            (Unprocessed, false, false, false),
            (Broken(UpstreamFailure::Timeout), false, false, true),
            (Broken(UpstreamFailure::Timeout), false, true, false),
            (Broken(UpstreamFailure::Reset), true, true, true),
            (Broken(UpstreamFailure::Protocol), true, false, true),
            (NotUpstreams, false, false, false),
        ] {
            let failed = FailedTry {
                failure,
                method: &Method::GET,
                is_reused,
                has_answer,
                body: Empty,
            };
            assert_eq!(failed.is_endpoints(), expected, "{failed:?}");
        }
        let failures: Vec<u16> = (100..600)
            .filter(|code| is_failure(StatusCode::from_u16(*code).expect("a status")))
            .collect();
        assert_eq!(failures, [502, 503, 504]);
    }
}
