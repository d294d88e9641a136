//! `--cors_preset`, and the flags that belong to it.

use super::arguments::shown;
use super::duration;
use super::given::Given;
use super::options::{CorsOptions, OriginOption};
use super::re2;
use super::report::{Report, Source};
use crate::config::Problem;
use crate::cors::{Origin, RegexError, RegexPattern, is_token};
use http::HeaderValue;

const ALLOW_ORIGIN: &str = "--cors_allow_origin";
const ALLOW_ORIGIN_REGEX: &str = "--cors_allow_origin_regex";
const ALLOW_METHODS: &str = "--cors_allow_methods";
const ALLOW_HEADERS: &str = "--cors_allow_headers";
const EXPOSE_HEADERS: &str = "--cors_expose_headers";
const ALLOW_CREDENTIALS: &str = "--cors_allow_credentials";
const MAX_AGE: &str = "--cors_max_age";

/// The flags that do nothing without a preset.
const WITH_A_PRESET: [&str; 7] = [
    ALLOW_ORIGIN,
    ALLOW_ORIGIN_REGEX,
    ALLOW_METHODS,
    ALLOW_HEADERS,
    EXPOSE_HEADERS,
    ALLOW_CREDENTIALS,
    MAX_AGE,
];

const DEFAULT_METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
const DEFAULT_HEADERS: &str = "DNT,User-Agent,X-User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization";
const DEFAULT_EXPOSED: &str = "Content-Length,Content-Range";
const DEFAULT_MAX_AGE: &str = "480h";

/// A regex that is valid and matches no origin: the byte is not ASCII.
const NO_ORIGIN: &str = r"\xFF";

/// Reads the preset.
pub(super) fn read(given: &Given, report: &mut Report) -> Option<CorsOptions> {
    let Some(preset) = given.filled("--cors_preset") else {
        for flag in WITH_A_PRESET {
            ignored(
                flag,
                "it does nothing without `--cors_preset`",
                given,
                report,
            );
        }
        return None;
    };
    let origin = match preset.text.as_str() {
        "basic" => {
            let why = "it does nothing with the preset `basic`";
            ignored(ALLOW_ORIGIN_REGEX, why, given, report);
            exact(given, report)
        }
        "cors_with_regex" => {
            let why = "it does nothing with the preset `cors_with_regex`";
            ignored(ALLOW_ORIGIN, why, given, report);
            regex(given, report)
        }
        other => {
            report.error(
                "--cors_preset",
                preset.source,
                format!("there is no preset `{}`", shown(other)),
                "write `basic`, with one origin or `*`, or `cors_with_regex`",
            );
            None
        }
    };
    let allow_methods = list(ALLOW_METHODS, DEFAULT_METHODS, given, report);
    let allow_headers = list(ALLOW_HEADERS, DEFAULT_HEADERS, given, report);
    let expose_headers = list(EXPOSE_HEADERS, DEFAULT_EXPOSED, given, report);
    let max_age = given.last(MAX_AGE).map_or(DEFAULT_MAX_AGE, |v| &v.text);
    let max_age_seconds = duration::seconds(max_age).unwrap_or_else(|error| {
        report.problem(MAX_AGE, given.source(MAX_AGE), error);
        0
    });
    Some(CorsOptions {
        origin: origin?,
        allow_methods,
        allow_headers,
        expose_headers,
        allow_credentials: given.is_on(ALLOW_CREDENTIALS),
        max_age_seconds,
    })
}

fn ignored(flag: &str, why: &str, given: &Given, report: &mut Report) {
    if let Some(value) = given.last(flag) {
        report.no_effect(flag, value.source, why);
    }
}

/// Reads the origin of the preset `basic`.
fn exact(given: &Given, report: &mut Report) -> Option<OriginOption> {
    let Some(value) = given.last(ALLOW_ORIGIN) else {
        return Some(OriginOption::Any);
    };
    match value.text.as_str() {
        "" => {
            report.error(
                ALLOW_ORIGIN,
                value.source,
                "the origin is empty",
                "write one such as `https://app.example.com`, or `*` for all, or leave the flag out",
            );
            None
        }
        "*" => Some(OriginOption::Any),
        origin => {
            if let Err(error) = Origin::parse(origin.as_bytes()) {
                let message = format!(
                    "no browser sends the origin `{}`, so that nothing matches it ({error}): it is compared byte by \
                     byte; write `scheme://host` or `scheme://host:port` in lower case, or several as a regex with \
                     the preset `cors_with_regex`",
                    shown(origin)
                );
                report.warn(ALLOW_ORIGIN, value.source, message);
            }
            Some(OriginOption::Exact(origin.to_owned()))
        }
    }
}

/// Reads the regex of the preset `cors_with_regex`.
fn regex(given: &Given, report: &mut Report) -> Option<OriginOption> {
    let Some(value) = given.filled(ALLOW_ORIGIN_REGEX) else {
        report.error(
            ALLOW_ORIGIN_REGEX,
            given.source(ALLOW_ORIGIN_REGEX),
            "the regex is empty or missing, and the preset `cors_with_regex` needs one",
            r"write one for the whole origin, such as `https://[a-z0-9-]+\.example\.com`",
        );
        return None;
    };
    let written = value.text.clone();
    let pattern = match re2::translate(&written) {
        Ok(pattern) => pattern,
        Err(problem) => {
            let message = format!("RE2 refuses the regex: {}", problem.message);
            let problem = Problem { message, ..problem };
            report.problem(ALLOW_ORIGIN_REGEX, value.source, problem);
            return None;
        }
    };
    let pattern = servable(pattern, value.source, report)?;
    Some(OriginOption::Regex { written, pattern })
}

/// Returns a regex that the gateway takes for the one given, and warns if that matches no origin.
fn servable(pattern: String, source: Source, report: &mut Report) -> Option<String> {
    let why = match RegexPattern::parse(&pattern) {
        Ok(regex) if regex.can_match_an_origin() => return Some(pattern),
        Ok(_) => None,
        Err(RegexError::MatchesNothing) => Some(NO_ORIGIN.to_owned()),
        Err(error) => {
            let hint = "write a simpler one, without large numbers of repetitions";
            report.error(ALLOW_ORIGIN_REGEX, source, error.to_string(), hint);
            return None;
        }
    };
    report.warn(
        ALLOW_ORIGIN_REGEX,
        source,
        "the regex matches no origin: it has to match the whole one, with its scheme, such as \
         `https://app.example.com`, in lower case and without a slash at the end",
    );
    Some(why.unwrap_or(pattern))
}

/// Reads a value that is sent as it is.
fn list(flag: &'static str, default: &str, given: &Given, report: &mut Report) -> String {
    let Some(value) = given.last(flag) else {
        return default.to_owned();
    };
    let text = &value.text;
    let is_name = |name: &str| name.is_empty() || is_token(name.as_bytes());
    let mut names = text.split(',').map(|name| name.trim_matches([' ', '\t']));
    if HeaderValue::from_str(text).is_err() {
        report.error(
            flag,
            value.source,
            "a header field's value is one line without control characters",
            "write names with commas between them",
        );
    } else if let Some(other) = names.find(|name| !is_name(name)) {
        let message = format!(
            "`{}` is not a name, and browsers refuse every answer with such a list; write names with commas between \
             them",
            shown(other)
        );
        report.warn(flag, value.source, message);
    }
    value.text.clone()
}

#[cfg(test)]
mod tests;
