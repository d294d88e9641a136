//! Which requests a route is for: the rule, not the look-up (that is the proxy's router).

use crate::cors::is_token;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Which requests a route is for. Every part that is given must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteMatch {
    /// Any of them; any host where there are none.
    pub hosts: Vec<HostMatch>,
    pub path: PathMatch,
    /// Any of them; any method where there are none. Compared with case.
    pub methods: Vec<String>,
    /// All of them: names in lower case with the exact value.
    pub headers: Vec<(String, String)>,
}

/// A host without its port, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostMatch {
    Exact(String),
    /// One or more labels below the name; the name is without the `*.`.
    Subdomains(String),
}

/// A path, without the query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathMatch {
    Exact(String),
    /// Whole segments, without a trailing slash: the empty prefix is every path.
    Prefix(String),
}

// === impl RouteMatch ===

impl RouteMatch {
    /// How many predicates beside host and path must hold: more of them are more specific.
    pub fn predicate_count(&self) -> usize {
        usize::from(!self.methods.is_empty()) + self.headers.len()
    }

    /// Whether some request matches both, and neither of them is the more specific.
    pub fn is_ambiguous_with(&self, other: &Self) -> bool {
        let is_contradicted = |(name, value): &(String, String)| {
            let mut others = other.headers.iter();
            others.any(|(known, other)| known == name && other != value)
        };
        self.predicate_count() == other.predicate_count()
            && self.is_on_the_way_of(other)
            && !self.headers.iter().any(is_contradicted)
    }

    /// Whether they differ in the values of the same headers only: a preflight has no values.
    pub fn is_alike_to_preflights(&self, other: &Self) -> bool {
        let names = |matches: &Self| {
            let names = matches.headers.iter().map(|(name, _)| name.clone());
            names.collect::<BTreeSet<String>>()
        };
        !self.headers.is_empty() && self.is_on_the_way_of(other) && names(self) == names(other)
    }

    /// Whether host, path and method tell them apart for no request.
    fn is_on_the_way_of(&self, other: &Self) -> bool {
        let same_host = (self.hosts.is_empty() && other.hosts.is_empty())
            || self.hosts.iter().any(|host| other.hosts.contains(host));
        let same_method = self.methods.is_empty()
            || other.methods.is_empty()
            || self
                .methods
                .iter()
                .any(|method| other.methods.contains(method));
        self.path == other.path && same_host && same_method
    }
}

// === impl HostMatch ===

impl HostMatch {
    /// Parses what is written in `hosts`; the error is the message and the hint.
    pub(super) fn parse(text: &str) -> Result<Self, (String, Option<String>)> {
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
            (true, false) => Ok(Self::Exact(lower)),
            (true, true) if named => Ok(Self::Subdomains(name.to_owned())),
            _ => Err((
                format!("`{text}` is not a host"),
                Some("write a name such as `api.example.com` or `*.example.com`".to_owned()),
            )),
        }
    }
}

// === impl PathMatch ===

impl PathMatch {
    pub(super) fn exact(text: &str) -> Result<Self, (String, Option<String>)> {
        check_path(text)?;
        Ok(Self::Exact(normalized(text)))
    }

    pub(super) fn prefix(text: &str) -> Result<Self, (String, Option<String>)> {
        check_path(text)?;
        Ok(Self::Prefix(normalized(text.trim_end_matches('/'))))
    }
}

/// The path with unreserved characters decoded and the rest encoded in upper case: to RFC 3986
/// §6.2.2 `/%61dmin` is `/admin`, to backends as well, and so it is to routes.
pub fn normalized_path(path: &str) -> Cow<'_, [u8]> {
    let bytes = path.as_bytes();
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let mut normal = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        let decoded = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match decoded.map(|(high, low)| high << 4 | low) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                normal.push(byte);
                rest = &rest[3..];
            }
            Some(_) => {
                normal.extend(rest[..3].iter().map(u8::to_ascii_uppercase));
                rest = &rest[3..];
            }
            None => {
                normal.push(first);
                rest = after;
            }
        }
    }
    Cow::Owned(normal)
}

/// Whether a backend that resolves the path could find another one in it than the routes do.
/// Browsers resolve dot segments, `%2e` too, before they send: none of theirs is refused.
pub fn has_dot_segment(path: &str) -> bool {
    // Nearly every path is plain and is looked at where it lies.
    if !path.bytes().any(|byte| matches!(byte, b'%' | b'\\')) {
        let is_start = |pair: &[u8]| matches!(pair, [b'/', b'.']);
        let may_have = path.starts_with('.') || path.as_bytes().windows(2).any(is_start);
        return may_have && path.split('/').any(is_dot_segment);
    }
    // There are backends that decode separators before they resolve.
    let normal = normalized(path)
        .replace("%2F", "/")
        .replace("%5C", "/")
        .replace('\\', "/");
    normal.split('/').any(is_dot_segment)
}

fn is_dot_segment(segment: &str) -> bool {
    // `..;x` is `..` to backends that know path parameters.
    matches!(segment.split(';').next(), Some("." | ".."))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

fn normalized(path: &str) -> String {
    String::from_utf8_lossy(&normalized_path(path)).into_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_segments_are_found_in_all_their_spellings() {
        for path in [
            "/..",
            "/a/../b",
            "/a/./b",
            "/%2e%2e/b",
            "/a/.%2E",
            "/a\\..\\b",
            "/%2e",
            "/a/..%2fb",
            "/a/..%5cb",
            "/a/..;/b",
            "/a/.;x=1/b",
        ] {
            assert!(has_dot_segment(path), "{path}");
        }
        for path in [
            "/",
            "/a.b",
            "/a/...",
            "/.well-known/x",
            "/a%2eb",
            "/a/..b",
            "/%2f",
            "/a;b/c",
        ] {
            assert!(!has_dot_segment(path), "{path}");
        }
    }

    #[test]
    fn paths_are_compared_in_their_normal_form() {
        for (path, normal) in [
            ("/admin", "/admin"),
            ("/%61dmin", "/admin"),
            ("/%7Euser/%2d%2E%5F", "/~user/-._"),
            ("/a%2fb%C3%bc", "/a%2Fb%C3%BC"),
            ("/100%", "/100%"),
            ("/%zz%4", "/%zz%4"),
            ("/%2561", "/%2561"),
        ] {
            let actual = normalized_path(path);
            assert_eq!(String::from_utf8_lossy(&actual), normal, "{path}");
        }
    }
}
