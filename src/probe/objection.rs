//! A browser's refusal in words, and advice what to change. A hint says what was found out, and how to find out
//! more; it guesses nothing.

use super::{Judged, ProbeReport, RequestOutcome};
use crate::cors::browser::Refusal;
use crate::cors::{FieldName, Reason};
use http::StatusCode;

/// A browser's refusal of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// A name for programs.
    pub code: &'static str,
    pub message: String,
    /// Advice what to change, on one line.
    pub hint: String,
}

// === impl Objection ===

impl Objection {
    fn of<P>(judged: &Judged<P>, refusal: &Refusal) -> Self {
        let code = refusal.as_str();
        // The server's own reason, if it gives one, comes before all others.
        if let Some(reason) = judged.answer.reason() {
            return Self {
                code,
                message: refusal.to_string(),
                hint: hint_of_reason(&reason),
            };
        }
        let status = judged.answer.status;
        let is_error = status.is_client_error() || status.is_server_error();
        match refusal {
            Refusal::AllowOriginMissing { .. } if is_error => {
                let phrase = status.canonical_reason().unwrap_or("error");
                Self {
                    code,
                    message: format!(
                        "the response is an error, {} {phrase}, and has no {}",
                        status.as_u16(),
                        FieldName::AllowOrigin.as_str()
                    ),
                    hint: hint_of_error(status),
                }
            }
            Refusal::PreflightStatus { .. } if status.is_server_error() => Self {
                code,
                message: refusal.to_string(),
                hint: hint_of_error(status),
            },
            _ => Self {
                code,
                message: refusal.to_string(),
                hint: refusal.hint(),
            },
        }
    }
}

/// Returns the key of a corsgate's policy that its own reason is about.
fn hint_of_reason(reason: &str) -> String {
    let key = match Reason::ALL.into_iter().find(|r| r.as_str() == reason) {
        Some(Reason::OriginNotAllowed) => "allow_origins",
        Some(Reason::MethodNotAllowed) => "allow_methods",
        Some(Reason::HeadersNotAllowed) => "allow_headers",
        _ => return format!("the gateway says: {reason}"),
    };
    format!("the gateway says: {reason}; see `{key}` in its policy, and `corsgate explain`")
}

/// Returns advice about an error: what its server would say without it is not known.
fn hint_of_error(status: StatusCode) -> String {
    let number = status.as_u16();
    match number {
        502 | 504 => format!(
            "find out why the server that answers {number} gets no usable response from the one behind it; only then \
             it shows whether CORS is right"
        ),
        500.. => format!(
            "find out why the server answers {number}; only then it shows whether CORS is right"
        ),
        _ => format!(
            "probe with a request that gets no {number}, to see whether CORS is right; a script can read an error \
             only if it has the same headers"
        ),
    }
}

// === impl Judged ===

impl<P> Judged<P> {
    /// Returns the browser's refusal; `None` if it permits.
    pub fn objection(&self) -> Option<Objection> {
        let refusal = self.verdict.as_ref().err()?;
        Some(Objection::of(self, refusal))
    }
}

// === impl ProbeReport ===

impl ProbeReport {
    /// Returns the first refusal of the browser; `None` if it permits everything that was sent.
    pub fn objection(&self) -> Option<Objection> {
        let preflight = self.preflight.as_ref().and_then(Judged::objection);
        preflight.or_else(|| match &self.request {
            RequestOutcome::Answered(response) => response.objection(),
            RequestOutcome::Forbidden
            | RequestOutcome::NotSent
            | RequestOutcome::MayChangeSomething => None,
        })
    }
}
