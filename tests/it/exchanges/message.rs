//! Reads what was sent on a connection into messages, and takes out what no two runs have in common.

use super::exchange::{find_mark, readable};
use std::fmt;

/// A request or a response, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Its first line.
    pub(super) start: Vec<u8>,
    /// Its field lines, those of a name in their order, those of different names in that of the names.
    pub(super) fields: Vec<Line>,
    pub(super) framing: Framing,
    /// Without its chunks' sizes.
    pub(super) body: Vec<u8>,
    /// The chunks' extensions, and the lines of the trailer section.
    pub(super) extras: Vec<Vec<u8>>,
    pub(super) is_whole: bool,
}

/// A field line: its name as it was written, and all that stands behind the colon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) name: Vec<u8>,
    pub(super) value: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    None,
    Length(usize),
    Chunked,
    /// The end is the connection's.
    Open,
}

/// The messages of one direction of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Messages {
    pub(super) messages: Vec<Message>,
    /// Bytes that are not a message, or not yet.
    pub(super) rest: Vec<u8>,
    /// Whether the rest can't be the beginning of anything.
    pub(super) is_broken: bool,
}

/// Reads the bytes of a connection as they come.
pub(super) struct Reader {
    side: Side,
    found: Messages,
    state: State,
}

#[derive(Clone)]
pub(super) enum Side {
    Requests,
    /// Whether the request with that index is HEAD.
    Responses(Vec<bool>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    /// The number of bytes that are left, of a body or of a chunk.
    Data(usize),
    ChunkEnd,
    ChunkSize,
    Trailers,
    Open,
}

// === impl Reader ===

impl Reader {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            found: Messages::default(),
            state: State::Head,
        }
    }

    pub(super) fn messages(&self) -> &[Message] {
        &self.found.messages
    }

    pub(super) fn is_broken(&self) -> bool {
        self.found.is_broken
    }

    /// Takes what has come, at most to the end of a message where it is to stop there.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.found.rest.extend_from_slice(bytes);
        let mut rest = std::mem::take(&mut self.found.rest);
        let mut at = 0;
        while !self.found.is_broken {
            match self.step(&rest[at..]) {
                Some(taken) => at += taken,
                None => break,
            }
        }
        rest.drain(..at);
        self.found.rest = rest;
    }

    /// Ends with the connection.
    pub(super) fn end(mut self) -> Messages {
        if self.state == State::Open
            && let Some(last) = self.found.messages.last_mut()
        {
            last.is_whole = true;
        }
        self.found
    }

    /// Takes a part; returns its length, or `None` if there has to be more.
    fn step(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.state == State::Head {
            return self.head(bytes);
        }
        let message = self.found.messages.last_mut()?;
        match self.state {
            State::Data(_) | State::Open if bytes.is_empty() => None,
            State::Open => {
                message.body.extend_from_slice(bytes);
                Some(bytes.len())
            }
            State::Data(left) => {
                let taken = left.min(bytes.len());
                message.body.extend_from_slice(&bytes[..taken]);
                self.state = match (left - taken, message.framing) {
                    (left @ 1.., _) => State::Data(left),
                    (0, Framing::Chunked) => State::ChunkEnd,
                    (0, _) => {
                        message.is_whole = true;
                        State::Head
                    }
                };
                Some(taken)
            }
            State::ChunkEnd if bytes.len() < 2 => None,
            State::ChunkEnd => {
                self.found.is_broken = !bytes.starts_with(b"\r\n");
                self.state = State::ChunkSize;
                Some(if self.found.is_broken { 0 } else { 2 })
            }
            State::ChunkSize => {
                let end = line_end(bytes)?;
                let line = &bytes[..end];
                let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
                let (size, extension) = line.split_at(digits.count());
                let size = str::from_utf8(size).ok();
                match size.and_then(|size| usize::from_str_radix(size, 16).ok()) {
                    Some(0) => self.state = State::Trailers,
                    Some(size) => self.state = State::Data(size),
                    None => {
                        self.found.is_broken = true;
                        return Some(0);
                    }
                }
                if !extension.is_empty() {
                    message.extras.push(extension.to_vec());
                }
                Some(end + 2)
            }
            State::Trailers => {
                let end = line_end(bytes)?;
                match &bytes[..end] {
                    [] => {
                        message.is_whole = true;
                        self.state = State::Head;
                    }
                    line => message.extras.push(line.to_vec()),
                }
                Some(end + 2)
            }
            State::Head => None,
        }
    }

    fn head(&mut self, bytes: &[u8]) -> Option<usize> {
        let end = memchr::memmem::find(bytes, b"\r\n\r\n")?;
        let mut message = Message::parse(&bytes[..end]);
        let framing = match &self.side {
            Side::Requests => message.request_framing(),
            Side::Responses(heads) => message.response_framing(heads),
        };
        let Some(framing) = framing else {
            self.found.is_broken = true;
            return None;
        };
        message.framing = framing;
        self.state = match framing {
            Framing::None | Framing::Length(0) => State::Head,
            Framing::Length(length) => State::Data(length),
            Framing::Chunked => State::ChunkSize,
            Framing::Open => State::Open,
        };
        message.is_whole = self.state == State::Head;
        self.found.messages.push(message);
        Some(end + 4)
    }
}

fn mark_in(text: &[u8]) -> Option<(usize, usize)> {
    find_mark(&String::from_utf8_lossy(text))
}

/// The length of a line without its CRLF.
fn line_end(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, b"\r\n")
}

// === impl Message ===

impl Message {
    /// Reads a head without the empty line at its end.
    fn parse(head: &[u8]) -> Self {
        let mut lines = Vec::new();
        let mut rest = head;
        while let Some(end) = line_end(rest) {
            lines.push(&rest[..end]);
            rest = &rest[end + 2..];
        }
        lines.push(rest);
        let start = lines.remove(0).to_vec();
        let fields = lines.into_iter().map(Line::parse);
        Self {
            start,
            fields: fields.collect(),
            framing: Framing::None,
            body: Vec::new(),
            extras: Vec::new(),
            is_whole: false,
        }
    }

    pub(super) fn values<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m [u8]> {
        let lines = self.fields.iter();
        let lines = lines.filter(move |line| line.name.eq_ignore_ascii_case(name.as_bytes()));
        lines.map(|line| line.value.trim_ascii())
    }

    pub(super) fn status(&self) -> Option<u16> {
        let status = self.start.split(|&byte| byte == b' ').nth(1)?;
        str::from_utf8(status).ok()?.parse().ok()
    }

    pub(super) fn is_interim(&self) -> bool {
        self.status()
            .is_some_and(|status| status < 200 && status != 101)
    }

    /// The mark of this request.
    pub(super) fn request_mark(&self) -> Option<(usize, usize)> {
        let stated = || self.values("x-exchange").next();
        mark_in(&self.start).or_else(|| mark_in(stated()?))
    }

    /// The mark of the request that this answers; `None` if the gateway has made it.
    pub(super) fn response_mark(&self) -> Option<(usize, usize)> {
        mark_in(self.values("x-answer").next()?)
    }

    fn length(&self) -> Option<Option<usize>> {
        let mut lengths = self.values("content-length");
        match (lengths.next(), lengths.next()) {
            (None, _) => Some(None),
            (Some(length), None) => {
                let length = str::from_utf8(length).ok()?;
                let is_plain = length.bytes().all(|byte| byte.is_ascii_digit());
                Some(Some(length.parse().ok().filter(|_| is_plain)?))
            }
            _ => None,
        }
    }

    /// Finds the end as a plain reader does; `None` if it can't, or if two could find two ends.
    fn coding_or_length(&self) -> Option<Option<Framing>> {
        let mut codings = self.values("transfer-encoding");
        match (codings.next(), codings.next(), self.length()?) {
            (None, _, None) => Some(None),
            (None, _, Some(length)) => Some(Some(Framing::Length(length))),
            (Some(coding), None, None) if coding.eq_ignore_ascii_case(b"chunked") => {
                Some(Some(Framing::Chunked))
            }
            _ => None,
        }
    }

    fn request_framing(&self) -> Option<Framing> {
        Some(self.coding_or_length()?.unwrap_or(Framing::None))
    }

    fn response_framing(&self, heads: &[bool]) -> Option<Framing> {
        let status = self.status()?;
        let framing = self.coding_or_length()?;
        let index = self.response_mark().map(|(_, index)| index);
        let is_head = index.and_then(|index| heads.get(index).copied());
        Some(match status {
            101 => Framing::Open,
            100..200 | 204 | 304 => Framing::None,
            _ if is_head == Some(true) => Framing::None,
            _ => framing.unwrap_or(Framing::Open),
        })
    }

    /// Takes out what differs from run to run, and puts the names in their order.
    pub(super) fn normalize(&mut self, own: &[(Vec<u8>, &str)]) {
        for line in &mut self.fields {
            line.normalize(own);
        }
        self.fields
            .sort_by_key(|line| line.name.to_ascii_lowercase());
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&readable(&self.start))?;
        for Line { name, value } in &self.fields {
            f.write_str(&readable(&[name, b":".as_slice(), value].concat()))?;
        }
        for extra in &self.extras {
            write!(f, "(extension or trailer) {}", readable(extra))?;
        }
        let end = if self.is_whole { "whole" } else { "cut off" };
        let length = self.body.len();
        writeln!(f, "({:?}, {end}, a body of {length} bytes)", self.framing)?;
        f.write_str(&readable(&self.body))
    }
}

// === impl Line ===

impl Line {
    fn parse(line: &[u8]) -> Self {
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        Self {
            name: name.to_vec(),
            value: value.get(1..).unwrap_or_default().to_vec(),
        }
    }

    fn normalize(&mut self, own: &[(Vec<u8>, &str)]) {
        let name = self.name.to_ascii_lowercase();
        let text = String::from_utf8_lossy(&self.value).into_owned();
        let masked = match name.as_slice() {
            b"date" => masked_date(text.trim()),
            b"x-request-id" => is_uuid(text.trim()).then(|| "{id}".to_owned()),
            b"traceparent" => masked_trace(text.trim()),
            _ => None,
        };
        if let Some(masked) = masked {
            // The white space around it stays.
            self.value = text.replace(text.trim(), &masked).into_bytes();
        }
        for (address, name) in own {
            if let Some(at) = memchr::memmem::find(&self.value, address) {
                self.value.splice(at..at + address.len(), name.bytes());
            }
        }
    }
}

/// The gateway's own Date; those of the upstream are of the last century.
fn masked_date(date: &str) -> Option<String> {
    let is_date = httpdate::parse_http_date(date).is_ok() && !date.contains(" 19");
    is_date.then(|| "{date}".to_owned())
}

pub(super) fn is_uuid(id: &str) -> bool {
    id.len() == 36 && id.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// The beginning of the traces that clients state.
pub(super) const STATED_TRACE: &str = "c11e";

/// Masks the gateway's span, and its trace unless the client has stated that.
pub(super) fn masked_trace(parent: &str) -> Option<String> {
    let mut parts = parent.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let (span, flags) = (parts.next()?, parts.next()?);
    if span.starts_with(STATED_TRACE) {
        return None;
    }
    let trace = if trace.starts_with(STATED_TRACE) {
        trace
    } else {
        "{trace}"
    };
    Some(format!("{version}-{trace}-{{span}}-{flags}"))
}
