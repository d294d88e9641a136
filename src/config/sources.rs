//! The files that a configuration was read from, and whether they have changed.
//!
//! *Invariant:* every file of a configuration is read here, so that no change of one goes unseen.

use blake2::{Blake2s256, Digest};
use nix::fcntl::OFlag;
use std::fmt::Write as _;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Maximum bytes of a configuration file, as of a Kubernetes ConfigMap; a larger one is refused.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// Maximum bytes of a configuration's files of origins together, each counted as often as it is named;
/// a file beyond it is refused.
const MAX_ORIGINS_BYTES: u64 = 32 << 20;
/// Maximum times that a configuration names a file of origins; one more is refused.
const MAX_ORIGINS_FILES: usize = 1_000;

/// Maximum bytes of a PEM file; a larger one is refused. A certificate with its chain has less than
/// 16 KiB, and the authorities that browsers trust have less than 1 MiB together.
const MAX_PEM_BYTES: u64 = 1 << 20;
/// Maximum times that a configuration names a PEM file; one more is refused.
const MAX_PEM_FILES: usize = 4_000;

/// Maximum bytes of the description of a service; a larger one is refused.
const MAX_DESCRIPTION_BYTES: u64 = 16 << 20;

/// The files that were read, each with the fingerprint of its content at that time.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<(PathBuf, Fingerprint)>,
    /// The number of times that a file of origins was read, and the bytes of all of them.
    origins: (usize, u64),
    /// The number of times that a PEM file was read.
    pem: usize,
}

/// The hash of a file's content; `None` if the file could not be read.
type Fingerprint = Option<[u8; 32]>;

// === impl Sources ===

impl Sources {
    /// Reads a configuration file as text, and remembers its fingerprint.
    ///
    /// # Errors
    ///
    /// Fails also for a folder, a pipe or a device, because reading one could block for ever, and for
    /// a file that is too large.
    pub(super) fn read_config(&mut self, path: &Path) -> io::Result<String> {
        self.take(path, content_of(path, MAX_CONFIG_BYTES))
    }

    /// Does the same as [`Sources::read_config`], for callers that can wait for a pipe or a terminal.
    pub(super) fn read_config_from_anything(&mut self, path: &Path) -> io::Result<String> {
        let content = File::open(path).and_then(|file| bounded(file, MAX_CONFIG_BYTES));
        self.take(path, content)
    }

    /// Reads the description of a service as text, and remembers its fingerprint.
    ///
    /// # Errors
    ///
    /// Fails also for a folder, a pipe or a device, and for a file that is too large.
    pub fn read_description(&mut self, path: &Path) -> io::Result<String> {
        self.take(path, content_of(path, MAX_DESCRIPTION_BYTES))
    }

    /// Checks that a file is there.
    ///
    /// # Errors
    ///
    /// Fails for a folder, a pipe or a device, too.
    pub fn check(path: &Path) -> io::Result<()> {
        check_regular(&std::fs::metadata(path)?)
    }

    /// Reads a file of origins as text, and remembers its fingerprint.
    ///
    /// # Errors
    ///
    /// The same as [`Sources::read_config`], for all files of origins together.
    pub(super) fn read_origins(&mut self, path: &Path) -> io::Result<String> {
        let (files, bytes) = &mut self.origins;
        if *files == MAX_ORIGINS_FILES {
            let message = format!("files of origins are named more than {MAX_ORIGINS_FILES} times");
            return Err(io::Error::new(ErrorKind::QuotaExceeded, message));
        }
        *files += 1;
        let content = content_of(path, MAX_ORIGINS_BYTES - *bytes);
        let content = content.map_err(|error| match error.kind() {
            ErrorKind::FileTooLarge => {
                let most = MAX_ORIGINS_BYTES >> 20;
                let message = format!("the files of origins together are larger than {most} MiB");
                io::Error::new(ErrorKind::QuotaExceeded, message)
            }
            _ => error,
        });
        *bytes += content.as_ref().map_or(0, |content| content.len() as u64);
        self.take(path, content)
    }

    /// Reads a PEM file, and remembers its fingerprint.
    ///
    /// # Errors
    ///
    /// The same as [`Sources::read_config`]; a PEM file need not be text.
    pub(super) fn read_pem(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        if self.pem == MAX_PEM_FILES {
            let message = format!("PEM files are named more than {MAX_PEM_FILES} times");
            return Err(io::Error::new(ErrorKind::QuotaExceeded, message));
        }
        self.pem += 1;
        let content = content_of(path, MAX_PEM_BYTES);
        self.remember(path, &content);
        content
    }

    fn take(&mut self, path: &Path, content: io::Result<Vec<u8>>) -> io::Result<String> {
        self.remember(path, &content);
        String::from_utf8(content?)
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, error.utf8_error()))
    }

    fn remember(&mut self, path: &Path, content: &io::Result<Vec<u8>>) {
        if !self.contains(path) {
            let fingerprint = content.as_deref().ok().map(fingerprint);
            self.files.push((path.to_owned(), fingerprint));
        }
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
            ..*self
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
    // No file that was read is larger.
    let content = content_of(path, MAX_ORIGINS_BYTES.max(MAX_CONFIG_BYTES));
    content.ok().as_deref().map(fingerprint)
}

/// Reads a regular file of at most `most` bytes, following symlinks. Anything else is refused unread,
/// and nearly always unopened.
fn content_of(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Opening a device can change it.
    check_regular(&std::fs::metadata(path)?)?;
    bounded(open_regular(path)?, most)
}

/// Opens a regular file. The name may belong to another file than before, such as a pipe, whose opening
/// would wait for a writer: hence `O_NONBLOCK`, which regular files don't mind, and a look at what was
/// opened.
fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)?;
    check_regular(&file.metadata()?)?;
    Ok(file)
}

fn check_regular(metadata: &Metadata) -> io::Result<()> {
    let refusal = || io::Error::new(ErrorKind::Unsupported, "it is not a regular file");
    metadata.is_file().then_some(()).ok_or_else(refusal)
}

/// Reads `file` to its end, unless that is behind `most` bytes. Its size is not asked for, because a
/// file may grow, and some say zero.
fn bounded(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(most + 1).read_to_end(&mut content)?;
    match content.len() as u64 > most {
        true => {
            let message = format!("it is larger than {} MiB", most >> 20);
            Err(io::Error::new(ErrorKind::FileTooLarge, message))
        }
        false => Ok(content),
    }
}

/// Returns the remedy for a file that can't be read, if it is known.
pub(super) fn hint(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::InvalidData => Some("save it as UTF-8"),
        ErrorKind::FileTooLarge => {
            Some("move long lists of origins into files of their own: write `- file: origins.txt`")
        }
        ErrorKind::QuotaExceeded => {
            Some("allow origins of one domain by a pattern such as `https://*.example.com`")
        }
        ErrorKind::Unsupported => {
            Some("name a file, not a folder, a pipe or a device: it is read again when it changes")
        }
        _ => None,
    }
}

fn fingerprint(content: &[u8]) -> [u8; 32] {
    Blake2s256::digest(content).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_name_that_has_become_a_pipe_is_refused_and_does_not_block() {
        let folder = std::env::temp_dir().join(format!("corsgate-sources-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (pipe, link, file) = (
            folder.join("pipe"),
            folder.join("link"),
            folder.join("file"),
        );
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe");
        std::fs::write(&file, "a").expect("written");
        let (done, opened) = std::sync::mpsc::channel();
        // The pipe has no writer, so that a thread that waits for one would stay.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _ = done.send(open_regular(&pipe).map(drop));
            });
            let opened = opened.recv_timeout(std::time::Duration::from_secs(60));
            // Lets the thread go, where it waits.
            let _ = OpenOptions::new().read(true).write(true).open(&pipe);
            let error = opened.expect("it does not block").expect_err("a pipe");
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        });
        symlink(&file, &link).expect("a link");
        assert!(open_regular(&link).is_ok());
        assert!(open_regular(&folder).is_err());
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
