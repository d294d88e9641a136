//! `tls` of a listener, as it is written.

use super::Seq;
use schemars::JsonSchema;
use serde::Deserialize;

/// TLS of a listener. It is read again when its files change.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ certificates: [{ certificate: tls/api.crt, private_key: tls/api.key }] }`"
)]
#[schemars(rename = "Tls", extend("required" = ["certificates"], "dependentRequired" = { "client_ca": ["client_certificate"] }))]
pub(in crate::config) struct RawTls {
    /// Certificates, chosen by the name that the client asks for (SNI), exact before wildcard; the first is for all other clients.
    #[schemars(length(min = 1))]
    pub certificates: Option<Seq<RawCertificate>>,
    /// The oldest version that clients may speak. Default TLSv1.2.
    pub min_version: Option<RawTlsVersion>,
    /// The protocols that are offered, in order of preference. Default `[h2, http/1.1]`.
    #[schemars(length(min = 1))]
    pub alpn: Option<Seq<RawAlpn>>,
    /// A PEM file with the authorities that have signed the clients' certificates. It needs `client_certificate`.
    pub client_ca: Option<String>,
    /// The clients that must show a certificate. Default never.
    pub client_certificate: Option<RawClientCertificate>,
    /// Whether upstreams are told the client's certificate, in `Client-Cert` (RFC 9440). Default false.
    pub forward_client_certificate: Option<bool>,
}

/// A certificate and its key.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ certificate: tls/api.crt, private_key: tls/api.key }`"
)]
#[schemars(rename = "Certificate", extend("required" = ["certificate", "private_key"]))]
pub(in crate::config) struct RawCertificate {
    /// A PEM file with the server's certificate first, then its issuers'; its path is relative to the configuration.
    pub certificate: Option<String>,
    /// A PEM file with the key: RSA, ECDSA or Ed25519.
    pub private_key: Option<String>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(rename = "TlsVersion")]
pub(in crate::config) enum RawTlsVersion {
    /// 1.2 and 1.3.
    #[serde(rename = "TLSv1.2")]
    Tls12,
    /// 1.3 alone.
    #[serde(rename = "TLSv1.3")]
    Tls13,
}

/// A protocol that is negotiated in the handshake.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(rename = "Alpn")]
pub(in crate::config) enum RawAlpn {
    /// HTTP/2.
    #[serde(rename = "h2")]
    H2,
    /// HTTP/1.1.
    #[serde(rename = "http/1.1")]
    Http11,
}

/// The clients that must show a certificate.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ClientCertificate")]
pub(in crate::config) enum RawClientCertificate {
    /// None; clients are not asked.
    Never,
    /// None; clients are asked.
    Optional,
    /// Those that send anything but a preflight, with which browsers show none. Others get 403 with CORS headers.
    ExceptPreflight,
    /// All; without one, the handshake fails.
    Always,
}
