//! The hand-over: a process that is started with `serve --upgrade` gets the listening sockets of the running one,
//! which then drains. No connection is refused meanwhile, because the sockets never close.
//!
//! The new process waits at a socket in `server.run_directory`; the old one connects to it when it gets SIGQUIT,
//! and hands over its sockets in one message. It goes on serving until the new one says that it serves.
//!
//! *Invariant:* only a process of the same user gets or gives sockets, and only through a folder that no other
//! user may enter.

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, get_socket_peercred, set_socket_timeout};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Maximum number of sockets that are handed over; Linux takes 253 in one message.
const MAX_SOCKETS: usize = 128;

/// Maximum length of the list of their names.
const MAX_LIST: usize = 64 << 10;

/// Maximum time that a new process waits for the old one; beyond it, it ends.
const PATIENCE: Duration = Duration::from_secs(300);

/// Maximum time that each of them waits for the other's next word; beyond it, nothing is handed over.
const WORD_TIMEOUT: Duration = Duration::from_secs(60);

/// The word by which a new process says that it serves.
const SERVING: &[u8] = b"serving\n";

/// Mode of the folder: its owner's alone.
const MODE: u32 = 0o700;

/// The use of a socket, by which the new process finds it. The address is the configured one, with port 0 if it
/// has that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use {
    pub kind: Kind,
    pub address: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Listener,
    Admin,
    Metrics,
}

/// The sockets of a process, which it can hand over.
#[derive(Debug, Default)]
pub(super) struct Sockets(Vec<(Use, TcpListener)>);

/// A new process that waits for the sockets of the old one.
#[derive(Debug)]
pub(super) struct Heir {
    socket: UnixListener,
    path: PathBuf,
}

/// The old process, once it has handed its sockets over, and until it is told that they are served.
#[derive(Debug)]
pub(super) struct Testator(UnixStream);

/// Reason for which nothing is handed over.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    #[error(
        "no folder is named for the hand-over: write `server.run_directory`, or set $RUNTIME_DIRECTORY, for both processes"
    )]
    NoFolder,
    #[error("`{}` {what}: it must be a folder of this user's that no other may enter (`chmod 700`)", .folder.display())]
    UnsafeFolder { folder: PathBuf, what: &'static str },
    #[error("can't use `{}`: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("another process waits at `{}` already", .0.display())]
    Waiting(PathBuf),
    #[error("no process waits at `{}`: start one with `serve --upgrade` first", .0.display())]
    NotWaiting(PathBuf),
    #[error("the other process is another user's")]
    OtherUser,
    #[error(
        "the old process has not come within {}: send it SIGQUIT",
        humantime::format_duration(PATIENCE)
    )]
    NotComing,
    #[error("the other process has ended, or said something else than it should: {0}")]
    Broken(String),
}

/// Returns the folder for the hand-over: the configured one, or the one that systemd made.
pub(super) fn folder(configured: Option<&Path>) -> Result<PathBuf, HandoverError> {
    let of_systemd = || {
        let folders = std::env::var_os("RUNTIME_DIRECTORY")?;
        // Several are separated by colons.
        let first = std::env::split_paths(&folders).next();
        first.filter(|folder| folder.is_absolute())
    };
    let folder = configured.map(Path::to_owned).or_else(of_systemd);
    folder.ok_or(HandoverError::NoFolder)
}

/// Makes the folder where it is missing, and refuses one that other users may enter: a user who could
/// put a socket there would get the listeners.
fn secure(folder: &Path) -> Result<PathBuf, HandoverError> {
    let failed = |error| HandoverError::Io {
        path: folder.to_owned(),
        error,
    };
    match DirBuilder::new().mode(MODE).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    let found = fs::symlink_metadata(folder).map_err(failed)?;
    let what = if !found.is_dir() {
        "is not a folder"
    } else if found.uid() != rustix::process::geteuid().as_raw() {
        "belongs to another user"
    } else if found.mode() & 0o077 != 0 {
        "may be entered by other users"
    } else {
        return Ok(folder.join("upgrade.sock"));
    };
    Err(HandoverError::UnsafeFolder {
        folder: folder.to_owned(),
        what,
    })
}

fn broken(error: impl ToString) -> HandoverError {
    HandoverError::Broken(error.to_string())
}

/// Refuses a process of another user at the other end.
fn check_user(stream: &UnixStream) -> Result<(), HandoverError> {
    let peer = get_socket_peercred(stream).map_err(broken)?;
    match peer.uid == rustix::process::geteuid() {
        true => Ok(()),
        false => Err(HandoverError::OtherUser),
    }
}

// === impl Use ===

impl Use {
    const KINDS: [(Kind, &str); 3] = [
        (Kind::Listener, "listener"),
        (Kind::Admin, "admin"),
        (Kind::Metrics, "metrics"),
    ];

    /// Parses what `Display` writes.
    fn parse(text: &str) -> Option<Self> {
        let (name, address) = text.split_once('=')?;
        let (kind, _) = Self::KINDS.into_iter().find(|(_, known)| *known == name)?;
        let address = address.parse().ok()?;
        Some(Self { kind, address })
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, name) = Self::KINDS[self.kind as usize];
        write!(f, "{name}={}", self.address)
    }
}

// === impl Sockets ===

impl Sockets {
    /// Keeps another handle of a socket, to be handed over.
    pub(super) fn keep(&mut self, r#use: Use, socket: &TcpListener) -> io::Result<()> {
        self.0.push((r#use, socket.try_clone()?));
        Ok(())
    }

    /// Takes the first socket of this use.
    pub(super) fn take(&mut self, wanted: Use) -> Option<TcpListener> {
        let at = self.0.iter().position(|(known, _)| *known == wanted)?;
        Some(self.0.remove(at).1)
    }

    /// Gives the sockets to the process that waits in the folder, and returns when it serves. Nothing has
    /// changed after an error.
    ///
    /// # Errors
    ///
    /// Where no process waits, or it ends before it serves.
    pub(super) fn hand_over(&self, folder: &Path) -> Result<(), HandoverError> {
        let path = secure(folder)?;
        let mut stream = UnixStream::connect(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                HandoverError::NotWaiting(path.clone())
            }
            _ => HandoverError::Io { path, error },
        })?;
        check_user(&stream)?;
        stream
            .set_read_timeout(Some(WORD_TIMEOUT))
            .map_err(broken)?;
        stream
            .set_write_timeout(Some(WORD_TIMEOUT))
            .map_err(broken)?;
        if self.0.len() > MAX_SOCKETS {
            return Err(broken(format!("there are more than {MAX_SOCKETS} sockets")));
        }
        let list: Vec<String> = self.0.iter().map(|(r#use, _)| r#use.to_string()).collect();
        let list = list.join(" ") + "\n";
        let list = list.as_bytes();
        let sockets: Vec<BorrowedFd<'_>> = self.0.iter().map(|(_, s)| s.as_fd()).collect();
        let mut space = [0; rustix::cmsg_space!(ScmRights(MAX_SOCKETS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&sockets));
        let sent = sendmsg(
            &stream,
            &[IoSlice::new(list)],
            &mut control,
            SendFlags::NOSIGNAL,
        );
        let sent = sent.map_err(broken)?;
        stream.write_all(&list[sent..]).map_err(broken)?;
        let mut word = [0; SERVING.len()];
        stream.read_exact(&mut word).map_err(broken)?;
        match word == SERVING {
            true => Ok(()),
            false => Err(broken("it does not say that it serves")),
        }
    }
}

// === impl Heir ===

impl Heir {
    /// Begins to wait in the folder.
    ///
    /// # Errors
    ///
    /// Where the folder can't be used, or another process waits there.
    pub(super) fn wait_in(folder: &Path) -> Result<Self, HandoverError> {
        let path = secure(folder)?;
        let failed = |error| HandoverError::Io {
            path: path.clone(),
            error,
        };
        if UnixStream::connect(&path).is_ok() {
            return Err(HandoverError::Waiting(path));
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        let socket = UnixListener::bind(&path).map_err(failed)?;
        Ok(Self { socket, path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the old process, and takes its sockets.
    ///
    /// # Errors
    ///
    /// Where it does not come in time, or breaks off.
    pub(super) fn receive(self) -> Result<(Sockets, Testator), HandoverError> {
        let until = Instant::now() + PATIENCE;
        let stream = loop {
            // On Linux the time-out of reading is that of accepting, too.
            let left = until.saturating_duration_since(Instant::now());
            // In whole seconds: a fraction may be rounded up to a second, which is then refused.
            let left = Duration::from_secs(left.as_secs() + 1);
            set_socket_timeout(&self.socket, Timeout::Recv, Some(left)).map_err(broken)?;
            match self.socket.accept() {
                Ok((stream, _)) => {
                    if check_user(&stream)
                        .and_then(|()| first_byte(&stream))
                        .is_ok()
                    {
                        break stream;
                    }
                    // Another process that only looks whether this one waits.
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(HandoverError::NotComing);
                }
                Err(error) => return Err(broken(error)),
            }
        };
        let sockets = receive_from(&stream)?;
        Ok((sockets, Testator(stream)))
    }
}

/// Waits until a connection has something to read, which one that is closed has not.
fn first_byte(stream: &UnixStream) -> Result<(), HandoverError> {
    stream
        .set_read_timeout(Some(WORD_TIMEOUT))
        .map_err(broken)?;
    let mut byte = [0];
    let peeked = rustix::net::recv(stream, &mut byte, RecvFlags::PEEK).map_err(broken)?;
    match peeked {
        0 => Err(broken("it has ended")),
        _ => Ok(()),
    }
}

fn receive_from(stream: &UnixStream) -> Result<Sockets, HandoverError> {
    let mut list = vec![0; MAX_LIST];
    let (mut length, mut sockets) = (0, Vec::<OwnedFd>::new());
    while length == 0 || list[length - 1] != b'\n' {
        if length == MAX_LIST {
            return Err(broken("its list of sockets has no end"));
        }
        let mut space = [0; rustix::cmsg_space!(ScmRights(MAX_SOCKETS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut room = [IoSliceMut::new(&mut list[length..])];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = match recvmsg(stream, &mut room, &mut control, flags) {
            Err(Errno::INTR) => continue,
            received => received.map_err(broken)?,
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(handed) = message {
                sockets.extend(handed);
            }
        }
        if received.bytes == 0 {
            return Err(broken("it has ended"));
        }
        if sockets.len() > MAX_SOCKETS {
            return Err(broken("it hands over too many sockets"));
        }
        length += received.bytes;
    }
    let list = str::from_utf8(&list[..length]).map_err(broken)?;
    let uses = list.split_ascii_whitespace().map(Use::parse);
    let uses: Option<Vec<Use>> = uses.collect();
    let uses = uses.ok_or_else(|| broken("its list of sockets can't be read"))?;
    if uses.len() != sockets.len() {
        return Err(broken("it has not handed over as many sockets as it says"));
    }
    let sockets = sockets.into_iter().map(TcpListener::from);
    Ok(Sockets(uses.into_iter().zip(sockets).collect()))
}

impl Drop for Heir {
    fn drop(&mut self) {
        // The next one that waits removes what is left.
        let _ = fs::remove_file(&self.path);
    }
}

// === impl Testator ===

impl Testator {
    /// Tells the old process that its sockets are served, so that it drains.
    ///
    /// # Errors
    ///
    /// Where it has ended.
    pub(super) fn release(mut self) -> Result<(), HandoverError> {
        self.0.write_all(SERVING).map_err(broken)
    }
}

#[cfg(test)]
mod tests;
