//! Large bodies for the load benchmark: their server and their clients, on one thread each.
//!
//! `transfer serve PROTOCOL PORT` serves on 127.0.0.1 until it is killed. `transfer get|put PROTOCOL PORT
//! STREAMS SLOW BYTES` downloads or uploads BYTES in all, in STREAMS streams at once, and prints how long
//! that took. SLOW more streams have bodies without end that are read slowly: downloads by this client,
//! uploads by the server. They are cut off once the others are done. PROTOCOL is `http1`, with a
//! connection for each stream, or `http2`, without TLS, with one connection for all that are fast and one for
//! all that are slow.
//!
//! GET of `/N` answers with N bytes; PUT answers with the number of bytes that came, and reads slowly on
//! `/slow`. All bodies are zeros. Clients check that they are whole.

use std::future::poll_fn;
use std::io;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream, client, server};
use http::{Method, Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Written at once.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Read at once, at most.
const INPUT: usize = 64 << 10;

/// A slow reader takes so much, and then pauses: 1.6 MB/s.
const SLOW_BYTES: usize = 16 << 10;
const SLOW_PAUSE: Duration = Duration::from_millis(10);

/// A body without end: more than any run waits for.
const ENDLESS: u64 = 1 << 40;

/// Windows of HTTP/2: the default for a stream, and room for all streams of a connection, so that those
/// that are slow hold up no other.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 64 << 20;
const MAX_STREAMS: u32 = 1_000;

const PATH_SLOW: &str = "/slow";
const HOST: &str = "api.example.com";
const ORIGIN: &str = "https://app.example.com";

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match *args {
        ["serve", protocol, port] => runtime.block_on(serve(protocol.try_into()?, number(port)?)),
        [direction, protocol, port, streams, slow, bytes] => {
            let plan = Plan {
                direction: direction.try_into()?,
                protocol: protocol.try_into()?,
                port: number(port)?,
                streams: number(streams)?,
                slow: number(slow)?,
                bytes: number(bytes)?,
            };
            runtime.block_on(transfer(plan))
        }
        _ => Err(usage()),
    }
}

fn usage() -> io::Error {
    io::Error::other(
        "usage: transfer serve PROTOCOL PORT, or transfer get|put PROTOCOL PORT STREAMS SLOW BYTES; \
         PROTOCOL is http1 or http2",
    )
}

fn number<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| usage())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Get,
    Put,
}

#[derive(Debug, Clone, Copy)]
struct Plan {
    direction: Direction,
    protocol: Protocol,
    port: u16,
    streams: u32,
    slow: u32,
    bytes: u64,
}

/// The speed at which a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Fast,
    Slow,
}

/// One stream of a client.
#[derive(Debug, Clone, Copy)]
struct Task {
    direction: Direction,
    length: u64,
    pace: Pace,
}

// === impl Protocol ===

impl TryFrom<&str> for Protocol {
    type Error = io::Error;

    fn try_from(text: &str) -> io::Result<Self> {
        match text {
            "http1" => Ok(Self::Http1),
            "http2" => Ok(Self::Http2),
            _ => Err(usage()),
        }
    }
}

// === impl Direction ===

impl TryFrom<&str> for Direction {
    type Error = io::Error;

    fn try_from(text: &str) -> io::Result<Self> {
        match text {
            "get" => Ok(Self::Get),
            "put" => Ok(Self::Put),
            _ => Err(usage()),
        }
    }
}

// === impl Pace ===

impl Pace {
    /// Returns how much is read before the next pause.
    fn at_once(self) -> usize {
        match self {
            Self::Fast => INPUT,
            Self::Slow => SLOW_BYTES,
        }
    }

    async fn pause(self) {
        if self == Self::Slow {
            sleep(SLOW_PAUSE).await;
        }
    }
}

// === impl Task ===

impl Task {
    fn method(self) -> Method {
        match self.direction {
            Direction::Get => Method::GET,
            Direction::Put => Method::PUT,
        }
    }

    fn path(self) -> String {
        match (self.direction, self.pace) {
            (Direction::Get, _) => format!("/{}", self.length),
            (Direction::Put, Pace::Fast) => "/".to_owned(),
            (Direction::Put, Pace::Slow) => PATH_SLOW.to_owned(),
        }
    }

    /// Returns the size of the request's body.
    fn sends(self) -> u64 {
        match self.direction {
            Direction::Get => 0,
            Direction::Put => self.length,
        }
    }
}

// === The client ===

async fn transfer(plan: Plan) -> io::Result<()> {
    let fast = Task {
        direction: plan.direction,
        length: plan.bytes / u64::from(plan.streams.max(1)),
        pace: Pace::Fast,
    };
    let slow = Task {
        length: ENDLESS,
        pace: Pace::Slow,
        ..fast
    };
    // Those that are slow first, so that they are under way all the time.
    let mut slow = pin!(all(plan, slow, plan.slow));
    let mut fast = pin!(all(plan, fast, plan.streams));
    let started = Instant::now();
    tokio::select! {
        biased;
        ended = &mut slow, if plan.slow > 0 => {
            return Err(ended.err().unwrap_or_else(|| io::Error::other("a body without end has ended")));
        }
        done = &mut fast => done?,
    }
    let microseconds = started.elapsed().as_micros();
    println!("RESULT bytes={} microseconds={microseconds}", plan.bytes);
    Ok(())
}

/// Runs `task` so many times at once.
async fn all(plan: Plan, task: Task, count: u32) -> io::Result<()> {
    let mut tasks = JoinSet::new();
    match plan.protocol {
        Protocol::Http1 => {
            for _ in 0..count {
                tasks.spawn(http1_stream(plan.port, task));
            }
        }
        Protocol::Http2 => {
            let requests = http2_connection(plan.port).await?;
            for _ in 0..count {
                tasks.spawn(http2_stream(requests.clone(), task));
            }
        }
    }
    while let Some(joined) = tasks.join_next().await {
        joined.map_err(io::Error::other)??;
    }
    Ok(())
}

async fn http1_stream(port: u16, task: Task) -> io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let head = format!(
        "{} {} HTTP/1.1\r\nHost: {HOST}\r\nOrigin: {ORIGIN}\r\nContent-Length: {}\r\n\r\n",
        task.method(),
        task.path(),
        task.sends(),
    );
    stream.write_all(head.as_bytes()).await?;
    write_zeros(&mut stream, task.sends()).await?;
    let Head { text, rest } = Head::read(&mut stream).await?.ok_or_else(ended)?;
    let length = content_length(&text);
    if !text.starts_with("http/1.1 200 ") || length.is_none() {
        return Err(wrong(&text));
    }
    let length = length.unwrap_or_default();
    match task.direction {
        Direction::Get => {
            read(&mut stream, rest.len(), length, task.pace).await?;
            check(length, task.length)
        }
        Direction::Put => {
            let mut body = rest;
            while (body.len() as u64) < length {
                if stream.read_buf(&mut body).await? == 0 {
                    return Err(ended());
                }
            }
            check(number(&String::from_utf8_lossy(&body))?, task.length)
        }
    }
}

async fn http2_connection(port: u16) -> io::Result<SendRequest<Bytes>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.set_nodelay(true)?;
    let (requests, connection) = client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .handshake(stream)
        .await
        .map_err(io::Error::other)?;
    // Its streams fail with it.
    tokio::spawn(connection);
    Ok(requests)
}

async fn http2_stream(requests: SendRequest<Bytes>, task: Task) -> io::Result<()> {
    let request = Request::builder()
        .method(task.method())
        .uri(format!("http://{HOST}{}", task.path()))
        .header("origin", ORIGIN)
        .body(())
        .map_err(io::Error::other)?;
    let mut requests = requests.ready().await.map_err(io::Error::other)?;
    let (response, mut body) = requests
        .send_request(request, task.sends() == 0)
        .map_err(io::Error::other)?;
    if task.sends() > 0 {
        send_zeros(&mut body, task.sends()).await?;
    }
    let response = response.await.map_err(io::Error::other)?;
    if response.status() != StatusCode::OK {
        return Err(wrong(response.status().as_str()));
    }
    let mut body = response.into_body();
    match task.direction {
        Direction::Get => check(receive(&mut body, task.pace).await?, task.length),
        Direction::Put => {
            let mut text = Vec::new();
            while let Some(data) = body.data().await {
                text.extend_from_slice(&data.map_err(io::Error::other)?);
            }
            check(number(&String::from_utf8_lossy(&text))?, task.length)
        }
    }
}

// === The server ===

async fn serve(protocol: Protocol, port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // An error is the business of the client, who checks what it gets.
        match protocol {
            Protocol::Http1 => drop(tokio::spawn(serve_http1(stream))),
            Protocol::Http2 => drop(tokio::spawn(serve_http2(stream))),
        }
    }
}

async fn serve_http1(mut stream: TcpStream) -> io::Result<()> {
    while let Some(Head { text, rest }) = Head::read(&mut stream).await? {
        let path = text.split(' ').nth(1).unwrap_or_default();
        if text.starts_with("get ") {
            let length = number(path.trim_start_matches('/'))?;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            write_zeros(&mut stream, length).await?;
        } else {
            let length = content_length(&text).ok_or_else(usage)?;
            read(&mut stream, rest.len(), length, pace(path)).await?;
            let body = length.to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await?;
        }
    }
    Ok(())
}

async fn serve_http2(stream: TcpStream) -> io::Result<()> {
    let mut connection = server::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .handshake(stream)
        .await
        .map_err(io::Error::other)?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted.map_err(io::Error::other)?;
        tokio::spawn(answer(request, respond));
    }
    Ok(())
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> io::Result<()> {
    let (head, mut body) = request.into_parts();
    let path = head.uri.path();
    if head.method == Method::GET {
        let length = number(path.trim_start_matches('/'))?;
        let mut stream = respond
            .send_response(Response::new(()), false)
            .map_err(io::Error::other)?;
        send_zeros(&mut stream, length).await
    } else {
        let length = receive(&mut body, pace(path)).await?;
        respond
            .send_response(Response::new(()), false)
            .and_then(|mut stream| stream.send_data(length.to_string().into(), true))
            .map_err(io::Error::other)
    }
}

fn pace(path: &str) -> Pace {
    match path {
        PATH_SLOW => Pace::Slow,
        _ => Pace::Fast,
    }
}

// === HTTP/1.1, for both sides ===

/// The head of a message, in lower case, and what came of its body together with it.
struct Head {
    text: String,
    rest: Vec<u8>,
}

impl Head {
    /// Reads up to the blank line; returns `None` if the connection ended before the first byte.
    async fn read(stream: &mut TcpStream) -> io::Result<Option<Self>> {
        let mut bytes = Vec::with_capacity(INPUT);
        loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = bytes.split_off(at + 4);
                let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
                return Ok(Some(Self { text, rest }));
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return if bytes.is_empty() {
                    Ok(None)
                } else {
                    Err(ended())
                };
            }
        }
    }
}

fn content_length(head: &str) -> Option<u64> {
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))?;
    line.trim().parse().ok()
}

async fn write_zeros(stream: &mut TcpStream, length: u64) -> io::Result<()> {
    let mut left = length;
    while left > 0 {
        let zeros = next_zeros(left, ZEROS.len());
        stream.write_all(zeros).await?;
        left -= zeros.len() as u64;
    }
    Ok(())
}

/// Reads a body of which `already` is here.
async fn read(stream: &mut TcpStream, already: usize, length: u64, pace: Pace) -> io::Result<()> {
    let mut buffer = vec![0; pace.at_once()];
    let mut left = length.saturating_sub(already as u64);
    while left > 0 {
        let most = buffer.len().min(left.try_into().unwrap_or(usize::MAX));
        let read = stream.read(&mut buffer[..most]).await?;
        if read == 0 {
            return Err(ended());
        }
        left -= read as u64;
        pace.pause().await;
    }
    Ok(())
}

// === HTTP/2, for both sides ===

async fn send_zeros(stream: &mut SendStream<Bytes>, length: u64) -> io::Result<()> {
    let mut left = length;
    while left > 0 {
        stream.reserve_capacity(next_zeros(left, ZEROS.len()).len());
        let room = poll_fn(|cx| stream.poll_capacity(cx)).await;
        let room = room.ok_or_else(ended)?.map_err(io::Error::other)?;
        let zeros = next_zeros(left, room);
        left -= zeros.len() as u64;
        stream
            .send_data(Bytes::from_static(zeros), left == 0)
            .map_err(io::Error::other)?;
    }
    Ok(())
}

/// Reads a body to its end and returns its size.
async fn receive(body: &mut RecvStream, pace: Pace) -> io::Result<u64> {
    let mut received = 0;
    while let Some(data) = body.data().await {
        let length = data.map_err(io::Error::other)?.len();
        received += length as u64;
        body.flow_control()
            .release_capacity(length)
            .map_err(io::Error::other)?;
        pace.pause().await;
    }
    Ok(received)
}

fn next_zeros(left: u64, most: usize) -> &'static [u8] {
    let length = most
        .min(ZEROS.len())
        .min(left.try_into().unwrap_or(usize::MAX));
    &ZEROS[..length]
}

fn check(length: u64, expected: u64) -> io::Result<()> {
    match length == expected {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "a body has {length} bytes instead of {expected}"
        ))),
    }
}

fn ended() -> io::Error {
    io::Error::other("a body ended too soon")
}

fn wrong(answer: &str) -> io::Error {
    io::Error::other(format!("the answer is wrong: {answer}"))
}
