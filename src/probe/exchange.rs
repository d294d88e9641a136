//! One request and its answer, over a socket or in a test.

use crate::cors::browser::text;
use http::{HeaderMap, HeaderName, Request, StatusCode};
use std::time::Duration;

/// A carrier of requests, which follows no redirects and keeps no cookies.
pub trait Transport {
    /// Sends a request, and reads the answer's header.
    ///
    /// # Errors
    ///
    /// Where there is no answer. Every status is an answer.
    fn exchange(&self, request: Request<()>) -> Result<Answer, ExchangeError>;
}

/// The header of an answer. Bodies have nothing to do with CORS.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub fields: HeaderMap,
}

/// The field in which a corsgate gives the reason for a denial, if its policy has `debug_header`.
const REASON: &str = "x-corsgate-reason";

/// Reason for which there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    #[error("the name `{host}` has no address")]
    Unresolved { host: String },
    #[error("can't connect: {reason}")]
    Unreachable { reason: String },
    #[error("TLS: {reason}")]
    Tls { reason: String },
    #[error("no answer within {}", humantime::format_duration(*.after))]
    Timeout { after: Duration },
    #[error("the answer can't be read: {reason}")]
    Protocol { reason: String },
}

// === impl Answer ===

impl Answer {
    /// Returns the fields that have to do with CORS as they came, [`Answer::reason`] among them.
    pub fn cors_fields(&self) -> impl Iterator<Item = (&HeaderName, String)> {
        let is_of_cors = |name: &HeaderName| {
            let name = name.as_str();
            name.starts_with("access-control-") || matches!(name, "vary" | "location" | REASON)
        };
        self.fields
            .iter()
            .filter(move |(name, _)| is_of_cors(name))
            .map(|(name, value)| (name, text(value.as_bytes())))
    }

    /// Returns the reason for a denial, if the server is a corsgate that gives one.
    pub fn reason(&self) -> Option<String> {
        let reason = self.fields.get(REASON)?;
        Some(text(reason.as_bytes()))
    }

    /// Returns the target of a redirect.
    pub fn location(&self) -> Option<String> {
        let location = self.fields.get(http::header::LOCATION)?;
        Some(text(location.as_bytes()))
    }
}

// === impl ExchangeError ===

impl ExchangeError {
    /// Returns a name for programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unresolved { .. } => "unresolved",
            Self::Unreachable { .. } => "unreachable",
            Self::Tls { .. } => "tls",
            Self::Timeout { .. } => "timeout",
            Self::Protocol { .. } => "protocol",
        }
    }

    /// Returns what to try instead, if that is known.
    pub fn hint(&self) -> Option<&'static str> {
        let Self::Tls { reason } = self else {
            return None;
        };
        if reason.contains("UnknownIssuer") {
            return Some(
                "use --ca-file FILE for a private CA, or --insecure to accept any certificate",
            );
        }
        if reason.contains("CertificateRequired") {
            return Some(
                "the server demands a certificate of every client; browsers show none with a preflight, so that \
                 every request that needs one fails: let preflights by without",
            );
        }
        // A server that speaks plain HTTP answers a handshake with text.
        reason
            .contains("InvalidContentType")
            .then_some("the server may speak plain HTTP there: write `http://`")
    }
}

// === impl Transport for closures ===

impl<F: Fn(Request<()>) -> Result<Answer, ExchangeError>> Transport for F {
    fn exchange(&self, request: Request<()>) -> Result<Answer, ExchangeError> {
        self(request)
    }
}
