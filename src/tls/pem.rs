//! Reading PEM (RFC 7468): the certificates and the private key of a file.
//!
//! Files of other software have both in one, in any order. So each reader takes what it looks for and
//! skips the rest; where it finds nothing, the error says what was there instead.

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error, PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};

/// Maximum number of certificates in one file; a file with more is refused. All roots that browsers
/// trust are fewer than two hundred.
const MAX_PER_FILE: usize = 1_000;

/// Reason for which a PEM file is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    #[error("it is empty")]
    Empty,
    #[error("it is not PEM: no line says `-----BEGIN …-----`")]
    NotPem,
    #[error("its PEM is broken: {0}")]
    Broken(&'static str),
    #[error("it has a private key and no certificate")]
    OnlyKey,
    #[error("it has a certificate and no private key")]
    OnlyCertificates,
    #[error("it has neither a certificate nor a private key")]
    Neither,
    #[error("its private key is encrypted")]
    EncryptedKey,
    #[error("it has more than {MAX_PER_FILE} certificates")]
    TooMany,
    #[error("its certificate number {0} is not one that can be trusted: {1}")]
    BadAuthority(usize, &'static str),
}

/// The things in a PEM file that a listener has a use for.
#[derive(Default)]
struct Contents {
    certificates: Vec<CertificateDer<'static>>,
    key: Option<PrivateKeyDer<'static>>,
    has_encrypted_key: bool,
}

// === impl PemError ===

impl PemError {
    /// Returns what the operator can do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Empty => "the file may still have to be written: see what writes it",
            Self::NotPem => {
                "write PEM; a DER file becomes one with `openssl x509 -inform der -in FILE`, \
                 or `openssl pkey -inform der -in FILE` for a key"
            }
            Self::Broken(_) => "copy the file again, whole",
            Self::OnlyKey => "name the file with the certificate; this one is for `private_key`",
            Self::OnlyCertificates => {
                "name the file with the private key; this one is for `certificate`"
            }
            Self::Neither => {
                "name a file with `-----BEGIN CERTIFICATE-----` or `-----BEGIN PRIVATE KEY-----`"
            }
            Self::EncryptedKey => {
                "decrypt it with `openssl pkey -in FILE -out NEW`, readable for the gateway alone"
            }
            Self::TooMany => "keep only those that are needed",
            Self::BadAuthority(..) => "remove it from the file",
        }
    }
}

// === impl Contents ===

impl Contents {
    fn of(pem: &[u8]) -> Result<Self, PemError> {
        if pem.trim_ascii().is_empty() {
            return Err(PemError::Empty);
        }
        let mut contents = Self {
            // An old one looks like a key that is not encrypted, but for a line above its content.
            has_encrypted_key: has_line(pem, b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
                || has_line(pem, b"Proc-Type: 4,ENCRYPTED"),
            ..Self::default()
        };
        let mut sections = 0;
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
            let (kind, der) = section.map_err(|error| match contents.has_encrypted_key {
                true => PemError::EncryptedKey,
                false => PemError::Broken(phrase(&error)),
            })?;
            sections += 1;
            match kind {
                SectionKind::Certificate if contents.certificates.len() == MAX_PER_FILE => {
                    return Err(PemError::TooMany);
                }
                SectionKind::Certificate => contents.certificates.push(der.into()),
                SectionKind::RsaPrivateKey
                | SectionKind::PrivateKey
                | SectionKind::EcPrivateKey => {
                    contents.key = contents.key.or_else(|| key(kind, der));
                }
                _ => {}
            }
        }
        match sections {
            0 if !contents.has_encrypted_key && !has_line(pem, b"-----BEGIN ") => {
                Err(PemError::NotPem)
            }
            _ => Ok(contents),
        }
    }
}

/// Returns the certificates of a file in their order; there is at least one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let contents = Contents::of(pem)?;
    match contents.certificates.is_empty() {
        false => Ok(contents.certificates),
        true if contents.key.is_some() || contents.has_encrypted_key => Err(PemError::OnlyKey),
        true => Err(PemError::Neither),
    }
}

/// Returns the first private key of a file.
pub(super) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    let contents = Contents::of(pem)?;
    match contents.key {
        Some(key) => Ok(key),
        None if contents.has_encrypted_key => Err(PemError::EncryptedKey),
        None if contents.certificates.is_empty() => Err(PemError::Neither),
        None => Err(PemError::OnlyCertificates),
    }
}

/// A bundle of authorities.
pub struct AuthorityBundle {
    pub roots: RootCertStore,
    pub certificates: Vec<CertificateDer<'static>>,
    /// The numbers of those that say they are not authorities.
    pub others: Vec<usize>,
}

/// Reads a bundle of the authorities that may have signed certificates of clients, or of a server.
///
/// # Errors
///
/// Fails if there is none, or if one of them is not a certificate.
pub fn certificate_authorities(pem: &[u8]) -> Result<AuthorityBundle, PemError> {
    let mut roots = RootCertStore::empty();
    let mut others = Vec::new();
    let certificates = certificates(pem)?;
    for (index, certificate) in certificates.iter().enumerate() {
        if !is_authority(certificate) {
            others.push(index + 1);
        }
        let bad = PemError::BadAuthority(index + 1, "it is not an X.509 certificate");
        roots.add(certificate.clone()).map_err(|_| bad)?;
    }
    Ok(AuthorityBundle {
        roots,
        certificates,
        others,
    })
}

/// Whether a certificate may sign others, or is of a time when none said so.
fn is_authority(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return false;
    };
    match certificate.basic_constraints() {
        Ok(Some(constraints)) => constraints.value.ca,
        _ => certificate.version() == X509Version::V1,
    }
}

fn key(kind: SectionKind, der: Vec<u8>) -> Option<PrivateKeyDer<'static>> {
    match kind {
        SectionKind::RsaPrivateKey => Some(PrivateKeyDer::Pkcs1(der.into())),
        SectionKind::PrivateKey => Some(PrivateKeyDer::Pkcs8(der.into())),
        SectionKind::EcPrivateKey => Some(PrivateKeyDer::Sec1(der.into())),
        _ => None,
    }
}

fn has_line(pem: &[u8], start: &[u8]) -> bool {
    pem.split(|&byte| byte == b'\n')
        .any(|line| line.trim_ascii_start().starts_with(start))
}

/// Returns the reason of an error, without the bytes of the file, which may be those of a key.
fn phrase(error: &Error) -> &'static str {
    match error {
        Error::MissingSectionEnd { .. } => "a section has no end",
        Error::IllegalSectionStart { .. } => "a section's first line is malformed",
        Error::Base64Decode(_) => "a section is not Base64",
        _ => "a section can't be read",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(kind: &str, body: &str) -> String {
        format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n")
    }

    #[test]
    fn a_file_that_is_of_no_use_says_what_it_has() {
        let certificate = section("CERTIFICATE", "AAAA");
        let key = section("PRIVATE KEY", "AAAA");
        let encrypted = section("ENCRYPTED PRIVATE KEY", "AAAA");
        let old = section(
            "RSA PRIVATE KEY",
            "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA",
        );
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        use PemError::{
            Broken, Empty, EncryptedKey, Neither, NotPem, OnlyCertificates, OnlyKey, TooMany,
        };
        let no_end = "a section has no end";
        for (name, pem, as_certificates, as_key) in [
            (
                "both, the key first",
                key.clone() + &certificate,
                None,
                None,
            ),
            ("both, the key last", certificate.clone() + &key, None, None),
            (
                "text around them",
                format!("subject=x\n{certificate}{key}bye"),
                None,
                None,
            ),
            ("nothing", String::new(), Some(Empty), Some(Empty)),
            (
                "white space",
                " \r\n\t".to_owned(),
                Some(Empty),
                Some(Empty),
            ),
            ("DER", "0\u{82}\u{1}".to_owned(), Some(NotPem), Some(NotPem)),
            (
                "a certificate",
                certificate.clone(),
                None,
                Some(OnlyCertificates),
            ),
            ("a key", key.clone(), Some(OnlyKey), None),
            (
                "an encrypted key",
                encrypted,
                Some(OnlyKey),
                Some(EncryptedKey),
            ),
            (
                "an old encrypted key",
                old,
                Some(EncryptedKey),
                Some(EncryptedKey),
            ),
            (
                "a request",
                section("CERTIFICATE REQUEST", "AAAA"),
                Some(Neither),
                Some(Neither),
            ),
            (
                "cut short",
                cut.to_owned(),
                Some(Broken(no_end)),
                Some(Broken(no_end)),
            ),
            (
                "too many",
                certificate.repeat(MAX_PER_FILE + 1),
                Some(TooMany),
                Some(TooMany),
            ),
        ] {
            assert_eq!(
                certificates(pem.as_bytes()).err(),
                as_certificates,
                "{name}"
            );
            assert_eq!(private_key(pem.as_bytes()).err(), as_key, "{name}");
        }
    }

    #[test]
    fn an_authority_is_a_certificate() {
        let pem = section("CERTIFICATE", "AAAA");
        let error = certificate_authorities(pem.as_bytes()).err();
        let error = error.expect("three zero bytes");
        assert!(matches!(error, PemError::BadAuthority(1, _)), "{error}");
    }
}
