//! `tls` of an upstream.

use super::inputs::Inputs;
use super::tls::{TlsCompiler, WrittenCertificate};
use crate::config::lint::certificates;
use crate::config::raw::{RawCertificate, RawUpstreamTls};
use crate::config::report::Report;
use crate::config::warning::WarningName;
use crate::tls::{ClientTls, Identity, is_server_name};
use rustls::pki_types::CertificateDer;
use std::sync::Arc;

/// Compiles the value at `path`; `None` if something is wrong with it.
pub(super) fn upstream_tls(
    report: &mut Report<'_>,
    inputs: &mut Inputs,
    path: &str,
    raw: RawUpstreamTls,
) -> Option<ClientTls> {
    let RawUpstreamTls {
        server_name,
        ca,
        certificate,
        private_key,
        dangerously_skip_verify,
    } = raw;
    let before = report.error_count();
    let server_name = server_name_of(report, path, server_name);
    let skips_verification = dangerously_skip_verify.unwrap_or(false);
    if skips_verification {
        let message = "`dangerously_skip_verify` is set: an attacker on the network's path can read and \
                       change requests and responses";
        report
            .warn(
                WarningName::DangerousKey,
                format!("{path}.dangerously_skip_verify"),
                message,
            )
            .hint("name the authority that has signed the upstream's certificate in `ca`");
    }
    let mut compiler = TlsCompiler::new(report, inputs);
    let identity = identity(&mut compiler, path, certificate, private_key);
    let authorities = authorities(&mut compiler, path, ca, skips_verification);
    let is_whole = report.error_count() == before && !report.was_refused_within(path);
    let tls = ClientTls {
        server_name: server_name?,
        authorities: authorities?,
        identity,
        skips_verification,
    };
    is_whole.then_some(tls)
}

fn server_name_of(report: &mut Report<'_>, path: &str, name: Option<String>) -> Option<String> {
    let of_name = format!("{path}.server_name");
    let Some(name) = name else {
        if !report.was_refused(&of_name) {
            report
                .error(
                    path,
                    "`server_name` is missing: which name must the upstream's certificate have?",
                )
                .hint("write `server_name: books.internal`");
        }
        return None;
    };
    // pingora would ask for another name: with a hyphen in its place.
    let has_underscore = name.contains('_');
    if is_server_name(&name) && !has_underscore {
        return Some(name);
    }
    let message = format!("`{name}` is not a name that a certificate can have");
    let hint = match has_underscore {
        true => "give the upstream a certificate for a name without underscores, and write that",
        false => "write a DNS name such as `books.internal`, or an address, without a port",
    };
    report.error(of_name, message).hint(hint);
    None
}

/// Compiles the gateway's own certificate and its key, each of which needs the other.
fn identity(
    compiler: &mut TlsCompiler<'_, '_>,
    path: &str,
    certificate: Option<String>,
    private_key: Option<String>,
) -> Option<Identity> {
    if certificate.is_none() && private_key.is_none() {
        return None;
    }
    let raw = RawCertificate {
        certificate,
        private_key,
    };
    let (file, (identity, certificate)) = compiler.pair(path, raw, Identity::from_pem)?;
    let written = WrittenCertificate {
        path: format!("{path}.certificate"),
        file,
        certificate,
    };
    certificates::own(compiler.report, &written);
    Some(identity)
}

/// Compiles the authorities that the upstream's certificate is verified by.
fn authorities(
    compiler: &mut TlsCompiler<'_, '_>,
    path: &str,
    ca: Option<String>,
    skips_verification: bool,
) -> Option<Arc<[CertificateDer<'static>]>> {
    let of_file = format!("{path}.ca");
    match ca {
        Some(name) => {
            if skips_verification {
                compiler
                    .report
                    .error(
                        &of_file,
                        "with `dangerously_skip_verify`, nothing is verified by it",
                    )
                    .hint("remove `dangerously_skip_verify`");
            }
            Some(compiler.authorities(&of_file, &name)?.certificates.into())
        }
        None if skips_verification => Some(Arc::from([])),
        None => match compiler.inputs.machine_authorities() {
            Ok(all) => Some(all),
            Err(reason) => {
                let message = format!("this machine has no list of trusted authorities ({reason})");
                compiler
                    .report
                    .error(path, message)
                    .hint("write `ca: tls/ca.pem`, or install `ca-certificates`");
                None
            }
        },
    }
}
