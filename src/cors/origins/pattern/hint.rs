//! Advice for a string that is not an origin pattern: what to write instead.

use super::{PatternErrorKind, TuplePattern, is_loopback_host};
use crate::cors::origins::literal::LiteralPattern;
use crate::cors::origins::origin::{OriginError, host_and_port, parse_port};
use crate::cors::origins::punycode;
use std::net::Ipv6Addr;

const NOT_ASCII: PatternErrorKind = PatternErrorKind::Origin(OriginError::NotAscii);
const PUNYCODE: &str = "write the host in Punycode (xn--…)";

/// Returns the pattern that the author most likely meant, or a description of how patterns are
/// written.
pub(super) fn hint(text: &str, kind: PatternErrorKind) -> Option<String> {
    let words = match kind {
        _ if text.eq_ignore_ascii_case("null") => "write \"null\", in lower case",
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
            "write one pattern an element, and nothing beside it"
        }
        PatternErrorKind::Origin(OriginError::BadHostCharacter) if text.ends_with(',') => {
            "write one pattern an element, and no comma"
        }
        PatternErrorKind::MisplacedWildcard => {
            "write a wildcard like `https://*.example.com`, any port like `http://localhost:*`, or a \
             `regex:`"
        }
        _ => {
            let meant = mended(text, kind).map(|meant| format!("write `{meant}`"));
            let meant = meant.or_else(|| literal(text, kind));
            return meant.or_else(|| (kind == NOT_ASCII).then(|| PUNYCODE.to_owned()));
        }
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
