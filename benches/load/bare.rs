//! The bare limits of the load benchmark, which serve on 127.0.0.1 until they are killed.
//!
//! `bare PORT` is what a tokio program can answer at most when it looks at nothing. It finds the blank
//! lines that end requests without a body, and writes a fixed answer of corsgate's size for each.
//!
//! `bare PORT BACKEND` is what pingora's HttpProxy can forward at most when it looks at nothing: it is
//! told where the backend is, and no more.

use std::io;
use std::net::Ipv4Addr;

use async_trait::async_trait;
use pingora_core::server::Server;
use pingora_core::server::configuration::{Opt, ServerConf};
use pingora_core::upstreams::peer::HttpPeer;
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};
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

/// The allocator of corsgate, which is not what the two differ by.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> io::Result<()> {
    let ports: Result<Vec<u16>, _> = std::env::args().skip(1).map(|port| port.parse()).collect();
    match ports.as_deref() {
        Ok(&[port]) => serve(port),
        Ok(&[port, backend]) => forward(port, backend),
        _ => Err(io::Error::other("usage: bare PORT, or bare PORT BACKEND")),
    }
}

/// Forwards by pingora, with room for more idle connections to the backend than the load has.
fn forward(port: u16, backend: u16) -> ! {
    let conf = ServerConf {
        threads: 1,
        upstream_keepalive_pool_size: 256,
        // No authorities are read: nothing here speaks TLS.
        ca_file: Some("/dev/null".to_owned()),
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(0),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None::<Opt>, conf);
    server.bootstrap();
    let mut proxy = http_proxy_service(&server.configuration, Forward { backend });
    proxy.add_tcp(&format!("{}:{port}", Ipv4Addr::LOCALHOST));
    server.add_service(proxy);
    server.run_forever()
}

struct Forward {
    backend: u16,
}

#[async_trait]
impl ProxyHttp for Forward {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        _ctx: &mut (),
    ) -> pingora_core::Result<Box<HttpPeer>> {
        let address = (Ipv4Addr::LOCALHOST, self.backend);
        Ok(Box::new(HttpPeer::new(address, false, String::new())))
    }
}

fn serve(port: u16) -> io::Result<()> {
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
