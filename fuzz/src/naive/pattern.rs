//! Origin patterns, from the table in the README: what is one, and what it matches.

use super::origin::{self, Origin, Tuple};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    Any,
    Null,
    Tuple {
        scheme: String,
        /// Whether labels may stand before the host, and one must.
        below: bool,
        host: String,
        port: Port,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// The port as written; a default port is left out.
    Is(Option<u16>),
    Any,
}

pub fn parse(text: &str) -> Option<Pattern> {
    match text {
        "*" => return Some(Pattern::Any),
        "null" => return Some(Pattern::Null),
        _ => {}
    }
    let (scheme, authority) = text.split_once("://")?;
    let (authority, any_port) = match authority.strip_suffix(":*") {
        Some(rest) => (rest, true),
        None => (authority, false),
    };
    let (host, below) = match authority.strip_prefix("*.") {
        Some(rest) => (rest, true),
        None => (authority, false),
    };
    // Without its stars it is an origin.
    let bare = format!("{scheme}://{host}");
    let Some(Origin::Tuple(Tuple { scheme, host, port })) = origin::parse(bare.as_bytes()) else {
        return None;
    };
    let is_address = host.starts_with('[') || origin::is_serialized_ipv4(&host);
    if (below && is_address) || is_ipv4_mapped(&host) || (any_port && port.is_some()) {
        return None;
    }
    let port = match (any_port, port, scheme.as_str()) {
        (true, _, _) => Port::Any,
        (_, Some(443), "https" | "wss") => Port::Is(None),
        (_, Some(80), "http" | "ws") => Port::Is(None),
        (_, Some(21), "ftp") => Port::Is(None),
        (_, port, _) => Port::Is(port),
    };
    Some(Pattern::Tuple {
        scheme,
        below,
        host,
        port,
    })
}

fn is_ipv4_mapped(host: &str) -> bool {
    let inner = host.trim_matches(['[', ']']);
    host.starts_with('[')
        && origin::ipv6_pieces(inner)
            .is_some_and(|pieces| pieces[..5] == [0; 5] && pieces[5] == 0xffff)
}

/// `any_matches_null`: whether `*` is meant to let `null` in.
pub fn matches(pattern: &Pattern, origin: &Origin, any_matches_null: bool) -> bool {
    match (pattern, origin) {
        (Pattern::Any, Origin::Null) => any_matches_null,
        (Pattern::Any, Origin::Tuple(_)) | (Pattern::Null, Origin::Null) => true,
        (Pattern::Null, Origin::Tuple(_)) | (Pattern::Tuple { .. }, Origin::Null) => false,
        (
            Pattern::Tuple {
                scheme,
                below,
                host,
                port,
            },
            Origin::Tuple(origin),
        ) => {
            let is_host = match below {
                false => origin.host == *host,
                true => {
                    let pattern: Vec<&str> = host.split('.').collect();
                    let labels: Vec<&str> = origin.host.split('.').collect();
                    labels.len() > pattern.len() && labels.ends_with(&pattern)
                }
            };
            let is_port = match port {
                Port::Any => true,
                Port::Is(port) => origin.port == *port,
            };
            origin.scheme == *scheme && is_host && is_port
        }
    }
}
