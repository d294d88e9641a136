//! The client that a question is taken to come from: the listener that it comes by, and whether it
//! shows a certificate there.

use super::question::Question;
use crate::config::Listener;
use crate::cors::RequestKind;
use crate::proxy::client::{Client, Via};
use crate::proxy::snapshot::Snapshot;

/// Returns the listener that a question's URL leads to, with its index; `None` where a proxy in front
/// must lead there.
pub(super) fn listener<'s>(
    snapshot: &'s Snapshot,
    question: &Question,
) -> Option<(usize, &'s Listener)> {
    let port = question.port();
    let mut listeners = snapshot.listeners.iter().enumerate();
    listeners.find(|(_, listener)| listener.listen.address.port() == port)
}

/// Returns the client of a request of this kind. Client certificates are credentials (Fetch §2.1): a
/// browser shows one with a request that has credentials, and never with a preflight.
pub(super) fn assumed(snapshot: &Snapshot, question: &Question, kind: RequestKind) -> Client {
    let Some((index, listener)) = listener(snapshot, question) else {
        // Behind a proxy, that one asks for certificates.
        let scheme = scheme_by_proxy(snapshot, question);
        return Client::explained(Via::Proxy, None, false, scheme);
    };
    let has_certificate = shows_certificate(question) && kind != RequestKind::Preflight;
    let scheme = match &listener.tls {
        Some(_) => None,
        None => scheme_by_proxy(snapshot, question),
    };
    let via = Via::Listener(index);
    Client::explained(via, listener.tls.as_ref(), has_certificate, scheme)
}

/// Returns the scheme that a proxy in front states, having ended TLS: that of the question's URL. Only
/// `trusted_proxies` are believed.
fn scheme_by_proxy(snapshot: &Snapshot, question: &Question) -> Option<&'static str> {
    (!snapshot.trusted_proxies.is_empty() && question.speaks_tls()).then_some("https")
}

/// Whether the request itself comes with a certificate, if one is asked for.
pub(super) fn shows_certificate(question: &Question) -> bool {
    question.credentials || question.is_as_sent()
}
