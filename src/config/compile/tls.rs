//! A listener's `tls`: its certificates, and those of its clients.

use super::inputs::Inputs;
use super::values::{elements, required};
use crate::config::compiled::{ListenerTls, ServedCertificate};
use crate::config::lint::certificates as lint;
use crate::config::raw::{
    RawAlpn, RawCertificate, RawClientCertificate, RawTls, RawTlsVersion, Seq,
};
use crate::config::report::Report;
use crate::config::sources::{self, Sources};
use crate::config::warning::WarningName;
use crate::tls::{
    Alpn, AuthorityBundle, Certificate, CertificateError, CertificatePart, ClientCertificate,
    MinVersion, ServerTls, TlsSettings, certificate_authorities,
};
use rustls::RootCertStore;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// Maximum number of certificates of one listener; more are refused.
const MAX_PER_LISTENER: usize = 1_000;

/// The context of all listeners and upstreams.
pub(super) struct TlsCompiler<'r, 'a> {
    pub report: &'r mut Report<'a>,
    pub inputs: &'r mut Inputs,
}

// === impl TlsCompiler ===

impl<'r, 'a> TlsCompiler<'r, 'a> {
    pub(super) fn new(report: &'r mut Report<'a>, inputs: &'r mut Inputs) -> Self {
        Self { report, inputs }
    }

    /// Compiles the value at `path`; `None` if something is wrong with it.
    pub(super) fn tls(&mut self, path: &str, raw: RawTls) -> Option<ListenerTls> {
        let RawTls {
            certificates,
            min_version,
            alpn,
            client_ca,
            client_certificate,
            forward_client_certificate,
        } = raw;
        let before = self.report.error_count();
        let certificates = self.certificates(path, certificates);
        let alpn = self.alpn(&format!("{path}.alpn"), alpn);
        let (client_certificate, client_authorities) =
            self.clients(path, client_ca, client_certificate);
        let forward_client_certificate = forward_client_certificate.unwrap_or(false);
        if forward_client_certificate && client_certificate == ClientCertificate::Never {
            self.report
                .error(
                    format!("{path}.forward_client_certificate"),
                    "clients are not asked for a certificate that could be forwarded",
                )
                .hint("write `client_ca` and `client_certificate` as well, or remove it");
        }
        lint::certificates(self.report, &certificates);
        if self.report.error_count() > before || self.report.was_refused_within(path) {
            return None;
        }
        let served = certificates.iter();
        let served = served.map(|written| ServedCertificate {
            path: written.file.clone(),
            names: written.certificate.names.clone(),
            not_after: written.certificate.not_after,
        });
        let served = served.collect();
        let settings = TlsSettings {
            certificates: certificates.into_iter().map(|w| w.certificate).collect(),
            min_version: match min_version {
                Some(RawTlsVersion::Tls13) => MinVersion::Tls13,
                Some(RawTlsVersion::Tls12) | None => MinVersion::Tls12,
            },
            alpn,
            client_certificate,
            client_authorities: Arc::new(client_authorities),
        };
        match ServerTls::new(&settings) {
            Ok(server) => Some(ListenerTls {
                server,
                client_certificate,
                forward_client_certificate,
                certificates: served,
            }),
            Err(reason) => {
                let message = format!("these settings can't be served: {reason}");
                self.report.error(path, message);
                None
            }
        }
    }

    fn certificates(
        &mut self,
        parent: &str,
        raw: Option<Seq<RawCertificate>>,
    ) -> Vec<WrittenCertificate> {
        let path = format!("{parent}.certificates");
        let what = "a listener with TLS needs one, such as \
                    `- { certificate: tls/api.crt, private_key: tls/api.key }`";
        let raw = required(self.report, &path, raw, MAX_PER_LISTENER, what);
        raw.into_iter()
            .filter_map(|(path, raw)| self.certificate(path, raw))
            .collect()
    }

    fn certificate(&mut self, path: String, raw: RawCertificate) -> Option<WrittenCertificate> {
        let (file, certificate) = self.pair(&path, raw, Certificate::from_pem)?;
        Some(WrittenCertificate {
            path,
            file,
            certificate,
        })
    }

    /// Reads the two files of the pair at `path`. Returns the name of the certificate's file, and what
    /// `read` makes of both.
    pub(super) fn pair<T>(
        &mut self,
        path: &str,
        raw: RawCertificate,
        read: impl FnOnce(&[u8], &[u8]) -> Result<T, CertificateError>,
    ) -> Option<(String, T)> {
        let RawCertificate {
            certificate,
            private_key,
        } = raw;
        let of_chain = format!("{path}.certificate");
        let of_key = format!("{path}.private_key");
        for (name, key, value) in [
            ("certificate", &of_chain, &certificate),
            ("private_key", &of_key, &private_key),
        ] {
            if value.is_none() && !self.report.was_refused(key) {
                let hint = format!("name a PEM file: `{name}: tls/api.pem`");
                let message = format!("`{name}` is missing");
                self.report.error(path, message).hint(hint);
            }
        }
        let file = certificate?;
        let key_file = private_key?;
        // Both are read, so that both are watched, and both can be reported.
        let chain = self.read(&of_chain, &file);
        let key = self.read(&of_key, &key_file);
        match read(&chain?, &key?) {
            Ok(read) => Some((file, read)),
            Err(error) => {
                let (path, file) = match error.part() {
                    CertificatePart::Certificate => (of_chain, file),
                    CertificatePart::Key => (of_key, key_file),
                };
                let message = format!("can't use `{file}`: {error}");
                self.report.error(path, message).hint(error.hint());
                None
            }
        }
    }

    /// Reads a PEM file that the value at `path` names.
    fn read(&mut self, path: &str, name: &str) -> Option<Vec<u8>> {
        let hint = |error: &io::Error| match error.kind() {
            ErrorKind::FileTooLarge => Some("no certificate is that large: name a PEM file"),
            ErrorKind::PermissionDenied => Some("let the gateway's user read it"),
            _ => sources::hint(error),
        };
        let read = self
            .inputs
            .read(self.report, path, name, Sources::read_pem, hint);
        read.map(|(_, pem)| pem)
    }

    fn alpn(&mut self, path: &str, raw: Option<Seq<RawAlpn>>) -> Vec<Alpn> {
        let Some(raw) = raw else {
            return vec![Alpn::H2, Alpn::Http11];
        };
        if raw.is_empty() {
            self.report
                .error(path, "a listener without a protocol serves no client")
                .hint("leave it out for `[h2, http/1.1]`");
        }
        let mut all = Vec::new();
        for (path, raw) in elements(self.report, path, raw) {
            let protocol = match raw {
                RawAlpn::H2 => Alpn::H2,
                RawAlpn::Http11 => Alpn::Http11,
            };
            if all.contains(&protocol) {
                let message = format!("`{}` stands here twice", protocol.as_str());
                self.report.error(&path, message).hint("remove one of them");
            }
            all.push(protocol);
        }
        all
    }

    /// Compiles `client_ca` and `client_certificate`, each of which needs the other.
    fn clients(
        &mut self,
        path: &str,
        authorities: Option<String>,
        mode: Option<RawClientCertificate>,
    ) -> (ClientCertificate, RootCertStore) {
        let of_file = format!("{path}.client_ca");
        let of_mode = format!("{path}.client_certificate");
        let has_file = authorities.is_some() || self.report.was_refused(&of_file);
        let has_mode = mode.is_some() || self.report.was_refused(&of_mode);
        let says_never = matches!(mode, Some(RawClientCertificate::Never));
        let mode = mode.map_or(ClientCertificate::Never, ClientCertificate::from);
        if has_file && !has_mode {
            self.report
                .error(
                    &of_file,
                    "`client_certificate` is missing, which says who must show one",
                )
                .hint(
                    "write `client_certificate: except_preflight` for browsers, which show none \
                     with a preflight, `always` where there are none, or `optional`",
                );
        }
        if !has_file && mode != ClientCertificate::Never {
            self.report
                .error(
                    &of_mode,
                    "`client_ca` is missing, which says whose certificates are believed",
                )
                .hint("write `client_ca: tls/clients.pem`, the authority that signs them");
        }
        let roots = authorities.and_then(|name| {
            if says_never {
                let message = "no client is asked for a certificate that it could have signed";
                self.report
                    .warn(WarningName::UnusedClientCa, &of_file, message)
                    .hint("remove it, or write another `client_certificate` than `never`");
            }
            let AuthorityBundle { roots, others, .. } = self.authorities(&of_file, &name)?;
            if let Some(number) = others.first() {
                let message = format!(
                    "certificate number {number} in `{name}` is not an authority's: it has signed no client"
                );
                self.report
                    .warn(WarningName::ClientCaWithoutAuthority, &of_file, message)
                    .hint("name the file of the authority that signs the clients' certificates");
            }
            Some(roots)
        });
        (mode, roots.unwrap_or_else(RootCertStore::empty))
    }

    /// Reads the bundle of authorities that the value at `path` names.
    pub(super) fn authorities(&mut self, path: &str, name: &str) -> Option<AuthorityBundle> {
        let pem = self.read(path, name)?;
        match certificate_authorities(&pem) {
            Ok(bundle) => Some(bundle),
            Err(error) => {
                let message = format!("can't use `{name}`: {error}");
                self.report.error(path, message).hint(error.hint());
                None
            }
        }
    }
}

/// A certificate and where it stands in the file.
pub(in crate::config) struct WrittenCertificate {
    pub path: String,
    /// The name of its file, as it is written.
    pub file: String,
    pub certificate: Certificate,
}

/// Compiles `https_redirect_port` of the listener at `path`.
pub(super) fn redirect(
    report: &mut Report<'_>,
    path: &str,
    port: Option<u16>,
    has_tls: bool,
) -> Option<u16> {
    let of_key = format!("{path}.https_redirect_port");
    if port == Some(0) {
        report
            .error(&of_key, "no server listens on port 0")
            .hint("write the port that browsers reach your https at, nearly always 443");
    }
    if port.is_some() && has_tls {
        report
            .error(
                &of_key,
                "this listener speaks TLS itself: clients would be sent in circles",
            )
            .hint("write it on the listener without `tls`");
    }
    port
}

impl From<RawClientCertificate> for ClientCertificate {
    fn from(raw: RawClientCertificate) -> Self {
        match raw {
            RawClientCertificate::Never => Self::Never,
            RawClientCertificate::Optional => Self::Optional,
            RawClientCertificate::ExceptPreflight => Self::ExceptPreflight,
            RawClientCertificate::Always => Self::Always,
        }
    }
}
