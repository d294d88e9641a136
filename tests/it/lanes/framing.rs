//! Mutations of what says where a request begins and ends, and what becomes of its connection.

use super::draft::{Draft, Line, Rng};

pub(super) fn version(draft: &mut Draft, rng: &mut Rng) {
    let version = rng.word(
        "HTTP/1.0¦HTTP/1.0¦HTTP/1.0¦HTTP/0.9¦HTTP/1.2¦HTTP/2.0¦HTTP/2¦HTTP/3¦http/1.1¦\
         HTTP/1.1 ¦HTTP/1.10¦HTTP/01.1¦HTTP/1¦HTTPS/1.1¦¦ICY¦HTTP/1,1¦HTTP/1.1 x",
    );
    draft.version = version.into();
    if rng.chance(15) {
        // As in HTTP/0.9, or with the wrong spaces.
        draft.space = rng.word("  ¦\t¦¦ \t¦   ");
    }
}

/// Bodies, and how long they say they are. None lacks more than the sentinel has.
pub(super) fn body(draft: &mut Draft, rng: &mut Rng) {
    const CHUNKS: &str = "3\r\nabc\r\n0\r\n\r\n";
    const CASES: &[(&str, &str)] = &[
        ("Content-Length: 0", ""),
        ("Content-Length: 5", "hello"),
        ("Content-Length: 5", "hello world"),
        ("Content-Length: 5", "hel"),
        ("Content-Length: 5", ""),
        ("Content-Length: 005", "hello"),
        ("Content-Length: +5", "hello"),
        ("Content-Length: -1", ""),
        ("Content-Length: 5, 5", "hello"),
        ("Content-Length: 5,6", "hello"),
        ("Content-Length: ", ""),
        ("Content-Length: five", "hello"),
        ("Content_Length: 5", "hello"),
        ("Content-Length: 0x5", "hello"),
        ("Content-Length: 5 ", "hello"),
        ("Content-Length: 99999999999999999999", ""),
        ("Content-Length: 5¦Content-Length: 5", "hello"),
        ("Content-Length: 5¦Content-Length: 0", "hello"),
        ("Content-Length: 0¦Content-Length: 0", ""),
        ("Transfer-Encoding: chunked", CHUNKS),
        ("Transfer-Encoding: chunked", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "0\r\nTrailer: x\r\n\r\n"),
        ("Transfer_Encoding: chunked", CHUNKS),
        ("Transfer-Encoding: chunked", "zz\r\n"),
        ("Transfer-Encoding: chunked", "\r\nabc\r\n"),
        ("Transfer-Encoding: chunked", "3;x\nabc\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n x\r\n\r\n"),
        ("Transfer-Encoding: chunked", "3\r\nabcd\r\n"),
        ("Transfer-Encoding: chunked", "3\nabc\n0\n\n"),
        (
            "Transfer-Encoding: chunked",
            "3 ; x=\"y\"\r\nabc\r\n0\r\n\r\n",
        ),
        ("Transfer-Encoding: chunked¦Content-Length: 13", CHUNKS),
        ("Content-Length: 13¦Transfer-Encoding: chunked", CHUNKS),
        (
            "Transfer-Encoding: chunked¦Transfer-Encoding: chunked",
            CHUNKS,
        ),
        ("Transfer-Encoding: identity", ""),
        ("Transfer-Encoding: gzip, chunked", CHUNKS),
        ("Transfer-Encoding: chunked, gzip", CHUNKS),
        ("Transfer-Encoding: xchunked", CHUNKS),
        ("Transfer-Encoding: Chunked", CHUNKS),
        ("Transfer-Encoding:\u{b}chunked", CHUNKS),
        ("Transfer-Encoding: ", ""),
        ("", "hello"),
        ("", "\r\n"),
    ];
    let (fields, body) = CASES[rng.below(CASES.len())];
    for field in fields.split('¦').filter(|field| !field.is_empty()) {
        draft.insert(rng, field);
    }
    draft.body = body.into();
}

pub(super) fn expectations(draft: &mut Draft, rng: &mut Rng) {
    let lines = rng.word(
        "Expect: 100-continue¦Expect: 200-ok¦Expect:¦Upgrade: websocket\nConnection: Upgrade¦\
         Upgrade: websocket\nConnection: keep-alive, Upgrade¦Upgrade: websocket¦Connection: Upgrade¦\
         Upgrade: h2c\nConnection: Upgrade, HTTP2-Settings\nHTTP2-Settings: AAMAAABk¦Upgrade:",
    );
    draft.fields.extend(lines.lines().map(Line::new));
}

pub(super) fn connection(draft: &mut Draft, rng: &mut Rng) {
    if rng.chance(70) {
        draft.fields.retain(|line| !line.is_named("Connection"));
    }
    let value = rng.word(
        "close¦Close¦CLOSE¦keep-alive¦Keep-Alive¦KEEP-ALIVE¦keep-alive, close¦\
         close, keep-alive¦close,¦ close¦upgrade¦Upgrade¦x¦¦,¦keep-alive,¦keep-alive, Origin¦\
         Access-Control-Request-Method¦te¦\"close\"¦keepalive¦keep-alive\u{b}¦close x¦Host¦\
         content-length",
    );
    draft.fields.push(Line::new(format!("Connection: {value}")));
    if rng.chance(20) {
        draft.fields.push(Line::new("Connection: close"));
    }
}

pub(super) fn hop_by_hop(draft: &mut Draft, rng: &mut Rng) {
    let line = rng.word(
        "TE: trailers¦TE: gzip;q=1¦Trailer: X-Sum¦Proxy-Connection: close¦\
         Proxy-Connection: keep-alive¦Keep-Alive: timeout=5, max=100¦Keep-Alive: x¦\
         Proxy-Authorization: Basic eA==¦Via: 1.1 x¦X-Forwarded-For: 192.0.2.1¦\
         X-Forwarded-Host: evil.test¦Forwarded: for=192.0.2.1¦Date: now¦X-Api-Version: 2¦\
         Access-Control-Request-Private-Network: true¦\
         Access-Control-Request-Private-Network: TRUE¦\
         Access-Control-Request-Local-Network: true¦Access-Control-Allow-Origin: *¦\
         Cookie: a=b¦Range: bytes=0-1¦If-None-Match: \"1\"¦Accept-Encoding: gzip¦\
         Max-Forwards: 0",
    );
    draft.insert(rng, line);
}

/// Bytes before the request line.
pub(super) fn before(draft: &mut Draft, rng: &mut Rng) {
    let before = rng.word("\r\n¦\r\n\r\n¦\n¦\n\n\n¦\r¦ ¦\t¦\r\n ¦\0¦\u{feff}");
    draft.before = before.into();
}
