//! Notes beside a verdict: what a question leaves open, and what is odd about the request.

use super::question::{About, Message, Question, QuestionError, Source};
use super::report::{Report, Ruling};
use crate::config::RateLimit;
use crate::cors::{OPAQUE_ORIGINS, Origin, is_cors_response_field};
use crate::proxy::Snapshot;

/// Headers that most requests of scripts have one of, and a value that needs permission. The last stands for
/// all headers of a script's own.
const OFTEN_SENT: [(&str, &str); 3] = [
    ("content-type", "application/json"),
    ("authorization", ""),
    ("x-requested-with", "XMLHttpRequest"),
];

/// Says which headers would change an answer that allows, if the question does not tell the headers or the
/// credentials of the page's request: its URL, origin and method are all that a browser's console shows.
pub(super) fn open_points(
    snapshot: &Snapshot,
    question: &Question,
    report: &Report,
) -> Result<Option<String>, QuestionError> {
    let is_whole = matches!(question.source, Source::Request | Source::Script);
    if is_whole || report.verdict != Ruling::Allowed || report.request.is_none() {
        return Ok(None);
    }
    let is_origin = |name: &str| name.eq_ignore_ascii_case("origin");
    let has_headers = question.headers.iter().any(|(name, _)| !is_origin(name));
    let mut differing = Vec::new();
    let mut ask = |other: &Question, with: String| -> Result<(), QuestionError> {
        let is_other = super::judge(snapshot, other)?.verdict != report.verdict;
        differing.extend(is_other.then_some(with));
        Ok(())
    };
    for (name, value) in OFTEN_SENT.into_iter().filter(|_| !has_headers) {
        let mut other = question.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        let with = match value {
            "" => format!("`{name}`"),
            _ => format!("`{name}: {value}`"),
        };
        ask(&other, with)?;
    }
    if !question.credentials {
        let credentials = true;
        let other = Question {
            credentials,
            ..question.clone()
        };
        ask(&other, "credentials, such as cookies".to_owned())?;
    }
    Ok((!differing.is_empty()).then(|| {
        format!(
            "the question names no other headers and no credentials, and the answer depends on them: the same request \
             is refused with {}. For the answer to the page's own request, paste it from the browser's network tab \
             (\"Copy as cURL\", \"Copy as fetch\")",
            differing.join("; with ")
        )
    }))
}

/// Notes what is odd about the request itself.
pub(super) fn of_request(question: &Question, report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    let origin = question.values("origin").next();
    match origin.map(|origin| (origin, Origin::parse(origin.as_bytes()))) {
        Some((origin, Err(why))) => {
            notes.push(format!("no browser sends the origin `{origin}`: {why}"));
        }
        Some((_, Ok(Origin::Null))) if report.verdict != Ruling::Blocked => {
            notes.push(OPAQUE_ORIGINS.to_owned());
        }
        _ => {}
    }
    let requested = question.values("access-control-request-headers");
    let requested = requested.flat_map(|line| line.split(',')).map(str::trim);
    let set = question.headers.iter().map(|(name, _)| name.as_str());
    for name in set.chain(requested).map(str::to_ascii_lowercase) {
        if is_cors_response_field(&name) {
            notes.push(format!(
                "`{name}` is a header of responses, which the server sends: on a request it allows nothing, and only \
                 causes a preflight. Take it out of the script"
            ));
        }
    }
    notes
}

/// Notes the rate limit of the route, which depends on the other requests of the client.
pub(super) fn of_rate_limit(snapshot: &Snapshot, report: &Report) -> Option<String> {
    let exchange = report.request.as_ref().or(report.preflight.as_ref())?;
    let route = snapshot
        .routes()
        .find(|route| route.name == exchange.route.name)?;
    let rate = route.limits.rate.as_ref()?;
    let RateLimit {
        requests,
        period,
        burst,
    } = rate.limit;
    let key = match rate.is_shared {
        true => "`limits.rate_limit`",
        false => "`rate_limit` of the route",
    };
    Some(format!(
        "{key} lets each client send {requests} requests in {}, {burst} at once, and as many preflights beside them; \
         beyond that, the answer is 429 with CORS headers",
        humantime::format_duration(period)
    ))
}

/// Notes the meaning of a browser's message, and what it leaves open.
pub(super) fn of_message(message: &Message, report: &mut Report) {
    let mut notes = vec![format!("the browser's message: {}", message.meaning)];
    if message.is_one_of_several {
        notes.push("several messages are pasted, and this is about the first".to_owned());
    }
    if let Some(url) = &message.redirected {
        notes.push(format!(
            "the request was redirected to `{url}`, and the message is about the response from there: find out what \
             redirects, or let the script request the final URL"
        ));
    }
    if let Some(status @ 400..) = message.status {
        notes.push(format!(
            "the browser got the status {status}: find out which server answers with it, and why"
        ));
    }
    let is_at_odds = report.verdict == Ruling::Allowed && message.redirected.is_none();
    match message.about {
        About::PreflightRedirect => notes.push(
            "this gateway redirects no preflight: a proxy in front of it does, such as from http to https, or the \
             upstream, if its route has `cors: passthrough`"
                .to_owned(),
        ),
        About::Preflight | About::Method | About::Header if is_at_odds => notes.push(
            "this configuration permits what the message names: either the preflight asked for a method or a header \
             that the message does not name, or another server or an older configuration answered it. Paste the \
             request from the browser's network tab to tell"
                .to_owned(),
        ),
        About::Response | About::Credentials | About::Exposed if is_at_odds => notes.push(
            "this gateway adds what the message misses to every response of the route, errors too: the response came \
             from a server in front of it, or by an older configuration. Its status in the browser's network tab \
             tells more"
                .to_owned(),
        ),
        _ => {}
    }
    if is_at_odds {
        "this configuration permits it: the browser got another answer, or asked for more; see the notes"
            .clone_into(&mut report.why);
    }
    report.notes.splice(0..0, notes);
}
