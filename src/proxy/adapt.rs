//! Makes of a request one that every upstream reads the same way, and of a response one that the client's
//! version of HTTP has.

use crate::cors::MessageFields;
use async_trait::async_trait;
use http::{Version, header};
use once_cell::sync::Lazy;
use pingora_core::Result;
use pingora_core::modules::http::{HttpModule, HttpModuleBuilder, HttpModules, Module};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use std::any::Any;

/// Edits the fields of a request to the upstream, which came in this version.
pub(super) fn request(version: Version, upstream: &mut impl MessageFields) {
    // pingora passes no trailers of requests on.
    upstream.remove(&header::TRAILER);
    if version == Version::HTTP_10 {
        // RFC 9110 §10.1.1: it can't expect a 100.
        upstream.remove(&header::EXPECT);
    }
    join_cookies(upstream);
    write_length(upstream);
}

/// Joins the lines of Cookie, of which HTTP/2 may have several, to the one that HTTP/1 has: RFC 9113
/// §8.2.3.
fn join_cookies(upstream: &mut impl MessageFields) {
    let mut lines = 0;
    upstream.for_each_line(&header::COOKIE, |_| lines += 1);
    if lines < 2 {
        return;
    }
    let mut crumbs = Vec::with_capacity(lines);
    upstream.for_each_line(&header::COOKIE, |line| crumbs.push(line));
    let cookie = crumbs.join(b"; ".as_slice());
    upstream.set_text("Cookie", &cookie);
}

/// Writes Content-Length without zeros in front, which make it octal to some readers.
fn write_length(upstream: &mut impl MessageFields) {
    let Some(digits @ [b'0', _, ..]) = upstream.first(&header::CONTENT_LENGTH) else {
        return;
    };
    let first = digits.iter().position(|&digit| digit != b'0');
    let digits = digits[first.unwrap_or(digits.len() - 1)..].to_vec();
    upstream.set_text("Content-Length", &digits);
}

/// Edits the fields of a final response, which came in one version and goes on in another.
pub(super) fn response(goes_by: Version, came_by: Version, response: &mut impl MessageFields) {
    // Trailers are passed on from HTTP/2 to HTTP/2, and no others.
    if (came_by, goes_by) != (Version::HTTP_2, Version::HTTP_2) {
        response.remove(&header::TRAILER);
    }
}

/// Ends the connection of an HTTP/1.0 client with a response whose length is not stated.
pub(super) fn end_where_unstated(session: &mut Session, response: &ResponseHeader) {
    let is_http1_0 = session.req_header().version == Version::HTTP_10;
    if is_http1_0 && !response.headers.contains_key(header::CONTENT_LENGTH) {
        // The connection's end is the body's.
        session.set_keepalive(None);
    }
}

/// Keeps Transfer-Encoding from an HTTP/1.0 client: RFC 9112 §6.1.
pub(super) fn unchunk(session: &mut Session) {
    static MODULES: Lazy<HttpModules> = Lazy::new(|| {
        let mut modules = HttpModules::new();
        modules.add_module(Box::new(Unchunked));
        modules
    });
    session.downstream_modules_ctx = MODULES.build_ctx();
}

/// Removes Transfer-Encoding. A module, because pingora adds the field behind `response_filter` to
/// responses that came by HTTP/2; in the sessions of these clients alone, because it costs memory.
struct Unchunked;

#[async_trait]
impl HttpModule for Unchunked {
    async fn response_header_filter(
        &mut self,
        response: &mut ResponseHeader,
        _end_of_stream: bool,
    ) -> Result<()> {
        response.remove_header(&header::TRANSFER_ENCODING);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl HttpModuleBuilder for Unchunked {
    fn init(&self) -> Module {
        Box::new(Self)
    }
}
