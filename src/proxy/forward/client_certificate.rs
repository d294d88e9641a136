//! Tells upstreams the client's certificate: RFC 9440.

use super::spelled;
use crate::proxy::client::Client;
use crate::proxy::snapshot::Snapshot;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use pingora_core::Result;
use pingora_http::RequestHeader;

const CERTIFICATE: &str = "client-cert";
const CHAIN: &str = "client-cert-chain";
/// Envoy's own field for the same.
const ENVOYS: &str = "x-forwarded-client-cert";

/// Maximum number of the issuers' certificates that are forwarded; those behind them are dropped.
const MAX_CHAIN: usize = 4;

/// Removes the fields by which a client could claim a certificate, and adds those of the one that it has
/// shown, if its listener says so.
pub(super) fn forward(
    client: &Client,
    snapshot: &Snapshot,
    upstream: &mut RequestHeader,
) -> Result<()> {
    remove(upstream);
    let tls = snapshot.listener(client.via).and_then(|l| l.tls.as_ref());
    let Some(tls) = tls.filter(|tls| tls.forward_client_certificate) else {
        return Ok(());
    };
    let Some((certificate, issuers)) = client.certificate(tls) else {
        return Ok(());
    };
    upstream.insert_header("Client-Cert", byte_sequence(certificate))?;
    if !issuers.is_empty() {
        let issuers = issuers.iter().take(MAX_CHAIN);
        let issuers: Vec<String> = issuers.map(|one| byte_sequence(one)).collect();
        upstream.insert_header("Client-Cert-Chain", issuers.join(", "))?;
    }
    Ok(())
}

fn remove(upstream: &mut RequestHeader) {
    let is_claim = |name: &&HeaderName| {
        let known = [CERTIFICATE, CHAIN, ENVOYS];
        known
            .iter()
            .any(|known| spelled(name.as_str()).eq(known.bytes()))
    };
    // No allocation where there are none, as in most requests.
    let claims: Vec<HeaderName> = upstream.headers.keys().filter(is_claim).cloned().collect();
    for name in claims {
        upstream.remove_header(&name);
    }
}

/// Writes bytes as a structured field has them: RFC 9651 §3.3.5.
fn byte_sequence(bytes: &[u8]) -> String {
    format!(":{}:", STANDARD.encode(bytes))
}
