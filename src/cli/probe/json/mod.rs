//! The result for programs: always one object, its keys in the order in which they are declared.

mod judgement;
mod scan;

use super::Found;
use crate::probe::{AskError, ProbeRequest, RootsError};
use judgement::JudgementObject;
use scan::ScanObject;
use serde::Serialize;

/// The question and its result.
#[derive(Serialize)]
pub(super) struct Object<'a> {
    url: String,
    origin: &'a str,
    method: &'a str,
    /// Names alone, because the values of the script's headers may be secrets.
    headers: Vec<String>,
    credentials: bool,
    /// `null` where the server gave no answer.
    allowed: Option<bool>,
    #[serde(flatten)]
    found: FoundObject<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum FoundObject<'a> {
    Judgement(Box<JudgementObject<'a>>),
    Scan { scan: ScanObject<'a> },
    Nothing { error: ErrorObject },
}

#[derive(Serialize)]
struct ErrorObject {
    code: &'static str,
    message: String,
    hint: Option<&'static str>,
}

// === impl Object ===

impl<'a> Object<'a> {
    pub(super) fn of(question: &'a ProbeRequest, found: &'a Found) -> Self {
        let script = question.script();
        let (allowed, found) = match found {
            Found::Judgement(report) => {
                let judgement = Box::new(JudgementObject::of(report));
                let allowed = report.refusal().is_none();
                (Some(allowed), FoundObject::Judgement(judgement))
            }
            Found::Scan(report) => {
                let scan = ScanObject::of(report);
                (Some(!report.leaks()), FoundObject::Scan { scan })
            }
            Found::NoAnswer(error) => {
                let error = ErrorObject::of(error);
                (None, FoundObject::Nothing { error })
            }
            Found::NoRoots(error) => {
                let error = ErrorObject::of_roots(error);
                (None, FoundObject::Nothing { error })
            }
        };
        Self {
            url: question.target.to_string(),
            origin: &question.origin,
            method: script.method(),
            headers: script.sent_headers().map(|(name, _)| name).collect(),
            credentials: question.credentials,
            allowed,
            found,
        }
    }
}

// === impl ErrorObject ===

impl ErrorObject {
    fn of(error: &AskError) -> Self {
        Self {
            code: error.error.as_str(),
            message: error.to_string(),
            hint: error.error.hint(),
        }
    }

    fn of_roots(error: &RootsError) -> Self {
        Self {
            code: "no_roots",
            message: error.to_string(),
            hint: None,
        }
    }
}
