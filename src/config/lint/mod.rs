//! Warnings about policies that can be served but that the operator hardly means.

pub(super) mod behind;
pub(super) mod blocking;
pub(super) mod certificates;
mod dead;
pub(super) mod fallback;
pub(super) mod grpc_web;
pub(super) mod leaks;
pub(super) mod other_options;
mod remark;
pub(super) mod reuse;
mod verbatim;

use super::report::{At, Report};
use super::warning::WarningName;
use crate::cors::{
    BlockDisallowedOrigins, Dangers, HEADERS_FORBIDDEN_BUT_HARMLESS, NORMALIZED_METHODS,
    OriginMatcher, OriginPattern, PatternRef, TuplePattern, VerbatimList,
};
use std::collections::HashSet;

/// Maximum time, in seconds, that a browser keeps a preflight's answer: Firefox a day, Chromium two
/// hours. A longer `max_age` does nothing.
pub const MAX_USEFUL_MAX_AGE: u64 = 24 * 60 * 60;

/// A policy as it is written, before it is checked.
#[derive(Clone, Copy)]
pub(super) struct PolicyDraft<'a> {
    pub path: &'a str,
    pub origins: &'a [At<OriginPattern>],
    pub methods: &'a [At<String>],
    pub headers: &'a [At<String>],
    /// Whether `*` is among the headers.
    pub any_header: bool,
    pub exposed: &'a [At<String>],
    /// The lists that are sent as written, by their keys.
    pub verbatim: [(&'static str, Option<&'a At<VerbatimList>>); 3],
    pub credentials: bool,
    /// In seconds.
    pub max_age: Option<u64>,
    pub block: BlockDisallowedOrigins,
    pub dangers: Dangers,
}

/// Warns about `policy`.
pub(super) fn policy(report: &mut Report<'_>, policy: &PolicyDraft<'_>) {
    max_age(report, policy);
    methods(report, policy.methods);
    headers(report, policy);
    verbatim::lists(report, policy);
    dangers(report, policy);
    blocking::policy(report, policy);
    duplicates(report, policy.origins);
    dead::regexes(report, policy.origins);
    literals(report, policy.origins);
    schemes(report, policy.origins);
}

fn max_age(report: &mut Report<'_>, policy: &PolicyDraft<'_>) {
    if policy
        .max_age
        .is_some_and(|seconds| seconds > MAX_USEFUL_MAX_AGE)
    {
        let message = "no browser keeps a preflight's answer for longer than 24h";
        report
            .warn(
                WarningName::MaxAgeTooLong,
                format!("{}.max_age", policy.path),
                message,
            )
            .hint("write `24h` or less");
    }
}

/// Methods that most servers know.
const WELL_KNOWN_METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Whether other software has `name` for all names. `*` is ours, and browsers'.
pub(super) fn is_word_for_all(name: &str) -> bool {
    name.eq_ignore_ascii_case("any") || name.eq_ignore_ascii_case("all")
}

fn methods(report: &mut Report<'_>, methods: &[At<String>]) {
    for At { value: name, at } in methods {
        let upper = name.to_ascii_uppercase();
        if is_word_for_all(name) {
            let message = format!("`{name}` is one method of that name, and not all methods");
            report
                .warn(WarningName::WordForSeveral, at, message)
                .hint("write `\"*\"` for all methods");
            continue;
        }
        let parts: Vec<&str> = name.split(['|', '+', '&']).collect();
        if parts.len() > 1 && parts.iter().all(|part| WELL_KNOWN_METHODS.contains(part)) {
            let message = format!(
                "`{name}` is one method of that name, and not {} methods",
                parts.len()
            );
            let hint = format!("write one method per element: `[{}]`", parts.join(", "));
            report
                .warn(WarningName::WordForSeveral, at, message)
                .hint(hint);
            continue;
        }
        let message = match upper.as_str() {
            _ if *name == upper => continue,
            known if NORMALIZED_METHODS.contains(&known) => {
                format!("methods are case-sensitive, and browsers send `{upper}`")
            }
            "PATCH" => "methods are case-sensitive, and scripts should say `PATCH`".to_owned(),
            _ => continue,
        };
        report
            .warn(WarningName::MethodCase, at, message)
            .hint(format!("write `{upper}` instead of `{name}`"));
    }
}

fn headers(report: &mut Report<'_>, policy: &PolicyDraft<'_>) {
    for At { value: name, at } in policy.headers.iter().chain(policy.exposed) {
        if is_word_for_all(name) {
            let message = format!("`{name}` is one header of that name, and not all headers");
            report
                .warn(WarningName::WordForSeveral, at, message)
                .hint("write `\"*\"` for all headers");
        }
    }
    let names_authorization = || {
        let mut names = policy.headers.iter();
        names.any(|name| name.value.eq_ignore_ascii_case("authorization"))
    };
    if policy.any_header && policy.credentials && !names_authorization() {
        let message = "`*` does not cover `authorization`: no script may send that header";
        report
            .note(format!("{}.allow_headers", policy.path), message)
            .hint("write `[\"*\", authorization]` if scripts send tokens in it");
    }
    for At { value: name, at } in policy.headers {
        if HEADERS_FORBIDDEN_BUT_HARMLESS.contains(&name.to_ascii_lowercase().as_str()) {
            let message = format!("no script may set `{name}`, so that browsers never ask for it");
            report
                .warn(WarningName::HeaderNeverAsked, at, message)
                .hint("remove it");
        }
    }
}

/// Warns of each key that widens access past what is safe, wherever the file is loaded.
fn dangers(report: &mut Report<'_>, policy: &PolicyDraft<'_>) {
    let set = [
        (
            policy.dangers.any_origin_with_credentials,
            "dangerously_allow_any_origin_with_credentials",
            "any site may act as its visitors",
        ),
        (
            policy.dangers.null_with_credentials,
            "dangerously_allow_null_with_credentials",
            "any site can have the origin `null` and act as its visitors",
        ),
        (
            policy.dangers.insecure_origins,
            "dangerously_allow_insecure_origins",
            "an attacker on the network's path may act as its users",
        ),
        (
            policy.dangers.app_schemes,
            "dangerously_allow_app_schemes",
            "an app that calls itself so may act as its users",
        ),
        (
            policy.dangers.public_suffix_wildcards,
            "dangerously_allow_public_suffix_wildcards",
            "an attacker who registers a name there may act as its visitors",
        ),
    ];
    for (is_set, key, consequence) in set {
        let message = match (is_set, policy.credentials) {
            (false, _) => continue,
            (true, true) => consequence.to_owned(),
            (true, false) => "does nothing without `allow_credentials`".to_owned(),
        };
        report.warn(
            WarningName::DangerousKey,
            format!("{}.{key}", policy.path),
            message,
        );
    }
}

/// The part of a pattern that makes it the same as another.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Any,
    Null,
    Tuple(&'a TuplePattern),
    Regex(&'a str),
    Literal(&'a str),
}

/// Warns of patterns that are there twice, or that another one covers.
fn duplicates(report: &mut Report<'_>, origins: &[At<OriginPattern>]) {
    // There may be hundreds of thousands of patterns: the keys only refer to them.
    let mut seen: HashSet<Key<'_>> = HashSet::with_capacity(origins.len());
    let wide: Vec<OriginPattern> = origins
        .iter()
        .map(|origin| &origin.value)
        // A pattern beside `*` is refused, which says more than that `*` covers it.
        .filter(|pattern| pattern.is_wildcard() && !matches!(pattern, OriginPattern::Any))
        .cloned()
        .collect();
    let wide = OriginMatcher::new(&wide, false)
        .ok()
        .filter(|_| !wide.is_empty());
    for At { value: pattern, at } in origins {
        let key = match pattern {
            OriginPattern::Any => Key::Any,
            OriginPattern::Null => Key::Null,
            OriginPattern::Tuple(tuple) => Key::Tuple(tuple),
            OriginPattern::Regex(regex) => Key::Regex(regex.text()),
            OriginPattern::Literal(literal) => Key::Literal(literal.text()),
        };
        if !seen.insert(key) {
            let message = format!("`{}` is there twice", pattern.text());
            report
                .warn(WarningName::DuplicateOrigin, at, message)
                .hint("remove one of them")
                .as_element();
            continue;
        }
        let Some(wide) = &wide else { continue };
        let text = pattern.text();
        // Others cover this one if they match every kind of origin that it does.
        let by_another = |example: &String| match wide.find(example.as_bytes()) {
            Ok(Some(id)) => Some(wide.pattern(id)).filter(|p| *p != PatternRef::Text(&text)),
            _ => None,
        };
        let covering: Option<Vec<PatternRef<'_>>> =
            pattern.examples().iter().map(by_another).collect();
        if let Some([PatternRef::Text(covering), ..]) = covering.as_deref() {
            let message = format!("`{text}` is covered by `{covering}`");
            report
                .warn(WarningName::CoveredOrigin, at, message)
                .hint("remove one of them")
                .as_element();
        }
    }
}

/// Warns of origins with a scheme that a page can be connected to, and not come from.
fn schemes(report: &mut Report<'_>, origins: &[At<OriginPattern>]) {
    for At { value, at } in origins {
        let OriginPattern::Tuple(tuple) = value else {
            continue;
        };
        let hint = match tuple.scheme() {
            "ws" | "wss" => {
                let page = tuple.text().replacen("ws", "http", 1);
                format!("write `{page}`: a WebSocket's Origin is that of the page that opens it")
            }
            "ftp" => "remove it".to_owned(),
            _ => continue,
        };
        let message = format!(
            "no browser sends an origin with the scheme `{}`",
            tuple.scheme()
        );
        report
            .warn(WarningName::SchemeOfNoPage, at, message)
            .hint(hint);
    }
}

/// Warns of literals that were written for web pages, whose browsers send serialized origins.
fn literals(report: &mut Report<'_>, origins: &[At<OriginPattern>]) {
    for At { value, at } in origins {
        let OriginPattern::Literal(literal) = value else {
            continue;
        };
        if literal.is_of_an_app() {
            continue;
        }
        let text = literal.text();
        let meant = OriginPattern::parse(text).map(|pattern| format!("write `{}`", pattern.text()));
        let hint = meant.map_or_else(|error| error.hint(), Some);
        let finding = report.warn(
            WarningName::LiteralOfAPage,
            at,
            format!("no browser sends `{text}` as the origin of a page"),
        );
        if let Some(hint) = hint {
            finding.hint(format!(
                "{hint}, without `literal:`, unless an app does send it"
            ));
        }
    }
}
