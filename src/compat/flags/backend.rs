//! `--backend`: its address, its certificates, and how often it is asked.

use super::arguments::shown;
use super::given::Given;
use super::options::{BackendTls, CertificateFiles};
use super::report::{Report, Source};
use crate::compat::address::{Address, Scheme};
use crate::config::MAX_RETRIES;

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
pub(super) fn address(given: &Given, report: &mut Report) -> Address {
    let default = || Address {
        scheme: Scheme::Http,
        host: "127.0.0.1".to_owned(),
        port: 8082,
        path: String::new(),
    };
    let Some(value) = given.last(BACKEND) else {
        return default();
    };
    let address = match Address::parse(&value.text, Scheme::Http) {
        Ok(address) => address,
        Err(problem) => {
            report.problem(BACKEND, value.source, problem);
            return default();
        }
    };
    if !address.path.is_empty() {
        let message = format!(
            "`{}` behind the address is not taken over: paths belong in the description",
            shown(&address.path)
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
    Address {
        path: String::new(),
        ..address
    }
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
