//! Refuses requests that cannot be trusted to mean one thing, before their route counts.

use super::facts::{Facts, HeaderLength, Target};
use crate::config::Limits;
use crate::cors::is_forbidden_method;
use crate::framing::FramingError;
use crate::metrics::RefusedFor;
use crate::routing::{has_dot_segment, is_authority};
use http::{StatusCode, Version};

/// The reason for answering a request with an error before CORS and its route have a say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("the header is longer than `limits.max_request_header_bytes`")]
    HeaderTooLarge,
    #[error("the header has more fields than `limits.max_request_headers`")]
    TooManyFields,
    #[error(
        "there are too many HTTP/2 frames beside the requests, or too many that break its rules"
    )]
    TooManyFrames,
    #[error("the header took longer than `limits.header_timeout`")]
    HeaderTimeout,
    #[error("the body paused for longer than `limits.body_timeout`")]
    BodyTimeout,
    #[error("the header is not one of HTTP/1.0 or HTTP/1.1")]
    Unreadable,
    #[error("the HTTP/2 stream is malformed")]
    MalformedStream,
    #[error("where the body ends is not certain: {0}")]
    Framing(FramingError),
    #[error("a chunk of the body is malformed")]
    MalformedChunk,
    #[error("a field's value begins or ends with a blank")]
    PaddedValue,
    #[error("no request with the method CONNECT, TRACE or TRACK is forwarded")]
    MethodNotAllowed,
    #[error("the request does not say which host it is for")]
    NoHost,
    #[error("the host is not a name or an address, with or without a port")]
    BadHost,
    #[error("the target is not a path")]
    BadTarget,
    #[error("the path has a dot segment, which a browser resolves before it sends")]
    DotSegment,
    #[error(
        "servers read the path in several ways, which the routes treat by different CORS rules"
    )]
    AmbiguousPath,
    #[error("`limits.max_requests` requests are under way")]
    TooManyRequests,
}

// === impl RequestError ===

impl RequestError {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::HeaderTooLarge | Self::TooManyFields => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::HeaderTimeout | Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unreadable
            | Self::MalformedStream
            | Self::Framing(_)
            | Self::MalformedChunk
            | Self::PaddedValue
            | Self::NoHost
            | Self::BadHost
            | Self::BadTarget
            | Self::DotSegment
            | Self::AmbiguousPath => StatusCode::BAD_REQUEST,
            Self::TooManyRequests | Self::TooManyFrames => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Returns the label that it is counted under.
    pub(crate) fn label(self) -> RefusedFor {
        match self {
            Self::HeaderTooLarge | Self::TooManyFields => RefusedFor::HeaderTooLarge,
            Self::HeaderTimeout => RefusedFor::HeaderTimeout,
            Self::BodyTimeout => RefusedFor::BodyTimeout,
            Self::Unreadable
            | Self::MalformedStream
            | Self::Framing(_)
            | Self::MalformedChunk
            | Self::PaddedValue
            | Self::MethodNotAllowed
            | Self::NoHost
            | Self::BadHost
            | Self::BadTarget => RefusedFor::Malformed,
            Self::DotSegment | Self::AmbiguousPath => RefusedFor::AmbiguousPath,
            Self::TooManyRequests | Self::TooManyFrames => RefusedFor::TooManyRequests,
        }
    }
}

/// Refuses a header of too many bytes or fields, before any of the fields is looked at.
pub(super) fn check_length(header: HeaderLength, limits: &Limits) -> Result<(), RequestError> {
    if header.size() as u64 > limits.max_request_header_bytes {
        return Err(RequestError::HeaderTooLarge);
    }
    if header.fields > limits.max_request_headers {
        return Err(RequestError::TooManyFields);
    }
    Ok(())
}

/// Finds the first thing that is wrong with a request whose header is within its bounds.
pub(super) fn check(facts: &Facts<'_>) -> Result<(), RequestError> {
    facts.framing.map_err(RequestError::Framing)?;
    // RFC 9113 §8.2.1. An upstream of HTTP/1.1 would read another value than routes and policies did.
    if facts.has_padding {
        return Err(RequestError::PaddedValue);
    }
    // CONNECT asks for a tunnel, and the others have a server repeat cookies and credentials.
    if is_forbidden_method(facts.cors.method) {
        return Err(RequestError::MethodNotAllowed);
    }
    // RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1
    // request message that lacks a Host header field". pingora checks that there are not two.
    if facts.host.is_empty() && facts.version >= Version::HTTP_11 {
        return Err(RequestError::NoHost);
    }
    if !facts.host.is_empty() && !is_authority(facts.host) {
        return Err(RequestError::BadHost);
    }
    match facts.target {
        Target::Path(path) if has_dot_segment(path) => Err(RequestError::DotSegment),
        Target::Path(_) => Ok(()),
        // RFC 9110 §9.3.7 has it for OPTIONS alone.
        Target::Asterisk if facts.cors.method == b"OPTIONS" => Ok(()),
        Target::Asterisk | Target::Other => Err(RequestError::BadTarget),
    }
}
