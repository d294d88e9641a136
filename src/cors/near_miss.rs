//! Near misses: the difference between a request that is refused and one that would be allowed.
//!
//! Operators read them when they ask for an explanation. Traffic never gets here, so that a search
//! may look at every pattern.
//!
//! *Invariant:* a value is called allowed only after the policy itself was asked.

use super::fetch_lists::{
    is_cors_response_field, is_forbidden_method, is_safelisted_method, is_token,
};
use super::origins::matcher::{OriginMatcher, PatternRef};
use super::origins::origin::{Origin, TupleOrigin, default_port, host_and_port};
use super::origins::pattern::{HostPattern, OriginPattern, PortPattern, TuplePattern};
use super::policy::Policy;

/// The pages that a browser gives an opaque origin: <https://html.spec.whatwg.org/#concept-origin-opaque>.
pub const OPAQUE_ORIGINS: &str = "a browser sends `null` for a page without an origin of its own: in a \
     sandboxed frame, from a file or a `data:` URL, or after a redirect from one origin to another";

/// A near miss of an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OriginNearMiss {
    /// The difference, in words.
    pub words: String,
    /// The pattern that is missed, as it is written; `None` if no pattern is near.
    pub pattern: Option<String>,
}

/// Names and addresses of the machine itself. A browser compares origins as text, so that a page of
/// one of them is not a page of another.
pub(super) const OWN_HOSTS: [&str; 4] = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"];

/// The near miss of a wildcard's own parent.
const NEEDS_LABEL: &str = "the wildcard needs at least one label";

/// Maximum letters that may differ between a name and the one that was meant; beyond it, two names
/// have nothing to do with each other.
const MAX_TYPOS: usize = 2;

/// Describes how `origin`, which no pattern matches, misses one.
pub(super) fn origin(patterns: &OriginMatcher, origin: &[u8]) -> Option<OriginNearMiss> {
    let text = String::from_utf8_lossy(origin);
    if origin == b"null" {
        let words = format!(
            "only the pattern `null`, and `*` without credentials, match an opaque origin; {OPAQUE_ORIGINS}"
        );
        return Some(OriginNearMiss {
            words,
            pattern: None,
        });
    }
    let other_kind = || other_origin(patterns, &text);
    let Ok(Origin::Tuple(tuple)) = Origin::parse(origin) else {
        return other_kind();
    };
    other_kind()
        .or_else(|| other_port(patterns, &tuple))
        .or_else(|| other_scheme_and_port(patterns, &tuple))
        .or_else(|| other_own_host(patterns, &tuple))
        .or_else(|| typo(patterns, &tuple))
}

/// Changes one thing about the origin, and describes the change if it makes the origin an allowed
/// one.
fn other_origin(patterns: &OriginMatcher, text: &str) -> Option<OriginNearMiss> {
    let allowed_by = |changed: &str| match patterns.find(changed.as_bytes()) {
        Ok(Some(id)) if patterns.pattern(id) != PatternRef::Text("*") => Some(patterns.pattern(id)),
        _ => None,
    };
    changes(text).into_iter().find_map(|(what, changed)| {
        let pattern = allowed_by(&changed).filter(|_| changed != text)?;
        // Only a wildcard can need a label, and a wildcard does not need `www.` itself.
        let is_wildcard = matches!(pattern, PatternRef::Text(text) if text.contains("://*."));
        if what == NEEDS_LABEL && !is_wildcard {
            return None;
        }
        let pattern = pattern.text();
        let words = match pattern == changed {
            true => format!("{what}: `{changed}` is allowed"),
            false => format!("{what}: `{changed}` is allowed by `{pattern}`"),
        };
        Some(OriginNearMiss::new(words, pattern))
    })
}

/// Returns changed origins, each with the words that describe the difference.
fn changes(text: &str) -> Vec<(String, String)> {
    let mut changes: Vec<(String, String)> = Vec::new();
    let mut add = |what: &str, changed: String| changes.push((what.to_owned(), changed));
    let bare = text.trim().trim_matches(['"', '\'']);
    add("there is something around it", bare.to_owned());
    add("it has upper-case letters", text.to_ascii_lowercase());
    let Some((scheme, rest)) = text.split_once("://") else {
        add("the scheme is missing", format!("https://{text}"));
        add("the scheme is missing", format!("http://{text}"));
        return changes;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    match rest.len() - authority.len() {
        0 => {}
        1 => add("it has a trailing slash", format!("{scheme}://{authority}")),
        _ => add("it has a path", format!("{scheme}://{authority}")),
    }
    let (host, port) = host_and_port(authority);
    let with_port = |scheme: &str, host: &str| match port {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    };
    if let Some(undotted) = host.strip_suffix('.') {
        add("it has a trailing dot", with_port(scheme, undotted));
    }
    if let Some(port) = port {
        let what = match port.parse() {
            Ok(port) if default_port(scheme) == Some(port) => {
                "browsers leave a default port out".to_owned()
            }
            _ => format!("port differs: {port}"),
        };
        add(&what, format!("{scheme}://{host}"));
    }
    for other in ["https", "http"] {
        let what = format!("scheme is {scheme}");
        add(&what, with_port(other, host));
        if let Some(port) = port {
            let what = format!("{what}, and port differs: {port}");
            add(&what, format!("{other}://{host}"));
        }
    }
    for other in OWN_HOSTS.into_iter().filter(|_| OWN_HOSTS.contains(&host)) {
        let what = format!("`{host}` and `{other}` are two hosts to a browser");
        add(&what, with_port(scheme, other));
    }
    add(NEEDS_LABEL, with_port(scheme, &format!("www.{host}")));
    add(
        "`www.` is missing",
        with_port(scheme, &format!("www.{host}")),
    );
    if let Some((_, parent)) = host.split_once('.') {
        add("it is a subdomain", with_port(scheme, parent));
    }
    changes
}

/// Whether the pattern takes the origin's host; scheme and port may differ.
fn is_host_of(pattern: &TuplePattern, origin: &TupleOrigin<'_>) -> bool {
    let host = origin.host();
    match pattern.host_pattern() {
        HostPattern::Exact => pattern.host() == host,
        HostPattern::Subdomains => host
            .strip_suffix(pattern.host())
            .is_some_and(|labels| labels.ends_with('.')),
    }
}

/// Finds a pattern that takes the host, and neither the scheme nor the port.
fn other_scheme_and_port(
    patterns: &OriginMatcher,
    origin: &TupleOrigin<'_>,
) -> Option<OriginNearMiss> {
    let pattern = tuples(patterns).find(|pattern| is_host_of(pattern, origin))?;
    let scheme = origin.scheme();
    let text = pattern.text();
    let words = format!("scheme is {scheme}, and the port differs too: `{text}` is allowed");
    Some(OriginNearMiss::new(words, &text))
}

/// Finds a pattern that takes scheme and host but not the port.
fn other_port(patterns: &OriginMatcher, origin: &TupleOrigin<'_>) -> Option<OriginNearMiss> {
    let is_same =
        |pattern: &TuplePattern| pattern.scheme() == origin.scheme() && is_host_of(pattern, origin);
    let pattern = tuples(patterns).find(is_same)?;
    let text = pattern.text();
    let port = |port: Option<u16>| match port.or_else(|| default_port(origin.scheme())) {
        Some(port) => port.to_string(),
        None => "none".to_owned(),
    };
    let wanted = match pattern.port() {
        PortPattern::Default => port(None),
        PortPattern::Number(number) => port(Some(number)),
        PortPattern::Any => return None,
    };
    let is = port(origin.port());
    let words = format!("port differs: {is}, but `{text}` requires {wanted}");
    Some(OriginNearMiss::new(words, &text))
}

/// Finds a pattern with another name of the machine itself; scheme and port differ, too.
fn other_own_host(patterns: &OriginMatcher, origin: &TupleOrigin<'_>) -> Option<OriginNearMiss> {
    let host = origin.host();
    let is_own = |host: &str| OWN_HOSTS.contains(&host);
    let pattern = tuples(patterns).find(|pattern| is_own(host) && is_own(pattern.host()))?;
    let (other, text) = (pattern.host(), pattern.text());
    let words = format!(
        "`{host}` and `{other}` are two hosts to a browser, and scheme or port differ too: `{text}` is allowed"
    );
    Some(OriginNearMiss::new(words, &text))
}

/// Finds a pattern with a host that is spelled nearly like the origin's.
fn typo(patterns: &OriginMatcher, origin: &TupleOrigin<'_>) -> Option<OriginNearMiss> {
    let host = origin.host();
    let nearest = tuples(patterns)
        .filter(|pattern| {
            let port = match pattern.port() {
                PortPattern::Any => origin.port(),
                PortPattern::Number(number) => Some(number),
                PortPattern::Default => None,
            };
            pattern.scheme() == origin.scheme()
                && port == origin.port()
                && pattern.host().len().abs_diff(host.len()) <= MAX_TYPOS
        })
        .map(|pattern| (strsim::damerau_levenshtein(pattern.host(), host), pattern))
        .filter(|(distance, _)| (1..=MAX_TYPOS).contains(distance))
        .min_by_key(|(distance, _)| *distance);
    let (_, pattern) = nearest?;
    let text = pattern.text();
    let words = format!("it is spelled almost like `{text}`");
    Some(OriginNearMiss::new(words, &text))
}

fn tuples(patterns: &OriginMatcher) -> impl Iterator<Item = TuplePattern> {
    patterns.patterns().filter_map(|pattern| match pattern {
        PatternRef::Text(text) => match OriginPattern::parse(text) {
            Ok(OriginPattern::Tuple(tuple)) => Some(tuple),
            _ => None,
        },
        PatternRef::Regex(_) | PatternRef::Literal(_) => None,
    })
}

/// Describes how a method that is refused misses an allowed one.
pub(super) fn method(policy: &Policy, method: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(method);
    if is_forbidden_method(method) {
        return Some("browsers let no script use it".to_owned());
    }
    let upper = text.to_ascii_uppercase();
    let listed = policy.method_names().map(String::from_utf8_lossy);
    let listed: Vec<String> = listed.map(String::from).collect();
    let other_case = listed.iter().find(|name| name.eq_ignore_ascii_case(&text));
    let safelisted = is_safelisted_method(upper.as_bytes()).then_some(&upper);
    if let Some(name) = other_case.or(safelisted) {
        return Some(format!(
            "`{text}` is not `{name}`: methods are case-sensitive"
        ));
    }
    nearest(&text, listed)
}

/// Describes how a header that is refused misses an allowed one.
pub(super) fn header(policy: &Policy, name: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(name).to_ascii_lowercase();
    if !is_token(name) {
        return Some(format!("`{}` is not a header name", text.escape_default()));
    }
    if is_cors_response_field(&text) {
        return Some(format!("`{text}` is a field of responses, not of requests"));
    }
    if policy.allows_any_header() && text == "authorization" {
        return Some("`authorization` is never covered by `*`: list it beside the `*`".to_owned());
    }
    let listed = policy.header_names().map(String::from_utf8_lossy);
    nearest(&text, listed.map(String::from).collect())
}

/// Finds the listed name that was most likely meant.
fn nearest(name: &str, listed: Vec<String>) -> Option<String> {
    let distance = |listed: &String| strsim::damerau_levenshtein(listed, name);
    let nearest = listed.iter().min_by_key(|listed| distance(listed))?;
    let is_near = distance(nearest) <= MAX_TYPOS.min(name.len() / 4);
    is_near.then(|| format!("`{nearest}` is allowed"))
}

// === impl OriginNearMiss ===

impl OriginNearMiss {
    fn new(words: String, pattern: &str) -> Self {
        Self {
            words,
            pattern: Some(pattern.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
