//! Does what an exchange says that its client does, and keeps what comes back.

use super::exchange::{Exchange, Step};
use super::message::{Message, Messages, Reader, Side};
use super::upstream::{PATIENCE, Upstream};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Everything that a client got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) messages: Messages,
    pub(super) end: End,
    /// The steps that waited in vain.
    pub(super) in_vain: Vec<usize>,
}

/// The end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Closed,
    Reset,
    /// The client has gone.
    Left,
    /// Never: nothing came for too long.
    TimedOut,
}

struct Connection {
    /// `None` when the client has left.
    stream: Option<TcpStream>,
    reader: Reader,
    end: Option<End>,
}

/// Holds the exchange with a gateway that has the upstream.
pub(super) fn hold(exchange: &Exchange, gateway: SocketAddr, upstream: &Upstream) -> Heard {
    let heads = exchange.scripts.iter().map(|script| script.is_head);
    let mut connection = Connection::open(gateway, Side::Responses(heads.collect()));
    let mut in_vain = Vec::new();
    for (number, step) in exchange.steps.iter().enumerate() {
        let is_done = match step {
            Step::Send(bytes) => connection.send(bytes),
            Step::SendInPieces(bytes, len) => {
                bytes.chunks(*len).all(|piece| connection.send(piece))
            }
            Step::AwaitResponses(count) => {
                let is_final = |message: &&Message| message.is_whole && !message.is_interim();
                connection.fill_until(|messages| messages.iter().filter(is_final).count() >= *count)
            }
            Step::AwaitHeads(count) => connection.fill_until(|messages| messages.len() >= *count),
            Step::AwaitContent(length) => connection.fill_until(|messages| {
                messages
                    .iter()
                    .map(|message| message.body.len())
                    .sum::<usize>()
                    >= *length
            }),
            Step::AwaitAsked(index, body) => upstream.await_asked(*index, *body),
            Step::Afterwards(index) => {
                // The upstream waits for it only where it was asked.
                connection.end.is_some() || upstream.go_on(*index)
            }
            Step::EndSending => {
                connection.end_sending();
                true
            }
            Step::Reset => {
                connection.leave();
                true
            }
            Step::AwaitLeft => upstream.await_left(),
        };
        if !is_done {
            in_vain.push(number);
        }
    }
    while connection.fill() {}
    Heard {
        messages: connection.reader.end(),
        end: connection.end.unwrap_or(End::TimedOut),
        in_vain,
    }
}

// === impl Connection ===

impl Connection {
    fn open(gateway: SocketAddr, side: Side) -> Self {
        let stream = TcpStream::connect(gateway).expect("it listens");
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a time-out");
        // Closed by a reset, so that thousands of ports don't wait for their time to pass.
        let linger = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        linger.expect("an option");
        Self {
            stream: Some(stream),
            reader: Reader::new(side),
            end: None,
        }
    }

    /// The gateway may have closed already. What it said before that is there to be read.
    fn send(&mut self, bytes: &[u8]) -> bool {
        match self.stream.as_mut().map(|stream| stream.write_all(bytes)) {
            Some(Err(error)) => {
                !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
            }
            Some(Ok(())) | None => true,
        }
    }

    /// The gateway may have closed already.
    fn end_sending(&self) {
        if let Some(stream) = &self.stream {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    fn leave(&mut self) {
        self.stream = None;
        self.end = Some(End::Left);
    }

    /// Reads until something is so, or to the end; returns `false` if neither comes.
    fn fill_until(&mut self, is_so: impl Fn(&[Message]) -> bool) -> bool {
        while !is_so(self.reader.messages()) {
            if !self.fill() {
                return self.end.is_some_and(|end| end != End::TimedOut);
            }
        }
        true
    }

    /// Reads more; `false` at the end.
    fn fill(&mut self) -> bool {
        let Some(stream) = self.stream.as_mut().filter(|_| self.end.is_none()) else {
            return false;
        };
        let mut chunk = [0; 16 * 1024];
        self.end = match stream.read(&mut chunk) {
            Ok(0) => Some(End::Closed),
            Ok(len) => {
                self.reader.push(&chunk[..len]);
                None
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Some(End::Reset),
            Err(_) => Some(End::TimedOut),
        };
        self.end.is_none()
    }
}
