//! Notes on what happens to a connection before its request comes: TLS, and the certificates of both sides.

use super::client;
use super::question::Question;
use super::report::{Report, Ruling};
use crate::config::ListenerTls;
use crate::cors::host_and_port;
use crate::proxy::snapshot::Snapshot;
use crate::tls::ClientCertificate;

/// Overrules a verdict on requests that never come: the connection ends before.
pub(super) fn rule(snapshot: &Snapshot, question: &Question, report: &mut Report) {
    let Some((_, listener)) = client::listener(snapshot, question) else {
        return;
    };
    let Some(tls) = &listener.tls else { return };
    let is_of_a_browser = report.preflight.is_some();
    let why = if !question.speaks_tls() {
        "the listener speaks TLS, and answers plain HTTP with 400: use https in the URL"
    } else if tls.client_certificate == ClientCertificate::Always
        && (is_of_a_browser || !client::shows_certificate(question))
    {
        "the handshake fails: the listener demands a certificate in each of them, and browsers show none with a \
         preflight, or without credentials"
    } else {
        return;
    };
    if report.verdict != Ruling::NoCors {
        report.verdict = Ruling::Blocked;
        why.clone_into(&mut report.why);
    }
    report.changes.clear();
    report
        .notes
        .push("there is no HTTP on such a connection: no request, and no answer".to_owned());
    (report.preflight, report.request) = (None, None);
}

/// Says what a client meets at the listener that a question's URL leads to.
pub(super) fn notes(snapshot: &Snapshot, question: &Question, report: &Report) -> Vec<String> {
    let Some((_, listener)) = client::listener(snapshot, question) else {
        return Vec::new();
    };
    let address = listener.listen.address;
    let speaks_tls = question.speaks_tls();
    let mut notes = Vec::new();
    match &listener.tls {
        None if speaks_tls => notes.push(format!(
            "{address} has no `tls`: a handshake fails there, unless a proxy in front ends TLS"
        )),
        None | Some(_) => {}
    }
    if let Some(tls) = &listener.tls {
        notes.extend(of_name(tls, question));
        notes.extend(of_client(tls, question, report));
    }
    notes
}

/// Says that browsers refuse the certificate that the host gets.
fn of_name(tls: &ListenerTls, question: &Question) -> Option<String> {
    let (host, _) = host_and_port(&question.authority);
    let host = host.to_ascii_lowercase();
    if host
        .trim_matches(['[', ']'])
        .parse::<std::net::IpAddr>()
        .is_ok()
    {
        return None;
    }
    let mut names = tls.certificates.iter().flat_map(|one| &one.names.dns);
    let is_covered = names.any(|name| name.covers(&host));
    let first = tls.certificates.first()?;
    (!is_covered).then(|| {
        format!(
            "no certificate of the listener has the name `{host}`: clients get the one in `{}`, and browsers refuse it",
            first.path
        )
    })
}

/// Says what becomes of a client that shows no certificate.
fn of_client(tls: &ListenerTls, question: &Question, report: &Report) -> Option<String> {
    if !question.speaks_tls() {
        return None;
    }
    let is_of_a_browser = report.preflight.is_some() || !question.is_as_sent();
    match tls.client_certificate {
        ClientCertificate::Never | ClientCertificate::Optional => None,
        ClientCertificate::Always => Some(
            "with `client_certificate: except_preflight`, the listener would answer preflights without a certificate"
                .to_owned(),
        ),
        ClientCertificate::ExceptPreflight if question.credentials || !is_of_a_browser => Some(
            "this is for a client that shows a certificate; without one, everything but a preflight gets 403 with \
             these CORS headers"
                .to_owned(),
        ),
        ClientCertificate::ExceptPreflight => Some(
            "the listener asks for a client certificate, and browsers show one only with credentials: write \
             `credentials: \"include\"` in the script, and `allow_credentials: true` in the policy"
                .to_owned(),
        ),
    }
}
