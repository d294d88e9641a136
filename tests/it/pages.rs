//! The listeners beside traffic, under clients that take what they can get. Their deadlines are tested
//! beside the code, in `src/proxy/edge/pages`, in a time that passes at once.

use crate::support::{Client, File, Folder, Gateway, PATIENCE, Running};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";

/// Number of connections that a client opens. Each takes a descriptor of the tests, too.
const CONNECTIONS: usize = 10_000;

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

/// Whether a new client gets an answer.
fn gets_an_answer(address: SocketAddr) -> bool {
    let mut client = Client::connect(address);
    client.try_write(LIVEZ.as_bytes());
    client
        .read(false)
        .is_some_and(|response| response.status == 200)
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
    let admin = log.admin();
    let before = gateway.descriptors();
    let mut most = before;
    let open = flood(admin, |count| {
        if count % 500 == 0 {
            // One that is accepted amid a hundred others may have to make room for them. It asks again.
            let started = Instant::now();
            while !gets_an_answer(admin) {
                assert!(started.elapsed() < PATIENCE, "no answer");
            }
            // After the answer, so that it has had its turn with the clients before it.
            most = most.max(gateway.descriptors());
        }
    });
    assert!(open.len() > 500, "{} were accepted", open.len());
    // They don't pile up. Those that make room end when their tasks get the processor, which other tests
    // want as well.
    if let Some((before, most)) = before.zip(most) {
        assert!(
            most < before + CONNECTIONS / 4,
            "{before} descriptors, then {most}"
        );
        let started = Instant::now();
        while gateway.descriptors() > Some(before + 64) {
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

/// A gateway of so many origins that to read them, or to look for the nearest one, takes a while.
fn slow_gateway(folder: &Folder) -> Gateway {
    let origins: String = (0..20_000)
        .map(|tenant| format!("https://tenant-{tenant}.example.com\n"))
        .collect();
    folder.write("origins.txt", &origins);
    let text = "listeners: [{ address: '127.0.0.1:0' }]\nadmin: { address: '127.0.0.1:0' }\n\
                upstreams: { u: { echo: true } }\nroutes: [{ name: r, upstream: u, \
                cors: { allow_origins: [{ file: origins.txt }], allow_methods: [PUT] } }]\n";
    Gateway::of_file(&folder.write("corsgate.yaml", text))
}

/// Asks the admin listener twenty times at once.
fn ask_often(gateway: &Gateway, line: &str) -> Vec<TcpStream> {
    let request = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    let ask = |_| {
        let mut stream = TcpStream::connect(gateway.admin).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        stream
    };
    (0..20).map(ask).collect()
}

fn is_answered(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("an option");
    let is_answered = stream.peek(&mut [0]).is_ok();
    stream.set_nonblocking(false).expect("an option");
    is_answered
}

/// Reads all answers; returns how many of them have this status. Those with 503 say when to ask again.
fn count(streams: &[TcpStream], status: u16) -> usize {
    let has_status = |mut stream: &TcpStream| {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let is_busy = answer.starts_with("HTTP/1.1 503 ");
        assert_eq!(
            is_busy,
            answer.contains("\r\nretry-after: 1\r\n"),
            "{answer}"
        );
        answer.starts_with(&format!("HTTP/1.1 {status} "))
    };
    streams.iter().filter(|stream| has_status(stream)).count()
}

#[test]
fn too_many_explanations_are_refused_and_hold_up_no_reload() {
    let folder = Folder::new();
    let gateway = slow_gateway(&folder);
    let asked = ask_often(
        &gateway,
        "GET /explain?url=http://a/&origin=https://tenant-x.example.com&method=PUT",
    );
    // One is being explained, eight wait for their turn.
    let started = Instant::now();
    while asked.iter().filter(|stream| is_answered(stream)).count() < asked.len() - 9 {
        assert!(started.elapsed() < PATIENCE, "all of them wait");
        thread::yield_now();
    }
    assert_eq!(gateway.ask_admin("POST /reload").status, 200);
    // Nothing is begun for clients that seem to have gone: these have not been explained yet, if the
    // machine is quick enough to reload before.
    let waiting = asked.iter().filter(|stream| !is_answered(stream));
    for stream in waiting {
        stream.shutdown(Shutdown::Write).expect("connected");
    }
    assert!(
        count(&asked, 503) >= asked.len() - 9,
        "more than nine were kept"
    );
}

#[test]
fn too_many_reloads_are_refused() {
    let folder = Folder::new();
    let gateway = slow_gateway(&folder);
    let asked = ask_often(&gateway, "POST /reload");
    let refused = count(&asked, 503);
    assert!(
        refused > 0 && refused < asked.len(),
        "{refused} were refused"
    );
}

#[test]
fn pages_are_not_given_for_requests_whose_end_is_not_certain() {
    let gateway =
        Gateway::start("upstreams: { u: { echo: true } }\nroutes: [{ upstream: u, cors: off }]");
    for (request, status) in [
        (
            "POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0, 0\r\n\r\n",
            400,
        ),
        (
            "POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("POST /reload HTTP/1.1\nHost: localhost\n\n", 400),
        ("GET /live z HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (
            "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
            405,
        ),
    ] {
        let mut client = Client::connect(gateway.admin);
        let response = client.exchange(request);
        assert_eq!(response.status, status, "{request:?}");
        assert_eq!(response.get("server"), None, "{request:?}");
        assert!(client.is_closed(), "{request:?}");
    }
}
