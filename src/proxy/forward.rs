//! Tells backends about the client: its address, its scheme and the host it asked for.
//!
//! The same fields of a request say something only if they come from a trusted proxy; every client can
//! write them. From all others they are removed, in every spelling that a backend could take for them.

mod client_certificate;

use super::client::Client;
use super::snapshot::Snapshot;
use crate::routing::{RequestFields, authority, is_authority, single_line};
use crate::traces::{Span, TRACEPARENT, TRACESTATE};
use http::{HeaderMap, HeaderName, Version};
use ipnet::IpNet;
use pingora_core::Result;
use pingora_core::protocols::http::ServerSession;
use pingora_http::RequestHeader;
use std::net::{IpAddr, SocketAddr};

const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";
const HOST: &str = "x-forwarded-host";
const PORT: &str = "x-forwarded-port";
const REAL_IP: &str = "x-real-ip";

/// Maximum number of addresses that are taken from X-Forwarded-For; those before them are dropped.
const MAX_PROXIES: usize = 32;

/// Edits a request to the upstream: what it says about the client, and its target, which becomes a path.
pub(super) fn forward(
    session: &ServerSession,
    client: &Client,
    snapshot: &Snapshot,
    upstream: &mut RequestHeader,
) -> Result<()> {
    let request = session.req_header();
    let trusted = snapshot.trusted_proxies.as_slice();
    let is_believed = client.peer.is_some_and(|peer| is_in(trusted, peer));
    remove_statements(is_believed, upstream);
    client_certificate::forward(client, snapshot, upstream)?;
    if let Some(peer) = client.peer {
        let chain = forwarded_for(peer, &upstream.headers, trusted);
        upstream.insert_header("X-Forwarded-For", chain)?;
    }
    if !upstream.headers.contains_key(PROTO) {
        upstream.insert_header("X-Forwarded-Proto", client.scheme())?;
    }
    let host = authority(&request.uri, &request.headers);
    if host.is_empty() {
        // An HTTP/1.0 client without a Host field. The upstream gets HTTP/1.1, which requires one.
        upstream.insert_header("Host", "")?;
    } else if !upstream.headers.contains_key(HOST) {
        upstream.insert_header("X-Forwarded-Host", host)?;
    }
    if request.version < Version::HTTP_2 && !request.raw_path().starts_with(b"/") {
        // Absolute form is for proxies. pingora keeps it beside the URI, which has the path alone. Its
        // authority equals Host, or pingora has refused the request.
        upstream.set_uri(request.uri.clone());
    }
    Ok(())
}

/// Removes the statements about the client that the peer is not believed, or that make no sense.
fn remove_statements(is_believed: bool, upstream: &mut RequestHeader) {
    let fields = &upstream.headers;
    let is_kept = |name: &HeaderName| {
        // The addresses are read one by one, as far as they are believed.
        let is_plain = spelled(name.as_str()).eq(name.as_str().bytes());
        is_believed && (name == FOR || is_plain && is_sound(fields, name))
    };
    let statements = fields.keys().filter(|name| is_statement(name.as_str()));
    // No allocation where there are none, as in most requests.
    let removed: Vec<HeaderName> = statements.filter(|name| !is_kept(name)).cloned().collect();
    for name in removed {
        upstream.remove_header(&name);
    }
}

/// Returns the bytes of a field's name, in lower case, as CGI and the interfaces made after it tell names
/// apart: to some of them, all that is not a letter or a digit is the same.
fn spelled(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| match byte.is_ascii_alphanumeric() {
        true => byte,
        false => b'-',
    })
}

/// Whether a backend can take the field for a statement about the client.
fn is_statement(name: &str) -> bool {
    let starts_with = |start: &str| spelled(name).take(start.len()).eq(start.bytes());
    // Names are in lower case here.
    starts_with("x-forwarded")
        || spelled(name).eq("forwarded".bytes())
        || spelled(name).eq(REAL_IP.bytes())
}

/// Whether a statement of a trusted proxy has one value, and that makes sense.
fn is_sound(fields: &HeaderMap, name: &HeaderName) -> bool {
    let is_valid: fn(&str) -> bool = match name.as_str() {
        PROTO => |scheme| stated_scheme(scheme.as_bytes()).is_some(),
        HOST => |host| is_authority(host.as_bytes()) && !host.ends_with(':'),
        PORT => |port| {
            let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
            is_number && port.parse::<u16>().is_ok_and(|port| port > 0)
        },
        REAL_IP => |address| address.parse::<IpAddr>().is_ok(),
        // Forwarded, and names that only the proxy and the backend know.
        _ => return true,
    };
    let mut lines = fields.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => line.to_str().is_ok_and(is_valid),
        _ => false,
    }
}

/// Returns the scheme of the URL that the client asked for, as a trusted proxy states it, or else as the
/// connection tells.
pub(super) fn scheme(
    client: &Client,
    fields: &dyn RequestFields,
    trusted: &[IpNet],
) -> &'static str {
    let is_believed = client.peer.is_some_and(|peer| is_in(trusted, peer));
    let stated = is_believed.then(|| single_line(fields, PROTO, stated_scheme));
    let stated = stated.flatten().flatten().or(client.explained_scheme);
    stated.unwrap_or(client.scheme())
}

/// Returns the scheme that the value of X-Forwarded-Proto means; `None` if it makes no sense.
fn stated_scheme(value: &[u8]) -> Option<&'static str> {
    let is = |scheme: &str| value.eq_ignore_ascii_case(scheme.as_bytes());
    if is("https") || is("wss") {
        return Some("https");
    }
    (is("http") || is("ws")).then_some("http")
}

/// Returns the addresses from the client's to the peer's, as X-Forwarded-For has them.
///
/// Each was written by the one behind it, and is there only if that one is trusted: the first is the
/// last that is not a trusted proxy. What the client itself wrote before it is gone.
fn forwarded_for(peer: IpAddr, fields: &HeaderMap, trusted: &[IpNet]) -> String {
    let mut before = Vec::new();
    follow(peer, fields, trusted, |address| before.push(address));
    let mut chain = String::new();
    for address in before.iter().rev() {
        chain.push_str(&address.to_string());
        chain.push_str(", ");
    }
    chain + &peer.to_string()
}

/// Returns the address of the client behind `peer`: the first of those that [`forwarded_for`] returns.
pub(super) fn client_address(
    peer: IpAddr,
    fields: &dyn RequestFields,
    trusted: &[IpNet],
) -> IpAddr {
    follow(peer, fields, trusted, |_| {})
}

/// Follows X-Forwarded-For from the peer to the client, as far as it is believed. Calls `each` with every
/// address before the peer's, and returns the last one.
fn follow(
    peer: IpAddr,
    fields: &dyn RequestFields,
    trusted: &[IpNet],
    mut each: impl FnMut(IpAddr),
) -> IpAddr {
    let (mut writer, mut left) = (peer, MAX_PROXIES);
    if !is_in(trusted, peer) {
        return peer;
    }
    fields.for_each_line_reversed(FOR, &mut |line| {
        let elements = line.rsplit(|&byte| byte == b',');
        let mut elements = elements.map(<[u8]>::trim_ascii).filter(|e| !e.is_empty());
        elements.all(|element| {
            // Whatever stands before something that is not an address may be forged.
            let address = str::from_utf8(element).ok().and_then(address);
            let is_believed = left > 0 && is_in(trusted, writer);
            let Some(address) = address.filter(|_| is_believed) else {
                return false;
            };
            each(address);
            (writer, left) = (address, left - 1);
            true
        })
    });
    writer
}

/// Parses an element of X-Forwarded-For: an address, which some proxies write with its port.
fn address(element: &str) -> Option<IpAddr> {
    let bare = element.strip_prefix('[').and_then(|e| e.strip_suffix(']'));
    let with_port = || Some(element.parse::<SocketAddr>().ok()?.ip());
    let address = bare.unwrap_or(element).parse().ok().or_else(with_port);
    address.map(|address: IpAddr| address.to_canonical())
}

/// Tells the upstream of the request's span, as the parent of its own.
pub(super) fn trace(span: &Span, upstream_request: &mut RequestHeader) -> Result<()> {
    if span.parent.is_none() {
        // What it says is about another trace, or about none.
        upstream_request.remove_header(TRACESTATE);
    }
    upstream_request.insert_header(TRACEPARENT, span.context.to_header())
}

fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests;
