//! The streams: valid ones as browsers send them, and what becomes of those by mutation. The same
//! ones in every run: stream 17 is stream 17.

use super::draft::{Draft, Rng};
use super::mutate::mutate;

/// The bytes that one connection sends.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) pieces: Vec<Piece>,
    pub(super) delivery: Delivery,
    pub(super) ending: Ending,
}

/// One request, or something in its place.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    /// Whether it is known to get one response and to leave the connection open.
    is_clean: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// In one write.
    AtOnce,
    /// In two writes, the second one after the first has been read.
    Cut(usize),
    /// In writes of so many bytes, as fast as they go: how much is read at once is a matter of time,
    /// and of no consequence.
    Chopped(usize),
    /// Each byte after the one before has been read.
    ByteByByte,
    /// Each piece after the response to the one before.
    InTurn,
}

/// The reason for which the gateway closes, if nothing did before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// A last request that asks for it. If it is answered, the connection was open up to there.
    Sentinel,
    /// This side ends, for requests that lack something at their end. Not where a whole request may
    /// be with the upstream at that time: pingora aborts it, if it is not faster.
    HalfClose,
}

const SEED: u64 = 0x434f_5253;

/// Hosts with a route of their own, as `CONFIG` has them.
const HOSTS: &str = "exact.test¦any.test¦echo.test¦wild.test¦old.test¦private.test¦forward.test¦\
     keep.test¦text.test¦pass.test¦off.test¦limited.test¦small.test¦a.sub.test¦b.a.sub.test¦paths.test¦written.test¦nowhere.test";
/// Those where every preflight is answered by the gateway.
const ANSWERING: &str = "exact.test¦any.test¦echo.test¦wild.test¦old.test";
const PATHS: &str = "/¦/¦/v1¦/v1/books/7¦/v1/bookshelf¦/status¦/status/x¦/shared¦/shared/a¦/shelves/1/books/2¦/shelves/1%2F2/books/3¦/shelves/1:archive¦/a?b=c¦/a//b/¦\
     /%61?x=%2e%2e¦/api/items?page=2&sort=-name";
pub(super) const ORIGINS: &str = "https://app.example.com¦https://app.example.com¦https://app.example.com¦\
     https://pr-12.preview.example.com¦https://a.b.example.org¦http://localhost:5173¦\
     null¦https://evil.test¦https://app.example.com.evil.test¦http://app.example.com¦\
     https://app.example.com:8443¦https://sentinel.test";
pub(super) const METHODS: &str = "PUT¦PUT¦PUT¦DELETE¦GET¦POST¦PATCH¦HEAD¦put¦CONNECT¦X-OWN";
pub(super) const LISTS: &str = "authorization¦content-type¦authorization,content-type¦authorization, content-type¦\
     x-api-version¦content-type,x-unknown¦x-a,x-b,x-c¦Content-Type";

/// Closes the connection, and is told from all others by its origin: see `CONFIG`. It is long, and
/// there are two of it, so that a body that lacks a few dozen bytes takes them from the first one.
pub(super) fn sentinel() -> Vec<u8> {
    let padding = "x".repeat(300);
    let one = format!(
        "GET /sentinel HTTP/1.1\r\nHost: nowhere.test\r\nOrigin: https://sentinel.test\r\n\
         X-Padding: {padding}\r\nConnection: close\r\n\r\n"
    );
    [one.as_bytes(), one.as_bytes()].concat()
}

/// The stream of that number.
pub(super) fn stream(number: usize) -> Stream {
    let mut rng = Rng::new(SEED ^ (number as u64) << 32);
    match rng.below(100) {
        0..8 => unfinished(&mut rng),
        8..18 => in_turn(&mut rng),
        _ => pipelined(&mut rng),
    }
}

/// Requests of all kinds, mutated, in one write or two; sometimes with something else behind them.
fn pipelined(rng: &mut Rng) -> Stream {
    let count = match rng.below(100) {
        0..60 => 1,
        60..90 => 2 + rng.below(3),
        90..99 => 5 + rng.below(16),
        // Together far longer than one header may be.
        _ => 30 + rng.below(30),
    };
    // What follows a broken request is not read: long pipelines have few of them.
    let chance = match count {
        0..3 => 60,
        3..30 => 15,
        _ => 1,
    };
    let mut pieces: Vec<Piece> = (0..count).map(|_| any_piece(rng, chance)).collect();
    if rng.chance(8) {
        let tail = rng.word(
            "\r\n¦\r\n\r\n\r\n¦\n¦garbage\r\n\r\n¦GET¦OPTIONS / HTTP/1.1\r\nHost: exact.test\r\n¦\
             OPTIONS / HTTP/1.1\r\nHost: exact.test\r\nOrigin: https://app.example.com\r¦\0¦\
             \u{16}\u{3}\u{1}\u{2}\0\u{1}¦PRI * HTTP/1.1\r\n\r\n¦HTTP/1.1 200 OK\r\n\r\n",
        );
        pieces.push(Piece::new(tail.as_bytes().to_vec()));
    }
    let len: usize = pieces.iter().map(|p| p.bytes.len()).sum();
    let delivery = match rng.below(10) {
        0 => Delivery::Cut(rng.below(len)),
        1..5 if pieces.iter().all(|p| p.is_clean) => Delivery::Chopped(1 + rng.below(300)),
        _ => Delivery::AtOnce,
    };
    Stream {
        pieces,
        delivery,
        ending: Ending::Sentinel,
    }
}

/// Clean requests, each after the response to the one before.
fn in_turn(rng: &mut Rng) -> Stream {
    let pieces = (0..2 + rng.below(5)).map(|_| match rng.chance(60) {
        true => Piece::clean(&preflight(rng, HOSTS)),
        false => Piece::clean(&other(rng)),
    });
    Stream {
        pieces: pieces.collect(),
        delivery: Delivery::InTurn,
        ending: Ending::Sentinel,
    }
}

/// Requests that the gateway answers itself, and the beginning of another one.
fn unfinished(rng: &mut Rng) -> Stream {
    let mut pieces: Vec<Piece> = (0..rng.below(4))
        .map(|_| Piece::clean(&preflight(rng, ANSWERING)))
        .collect();
    let last = match rng.chance(60) {
        true => preflight(rng, HOSTS),
        false => other(rng),
    };
    let last = last.render();
    let end = rng.below(last.len());
    pieces.push(Piece::new(last[..end].to_vec()));
    Stream {
        pieces,
        delivery: Delivery::AtOnce,
        ending: Ending::HalfClose,
    }
}

/// A request that is mutated with that chance.
fn any_piece(rng: &mut Rng, chance: usize) -> Piece {
    let mut draft = match rng.chance(75) {
        true => preflight(rng, HOSTS),
        false => other(rng),
    };
    if !rng.chance(chance) {
        return Piece::clean(&draft);
    }
    for _ in 0..1 + rng.below(6) / 3 {
        mutate(&mut draft, rng);
    }
    let mut bytes = draft.render();
    if rng.chance(5) {
        let at = rng.below(bytes.len());
        match rng.below(3) {
            0 => bytes[at] = rng.below(256) as u8,
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, rng.below(256) as u8),
        }
    }
    Piece::new(bytes)
}

/// A preflight as one of three clients writes it.
fn preflight(rng: &mut Rng, hosts: &'static str) -> Draft {
    let host = format!("Host: {}", rng.word(hosts));
    // What three policies of four allow, often enough.
    let (origins, methods) = match rng.chance(50) {
        true => ("https://app.example.com", "PUT¦GET"),
        false => (ORIGINS, METHODS),
    };
    let origin = format!("Origin: {}", rng.word(origins));
    let method = format!("Access-Control-Request-Method: {}", rng.word(methods));
    let list = format!("Access-Control-Request-Headers: {}", rng.word(LISTS));
    let list = if rng.chance(60) { list.as_str() } else { "" };
    let private = match rng.chance(10) {
        true => "Access-Control-Request-Private-Network: true",
        false => "",
    };
    const AGENT: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64)";
    const LANGUAGE: &str = "Accept-Language: en-US,en;q=0.5";
    const ENCODING: &str = "Accept-Encoding: gzip, deflate, br";
    const ACCEPT: &str = "Accept: */*";
    const KEPT: &str = "Connection: keep-alive";
    const MODE: &str = "Sec-Fetch-Mode: cors";
    let fields: &[&str] = match rng.below(3) {
        0 => &[
            &host, KEPT, ACCEPT, &method, list, private, &origin, AGENT, MODE, ENCODING, LANGUAGE,
        ],
        1 => &[
            &host, AGENT, ACCEPT, LANGUAGE, ENCODING, &method, list, &origin, KEPT, private,
        ],
        _ => &[&host, ACCEPT, &origin, &method, list, private],
    };
    Draft::new("OPTIONS", rng.word(PATHS), fields, "")
}

/// A request that is not a preflight.
fn other(rng: &mut Rng) -> Draft {
    let host = format!("Host: {}", rng.word(HOSTS));
    let origin = format!("Origin: {}", rng.word(ORIGINS));
    let origin = if rng.chance(70) { &origin } else { "" };
    let path = rng.word(PATHS);
    let version = if rng.chance(20) {
        "X-Api-Version: 2"
    } else {
        ""
    };
    match rng.below(8) {
        0 => Draft::new("POST", path, &[&host, origin, "Content-Length: 5"], "hello"),
        1 => Draft::new("PUT", path, &[&host, "Content-Length: 0", origin], ""),
        2 => Draft::new("HEAD", path, &[&host, origin], ""),
        3 => Draft::new("OPTIONS", path, &[&host, origin], ""),
        4 => {
            let body = "5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n";
            let fields = [&host, "Transfer-Encoding: chunked", origin];
            Draft::new("POST", path, &fields, body)
        }
        _ => Draft::new("GET", path, &[&host, origin, version], ""),
    }
}

// === impl Stream ===

impl Stream {
    /// Whether it has a plain preflight where the gateway gets to see it.
    pub(super) fn has_plain_preflight(&self) -> bool {
        let met = self.pieces.iter().take_while(|p| p.is_clean).count();
        let met = self.pieces.iter().take(met + 1);
        met.into_iter().any(|p| super::is_plain_preflight(&p.bytes))
    }

    /// The same with other pieces in it.
    pub(super) fn with_pieces(&self, pieces: Vec<Vec<u8>>) -> Self {
        Self {
            pieces: pieces.into_iter().map(Piece::new).collect(),
            ..self.clone()
        }
    }
}

// === impl Piece ===

impl Piece {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let is_clean = false;
        Self { bytes, is_clean }
    }

    fn clean(draft: &Draft) -> Self {
        Self {
            bytes: draft.render(),
            is_clean: true,
        }
    }

    pub(super) fn is_head(&self) -> bool {
        self.bytes.starts_with(b"HEAD ")
    }
}
