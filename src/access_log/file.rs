//! The file of a log, which other programs move away, and whose disk can be full.

use crate::lasting::LastingProblem;
use crate::lines::LineSink;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// Maximum time for which lines go to a file that was moved away.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The mode of a new file: addresses and paths of clients are not for everybody on the machine.
const MODE: u32 = 0o640;

/// A file that lines are appended to.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    /// The device and the number of the file.
    identity: (u64, u64),
    looked: Instant,
    /// Whether the last line was cut short, so that the next one needs an end before it.
    is_torn: bool,
    last_byte: u8,
    /// The file can't be opened again. Lines go on to the one that is open.
    unopened: LastingProblem,
    /// Lines are lost.
    unwritten: LastingProblem,
}

// === impl LogFile ===

impl LogFile {
    /// Opens the file, and makes it where it is missing.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let file = append_to(&path)?;
        let identity = identity(&file.metadata()?);
        Ok(Self {
            path,
            file,
            identity,
            looked: Instant::now(),
            is_torn: false,
            last_byte: b'\n',
            unopened: LastingProblem::default(),
            unwritten: LastingProblem::default(),
        })
    }

    /// Opens the file again. If that fails, lines go on to the one that is open.
    fn open_again(&mut self) {
        self.looked = Instant::now();
        let opened = append_to(&self.path);
        let opened = opened.and_then(|file| file.metadata().map(|metadata| (file, metadata)));
        match opened {
            Ok((file, metadata)) => {
                (self.file, self.identity) = (file, identity(&metadata));
                self.is_torn = false;
                self.unopened.has_ended();
            }
            Err(error) if self.unopened.is_to_be_told() => {
                let path = self.path.display();
                warn!(%path, %error, "the access log can't be opened again; lines go on to the file that it was");
            }
            Err(_) => {}
        }
    }

    /// Opens the file again if another one, or none, is in its place.
    fn look(&mut self) {
        if self.looked.elapsed() < LOOK_INTERVAL {
            return;
        }
        self.looked = Instant::now();
        let found = std::fs::metadata(&self.path);
        if found.is_ok_and(|found| identity(&found) == self.identity) {
            return;
        }
        self.open_again();
    }

    fn write_to_file(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.is_torn {
            self.file.write_all(b"\n")?;
            self.is_torn = false;
        }
        let written = self.file.write(lines)?;
        if let Some(&last) = lines[..written].last() {
            self.last_byte = last;
        }
        Ok(written)
    }
}

impl Write for LogFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.look();
        let written = self.write_to_file(lines);
        match &written {
            Ok(_) => {
                if self.unwritten.has_ended() {
                    info!(path = %self.path.display(), "the access log is written again");
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.is_torn = self.last_byte != b'\n';
                if self.unwritten.is_to_be_told() {
                    let path = self.path.display();
                    warn!(%path, %error, "the access log can't be written; lines are lost and counted until it can");
                }
            }
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LineSink for LogFile {
    fn reopen(&mut self) {
        self.open_again();
    }
}

fn append_to(path: &PathBuf) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // A pipe without a reader is an error, and does not block the reload that opens it.
    let flags = nix::libc::O_NONBLOCK;
    options
        .append(true)
        .create(true)
        .mode(MODE)
        .custom_flags(flags);
    options.open(path)
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A folder that goes with the value.
    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn folder(name: &str) -> Folder {
        let name = format!("corsgate-log-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_anew() {
        let folder = folder("moved");
        let (path, moved) = (folder.0.join("access"), folder.0.join("access.1"));
        let mut log = LogFile::open(path.clone()).expect("opens");
        log.write_all(b"one\n").expect("is written");
        fs::rename(&path, &moved).expect("moves");
        // Within the interval the old file is written.
        log.write_all(b"two\n").expect("is written");
        log.looked -= LOOK_INTERVAL;
        log.write_all(b"three\n").expect("is written");
        log.reopen();
        log.write_all(b"four\n").expect("is written");
        let read = |path| fs::read_to_string(path).expect("readable");
        assert_eq!(read(moved), "one\ntwo\n");
        assert_eq!(read(path.clone()), "three\nfour\n");
        let mode = fs::metadata(path).expect("is there").mode();
        assert_eq!(mode & 0o777 & !MODE, 0);
    }

    #[test]
    fn a_file_that_can_not_be_opened_again_is_told_once_and_written_on() {
        let folder = folder("unopened");
        let path = folder.0.join("logs/access");
        fs::create_dir(folder.0.join("logs")).expect("a folder");
        let mut log = LogFile::open(path).expect("opens");
        fs::rename(folder.0.join("logs"), folder.0.join("moved")).expect("moves");
        log.looked -= LOOK_INTERVAL;
        log.write_all(b"one\n").expect("is written");
        let told = log.unopened.told().expect("it is told");
        // Lines that are written do not make the problem a new one.
        log.looked -= LOOK_INTERVAL;
        log.write_all(b"two\n").expect("is written");
        assert_eq!(log.unopened.told(), Some(told));
        let read = fs::read_to_string(folder.0.join("moved/access")).expect("readable");
        assert_eq!(read, "one\ntwo\n");
        fs::create_dir(folder.0.join("logs")).expect("a folder");
        log.looked -= LOOK_INTERVAL;
        log.write_all(b"three\n").expect("is written");
        assert_eq!(log.unopened.told(), None);
    }

    #[test]
    fn a_line_that_was_cut_short_does_not_run_into_the_next() {
        let folder = folder("torn");
        let path = folder.0.join("access");
        let mut log = LogFile::open(path.clone()).expect("opens");
        // As a disk does that takes half of a line, and then nothing.
        assert_eq!(log.write_to_file(b"half a l").ok(), Some(8));
        log.file = File::open(&path).expect("opens to be read");
        assert!(log.write(b"ine\n").is_err());
        assert!(log.is_torn && log.unwritten.told().is_some());
        log.file = append_to(&path).expect("opens");
        log.write_all(b"whole\n").expect("is written");
        assert!(!log.is_torn && log.unwritten.told().is_none());
        let read = fs::read_to_string(path).expect("readable");
        assert_eq!(read, "half a l\nwhole\n");
    }
}
