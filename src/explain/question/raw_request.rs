//! Reads a raw request: as sent over HTTP/1.1, or as browsers' tools show HTTP/2.

use super::browser_headers::is;
use super::{Question, QuestionError, Source, error};

/// Reads `GET /path HTTP/1.1` and the fields below it; lines may end with a bare LF.
pub(super) fn of_raw(text: &str) -> Result<Question, QuestionError> {
    let mut lines = text.lines();
    let line = lines.next().unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().collect();
    let (method, target) = match words.as_slice() {
        [method, target] => (*method, *target),
        [method, target, version] if version.starts_with("HTTP/") => (*method, *target),
        _ => {
            return Err(error(format!(
                "`{}` is not a `curl` or PowerShell command, a call of `fetch()`, a known message of a console, or a \
                 request line such as `GET /v1 HTTP/1.1`",
                line.escape_default()
            )));
        }
    };
    let fields = lines
        .take_while(|line| !line.trim().is_empty())
        .map(field)
        .collect::<Result<Vec<_>, _>>()?;
    let pseudo = |name: &str| {
        let mut fields = fields.iter();
        let field = fields.find(|(known, _)| is(known, name));
        field.map(|(_, value)| value.clone())
    };
    let host = pseudo("host").or_else(|| pseudo(":authority"));
    // If the page has the same host, take its scheme: most likely a proxy in front ends TLS.
    let own_scheme = || {
        let origin = pseudo("origin")?;
        let (scheme, authority) = origin.split_once("://")?;
        (host.as_deref() == Some(authority)).then(|| scheme.to_owned())
    };
    let scheme = pseudo(":scheme").or_else(own_scheme);
    let scheme = scheme.unwrap_or_else(|| "http".to_owned());
    let url = match target.contains("://") {
        true => target.to_owned(),
        false => {
            let host = host.ok_or_else(|| error("the request has no Host field"))?;
            // `*` is about the server and is not part of a URL.
            format!("{scheme}://{host}{}", target.trim_start_matches('*'))
        }
    };
    let mut question = Question::of_url(&url)?;
    if target == "*" {
        target.clone_into(&mut question.target);
    }
    method.clone_into(&mut question.method);
    question.source = Source::Request;
    let fields = fields.into_iter();
    question.take_pasted(fields.filter(|(name, _)| !name.starts_with(':')));
    Ok(question)
}

fn field(line: &str) -> Result<(String, String), QuestionError> {
    // Browsers' tools show HTTP/2's pseudo-headers as `:authority: …` lines.
    let (pseudo, rest) = match line.strip_prefix(':') {
        Some(rest) => (":", rest),
        None => ("", line),
    };
    let (name, value) = rest.split_once(':').ok_or_else(|| {
        let line = line.escape_default();
        error(format!("`{line}` is not a header field: it has no colon"))
    })?;
    Ok((format!("{pseudo}{}", name.trim()), value.trim().to_owned()))
}
