use super::PATIENCE;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A client that sends what it is told, byte for byte.
pub(crate) struct Client {
    stream: TcpStream,
    /// Read, but not yet part of a response.
    buffer: Vec<u8>,
}

/// A response, with every field line as it came.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Waits longer for an answer that takes long on a busy machine.
    pub(crate) fn with_patience(self, patience: Duration) -> Self {
        let set = self.stream.set_read_timeout(Some(patience));
        set.expect("a timeout");
        self
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// Writes to somebody who may have closed already, which the next read says.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Ends what is sent to the server, and not what comes from it.
    pub(crate) fn end_sending(&mut self) {
        let ended = self.stream.shutdown(std::net::Shutdown::Write);
        ended.expect("it is connected");
    }

    /// Goes away with a reset.
    pub(crate) fn reset(self) {
        let linger = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        linger.expect("an option");
    }

    /// Whether bytes have come, or the end, before the time has passed.
    pub(crate) fn has_news_within(&mut self, time: Duration) -> bool {
        if !self.buffer.is_empty() {
            return true;
        }
        self.stream.set_read_timeout(Some(time)).expect("a timeout");
        let mut byte = [0];
        let peeked = self.stream.peek(&mut byte);
        let patience = Some(PATIENCE);
        self.stream.set_read_timeout(patience).expect("a timeout");
        // An end, or a reset, is left for the next read to find.
        peeked.map_err(|e| e.kind()) != Err(std::io::ErrorKind::WouldBlock)
    }

    /// Sends `request` and reads the final response to it.
    pub(crate) fn exchange(&mut self, request: &str) -> Response {
        self.write(request.as_bytes());
        let is_head = request.starts_with("HEAD ");
        loop {
            let response = self.read(is_head).expect("an answer");
            if response.status >= 200 {
                return response;
            }
        }
    }

    /// The next response, an interim one too; `None` where the connection ended instead.
    pub(crate) fn read(&mut self, is_head: bool) -> Option<Response> {
        loop {
            if let Some((mut response, head_len)) = parse_head(&self.buffer) {
                self.buffer.drain(..head_len);
                if !is_head && !matches!(response.status, 100..=199 | 204 | 304) {
                    response.body = self.read_body(&response);
                }
                return Some(response);
            }
            if !self.fill() {
                assert!(
                    self.buffer.is_empty(),
                    "cut off: {:?}",
                    self.buffer.escape_ascii().to_string()
                );
                return None;
            }
        }
    }

    /// Whether the server has closed, or closes before anything else arrives.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill()
    }

    /// Reads until the bytes that came end with these, and returns them all.
    pub(crate) fn read_until(&mut self, end: &[u8]) -> Vec<u8> {
        while !self.buffer.windows(end.len()).any(|bytes| bytes == end) {
            assert!(self.fill(), "cut off: {}", self.buffer.escape_ascii());
        }
        std::mem::take(&mut self.buffer)
    }

    /// Reads to the end of the connection.
    pub(crate) fn drain(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.buffer)
    }

    fn read_body(&mut self, response: &Response) -> String {
        let body = match (
            response.get("content-length"),
            response.get("transfer-encoding"),
        ) {
            (Some(length), _) => self.take(length.parse().expect("a length")),
            (None, Some(_)) => {
                let mut body = Vec::new();
                loop {
                    let size = String::from_utf8(self.take_line()).expect("a size");
                    let size = usize::from_str_radix(size.trim(), 16).expect("a size");
                    body.extend(self.take(size));
                    self.take_line();
                    if size == 0 {
                        break body;
                    }
                }
            }
            (None, None) => {
                while self.fill() {}
                std::mem::take(&mut self.buffer)
            }
        };
        String::from_utf8_lossy(&body).into_owned()
    }

    fn take(&mut self, len: usize) -> Vec<u8> {
        while self.buffer.len() < len {
            assert!(self.fill(), "the body is cut off");
        }
        self.buffer.drain(..len).collect()
    }

    fn take_line(&mut self) -> Vec<u8> {
        loop {
            if let Some(at) = self.buffer.iter().position(|&b| b == b'\n') {
                return self.buffer.drain(..=at).collect();
            }
            assert!(self.fill(), "a line is cut off");
        }
    }

    /// Reads more; `false` at the end.
    fn fill(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => false,
            Ok(len) => {
                self.buffer.extend_from_slice(&chunk[..len]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("no answer: {error}"),
        }
    }
}

impl Response {
    /// Reads a whole response without chunks; `None` if its header has no end.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (response, head) = parse_head(bytes)?;
        let body = String::from_utf8_lossy(&bytes[head..]).into_owned();
        Some(Self { body, ..response })
    }

    /// The field's value, repeated lines joined with commas.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        super::joined(&self.headers, name)
    }

    /// The field lines of the name.
    pub(crate) fn lines(&self, name: &str) -> usize {
        self.headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .count()
    }

    /// All `Access-Control-*` and Vary fields, in lower case.
    pub(crate) fn cors_fields(&self) -> std::collections::BTreeMap<String, String> {
        let names = self
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase());
        names
            .filter(|name| is_cors_field(name))
            .map(|name| (name.clone(), self.get(&name).unwrap_or_default()))
            .collect()
    }
}

/// Whether a response's field, in lower case, is one that CORS decides.
pub(crate) fn is_cors_field(name: &str) -> bool {
    name == "vary" || name == "x-corsgate-reason" || name.starts_with("access-control-")
}

fn parse_head(buffer: &[u8]) -> Option<(Response, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut head = httparse::Response::new(&mut headers);
    match head.parse(buffer).expect("a response") {
        httparse::Status::Partial => None,
        httparse::Status::Complete(len) => {
            let headers = head.headers.iter();
            let response = Response {
                status: head.code.expect("complete"),
                headers: headers
                    .map(|h| {
                        (
                            h.name.to_owned(),
                            String::from_utf8_lossy(h.value).into_owned(),
                        )
                    })
                    .collect(),
                body: String::new(),
            };
            Some((response, len))
        }
    }
}
