//! The keys of the file, the form of each, and the names that other software has for it.
//!
//! Names are compared without case, `-`, `_`, `.`, the prefixes `cors_` and `access_control_`, and, where
//! that finds nothing, without a final `s`: see `super::plain`. So `Access-Control-Allow-Origin`,
//! `cors_allow_origin` and `allowOrigin` need no row. The comments say who uses the names.

mod policies;
mod routes;
mod traffic;
mod upstreams;

/// A part of the file that has keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    File,
    Listener,
    Tls,
    Certificate,
    Metrics,
    Admin,
    Server,
    Log,
    AccessLog,
    Traces,
    Limits,
    RateLimit,
    Upstream,
    UpstreamTls,
    HashKey,
    HealthCheck,
    OutlierDetection,
    Policy,
    Origin,
    NameList,
    Route,
    Rewrite,
    HeaderEdits,
    Match,
    Routing,
}

/// Sections, each with a key that no other one has.
pub(super) const SECTIONS: [(Section, &str); 25] = [
    (Section::File, "listeners"),
    (Section::Policy, "allow_origins"),
    (Section::Origin, "regex"),
    (Section::NameList, "verbatim"),
    (Section::Route, "cors"),
    (Section::HeaderEdits, "remove"),
    // Both of these have a `path_prefix`.
    (Section::Match, "methods"),
    (Section::Rewrite, "path_prefix"),
    (Section::Upstream, "endpoints"),
    (Section::UpstreamTls, "ca"),
    (Section::HashKey, "cookie"),
    (Section::HealthCheck, "healthy_threshold"),
    (Section::OutlierDetection, "ejection_time"),
    (Section::Limits, "header_timeout"),
    (Section::RateLimit, "burst"),
    (Section::Server, "threads"),
    (Section::AccessLog, "fields"),
    (Section::Traces, "sample_ratio"),
    (Section::Routing, "path_templates"),
    // The other one with a `format` has `fields`.
    (Section::Log, "format"),
    // They have an `address`, all three.
    (Section::Admin, "hosts"),
    (Section::Listener, "proxy_protocol"),
    (Section::Tls, "certificates"),
    (Section::Certificate, "private_key"),
    (Section::Metrics, "address"),
];

/// A way to write a key, or advice in place of one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// The key with a value that it could have. The value of the operator takes its place where it fits.
    Key(&'static str),
    /// The thing to do where the file has no such key.
    Advice(&'static str),
}

/// Names that lead to one form.
pub(super) struct Row {
    pub section: Section,
    pub form: Form,
    pub names: &'static [&'static str],
}

const fn key(section: Section, form: &'static str, names: &'static [&'static str]) -> Row {
    Row {
        section,
        form: Form::Key(form),
        names,
    }
}

const fn advice(section: Section, advice: &'static str, names: &'static [&'static str]) -> Row {
    Row {
        section,
        form: Form::Advice(advice),
        names,
    }
}

use Section as S;

/// Names of the address that a listener has, whether for traffic or for metrics.
const ADDRESS: &[&str] = &[
    "listen",
    "bind",
    "bind_address",
    "host",
    "ip",
    "port",
    "addr",
    "socket",
    "socket_address",
    "endpoint",
    "url",
];

/// Words of names that are in no row, and a name with a row that they lead to. The first line whose words
/// are all there is taken.
pub(super) const WORDS: &[(Section, &[&str], &str)] = &[
    (S::Policy, &["timing"], "timing_allow_origin"),
    (S::Policy, &["deny"], "deny_origins"),
    (S::Policy, &["block"], "deny_origins"),
    (S::Policy, &["exclude"], "deny_origins"),
    (S::Policy, &["disallow"], "deny_origins"),
    (S::Policy, &["origin", "reg"], "allow_origin_regex"),
    (S::Policy, &["origin", "match"], "allow_origin_regex"),
    (S::Policy, &["origin", "func"], "allow_origin_regex"),
    (S::Policy, &["origin", "pattern"], "origin_pattern"),
    (S::Policy, &["wildcard"], "origin_pattern"),
    (S::Policy, &["origin", "file"], "origins_file"),
    (S::Policy, &["origin"], "origins"),
    (S::Policy, &["credential"], "credentials"),
    (S::Policy, &["cookie"], "credentials"),
    (S::Policy, &["expose"], "exposed_headers"),
    (S::Policy, &["maxage"], "max_age_seconds"),
    (
        S::Policy,
        &["preflight", "status"],
        "options_success_status",
    ),
    (S::Policy, &["private", "network"], "private_network"),
    (S::Policy, &["method"], "methods"),
    (S::Policy, &["header"], "headers"),
    (S::Upstream, &["connect", "timeout"], "dial_timeout"),
    (S::Upstream, &["idle"], "idle_timeout"),
    (S::Upstream, &["timeout"], "timeout"),
];

/// All keys, those that name a danger aside: they are never suggested. The first row of a key has its
/// usual form.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> + Clone {
    let parts = [traffic::ROWS, upstreams::ROWS, policies::ROWS, routes::ROWS];
    parts.into_iter().flatten()
}
