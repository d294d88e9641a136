//! The result for a person at a terminal.

use crate::cors::browser::is_redirect;
use crate::probe::{
    Access, AskError, Finding, Judged, LeakSeverity, Objection, ProbeReport, ProbeRequest,
    RequestOutcome, ScanReport,
};
use std::fmt::Write as _;

/// Writes the requests, their answers, and the verdict at the end.
pub(super) fn report(question: &ProbeRequest, report: &ProbeReport) -> String {
    let mut text = headline(question);
    if report.same_origin {
        text.push_str(
            "yes: page and URL are of the same origin: a browser needs no permission\n\
             nothing was sent\n",
        );
        return text;
    }
    preflight(&mut text, question, report);
    request(&mut text, question, report);
    for warning in &report.warnings {
        line(&mut text, &format!("warning: {warning}"));
    }
    for name in &report.dropped {
        let note =
            format!("note: browsers drop `{name}` when a script sets it, so it was not sent");
        line(&mut text, &note);
    }
    verdict(&mut text, question, report);
    text
}

fn headline(question: &ProbeRequest) -> String {
    let script = question.script();
    let credentials = match question.credentials {
        true => ", with credentials",
        false => "",
    };
    let (method, target, origin) = (script.method(), &question.target, &question.origin);
    format!("{method} {target}\nby a script of {origin}{credentials}\n\n")
}

fn preflight(text: &mut String, question: &ProbeRequest, report: &ProbeReport) {
    let Some(preflight) = &report.preflight else {
        line(
            text,
            "preflight: a browser sends none, as a form could send this request",
        );
        line(text, "");
        return;
    };
    line(text, "preflight: a browser asks first");
    for cause in &report.causes {
        line(text, &format!("  because {cause}"));
    }
    let path = question.target.path_and_query();
    exchange(text, ("OPTIONS", path), std::iter::empty(), preflight);
    match &preflight.verdict {
        Ok(permit) => line(
            text,
            &format!("  permitted, and remembered for {} s", permit.max_age),
        ),
        Err(refusal) => line(text, &format!("  refused: {refusal}")),
    }
    line(text, "");
}

fn request(text: &mut String, question: &ProbeRequest, report: &ProbeReport) {
    let script = question.script();
    let method = script.method();
    match &report.request {
        RequestOutcome::Answered(response) => {
            line(text, "request:");
            // Names alone, because the values may be secrets.
            let names = script.sent_headers().map(|(name, _)| name);
            exchange(
                text,
                (method, question.target.path_and_query()),
                names,
                response,
            );
            match &response.verdict {
                Ok(permit) => {
                    let names = permit.readable.join(", ");
                    line(text, &format!("  the script can read: {names}"));
                    let hidden = permit.hidden.iter().map(String::as_str);
                    let hidden: Vec<&str> = hidden.filter(|name| is_missed(name)).collect();
                    if !hidden.is_empty() {
                        line(
                            text,
                            &format!("  the script can't read: {}", hidden.join(", ")),
                        );
                    }
                }
                Err(refusal) => line(text, &format!("  refused: {refusal}")),
            }
        }
        RequestOutcome::Forbidden => {
            line(text, "request: not sent; a browser doesn't send it either");
        }
        RequestOutcome::NotSent => line(text, "request: not sent, as --preflight-only says"),
        RequestOutcome::MayChangeSomething => line(
            text,
            &format!("request: not sent; a {method} may change something there (--send sends it)"),
        ),
    }
    line(text, "");
}

/// Whether a script could want to read the field. The others are about the connection, or for the
/// browser.
fn is_missed(name: &str) -> bool {
    const OTHERS: [&str; 6] = [
        "connection",
        "date",
        "keep-alive",
        "server",
        "transfer-encoding",
        "vary",
    ];
    !name.starts_with("access-control-") && !OTHERS.contains(&name)
}

/// Writes a request and its answer: the fields that have to do with CORS.
fn exchange<P>(
    text: &mut String,
    (method, path): (&str, &str),
    names: impl Iterator<Item = String>,
    judged: &Judged<P>,
) {
    line(text, &format!("  > {method} {path}"));
    for (name, value) in &judged.asked {
        line(text, &format!("  > {name}: {value}"));
    }
    for name in names {
        line(text, &format!("  > {name}: …"));
    }
    line(text, &format!("  < {}", judged.answer.status.as_u16()));
    for (name, value) in judged.answer.cors_fields() {
        line(text, &format!("  < {name}: {value}"));
    }
}

fn verdict(text: &mut String, question: &ProbeRequest, report: &ProbeReport) {
    if let Some(Objection { message, hint, .. }) = report.objection() {
        line(text, &format!("no: {message}"));
        line(text, &format!("  hint: {hint}"));
        return;
    }
    let origin = &question.origin;
    let yes = match &report.request {
        RequestOutcome::Answered(response) if is_redirect(response.answer.status) => {
            "yes so far: the browser follows the redirect and checks its response again".to_owned()
        }
        RequestOutcome::Answered(response) => {
            let status = response.answer.status.as_u16();
            format!("yes: a script of {origin} can send this and read the response ({status})")
        }
        RequestOutcome::Forbidden
        | RequestOutcome::NotSent
        | RequestOutcome::MayChangeSomething => {
            format!(
                "yes: a browser lets a script of {origin} send this; its response wasn't judged"
            )
        }
    };
    line(text, &yes);
}

/// Writes the findings of a scan, worst first.
pub(super) fn scan(question: &ProbeRequest, report: &ScanReport) -> String {
    let mut text = format!("{}\n\n", question.target);
    let (origin, control) = (&question.origin, report.control.words());
    line(&mut text, &format!("{origin} {control}"));
    if report.control == Access::Nothing {
        line(
            &mut text,
            "  although --origin should name an allowed origin; check it",
        );
    }
    let through = report
        .findings
        .iter()
        .filter(|finding| finding.severity > LeakSeverity::None);
    let got_through = through.clone().count();
    // Findings of one kind are the same mistake of the server: only the first is written.
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in through {
        match groups.iter_mut().find(|group| is_alike(group, finding)) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.first().map(|first| first.severity)));
    for group in &groups {
        if let Some((first, others)) = group.split_first() {
            findings(&mut text, first, others.len());
        }
    }
    let unanswered = report.findings.iter().filter(|f| f.error.is_some()).count();
    let sent = report.findings.len();
    line(&mut text, "");
    if unanswered > 0 {
        line(
            &mut text,
            &format!("warning: {unanswered} probes got no answer"),
        );
    }
    let summary = match report.leaks() {
        true => format!("no: {got_through} of {sent} probes get through"),
        false if got_through > 0 => format!(
            "yes: {got_through} of {sent} probes get through, none of them worse than `{}`",
            report.worst().as_str()
        ),
        false => format!("yes: none of {sent} probes gets through"),
    };
    line(&mut text, &summary);
    text
}

fn is_alike(group: &[&Finding], other: &Finding) -> bool {
    let is_public = other.access == Access::Public;
    group.first().is_some_and(|first| {
        first.access == other.access
            && first.severity == other.severity
            // `*` allows every origin, whatever it looks like.
            && (is_public || first.probe.kind == other.probe.kind)
    })
}

fn findings(text: &mut String, first: &Finding, others: usize) {
    let (severity, words) = (first.severity.as_str(), first.access.words());
    if first.access == Access::Public {
        line(text, &format!("{severity}: every origin {words}"));
        return;
    }
    let origin = &first.probe.origin;
    line(text, &format!("{severity}: {origin} {words}"));
    let more = match others {
        0 => String::new(),
        _ => format!(" (and {others} more of this kind)"),
    };
    line(text, &format!("  {}{more}", first.probe.kind.what()));
}

pub(super) fn no_answer(question: &ProbeRequest, error: &AskError) -> String {
    let mut text = format!("error: {}: {error}\n", question.target);
    if let Some(hint) = error.error.hint() {
        line(&mut text, &format!("  hint: {hint}"));
    }
    text
}

fn line(text: &mut String, line: &str) {
    // Writing to a string can't fail.
    let _ = writeln!(text, "{line}");
}
