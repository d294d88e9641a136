//! One process takes the listeners of another over, under load.

use crate::support::{Authority, Client, File, Folder, Log, PATIENCE, Running, TlsClient, run};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const PREFLIGHT: &str = "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example.com\r\n\
    Access-Control-Request-Method: GET\r\n\r\n";

/// The files of both processes. Their upstream is the built-in one: each has its own, and needs it to the last.
struct Stage {
    folder: Folder,
    file: File,
    authority: Authority,
}

impl Stage {
    fn new() -> Self {
        let folder = Folder::new();
        let authority = Authority::new("servers");
        authority.issue(&["a.test"]).write(&folder, "api");
        let (run, pem) = (folder.path("run"), folder.path("api"));
        let file = File::new(&format!(
            "listeners:\n- {{ address: '127.0.0.1:0' }}\n\
             - {{ address: '127.0.0.1:0', tls: {{ certificates: [{{ certificate: '{0}.crt', private_key: '{0}.key' }}] }} }}\n\
             admin: {{ address: '127.0.0.1:0' }}\n\
             server: {{ threads: 1, shutdown_delay: 5s, run_directory: '{1}' }}\n\
             upstreams: {{ u: {{ echo: true }} }}\n\
             routes: [{{ name: r, upstream: u, cors: {{ allow_origins: [https://app.example.com] }} }}]\n",
            pem.display(),
            run.display()
        ));
        Self {
            folder,
            file,
            authority,
        }
    }

    fn start(&self, more: &[&str]) -> (Running, Log) {
        let arguments = [&["serve", "--config", &self.file.path], more].concat();
        let mut process = Running::start(&arguments);
        let log = process.log();
        (process, log)
    }
}

/// Clients that ask all the time, each on a connection that it keeps while it may.
struct Load {
    clients: Vec<JoinHandle<()>>,
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
}

impl Load {
    fn start(plain: SocketAddr, tls: SocketAddr, authority: &Authority) -> Self {
        let (is_over, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut clients = Vec::new();
        for request in [GET, PREFLIGHT, GET, PREFLIGHT] {
            let (is_over, answered) = (Arc::clone(&is_over), Arc::clone(&answered));
            clients.push(thread::spawn(move || {
                let mut client = Client::connect(plain);
                while !is_over.load(Ordering::Relaxed) {
                    let answer = client.exchange(request);
                    assert!(matches!(answer.status, 200 | 204), "{}", answer.status);
                    answered.fetch_add(1, Ordering::Relaxed);
                    if answer.get("connection").as_deref() == Some("close") {
                        client = Client::connect(plain);
                    }
                }
            }));
        }
        for alpn in ["h2", "http/1.1"] {
            let client = TlsClient::new(authority, "a.test", &[alpn]);
            let (is_over, answered) = (Arc::clone(&is_over), Arc::clone(&answered));
            clients.push(thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let answer = run(client.exchange(tls, "GET", &[]));
                    assert_eq!(answer.expect("an answer").status, 200);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        Self {
            clients,
            is_over,
            answered,
        }
    }

    /// Waits until so many more requests were answered.
    fn go_on(&self, more: usize) {
        let until = self.answered.load(Ordering::Relaxed) + more;
        let started = Instant::now();
        while self.answered.load(Ordering::Relaxed) < until {
            let has_failed = self.clients.iter().any(JoinHandle::is_finished);
            assert!(!has_failed, "a client has lost a request");
            assert!(started.elapsed() < PATIENCE, "no answers come");
            thread::yield_now();
        }
    }

    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().expect("no request was lost");
        }
    }
}

#[test]
fn listeners_are_taken_over_and_no_request_is_lost() {
    let stage = Stage::new();
    let (mut old, old_log) = stage.start(&[]);
    let (plain, tls) = (old_log.listener(), old_log.listener());
    let admin = old_log.admin();
    old_log.line("gateway serves");
    let load = Load::start(plain, tls, &stage.authority);
    load.go_on(200);
    let (new, new_log) = stage.start(&["--upgrade"]);
    new_log.line("waiting for the old process");
    load.go_on(100);
    old.signal("QUIT");
    assert_eq!((new_log.listener(), new_log.listener()), (plain, tls));
    assert_eq!(new_log.admin(), admin);
    new_log.line("listeners taken over");
    old_log.line("listeners handed over");
    load.go_on(200);
    assert!(old.0.wait().expect("it ends").success());
    load.go_on(100);
    // Once more: the heir has become the old one.
    let (mut third, third_log) = stage.start(&["--upgrade"]);
    third_log.line("waiting for the old process");
    new.signal("QUIT");
    third_log.line("listeners taken over");
    load.go_on(200);
    load.end();
    third.signal("INT");
    assert!(third.0.wait().expect("it ends").success());
    assert!(!stage.folder.path("run/upgrade.sock").exists());
}

#[test]
fn without_a_process_that_waits_the_old_one_serves_on() {
    let stage = Stage::new();
    let (old, log) = stage.start(&[]);
    let plain = log.listener();
    log.line("gateway serves");
    old.signal("QUIT");
    let line = log.line("SIGQUIT");
    assert!(line.contains("no process waits at"), "{line}");
    assert_eq!(Client::connect(plain).exchange(GET).status, 200);
    // One that waits, and is ended, changes nothing.
    let (mut heir, heir_log) = stage.start(&["--upgrade"]);
    heir_log.line("waiting for the old process");
    heir.0.kill().expect("it runs");
    heir.0.wait().expect("it ends");
    old.signal("QUIT");
    let line = log.line("SIGQUIT");
    assert!(line.contains("no process waits at"), "{line}");
    assert_eq!(Client::connect(plain).exchange(GET).status, 200);
}

#[test]
fn a_process_that_was_killed_is_started_again_at_once() {
    let stage = Stage::new();
    let (mut first, log) = stage.start(&[]);
    let plain = log.listener();
    log.line("gateway serves");
    let mut client = Client::connect(plain);
    assert_eq!(client.exchange(GET).status, 200);
    first.0.kill().expect("it runs");
    first.0.wait().expect("it ends");
    assert!(client.is_closed());
    let text = std::fs::read_to_string(&stage.file.path).expect("readable");
    let text = text.replacen("127.0.0.1:0", &plain.to_string(), 1);
    std::fs::write(&stage.file.path, text).expect("written");
    // The port is free, whatever the kernel keeps of old connections.
    let (_second, log) = stage.start(&[]);
    assert_eq!(log.listener(), plain);
    log.line("gateway serves");
    assert_eq!(Client::connect(plain).exchange(GET).status, 200);
}
