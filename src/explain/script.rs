//! The question of a script: its request, and the preflight that its browser sends first.

use super::exchange::{Seen, exchange};
use super::judgement::{judge_preflight, judge_response, ruling};
use super::question::{Question, QuestionError};
use super::report::{Browser, Report, Ruling};
use super::unasked::rule_on_rejected_options;
use crate::cors::browser::ScriptRequest;
use crate::proxy::Snapshot;
use http::{HeaderName, HeaderValue};

/// Explains a script's request, and the preflight that its browser sends first.
pub(super) fn explain_script(
    snapshot: &Snapshot,
    question: &Question,
    report: &mut Report,
) -> Result<(), QuestionError> {
    let origin = report.origin.clone().unwrap_or_default();
    let headers: Vec<(String, String)> = question
        .headers
        .iter()
        .filter(|(name, _)| !is_origin(name))
        .cloned()
        .collect();
    let script = ScriptRequest {
        method: &question.method,
        origin: &origin,
        headers: &headers,
        credentials: question.credentials,
    };
    // A browser does not always send what the script has written.
    let dropped = script.dropped_headers();
    let is_sent = |(name, _): &&(String, String)| {
        let mut dropped = dropped.iter();
        !dropped.any(|dropped| name.eq_ignore_ascii_case(dropped)) || is_origin(name)
    };
    let sent = Question {
        method: script.method().to_owned(),
        headers: question.headers.iter().filter(is_sent).cloned().collect(),
        ..question.clone()
    };
    if sent.method != question.method {
        let (written, sent) = (&question.method, &sent.method);
        let note = format!("the browser sends the method `{written}` as `{sent}`");
        report.notes.push(note);
    }
    let header = sent.header()?;
    let (mut exchange_itself, seen) = exchange(snapshot, &header, &sent);
    let hidden = hidden(&script, seen.as_ref(), &question.reads);
    if question.is_same_origin(&origin) && exchange_itself.is_blocked() {
        exchange_itself.browser.says = "makes no CORS check".to_owned();
        report.verdict = Ruling::Fails;
        let steps = exchange_itself.steps.last();
        let miss = steps
            .and_then(|step| step.near_miss.clone())
            .unwrap_or_default();
        report.why = format!("the gateway answers the page with 403: {miss}");
        report.request = Some(exchange_itself);
        return Ok(());
    }
    if question.is_same_origin(&origin) && exchange_itself.is_rejected_as_other_options() {
        exchange_itself.browser.says = "makes no CORS check".to_owned();
        rule_on_rejected_options(snapshot, question, &header, &exchange_itself, report);
        report.request = Some(exchange_itself);
        return Ok(());
    }
    if question.is_same_origin(&origin) {
        exchange_itself.browser.says = "makes no CORS check".to_owned();
        "the page and the URL have the same origin: a browser makes no CORS check"
            .clone_into(&mut report.why);
        report.request = Some(exchange_itself);
        return Ok(());
    }
    if let Err(error) = script.check() {
        report.verdict = Ruling::Blocked;
        report.why = format!("the browser sends nothing: {error}");
        return Ok(());
    }
    for name in dropped {
        let note = format!(
            "browsers ignore `{name}` when a script sets it: they leave it out, or set it themselves"
        );
        report.notes.push(note);
    }
    let causes = script.preflight_causes();
    let judgement = judge_response(&script, seen.as_ref(), &mut exchange_itself.browser);
    if causes.is_empty() {
        report
            .notes
            .push("no preflight: neither the method nor the headers need one".to_owned());
        (report.verdict, report.why) = ruling(&[(&exchange_itself, &judgement)]);
        report.take_hidden(&hidden);
        report.take_changes(snapshot, question, &[(&exchange_itself, &header)], &hidden);
        report.request = Some(exchange_itself);
        return Ok(());
    }
    let causes: Vec<String> = causes.iter().map(ToString::to_string).collect();
    report
        .notes
        .push(format!("preflight, because of: {}", causes.join(", ")));
    let asking = Question {
        method: "OPTIONS".to_owned(),
        headers: script
            .preflight_fields()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        ..question.clone()
    };
    let asking_header = asking.header()?;
    let (mut preflight, seen) = exchange(snapshot, &asking_header, &asking);
    let asked = judge_preflight(&script, seen.as_ref(), &mut preflight.browser);
    if matches!(asked, Some(Err(_))) {
        exchange_itself.browser = Browser {
            permits: None,
            code: None,
            says: "does not send it: the preflight was refused".to_owned(),
        };
    }
    let both = [(&preflight, &asked), (&exchange_itself, &judgement)];
    (report.verdict, report.why) = ruling(&both);
    report.take_hidden(&hidden);
    let both = [(&preflight, &asking_header), (&exchange_itself, &header)];
    report.take_changes(snapshot, question, &both, &hidden);
    report.preflight = Some(preflight);
    report.request = Some(exchange_itself);
    Ok(())
}

/// Returns those of the names in `reads` that the script can't read from the response, as far as is known
/// without asking the upstream.
fn hidden(script: &ScriptRequest<'_>, seen: Option<&Seen>, reads: &[String]) -> Vec<String> {
    let Some(seen) = seen else {
        return Vec::new();
    };
    let mut fields = seen.fields.clone();
    let names = reads
        .iter()
        .flat_map(|name| HeaderName::from_bytes(name.as_bytes()));
    names.for_each(|name| {
        fields.entry(name).or_insert(HeaderValue::from_static(""));
    });
    match script.judge_response(&fields) {
        Ok(permit) => {
            let is_read = |name: &String| reads.iter().any(|read| read.eq_ignore_ascii_case(name));
            permit.hidden.into_iter().filter(is_read).collect()
        }
        Err(_) => Vec::new(),
    }
}

fn is_origin(name: &str) -> bool {
    name.eq_ignore_ascii_case("origin")
}

// === impl Report ===

impl Report {
    /// Notes that the script can't read these fields of a response that it gets.
    fn take_hidden(&mut self, hidden: &[String]) {
        if self.verdict == Ruling::Allowed && !hidden.is_empty() {
            let names: Vec<String> = hidden.iter().map(|name| format!("`{name}`")).collect();
            let names = names.join(", ");
            self.verdict = Ruling::Blocked;
            self.why = format!(
                "the script gets the response, and can't read {names}: not in `expose_headers`"
            );
        }
    }
}
