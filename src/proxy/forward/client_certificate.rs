//! Tells upstreams the client's certificate: RFC 9440.

use super::spelled;
use crate::cors::MessageFields;
use crate::proxy::client::Client;
use crate::proxy::snapshot::Snapshot;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const CERTIFICATE: &str = "client-cert";
const CHAIN: &str = "client-cert-chain";
/// Envoy's own field for the same.
const ENVOYS: &str = "x-forwarded-client-cert";

/// Maximum number of the issuers' certificates that are forwarded; those behind them are dropped.
const MAX_CHAIN: usize = 4;

/// Removes the fields by which a client could claim a certificate, and adds those of the one that it has
/// shown, if its listener says so.
pub(super) fn forward(client: &Client, snapshot: &Snapshot, upstream: &mut impl MessageFields) {
    upstream.remove_where(|_, name| is_claim(name));
    let tls = snapshot.listener(client.via).and_then(|l| l.tls.as_ref());
    let Some(tls) = tls.filter(|tls| tls.forward_client_certificate) else {
        return;
    };
    let Some((certificate, issuers)) = client.certificate(tls) else {
        return;
    };
    upstream.set_text("Client-Cert", byte_sequence(certificate).as_bytes());
    if !issuers.is_empty() {
        let issuers = issuers.iter().take(MAX_CHAIN);
        let issuers: Vec<String> = issuers.map(|one| byte_sequence(one)).collect();
        upstream.set_text("Client-Cert-Chain", issuers.join(", ").as_bytes());
    }
}

fn is_claim(name: &str) -> bool {
    let known = match name.as_bytes().first() {
        Some(b'c' | b'C') => &[CERTIFICATE, CHAIN][..],
        Some(b'x' | b'X') => &[ENVOYS],
        _ => return false,
    };
    known.iter().any(|known| spelled(name).eq(known.bytes()))
}

/// Writes bytes as a structured field has them: RFC 9651 §3.3.5.
fn byte_sequence(bytes: &[u8]) -> String {
    format!(":{}:", STANDARD.encode(bytes))
}
