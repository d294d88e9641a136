//! One request and its answer, whatever carries them.

use crate::cors::browser::text;
use http::{HeaderMap, HeaderName, Request, StatusCode};
use std::time::Duration;

/// Sends one request, follows no redirect, and reads the answer's header. It keeps no cookies.
pub trait Transport {
    /// # Errors
    ///
    /// Where there is no answer. Every status is one.
    fn exchange(&self, request: Request<()>) -> Result<Answer, ExchangeError>;
}

/// The header of an answer; nobody here looks at a body.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub fields: HeaderMap,
}

/// The field in which the gateway says why it refuses, where its policy lets it.
const REASON: &str = "x-corsgate-reason";

/// Why there is no answer.
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
    /// The fields that have to do with CORS, as they came; the gateway's own word among them.
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

    /// Why a gateway of this kind says that it refuses.
    pub fn reason(&self) -> Option<String> {
        let reason = self.fields.get(REASON)?;
        Some(text(reason.as_bytes()))
    }

    /// Where a redirect leads.
    pub fn location(&self) -> Option<String> {
        let location = self.fields.get(http::header::LOCATION)?;
        Some(text(location.as_bytes()))
    }
}

// === impl ExchangeError ===

impl ExchangeError {
    /// A name for programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unresolved { .. } => "unresolved",
            Self::Unreachable { .. } => "unreachable",
            Self::Tls { .. } => "tls",
            Self::Timeout { .. } => "timeout",
            Self::Protocol { .. } => "protocol",
        }
    }

    /// What to try instead, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        let Self::Tls { reason } = self else {
            return None;
        };
        if reason.contains("UnknownIssuer") {
            return Some("--ca-file FILE trusts a private CA, --insecure anybody");
        }
        // What a server that speaks plain HTTP answers to a handshake.
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
