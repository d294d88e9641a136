//! The result of asking as one browser does.

use crate::cors::browser::{PreflightCause, PreflightPermit, ResponsePermit};
use crate::probe::{Answer, Judged, Objection, ProbeReport, RequestOutcome, Warning};
use serde::{Serialize, Serializer};

#[derive(Serialize)]
pub(super) struct JudgementObject<'a> {
    refusal: Option<RefusalObject>,
    same_origin: bool,
    causes: Vec<CauseObject<'a>>,
    dropped_headers: &'a [String],
    preflight: Option<JudgedObject<'a, PreflightPermitObject<'a>>>,
    /// Whether the request itself was sent, or the reason why not.
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
    /// A list of pairs, because a server may send a field twice by mistake.
    fields: Vec<(&'a str, String)>,
    permit: Option<P>,
    refusal: Option<RefusalObject>,
}

/// The fields that were sent: written as one object, in their order.
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

// === impl JudgementObject ===

impl<'a> JudgementObject<'a> {
    pub(super) fn of(report: &'a ProbeReport) -> Self {
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
            refusal: report.objection().map(RefusalObject::of),
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
    fn of(objection: Objection) -> Self {
        let Objection {
            code,
            message,
            hint,
        } = objection;
        Self {
            code,
            message,
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
        Self {
            asked: Asked(asked),
            status: answer.status.as_u16(),
            fields: fields_of(answer),
            permit: verdict.as_ref().ok().map(of_permit),
            refusal: judged.objection().map(RefusalObject::of),
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
