//! TLS of the listeners: certificates and their keys, read from PEM; the choice among them by the name
//! that a client asks for; and rustls's settings for a listener.
//!
//! *Invariant:* no file, no socket and no clock here. Text goes in, and what can be served comes out, or
//! an error that names what is wrong with the text.

mod certificate;
mod choice;
mod names;
mod pem;
mod provider;
mod server;

pub use certificate::{Certificate, CertificateError, CertificatePart, not_after};
pub use names::{CertificateName, Names};
pub use pem::{PemError, certificate_authorities};
pub use provider::provider;
pub use server::{Alpn, Authorities, ClientCertificate, MinVersion, ServerTls, TlsSettings};
