//! The bare limit of the load benchmark: what a tokio program can answer at most when it looks at
//! nothing. It finds the blank lines that end requests without a body, and writes a fixed answer of
//! corsgate's size for each. `bare PORT` serves on 127.0.0.1 until it is killed.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// corsgate's answer to an allowed preflight under the benchmark's policy, with some date.
const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\
    Access-Control-Allow-Origin: https://app.example.com\r\n\
    Access-Control-Allow-Credentials: true\r\n\
    Access-Control-Allow-Methods: PUT, PATCH, DELETE\r\n\
    Access-Control-Allow-Headers: authorization, content-type, x-requested-with, x-api-key\r\n\
    Access-Control-Max-Age: 7200\r\n\
    Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n\
    Date: Mon, 23 Nov 2026 12:00:00 GMT\r\n\
    Connection: keep-alive\r\n\
    \r\n";

const END: &[u8; 4] = b"\r\n\r\n";

fn main() -> io::Result<()> {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .ok_or_else(|| io::Error::other("no port to listen on, start it as `bare PORT`"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_io()
        .build()?;
    // Spawned, because `block_on` itself would run it on a thread beside the worker.
    runtime
        .block_on(runtime.spawn(accept(port)))
        .map_err(io::Error::other)?
}

async fn accept(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A connection's error is its client's business, who is gone.
        tokio::spawn(answer(stream));
    }
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut answers = Vec::new();
    // Bytes at the start of the buffer that the read before left there: the blank line that they may
    // begin comes in two reads then.
    let mut kept = 0;
    loop {
        let read = stream.read(&mut buffer[kept..]).await?;
        if read == 0 {
            return Ok(());
        }
        let filled = kept + read;
        let (requests, consumed) = blank_lines(&buffer[..filled]);
        let rest = filled.saturating_sub(END.len() - 1).max(consumed);
        buffer.copy_within(rest..filled, 0);
        kept = filled - rest;
        if requests > 0 {
            answers.clear();
            (0..requests).for_each(|_| answers.extend_from_slice(ANSWER));
            stream.write_all(&answers).await?;
        }
    }
}

/// Counts the requests, and finds the end of the last one.
fn blank_lines(bytes: &[u8]) -> (usize, usize) {
    let (mut count, mut consumed) = (0, 0);
    // Where the next one might end. Most bytes are none of its own, and rule out four such places.
    let mut last = END.len() - 1;
    while last < bytes.len() {
        match bytes[last] {
            b'\n' if bytes[..=last].ends_with(END) => {
                count += 1;
                consumed = last + 1;
                last += END.len();
            }
            b'\r' | b'\n' => last += 1,
            _ => last += END.len(),
        }
    }
    (count, consumed)
}
