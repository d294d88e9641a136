//! `match`: one host, one path, one method, each with what is wrong with it.

use crate::cors::is_token;
use crate::routing::{HostMatch, PathMatch, has_dot_segment, normalized};

/// Parses what is written in `hosts`; the error is the message and the hint.
pub(super) fn parse_host(text: &str) -> Result<HostMatch, (String, Option<String>)> {
    let lower = text.to_ascii_lowercase();
    let name = lower.strip_prefix("*.").unwrap_or(&lower);
    if let Some((_, host)) = lower.split_once("://") {
        let host = host.split(['/', ':']).next().unwrap_or(host);
        let hint = format!("write `{host}`");
        return Err((
            format!("`{text}` has a scheme; a host is a name"),
            Some(hint),
        ));
    }
    if text == "*" {
        let hint = "leave `hosts` out to match every host".to_owned();
        return Err(("`*` is not a host".to_owned(), Some(hint)));
    }
    if let Some((host, port)) = lower.rsplit_once(':')
        && port.bytes().all(|b| b.is_ascii_digit())
        && !host.ends_with(':')
    {
        let hint = format!("write `{host}`");
        return Err((
            format!("`{text}` has a port; hosts are compared without"),
            Some(hint),
        ));
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
        _ => Err((
            format!("`{text}` is not a host"),
            Some("write a name such as `api.example.com` or `*.example.com`".to_owned()),
        )),
    }
}

/// Parses a `path`.
pub(super) fn parse_path(text: &str) -> Result<PathMatch, (String, Option<String>)> {
    check_path(text)?;
    Ok(PathMatch::Exact(normalized(text)))
}

/// Parses a `path_prefix`.
pub(super) fn parse_prefix(text: &str) -> Result<PathMatch, (String, Option<String>)> {
    check_path(text)?;
    Ok(PathMatch::Prefix(normalized(text.trim_end_matches('/'))))
}

fn check_path(text: &str) -> Result<(), (String, Option<String>)> {
    if !text.starts_with('/') {
        let hint = format!("write `/{}`", text.trim_start_matches('/'));
        return Err((format!("`{text}` does not start with `/`"), Some(hint)));
    }
    if let Some(at) = text.find(['?', '#', '*']) {
        let hint = format!("write `{}`", &text[..at]);
        let what = "a path is compared literally, without query, fragment or wildcard";
        return Err((format!("`{text}`: {what}"), Some(hint)));
    }
    if let Some(at) = text.find(['{', '}']) {
        let hint = format!("write `path_prefix: {}`", text[..at].trim_end_matches('/'));
        return Err((format!("`{text}`: a path has no parameters"), Some(hint)));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        let what = "has white space or characters that are not ASCII";
        let hint = "percent-encode them, as requests do".to_owned();
        return Err((format!("`{text}` {what}"), Some(hint)));
    }
    if has_dot_segment(text) {
        return Err((
            format!("`{text}` has a dot segment, which no request keeps"),
            None,
        ));
    }
    Ok(())
}

pub(super) fn check_method(text: &str) -> Result<(), (String, Option<String>)> {
    match is_token(text.as_bytes()) {
        true if text == "*" => Err((
            "`*` is not a method".to_owned(),
            Some("leave `methods` out to match every method".to_owned()),
        )),
        true => Ok(()),
        false => Err((
            format!("`{text}` is not a method: RFC 9110 has no such token"),
            Some("write a method such as `PUT`".to_owned()),
        )),
    }
}
