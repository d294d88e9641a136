//! `--backend`: its address, its certificates, and how often it is asked.

use super::arguments::shown;
use super::given::Given;
use super::options::{BackendAddress, BackendTls, CertificateFiles, Scheme};
use super::report::{Report, Source};
use crate::config::MAX_RETRIES;
use crate::routing::is_authority;

const BACKEND: &str = "--backend";
const RETRIES: &str = "--backend_retry_num";
const RETRY_ONS: &str = "--backend_retry_ons";
const CLIENT_CERTIFICATE: &str = "--ssl_backend_client_cert_path";
const OLD_CLIENT_CERTIFICATE: &str = "--ssl_client_cert_path";
const ROOTS: &str = "--ssl_backend_client_root_certs_file";
const OLD_ROOTS: &str = "--ssl_client_root_certs_file";
const MUTUAL: &str = "--tls_mutual_auth";
const GRPC_TLS: &str = "--enable_grpc_backend_ssl";
const GRPC_ROOTS: &str = "--grpc_backend_ssl_root_certs_file";
const GRPC_KEY: &str = "--grpc_backend_ssl_private_key_file";
const GRPC_CHAIN: &str = "--grpc_backend_ssl_cert_chain_file";

/// ESP's folder for certificates. In it, files have names of their own.
pub(super) const NGINX_FOLDER: &str = "/etc/nginx/ssl";

/// Reads the backend's address.
pub(super) fn address(given: &Given, report: &mut Report) -> BackendAddress {
    let default = || BackendAddress {
        scheme: Scheme::Http,
        host: "127.0.0.1".to_owned(),
        port: 8082,
    };
    let Some(value) = given.last(BACKEND) else {
        return default();
    };
    let (address, ignored) = match parse(&value.text) {
        Ok(parsed) => parsed,
        Err((message, hint)) => {
            report.error(BACKEND, value.source, message, hint);
            return default();
        }
    };
    if !matches!(ignored, "" | "/") {
        let message = format!(
            "`{}` behind the address is not taken over: a path belongs into the description",
            shown(ignored)
        );
        report.warn(BACKEND, value.source, message);
    }
    if given.is_on(GRPC_TLS) && address.scheme == Scheme::Grpc {
        report.error(
            GRPC_TLS,
            given.source(GRPC_TLS),
            "with a backend of `grpc://`, ESP speaks TLS and ESPv2 does not",
            "write `grpcs://` for TLS, or remove the flag",
        );
    }
    address
}

/// Takes an address apart. Returns what stands behind it, too.
fn parse(text: &str) -> Result<(BackendAddress, &str), (String, &'static str)> {
    const FORM: &str =
        "write `http`, `https`, `grpc` or `grpcs`, `://`, the host, and a port if it has one";
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        "grpc" => Scheme::Grpc,
        "grpcs" => Scheme::Grpcs,
        _ => {
            return Err((
                format!("`{}` is not the scheme of a backend", shown(scheme)),
                FORM,
            ));
        }
    };
    let (authority, ignored) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        let message = "a backend's address has no user and no password";
        return Err((message.to_owned(), "remove them, with the `@`"));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (host, after) = bracketed
                .split_once(']')
                .ok_or_else(|| (format!("in `{}` a bracket is missing", shown(text)), FORM))?;
            (host, after)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if host.is_empty() {
        return Err((format!("`{}` has no host", shown(text)), FORM));
    }
    let port = match port {
        "" => {
            if scheme.has_tls() {
                443
            } else {
                80
            }
        }
        port => port
            .strip_prefix(':')
            .filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|port| port.parse::<u16>().ok())
            .filter(|port| *port != 0)
            .ok_or_else(|| {
                let port = port.strip_prefix(':').unwrap_or(port);
                let hint = "write a number from 1 to 65535; an IPv6 address needs brackets";
                (format!("`{}` is not a port", shown(port)), hint)
            })?,
    };
    let is_host = match authority.starts_with('[') {
        true => is_authority(format!("[{host}]").as_bytes()),
        false => is_authority(host.as_bytes()),
    };
    if !is_host {
        return Err((format!("`{}` is not a host", shown(host)), FORM));
    }
    let address = BackendAddress {
        scheme,
        host: host.to_owned(),
        port,
    };
    Ok((address, ignored))
}

/// Reads the certificates for backends.
pub(super) fn tls(given: &Given, report: &mut Report) -> BackendTls {
    const TWO: &str = "they are two places for one thing";
    for (one, other) in [
        (OLD_CLIENT_CERTIFICATE, CLIENT_CERTIFICATE),
        (MUTUAL, CLIENT_CERTIFICATE),
        (MUTUAL, OLD_CLIENT_CERTIFICATE),
        (OLD_ROOTS, ROOTS),
    ] {
        given.refuse_both(one, other, TWO, report);
    }
    let has_grpc = given.is_on(GRPC_TLS);
    for flag in [GRPC_ROOTS, GRPC_KEY, GRPC_CHAIN] {
        match has_grpc {
            true => {}
            false if given.is_on(flag) => {
                let message = format!("it does nothing without `{GRPC_TLS}`");
                report.no_effect(flag, given.source(flag), message);
            }
            false => {}
        }
    }
    let of_grpc = |flag| given.filled(flag).filter(|_| has_grpc);
    if of_grpc(GRPC_ROOTS).is_some() {
        given.refuse_both(GRPC_ROOTS, ROOTS, TWO, report);
        given.refuse_both(GRPC_ROOTS, OLD_ROOTS, TWO, report);
    }
    let roots = [ROOTS, OLD_ROOTS]
        .iter()
        .find_map(|flag| given.filled(flag));
    let roots = roots.or_else(|| of_grpc(GRPC_ROOTS));
    let of_folder = [CLIENT_CERTIFICATE, OLD_CLIENT_CERTIFICATE]
        .into_iter()
        .find_map(|flag| {
            Some(files(
                &given.filled(flag)?.text,
                ("client", "backend"),
                flag,
            ))
        });
    let of_nginx = || {
        let is_on = given.is_on(MUTUAL);
        is_on.then(|| files(NGINX_FOLDER, ("client", "backend"), MUTUAL))
    };
    let client_certificate = of_folder.or_else(of_nginx);
    let of_grpc = match (of_grpc(GRPC_CHAIN), of_grpc(GRPC_KEY)) {
        (Some(certificate), Some(private_key)) => Some(CertificateFiles {
            certificate: certificate.text.clone(),
            private_key: private_key.text.clone(),
            flag: GRPC_CHAIN,
        }),
        (Some(value), None) => {
            half(GRPC_CHAIN, GRPC_KEY, value.source, report);
            None
        }
        (None, Some(value)) => {
            half(GRPC_KEY, GRPC_CHAIN, value.source, report);
            None
        }
        (None, None) => None,
    };
    if of_grpc.is_some() {
        for other in [CLIENT_CERTIFICATE, OLD_CLIENT_CERTIFICATE, MUTUAL] {
            given.refuse_both(GRPC_CHAIN, other, TWO, report);
        }
    }
    BackendTls {
        root_certificates: roots.map(|value| value.text.clone()),
        client_certificate: client_certificate.or(of_grpc),
    }
}

fn half(flag: &str, other: &str, source: Source, report: &mut Report) {
    let message = "a certificate and its key belong together";
    report.error(flag, source, message, format!("write `{other}`, too"));
}

/// Returns the files in a folder. `names` are those of ESPv2, and of ESP in its own folder.
pub(super) fn files(folder: &str, names: (&str, &str), flag: &'static str) -> CertificateFiles {
    let name = if folder.contains(NGINX_FOLDER) {
        names.1
    } else {
        names.0
    };
    let slash = if folder.ends_with('/') { "" } else { "/" };
    CertificateFiles {
        certificate: format!("{folder}{slash}{name}.crt"),
        private_key: format!("{folder}{slash}{name}.key"),
        flag,
    }
}

/// Reads the number of further tries. ESPv2 tries once more.
pub(super) fn retries(given: &Given, report: &mut Report) -> usize {
    const DEFAULT: usize = 1;
    if let Some(value) = given.last(RETRY_ONS) {
        if value.text.is_empty() {
            return 0;
        }
        let message = "the gateway has conditions of its own, under which a try can't make a request count twice";
        report.warn(RETRY_ONS, value.source, message);
    }
    let Some(value) = given.filled(RETRIES) else {
        return DEFAULT;
    };
    match value.text.parse::<u64>() {
        Ok(count) => usize::try_from(count)
            .ok()
            .filter(|count| *count <= MAX_RETRIES)
            .unwrap_or_else(|| {
                report.warn(
                    RETRIES,
                    value.source,
                    format!("{MAX_RETRIES} is the highest number there is"),
                );
                MAX_RETRIES
            }),
        Err(_) => {
            let message = format!("`{}` is not a number of tries", shown(&value.text));
            report.error(RETRIES, value.source, message, "write a number such as `1`");
            DEFAULT
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        use Scheme::{Grpc, Grpcs, Http, Https};
        for (text, scheme, host, port, ignored) in [
            ("http://127.0.0.1:8082", Http, "127.0.0.1", 8082, ""),
            ("127.0.0.1:8081", Http, "127.0.0.1", 8081, ""),
            ("backend", Http, "backend", 80, ""),
            ("https://a.example", Https, "a.example", 443, ""),
            ("HTTPS://A.example", Https, "A.example", 443, ""),
            ("grpc://a", Grpc, "a", 80, ""),
            ("grpcs://a", Grpcs, "a", 443, ""),
            ("grpc://[::1]:50051", Grpc, "::1", 50051, ""),
            ("http://[::1]", Http, "::1", 80, ""),
            ("http://a/", Http, "a", 80, "/"),
            ("http://a:1/b?c#d", Http, "a", 1, "/b?c#d"),
            ("http://a?b", Http, "a", 80, "?b"),
            ("a_b.internal:65535", Http, "a_b.internal", 65535, ""),
        ] {
            let host = host.to_owned();
            let address = BackendAddress { scheme, host, port };
            assert_eq!(parse(text), Ok((address, ignored)), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (text, message) in [
            ("ftp://a", "`ftp` is not the scheme"),
            ("://a", "`` is not the scheme"),
            ("h2c://a", "`h2c` is not the scheme"),
            ("", "has no host"),
            ("http://", "has no host"),
            ("http://:80", "has no host"),
            ("http:///a", "has no host"),
            ("http://[]:80", "has no host"),
            ("http://a:", "`` is not a port"),
            ("http://a:0", "`0` is not a port"),
            ("http://a:65536", "`65536` is not a port"),
            ("http://a:+1", "`+1` is not a port"),
            ("http://a:b", "`b` is not a port"),
            ("http://::1", "has no host"),
            ("http://fd00::1:80", "`:1:80` is not a port"),
            ("http://[::1]80", "`80` is not a port"),
            ("http://[::1", "a bracket is missing"),
            ("http://[a]", "`a` is not a host"),
            ("http://u:p@a", "no user"),
            ("http://a b", "`a b` is not a host"),
            ("http://a,b", "`a,b` is not a host"),
            ("http://a\n", "is not a host"),
        ] {
            let (problem, _) = parse(text).expect_err(text);
            assert!(problem.contains(message), "{text}: {problem}");
        }
    }
}
