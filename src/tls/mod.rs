//! TLS of the listeners and to upstreams: certificates and their keys, read from PEM; the choice among them
//! by the name that a client asks for; and the settings for a listener, or for connections to an upstream.
//!
//! *Invariant:* no file, no socket and no clock here. Text goes in, and what can be served comes out, or
//! an error that names what is wrong with the text.

mod certificate;
mod choice;
mod client;
mod names;
mod pem;
mod provider;
mod server;

pub use certificate::{Certificate, CertificateError, CertificatePart, not_after};
pub use client::{ClientTls, Identity, is_server_name, usable_authorities};
pub use names::{CertificateName, Names};
pub use pem::{AuthorityBundle, PemError, certificate_authorities};
pub use provider::provider;
pub use server::{Alpn, Authorities, ClientCertificate, MinVersion, ServerTls, TlsSettings};
