//! The response on its way from an upstream to a client: bytes in, a header and content out.
//! There is no socket here.

use super::pieces::joined;
use super::response::{MAX_HEADER, ResponseHead};
use crate::framing::{Content, ContentReader, CutOff};
use crate::proxy::ctx::Ctx;
use crate::proxy::edge::client_stream::ClientStream;
use crate::proxy::edge::head::{has_empty_line, slots};
use crate::proxy::edge::lines::Written;
use pingora_core::{Error, ErrorType, Result, RetryType};
use std::io;

/// Length of a part of a header up to which it is parsed after every piece, so that garbage is found at once.
const MAX_PARSED_AGAIN: usize = 8 << 10;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Download {
    state: State,
    /// Whether the upstream keeps the connection, and has sent nothing behind the response.
    may_follow: bool,
}

#[derive(Debug)]
enum State {
    /// The header has not come to its end; these are its bytes so far.
    Header(Vec<u8>),
    Content(Rest),
    Done,
}

/// The content that is still to come.
#[derive(Debug, Clone, Copy)]
struct Rest {
    reader: ContentReader,
    /// Whether it is for the client.
    is_passed_on: bool,
    /// Whether it goes on in chunks.
    in_chunks: bool,
}

/// The request that is responded to.
pub(super) struct Asked<'r> {
    pub ctx: &'r mut Ctx,
    /// The client's stream on HTTP/1.1.
    pub stream: Option<&'r ClientStream>,
    pub is_head: bool,
    /// Room for the lines of the header.
    pub written: &'r mut Written,
}

/// The client's side, in its version of HTTP.
pub(super) trait Output {
    /// Writes an interim response.
    fn interim(&mut self, head: &ResponseHead<'_, '_>);

    /// Edits and writes the header of the final response.
    fn header(&mut self, ctx: &Ctx, head: &mut ResponseHead<'_, '_>);

    /// Writes pieces of the content, in chunks where its end is not stated.
    fn content(&mut self, pieces: &[&[u8]], in_chunks: bool);

    /// Writes the end of the content.
    fn end(&mut self, in_chunks: bool);
}

// === impl Download ===

impl Download {
    pub(super) fn new() -> Self {
        Self {
            state: State::Header(Vec::new()),
            may_follow: false,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Whether another response can be told from this one on the same connection.
    pub(super) fn may_follow(&self) -> bool {
        self.is_done() && self.may_follow
    }

    /// Takes what came from the upstream, nothing being the end of its connection, and writes what is for the
    /// client.
    pub(super) fn take(
        &mut self,
        came: io::Result<&[u8]>,
        asked: Asked<'_>,
        output: &mut impl Output,
    ) -> Result<()> {
        match came {
            Ok([]) => self.end(output),
            Ok(came) => self.receive(came, asked, output),
            Err(error) => Err(self.broken(error)),
        }
    }

    fn receive(&mut self, came: &[u8], asked: Asked<'_>, output: &mut impl Output) -> Result<()> {
        let State::Header(before) = &mut self.state else {
            return self.content(came, asked.ctx, output);
        };
        if before.is_empty() {
            return self.headers(came, asked, output);
        }
        let unseen = before.len().saturating_sub(3);
        before.extend_from_slice(came);
        // If a long header were parsed after every piece, it would cost its length squared.
        let is_long = (MAX_PARSED_AGAIN..=MAX_HEADER).contains(&before.len());
        if is_long && !has_empty_line(&before[unseen..]) {
            return Ok(());
        }
        let all = std::mem::take(before);
        self.headers(&all, asked, output)
    }

    /// Whether what comes next is content that goes on byte for byte.
    pub(super) fn is_as_it_came(&self) -> bool {
        matches!(&self.state, State::Content(rest) if rest.is_passed_on && !rest.in_chunks)
    }

    /// Returns the part of what came that is such content, which needs no copy.
    pub(super) fn pass_on<'b>(&mut self, came: &'b [u8], ctx: &mut Ctx) -> &'b [u8] {
        let State::Content(rest) = &mut self.state else {
            return &[];
        };
        let mut piece: &[u8] = &[];
        // Without chunks none is malformed.
        let read = rest.reader.read(came, |data| piece = data);
        ctx.count_response(piece.len());
        self.may_follow &= read == Ok(came.len());
        if rest.reader.is_at_end() {
            self.state = State::Done;
        }
        piece
    }

    /// Takes the end of the upstream's connection.
    fn end(&mut self, output: &mut impl Output) -> Result<()> {
        match &mut self.state {
            State::Done => Ok(()),
            State::Content(rest) => match rest.reader.end() {
                Ok(()) => {
                    rest.write_end(output);
                    self.state = State::Done;
                    Ok(())
                }
                Err(error @ CutOff::Bytes(_)) => {
                    let kind = ErrorType::new("PrematureBodyEnd");
                    Err(Error::because(kind, "reading a response", error).into_up())
                }
                Err(error @ CutOff::LastChunk) => {
                    let kind = ErrorType::ConnectionClosed;
                    Err(Error::because(kind, "reading a response", error).into_up())
                }
            },
            State::Header(before) => {
                let kind = ErrorType::ConnectionClosed;
                let mut error = Error::explain(kind, while_reading_header(before)).into_up();
                error.retry = RetryType::ReusedOnly;
                Err(error)
            }
        }
    }

    /// Makes the error of a connection that can't be read from.
    fn broken(&self, error: io::Error) -> Box<Error> {
        let is_sockets = error.raw_os_error().is_some();
        let context = match &self.state {
            State::Header(before) => while_reading_header(before),
            State::Content(_) | State::Done => "when reading body".to_owned(),
        };
        let mut error = Error::because(ErrorType::ReadError, context, error).into_up();
        if is_sockets && matches!(self.state, State::Header(_)) {
            error.retry = RetryType::ReusedOnly;
        }
        error
    }

    /// Reads headers until the final one, and the content behind it.
    fn headers(&mut self, bytes: &[u8], asked: Asked<'_>, output: &mut impl Output) -> Result<()> {
        let Asked {
            ctx,
            stream,
            is_head,
            written,
        } = asked;
        let mut rest = bytes;
        loop {
            let mut slots = slots();
            let parsed = ResponseHead::parse(rest, &mut slots, written, is_head);
            let parsed = parsed.map_err(|error| {
                Error::because(ErrorType::InvalidHTTPHeader, "reading a response", error).into_up()
            });
            let Some(mut head) = parsed? else {
                if rest.len() > MAX_HEADER {
                    let text = format!("a response's header is longer than {MAX_HEADER} bytes");
                    return Err(Error::explain(ErrorType::InvalidHTTPHeader, text).into_up());
                }
                self.state = State::Header(rest.to_vec());
                return Ok(());
            };
            rest = &rest[head.len..];
            ctx.receive(head.line, stream, &mut head.fields)?;
            if head.line.status.is_informational() {
                output.interim(&head);
                if rest.is_empty() {
                    self.state = State::Header(Vec::new());
                    return Ok(());
                }
                continue;
            }
            output.header(ctx, &mut head);
            self.may_follow = head.keeps_connection && head.content != Content::UntilClose;
            self.state = State::Content(Rest {
                reader: ContentReader::new(head.content),
                is_passed_on: !ctx.exchange.drops_content(),
                in_chunks: matches!(head.content, Content::Chunked | Content::UntilClose),
            });
            return self.content(rest, ctx, output);
        }
    }

    /// Reads content, and writes what is for the client.
    fn content(&mut self, came: &[u8], ctx: &mut Ctx, output: &mut impl Output) -> Result<()> {
        let State::Content(rest) = &mut self.state else {
            // Bytes that no request asked for: they would be taken for the next response.
            self.may_follow &= came.is_empty();
            return Ok(());
        };
        let mut reader = rest.reader;
        let read = joined(
            |each| reader.read(came, each),
            |pieces| rest.write(pieces, ctx, output),
        );
        rest.reader = reader;
        let is_at_end = reader.is_at_end();
        // Bytes behind the end would be taken for the next response.
        self.may_follow &= read == Ok(came.len());
        match read {
            Ok(_) if is_at_end => {
                rest.write_end(output);
                self.state = State::Done;
                Ok(())
            }
            // The client has its response, and does not wait for what is not passed on.
            _ if !rest.is_passed_on => {
                self.may_follow = false;
                self.state = State::Done;
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => {
                let kind = ErrorType::new("InvalidChunk");
                Err(Error::because(kind, "reading a response", error).into_up())
            }
        }
    }
}

// === impl Rest ===

impl Rest {
    /// Writes pieces of the content behind the bytes in `output`, if they are for the client.
    fn write(&self, pieces: &[&[u8]], ctx: &mut Ctx, output: &mut impl Output) {
        if !self.is_passed_on {
            return;
        }
        let length = pieces.iter().map(|piece| piece.len()).sum();
        ctx.count_response(length);
        output.content(pieces, self.in_chunks);
    }

    fn write_end(&self, output: &mut impl Output) {
        if self.is_passed_on {
            output.end(self.in_chunks);
        }
    }
}

/// Describes where a connection ended. `failure` looks for whether anything had come.
fn while_reading_header(before: &[u8]) -> String {
    let length = before.len();
    format!("while reading response headers, bytes already read: {length}")
}
