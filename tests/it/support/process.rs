use super::PATIENCE;
use std::cell::RefCell;
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

/// Returns the command that runs the program with a limit on its address space.
pub(crate) fn within(megabytes: usize, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let limit = (megabytes << 10).to_string();
    let script = r#"ulimit -v "$0" && exec "$@""#;
    command.args(["-c", script, &limit, env!("CARGO_BIN_EXE_corsgate")]);
    command.args(arguments);
    command
}

/// A program that runs until the value ends.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_corsgate"));
        Self::start_as(command.args(arguments))
    }

    /// Starts the program with a limit on its address space.
    pub(crate) fn start_within(megabytes: usize, arguments: &[&str]) -> Self {
        Self::start_as(&mut within(megabytes, arguments))
    }

    /// Starts a command that runs the program, or another build of it.
    pub(crate) fn start_as(command: &mut Command) -> Self {
        let child = command
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        Self(child)
    }

    /// The most memory that the process has had so far, in bytes.
    pub(crate) fn most_memory(&self) -> usize {
        self.kilobytes("VmHWM:") << 10
    }

    /// The resident memory of the process, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.kilobytes("VmRSS:") << 10
    }

    /// The number of file descriptors that the process has open; `None` where the system does not tell.
    pub(crate) fn descriptors(&self) -> Option<usize> {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.0.id())).ok()?;
        Some(open.count())
    }

    pub(crate) fn threads(&self) -> usize {
        self.status("Threads:").parse().expect("a number")
    }

    fn kilobytes(&self, key: &str) -> usize {
        let value = self.status(key);
        let kilobytes = value.strip_suffix(" kB").expect("a size");
        kilobytes.trim().parse().expect("a number")
    }

    /// Returns a value of the page that Linux has about the process.
    fn status(&self, key: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()));
        let status = status.expect("it runs");
        let value = status.lines().find_map(|line| line.strip_prefix(key));
        value.expect("Linux has it").trim().to_owned()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .expect("it runs");
        assert!(status.success());
    }

    /// Takes its stderr, line by line. Called once.
    pub(crate) fn log(&mut self) -> Log {
        let stderr = self.0.stderr.take().expect("asked for once");
        let (send, lines) = mpsc::channel();
        // Ends with the process, which would block on a pipe that is not read.
        thread::spawn(move || {
            let lines = BufReader::new(stderr).lines().map_while(Result::ok);
            for line in lines {
                let _ = send.send(line);
            }
        });
        Log {
            lines,
            read: RefCell::default(),
        }
    }
}

/// A program's log.
pub(crate) struct Log {
    lines: mpsc::Receiver<String>,
    /// The lines that were read, without their times.
    read: RefCell<String>,
}

impl Log {
    /// The next line that has `mark`.
    pub(crate) fn line(&self, mark: &str) -> String {
        let mut lines = std::iter::from_fn(|| self.next());
        let line = lines.find(|line| line.contains(mark));
        line.unwrap_or_else(|| panic!("it does not say `{mark}`"))
    }

    /// Returns the whole log of a program that ends, without times.
    pub(crate) fn whole(self) -> String {
        while self.next().is_some() {}
        self.read.into_inner()
    }

    fn next(&self) -> Option<String> {
        let line = self.lines.recv_timeout(PATIENCE).ok()?;
        let (_time, rest) = line.split_once(' ').unwrap_or_default();
        *self.read.borrow_mut() += &format!("{}\n", rest.trim_start());
        Some(line)
    }

    /// Waits until the gateway listens, and returns where.
    pub(crate) fn listener(&self) -> SocketAddr {
        self.address("traffic: listening on")
    }

    /// Waits until the admin listener is there, and returns where.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.address("admin: listening on")
    }

    /// Returns the address at the end of the next line that has `mark`.
    fn address(&self, mark: &str) -> SocketAddr {
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
