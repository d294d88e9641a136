//! Refuses requests that cannot be trusted to mean one thing, before their route counts.

use super::client::Via;
use super::facts::{Facts, HeaderLength, Target};
use crate::config::{Limits, Listener};
use crate::cors::is_forbidden_method;
use crate::framing::{Framing, FramingError, NotBase64};
use crate::metrics::RefusedFor;
use crate::routing::{has_dot_segment, is_authority};
use crate::tls::ClientCertificate;
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
    #[error("the connection does not begin with a header of the PROXY protocol")]
    ProxyHeader,
    #[error("the client did not negotiate h2, and the listener speaks nothing else")]
    HttpVersion,
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
    #[error("{NotBase64}")]
    NotBase64,
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
    #[error("the client shows no certificate, which its listener asks for")]
    ClientCertificateRequired,
    #[error(
        "the origin is neither allowed nor the request's own, and the policy has such requests blocked"
    )]
    OriginBlocked,
    #[error("the target is too long for the route's `rewrite`")]
    TargetTooLong,
    #[error("`limits.max_requests` requests are under way")]
    TooManyRequests,
    #[error("the body is larger than `max_request_body_bytes`")]
    BodyTooLarge,
    #[error("the client sends more requests than `rate_limit` allows")]
    RateLimited {
        /// Seconds until it may send the next one.
        retry_after: u64,
    },
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
            Self::HttpVersion => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::ProxyHeader
            | Self::Unreadable
            | Self::MalformedStream
            | Self::Framing(_)
            | Self::MalformedChunk
            | Self::NotBase64
            | Self::PaddedValue
            | Self::NoHost
            | Self::BadHost
            | Self::BadTarget
            | Self::DotSegment
            | Self::AmbiguousPath => StatusCode::BAD_REQUEST,
            Self::ClientCertificateRequired | Self::OriginBlocked => StatusCode::FORBIDDEN,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::TooManyRequests | Self::TooManyFrames => StatusCode::SERVICE_UNAVAILABLE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// Returns the label that it is counted under.
    pub(crate) fn label(self) -> RefusedFor {
        match self {
            Self::HeaderTooLarge | Self::TooManyFields | Self::TargetTooLong => {
                RefusedFor::HeaderTooLarge
            }
            Self::HeaderTimeout => RefusedFor::HeaderTimeout,
            Self::BodyTimeout => RefusedFor::BodyTimeout,
            Self::ProxyHeader
            | Self::HttpVersion
            | Self::Unreadable
            | Self::MalformedStream
            | Self::Framing(_)
            | Self::MalformedChunk
            | Self::NotBase64
            | Self::PaddedValue
            | Self::MethodNotAllowed
            | Self::NoHost
            | Self::BadHost
            | Self::BadTarget => RefusedFor::Malformed,
            Self::DotSegment | Self::AmbiguousPath => RefusedFor::AmbiguousPath,
            Self::ClientCertificateRequired => RefusedFor::ClientCertificateRequired,
            Self::OriginBlocked => RefusedFor::OriginBlocked,
            Self::TooManyRequests | Self::TooManyFrames => RefusedFor::TooManyRequests,
            Self::BodyTooLarge => RefusedFor::BodyTooLarge,
            Self::RateLimited { .. } => RefusedFor::RateLimited,
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

/// Refuses a client without the certificate that its listener demands. A handshake without one has
/// failed before where all clients need one, but for those of before a reload.
pub(super) fn check_client(
    facts: &Facts<'_>,
    listener: Option<&Listener>,
) -> Result<(), RequestError> {
    if facts.client.via == Via::Unknown {
        return Err(RequestError::ClientCertificateRequired);
    }
    let Some(tls) = listener.and_then(|listener| listener.tls.as_ref()) else {
        return Ok(());
    };
    let is_let_by = match tls.client_certificate {
        ClientCertificate::Never | ClientCertificate::Optional => true,
        // A body could carry something to an upstream that answers its preflights itself.
        ClientCertificate::ExceptPreflight => facts.is_bare_preflight(),
        ClientCertificate::Always => false,
    };
    match is_let_by || facts.client.certificate(tls).is_some() {
        true => Ok(()),
        false => Err(RequestError::ClientCertificateRequired),
    }
}

/// Refuses a body that says that it is larger than `most`. One that does not say is counted as it comes.
pub(super) fn check_body(facts: &Facts<'_>, most: Option<u64>) -> Result<(), RequestError> {
    match (facts.framing, most) {
        (Ok(Framing::Length(length)), Some(most)) if length > most => {
            Err(RequestError::BodyTooLarge)
        }
        _ => Ok(()),
    }
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
