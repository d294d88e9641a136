//! The path and the host that upstreams are asked for, in place of those that the client asked for.
//!
//! Routes, policies and the comparison with the request's own origin never look at the result.

use super::check::RequestError;
use super::facts::{Facts, Target};
use super::header_edits::{self, EditFields};
use super::snapshot::Route;
use crate::config::{Edits, Endpoint, HostRewrite, PathRewrite};
use crate::cors::default_port;
use crate::routing::{PathMatch, Variables, strip_normal_prefix};
use http::HeaderValue;
use http::uri::{PathAndQuery, Uri};
use pingora_core::{Error, ErrorType, OkOrErr, OrErr, Result};
use pingora_http::RequestHeader;

/// Maximum length of a target, the longest that `http` takes; a request whose target could get longer is
/// refused.
const MAX_TARGET: usize = 65_534;

/// Returns the path and the query for the upstream of a request that came with this `target`, a path with or
/// without a query; `None` if they stay as they are.
///
/// | match            | rewrite           | target     | result   |
/// |------------------|-------------------|------------|----------|
/// | `path_prefix: /a`| `path_prefix: /x` | `/a/b?c`   | `/x/b?c` |
/// | `path_prefix: /a`| `path_prefix: /`  | `/a`       | `/`      |
/// | `path: /a`       | `path_prefix: /x` | `/a`       | `/x`     |
/// | any              | `path: /x`        | `/a/b?c`   | `/x?c`   |
/// | any              | `prepend: /x`     | `/a/b?c`   | `/x/a/b?c` |
/// | `path_template: /a/{v}` | `path: /x`, `append_variables: true` | `/a/b?c` | `/x?c&v=b` |
///
/// The part of the path behind the prefix stays byte for byte as it was sent, and begins with a slash, so
/// that a path without dot segments gets none. Only slashes that would be the beginning of the result are
/// merged: some servers take what stands behind `//` for a host.
pub(crate) fn target(rewrite: &PathRewrite, matched: &PathMatch, target: &[u8]) -> Option<Vec<u8>> {
    let query = target.iter().position(|&byte| byte == b'?');
    let (path, query) = target.split_at(query.unwrap_or(target.len()));
    if !path.starts_with(b"/") {
        return None;
    }
    let (start, rest) = match (rewrite, matched) {
        (PathRewrite::Untouched, _) => return None,
        (PathRewrite::Whole(whole) | PathRewrite::WithVariables(whole, _), _) => {
            (whole, [].as_slice())
        }
        (PathRewrite::Prepended(base), _) => (base, path),
        (PathRewrite::Prefix(prefix), PathMatch::Exact(_)) => (prefix, [].as_slice()),
        // The path of a template has no prefix; the configuration is refused.
        (PathRewrite::Prefix(_), PathMatch::Template(_) | PathMatch::Espv2(_)) => return None,
        (PathRewrite::Prefix(prefix), PathMatch::Prefix(matched)) => {
            (prefix, strip_normal_prefix(path, matched.as_bytes())?)
        }
    };
    let rest = match start.is_empty() {
        true => without_slashes(rest),
        false => rest,
    };
    let mut new = Vec::with_capacity(start.len() + rest.len() + query.len() + 1);
    new.extend_from_slice(start.as_bytes());
    if start.is_empty() {
        new.push(b'/');
    }
    new.extend_from_slice(rest);
    new.extend_from_slice(query);
    if let PathRewrite::WithVariables(_, variables) = rewrite {
        append(variables, path, &mut new);
    }
    Some(new)
}

/// Appends the variables of a path to the query of a target. A character that would end a value or begin
/// another one, or that is a blank in a query, is encoded: a path must not bring parameters of its own.
fn append(variables: &Variables, path: &[u8], target: &mut Vec<u8>) {
    let query = target.iter().position(|&byte| byte == b'?');
    let mut separator = match query {
        None => Some(b'?'),
        // The query is there, but empty.
        Some(at) if at + 1 == target.len() => None,
        Some(_) => Some(b'&'),
    };
    for (name, value) in variables.values(path) {
        target.extend(separator);
        separator = Some(b'&');
        target.extend_from_slice(name.as_bytes());
        target.push(b'=');
        for (at, &byte) in value.iter().enumerate() {
            match encoded_in_query(&value[at..]) {
                Some(encoded) => target.extend_from_slice(encoded),
                None => target.push(byte),
            }
        }
    }
}

/// Returns the encoded form of the first byte of a value if it has a meaning in a query and none in a path, or
/// begins no encoding although it is `%`: a lenient reader could take what follows for a part of it.
fn encoded_in_query(value: &[u8]) -> Option<&'static [u8; 3]> {
    match value {
        [b'&', ..] => Some(b"%26"),
        [b'=', ..] => Some(b"%3D"),
        [b'+', ..] => Some(b"%2B"),
        [b';', ..] => Some(b"%3B"),
        [b'#', ..] => Some(b"%23"),
        [b'%', one, other, ..] if one.is_ascii_hexdigit() && other.is_ascii_hexdigit() => None,
        [b'%', ..] => Some(b"%25"),
        _ => None,
    }
}

/// Returns the number of bytes that the variables of a path have in a query, at most.
fn appended(variables: &Variables, path: &[u8]) -> usize {
    let of = |(name, value): (&str, &[u8])| {
        let encoded = (0..value.len()).filter(|&at| encoded_in_query(&value[at..]).is_some());
        name.len() + "?=".len() + value.len() + 2 * encoded.count()
    };
    variables.values(path).map(of).sum()
}

fn without_slashes(path: &[u8]) -> &[u8] {
    let first = path.iter().position(|&byte| byte != b'/');
    &path[first.unwrap_or(path.len())..]
}

/// Refuses a request whose target could get longer than one may be.
pub(super) fn check_target(facts: &Facts<'_>, edits: &Edits) -> Result<(), RequestError> {
    let Target::Path(path) = facts.target else {
        return Ok(());
    };
    let new = match &edits.path {
        PathRewrite::Untouched => return Ok(()),
        PathRewrite::Prefix(added) | PathRewrite::Whole(added) | PathRewrite::Prepended(added) => {
            path.len() + added.len()
        }
        PathRewrite::WithVariables(whole, variables) => {
            whole.len() + appended(variables, path.as_bytes())
        }
    };
    let query = facts.query.map_or(0, |query| query.len() + 1);
    match new + query > MAX_TARGET {
        true => Err(RequestError::TargetTooLong),
        false => Ok(()),
    }
}

/// Returns the value of Host that names an endpoint: as it is configured, without the default port of the
/// scheme that it is spoken to in.
pub(super) fn host(endpoint: &Endpoint, scheme: &str) -> Option<HeaderValue> {
    // Every scheme that endpoints are spoken to in has one.
    let default_port = default_port(scheme).unwrap_or_default();
    HeaderValue::try_from(endpoint.authority(default_port)).ok()
}

/// Returns the target of a request to a route's upstream; `None` if it stays as it came.
pub(super) fn new_target(route: &Route, came: &[u8]) -> Option<Vec<u8>> {
    let matches = route.matches.as_ref()?;
    target(&route.edits.path, &matches.path, came)
}

/// Makes the edits of a route in the fields of a request to its upstream; `endpoint` is the host of the one
/// that is asked.
pub(super) fn edit_fields(
    route: &Route,
    endpoint: Option<&HeaderValue>,
    upstream: &mut impl EditFields,
) -> Result<()> {
    let edits = &route.edits;
    if edits.host == HostRewrite::Upstream {
        let host = endpoint.or_err(ErrorType::InternalError, "no endpoint has been chosen")?;
        upstream.set("Host", host.clone());
    }
    if let Some(edits) = &edits.request {
        header_edits::apply(edits, upstream);
    }
    Ok(())
}

/// Sets the target. The authority of an HTTP/2 request stays, of which pingora makes the Host field.
pub(super) fn set_target(upstream: &mut RequestHeader, target: &[u8]) -> Result<()> {
    if upstream.uri.authority().is_none() {
        return upstream.set_raw_path(target);
    }
    let invalid = |error| Error::because(ErrorType::InternalError, "rewriting the path", error);
    let mut parts = upstream.uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).map_err(invalid)?);
    let uri = Uri::from_parts(parts).or_err(ErrorType::InternalError, "rewriting the path")?;
    upstream.set_uri(uri);
    Ok(())
}

#[cfg(test)]
mod tests;
