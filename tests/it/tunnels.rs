//! WebSockets, from their handshake on.

use crate::support::{
    Answer, Authority, Client, Folder, PATIENCE, Running, TlsUpstream, read_request,
};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const ACCEPTED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

/// Answers requests, and accepts a WebSocket, which gets its bytes back.
fn serve(stream: impl Read + Write) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream) {
        if request.get("upgrade").is_none() {
            stream.get_mut().write_all(&Answer::ok().0)?;
            continue;
        }
        stream.get_mut().write_all(ACCEPTED)?;
        loop {
            let bytes = stream.fill_buf()?.to_vec();
            if bytes.is_empty() {
                return Ok(());
            }
            stream.consume(bytes.len());
            stream.get_mut().write_all(&bytes)?;
        }
    }
    Ok(())
}

fn start(
    serve: impl Fn(std::net::TcpStream) -> io::Result<()> + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    // The threads end with the process.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Opens tunnels, one after the other, to an upstream with these settings.
fn open_tunnels(folder: &Folder, upstream: &str, count: usize) {
    let file = folder.write(
        "corsgate.yaml",
        &format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\nserver: {{ threads: 2 }}\n\
             upstreams: {{ u: {{ {upstream} }} }}\nroutes: [{{ name: r, upstream: u, cors: off }}]\n"
        ),
    );
    let mut process = Running::start(&["serve", "--config", &file.display().to_string()]);
    let gateway = process.log().listener();
    for number in 0..count {
        // It leaves a connection, on which the upstream would be there at once.
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(Client::connect(gateway).exchange(get).status, 200);
        let mut client = Client::connect(gateway);
        client.write(HANDSHAKE.as_bytes());
        assert_eq!(client.read(false).expect("an answer").status, 101);
        client.try_write(b"hello");
        assert!(client.has_news_within(PATIENCE));
        assert_eq!(client.read_until(b"hello"), b"hello", "tunnel {number}");
    }
}

/// The order in which pingora sees the 101 and the end of the request is chance. Of a hundred tunnels, ten were ended when
/// it took one for the other.
#[test]
fn a_tunnel_that_is_accepted_at_once_stays_open() {
    let address = start(serve);
    open_tunnels(&Folder::new(), &format!("endpoints: ['{address}']"), 300);
}

#[test]
fn so_does_one_over_tls() {
    let (folder, authority) = (Folder::new(), Authority::new("books"));
    folder.write("ca.pem", &authority.pem);
    let config = TlsUpstream::config(&authority.issue(&["books.internal"]), &[], None);
    let address = start(move |stream| {
        let session = rustls::ServerConnection::new(config.clone());
        let session = session.map_err(io::Error::other)?;
        serve(rustls::StreamOwned::new(session, stream))
    });
    let upstream =
        format!("endpoints: ['{address}'], tls: {{ server_name: books.internal, ca: ca.pem }}");
    open_tunnels(&folder, &upstream, 50);
}
