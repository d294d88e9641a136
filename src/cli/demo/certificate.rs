//! A certificate for the demo's https, made when it starts and gone when it ends.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A folder with a certificate, its key, and the authority that clients have to trust. It is removed
/// with the value.
pub(super) struct CertificateFolder(PathBuf);

/// The files' names.
pub(super) const AUTHORITY: &str = "ca.crt";
pub(super) const CERTIFICATE: &str = "localhost.crt";
pub(super) const KEY: &str = "localhost.key";

// === impl CertificateFolder ===

impl CertificateFolder {
    /// Makes a certificate for `localhost` and this address, and an authority that signs it and nothing
    /// else: its key is not kept.
    pub(super) fn new(address: IpAddr) -> io::Result<Self> {
        let name = format!("corsgate-demo-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        // Not one that is there already, which may be someone else's.
        DirBuilder::new().mode(0o700).create(folder.path())?;
        let (authority, certificate, key) = signed(address).map_err(io::Error::other)?;
        for (name, pem) in [
            (AUTHORITY, authority),
            (CERTIFICATE, certificate),
            (KEY, key),
        ] {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(folder.path().join(name))?;
            file.write_all(pem.as_bytes())?;
        }
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for CertificateFolder {
    fn drop(&mut self) {
        // What is left of it does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns an authority, a certificate that it has signed, and the certificate's key, as PEM.
fn signed(address: IpAddr) -> Result<(String, String, String), rcgen::Error> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "corsgate demo");
    let authority_key = KeyPair::generate()?;
    let authority = params.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate()?;
    let names = vec!["localhost".to_owned(), address.to_string()];
    let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
    Ok((authority, certificate.pem(), key.serialize_pem()))
}
