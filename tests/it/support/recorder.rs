use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// An upstream that keeps every byte that it gets, by connection. It answers one request on each.
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    log: Arc<Log>,
}

#[derive(Default)]
struct Log {
    connections: Mutex<Vec<Connection>>,
    changed: Condvar,
}

#[derive(Default)]
struct Connection {
    received: Vec<u8>,
    has_ended: bool,
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

impl Recorder {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let log = Arc::new(Log::default());
        let shared = Arc::clone(&log);
        // The threads end with the process; an idle listener costs nothing.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let number = shared.open();
                let log = Arc::clone(&shared);
                thread::spawn(move || log.serve(stream, number));
            }
        });
        Self { address, log }
    }

    /// The bytes of each connection in the order in which they began, when all have ended.
    pub(crate) fn received(&self) -> Vec<Vec<u8>> {
        let connections = self.log.connections.lock().expect("no panic");
        let is_open = |all: &mut Vec<Connection>| all.iter().any(|one| !one.has_ended);
        let connections = self.log.changed.wait_while(connections, is_open);
        let connections = connections.expect("no panic");
        connections.iter().map(|one| one.received.clone()).collect()
    }
}

impl Log {
    fn open(&self) -> usize {
        let mut connections = self.connections.lock().expect("no panic");
        connections.push(Connection::default());
        connections.len() - 1
    }

    fn serve(&self, mut stream: TcpStream, number: usize) {
        let mut chunk = [0; 4096];
        let mut received = Vec::new();
        while let Ok(n @ 1..) = stream.read(&mut chunk) {
            received.extend_from_slice(&chunk[..n]);
            if is_whole(&received) {
                // A gateway that has gone is not of interest here.
                let _ = stream.write_all(ANSWER);
                break;
            }
        }
        let mut connections = self.connections.lock().expect("no panic");
        connections[number] = Connection {
            received,
            has_ended: true,
        };
        self.changed.notify_all();
    }
}

/// Whether the bytes are a whole request, as far as a plain reader can tell.
fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|w| w == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let body = &request[end + 4..];
    if head.contains("\r\ntransfer-encoding:") {
        return body == b"0\r\n\r\n" || body.ends_with(b"\r\n0\r\n\r\n");
    }
    let length = head.split("\r\ncontent-length:").nth(1);
    let length = length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}
