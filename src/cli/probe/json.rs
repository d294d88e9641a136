//! The result for a program: one object, whatever came of it, its keys in the order in which they are
//! declared here.

use super::Found;
use crate::cors::browser::{PreflightCause, PreflightPermit, Refusal, ResponsePermit};
use crate::probe::{
    Answer, AskError, Finding, Judged, LeakSeverity, ProbeReport, ProbeRequest, RequestOutcome,
    RootsError, ScanReport, Warning,
};
use serde::{Serialize, Serializer};

/// What was asked, and what came of it.
#[derive(Serialize)]
pub(super) struct Object<'a> {
    url: String,
    origin: &'a str,
    method: &'a str,
    /// The values of the script's headers may be secrets: only names are written.
    headers: Vec<String>,
    credentials: bool,
    /// `null` where there is no answer.
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
struct JudgementObject<'a> {
    refusal: Option<RefusalObject>,
    same_origin: bool,
    causes: Vec<CauseObject<'a>>,
    dropped_headers: &'a [String],
    preflight: Option<JudgedObject<'a, PreflightPermitObject<'a>>>,
    /// What became of the request itself.
    request: &'static str,
    response: Option<JudgedObject<'a, ResponsePermitObject<'a>>>,
    warnings: Vec<WarningObject>,
}

#[derive(Serialize)]
struct RefusalObject {
    code: &'static str,
    message: String,
    hint: String,
}

#[derive(Serialize)]
struct CauseObject<'a> {
    kind: &'static str,
    value: &'a str,
    message: String,
}

#[derive(Serialize)]
struct JudgedObject<'a, P> {
    asked: Asked<'a>,
    status: u16,
    /// A list of pairs: a field may come twice, which is the mistake to see.
    fields: Vec<(&'a str, String)>,
    permit: Option<P>,
    refusal: Option<RefusalObject>,
}

/// An object of the fields in the order in which they were sent.
struct Asked<'a>(&'a [(&'static str, String)]);

#[derive(Serialize)]
struct PreflightPermitObject<'a> {
    methods: &'a [String],
    headers: &'a [String],
    max_age: u64,
}

#[derive(Serialize)]
struct ResponsePermitObject<'a> {
    readable: &'a [String],
    hidden: &'a [String],
}

#[derive(Serialize)]
struct WarningObject {
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
struct ScanObject<'a> {
    control: &'static str,
    worst: &'static str,
    through: usize,
    probes: Vec<FindingObject<'a>>,
}

#[derive(Serialize)]
struct FindingObject<'a> {
    kind: &'static str,
    origin: &'a str,
    access: &'static str,
    severity: &'static str,
    what: &'static str,
    error: Option<String>,
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
            Found::Nothing(error) => {
                let error = ErrorObject::of(error);
                (None, FoundObject::Nothing { error })
            }
            Found::Untrusting(error) => {
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

// === impl JudgementObject ===

impl<'a> JudgementObject<'a> {
    fn of(report: &'a ProbeReport) -> Self {
        let ProbeReport {
            same_origin,
            causes,
            dropped,
            preflight,
            request,
            warnings,
        } = report;
        let response = match request {
            RequestOutcome::Answered(response) => Some(response),
            _ => None,
        };
        Self {
            refusal: report.refusal().zip(report.hint()).map(RefusalObject::of),
            same_origin: *same_origin,
            causes: causes.iter().map(CauseObject::of).collect(),
            dropped_headers: dropped,
            preflight: preflight
                .as_ref()
                .map(|judged| JudgedObject::of(judged, PreflightPermitObject::of)),
            request: match request {
                RequestOutcome::Answered(_) => "sent",
                RequestOutcome::Forbidden => "forbidden",
                RequestOutcome::NotSent => "not_sent",
                RequestOutcome::MayChangeSomething => "may_change_something",
            },
            response: response.map(|judged| JudgedObject::of(judged, ResponsePermitObject::of)),
            warnings: warnings.iter().map(WarningObject::of).collect(),
        }
    }
}

// === impl RefusalObject ===

impl RefusalObject {
    fn of((refusal, hint): (&Refusal, String)) -> Self {
        Self {
            code: refusal.as_str(),
            message: refusal.to_string(),
            hint,
        }
    }
}

// === impl CauseObject ===

impl<'a> CauseObject<'a> {
    fn of(cause: &'a PreflightCause) -> Self {
        let (kind, value) = match cause {
            PreflightCause::Method(method) => ("method", method),
            PreflightCause::Header(name) => ("header", name),
        };
        Self {
            kind,
            value,
            message: cause.to_string(),
        }
    }
}

// === impl JudgedObject ===

impl<'a, O> JudgedObject<'a, O> {
    fn of<P>(judged: &'a Judged<P>, of_permit: impl Fn(&'a P) -> O) -> Self {
        let Judged {
            asked,
            answer,
            verdict,
        } = judged;
        let refusal = verdict.as_ref().err().zip(judged.hint());
        Self {
            asked: Asked(asked),
            status: answer.status.as_u16(),
            fields: fields_of(answer),
            permit: verdict.as_ref().ok().map(of_permit),
            refusal: refusal.map(RefusalObject::of),
        }
    }
}

fn fields_of(answer: &Answer) -> Vec<(&str, String)> {
    let fields = answer.cors_fields();
    fields.map(|(name, value)| (name.as_str(), value)).collect()
}

impl Serialize for Asked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

// === impl PreflightPermitObject ===

impl<'a> PreflightPermitObject<'a> {
    fn of(permit: &'a PreflightPermit) -> Self {
        let PreflightPermit {
            methods,
            headers,
            max_age,
        } = permit;
        Self {
            methods,
            headers,
            max_age: *max_age,
        }
    }
}

// === impl ResponsePermitObject ===

impl<'a> ResponsePermitObject<'a> {
    fn of(ResponsePermit { readable, hidden }: &'a ResponsePermit) -> Self {
        Self { readable, hidden }
    }
}

// === impl WarningObject ===

impl WarningObject {
    fn of(warning: &Warning) -> Self {
        Self {
            code: warning.as_str(),
            message: warning.to_string(),
        }
    }
}

// === impl ScanObject ===

impl<'a> ScanObject<'a> {
    fn of(report: &'a ScanReport) -> Self {
        let findings = report.findings.iter();
        Self {
            control: report.control.as_str(),
            worst: report.worst().as_str(),
            through: findings
                .clone()
                .filter(|finding| finding.severity > LeakSeverity::None)
                .count(),
            probes: findings.map(FindingObject::of).collect(),
        }
    }
}

// === impl FindingObject ===

impl<'a> FindingObject<'a> {
    fn of(finding: &'a Finding) -> Self {
        let Finding {
            probe,
            access,
            severity,
            error,
        } = finding;
        Self {
            kind: probe.kind.as_str(),
            origin: &probe.origin,
            access: access.as_str(),
            severity: severity.as_str(),
            what: probe.kind.what(),
            error: error.as_ref().map(ToString::to_string),
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
