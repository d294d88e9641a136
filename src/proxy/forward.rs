//! Tells backends about the client: its address, its scheme and the host it asked for.
//!
//! The same fields of a request say something only if they come from a trusted proxy; every client can
//! write them. From all others they are removed, in every spelling that a backend could take for them.

mod client_certificate;

use super::client::Client;
use super::snapshot::Snapshot;
use crate::cors::MessageFields;
use crate::routing::{RequestFields, is_authority, single_line};
use crate::traces::{Span, TRACEPARENT, TRACESTATE};
use http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

static FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
static REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
static STATE: HeaderName = HeaderName::from_static(TRACESTATE);

/// Maximum number of addresses that are taken from X-Forwarded-For; those before them are dropped.
const MAX_PROXIES: usize = 32;

/// Edits what a request to the upstream says about its client, who asked for `host`.
pub(super) fn forward(
    host: &[u8],
    client: &Client,
    snapshot: &Snapshot,
    upstream: &mut impl MessageFields,
) {
    let trusted = snapshot.trusted_proxies.as_slice();
    let is_believed = client.peer.is_some_and(|peer| is_in(trusted, peer));
    remove_statements(is_believed, upstream);
    client_certificate::forward(client, snapshot, upstream);
    if let Some(peer) = client.peer {
        match is_believed {
            true => {
                let chain = forwarded_for(peer, &Read(upstream), trusted);
                upstream.set_text("X-Forwarded-For", chain.as_bytes());
            }
            false => upstream.set_text("X-Forwarded-For", client.peer_text().as_bytes()),
        }
    }
    if !upstream.has(&PROTO) {
        upstream.set(
            "X-Forwarded-Proto",
            HeaderValue::from_static(client.scheme()),
        );
    }
    if host.is_empty() {
        // An HTTP/1.0 client without a Host field. The upstream gets HTTP/1.1, which requires one.
        upstream.set("Host", HeaderValue::from_static(""));
    } else if !upstream.has(&HOST) {
        upstream.set_text("X-Forwarded-Host", host);
    }
}

/// Removes the statements about the client that the peer is not believed, or that make no sense.
fn remove_statements(is_believed: bool, upstream: &mut impl MessageFields) {
    upstream.remove_where(|fields, name| {
        if !is_statement(name) {
            return false;
        }
        let is = |known: &HeaderName| name.eq_ignore_ascii_case(known.as_str());
        // The addresses are read one by one, as far as they are believed.
        let is_plain = spelled(name).eq(name.bytes().map(|byte| byte.to_ascii_lowercase()));
        let is_kept = is_believed && (is(&FOR) || is_plain && is_sound(fields, name));
        !is_kept
    });
}

/// Returns the bytes of a field's name, in lower case, as CGI and the interfaces made after it tell names
/// apart: to some of them, all that is not a letter or a digit is the same.
fn spelled(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| match byte.is_ascii_alphanumeric() {
        true => byte.to_ascii_lowercase(),
        false => b'-',
    })
}

/// Whether a backend can take the field for a statement about the client.
fn is_statement(name: &str) -> bool {
    let starts_with = |start: &str| spelled(name).take(start.len()).eq(start.bytes());
    match name.as_bytes().first() {
        Some(b'x' | b'X') => {
            starts_with("x-forwarded") || spelled(name).eq(REAL_IP.as_str().bytes())
        }
        Some(b'f' | b'F') => spelled(name).eq("forwarded".bytes()),
        _ => false,
    }
}

/// Whether a statement of a trusted proxy has one value, and that makes sense.
fn is_sound(fields: &impl MessageFields, name: &str) -> bool {
    let is = |known: &HeaderName| name.eq_ignore_ascii_case(known.as_str());
    let is_valid = |value: &str| {
        if is(&PROTO) {
            stated_scheme(value.as_bytes()).is_some()
        } else if is(&HOST) {
            is_authority(value.as_bytes()) && !value.ends_with(':')
        } else if is(&PORT) {
            let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
            is_number && value.parse::<u16>().is_ok_and(|port| port > 0)
        } else {
            value.parse::<IpAddr>().is_ok()
        }
    };
    let Some(known) = [&PROTO, &HOST, &PORT, &REAL_IP]
        .into_iter()
        .find(|known| is(known))
    else {
        // Forwarded, and names that only the proxy and the backend know.
        return true;
    };
    let only = fields
        .only(known)
        .and_then(|line| str::from_utf8(line).ok());
    only.is_some_and(is_valid)
}

/// Returns the scheme of the URL that the client asked for, as a trusted proxy states it, or else as the
/// connection tells.
pub(super) fn scheme(
    client: &Client,
    fields: &dyn RequestFields,
    trusted: &[IpNet],
) -> &'static str {
    let is_believed = client.peer.is_some_and(|peer| is_in(trusted, peer));
    let stated = is_believed.then(|| single_line(fields, PROTO.as_str(), stated_scheme));
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

/// The fields of a message as those of a request that is read.
pub(super) struct Read<'f, F>(pub &'f F);

impl<F: MessageFields> RequestFields for Read<'_, F> {
    fn for_each(&self, each: &mut dyn FnMut(&[u8], &[u8])) {
        self.0.for_each(|name, value| each(name.as_bytes(), value));
    }

    fn for_each_line_reversed(&self, name: &str, each: &mut dyn FnMut(&[u8]) -> bool) {
        let mut lines = Vec::new();
        self.0.for_each(|known, value| {
            if known.eq_ignore_ascii_case(name) {
                lines.push(value);
            }
        });
        let mut lines = lines.into_iter().rev();
        while lines.next().is_some_and(&mut *each) {}
    }
}

/// Returns the addresses from the client's to the peer's, as X-Forwarded-For has them.
///
/// Each was written by the one behind it, and is there only if that one is trusted: the first is the
/// last that is not a trusted proxy. What the client itself wrote before it is gone.
fn forwarded_for(peer: IpAddr, fields: &dyn RequestFields, trusted: &[IpNet]) -> String {
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
    fields.for_each_line_reversed(FOR.as_str(), &mut |line| {
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
pub(super) fn trace(span: &Span, upstream: &mut impl MessageFields) {
    if span.parent.is_none() {
        // What it says is about another trace, or about none.
        upstream.remove(&STATE);
    }
    upstream.set(TRACEPARENT, span.context.to_header());
}

fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests;
