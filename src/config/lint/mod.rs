//! Warnings: what can be served but is hardly what its author means.

pub(super) mod leaks;

use crate::config::compile::Compiler;
use crate::config::compile::origins::Source;
use crate::cors::{
    HEADERS_FORBIDDEN_BUT_HARMLESS, NORMALIZED_METHODS, OriginMatcher, OriginPattern, PatternRef,
    PolicySpec, TuplePattern,
};
use std::collections::HashSet;

/// No browser keeps a preflight's answer for longer: Firefox a day, Chromium two hours.
const MAX_USEFUL_MAX_AGE: u64 = 24 * 60 * 60;

/// Where the names of a policy's lists stand.
#[derive(Clone, Copy)]
pub(in crate::config) struct NamePaths<'a> {
    pub methods: &'a [String],
    pub headers: &'a [String],
}

/// Warns about the policy at `path`.
pub(in crate::config) fn policy(
    compiler: &mut Compiler<'_>,
    path: &str,
    spec: &PolicySpec,
    sources: &[Source],
    names: NamePaths<'_>,
) {
    max_age(compiler, path, spec);
    methods(compiler, spec, names.methods);
    headers(compiler, spec, names.headers);
    dangers(compiler, path, spec);
    duplicates(compiler, spec, sources);
    regexes(compiler, spec, sources);
}

fn max_age(compiler: &mut Compiler<'_>, path: &str, spec: &PolicySpec) {
    if spec
        .max_age
        .is_some_and(|seconds| seconds > MAX_USEFUL_MAX_AGE)
    {
        let message = "no browser keeps a preflight's answer for longer than 24h";
        compiler.warn(
            &format!("{path}.max_age"),
            message,
            "write `24h` or less".to_owned(),
        );
    }
}

fn methods(compiler: &mut Compiler<'_>, spec: &PolicySpec, paths: &[String]) {
    for (name, path) in spec.methods.names.iter().zip(paths) {
        let upper = name.to_ascii_uppercase();
        let message = match upper.as_str() {
            _ if *name == upper => continue,
            known if NORMALIZED_METHODS.contains(&known) => {
                format!("methods are compared with case, and browsers send `{upper}`")
            }
            "PATCH" => "methods are compared with case, and scripts should say `PATCH`".to_owned(),
            _ => continue,
        };
        let hint = format!("write `{upper}` instead of `{name}`");
        compiler.warn(path, message, hint);
    }
}

fn headers(compiler: &mut Compiler<'_>, spec: &PolicySpec, paths: &[String]) {
    for (name, path) in spec.headers.names.iter().zip(paths) {
        if HEADERS_FORBIDDEN_BUT_HARMLESS.contains(&name.to_ascii_lowercase().as_str()) {
            let message = format!("no script may set `{name}`, so that browsers never ask for it");
            compiler.warn(path, message, "remove it".to_owned());
        }
    }
}

/// Whatever widens access past what is safe says so wherever the file is loaded.
fn dangers(compiler: &mut Compiler<'_>, path: &str, spec: &PolicySpec) {
    let set = [
        (
            spec.dangers.any_origin_with_credentials,
            "dangerously_allow_any_origin_with_credentials",
            "any site may act as its visitors",
        ),
        (
            spec.dangers.null_with_credentials,
            "dangerously_allow_null_with_credentials",
            "any site can have the origin `null` and act as its visitors",
        ),
        (
            spec.dangers.insecure_origins,
            "dangerously_allow_insecure_origins",
            "whoever is on the network's path may act as its users",
        ),
        (
            spec.dangers.public_suffix_wildcards,
            "dangerously_allow_public_suffix_wildcards",
            "anybody who registers a name may act as its visitors",
        ),
    ];
    for (is_set, key, consequence) in set {
        let message = match (is_set, spec.credentials) {
            (false, _) => continue,
            (true, true) => consequence.to_owned(),
            (true, false) => "does nothing without `allow_credentials`".to_owned(),
        };
        compiler.warn(&format!("{path}.{key}"), message, None);
    }
}

/// What makes a pattern the same as another.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Tuple(&'a TuplePattern),
    Text(String),
}

/// Patterns that are there twice, or that another one covers.
fn duplicates(compiler: &mut Compiler<'_>, spec: &PolicySpec, sources: &[Source]) {
    // There may be hundreds of thousands: none of them is copied.
    let mut seen: HashSet<Key<'_>> = HashSet::with_capacity(spec.origins.len());
    let wide: Vec<OriginPattern> = spec
        .origins
        .iter()
        // What stands beside `*` is refused, which says more than that `*` covers it.
        .filter(|pattern| pattern.is_wildcard() && !matches!(pattern, OriginPattern::Any))
        .cloned()
        .collect();
    let wide = OriginMatcher::new(&wide, false)
        .ok()
        .filter(|_| !wide.is_empty());
    for (pattern, source) in spec.origins.iter().zip(sources) {
        let key = match pattern {
            OriginPattern::Tuple(tuple) => Key::Tuple(tuple),
            other => Key::Text(other.text()),
        };
        if !seen.insert(key) {
            let text = pattern.text();
            warn_here(
                compiler,
                source,
                format!("`{text}` is there twice"),
                "remove one of them",
            );
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
            warn_here(compiler, source, message, "remove one of them");
        }
    }
}

/// Regexes that were written to be found somewhere in an origin.
fn regexes(compiler: &mut Compiler<'_>, spec: &PolicySpec, sources: &[Source]) {
    for (pattern, source) in spec.origins.iter().zip(sources) {
        let OriginPattern::Regex(regex) = pattern else {
            continue;
        };
        if !regex.can_match_an_origin() {
            let message = format!("`{}` matches no origin", regex.text());
            let hint =
                "a regex is the whole origin: write `https://` in front, and what may follow";
            warn_at(compiler, source, message, hint);
        }
    }
}

fn warn_at(compiler: &mut Compiler<'_>, source: &Source, message: String, hint: &str) {
    let mut diagnostic = source.diagnostic(compiler.file(), message, Some(hint.to_owned()));
    diagnostic.severity = super::Severity::Warning;
    compiler.push(diagnostic);
}

/// As [`warn_at`], for what is about the place and not about the pattern that stands there.
fn warn_here(compiler: &mut Compiler<'_>, source: &Source, message: String, hint: &str) {
    let mut diagnostic = source.diagnostic(compiler.file(), message, Some(hint.to_owned()));
    diagnostic.severity = super::Severity::Warning;
    compiler.place_here(&mut diagnostic);
    compiler.push(diagnostic);
}
