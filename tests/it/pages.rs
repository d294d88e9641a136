//! The listeners beside traffic, under clients that take what they can get. Their deadlines are tested
//! beside the code, in `src/proxy/edge/pages`, in a time that passes at once.

use crate::support::{Client, File, PATIENCE, Running};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

/// Number of connections that a client opens. Each takes a descriptor of the tests, too.
const CONNECTIONS: usize = 10_000;

/// The number of file descriptors that a process has open; `None` where the system does not tell.
fn descriptors(process: u32) -> Option<usize> {
    let open = std::fs::read_dir(format!("/proc/{process}/fd")).ok()?;
    Some(open.count())
}

/// Opens connections that begin a request, until the system gives no more descriptors.
fn flood(address: SocketAddr, mut each: impl FnMut(usize)) -> Vec<TcpStream> {
    let mut open = Vec::new();
    for count in 1..=CONNECTIONS {
        let Ok(mut stream) = TcpStream::connect(address) else {
            break;
        };
        // Fails if the connection has made room for another one.
        let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nHost: ");
        open.push(stream);
        each(count);
    }
    open
}

#[test]
fn ten_thousand_clients_of_the_admin_listener_leave_it_to_the_next() {
    let file = File::new(
        "listeners: [{ address: '127.0.0.1:0' }]\nadmin: { address: '127.0.0.1:0' }\n\
         metrics: { address: '127.0.0.1:0' }\nupstreams: { u: { echo: true } }\n\
         routes: [{ name: r, upstream: u, cors: off }]\n",
    );
    let mut gateway = Running::start(&["serve", "--config", &file.path]);
    let log = gateway.log();
    log.listener();
    let process = gateway.0.id();
    let admin = log.admin();
    let before = descriptors(process);
    let mut most = before;
    let open = flood(admin, |count| {
        if count % 500 == 0 {
            most = most.max(descriptors(process));
            assert_eq!(Client::connect(admin).exchange(LIVEZ).status, 200);
        }
    });
    assert!(open.len() > 500, "{} were accepted", open.len());
    // A hundred may be accepted at once, and as many be on their way out.
    if let Some((before, most)) = before.zip(most) {
        assert!(most < before + 512, "{before} descriptors, then {most}");
        let started = Instant::now();
        while descriptors(process) > Some(before + 64) {
            assert!(started.elapsed() < PATIENCE, "they stay open");
            thread::yield_now();
        }
    }
    // A client that goes on asking is not closed for others that don't.
    let mut client = Client::connect(admin);
    for _ in 0..10 {
        assert_eq!(client.exchange(LIVEZ).status, 200);
        let silent = (0..32).map(|_| TcpStream::connect(admin).expect("it listens"));
        drop(silent.collect::<Vec<_>>());
    }
}
