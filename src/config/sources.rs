//! The files that a configuration was read from: which they are, and whether they have changed.
//!
//! *Invariant:* whatever of a configuration comes from a file is read here, so that no change of it
//! goes unseen.

use blake2::{Blake2s256, Digest};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// The files that were read, each with what was found then.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<(PathBuf, Fingerprint)>,
}

/// What a file's content was; `None` where it could not be read.
type Fingerprint = Option<[u8; 32]>;

// === impl Sources ===

impl Sources {
    /// Reads a file as text, and remembers what it was.
    pub(super) fn read(&mut self, path: &Path) -> io::Result<String> {
        let content = std::fs::read(path);
        if !self.contains(path) {
            let fingerprint = content.as_deref().ok().map(fingerprint);
            self.files.push((path.to_owned(), fingerprint));
        }
        String::from_utf8(content?)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
    }

    pub fn contains(&self, path: &Path) -> bool {
        self.files.iter().any(|(known, _)| known == path)
    }

    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// Whether a file is not what it was. Reads them all.
    pub fn have_changed(&self) -> bool {
        let now = |path: &Path| std::fs::read(path).ok().as_deref().map(fingerprint);
        self.files.iter().any(|(path, then)| now(path) != *then)
    }

    /// A short name for the content of all files together with `document`, which is what was made
    /// of the first: the same in every process.
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

/// So many bytes tell configurations apart; it is a name, not a proof.
const HASH_BYTES: usize = 8;

fn fingerprint(content: &[u8]) -> [u8; 32] {
    Blake2s256::digest(content).into()
}
