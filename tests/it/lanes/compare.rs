//! Sends a stream to a gateway and reads all that comes back; says where two answers differ.

use super::generate::{Delivery, Ending, Stream, sentinel};
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// The bytes that came back, up to the end of the connection; dates are masked.
///
/// *Every* stream ends with the gateway's closing it: after its last request, which asks for that,
/// earlier, or because this side has ended. A reset is as good an end as any: a gateway that closes
/// while there are bytes that it has not read sends one, and whether there are depends on how much it
/// reads at once.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    was_reset: bool,
}

/// A stream that the two gateways answered differently.
#[derive(Debug)]
pub(super) struct Difference {
    pair: Pair,
    stream: Stream,
    with: Result<Answer, String>,
    without: Result<Answer, String>,
}

/// One answer, which is both.
pub(super) type Asked = Result<Answer, Box<Difference>>;

/// Maximum number of times that a pair is asked again that differs in what a reset may have cost.
const RETRIES: usize = 10;

/// The two gateways that should be the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) with: SocketAddr,
    pub(super) without: SocketAddr,
}

struct Conversation {
    socket: TcpStream,
    was_reset: bool,
    /// Another connection, to tell the time by.
    clock: Option<TcpStream>,
    received: Vec<u8>,
}

/// Always answered, and without a body.
const TICK: &[u8] = b"HEAD /tick HTTP/1.1\r\nHost: nowhere.test\r\n\r\n";

// === impl Pair ===

impl Pair {
    /// Returns what both answered.
    pub(super) fn ask(self, stream: &Stream, patience: Duration) -> Asked {
        let mut asked = self.ask_once(stream, patience);
        for _ in 0..RETRIES {
            match &asked {
                Err(difference) if difference.is_cut_off() => {}
                _ => break,
            }
            asked = self.ask_once(stream, patience);
        }
        asked
    }

    fn ask_once(self, stream: &Stream, patience: Duration) -> Asked {
        let with = converse(self.with, stream, patience);
        let without = converse(self.without, stream, patience);
        match (with, without) {
            (Ok(with), Ok(without)) if with.bytes == without.bytes => Ok(with),
            (with, without) => Err(Box::new(Difference {
                pair: self,
                stream: stream.clone(),
                with,
                without,
            })),
        }
    }
}

fn whole_pieces(stream: &Stream) -> Vec<Vec<u8>> {
    stream.pieces.iter().map(|p| p.bytes.clone()).collect()
}

/// None where each piece waits for its response.
fn lines(stream: &Stream) -> Vec<Vec<u8>> {
    if stream.delivery == Delivery::InTurn {
        return Vec::new();
    }
    let bytes = stream.pieces.iter().flat_map(|p| p.bytes.iter().copied());
    let bytes: Vec<u8> = bytes.collect();
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    lines.map(<[u8]>::to_vec).collect()
}

// === impl Difference ===

impl Difference {
    /// Whether one answer is the beginning of the other, up to a reset. That takes with it what the
    /// gateway's kernel has not sent yet, such as the eleventh of eleven short answers: ten packets
    /// may be under way before the first is acknowledged. It is rare, and all is there when they are
    /// asked again.
    fn is_cut_off(&self) -> bool {
        let (Ok(with), Ok(without)) = (&self.with, &self.without) else {
            return false;
        };
        (with.was_reset && without.bytes.starts_with(&with.bytes))
            || (without.was_reset && with.bytes.starts_with(&without.bytes))
    }

    /// Returns how many lines are the same in both answers before the first that is not.
    fn equal_lines(&self) -> usize {
        let (Ok(with), Ok(without)) = (&self.with, &self.without) else {
            return 0;
        };
        let lines = |bytes: &[u8]| -> Vec<Vec<u8>> {
            let lines = bytes.split_inclusive(|&byte| byte == b'\n');
            lines.map(<[u8]>::to_vec).collect()
        };
        let (with, without) = (lines(&with.bytes), lines(&without.bytes));
        let pairs = with.iter().zip(&without);
        pairs.take_while(|(with, without)| with == without).count()
    }

    /// Returns how much there is to read.
    pub(super) fn size(&self) -> usize {
        self.stream.pieces.iter().map(|p| p.bytes.len()).sum()
    }

    /// The difference that is left when nothing more can be dropped from its stream: whole requests
    /// first, then lines.
    pub(super) fn shrink(mut self) -> Self {
        let at_once = Stream {
            delivery: Delivery::AtOnce,
            ..self.stream.clone()
        };
        self.replace_with(&at_once);
        for cut in [whole_pieces, lines] {
            let mut at = 0;
            while at < cut(&self.stream).len() {
                let mut parts = cut(&self.stream);
                parts.remove(at);
                let smaller = self.stream.with_pieces(parts);
                if !self.replace_with(&smaller) {
                    at += 1;
                }
            }
        }
        self
    }

    /// Becomes the difference in the answers to `stream`, if there is one.
    fn replace_with(&mut self, stream: &Stream) -> bool {
        // A stream that lacks something may wait for it for ever: that is another difference.
        let patience = Duration::from_secs(3);
        match self.pair.ask(stream, patience) {
            Err(found) if found.with.is_ok() && found.without.is_ok() => *self = *found,
            _ => return false,
        }
        true
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Stream {
            delivery, ending, ..
        } = &self.stream;
        writeln!(f, "--- sent ({delivery:?}, then {ending:?}) ---")?;
        for piece in &self.stream.pieces {
            f.write_str(&escaped(&piece.bytes))?;
        }
        for (name, answer) in [("with", &self.with), ("without", &self.without)] {
            writeln!(f, "--- {name} the express lane ---")?;
            match answer {
                Ok(Answer { bytes, .. }) => {
                    // What both begin with is only where it happened.
                    let equal = self.equal_lines();
                    writeln!(f, "({equal} lines that are the same)")?;
                    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
                    for line in lines.skip(equal.saturating_sub(12)) {
                        f.write_str(&escaped(line))?;
                    }
                }
                Err(reason) => writeln!(f, "{reason}")?,
            }
        }
        Ok(())
    }
}

/// The bytes, readable, one line of theirs a line.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let _ = writeln!(text, "{}", line.escape_ascii());
    }
    text
}

// === impl Conversation ===

fn converse(gateway: SocketAddr, stream: &Stream, patience: Duration) -> Result<Answer, String> {
    let mut conversation = Conversation {
        clock: match stream.delivery {
            Delivery::Cut(_) | Delivery::ByteByByte => Some(connect(gateway, patience)),
            _ => None,
        },
        socket: connect(gateway, patience),
        was_reset: false,
        received: Vec::new(),
    };
    let end = conversation.hold(stream);
    let mut bytes = conversation.received;
    match end {
        Ok(()) => {
            mask_dates(&mut bytes);
            mask_waits(&mut bytes);
            mask_new_ids(&mut bytes);
            Ok(Answer {
                bytes: with_sorted_fields(&bytes),
                was_reset: conversation.was_reset,
            })
        }
        Err(error) => Err(format!("{error}, after\n{}", escaped(&bytes))),
    }
}

fn connect(gateway: SocketAddr, patience: Duration) -> TcpStream {
    let socket = TcpStream::connect(gateway).expect("it listens");
    socket.set_nodelay(true).expect("an option");
    socket.set_read_timeout(Some(patience)).expect("a timeout");
    // Closed by a reset, so that ten thousand ports don't wait for their time to pass.
    let linger = socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO));
    linger.expect("an option");
    socket
}

impl Conversation {
    fn hold(&mut self, stream: &Stream) -> io::Result<()> {
        let mut bytes = Vec::new();
        if stream.delivery != Delivery::InTurn {
            bytes.extend(stream.pieces.iter().flat_map(|p| &p.bytes));
        }
        if let Ending::Sentinel = stream.ending {
            bytes.extend(sentinel());
        }
        match stream.delivery {
            Delivery::AtOnce => self.write(&bytes),
            Delivery::Cut(at) => {
                let (first, second) = bytes.split_at(at.min(bytes.len()));
                self.write(first);
                self.wait_until_read()?;
                self.write(second);
            }
            Delivery::Chopped(len) => bytes.chunks(len).for_each(|chunk| self.write(chunk)),
            Delivery::ByteByByte => {
                for byte in bytes {
                    self.write(&[byte]);
                    self.wait_until_read()?;
                }
            }
            Delivery::InTurn => {
                for piece in &stream.pieces {
                    self.write(&piece.bytes);
                    self.read_response(piece.is_head())?;
                }
                self.write(&bytes);
            }
        }
        if let Ending::HalfClose = stream.ending {
            // Fails where the gateway was faster.
            let _ = self.socket.shutdown(Shutdown::Write);
        }
        while self.fill()? {}
        Ok(())
    }

    /// The gateway may have closed already. What it said before that is there to be read.
    fn write(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes);
    }

    /// Reads more; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 16 * 1024];
        match self.socket.read(&mut chunk) {
            Ok(len) => {
                self.received.extend_from_slice(&chunk[..len]);
                Ok(len > 0)
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                self.was_reset = true;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads one response more, or to the end. All that is asked for in turn is answered with a
    /// length, or with a status that needs none.
    fn read_response(&mut self, is_head: bool) -> io::Result<()> {
        let start = self.received.len();
        loop {
            let unread = &self.received[start..];
            if let Some(end) = unread.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&unread[..end]).to_ascii_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "));
                let length = length.map_or(0, |length| length.parse().expect("a number"));
                if unread.len() >= end + 4 + if is_head { 0 } else { length } {
                    return Ok(());
                }
            }
            if !self.fill()? {
                return Ok(());
            }
        }
    }

    /// Waits until the gateway has read what was written, so that what follows is read by itself.
    /// The gateway has one thread, which takes connections in the order in which they have something
    /// to be read: by the time that another one has been answered twice, this one was read too. No
    /// answer depends on it; it makes the cut a cut.
    fn wait_until_read(&mut self) -> io::Result<()> {
        let Some(clock) = &mut self.clock else {
            return Ok(());
        };
        for _ in 0..2 {
            clock.write_all(TICK)?;
            let mut tick = Vec::new();
            while !tick.ends_with(b"\r\n\r\n") {
                let mut chunk = [0; 1024];
                let len = clock.read(&mut chunk)?;
                assert!(len > 0, "the clock's connection is kept");
                tick.extend_from_slice(&chunk[..len]);
            }
        }
        Ok(())
    }
}

/// Sorts the lines of each header behind its first, those of one field in their order: that of fields with
/// different names says nothing. The backend repeats the header that it got, so that this one is sorted, too.
fn with_sorted_fields(bytes: &[u8]) -> Vec<u8> {
    let mut sorted = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(end) = rest.windows(4).position(|w| w == b"\r\n\r\n") {
        let mut lines: Vec<&[u8]> = rest[..end].split_inclusive(|&byte| byte == b'\n').collect();
        // The last one has no end of its own here.
        let last = [lines.pop().unwrap_or_default(), b"\r\n"].concat();
        lines.push(&last);
        let fields = lines.get_mut(1..).unwrap_or_default();
        let name = |line: &&[u8]| {
            line.split(|&byte| byte == b':')
                .next()
                .map(<[u8]>::to_ascii_lowercase)
        };
        fields.sort_by_key(name);
        sorted.extend(lines.concat());
        sorted.extend_from_slice(b"\r\n");
        rest = &rest[end + 4..];
    }
    sorted.extend_from_slice(rest);
    sorted
}

/// Seconds pass between the two answers.
fn mask_waits(bytes: &mut [u8]) {
    const NAME: &[u8] = b"\r\nretry-after: ";
    let mut at = 0;
    while let Some(rest) = bytes.get_mut(at..).filter(|rest| rest.len() > NAME.len()) {
        let (name, value) = rest.split_at_mut(NAME.len());
        if name.eq_ignore_ascii_case(NAME) {
            let digits = value.iter_mut().take_while(|byte| byte.is_ascii_digit());
            digits.for_each(|digit| *digit = b'0');
        }
        at += 1;
    }
}

/// Each request gets an id of its own, unless it brings one: a UUID.
fn mask_new_ids(bytes: &mut [u8]) {
    const NAME: &[u8] = b"\r\nx-request-id: ";
    const LENGTH: usize = "00000000-0000-0000-0000-000000000000".len();
    let mut at = 0;
    while let Some(rest) = bytes
        .get_mut(at..)
        .filter(|rest| rest.len() >= NAME.len() + LENGTH)
    {
        let (name, value) = rest.split_at_mut(NAME.len());
        let is_uuid = |value: &[u8]| {
            let mut bytes = value.iter();
            bytes.all(|byte| *byte == b'-' || byte.is_ascii_hexdigit())
        };
        if name.eq_ignore_ascii_case(NAME) && is_uuid(&value[..LENGTH]) {
            value[..LENGTH].fill(b'0');
        }
        at += 1;
    }
}

fn mask_dates(bytes: &mut [u8]) {
    const NAME: &[u8] = b"\r\ndate: ";
    const VALUE: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";
    let mut at = 0;
    while at + NAME.len() + VALUE.len() < bytes.len() {
        let (name, value) = bytes[at..].split_at_mut(NAME.len());
        if name.eq_ignore_ascii_case(NAME) {
            let value = &mut value[..VALUE.len()];
            if value.ends_with(b" GMT") {
                value.copy_from_slice(VALUE);
            }
        }
        at += 1;
    }
}
