use super::PATIENCE;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// A folder that ends with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("corsgate-test-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// Writes a file beside `name` and renames it, as editors do.
    pub(crate) fn replace(&self, name: &str, text: &str) {
        let new = self.write(&format!(".{name}.new"), text);
        std::fs::rename(new, self.path(name)).expect("renamed");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A file with `text`, in a folder that ends with the value.
pub(crate) struct File {
    pub(crate) path: String,
    _folder: Folder,
}

impl File {
    pub(crate) fn new(text: &str) -> Self {
        let folder = Folder::new();
        let path = folder.write("corsgate.yaml", text);
        Self {
            path: text_of(&path),
            _folder: folder,
        }
    }
}

fn text_of(path: &Path) -> String {
    path.display().to_string()
}

/// A program that runs until the value ends.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_corsgate"))
            .args(arguments)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        Self(child)
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .expect("it runs");
        assert!(status.success());
    }

    /// What it says on stderr, line by line. Asked for once.
    pub(crate) fn log(&mut self) -> Log {
        let stderr = self.0.stderr.take().expect("asked for once");
        let (send, lines) = mpsc::channel();
        // Ends with the process; a pipe that nobody reads would hold it up.
        thread::spawn(move || {
            let lines = BufReader::new(stderr).lines().map_while(Result::ok);
            for line in lines {
                let _ = send.send(line);
            }
        });
        Log(lines)
    }
}

/// The lines of a program's log that were not read yet.
pub(crate) struct Log(mpsc::Receiver<String>);

impl Log {
    /// The next line that has `mark`.
    pub(crate) fn line(&self, mark: &str) -> String {
        let next = || self.0.recv_timeout(PATIENCE).ok();
        let mut lines = std::iter::from_fn(next);
        let line = lines.find(|line| line.contains(mark));
        line.unwrap_or_else(|| panic!("it does not say `{mark}`"))
    }

    /// The address at the end of the next line that has `mark`.
    pub(crate) fn address(&self, mark: &str) -> SocketAddr {
        let line = self.line(mark);
        let address = line.rsplit(' ').next().expect("words");
        address
            .parse()
            .unwrap_or_else(|_| panic!("an address at the end of {line}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
