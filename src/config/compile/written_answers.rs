//! Answers that the operator writes, and the keys that have no effect beside them.

use crate::config::raw::RawWrittenAnswer;
use crate::config::report::Report;
use crate::cors::WrittenAnswer;
use http::StatusCode;

/// Maximum bytes of a written body; a longer one is refused.
const MAX_BODY: usize = 16 << 10;

/// The words for a use of written answers.
pub(super) struct Use {
    /// The response that the answer is.
    name: &'static str,
    /// The status that stands for one that is wrong, and in the hints.
    example: StatusCode,
    status_hint: &'static str,
    body_hint: &'static str,
}

pub(super) const FOR_A_PREFLIGHT: Use = Use {
    name: "a rejected preflight",
    example: StatusCode::FORBIDDEN,
    status_hint: "write one of 400 to 599, such as 403, or 200",
    body_hint: "write JSON in single quotes, such as `'{\"error\": \"cors\"}'`",
};

pub(super) const OF_AN_UPSTREAM: Use = Use {
    name: "`respond`",
    example: StatusCode::NOT_FOUND,
    status_hint: "write one of 400 to 599, such as 404, or 200",
    body_hint: "write JSON in single quotes, such as `'{\"error\": \"not found\"}'`",
};

/// Compiles an answer that the operator has written.
pub(super) fn written_answer(
    report: &mut Report<'_>,
    path: &str,
    raw: RawWrittenAnswer,
    of: &Use,
) -> WrittenAnswer {
    let RawWrittenAnswer { status, body } = raw;
    WrittenAnswer {
        status: written_status(report, path, status, of),
        body: written_body(report, &format!("{path}.body"), body, of).into(),
    }
}

fn written_status(report: &mut Report<'_>, path: &str, raw: Option<u16>, of: &Use) -> StatusCode {
    let path_of_key = format!("{path}.status");
    let Some(number) = raw else {
        if !report.was_refused(&path_of_key) {
            report.error(path, "`status` is missing").hint(format!(
                "write one such as `status: {}`",
                of.example.as_str()
            ));
        }
        return of.example;
    };
    let status = StatusCode::from_u16(number).ok();
    // Others have no body, or send the client on; a browser follows no redirect of a preflight.
    let status = status.filter(|_| matches!(number, 200..=203 | 206..=299 | 400..=599));
    if status.is_none() {
        let message = format!("{number} is not a status for {}", of.name);
        report.error(path_of_key, message).hint(of.status_hint);
    }
    status.unwrap_or(of.example)
}

fn written_body(report: &mut Report<'_>, path: &str, raw: Option<String>, of: &Use) -> String {
    let Some(body) = raw else {
        return String::new();
    };
    if body.len() > MAX_BODY {
        let message = format!("the body has {} bytes, more than {MAX_BODY}", body.len());
        report.error(path, message).hint("write a shorter one");
    } else if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body) {
        report
            .error(path, format!("this is not JSON: {error}"))
            .hint(of.body_hint);
    }
    body
}

/// Refuses the keys that are written beside `respond`, in the upstream at `path`.
pub(super) fn refuse_beside_respond(report: &mut Report<'_>, path: &str, keys: &[(&str, bool)]) {
    for (key, _) in keys.iter().filter(|(_, is_written)| *is_written) {
        let message = format!("`{key}` has no effect beside `respond`: no server is asked");
        report
            .error(format!("{path}.{key}"), message)
            .hint("remove it")
            .quoting(*key);
    }
}

/// Refuses the keys of the route at `path` that are about a server, where the upstream `name` has `respond`.
pub(super) fn refuse_before_respond(
    report: &mut Report<'_>,
    path: &str,
    name: &str,
    keys: &[(&str, bool)],
) {
    for (key, _) in keys.iter().filter(|(_, is_written)| *is_written) {
        let message = format!(
            "`{key}` has no effect: the upstream `{name}` has `respond`, and no server is asked"
        );
        report
            .error(format!("{path}.{key}"), message)
            .hint("remove it, or name another upstream")
            .quoting(*key)
            .where_used();
    }
}
