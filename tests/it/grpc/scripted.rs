//! A backend that speaks HTTP/2 and answers each request with the same steps, and clients that see every
//! byte of what comes.

use crate::support::{Client, PATIENCE, http2, run};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

/// A part of a response.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Header(u16, &'static [(&'static str, &'static str)]),
    Data(&'static [u8]),
    Trailers(&'static [(&'static str, &'static str)]),
    /// An end without trailers.
    End,
    /// The end of the stream, by RST_STREAM.
    Reset,
    /// Waits until the gateway gives the stream up.
    Wait,
}

/// A request that has reached the backend.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

pub(super) struct Scripted {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Respond = h2::server::SendResponse<Bytes>;

// === impl Scripted ===

impl Scripted {
    pub(super) fn start(steps: &'static [Step]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        listener.set_nonblocking(true).expect("an option");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        // The thread ends with the process.
        thread::spawn(move || {
            run(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                loop {
                    let (stream, _) = listener.accept().await.expect("a connection");
                    let log = Arc::clone(&log);
                    tokio::spawn(async move {
                        let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                        while let Some(Ok((request, respond))) = connection.accept().await {
                            tokio::spawn(serve(request, respond, steps, Arc::clone(&log)));
                        }
                    });
                }
            });
        });
        Self { address, asked }
    }

    /// The requests that have come to their end so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }
}

async fn serve(
    request: http::Request<h2::RecvStream>,
    mut respond: Respond,
    steps: &'static [Step],
    log: Arc<Mutex<Vec<Asked>>>,
) {
    let (parts, mut content) = request.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = content.data().await {
        // The gateway gives it up.
        let Ok(piece) = piece else { return };
        let _ = content.flow_control().release_capacity(piece.len());
        body.extend_from_slice(&piece);
    }
    log.lock().expect("no panic").push(Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body,
    });
    let mut body = None;
    for step in steps {
        match (*step, &mut body) {
            (Step::Header(status, fields), _) => {
                let mut response = http::Response::new(());
                *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
                *response.headers_mut() = map(fields);
                let ends = matches!(steps, [Step::Header(..)]);
                body = Some(respond.send_response(response, ends).expect("a stream"));
            }
            (Step::Data(data), Some(body)) => {
                body.send_data(Bytes::from_static(data), false)
                    .expect("a stream");
            }
            (Step::Trailers(fields), Some(body)) => {
                body.send_trailers(map(fields)).expect("a stream");
            }
            (Step::End, Some(body)) => body.send_data(Bytes::new(), true).expect("a stream"),
            (Step::Reset, _) => respond.send_reset(h2::Reason::INTERNAL_ERROR),
            (Step::Wait, Some(body)) => {
                let _ = std::future::poll_fn(|cx| body.poll_reset(cx)).await;
            }
            (step, None) => panic!("{step:?} before the header"),
        }
    }
}

fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let fields = fields.iter();
    let fields = fields.map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    });
    fields.collect()
}

/// A client's version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

pub(super) const VERSIONS: [Version; 2] = [Version::Http1, Version::Http2];

/// A response as a client gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Got {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Whether it came to its end.
    pub(super) is_whole: bool,
}

impl Got {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.iter().filter(|(known, _)| known == name);
        let (_, value) = lines.next()?;
        assert!(lines.next().is_none(), "{name} is there twice");
        Some(value)
    }
}

/// Sends a POST with these fields, and its body in pieces, and reads all that comes.
pub(super) fn post(
    version: Version,
    gateway: SocketAddr,
    fields: &[(&str, &str)],
    pieces: &[&[u8]],
) -> Got {
    match version {
        Version::Http1 => post_http1(gateway, fields, pieces),
        Version::Http2 => run(async {
            let got = tokio::time::timeout(PATIENCE, post_http2(gateway, fields, pieces)).await;
            got.expect("an answer")
        }),
    }
}

fn post_http1(gateway: SocketAddr, fields: &[(&str, &str)], pieces: &[&[u8]]) -> Got {
    let mut client = Client::connect(gateway);
    let mut head = "POST /test.Notes/Say HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\
                    Transfer-Encoding: chunked\r\n"
        .to_owned();
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    client.write(format!("{head}\r\n").as_bytes());
    for piece in pieces {
        let size = format!("{:x}\r\n", piece.len());
        client.try_write(&[size.as_bytes(), piece, b"\r\n"].concat());
    }
    client.try_write(b"0\r\n\r\n");
    let all = client.drain();
    let end = all.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let (head, mut content) = all.split_at(end.expect("a header") + 4);
    let head = String::from_utf8(head.to_vec()).expect("text");
    let mut lines = head.trim_end().split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let is_chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
    let mut body = Vec::new();
    let mut is_whole = !is_chunked;
    while is_chunked && !content.is_empty() {
        let end = content
            .windows(2)
            .position(|bytes| bytes == b"\r\n")
            .expect("a chunk");
        let size = str::from_utf8(&content[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        body.extend_from_slice(&content[end + 2..][..size]);
        content = &content[end + 2 + size + 2..];
        is_whole = size == 0;
    }
    if !is_chunked {
        body.extend_from_slice(content);
    }
    Got {
        status: status.expect("a status"),
        headers,
        body,
        is_whole,
    }
}

async fn post_http2(gateway: SocketAddr, fields: &[(&str, &str)], pieces: &[&[u8]]) -> Got {
    let mut client = http2(gateway).await;
    let mut request = http::Request::post("http://api.test/test.Notes/Say");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(()).expect("a request");
    let (response, mut sends) = client.send_request(request, false).expect("a stream");
    for piece in pieces {
        // The gateway may have answered already.
        let _ = sends.send_data(Bytes::copy_from_slice(piece), false);
    }
    let _ = sends.send_data(Bytes::new(), true);
    let (parts, mut content) = response.await.expect("a response").into_parts();
    let (mut body, mut is_whole) = (Vec::new(), true);
    while let Some(piece) = content.data().await {
        let Ok(piece) = piece else {
            is_whole = false;
            break;
        };
        let _ = content.flow_control().release_capacity(piece.len());
        body.extend_from_slice(&piece);
    }
    if is_whole {
        let trailers = content.trailers().await.expect("its end");
        assert_eq!(trailers, None, "scripts can't read them");
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter();
    Got {
        status: parts.status.as_u16(),
        headers: headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body,
        is_whole,
    }
}
