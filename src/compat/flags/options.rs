//! The options that flags and variables amount to.

use super::report::{Remark, Source};
use super::table;
use crate::compat::address::Address;
use std::collections::BTreeMap;

/// Everything that the flags say and that has an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `None` without a preset.
    pub cors: Option<CorsOptions>,
    /// `--backend`; its path is empty.
    pub backend: Address,
    /// `--enable_backend_address_override`: everything goes to `backend`.
    pub overrides_backend_addresses: bool,
    pub backend_tls: BackendTls,
    /// Maximum number of further tries.
    pub backend_retries: usize,
    /// One per port, at least one.
    pub listeners: Vec<ListenerOptions>,
    /// File of the authorities of client certificates; with it, every client of a port with TLS needs one.
    pub client_authorities: Option<String>,
    /// The lowest version of TLS for clients.
    pub lowest_tls: TlsVersion,
    /// The path that is answered with 200, with its slash.
    pub healthz: Option<String>,
    /// The file of the access log.
    pub access_log: Option<String>,
    /// `None` is off.
    pub admin_port: Option<u16>,
    /// The file that describes the service.
    pub description: Option<String>,
    /// The name of the service, whose description can't be fetched.
    pub service: Option<String>,
    /// `--disallow_colon_in_wildcard_path_segment`.
    pub disallows_colons: bool,
    /// `--corsgate_strict`.
    pub is_strict: bool,
    /// `--corsgate_dangerously_no_authentication`.
    pub dangerously_no_authentication: bool,
    /// Edits of requests for backends, one per name and kind of edit; the replacements come first.
    pub request_headers: Vec<HeaderEdit>,
    /// Edits of responses, likewise.
    pub response_headers: Vec<HeaderEdit>,
    /// Maximum size of a request's body; `None` for any size.
    pub max_request_body_bytes: Option<u64>,
    /// Networks whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<String>,
    /// Lines for the operator about the flags, in their order.
    pub remarks: Vec<Remark>,
    pub(super) sources: BTreeMap<&'static str, Source>,
}

/// A preset with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsOptions {
    pub origin: OriginOption,
    /// A header field's value, as are the next two; empty for a field that is not sent.
    pub allow_methods: String,
    pub allow_headers: String,
    pub expose_headers: String,
    pub allow_credentials: bool,
    pub max_age_seconds: u64,
}

/// The origins that a preset allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginOption {
    /// `*`.
    Any,
    /// One origin, compared byte by byte; it need not be one that a browser sends.
    Exact(String),
    Regex {
        /// The regex of RE2, as it was given.
        written: String,
        /// The same in the syntax of [`crate::cors::RegexPattern`], which parses it.
        pattern: String,
    },
}

/// The TLS that the gateway speaks with backends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackendTls {
    /// File of the authorities of backends' certificates; `None` for those that the machine trusts.
    pub root_certificates: Option<String>,
    /// The gateway's own certificate.
    pub client_certificate: Option<CertificateFiles>,
}

/// The files of a certificate. Whether they are there is for the caller to find out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: String,
    pub private_key: String,
    /// The flag that names them.
    pub flag: &'static str,
}

/// A port with what it speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerOptions {
    pub port: u16,
    /// The flag that names the port; `--listener_port` for the default port.
    pub flag: &'static str,
    /// `None` for a port without TLS.
    pub certificate: Option<CertificateFiles>,
}

/// A version of TLS that clients may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    V1_2,
    V1_3,
}

/// An edit of a header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderEdit {
    /// The name as it was written, a legal one.
    pub name: String,
    pub action: HeaderAction,
    /// The flag that asks for it.
    pub flag: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderAction {
    /// All lines of the field are replaced by one with this value.
    Replace(String),
    /// A line with this value is added.
    Append(String),
    /// All lines are removed: backends would take a client's own value for the gateway's.
    Remove,
}

// === impl Options ===

impl Options {
    /// Returns the place that the value of a flag comes from. `flag` is any of the flag's names.
    pub fn source(&self, flag: &str) -> Source {
        let known = table::named(flag);
        let source = known.and_then(|known| self.sources.get(known.flag.name()));
        source.copied().unwrap_or(Source::Default)
    }
}
