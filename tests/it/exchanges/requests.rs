//! Requests of all kinds: good ones, and what becomes of those by a change.

use super::exchange::Exchange;
use crate::lanes::draft::Rng;

/// A request before it is bytes.
#[derive(Debug, Clone)]
pub(super) struct Request {
    method: &'static str,
    target: String,
    version: &'static str,
    fields: Vec<String>,
    body: Vec<u8>,
    /// Whether it depends on how it is cut on its way how much of it is passed on before it is refused.
    pub(super) is_inexact: bool,
}

/// Hosts with routes of their own, as `CONFIG` has them.
const HOSTS: &str = "exact.test¦exact.test¦any.test¦fill.test¦keep.test¦forward.test¦pass.test¦\
    pass.test¦off.test¦off.test¦list.test¦small.test¦block.test¦moved.test¦edited.test¦once.test¦\
    debug.test¦fixed.test¦gone.test¦nowhere.test";

const ORIGINS: &str = "https://app.example.com¦https://app.example.com¦https://app.example.com¦\
    https://evil.test¦null¦http://app.example.com¦https://a.example.org¦https://APP.example.com¦";

/// Lines of a request, `|` between those that come together. A character is a byte.
const FIELDS: &str = "Accept: */*¦User-Agent: Mozilla/5.0 (X11; Linux)¦Cookie: a=b¦\
    Cookie: a=b|Cookie: c=d¦cookie: a=b; c=d|COOKIE: e=f¦Connection: keep-alive¦\
    Connection: Keep-Alive|Keep-Alive: timeout=5¦connection: X-Hop|X-Hop: 1|X-Stays: 1¦\
    Connection: X-Hop, keep-alive|x-hop: 1|X-HOP: 2¦Connection: Origin¦Connection: Cookie|Cookie: a=b¦\
    Connection: Host¦Connection: X-Forwarded-For¦Connection: X-Request-Id|X-Request-Id: stated-2¦\
    Connection: Content-Type|Content-Type: text/plain¦Connection: ,¦Connection:¦Connection: \"close\"¦\
    Connection: Authorization|Authorization: Basic eA==¦Connection: TE|TE: trailers¦TE: trailers¦\
    TE: gzip;q=1, trailers¦Trailer: X-Sum¦trailer: a|Trailer: b¦Proxy-Connection: keep-alive¦\
    Proxy-Connection: close¦Proxy-Authorization: Basic eA==¦Via: 1.0 x¦Max-Forwards: 0¦\
    X-Forwarded-For: 192.0.2.1¦X-Forwarded-For: 192.0.2.1, 198.51.100.7|x-forwarded-for: 127.0.0.1¦\
    X-Forwarded-For: unknown¦X-Forwarded-Proto: https¦X-Forwarded-Proto: ftp¦\
    X-Forwarded-Proto: https|X-Forwarded-Proto: http¦X-Forwarded-Host: evil.test¦\
    X-Forwarded-Port: 443¦X-Forwarded-Prefix: /x¦X_Forwarded_For: 192.0.2.1¦\
    Forwarded: for=192.0.2.1;proto=https¦X-Real-IP: 192.0.2.9¦X-Real-Ip: no¦\
    X-Forwarded-Server: a|X-Forwarded: b¦Client-Cert: :x:¦X-Forwarded-Client-Cert: x¦\
    X-Request-Id: stated-1¦X-Request-Id:¦X-Request-Id: a|X-Request-Id: b¦x-request-ID: \u{e9}¦\
    X-Request-Id: {long}¦Traceparent: 00-c11e2f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01¦\
    traceparent: 00-c11e2f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00|tracestate: a=b¦\
    Traceparent: 00-c11e|Tracestate: a=b¦Traceparent: ff-c11e2f3577b34da6a3ce929d0e0e4736-c11e67aa0ba902b7-01¦\
    Tracestate: a=b¦Range: bytes=0-1¦If-None-Match: \"1\"¦If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT¦\
    If-Range: \"1\"|Range: bytes=1-¦Accept-Encoding: gzip, br¦Content-Type: application/json¦\
    Content-Type: application/grpc-web¦Content-Type: application/grpc|TE: trailers¦\
    Accept: text/event-stream¦Authorization: Bearer x¦Referer: https://app.example.com/p?q¦\
    Access-Control-Request-Method: PUT¦Access-Control-Request-Headers: x-a¦\
    Access-Control-Allow-Origin: *¦Sec-Fetch-Mode: cors¦X-Empty:¦X-Empty:   ¦X-Space:  a  ¦\
    X-Tab:\ta\t¦X-Inner: a \t  b¦X-Obs: \u{e9}\u{ff}¦x-oDD-cAsE: 1¦X-A: 1|x-a: 2|X-A: 3¦X_Under: 1¦\
    !#$%&'*+-.^_`~: odd¦X-Long: {long}¦Expect: 200-ok¦Expect:¦Upgrade: h2c|Connection: Upgrade¦\
    Upgrade: h2c|Connection: Upgrade, HTTP2-Settings|HTTP2-Settings: AAMAAABk¦Upgrade: websocket¦\
    Upgrade: TLS/1.0|Connection: upgrade¦Date: Sun, 06 Nov 1994 08:49:37 GMT¦Early-Data: 1¦\
    Cache-Control: no-cache|Pragma: no-cache¦Origin: https://app.example.com¦X-Debug: 1|x-remove: 2¦\
    X-Answer: evil¦Content-Encoding: gzip¦Content_Type: x¦Sec-WebSocket-Key: x¦Priority: u=1¦\
    Host: other.test¦X-HTTP-Method-Override: DELETE¦CF-Connecting-IP: 192.0.2.1¦DNT: 1";

/// A handshake as browsers send it, and what is nearly one.
const WEBSOCKETS: &str = "Connection: Upgrade|Upgrade: websocket¦\
    connection: keep-alive, Upgrade|upgrade: WebSocket¦Connection: Upgrade|Upgrade: websocket, h2c¦\
    Connection: Upgrade|Upgrade: websocket|Upgrade: h2c¦Connection: upgrade|Connection: x|Upgrade: websocket";

/// Bodies: lines, and what is sent; `{L}` is the length, `{B}` the body, `{C}` the body in
/// chunks without the last one, `{X}` the same with extensions.
const BODIES: &[(&str, &str)] = &[
    ("", ""),
    ("Content-Length: 0", ""),
    ("Content-Length: {L}", "{B}"),
    ("Content-Length: {L}", "{B}"),
    ("Content-Length: {L}", "{B}"),
    ("content-length:{L}", "{B}"),
    ("CONTENT-LENGTH: 00{L}", "{B}"),
    ("Connection: Content-Length|Content-Length: {L}", "{B}"),
    ("Transfer-Encoding: chunked", "{C}0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "{C}0\r\n\r\n"),
    ("transfer-encoding: CHUNKED", "{C}000\r\n\r\n"),
    ("Transfer-Encoding: chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "{C}0;x=y\r\n\r\n"),
    ("Transfer-Encoding: chunked", "{X}0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "{X}0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "{C}0\r\nX-Sum: 1\r\n\r\n"),
    (
        "Trailer: X-Sum|Transfer-Encoding: chunked",
        "{C}0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n",
    ),
    (
        "Connection: Transfer-Encoding|Transfer-Encoding: chunked",
        "{C}0\r\n\r\n",
    ),
];

/// The same with faults.
const BAD_BODIES: &[(&str, &str)] = &[
    ("Content-Length: {L}|Content-Length: {L}", "{B}"),
    ("Content-Length: {L}|Content-Length: 0", "{B}"),
    ("Content-Length: {L}, {L}", "{B}"),
    ("Content-Length: +{L}", "{B}"),
    ("Content-Length: -1", ""),
    ("Content-Length: 0x5", "{B}"),
    ("Content-Length:", ""),
    ("Content-Length: 99999999999999999999", "{B}"),
    ("Content_Length: {L}", ""),
    (
        "Content-Length: {L}|Transfer-Encoding: chunked",
        "{C}0\r\n\r\n",
    ),
    ("Transfer-Encoding: chunked|Content-Length: {L}", "{B}"),
    (
        "Transfer-Encoding: chunked|Transfer-Encoding: chunked",
        "{C}0\r\n\r\n",
    ),
    ("Transfer-Encoding: gzip, chunked", "{C}0\r\n\r\n"),
    ("Transfer-Encoding: chunked, gzip", "{C}0\r\n\r\n"),
    ("Transfer-Encoding: identity", ""),
    ("Transfer-Encoding: identity|Content-Length: {L}", "{B}"),
    ("Transfer-Encoding: xchunked", "{C}0\r\n\r\n"),
    ("Transfer-Encoding:", ""),
    ("Transfer-Encoding:\u{b}chunked", "{C}0\r\n\r\n"),
    ("Transfer_Encoding: chunked", ""),
    ("Transfer-Encoding: chunked", "{C}zz\r\n"),
    ("Transfer-Encoding: chunked", "{C}\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "{C}1\r\nab\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "{C}1;x\na\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "{C}1\na\n0\n\n"),
    ("Transfer-Encoding: chunked", "{C}-1\r\na\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "{C}0x1\r\na\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "{C}1 \r\na\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "{C}0\r\n\n"),
    ("Transfer-Encoding: chunked", "{C}0\r\n x\r\n\r\n"),
    ("Transfer-Encoding: chunked", "{C}0\r\nX: y\n\r\n"),
    ("Transfer-Encoding: chunked", "{C}ffffffffffffffffff\r\na"),
];

// === impl Request ===

impl Request {
    pub(super) fn new(number: usize, index: usize, rng: &mut Rng) -> Self {
        let method = rng.pick(&[
            "GET", "GET", "GET", "GET", "GET", "GET", "HEAD", "HEAD", "POST", "POST", "POST",
            "PUT", "PUT", "DELETE", "PATCH", "OPTIONS", "OPTIONS", "X-OWN",
        ]);
        let mut request = Self {
            method,
            target: Exchange::path(number, index),
            version: "HTTP/1.1",
            fields: vec![
                format!("Host: {}", rng.word(HOSTS)),
                // The path may be rewritten.
                format!("X-Exchange: {}", Exchange::mark(number, index)),
            ],
            body: Vec::new(),
            is_inexact: false,
        };
        if rng.chance(60) {
            let origin = rng.word(ORIGINS);
            request.insert(rng, &format!("Origin: {origin}"));
        }
        if method == "OPTIONS" && rng.chance(60) {
            request.fields[0] = format!("Host: {}", rng.word("forward.test¦pass.test¦off.test"));
            request.insert(rng, "Access-Control-Request-Method: PATCH");
        }
        if matches!(method, "POST" | "PUT" | "PATCH") || rng.chance(4) {
            request.give_body(rng, BODIES, Exchange::mark(number, index));
            // It is refused where it has become too large, or some bytes later.
            let is_bounded = request.fields.iter().any(|line| line == "Host: small.test");
            request.is_inexact = is_bounded && request.body.len() > 1000;
        }
        request
    }

    /// Changes one thing about it.
    pub(super) fn change(&mut self, number: usize, index: usize, rng: &mut Rng) {
        let mark = Exchange::mark(number, index);
        match rng.below(100) {
            0..60 => {
                for _ in 0..1 + rng.below(4) {
                    let lines = rng.word(FIELDS).replace("{long}", &"l".repeat(3000));
                    lines.split('|').for_each(|line| self.insert(rng, line));
                }
            }
            60..68 => self.change_case(rng),
            68..76 => self.change_target(&mark, rng),
            76..84 => {
                self.version = "HTTP/1.0";
                let line =
                    rng.word("¦Connection: keep-alive¦connection: Keep-Alive¦Connection: close");
                if !line.is_empty() {
                    self.insert(rng, line);
                }
                if rng.chance(20) {
                    self.fields.retain(|line| !line.starts_with("Host"));
                }
            }
            84..89 => {
                self.method = "GET";
                let lines = rng.word(WEBSOCKETS);
                lines.split('|').for_each(|line| self.insert(rng, line));
                self.insert(rng, "Sec-WebSocket-Version: 13");
            }
            89..97 if !self.has_framing() => {
                self.give_body(rng, BAD_BODIES, mark);
                self.is_inexact = true;
            }
            _ => {
                let count = 90 + rng.below(20);
                (0..count).for_each(|at| self.fields.push(format!("x-{at}: 1")));
            }
        }
    }

    pub(super) fn has_connection_line(&self) -> bool {
        let is_one = |line: &String| line.to_ascii_lowercase().starts_with("connection:");
        self.fields.iter().any(is_one)
    }

    pub(super) fn close(&mut self) {
        self.fields.push("Connection: close".to_owned());
    }

    pub(super) fn insert(&mut self, rng: &mut Rng, line: &str) {
        let at = rng.below(self.fields.len() + 1);
        self.fields.insert(at, line.to_owned());
    }

    pub(super) fn method(&self) -> &'static str {
        self.method
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// The field lines.
    pub(super) fn lines(&self) -> &[String] {
        &self.fields
    }

    /// The value of the first line of that name.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let lines = self.fields.iter().filter_map(|line| line.split_once(':'));
        let mut lines = lines.filter(|(own, _)| own.eq_ignore_ascii_case(name));
        lines.next().map(|(_, value)| value.trim())
    }

    pub(super) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    pub(super) fn asks_for_websocket(&self) -> bool {
        let names = |line: &String| line.to_ascii_lowercase().starts_with("upgrade: websocket");
        self.fields.iter().any(names)
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn head(&self) -> Vec<u8> {
        let Self {
            method,
            target,
            version,
            fields,
            ..
        } = self;
        let mut head = format!("{method} {target} {version}\r\n");
        for line in fields {
            head = head + line + "\r\n";
        }
        super::answers::latin1(&(head + "\r\n"))
    }

    fn has_framing(&self) -> bool {
        let is_framing = |line: &String| {
            let line = line.to_ascii_lowercase();
            line.starts_with("content-length:") || line.starts_with("transfer-encoding:")
        };
        self.fields.iter().any(is_framing)
    }

    fn give_body(&mut self, rng: &mut Rng, bodies: &[(&str, &str)], mark: String) {
        let (lines, sent) = bodies[rng.below(bodies.len())];
        let length = match rng.below(100) {
            0..94 => 8 + rng.below(60),
            94..99 => 3000 + rng.below(10_000),
            _ => (64 << 10) - 2 + rng.below(100_000),
        };
        let mut body = format!("body of {mark}, GET /evil HTTP/1.1\r\nHost: pass.test\r\n\r\n");
        body.extend(std::iter::repeat_n('.', length.saturating_sub(body.len())));
        let lines = lines.replace("{L}", &body.len().to_string());
        for line in lines.split('|').filter(|line| !line.is_empty()) {
            self.insert(rng, line);
        }
        let extension = rng.word(";a=b¦; a=\"b c\"¦;a¦ ;x=y;z¦;a=\"\\\"\"¦;");
        let (plain, extended) = (in_chunks(&body, "", rng), in_chunks(&body, extension, rng));
        let sent = sent.replace("{B}", &body).replace("{C}", &plain);
        self.body = super::answers::latin1(&sent.replace("{X}", &extended));
    }

    /// Names in another case: all of them.
    fn change_case(&mut self, rng: &mut Rng) {
        let how = rng.below(3);
        for line in &mut self.fields {
            let end = line.find(':').unwrap_or(0);
            let name = line[..end].char_indices().map(|(at, c)| match how {
                0 => c.to_ascii_lowercase(),
                1 => c.to_ascii_uppercase(),
                _ if at % 2 == 0 => c.to_ascii_uppercase(),
                _ => c.to_ascii_lowercase(),
            });
            *line = name.collect::<String>() + &line[end..];
        }
    }

    fn change_target(&mut self, mark: &str, rng: &mut Rng) {
        let host = self
            .fields
            .iter()
            .find_map(|line| line.strip_prefix("Host: "));
        let host = host.unwrap_or("pass.test").to_owned();
        let target = rng.word(
            "{path}?a=b&c¦{path}?¦{path}/¦{path}//y¦/x//{mark}¦{path};y=z¦{path}%20a¦{path}%2Fa¦\
             {path}/..%2f¦{path}/../y¦{path}?../y¦{path}#f¦{path}|y¦{path}\"y¦{path}\u{fc}¦{path}{y}¦\
             http://{host}{path}¦http://{host}{path}?q¦HTTP://{host}{path}¦http://{host}:80{path}¦\
             https://{host}{path}¦http://other.test{path}¦http://{host}?{mark}¦*¦{mark}¦{path}?{long}¦\
             http://u@{host}{path}¦/{long}/{mark}",
        );
        self.target = target
            .replace("{path}", &self.target)
            .replace("{mark}", mark)
            .replace("{host}", &host)
            .replace("{long}", &"q".repeat(2000));
    }
}

fn in_chunks(body: &str, extension: &str, rng: &mut Rng) -> String {
    let mut chunks = String::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(1 + rng.below(rest.len()));
        let (zeros, length) = (rng.word("¦¦¦0¦000"), chunk.len());
        chunks += &format!("{zeros}{length:x}{extension}\r\n{chunk}\r\n");
        rest = behind;
    }
    chunks
}
