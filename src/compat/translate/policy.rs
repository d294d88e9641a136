//! The CORS policies that a preset means.

use super::text::{self, Text, quoted};
use super::{Notes, written};
use crate::compat::flags::{CorsOptions, FlagError, Options, OriginOption};
use crate::config::MAX_USEFUL_MAX_AGE;
use crate::cors::{
    Dangers, ListSpec, LiteralPattern, NameList, OriginPattern, Policy, PolicyErrorKind,
    PolicySpec, RegexError, RegexPattern,
};

/// The policy of the preset.
pub(super) const PRESET: &str = "preset";
/// The same where an OPTIONS request that it rejects goes on to the route's upstream.
pub(super) const PRESET_ELSE_UPSTREAM: &str = "preset-else-upstream";

/// ESPv2's answer to an OPTIONS request that is not a preflight which it allows.
const REJECTION: &str = r#"{"code":400,"message":"The CORS preflight request is missing one (or more) of the following required headers [Origin, Access-Control-Request-Method] or has an unmatched Origin header."}"#;

/// An origin that no page has: RFC 2606 keeps the name from being registered.
const NO_ORIGIN: &str = "https://matches-no-origin.invalid";

/// The origins of a policy, as the configuration has them.
struct Origins {
    /// Elements of `allow_origins`, as YAML.
    written: Vec<String>,
    patterns: Vec<OriginPattern>,
}

/// Writes the section `policies`. `has_elsewhere` says whether a route needs the second policy.
///
/// # Errors
///
/// Fails for a regex that corsgate can't use.
pub(super) fn write(
    text: &mut Text,
    notes: &mut Notes,
    options: &Options,
    cors: &CorsOptions,
    has_elsewhere: bool,
) -> Result<(), Box<FlagError>> {
    let origins = Origins::of(notes, cors).map_err(|error| {
        let flag = "--cors_allow_origin_regex";
        Box::new(FlagError {
            flag: flag.to_owned(),
            source: options.source(flag),
            message: error.to_string(),
            hint: Some("write a shorter one, or one origin with --cors_preset=basic".to_owned()),
        })
    })?;
    let dangers = dangers_of(&origins.patterns, cors);
    text.blank();
    text.line(0, "policies:");
    let flag = |name: &str| written(options, name);
    text.comment(2, &flag("cors_preset"));
    text.line(2, &format!("{PRESET}: &preset"));
    let origin = match cors.origin {
        OriginOption::Any | OriginOption::Exact(_) => "cors_allow_origin",
        OriginOption::Regex { .. } => "cors_allow_origin_regex",
    };
    text.comment(4, &flag(origin));
    match origins.written.as_slice() {
        [one] if one.starts_with('"') => text.line(4, &format!("allow_origins: {one}")),
        several => {
            text.line(4, "allow_origins:");
            for one in several {
                text.line(6, &format!("- {one}"));
            }
        }
    }
    write_lists(text, notes, options, cors);
    if cors.allow_credentials {
        text.comment(4, &flag("cors_allow_credentials"));
        text.line(4, "allow_credentials: true");
    }
    for (key, consequence) in dangers {
        text.comment(4, &format!("UNSAFE, as in ESPv2: {consequence}."));
        text.line(4, &format!("{key}: true"));
        notes.is_unsafe(format!(
            "--{origin} with --cors_allow_credentials: {consequence}"
        ));
    }
    text.comment(4, &flag("cors_max_age"));
    text.line(4, &format!("max_age: {}s", cors.max_age_seconds));
    if cors.max_age_seconds > MAX_USEFUL_MAX_AGE {
        text.comment(4, "No browser keeps it for longer than 24h.");
        text.line(4, "acknowledged_warnings: [max_age_too_long]");
    }
    text.comment(
        4,
        "ESPv2's answers: 200 with permission, and 400 for every other OPTIONS request.",
    );
    text.line(4, "preflight_status: 200");
    let rejection = quoted(REJECTION);
    text.line(
        4,
        &format!("on_rejected_preflight: {{ status: 400, body: {rejection} }}"),
    );
    text.line(4, "other_options_requests: reject");
    if has_elsewhere {
        text.comment(2, "For routes that take OPTIONS requests themselves.");
        text.line(2, &format!("{PRESET_ELSE_UPSTREAM}:"));
        text.line(4, "<<: *preset");
        text.line(4, "on_rejected_preflight: forward");
        text.line(4, "other_options_requests: forward");
    }
    Ok(())
}

/// Writes the lists of methods and headers: as ESPv2 sends them, or as corsgate checks them.
fn write_lists(text: &mut Text, notes: &mut Notes, options: &Options, cors: &CorsOptions) {
    let is_any = |value: &str| value == "*";
    let lists = [
        ("allow_methods", "cors_allow_methods", &cors.allow_methods),
        ("allow_headers", "cors_allow_headers", &cors.allow_headers),
        (
            "expose_headers",
            "cors_expose_headers",
            &cors.expose_headers,
        ),
    ];
    for (key, flag, value) in lists {
        let list = match key {
            // Browsers are told what they asked for, or `*`, which says the same and can be cached for all.
            "allow_methods" if is_any(value) => "\"*\"".to_owned(),
            "allow_headers" if is_any(value) => "[\"*\", authorization]".to_owned(),
            _ if options.is_strict => {
                let allowed = checked_names(notes, key, flag, value, cors.allow_credentials);
                text::list(allowed.iter().map(String::as_str))
            }
            // Blanks at its ends are not part of a field's value.
            _ => format!("{{ verbatim: {} }}", quoted(value.trim())),
        };
        text.comment(4, &written(options, flag));
        text.line(4, &format!("{key}: {list}"));
    }
}

/// Returns the names of a list that a policy may have. The others do nothing in a browser.
fn checked_names(
    notes: &mut Notes,
    key: &str,
    flag: &str,
    value: &str,
    credentials: bool,
) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in value
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        if names.iter().any(|known| known == name) {
            continue;
        }
        let mut spec = PolicySpec {
            origins: vec![OriginPattern::Any],
            dangers: ALL_DANGERS,
            credentials,
            ..PolicySpec::default()
        };
        let one = NameList {
            any: name == "*",
            names: (name != "*").then(|| name.to_owned()).into_iter().collect(),
        };
        match key {
            "allow_methods" => spec.methods = ListSpec::Names(one),
            "allow_headers" => spec.headers = ListSpec::Names(one),
            _ => spec.expose_headers = ListSpec::Names(one),
        }
        match Policy::new(spec) {
            Ok(_) => names.push(name.to_owned()),
            Err(errors) => {
                let why = errors.first().map(ToString::to_string).unwrap_or_default();
                notes.warn(format!("--{flag}: `{name}` is left out: {why}"));
            }
        }
    }
    if key == "allow_methods" && names.iter().any(|name| name == "*") {
        names.retain(|name| name == "*");
    }
    names
}

const ALL_DANGERS: Dangers = Dangers {
    any_origin_with_credentials: true,
    null_with_credentials: true,
    insecure_origins: true,
    app_schemes: true,
    public_suffix_wildcards: true,
};

/// Returns the keys that permit what the policy does with credentials, each with its consequence.
fn dangers_of(patterns: &[OriginPattern], cors: &CorsOptions) -> Vec<(&'static str, &'static str)> {
    let mut keys = Vec::new();
    let mut spec = PolicySpec {
        origins: patterns.to_owned(),
        credentials: cors.allow_credentials,
        ..PolicySpec::default()
    };
    // `*` covers `null` only with the key for it.
    if cors.allow_credentials && patterns.iter().any(|p| matches!(p, OriginPattern::Any)) {
        spec.dangers.null_with_credentials = true;
        keys.push(NULL);
    }
    // Each round accepts at least one more danger, of which there are five.
    while let Err(errors) = Policy::new(spec.clone()) {
        let before = spec.dangers;
        for error in errors {
            let dangers = &mut spec.dangers;
            let (danger, key) = match error.kind {
                PolicyErrorKind::AnyOriginWithCredentials(_) => {
                    (&mut dangers.any_origin_with_credentials, ANY)
                }
                PolicyErrorKind::NullWithCredentials => (&mut dangers.null_with_credentials, NULL),
                PolicyErrorKind::InsecureOrigin(_) => (&mut dangers.insecure_origins, INSECURE),
                PolicyErrorKind::AppOrigin(_) => (&mut dangers.app_schemes, APPS),
                PolicyErrorKind::PublicSuffix { .. } => {
                    (&mut dangers.public_suffix_wildcards, SUFFIX)
                }
                _ => continue,
            };
            if !*danger {
                *danger = true;
                keys.push(key);
            }
        }
        if spec.dangers == before {
            break;
        }
    }
    keys
}

const ANY: (&str, &str) = (
    "dangerously_allow_any_origin_with_credentials",
    "any site may act as its visitors",
);
const NULL: (&str, &str) = (
    "dangerously_allow_null_with_credentials",
    "any site can have the origin `null`, and act as its visitors",
);
const INSECURE: (&str, &str) = (
    "dangerously_allow_insecure_origins",
    "an attacker on the network's path may act as the users",
);
const APPS: (&str, &str) = (
    "dangerously_allow_app_schemes",
    "an app that calls itself so may act as the users",
);
const SUFFIX: (&str, &str) = (
    "dangerously_allow_public_suffix_wildcards",
    "an attacker who registers a name there may act as the users",
);

// === impl Origins ===

impl Origins {
    fn of(notes: &mut Notes, cors: &CorsOptions) -> Result<Self, RegexError> {
        match &cors.origin {
            OriginOption::Any => Ok(Self::one(quoted("*"), OriginPattern::Any)),
            OriginOption::Exact(text) => Ok(Self::exact(notes, text)),
            OriginOption::Regex { written, pattern } => Self::regex(notes, written, pattern),
        }
    }

    fn one(written: String, pattern: OriginPattern) -> Self {
        Self {
            written: vec![written],
            patterns: vec![pattern],
        }
    }

    /// Reads a text that ESPv2 compares byte by byte: it is never a pattern. One that no browser sends is
    /// among the flags' remarks.
    fn exact(notes: &mut Notes, text: &str) -> Self {
        let plain = OriginPattern::parse(text).ok();
        let is_itself = |pattern: &OriginPattern| !pattern.is_wildcard() && pattern.text() == text;
        if let Some(pattern) = plain.filter(is_itself) {
            return Self::one(quoted(text), pattern);
        }
        if let Ok(literal) = LiteralPattern::parse(text)
            && (literal.is_of_an_app() || text.starts_with("file:"))
        {
            let written = format!("literal: {}", quoted(text));
            return Self::one(written, OriginPattern::Literal(literal));
        }
        if let Some(pattern) = OriginPattern::parse(text).ok().filter(|p| !p.is_wildcard()) {
            notes.warn(format!(
                "--cors_allow_origin: browsers leave a default port out, so that none sends `{text}`, and nothing \
                 matches it; write `{}`",
                pattern.text()
            ));
        }
        Self::none()
    }

    fn regex(notes: &mut Notes, written: &str, pattern: &str) -> Result<Self, RegexError> {
        let regex = match RegexPattern::parse(pattern) {
            Ok(regex) => regex,
            Err(RegexError::MatchesNothing) => {
                notes.warn("--cors_allow_origin_regex: the regex matches no origin".to_owned());
                return Ok(Self::none());
            }
            Err(error) => return Err(error),
        };
        let mut origins = Self {
            written: vec![format!("regex: {}", quoted(pattern))],
            patterns: vec![OriginPattern::Regex(regex.clone())],
        };
        if written != pattern {
            notes.info(format!(
                "--cors_allow_origin_regex: it is written `{pattern}` here, which means the same"
            ));
        }
        // RE2 sees a text; here a regex never matches `null` or what is not an origin at all.
        if regex.is_match("null") {
            origins.written.push(quoted("null"));
            origins.patterns.push(OriginPattern::Null);
        }
        Ok(origins)
    }

    fn none() -> Self {
        let pattern = OriginPattern::parse(NO_ORIGIN).into_iter().collect();
        Self {
            written: vec![quoted(NO_ORIGIN)],
            patterns: pattern,
        }
    }
}
