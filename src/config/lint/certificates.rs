//! Certificates that can be served, and that the other side will not accept or never get.

use crate::config::compile::WrittenCertificate;
use crate::config::compiled::{Listener, Route};
use crate::config::report::Report;
use crate::config::unix_time;
use crate::config::warning::WarningName;
use crate::cors::Rule;
use crate::routing::HostMatch;
use crate::tls::{CertificateName, ClientCertificate};
use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

/// Warns about the certificates of one listener.
pub(in crate::config) fn certificates(report: &mut Report<'_>, all: &[WrittenCertificate]) {
    let now = unix_time();
    for written in all {
        validity(report, written, now, "clients refuse it");
        gap(report, written);
    }
    names(report, all);
}

/// Warns about the gateway's own certificate, which it shows to an upstream.
pub(in crate::config) fn own(report: &mut Report<'_>, written: &WrittenCertificate) {
    let now = unix_time();
    validity(
        report,
        written,
        now,
        "an upstream that asks for one refuses it",
    );
    gap(report, written);
}

fn gap(report: &mut Report<'_>, written: &WrittenCertificate) {
    if let Some(number) = written.certificate.gap {
        let message = format!(
            "the chain in `{}` has a gap: certificate number {} has not issued number {number}",
            written.file,
            number + 1
        );
        report
            .warn(WarningName::ChainWithGap, &written.path, message)
            .hint("put each certificate behind the one that it has issued, and remove others");
    }
}

fn validity(report: &mut Report<'_>, written: &WrittenCertificate, now: i64, consequence: &str) {
    let certificate = &written.certificate;
    let problem = if certificate.not_after < now {
        Some((certificate.not_after, "expired", "renew it"))
    } else if certificate.not_before > now {
        let hint = "check this machine's clock, and the certificate";
        Some((certificate.not_before, "becomes valid only", hint))
    } else {
        None
    };
    if let Some((at, what, hint)) = problem {
        let at = UNIX_EPOCH + Duration::from_secs(at.max(0).unsigned_abs());
        let at = humantime::format_rfc3339_seconds(at);
        let message = format!(
            "the certificate in `{}` {what} at {at}, and {consequence}",
            written.file
        );
        report
            .warn(WarningName::CertificateNotValid, &written.path, message)
            .hint(hint);
    }
}

/// Warns of names that two certificates have, and of certificates that no client gets.
fn names(report: &mut Report<'_>, all: &[WrittenCertificate]) {
    // Two of one name with keys of two kinds are for two kinds of clients.
    let mut owners: HashMap<(&CertificateName, _), &WrittenCertificate> = HashMap::new();
    for (index, written) in all.iter().enumerate() {
        let certificate = &written.certificate;
        let algorithm = u8::from(certificate.algorithm());
        let (mut own, mut shared) = (0, None);
        for name in &certificate.names.dns {
            match owners.get(&(name, algorithm)) {
                Some(owner) => shared = shared.or(Some((name, *owner))),
                None => {
                    owners.insert((name, algorithm), written);
                    own += 1;
                }
            }
        }
        if index == 0 && certificate.names.is_empty() {
            let message = format!(
                "the certificate in `{}` has no name in subjectAltName, and browsers refuse it",
                written.file
            );
            report
                .warn(WarningName::CertificateWithoutName, &written.path, message)
                .hint("request one with the names that clients use");
        } else if index > 0 && own == 0 {
            let message = match shared {
                Some((name, owner)) => format!(
                    "no client gets the certificate in `{}`: {} comes first for `{name}`",
                    written.file, owner.path
                ),
                None => format!(
                    "no client gets the certificate in `{}`: it has no name that clients could ask for",
                    written.file
                ),
            };
            report
                .warn(WarningName::UnusedCertificate, &written.path, message)
                .hint("remove it, or put it first if it is the one that is meant");
        } else if let Some((name, owner)) = shared {
            let message = format!(
                "clients that ask for `{name}` get {}, not the certificate in `{}`",
                owner.path, written.file
            );
            report
                .warn(WarningName::OverlappingCertificates, &written.path, message)
                .hint("keep each name in one certificate; of two, the first is served");
        }
    }
}

/// Warns of listeners whose handshakes keep browsers from what the routes are for.
pub(in crate::config) fn listeners(report: &mut Report<'_>, all: &[Listener], routes: &[Route]) {
    let has_policies = routes
        .iter()
        .any(|route| matches!(route.rule, Rule::Policies(_)));
    for listener in all {
        let Some(tls) = &listener.tls else { continue };
        if has_policies && tls.client_certificate == ClientCertificate::Always {
            let path = listener.listen.path.trim_end_matches("address");
            let message = "browsers show no certificate with a preflight: with `always`, the handshake of \
                           each of them fails";
            report
                .warn(
                    WarningName::PreflightWithoutCertificate,
                    format!("{path}tls.client_certificate"),
                    message,
                )
                .hint("write `except_preflight`, unless no browser comes to this listener");
        }
    }
    hosts(report, all, routes);
}

/// Warns of hosts of routes that browsers can reach by TLS alone, and that no certificate is for.
fn hosts(report: &mut Report<'_>, all: &[Listener], routes: &[Route]) {
    let tls: Option<Vec<_>> = all.iter().map(|listener| listener.tls.as_ref()).collect();
    // Behind a plain listener there may be a proxy that has the certificate.
    let Some(tls) = tls else { return };
    let certificates = tls.iter().flat_map(|tls| &tls.certificates);
    let names: Vec<&CertificateName> = certificates.flat_map(|one| &one.names.dns).collect();
    for (index, route) in routes.iter().enumerate() {
        for host in &route.matches.hosts {
            // Of a wildcard's names, a certificate may have some, and none has all.
            let HostMatch::Exact(host) = host else {
                continue;
            };
            let is_covered = names.iter().any(|name| name.covers(host));
            if !is_covered && !is_address(host) {
                let message = format!(
                    "no certificate has the name `{host}`, and browsers refuse the others for it"
                );
                report
                    .warn(
                        WarningName::HostWithoutCertificate,
                        format!("routes[{index}].match.hosts"),
                        message,
                    )
                    .hint("add a certificate for it to a listener");
            }
        }
    }
}

fn is_address(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<std::net::IpAddr>().is_ok()
}
