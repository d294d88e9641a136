//! The process that serves: its log, whatever becomes of stderr, and its first signal.

use crate::support::{Client, File, Folder, PATIENCE, Refusing, Response, Running};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Write, pipe};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

/// Runs the program with these arguments and this RUST_LOG; stderr is a pipe.
fn command(arguments: &[&str], filter: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corsgate"));
    command.args(arguments).env("RUST_LOG", filter);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Waits for the end of a program, which must not take long.
fn status(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it runs") {
            return status;
        }
        assert!(started.elapsed() < PATIENCE, "it does not end");
        thread::yield_now();
    }
}

/// A gateway whose only upstream refuses connections, which the log says once per second.
struct Gateway {
    process: Running,
    traffic: SocketAddr,
    admin: SocketAddr,
    _upstream: Refusing,
    _file: File,
}

impl Gateway {
    /// Starts it with this RUST_LOG, and returns what is left of its stderr.
    fn start(filter: &str) -> (Self, BufReader<ChildStderr>) {
        let upstream = Refusing::new();
        let file = File::new(&format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\n\
             upstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
             routes: [{{ name: r, upstream: u, cors: off }}]\n",
            upstream.address
        ));
        let child = command(&["serve", "--config", &file.path], filter).spawn();
        let mut process = Running(child.expect("it runs"));
        let mut stderr = BufReader::new(process.0.stderr.take().expect("piped"));
        let mut address = |mark| {
            let lines = (&mut stderr).lines().map_while(Result::ok);
            let line = { lines }.find(|line| line.contains(mark)).expect(mark);
            let address = line.rsplit(' ').next().expect("words");
            address.parse().expect("an address")
        };
        let gateway = Self {
            traffic: address("traffic: listening on"),
            admin: address("admin: listening on"),
            process,
            _upstream: upstream,
            _file: file,
        };
        (gateway, stderr)
    }

    fn ask_admin(&self, line: &str) -> Response {
        let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        Client::connect(self.admin).exchange(&request)
    }

    fn dropped(&self) -> u64 {
        let page = self.ask_admin("GET /metrics").body;
        let mut lines = page.lines();
        let line = lines.find_map(|line| line.strip_prefix("corsgate_log_dropped_total "));
        line.expect("it is there").parse().expect("a number")
    }

    /// Sends requests, which fail and are answered, until lines of the log are dropped. Then all else
    /// has to go on as if there were no log, to the end.
    fn go_on_without_a_log(mut self) {
        let started = Instant::now();
        while self.dropped() == 0 {
            let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
            let answer = Client::connect(self.traffic).exchange(get);
            assert_eq!(answer.status, 502);
            assert!(started.elapsed() < PATIENCE, "every line was taken");
        }
        assert_eq!(self.ask_admin("POST /reload").status, 200);
        self.process.signal("TERM");
        let status = status(&mut self.process.0);
        assert!(status.success(), "{status}");
    }
}

#[test]
fn a_log_that_is_not_read_any_more_holds_nothing_up() {
    let (gateway, stderr) = Gateway::start("info");
    assert_eq!(gateway.dropped(), 0, "the counter is there from the start");
    drop(stderr);
    gateway.go_on_without_a_log();
}

#[test]
fn a_log_whose_reader_sleeps_holds_nothing_up() {
    // At this level there are dozens of lines per request.
    let (gateway, stderr) = Gateway::start("trace");
    gateway.go_on_without_a_log();
    drop(stderr);
}

#[test]
fn an_error_that_can_not_be_said_is_an_exit_status_all_the_same() {
    let bad = File::new("listeners: 7\n");
    for arguments in [
        &["serve", "--config", &bad.path][..],
        &["check", &bad.path],
        &["explain", "--config", &bad.path, "--url", "http://a/"],
        &["probe", "ftp://a/", "--origin", "https://b.example"],
    ] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let child = command(arguments, "info").stderr(writer).spawn();
        let code = status(&mut child.expect("it runs")).code();
        assert!(matches!(code, Some(1 | 2)), "{arguments:?}: {code:?}");
    }
    // A full pipe holds up the end of a gateway for no longer than a moment.
    let (_reader, mut writer) = pipe().expect("a pipe");
    writer.write_all(&[b'x'; 64 << 10]).expect("its capacity");
    let serve = ["serve", "--config", &bad.path];
    let child = command(&serve, "info").stderr(writer).spawn();
    assert_eq!(status(&mut child.expect("it runs")).code(), Some(1));
}

/// Waits until the program has read so many bytes; returns `false` where the system does not tell.
fn wait_for_reading(child: &Child, bytes: usize) -> bool {
    let started = Instant::now();
    loop {
        let Ok(counts) = std::fs::read_to_string(format!("/proc/{}/io", child.id())) else {
            return false;
        };
        let mut lines = counts.lines();
        let read = lines.find_map(|line| line.strip_prefix("rchar: "));
        if read
            .expect("it is there")
            .parse::<usize>()
            .expect("a number")
            >= bytes
        {
            return true;
        }
        assert!(started.elapsed() < PATIENCE, "it does not start");
    }
}

#[test]
fn a_reload_that_is_asked_for_before_the_gateway_serves_is_made_when_it_does() {
    let folder = Folder::new();
    // Between reading and serving them there is time for a signal.
    let origins: String = (0..5_000)
        .map(|tenant| format!("https://t{tenant}.example\n"))
        .collect();
    folder.write("origins.txt", &origins);
    let file = folder.write(
        "corsgate.yaml",
        "listeners: [{ address: '127.0.0.1:0' }]\nupstreams: { u: { echo: true } }\n\
         routes: [{ name: r, upstream: u, cors: { allow_origins: [{ file: origins.txt }] } }]\n",
    );
    let file = file.display().to_string();
    for _ in 0..20 {
        let mut gateway = Running::start(&["serve", "--config", &file]);
        if !wait_for_reading(&gateway.0, origins.len()) {
            return;
        }
        let id = Pid::from_raw(gateway.0.id().try_into().expect("an id"));
        kill(id, Signal::SIGHUP).expect("it runs");
        let log = gateway.log();
        log.line("traffic: listening on");
        let reloaded = log.line("configuration reloaded");
        assert!(reloaded.contains("SIGHUP"), "{reloaded}");
        gateway.signal("TERM");
        let status = status(&mut gateway.0);
        assert!(status.success(), "{status}");
    }
}

#[test]
fn a_line_of_the_log_says_what_is_served_and_where() {
    let file = File::new(
        "listeners: [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0' }]\n\
         admin: { address: '127.0.0.1:0' }\n\
         upstreams: { u: { echo: true } }\n\
         policies: { p: { allow_origins: [https://app.example.com] }, q: { allow_origins: '*' } }\n\
         routes:\n\
         - { name: a, match: { path: /a }, upstream: u, cors: p }\n\
         - { name: b, match: { path: /b }, upstream: u, cors: { allow_origins: '*' } }\n\
         default_policy: q\n",
    );
    let mut gateway = Running::start(&["serve", "--config", &file.path]);
    let log = gateway.log();
    let listeners = [log.listener(), log.listener()].map(|address| address.to_string());
    let admin = log.admin();
    let line = log.line("gateway serves");
    let page = Client::connect(admin).exchange("GET /config HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut comments = page.body.lines();
    let hash = comments.find_map(|line| line.strip_prefix("# hash: "));
    for said in [
        file.path.clone(),
        format!("version=\"{}\"", env!("CARGO_PKG_VERSION")),
        format!("hash=\"{}\"", hash.expect("it is on the page")),
        format!("listeners=\"{}\"", listeners.join(", ")),
        format!("admin={admin}"),
        "routes=2".to_owned(),
        "policies=3".to_owned(),
    ] {
        assert!(line.contains(&said), "{said} is not in {line}");
    }
    assert!(!line.contains("metrics="), "there is none: {line}");
}
