//! Replies of the upstream: good responses, and what becomes of those by a fault.

mod words;

use super::exchange::{Afterwards, Reply, Then, When};
use crate::lanes::draft::Rng;
use words::{FIELDS, FRAMINGS, INTERIM, ODD_LINES, STARTS, STATUSES};

/// Length of a field with which a header is longer than what is read of one.
const TOO_LARGE: usize = (1 << 20) + 70_000;

/// A response before it is bytes.
struct Draft {
    /// Interim responses, as they are sent.
    interim: String,
    start: String,
    /// Lines, with `{L}` for the body's length.
    fields: Vec<String>,
    body: Vec<u8>,
    /// Bytes behind the end.
    behind: &'static str,
    newline: &'static str,
    then: Then,
    /// Whether the end of the content is told in another way already.
    is_framed: bool,
    /// Whether its content is sent although there is not to be any.
    has_excess: bool,
    is_inexact: bool,
}

/// A response that was not asked for: no client may ever get it.
pub(super) const EVIL: &str = "HTTP/1.1 200 OK\r\nX-Answer: evil\r\nContent-Length: 4\r\n\r\nevil";

/// The request that is answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) mark: &'a str,
    pub(super) is_head: bool,
    pub(super) asks_for_websocket: bool,
}

/// Makes the upstream's replies to a request, try by try.
pub(super) fn replies(asked: Asked<'_>, rng: &mut Rng) -> Vec<Reply> {
    let mut replies = Vec::new();
    if rng.chance(6) {
        // It ends before it has said anything, once or more often.
        for _ in 0..1 + rng.below(4) / 2 {
            replies.push(Reply::new(
                "",
                if rng.chance(80) {
                    Then::Closes
                } else {
                    Then::Resets
                },
            ));
        }
    }
    replies.push(reply(asked, rng));
    replies
}

fn reply(asked: Asked<'_>, rng: &mut Rng) -> Reply {
    if asked.asks_for_websocket && rng.chance(70) {
        return websocket(rng);
    }
    let mut draft = Draft::good(asked, rng);
    let faults = match rng.below(100) {
        0..40 => 0,
        40..85 => 1,
        _ => 2,
    };
    for _ in 0..faults {
        draft.change(rng);
    }
    let then = draft.then;
    let bytes = draft.render(asked.is_head);
    let pieces = match rng.chance(5) {
        true => in_pieces(&bytes, rng),
        false => vec![bytes],
    };
    Reply {
        when: When::Whole,
        pieces,
        then,
        is_inexact: draft.is_inexact,
    }
}

// === impl Asked ===

impl<'a> Asked<'a> {
    /// A request that has nothing special.
    pub(super) fn plainly(mark: &'a str) -> Self {
        Self {
            mark,
            is_head: false,
            asks_for_websocket: false,
        }
    }
}

/// Makes the response that any upstream would give.
pub(super) fn good(asked: Asked<'_>) -> Reply {
    let mark = asked.mark;
    let body = format!("answer {mark}");
    let length = body.len();
    let body = if asked.is_head { "" } else { &body };
    let head = format!("HTTP/1.1 200 OK\r\nX-Answer: {mark}\r\nContent-Length: {length}\r\n\r\n");
    Reply::new(head + body, Then::Keeps)
}

/// Makes something to come behind a response when its client has it.
pub(super) fn afterwards(rng: &mut Rng) -> Afterwards {
    const LATE: &str = "HTTP/1.1 408 Request Timeout\r\nX-Answer: evil\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (bytes, then) = match rng.below(7) {
        0 => (EVIL, Then::Keeps),
        1 => (EVIL, Then::Closes),
        2 => (LATE, Then::Closes),
        3 => ("", Then::Resets),
        4 => ("\r\n", Then::Keeps),
        _ => ("", Then::Closes),
    };
    let bytes = bytes.as_bytes().to_vec();
    Afterwards { bytes, then }
}

fn websocket(rng: &mut Rng) -> Reply {
    let fields = rng.word(
        "Upgrade: websocket|Connection: Upgrade¦upgrade: WebSocket|connection: upgrade¦\
         Upgrade: websocket|Connection: Upgrade|Access-Control-Allow-Origin: *|Vary: x¦\
         Upgrade: websocket|Connection: keep-alive, Upgrade|Content-Length: 3¦Connection: Upgrade¦\
         Upgrade: h2c|Connection: Upgrade¦Upgrade: websocket¦\
         Upgrade: websocket|Upgrade: h2c|Connection: Upgrade¦Upgrade: websocket, h2c|Connection: upgrade",
    );
    let head = format!("HTTP/1.1 101 Switching Protocols|{fields}||").replace('|', "\r\n");
    let tunnelled = rng.word("¦hello¦\u{1}\u{2}\u{3}¦HTTP/1.1 200 OK\r\n\r\n");
    Reply::new(latin1(&(head + tunnelled)), Then::Closes)
}

fn in_pieces(bytes: &[u8], rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut cuts: Vec<usize> = (0..1 + rng.below(4))
        .map(|_| rng.below(bytes.len()))
        .collect();
    cuts.sort_unstable();
    let mut pieces = Vec::new();
    let mut start = 0;
    for cut in cuts {
        pieces.push(bytes[start..cut].to_vec());
        start = cut;
    }
    pieces.push(bytes[start..].to_vec());
    pieces
}

/// A character is a byte.
pub(super) fn latin1(text: &str) -> Vec<u8> {
    match text.is_ascii() {
        true => text.as_bytes().to_vec(),
        false => text.chars().map(|c| c as u8).collect(),
    }
}

// === impl Draft ===

impl Draft {
    fn good(asked: Asked<'_>, rng: &mut Rng) -> Self {
        let mark = asked.mark;
        let status = rng.word(STATUSES);
        let length = match rng.below(200) {
            0..20 => 0,
            20..22 => 20_000 + rng.below(10_000),
            22 => 70_000 + rng.below(200_000),
            _ => 10 + rng.below(60),
        };
        let mut body = format!("answer {mark} ").into_bytes();
        body.resize(length, b'.');
        let mut fields = vec![format!("X-Answer: {mark}")];
        let is_empty = matches!(&status[..3], "204" | "304");
        if !is_empty || rng.chance(40) {
            let length = match rng.below(40) {
                0 => "Content-Length: {L}, {L}",
                _ => "Content-Length: {L}",
            };
            fields.push(length.to_owned());
        }
        Self {
            interim: String::new(),
            start: format!("HTTP/1.1 {status}"),
            fields,
            body,
            behind: "",
            newline: "\r\n",
            then: Then::Keeps,
            is_framed: false,
            has_excess: false,
            is_inexact: false,
        }
    }
}

impl Draft {
    /// Changes one thing about it.
    fn change(&mut self, rng: &mut Rng) {
        match rng.below(100) {
            0..34 => self.add_lines(rng),
            34..66 if !self.is_framed => self.frame(rng),
            66..72 => {
                let is_length = |line: &String| line.starts_with("Content-Length");
                if !self.is_framed && !self.fields.iter().any(is_length) {
                    // It may not be one any more that ends with its header.
                    self.fields.push("Content-Length: {L}".to_owned());
                }
                let start = rng.word(STARTS);
                let status = self.start.get("HTTP/1.1 ".len()..).unwrap_or("200 OK");
                self.start = start.replace("{S}", status);
            }
            72..77 => {
                let lines = rng.word(ODD_LINES);
                let at = rng.below(self.fields.len() + 1);
                let lines = lines.split('|').map(str::to_owned);
                self.fields.splice(at..at, lines);
            }
            77..85 => self.precede(rng),
            85..89 => self.be_old(rng),
            89..92 => {
                self.behind = rng.word("\r\n¦x¦\0¦EVIL¦EVIL¦EVIL");
                if self.behind == "EVIL" {
                    self.behind = EVIL;
                }
            }
            92..94 => {
                self.newline = rng.word("\n¦\n¦\r¦\r\r\n");
                // The gateway may wait for the end of the header.
                self.then = Then::Closes;
            }
            94..97 => self.then = Then::Closes,
            97 => self.grow(rng),
            _ => {
                self.has_excess = true;
                self.then = Then::Closes;
            }
        }
    }

    fn add_lines(&mut self, rng: &mut Rng) {
        for _ in 0..1 + rng.below(4) {
            let lines = rng.word(FIELDS).replace("{long}", &"l".repeat(5000));
            let at = rng.below(self.fields.len() + 1);
            let lines = lines.split('|').map(str::to_owned);
            self.fields.splice(at..at, lines);
        }
    }

    /// Tells the end of the content in another way.
    fn frame(&mut self, rng: &mut Rng) {
        if self.start.contains(" 205 ") {
            // The client has all of it with its header. Whether pingora finds fault with the content that is not
            // passed on depends on how far its queue is.
            return;
        }
        let (fields, content, then) = FRAMINGS[rng.below(FRAMINGS.len())];
        self.is_framed = true;
        if self.body.is_empty() {
            self.body = b"answer".to_vec();
        }
        self.fields
            .retain(|line| !line.starts_with("Content-Length"));
        let fields = fields.split('|').filter(|line| !line.is_empty());
        self.fields.extend(fields.map(str::to_owned));
        let length = self.body.len().to_string();
        for line in &mut self.fields {
            *line = line.replace("{L}", &length);
        }
        let chunks = |extension: &str, rng: &mut Rng| {
            let mut chunks = Vec::new();
            let mut rest = self.body.as_slice();
            while !rest.is_empty() {
                let (chunk, behind) = rest.split_at(1 + rng.below(rest.len()));
                let (zeros, length) = (rng.word("¦¦¦0¦000"), chunk.len());
                chunks.extend(format!("{zeros}{length:X}{extension}\r\n").into_bytes());
                chunks.extend_from_slice(chunk);
                chunks.extend_from_slice(b"\r\n");
                rest = behind;
            }
            chunks
        };
        let (variable, rest) = match content.get(..3) {
            Some(variable) if variable.starts_with('{') => (variable, &content[3..]),
            _ => ("", content),
        };
        let extensions = ";a=b¦; a=\"b c\"¦;a¦ ;x=y;z¦;a=\"\\\"\"¦;¦\t;a=b";
        let trailers = "X-Sum: 1\r\n¦X-Sum: 1\r\nx-b: 2\r\n¦Content-Length: 5\r\n¦\
            Access-Control-Allow-Origin: *\r\n¦Set-Cookie: a=b\r\nX-Answer: evil\r\n";
        let sent = match variable {
            "{B}" => self.body.clone(),
            "{C}" => [chunks("", rng).as_slice(), b"0\r\n\r\n"].concat(),
            "{X}" => {
                let extension = rng.word(extensions);
                let last = format!("0{}\r\n\r\n", rng.word(extensions));
                [chunks(extension, rng).as_slice(), last.as_bytes()].concat()
            }
            "{T}" => {
                let last = format!("0\r\n{}\r\n", rng.word(trailers));
                [chunks("", rng).as_slice(), last.as_bytes()].concat()
            }
            "{P}" => chunks("", rng),
            _ => Vec::new(),
        };
        self.body = [&sent, rest.as_bytes()].concat();
        if then == Then::Closes {
            self.then = then;
            self.is_inexact = content != "{B}";
        }
    }

    /// Sends interim responses before it.
    fn precede(&mut self, rng: &mut Rng) {
        let count = match rng.below(10) {
            0 => 15 + rng.below(4),
            1..4 => 2 + rng.below(3),
            _ => 1,
        };
        let same = rng.word(INTERIM);
        for _ in 0..count {
            let interim = if count > 10 { same } else { rng.word(INTERIM) };
            self.interim += &format!("{interim}|").replace('|', "\r\n");
            if interim.contains("websocket") {
                // Where it was asked for, the rest is a tunnel, which one side has to end.
                self.then = Then::Closes;
            }
        }
    }

    /// Becomes a response of HTTP/1.0.
    fn be_old(&mut self, rng: &mut Rng) {
        self.start = self.start.replacen("1.1", "1.0", 1);
        let line = rng.word("¦Connection: keep-alive¦connection: Keep-Alive¦Connection: close");
        if !line.is_empty() {
            self.fields.push(line.to_owned());
        }
        if rng.chance(50) {
            self.then = Then::Closes;
        }
        if rng.chance(30) && !self.is_framed {
            self.is_framed = true;
            self.fields
                .retain(|line| !line.starts_with("Content-Length"));
            self.then = Then::Closes;
        }
    }

    /// Becomes larger than most: up to the limits of what is read, and beyond.
    fn grow(&mut self, rng: &mut Rng) {
        let fields = self.fields.len();
        match rng.below(8) {
            0 => self
                .fields
                .push(format!("X-Large: {}", "x".repeat(TOO_LARGE))),
            1 => self.fields.push(format!(
                "X-Large: {}",
                "x".repeat(60_000 + rng.below(10_000))
            )),
            2 => self.start += &"r".repeat(9000),
            3 => self
                .fields
                .push(format!("X-{}: 1", "n".repeat(rng.below(70_000)))),
            _ => {
                let count = 254 + rng.below(5) - fields.min(10);
                self.fields
                    .extend((0..count).map(|at| format!("X-{at}: 1")));
            }
        }
    }

    fn render(&self, is_head: bool) -> Vec<u8> {
        let status = self.start.get(9..12).unwrap_or_default();
        let length = self.body.len().to_string();
        // Behind an interim response, pingora reads more of a header than of one alone, and may let it by.
        let is_too_large = self.fields.iter().any(|line| line.len() >= TOO_LARGE);
        let interim = if is_too_large { "" } else { &self.interim };
        let mut head = format!("{interim}{}", self.start);
        for line in &self.fields {
            head = head + self.newline + &line.replace("{L}", &length);
        }
        head = head + self.newline + self.newline;
        let mut bytes = latin1(&head);
        let has_content = !is_head && !matches!(status, "204" | "304");
        if has_content || self.has_excess {
            bytes.extend_from_slice(&self.body);
        }
        bytes.extend_from_slice(self.behind.as_bytes());
        bytes
    }
}
