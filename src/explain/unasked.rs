//! Requests that a browser sends, or a tool, without asking CORS: WebSockets, and OPTIONS that is not a preflight.

use super::exchange::exchange;
use super::question::{Question, QuestionError};
use super::report::{Author, Exchange, Report, Ruling};
use crate::cors::{BlockDisallowedOrigins, Reason, Rule};
use crate::proxy::Snapshot;
use http::request::Parts;

// === impl Exchange ===

impl Exchange {
    /// Whether the gateway rejects OPTIONS because it is not a preflight.
    pub(super) fn is_rejected_as_other_options(&self) -> bool {
        self.reason == Some(Reason::NotAPreflight.as_str())
    }
}

/// Explains the handshake of a WebSocket.
pub(super) fn explain_websocket(
    snapshot: &Snapshot,
    question: &Question,
    report: &mut Report,
) -> Result<(), QuestionError> {
    let mut handshake = question.clone();
    if handshake.values("upgrade").next().is_none() {
        let fields = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        handshake.headers.extend(fields);
    }
    let header = handshake.header()?;
    let (mut exchange, _) = exchange(snapshot, &header, &handshake);
    "opens the WebSocket if the handshake succeeds, whatever the page's origin"
        .clone_into(&mut exchange.browser.says);
    let note = match (blocks(snapshot, &exchange), exchange.written()) {
        (true, _) => Some(
            "the policy has `block_disallowed_origins`: a handshake from a page whose origin is neither allowed nor the \
             request's own gets 403",
        ),
        (false, Some(_)) => None,
        (false, None) => Some(
            "the upstream must compare the handshake's Origin with the origins that it trusts, and refuse the others: \
             browsers send cookies with a handshake, and this gateway forwards it whatever its Origin, unless a policy \
             says `block_disallowed_origins: websocket`",
        ),
    };
    report.notes.extend(note.map(str::to_owned));
    if exchange.is_blocked() {
        report.verdict = Ruling::Blocked;
        "gets the 403, and opens no WebSocket".clone_into(&mut exchange.browser.says);
        let cause = exchange.cause().unwrap_or_default();
        report.why = format!("the handshake is answered with 403: {cause}");
        // A handshake has cookies whatever the policy says of credentials.
        let asked = Question {
            credentials: false,
            ..handshake
        };
        report.take_changes(snapshot, &asked, &[(&exchange, &header)], &[]);
        report.request = Some(exchange);
        return Ok(());
    }
    let written = exchange.written().map(|step| step.finding.clone());
    if written.is_some() {
        "gets this answer, and opens no WebSocket".clone_into(&mut exchange.browser.says);
    }
    report.why = match refusal(&exchange).or(written) {
        Some(why) => {
            report.verdict = Ruling::Fails;
            format!("the handshake fails: {why}")
        }
        None => "CORS does not guard WebSockets: a browser opens one from any page, and asks no permission".to_owned(),
    };
    report.request = Some(exchange);
    Ok(())
}

/// Whether the policies of the request's route block handshakes.
fn blocks(snapshot: &Snapshot, exchange: &Exchange) -> bool {
    let mut routes = snapshot.routes();
    let route = routes.find(|route| route.name == exchange.route.name);
    match route.map(|route| &route.rule) {
        Some(Rule::Policies(policies)) if !policies.allows_any() => {
            let says_no = policies.policies().last();
            says_no.is_some_and(|policy| {
                policy.block_disallowed_origins() != BlockDisallowedOrigins::Never
            })
        }
        _ => false,
    }
}

/// Explains OPTIONS without Access-Control-Request-Method, as a tool sends it.
pub(super) fn explain_options(
    snapshot: &Snapshot,
    question: &Question,
    header: &Parts,
    report: &mut Report,
) {
    let (mut exchange, _) = exchange(snapshot, header, question);
    "sends no such request: its preflights have Access-Control-Request-Method"
        .clone_into(&mut exchange.browser.says);
    report.notes.push(
        "to ask as a browser does before a script's PUT, add `Access-Control-Request-Method: PUT`"
            .to_owned(),
    );
    let is_forwarded = |_: &&String| exchange.response.from == Author::Upstream;
    let upstream = exchange.route.upstream.as_ref().filter(is_forwarded);
    (report.verdict, report.why) = match (refusal(&exchange), upstream) {
        (None, Some(upstream)) => {
            let why = format!(
                "OPTIONS without Access-Control-Request-Method is not a preflight: it is forwarded, and the \
                 upstream `{upstream}` answers it"
            );
            (Ruling::DependsOnUpstream, why)
        }
        (None, None) => {
            let why = "OPTIONS without Access-Control-Request-Method is not a preflight: the gateway answers it";
            (Ruling::NoCors, why.to_owned())
        }
        (Some(why), _) => (Ruling::Fails, why),
    };
    rule_on_rejected_options(snapshot, question, header, &exchange, report);
    report.request = Some(exchange);
}

/// Overrules the verdict on OPTIONS that the gateway rejects because it is not a preflight.
pub(super) fn rule_on_rejected_options(
    snapshot: &Snapshot,
    question: &Question,
    header: &Parts,
    exchange: &Exchange,
    report: &mut Report,
) {
    if !exchange.is_rejected_as_other_options() {
        return;
    }
    report.verdict = Ruling::Fails;
    let cause = exchange.cause().unwrap_or_default();
    let status = exchange.response.status.unwrap_or_default();
    report.why = format!("{cause}; the gateway answers {status}");
    report.take_changes(snapshot, question, &[(exchange, header)], &[]);
    if question.values("origin").next().is_none() {
        let note = "a preflight has both `Origin` and `Access-Control-Request-Method`: to ask as a browser does before a \
                    script's PUT, add what is missing";
        report.notes.push(note.to_owned());
    }
}

/// Returns the gateway's reason for an error in place of an upstream's response.
fn refusal(exchange: &Exchange) -> Option<String> {
    match (exchange.response.from, exchange.response.status) {
        (Author::Gateway, Some(status @ 400..)) => {
            let cause = exchange.cause_of_error();
            Some(format!("{cause}; the gateway answers {status}"))
        }
        _ => None,
    }
}
