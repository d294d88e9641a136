//! Warnings: what can be served but is hardly what its author means.

use super::compile::Compiler;
use super::origins::Source;
use crate::cors::{
    HEADERS_FORBIDDEN_BUT_HARMLESS, NORMALIZED_METHODS, OriginMatcher, OriginPattern, PatternRef,
    PolicySpec, RegexPattern,
};
use std::collections::HashSet;

/// No browser keeps a preflight's answer for longer: Firefox a day, Chromium two hours.
const MAX_USEFUL_MAX_AGE: u64 = 24 * 60 * 60;

/// Warns about the policy at `path`.
pub(super) fn policy(
    compiler: &mut Compiler<'_>,
    path: &str,
    spec: &PolicySpec,
    sources: &[Source],
) {
    max_age(compiler, path, spec);
    methods(compiler, path, spec);
    headers(compiler, path, spec);
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

fn methods(compiler: &mut Compiler<'_>, path: &str, spec: &PolicySpec) {
    for name in &spec.methods.names {
        let upper = name.to_ascii_uppercase();
        let is_known = NORMALIZED_METHODS.contains(&upper.as_str()) || upper == "PATCH";
        if is_known && *name != upper {
            let message = format!("methods are compared with case, and browsers send `{upper}`");
            let hint = format!("write `{upper}` instead of `{name}`");
            compiler.warn(&format!("{path}.allow_methods"), message, hint);
        }
    }
}

fn headers(compiler: &mut Compiler<'_>, path: &str, spec: &PolicySpec) {
    for name in &spec.headers.names {
        if HEADERS_FORBIDDEN_BUT_HARMLESS.contains(&name.to_ascii_lowercase().as_str()) {
            let message = format!("no script may set `{name}`, so that browsers never ask for it");
            compiler.warn(
                &format!("{path}.allow_headers"),
                message,
                "remove it".to_owned(),
            );
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
            (true, true) => format!("set: {consequence}"),
            (true, false) => "does nothing without `allow_credentials`".to_owned(),
        };
        compiler.warn(&format!("{path}.{key}"), message, None);
    }
}

/// Patterns that are there twice, or that another one covers.
fn duplicates(compiler: &mut Compiler<'_>, spec: &PolicySpec, sources: &[Source]) {
    let mut seen: HashSet<String> = HashSet::with_capacity(spec.origins.len());
    let wide: Vec<OriginPattern> = spec
        .origins
        .iter()
        .filter(|pattern| pattern.is_wildcard())
        .cloned()
        .collect();
    let wide = OriginMatcher::new(&wide, false)
        .ok()
        .filter(|_| !wide.is_empty());
    for (pattern, source) in spec.origins.iter().zip(sources) {
        let text = pattern.text();
        if !seen.insert(text.clone()) {
            warn_at(
                compiler,
                source,
                format!("`{text}` is there twice"),
                "remove one of them",
            );
            continue;
        }
        let (Some(wide), Some(example)) = (&wide, pattern.example()) else {
            continue;
        };
        if let Ok(Some(id)) = wide.find(example.as_bytes()) {
            let PatternRef::Text(covering) = wide.pattern(id) else {
                continue;
            };
            if covering != text {
                let message = format!("`{text}` is covered by `{covering}`");
                warn_at(compiler, source, message, "remove one of them");
            }
        }
    }
}

/// Origins that an attacker can have, made from what the regex itself says it wants.
fn regexes(compiler: &mut Compiler<'_>, spec: &PolicySpec, sources: &[Source]) {
    for (pattern, source) in spec.origins.iter().zip(sources) {
        let OriginPattern::Regex(regex) = pattern else {
            continue;
        };
        if let Some(probe) = probes(regex).find(|probe| regex.is_match(probe)) {
            let message = format!("`{}` also matches `{probe}`", regex.text());
            warn_at(
                compiler,
                source,
                message,
                "escape each `.` of a name as `\\.` and say what may stand where",
            );
        }
    }
}

fn probes(regex: &RegexPattern) -> impl Iterator<Item = String> {
    let unrelated = ["https://evil.test", "http://evil.test"].map(str::to_owned);
    let extended = regex.literal_starts().into_iter().flat_map(|start| {
        [".evil.test", "evil.test", "-evil.test"].map(|end| format!("{start}{end}"))
    });
    let prefixed = regex.literal_ends().into_iter().filter_map(|end| {
        // `.example.com` at the end is what a subdomain has; `example.com` is a look-alike's.
        let first = end.bytes().next()?;
        first
            .is_ascii_alphanumeric()
            .then(|| format!("https://evil{end}"))
    });
    // `app.example` with any character for its dot.
    let dotted = Some(regex.example('x')).filter(|probe| *probe != regex.example('.'));
    unrelated
        .into_iter()
        .chain(extended)
        .chain(prefixed)
        .chain(dotted)
}

fn warn_at(compiler: &mut Compiler<'_>, source: &Source, message: String, hint: &str) {
    let mut diagnostic = source.diagnostic(compiler.file(), message, Some(hint.to_owned()));
    diagnostic.severity = super::Severity::Warning;
    compiler.push(diagnostic);
}
