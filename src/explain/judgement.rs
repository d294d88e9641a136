//! A browser's judgement of the gateway's answers, and the outcome for the script.

use super::exchange::{REQUEST, Seen};
use super::report::{Browser, Exchange, Ruling, StepOutcome};
use crate::cors::browser::{Refusal, ScriptRequest};

/// A browser's judgement of a response; `None` if it depends on the upstream.
pub(super) type Judgement = Option<Result<(), Refusal>>;

pub(super) fn judge_preflight(
    script: &ScriptRequest<'_>,
    seen: Option<&Seen>,
    browser: &mut Browser,
) -> Judgement {
    let permit = seen.map(|seen| script.judge_preflight(seen.status, &seen.fields));
    let says = match &permit {
        Some(Ok(permit)) => format!(
            "permits the request, and caches the permission for {} s",
            permit.max_age
        ),
        Some(Err(refusal)) => format!("refuses: {refusal}"),
        None => "does what the upstream's answer says".to_owned(),
    };
    *browser = Browser::new(permit.as_ref().map(|p| p.as_ref().map(|_| ())), says);
    permit.map(|permit| permit.map(|_| ()))
}

pub(super) fn judge_response(
    script: &ScriptRequest<'_>,
    seen: Option<&Seen>,
    browser: &mut Browser,
) -> Judgement {
    let is_redirect = seen.is_some_and(|seen| seen.status.is_redirection());
    // Across origins, a browser follows with an opaque one: what the redirect says to that is what the response
    // behind it will say.
    let opaque = ScriptRequest {
        origin: "null",
        ..*script
    };
    let script = if is_redirect { &opaque } else { script };
    let permit = seen.map(|seen| script.judge_response(&seen.fields));
    let says = match &permit {
        Some(Ok(_)) if is_redirect => "follows it, with `Origin: null`".to_owned(),
        Some(Err(refusal)) if is_redirect => {
            format!("follows it, with `Origin: null`, and keeps what it gets: {refusal}")
        }
        Some(Ok(_)) => "lets the script read the response".to_owned(),
        Some(Err(refusal)) => format!("keeps the response from the script: {refusal}"),
        None => "does what the upstream's response says".to_owned(),
    };
    *browser = Browser::new(permit.as_ref().map(|p| p.as_ref().map(|_| ())), says);
    permit.map(|permit| permit.map(|_| ()))
}

/// Sums up all judgements, with the reason.
pub(super) fn ruling(judged: &[(&Exchange, &Judgement)]) -> (Ruling, String) {
    for (exchange, judgement) in judged {
        if let Some(Err(refusal)) = judgement {
            if let Some(to) = exchange.redirect() {
                let why = format!(
                    "the listener sends everything but preflights to https, here to {to}; a browser follows with \
                     `Origin: null`, which the policy does not allow: let the script request the URL of https"
                );
                return (Ruling::Blocked, why);
            }
            // The gateway's own reason is nearer to the cause than the browser's.
            let cause = exchange.cause();
            return (
                Ruling::Blocked,
                cause.unwrap_or_else(|| refusal.to_string()),
            );
        }
    }
    if judged.iter().any(|(_, judgement)| judgement.is_none()) {
        let why = "the browser sees the upstream's answer".to_owned();
        return (Ruling::DependsOnUpstream, why);
    }
    // An error with the right headers is still an error.
    if let Some((exchange, _)) = judged.last()
        && let Some(status @ 400..) = exchange.response.status
    {
        let cause = exchange.cause_of_error();
        let why = format!("{cause}; the script may read the gateway's {status}");
        return (Ruling::Fails, why);
    }
    let why = match judged {
        [(exchange, _)] if exchange.method == "OPTIONS" => {
            "the preflight is answered with permission"
        }
        [_] => "the script may read the response",
        _ => "the preflight is answered with permission, and the script may read the response",
    };
    (Ruling::Allowed, why.to_owned())
}

// === impl Exchange ===

impl Exchange {
    /// Returns the URL that the gateway redirects to.
    fn redirect(&self) -> Option<&str> {
        let is_redirect = matches!(self.response.status, Some(300..=399));
        let mut headers = self.response.headers.iter();
        let location = headers.find(|(name, _)| name == "Location");
        location
            .filter(|_| is_redirect)
            .map(|(_, url)| url.as_str())
    }

    /// Returns the gateway's reason for saying no, if the gateway is what says it.
    pub(super) fn cause(&self) -> Option<String> {
        let mut noes = self
            .steps
            .iter()
            .filter(|step| step.result == StepOutcome::No);
        let first = noes.next();
        // Before the route: a request that cannot be trusted to mean one thing takes none.
        if let Some(step) = first.filter(|step| step.step == REQUEST) {
            return Some(step.finding.clone());
        }
        if self.route.upstream.is_none() {
            let nearest = self.route.nearest.as_ref();
            let nearest = nearest.map(|route| {
                let (name, unmet) = (&route.name, route.unmet.join("; "));
                format!("; the nearest is `{name}`: {unmet}")
            });
            return Some(format!("no route matches{}", nearest.unwrap_or_default()));
        }
        first.map(|step| {
            let near_miss = step.near_miss.as_ref().map(|miss| format!("; {miss}"));
            format!("{}{}", step.finding, near_miss.unwrap_or_default())
        })
    }

    /// Returns the gateway's reason for an error: what it says no to, or an answer that the operator wrote.
    pub(super) fn cause_of_error(&self) -> String {
        if let Some(cause) = self.cause() {
            return cause;
        }
        let written = self.written().map(|step| step.finding.clone());
        let parts = [self.route.because_of_others(), written];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

// === impl Browser ===

impl Browser {
    fn new(permit: Option<Result<(), &Refusal>>, says: String) -> Self {
        Self {
            permits: permit.as_ref().map(Result::is_ok),
            code: permit.and_then(Result::err).map(Refusal::as_str),
            says,
        }
    }
}
