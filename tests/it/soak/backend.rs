use crate::support::{Received, read_request};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Events of one stream.
pub(super) const EVENTS: usize = 20;
/// Time between two events.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes of a large response.
pub(super) const LARGE: usize = 256 << 10;
/// A body of a response, with CORS fields of the backend's own that must not reach a client.
const SMALL: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nAccess-Control-Allow-Origin: *\r\n\r\nhello";

/// Starts a backend, which keeps nothing of what it is asked. It ends with the process.
pub(super) fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A gateway that goes away ends the connection.
            thread::spawn(move || serve(stream));
        }
    });
    address
}

fn serve(stream: TcpStream) -> io::Result<()> {
    let _ = stream.set_nodelay(true);
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        match request.target.as_str() {
            "/events" => events(&mut writer)?,
            "/sockets" => return echo_frames(&mut reader, &mut writer),
            "/slow/large" | "/rude/large" => large(&mut writer)?,
            _ if request.method == "POST" => echo(&mut writer, &request)?,
            _ => writer.write_all(SMALL.as_bytes())?,
        }
    }
    Ok(())
}

fn echo(writer: &mut TcpStream, request: &Received) -> io::Result<()> {
    let length = request.body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    writer.write_all(&[head.as_bytes(), &request.body].concat())
}

fn large(writer: &mut TcpStream) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
    writer.write_all(head.as_bytes())?;
    writer.write_all(&vec![b'x'; LARGE])
}

/// Sends events one by one, as chunks.
fn events(writer: &mut TcpStream) -> io::Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    writer.write_all(head.as_bytes())?;
    for number in 0..EVENTS {
        let event = event(number);
        writer.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
        thread::park_timeout(PAUSE);
    }
    writer.write_all(b"0\r\n\r\n")
}

pub(super) fn event(number: usize) -> String {
    format!("id: {number}\ndata: event {number}\n\n")
}

/// Accepts a WebSocket and sends each message back, without the mask: RFC 6455 §5.2. Messages are short.
fn echo_frames(reader: &mut BufReader<TcpStream>, writer: &mut TcpStream) -> io::Result<()> {
    // The accept is the one of the RFC's example key, which the clients send.
    writer.write_all(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    )?;
    while !reader.fill_buf()?.is_empty() {
        let mut head = [0; 6];
        reader.read_exact(&mut head)?;
        let [first, length, mask @ ..] = head;
        let mut payload = vec![0; usize::from(length & 0x7f)];
        reader.read_exact(&mut payload)?;
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        let head = [first, length & 0x7f];
        writer.write_all(&[&head, payload.as_slice()].concat())?;
    }
    Ok(())
}
