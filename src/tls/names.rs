//! The names in a certificate, by which a client's request chooses it.

use std::collections::BTreeSet;
use std::fmt;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

/// One DNS name of a certificate, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertificateName {
    Exact(String),
    /// The labels behind `*.`, which stands for exactly one label: RFC 9525 §6.3.
    Wildcard(String),
}

/// The names of one certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    pub dns: BTreeSet<CertificateName>,
    /// Whether it has an IP address. Browsers accept it, but no client asks for it in SNI.
    pub has_address: bool,
}

// === impl CertificateName ===

impl CertificateName {
    fn parse(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match text.strip_prefix("*.") {
            Some(rest) => Self::Wildcard(rest.to_owned()),
            None => Self::Exact(text),
        }
    }

    /// Whether the name covers a host in lower case.
    pub fn covers(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Wildcard(rest) => parent(host) == Some(rest),
        }
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Wildcard(rest) => write!(f, "*.{rest}"),
        }
    }
}

// === impl Names ===

impl Names {
    /// Reads the names out of a certificate. The subject's common name does not count: browsers have
    /// ignored it since 2017.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut names = Self::default();
        let Ok(Some(alternative)) = certificate.subject_alternative_name() else {
            return names;
        };
        for name in &alternative.value.general_names {
            match name {
                GeneralName::DNSName(name) => {
                    names.dns.insert(CertificateName::parse(name));
                }
                GeneralName::IPAddress(_) => names.has_address = true,
                _ => {}
            }
        }
        names
    }

    pub fn is_empty(&self) -> bool {
        self.dns.is_empty() && !self.has_address
    }
}

/// Returns the host without its first label.
pub(super) fn parent(host: &str) -> Option<&str> {
    let (label, rest) = host.split_once('.')?;
    (!label.is_empty() && !rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_one_label() {
        for (name, host, covers) in [
            ("api.example.com", "api.example.com", true),
            ("API.Example.com", "api.example.com", true),
            ("api.example.com", "b.api.example.com", false),
            ("*.example.com", "api.example.com", true),
            ("*.example.com", "b.api.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "evilexample.com", false),
            ("*.com", "example.com", true),
        ] {
            assert_eq!(
                CertificateName::parse(name).covers(host),
                covers,
                "{name}, {host}"
            );
        }
        assert_eq!(CertificateName::parse("*.A.b").to_string(), "*.a.b");
    }
}
