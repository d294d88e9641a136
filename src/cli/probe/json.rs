//! The result for a program: one object, whatever came of it.

use super::Found;
use crate::cors::browser::{PreflightCause, PreflightPermit, Refusal, ResponsePermit};
use crate::probe::{
    Answer, AskError, Finding, Judged, Outcome, Question, Report, ScanReport, Severity, Warning,
};
use serde_json::{Map, Value, json};

pub(super) fn of(question: &Question, found: &Found) -> Value {
    let mut object = asked(question);
    let more = match found {
        Found::Report(report) => of_report(report),
        Found::Scan(report) => of_scan(report),
        Found::Nothing(error) => of_error(error),
        Found::Untrusting(error) => json!({
            "allowed": Value::Null,
            "error": { "code": "no_roots", "message": error.to_string(), "hint": Value::Null },
        }),
    };
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

/// The values of the script's headers may be secrets: only names are written.
fn asked(question: &Question) -> Value {
    let script = question.script();
    let names: Vec<String> = script.sent_headers().map(|(name, _)| name).collect();
    json!({
        "url": question.target.to_string(),
        "origin": question.origin,
        "method": script.method(),
        "headers": names,
        "credentials": question.credentials,
    })
}

fn of_report(report: &Report) -> Value {
    let Report {
        same_origin,
        causes,
        dropped,
        preflight,
        request,
        warnings,
    } = report;
    json!({
        "allowed": report.refusal().is_none(),
        "same_origin": same_origin,
        "dropped_headers": dropped,
        "causes": causes.iter().map(of_cause).collect::<Vec<_>>(),
        "preflight": preflight.as_ref().map(|judged| of_judged(judged, of_preflight_permit)),
        "response": match request {
            Outcome::Answered(judged) => of_judged(judged, of_response_permit),
            Outcome::Forbidden | Outcome::NotSent | Outcome::MayChangeSomething => Value::Null,
        },
        "request": match request {
            Outcome::Answered(_) => "sent",
            Outcome::Forbidden => "forbidden",
            Outcome::NotSent => "not_sent",
            Outcome::MayChangeSomething => "may_change_something",
        },
        "refusal": report.refusal().map(of_refusal),
        "warnings": warnings.iter().map(of_warning).collect::<Vec<_>>(),
    })
}

fn of_cause(cause: &PreflightCause) -> Value {
    let (kind, value) = match cause {
        PreflightCause::Method(method) => ("method", method),
        PreflightCause::Header(name) => ("header", name),
    };
    json!({ "kind": kind, "value": value, "message": cause.to_string() })
}

fn of_judged<P>(judged: &Judged<P>, of_permit: impl Fn(&P) -> Value) -> Value {
    let Judged {
        asked,
        answer,
        verdict,
    } = judged;
    let asked = asked
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)));
    json!({
        "asked": asked.collect::<Map<_, _>>(),
        "status": answer.status.as_u16(),
        "fields": of_fields(answer),
        "permit": verdict.as_ref().ok().map(of_permit),
        "refusal": verdict.as_ref().err().map(of_refusal),
    })
}

/// A list of pairs: a field may come twice, which is the mistake to see.
fn of_fields(answer: &Answer) -> Value {
    let fields = answer.cors_fields();
    fields
        .map(|(name, value)| json!([name.as_str(), value]))
        .collect()
}

fn of_preflight_permit(permit: &PreflightPermit) -> Value {
    let PreflightPermit {
        methods,
        headers,
        max_age,
    } = permit;
    json!({ "methods": methods, "headers": headers, "max_age": max_age })
}

fn of_response_permit(permit: &ResponsePermit) -> Value {
    let ResponsePermit { readable, hidden } = permit;
    json!({ "readable": readable, "hidden": hidden })
}

fn of_refusal(refusal: &Refusal) -> Value {
    json!({
        "code": refusal.as_str(),
        "message": refusal.to_string(),
        "hint": refusal.hint(),
    })
}

fn of_warning(warning: &Warning) -> Value {
    json!({ "code": warning.as_str(), "message": warning.to_string() })
}

fn of_scan(report: &ScanReport) -> Value {
    let through = report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::None);
    json!({
        "allowed": !report.leaks(),
        "scan": {
            "control": report.control.as_str(),
            "worst": report.worst().as_str(),
            "through": through.clone().count(),
            "probes": report.findings.iter().map(of_finding).collect::<Vec<_>>(),
        },
    })
}

fn of_finding(finding: &Finding) -> Value {
    let Finding {
        probe,
        access,
        severity,
        error,
    } = finding;
    json!({
        "kind": probe.kind.as_str(),
        "origin": probe.origin,
        "access": access.as_str(),
        "severity": severity.as_str(),
        "what": probe.kind.what(),
        "error": error.as_ref().map(ToString::to_string),
    })
}

fn of_error(error: &AskError) -> Value {
    json!({
        "allowed": Value::Null,
        "error": {
            "code": error.error.as_str(),
            "message": error.to_string(),
            "hint": error.error.hint(),
        },
    })
}
