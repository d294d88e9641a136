//! The files that a configuration was read from, and whether they have changed.
//!
//! *Invariant:* every file of a configuration is read here, so that no change of one goes unseen.

use blake2::{Blake2s256, Digest};
use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The files that were read, each with the fingerprint of its content at that time.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<(PathBuf, Fingerprint)>,
}

/// The hash of a file's content; `None` if the file could not be read.
type Fingerprint = Option<[u8; 32]>;

// === impl Sources ===

impl Sources {
    /// Reads a file as text, and remembers its fingerprint.
    ///
    /// # Errors
    ///
    /// Fails also for a folder, a pipe or a device: reading one could block for ever.
    pub(super) fn read(&mut self, path: &Path) -> io::Result<String> {
        self.take(path, content_of(path))
    }

    /// Does the same as [`Sources::read`], for callers that can wait for a pipe or a terminal.
    pub(super) fn read_whatever_it_is(&mut self, path: &Path) -> io::Result<String> {
        self.take(path, std::fs::read(path))
    }

    fn take(&mut self, path: &Path, content: io::Result<Vec<u8>>) -> io::Result<String> {
        if !self.contains(path) {
            let fingerprint = content.as_deref().ok().map(fingerprint);
            self.files.push((path.to_owned(), fingerprint));
        }
        String::from_utf8(content?)
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, error.utf8_error()))
    }

    /// Whether `path` was read.
    pub fn contains(&self, path: &Path) -> bool {
        self.files.iter().any(|(known, _)| known == path)
    }

    /// Returns the files in the order in which they were read.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// Whether a file has changed. Reads them all, and opens only regular files.
    pub fn have_changed(&self) -> bool {
        self.files.iter().any(|(path, then)| now(path) != *then)
    }

    /// Returns the same files with the fingerprints that they have now.
    pub fn as_they_are(&self) -> Self {
        let files = self.files.iter();
        Self {
            files: files.map(|(path, _)| (path.clone(), now(path))).collect(),
        }
    }

    /// Returns a short name for the content of all files together with `document`, which the first
    /// file became: the same in every process.
    pub(super) fn hash(&self, document: &str) -> String {
        let mut hash = Blake2s256::new_with_prefix(document);
        for (_, fingerprint) in &self.files {
            hash.update(fingerprint.unwrap_or_default());
        }
        let mut name = String::new();
        for byte in &hash.finalize()[..HASH_BYTES] {
            // Writing to a string can't fail.
            let _ = write!(name, "{byte:02x}");
        }
        name
    }
}

/// Bytes of a hash in a configuration's name: enough to tell configurations apart, not to prove
/// one.
const HASH_BYTES: usize = 8;

fn now(path: &Path) -> Fingerprint {
    content_of(path).ok().as_deref().map(fingerprint)
}

/// Reads a regular file, following symlinks. Anything else is refused unopened, because opening a
/// pipe can block.
fn content_of(path: &Path) -> io::Result<Vec<u8>> {
    match std::fs::metadata(path)?.is_file() {
        true => std::fs::read(path),
        false => Err(io::Error::new(
            ErrorKind::Unsupported,
            "it is not a regular file",
        )),
    }
}

/// Returns the remedy for a file that can't be read, if it is known.
pub(super) fn hint(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::InvalidData => Some("save it as UTF-8"),
        ErrorKind::Unsupported => {
            Some("name a file, not a folder, a pipe or a device: it is read again when it changes")
        }
        _ => None,
    }
}

fn fingerprint(content: &[u8]) -> [u8; 32] {
    Blake2s256::digest(content).into()
}
