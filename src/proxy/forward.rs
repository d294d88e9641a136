//! Tells backends about the client: its address, its scheme and the host it asked for.

use crate::routing::authority;
use http::{HeaderValue, Version};
use pingora_core::protocols::http::ServerSession;
use pingora_http::RequestHeader;

/// Sets the X-Forwarded-* fields of a request to the upstream, and makes its target a path.
///
/// X-Forwarded-For is continued with the client's address as its last entry; the others replace what
/// the client sent.
pub(super) fn forward(
    session: &ServerSession,
    upstream: &mut RequestHeader,
) -> pingora_core::Result<()> {
    let request = session.req_header();
    if let Some(client) = session.client_addr().and_then(|address| address.as_inet()) {
        let client = client.ip().to_string();
        let chain = upstream.headers.get_all("x-forwarded-for").iter();
        let mut chain: Vec<&[u8]> = chain.map(HeaderValue::as_bytes).collect();
        chain.push(client.as_bytes());
        let chain = chain.join(b", ".as_slice());
        upstream.insert_header("X-Forwarded-For", chain)?;
    }
    upstream.insert_header("X-Forwarded-Proto", "http")?;
    if authority(&request.uri, &request.headers).is_empty() {
        // An HTTP/1.0 client without a Host field. The upstream gets HTTP/1.1, which requires one.
        upstream.insert_header("Host", "")?;
        upstream.remove_header("X-Forwarded-Host");
    } else {
        upstream.insert_header(
            "X-Forwarded-Host",
            authority(&request.uri, &request.headers),
        )?;
    }
    if request.version < Version::HTTP_2 && !request.raw_path().starts_with(b"/") {
        // Absolute form is for proxies. pingora keeps it beside the URI, which has the path alone. Its
        // authority equals Host, or pingora has refused the request.
        upstream.set_uri(request.uri.clone());
    }
    Ok(())
}
