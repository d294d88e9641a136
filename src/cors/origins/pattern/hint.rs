//! Advice for a string that is not an origin pattern: what to write instead.

use super::{PatternErrorKind, TuplePattern, elsewhere, is_loopback_host};
use crate::cors::origins::literal::LiteralPattern;
use crate::cors::origins::origin::{OriginError, host_and_port, parse_port};
use crate::cors::origins::punycode;
use std::net::Ipv6Addr;

/// Words that other software has for something that is written otherwise here, and what to write.
const WORDS: [(&str, &str); 13] = [
    (
        "null",
        "write \"null\", in lower case, and nothing beside it",
    ),
    ("*", "write `*`, and nothing beside it"),
    ("all", "write `*` for any origin"),
    ("any", "write `*` for any origin"),
    ("true", "write `*` for any origin"),
    ("false", "write `cors: off` in the route"),
    ("none", "write `cors: off` in the route"),
    ("'none'", "write `cors: off` in the route"),
    ("self", OWN_ORIGIN),
    ("'self'", OWN_ORIGIN),
    ("same-origin", OWN_ORIGIN),
    ("same", OWN_ORIGIN),
    ("**", "write `*` for any origin"),
];

const OWN_ORIGIN: &str = "remove it: requests of a page to its own origin need no permission";

/// Parts of a text by which other software repeats the origin of the request.
const REFLECTIONS: [&str; 5] = [
    "$http_origin",
    "http.request.header.origin",
    "%{origin}",
    "req.header.origin",
    "request.headers.origin",
];

/// Returns the pattern that the author of `text` most likely meant, or a description of how patterns are
/// written.
pub(super) fn hint(text: &str, kind: PatternErrorKind) -> Option<String> {
    let lower = text.trim().to_lowercase();
    if let Some((_, words)) = WORDS.iter().find(|(word, _)| *word == lower) {
        return Some((*words).to_owned());
    }
    if REFLECTIONS.iter().any(|part| lower.contains(part)) {
        return Some(
            "list the origins: the gateway compares them and repeats the right one".to_owned(),
        );
    }
    match kind {
        PatternErrorKind::Regex => return Some(regex(text)),
        PatternErrorKind::Several => return Some(each_alone(&elsewhere::several(text)?)),
        _ => {}
    }
    let bare = elsewhere::unquoted(text.trim());
    let is_bare = bare == text.trim() || bare.is_empty();
    let found = mended(text, kind).or_else(|| meant(bare).filter(|_| !is_bare));
    if let Some(meant) = found {
        return Some(format!("write `{meant}`"));
    }
    if kind != PatternErrorKind::WildcardAddress
        && let Some(meant) = elsewhere::other_wildcards(text)
    {
        return Some(match meant.as_slice() {
            [one] => format!("write `{one}`"),
            _ => each_alone(&meant),
        });
    }
    let words = match kind {
        PatternErrorKind::BadPunycode => {
            let label = text.split_once("://").and_then(|(scheme, authority)| {
                let (host, _) = host_and_port(authority);
                punycode::bad_label(scheme, host)
            })?;
            return Some(format!(
                "look at `{label}`: on the page itself, `location.origin` has the right spelling"
            ));
        }
        PatternErrorKind::Origin(OriginError::FileScheme) => {
            "write \"null\" for pages of files in a browser, or `literal: 'file://'` for an app that sends it"
        }
        PatternErrorKind::Origin(OriginError::WhiteSpace) if text.trim().contains([' ', ',']) => {
            "write one pattern per element, and nothing beside it"
        }
        PatternErrorKind::Origin(OriginError::BadHostCharacter) if text.ends_with([',', ';']) => {
            "write one pattern per element, and nothing behind it"
        }
        _ if text.contains('{') && text.contains(',') => {
            "write one pattern per element, for each choice within the braces"
        }
        PatternErrorKind::MisplacedWildcard => {
            "write a wildcard like `https://*.example.com`, any port like `http://localhost:*`, or a \
             `regex:`"
        }
        PatternErrorKind::Origin(OriginError::NotAscii) => "write the host in Punycode (xn--…)",
        _ => return literal(text, kind),
    };
    Some(words.to_owned())
}

/// Returns the literal that an app's web view may send as its origin, if the text is one.
fn literal(text: &str, kind: PatternErrorKind) -> Option<String> {
    use OriginError as E;
    if let PatternErrorKind::Origin(E::MissingScheme | E::BadScheme) = kind {
        return None;
    }
    let literal = LiteralPattern::parse(text).ok()?;
    let is_of_an_app = literal.is_of_an_app();
    is_of_an_app.then(|| format!("write `literal: '{text}'`, if an app sends it"))
}

/// Says how to write a text that is a regex elsewhere.
fn regex(text: &str) -> String {
    let Some(regex) = elsewhere::as_regex(text) else {
        return "write a regex as `regex: 'https://…'`; for any origin, write `*`".to_owned();
    };
    if regex.contains(char::is_whitespace) {
        return "write one `regex: '…'` per element".to_owned();
    }
    let written = elsewhere::in_yaml(&regex);
    match elsewhere::as_wildcard(&regex) {
        Some(plain) => format!("write `{written}`, or `{plain}`"),
        None => format!("write `{written}`: it is the whole origin, always"),
    }
}

/// Says that patterns stand alone, and which they are, if all of them can be told.
fn each_alone(patterns: &[String]) -> String {
    let patterns: Option<Vec<String>> = patterns.iter().map(|text| meant(text)).collect();
    match patterns {
        Some(patterns) if patterns.len() <= MAX_SHOWN => {
            format!("write one pattern per element: `{}`", patterns.join("`, `"))
        }
        _ => "write one pattern per element".to_owned(),
    }
}

/// Returns `text` if it is a pattern, or the pattern that it is a misspelling of. One without a scheme must
/// look like a host.
pub(super) fn meant(text: &str) -> Option<String> {
    if text.starts_with("*.") {
        let origin = format!("https://{text}");
        return TuplePattern::parse(&origin).is_ok().then_some(origin);
    }
    match TuplePattern::parse(text) {
        _ if matches!(text, "*" | "null") => Some(text.to_owned()),
        Ok(_) => Some(text.to_owned()),
        Err(kind) => mended(text, kind).filter(|_| text.contains(['.', ':'])),
    }
}

/// Maximum number of patterns that a hint lists.
const MAX_SHOWN: usize = 5;

/// Corrects the text's mistakes one after the other, and returns it if it becomes a pattern.
fn mended(text: &str, kind: PatternErrorKind) -> Option<String> {
    let mut guess = mend(text, kind)?;
    // A text with more than three mistakes was hardly meant to be a pattern.
    for _ in 0..3 {
        match TuplePattern::parse(&guess) {
            Ok(_) => return Some(guess),
            Err(kind) => guess = mend(&guess, kind)?,
        }
    }
    None
}

fn mend(text: &str, kind: PatternErrorKind) -> Option<String> {
    use OriginError as E;
    use PatternErrorKind as K;
    Some(match kind {
        K::Origin(E::UpperCase) => text.to_lowercase(),
        K::Origin(E::Path) => text[..path_at(text)?].to_owned(),
        K::Origin(E::MissingScheme) => {
            let host = text.trim_start_matches('/');
            let name = host.split(['/', ':']).next().unwrap_or(host);
            match is_loopback_host(name) || host.starts_with("[::1]") {
                true => format!("http://{host}"),
                false => format!("https://{host}"),
            }
        }
        K::Origin(E::NotAscii) => {
            let (scheme, rest) = text.split_once("://")?;
            let (host, behind) =
                rest.split_at(rest.find([':', '/', '?', '#']).unwrap_or(rest.len()));
            let ascii = punycode::to_ascii(host)?;
            (ascii != host).then(|| format!("{scheme}://{ascii}{behind}"))?
        }
        K::Origin(E::WhiteSpace) => text.trim().to_owned(),
        K::Origin(E::UserInfo) => {
            let (scheme, rest) = text.split_once("://")?;
            format!("{scheme}://{}", rest.rsplit_once('@')?.1)
        }
        K::Origin(E::BadIpv6) => shortest_ipv6(text)?,
        K::Origin(E::BadPort) => {
            let (origin, port) = text.rsplit_once(':')?;
            let trimmed = port.trim_start_matches('0');
            parse_port(trimmed).ok()?;
            format!("{origin}:{trimmed}")
        }
        K::Ipv4Mapped => mapped_as_ipv4(text)?,
        _ => return None,
    })
}

pub(super) fn path_at(text: &str) -> Option<usize> {
    let authority = text.find("://")? + 3;
    Some(authority + text[authority..].find(['/', '?', '#', '\\'])?)
}

fn bracketed(text: &str) -> Option<(&str, Ipv6Addr, &str)> {
    let (before, rest) = text.split_once('[')?;
    let (address, after) = rest.split_once(']')?;
    Some((before, address.parse().ok()?, after))
}

fn shortest_ipv6(text: &str) -> Option<String> {
    let (before, address, after) = bracketed(text)?;
    match address.to_ipv4_mapped() {
        Some(v4) => Some(format!("{before}{v4}{after}")),
        None => Some(format!("{before}[{address}]{after}")),
    }
}

fn mapped_as_ipv4(text: &str) -> Option<String> {
    let (before, address, after) = bracketed(text)?;
    Some(format!("{before}{}{after}", address.to_ipv4_mapped()?))
}
