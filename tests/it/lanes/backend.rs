//! The upstream of both gateways: it answers every request with what it was sent, so that whatever
//! the two forward differently is a difference in what they answer.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// A mark that only its answers have.
pub(super) const MARK: &[u8] = b"X-Backend: echo\r\n";

/// With CORS fields of its own, which policies strip, keep or fill.
const HEAD: &str = "HTTP/1.1 200 OK\r\nX-Backend: echo\r\nETag: \"1\"\r\nVary: Accept-Encoding\r\n\
                    Access-Control-Allow-Origin: https://backend.test\r\n\
                    Access-Control-Max-Age: 7\r\n";

pub(super) fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    // The thread ends with the process; a listener without clients costs nothing.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Answers until the other side ends, in the middle of a request or not.
fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let head = read_head(&mut reader)?;
        let mut body = head.clone();
        read_body(&mut reader, &head, &mut body)?;
        let mut answer = format!("{HEAD}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        if !head.starts_with(b"HEAD ") {
            answer.extend(body);
        }
        writer.write_all(&answer)?;
    }
}

fn read_head(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

/// Reads all of the body before anything is answered: a response that overtakes its request would
/// close the connection, or not, depending on who is faster.
fn read_body(reader: &mut impl BufRead, head: &[u8], body: &mut Vec<u8>) -> io::Result<()> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    if field("transfer-encoding:").is_some() {
        return read_chunks(reader, body);
    }
    let length = field("content-length:").map_or("0", str::trim);
    let length = length.parse().map_err(io::Error::other)?;
    read_exactly(reader, length, body)
}

/// Without the chunks' sizes: where they are cut is a matter of time.
fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        if size == 0 {
            break;
        }
        read_exactly(reader, size, body)?;
        reader.read_line(&mut String::new())?;
    }
    // Trailers, up to the empty line.
    let mut line = Vec::new();
    while !matches!(line.as_slice(), b"\r\n" | b"\n") {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

fn read_exactly(reader: &mut impl BufRead, len: usize, body: &mut Vec<u8>) -> io::Result<()> {
    let start = body.len();
    body.resize(start + len, 0);
    reader.read_exact(&mut body[start..])
}
