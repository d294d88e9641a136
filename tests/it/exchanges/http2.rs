//! The same with clients that speak HTTP/2: the requests are those of the other clients as far as HTTP/2 has
//! their fields, with bodies of their own, and the upstream replies in all the ways that it has for those.

use super::answers::{Asked, good, replies};
use super::client::{End, Heard};
use super::exchange::{Exchange, Reply, Script};
use super::generate::seed;
use super::message::{Framing, Line, Message, Messages};
use super::requests::Request;
use super::upstream::PATIENCE;
use crate::lanes::draft::Rng;
use crate::support::{http2, run};
use bytes::Bytes;
use h2::client::SendRequest;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::net::SocketAddr;
use tokio::time::timeout;

/// A client's side of an exchange: one request after the other on one connection, each with pieces of a body.
pub(super) struct Streams {
    pub(super) exchange: Exchange,
    requests: Vec<(http::Request<()>, Body)>,
}

/// A request's body.
#[derive(Default)]
struct Body {
    pieces: Vec<Bytes>,
    /// Whether it ends with a field behind the pieces.
    has_trailers: bool,
}

// === impl Streams ===

impl Streams {
    /// The exchange of that number.
    pub(super) fn of(number: usize) -> Self {
        let mut rng = Rng::new(seed(number) ^ 2);
        let mut streams = Self {
            exchange: Exchange::empty(number),
            requests: Vec::new(),
        };
        for _ in 0..1 + rng.below(10) / 7 {
            let index = streams.exchange.scripts.len();
            let mut request = Request::new(number, index, &mut rng);
            for _ in 0..rng.below(3) {
                request.change(number, index, &mut rng);
            }
            let mark = Exchange::mark(number, index);
            let asked = Asked {
                is_head: request.is_head(),
                ..Asked::plainly(&mark)
            };
            let Some(mut fields) = to_http2(&request) else {
                continue;
            };
            let replies = replies(asked, &mut rng);
            let body = Body::new(&mut rng);
            if replies.iter().any(is_reset_by_clients) {
                continue;
            }
            if !body.pieces.is_empty() && rng.chance(50) {
                fields
                    .headers_mut()
                    .insert(CONTENT_LENGTH, body.length().into());
            }
            streams.push(asked.is_head, replies, fields, body);
        }
        let index = streams.exchange.scripts.len();
        let mark = Exchange::mark(number, index);
        let uri = format!("http://pass.test{}", Exchange::path(number, index));
        let last = http::Request::get(uri).body(()).expect("a request");
        streams.push(
            false,
            vec![good(Asked::plainly(&mark))],
            last,
            Body::default(),
        );
        if streams.may_use_two_pools() {
            streams.exchange.forget_first_tries();
        }
        streams
    }

    /// Whether the number of tries may depend on whose connection a request takes, as on HTTP/1.1.
    fn may_use_two_pools(&self) -> bool {
        const PINGORAS: [&str; 3] = ["expect", "proxy-authorization", "http2-settings"];
        let mut requests = self.requests.iter();
        self.exchange.is_tried_again()
            && requests.any(|(request, _)| {
                let has = |name| request.headers().contains_key(name);
                !request.uri().to_string().is_ascii() || PINGORAS.into_iter().any(has)
            })
    }

    fn push(&mut self, is_head: bool, replies: Vec<Reply>, request: http::Request<()>, body: Body) {
        // How much has come before a stream is reset, or is too much, depends on how it was cut on its way.
        let is_bounded = request.uri().host() == Some("small.test");
        let is_inexact = is_bounded || replies.iter().any(|reply| reply.is_inexact);
        self.exchange.allowed.shorter_fragments |= is_inexact;
        self.exchange.scripts.push(Script {
            is_head,
            replies,
            afterwards: None,
        });
        self.requests.push((request, body));
    }

    /// Holds the exchange with a gateway.
    pub(super) fn hold(&self, gateway: SocketAddr) -> Heard {
        let mut messages = Messages::default();
        let mut end = End::Closed;
        // Its runtime ends with it, and so does the connection.
        run(async {
            let mut sender = http2(gateway).await;
            for (request, body) in &self.requests {
                match timeout(PATIENCE, ask(&mut sender, request, body)).await {
                    Ok(message) => messages.messages.push(message),
                    Err(_) => end = End::TimedOut,
                }
            }
        });
        Heard {
            messages,
            end,
            in_vain: Vec::new(),
        }
    }
}

// === impl Body ===

impl Body {
    /// None in most requests.
    fn new(rng: &mut Rng) -> Self {
        let count = rng.below(10).saturating_sub(6);
        // With the last one, a body may be longer than a window, and too long to be kept for another try.
        let longest = *rng.pick(&[&20, &2000, &2000, &40_000]);
        let pieces = (0..count).map(|_| Bytes::from(vec![b'b'; rng.below(longest)]));
        Self {
            pieces: pieces.collect(),
            has_trailers: count > 0 && rng.chance(12),
        }
    }

    fn length(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }
}

/// Makes a request of HTTP/2; `None` where it has no such request.
fn to_http2(request: &Request) -> Option<http::Request<()>> {
    const NEVER: &str =
        "connection keep-alive proxy-connection transfer-encoding upgrade host content-length";
    let target = request.target();
    if !target.starts_with('/') {
        return None;
    }
    let authority = request.field("host").unwrap_or("pass.test");
    let uri = format!("http://{authority}{target}");
    let mut made = http::Request::builder().method(request.method()).uri(uri);
    for line in request.lines() {
        let (name, value) = line.split_once(':')?;
        let name = name.to_ascii_lowercase();
        let value = value.trim();
        let is_other_te = name == "te" && value != "trailers";
        if is_other_te || NEVER.split(' ').any(|never| never == name) {
            continue;
        }
        made = made.header(name, super::answers::latin1(value));
    }
    made.body(()).ok()
}

/// Whether h2's client takes a response for malformed: by a length of more digits than it reads. It resets the
/// stream, before or after the gateway finds a fault.
fn is_reset_by_clients(reply: &Reply) -> bool {
    let bytes = reply.pieces.concat();
    let has_digits_only = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_digit);
    bytes.windows(20).any(has_digits_only)
}

async fn ask(sender: &mut SendRequest<Bytes>, request: &http::Request<()>, body: &Body) -> Message {
    match try_to_ask(sender, request, body).await {
        Ok(message) => message,
        Err(error) => Message {
            start: format!("{:?}", error.reason()).into_bytes(),
            fields: Vec::new(),
            framing: Framing::None,
            body: Vec::new(),
            extras: Vec::new(),
            is_whole: true,
        },
    }
}

async fn try_to_ask(
    sender: &mut SendRequest<Bytes>,
    request: &http::Request<()>,
    body: &Body,
) -> Result<Message, h2::Error> {
    std::future::poll_fn(|cx| sender.poll_ready(cx)).await?;
    let (response, mut stream) = sender.send_request(request.clone(), body.pieces.is_empty())?;
    for (at, piece) in body.pieces.iter().enumerate() {
        let is_last = at + 1 == body.pieces.len() && !body.has_trailers;
        // The gateway may have had enough of it, which the response says.
        let _ = stream.send_data(piece.clone(), is_last);
    }
    if body.has_trailers {
        let trailers = [(
            HeaderName::from_static("x-trailer"),
            HeaderValue::from_static("1"),
        )];
        let _ = stream.send_trailers(HeaderMap::from_iter(trailers));
    }
    let (parts, mut content) = response.await?.into_parts();
    let mut message = Message {
        start: format!("HTTP/2 {}", parts.status.as_str()).into_bytes(),
        fields: lines(&parts.headers),
        framing: Framing::Open,
        body: Vec::new(),
        extras: Vec::new(),
        is_whole: true,
    };
    while let Some(piece) = content.data().await {
        match piece {
            Ok(piece) => {
                content.flow_control().release_capacity(piece.len())?;
                message.body.extend_from_slice(&piece);
            }
            Err(error) => {
                message.is_whole = false;
                message
                    .extras
                    .push(format!("{:?}", error.reason()).into_bytes());
                return Ok(message);
            }
        }
    }
    match content.trailers().await {
        Ok(None) => {}
        Ok(Some(trailers)) => {
            let trailers = lines(&trailers).into_iter();
            let trailers = trailers.map(|line| [line.name, line.value].join(&b':'));
            message.extras.extend(trailers);
        }
        Err(error) => message
            .extras
            .push(format!("{:?}", error.reason()).into_bytes()),
    }
    Ok(message)
}

fn lines(fields: &HeaderMap) -> Vec<Line> {
    let lines = fields.iter().map(|(name, value)| Line {
        name: name.as_str().as_bytes().to_vec(),
        value: value.as_bytes().to_vec(),
    });
    lines.collect()
}

impl std::fmt::Display for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (request, body) in &self.requests {
            writeln!(f, "--- the client asks by HTTP/2: {request:?}")?;
            let lengths: Vec<usize> = body.pieces.iter().map(Bytes::len).collect();
            let trailers = if body.has_trailers {
                ", and trailers"
            } else {
                ""
            };
            writeln!(
                f,
                "(a body in pieces of these lengths: {lengths:?}{trailers})"
            )?;
        }
        write!(f, "{}", self.exchange)
    }
}
