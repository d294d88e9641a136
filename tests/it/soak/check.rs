use super::client::Answer;
use super::site::{ORIGIN, word};

/// Returns an error unless it is so, with the answer.
fn ensure(is_so: bool, what: &str, answer: &Answer) -> Result<(), String> {
    let (status, headers) = (answer.head.status, &answer.head.headers);
    match is_so {
        true => Ok(()),
        false => Err(format!("{what}: {status} {headers:?}")),
    }
}

/// An answer of this status that the page may read, with one line of each field.
pub(super) fn readable(answer: &Answer, status: u16) -> Result<(), String> {
    ensure(
        answer.head.status == status,
        &format!("not {status}"),
        answer,
    )?;
    let allowed = answer.head.get("access-control-allow-origin");
    ensure(allowed.as_deref() == Some(ORIGIN), "not readable", answer)
}

/// An answer of this status that no page may read.
pub(super) fn unreadable(answer: &Answer, status: u16) -> Result<(), String> {
    ensure(
        answer.head.status == status,
        &format!("not {status}"),
        answer,
    )?;
    let allowed = answer.head.get("access-control-allow-origin");
    ensure(allowed.is_none(), "readable", answer)
}

/// An answer whose body is this.
pub(super) fn has_body(answer: &Answer, body: &[u8]) -> Result<(), String> {
    ensure(answer.body == body, "another body", answer)
}

/// The answer to an allowed preflight, all of it of one configuration; returns its word.
pub(super) fn preflight(answer: &Answer) -> Result<&'static str, String> {
    readable(answer, 204)?;
    let field = |name: &str| answer.head.get(name).unwrap_or_default();
    let said = [
        field("access-control-allow-methods"),
        field("access-control-allow-headers"),
        field("access-control-max-age"),
    ];
    for generation in 0..2 {
        let (word, age) = word(generation);
        let headers = format!("content-type, x-{word}, x-grpc-web, x-user-agent, grpc-timeout");
        if said == [format!("PUT, X-{word}"), headers, age.to_string()] {
            return Ok(word);
        }
    }
    Err(format!("of no configuration: {said:?}"))
}
