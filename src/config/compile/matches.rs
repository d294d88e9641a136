//! `match`: parses one host, one path or one method.

use super::templates::parse_template;
use crate::config::error::Problem;
use crate::cors::{ByteSet, is_token};
use crate::routing::{HostMatch, PathMatch, encoded_bare, has_dot_segment, normalized};

/// Parses an element of `hosts`.
pub(super) fn parse_host(text: &str) -> Result<HostMatch, Problem> {
    let lower = text.to_ascii_lowercase();
    let name = lower.strip_prefix("*.").unwrap_or(&lower);
    if let Some((_, host)) = lower.split_once("://") {
        let host = host.split(['/', ':']).next().unwrap_or(host);
        let problem = Problem::from(format!("`{text}` has a scheme; a host is a name"));
        return Err(problem.hint(format!("write `{host}`")));
    }
    if text == "*" {
        let problem = Problem::from("`*` is not a host");
        return Err(problem.hint("leave `hosts` out to match every host"));
    }
    if let Some((host, port)) = lower.rsplit_once(':')
        && port.bytes().all(|b| b.is_ascii_digit())
        && !host.ends_with(':')
    {
        let problem = Problem::from(format!(
            "`{text}` has a port; hosts are compared without one"
        ));
        return Err(problem.hint(format!("write `{host}`")));
    }
    let bracketed = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    let named = name.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    });
    let named = named && name.len() <= 253;
    match (bracketed || named, lower.starts_with("*.")) {
        (true, false) => Ok(HostMatch::Exact(lower)),
        (true, true) if named => Ok(HostMatch::Subdomains(name.to_owned())),
        _ => {
            let problem = Problem::from(format!("`{text}` is not a host"));
            Err(problem.hint("write a name such as `api.example.com` or `*.example.com`"))
        }
    }
}

/// Parses a `path`.
pub(super) fn parse_path(text: &str) -> Result<PathMatch, Problem> {
    check_path(text)?;
    check_literal(text, str::to_owned)?;
    Ok(PathMatch::Exact(normalized(text)))
}

/// Parses a `path_prefix`.
pub(super) fn parse_prefix(text: &str) -> Result<PathMatch, Problem> {
    check_path(text)?;
    check_literal(text, |text| {
        format!("{}/**", text.trim_end_matches(['/', '*']))
    })?;
    Ok(PathMatch::Prefix(normalized(text.trim_end_matches('/'))))
}

/// Whether the byte may be in a segment: RFC 3986's `pchar`, and `%`. Browsers send a few others as they
/// are, but a template that has them is a regex.
pub(super) fn is_in_paths(byte: u8) -> bool {
    static IN_PATHS: ByteSet = ByteSet::of(&[
        ByteSet::LOWER,
        ByteSet::UPPER,
        ByteSet::DIGITS,
        b"-._~%!$&'()*+,;=:@",
    ]);
    IN_PATHS.contains(byte)
}

/// Checks a path that is written out: of a match, or of a rewrite.
pub(super) fn check_path(text: &str) -> Result<(), Problem> {
    let is = |what: &str| Problem::from(format!("`{text}`{what}"));
    if !text.starts_with('/') {
        let instead = text.trim_start_matches('/');
        return Err(is(" does not start with `/`").hint(format!("write `/{instead}`")));
    }
    if let Some(at) = text.find(['?', '#']) {
        let problem = is(": a path is compared literally, without query or fragment");
        return Err(problem.hint(format!("write `{}`", &text[..at])));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        let problem = is(" has white space or characters that are not ASCII");
        return Err(problem.hint("percent-encode them, as requests do"));
    }
    match has_dot_segment(text) {
        true => Err(is(" has a dot segment, and requests with one are refused")),
        false => Ok(()),
    }
}

/// Refuses a character that is encoded in a match and need not be: most servers take it for the character itself,
/// and a request may have it either way.
pub(super) fn check_encoded(text: &str) -> Result<(), Problem> {
    match encoded_bare(text) {
        Some((encoded, character)) => {
            let message = format!("`{text}`: servers read `{encoded}` as `{character}`");
            Err(Problem::from(message).hint(format!("write `{character}`")))
        }
        None => Ok(()),
    }
}

/// Refuses wildcards and variables in a match. `as_template` returns the template that would match as much.
fn check_literal(text: &str, as_template: impl Fn(&str) -> String) -> Result<(), Problem> {
    if text.contains(['*', '{', '}']) {
        let message =
            format!("`{text}`: a path is compared literally, without wildcards and variables");
        let problem = Problem::from(message);
        let template = as_template(text);
        return Err(match parse_template(&template).map(|(rule, _)| rule) {
            Ok(PathMatch::Prefix(prefix)) if prefix.is_empty() => {
                problem.hint("write `path_prefix: /`")
            }
            Ok(PathMatch::Prefix(prefix)) => problem.hint(format!("write `path_prefix: {prefix}`")),
            Ok(_) => problem.hint(format!("write `path_template: '{template}'`")),
            Err(_) => {
                problem.hint("write a `path_template`, such as `/books/{book}` or `/books/*`")
            }
        });
    }
    check_encoded(text)
}

/// Checks an element of `methods`.
pub(super) fn check_method(text: &str) -> Result<(), Problem> {
    match is_token(text.as_bytes()) {
        true if text == "*" => {
            let problem = Problem::from("`*` is not a method");
            Err(problem.hint("leave `methods` out to match every method"))
        }
        true => Ok(()),
        false => {
            let message = format!("`{text}` is not a method: RFC 9110 has no such token");
            Err(Problem::from(message).hint("write a method such as `PUT`"))
        }
    }
}
