use super::{PATIENCE, frame};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The kinds of frames: RFC 9113 §6.
pub(crate) mod kinds {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// The codes of errors: RFC 9113 §7.
pub(crate) mod codes {
    pub(crate) const NO_ERROR: u32 = 0;
    pub(crate) const PROTOCOL_ERROR: u32 = 1;
    pub(crate) const FLOW_CONTROL_ERROR: u32 = 3;
    pub(crate) const STREAM_CLOSED: u32 = 5;
    pub(crate) const FRAME_SIZE_ERROR: u32 = 6;
    pub(crate) const REFUSED_STREAM: u32 = 7;
    pub(crate) const COMPRESSION_ERROR: u32 = 9;
    pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;
}

/// A frame that the gateway has sent.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// A client that sends HTTP/2 byte for byte, whatever the standard says, and reads frames.
pub(crate) struct Frames {
    stream: TcpStream,
    /// Read, but not yet a whole frame.
    buffer: Vec<u8>,
    has_ended: bool,
}

impl Frame {
    /// The error code of a RST_STREAM or GOAWAY frame.
    pub(crate) fn code(&self) -> u32 {
        let at = if self.kind == kinds::GOAWAY { 4 } else { 0 };
        let code = self.payload[at..at + 4].try_into().expect("four bytes");
        u32::from_be_bytes(code)
    }

    pub(crate) fn is_ack(&self) -> bool {
        self.flags & 1 != 0
    }
}

impl Frames {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the gateway listens");
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        Self {
            stream,
            buffer: Vec::new(),
            has_ended: false,
        }
    }

    /// Sends bytes; returns whether the gateway still takes some.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let next = self.next_within(PATIENCE);
        next.expect("a frame, or the end")
    }

    /// The same, or an error if nothing comes in time.
    pub(crate) fn next_within(&mut self, time: Duration) -> Result<Option<Frame>, ErrorKind> {
        loop {
            if let Some(frame) = self.take_frame() {
                return Ok(Some(frame));
            }
            if self.has_ended {
                return Ok(None);
            }
            let set = self.stream.set_read_timeout(Some(time));
            set.expect("a time-out");
            let mut chunk = [0; 16 << 10];
            match self.stream.read(&mut chunk) {
                Ok(0) => self.has_ended = true,
                Ok(n) => self.buffer.extend_from_slice(&chunk[..n]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => self.has_ended = true,
                Err(error) => return Err(error.kind()),
            }
        }
    }

    /// Bytes that are not a whole frame.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.buffer
    }

    /// The code of the GOAWAY before the connection's end; `None` where there is none.
    pub(crate) fn goaway(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.next() {
            if frame.kind == kinds::GOAWAY {
                code = Some(frame.code());
            }
        }
        code
    }

    /// Sends a ping and reads up to its answer, which comes when all that was sent before was read.
    /// Returns the other frames; the code of the GOAWAY frame, if there is one, where the connection ends
    /// instead.
    pub(crate) fn settle(&mut self) -> Result<Vec<Frame>, Option<u32>> {
        const PAYLOAD: &[u8] = b"settle!!";
        self.send(&frame(kinds::PING, 0, 0, PAYLOAD));
        let mut others = Vec::new();
        loop {
            match self.next().ok_or(None)? {
                frame if frame.kind == kinds::PING && frame.payload == PAYLOAD => {
                    return Ok(others);
                }
                frame if frame.kind == kinds::GOAWAY => return Err(Some(frame.code())),
                other => others.push(other),
            }
        }
    }

    fn take_frame(&mut self) -> Option<Frame> {
        let head: [u8; 9] = self.buffer.get(..9)?.try_into().ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let end = 9 + u32::from_be_bytes([0, a, b, c]) as usize;
        let payload = self.buffer.get(9..end)?.to_vec();
        self.buffer.drain(..end);
        Some(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & !(1 << 31),
            payload,
        })
    }
}
