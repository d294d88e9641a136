//! The body of a request on its way to an upstream, and what is kept of it.

use super::pieces::joined;
use crate::framing::{Chunks, Framing, LAST_CHUNK, write_chunk};
use crate::proxy::upstream::Body;
use http::Method;

/// Maximum length of a body that is kept, so that it can be sent again; it is pingora's.
const MAX_KEPT: usize = 64 << 10;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct RequestBody {
    framing: Framing,
    /// Decodes a body that comes in chunks, as on HTTP/1.1 alone.
    decoder: Chunks,
    /// All of the body that has come, if `is_kept`.
    kept: Vec<u8>,
    /// Whether the body can be sent again.
    is_kept: bool,
    has_ended: bool,
}

// === impl RequestBody ===

impl RequestBody {
    /// Begins with a body that goes on in this framing.
    pub(super) fn new(framing: Framing, method: &Method) -> Self {
        Self {
            framing,
            decoder: Chunks::new(),
            kept: Vec::new(),
            // Only what may be done twice is ever sent again.
            is_kept: method.is_idempotent(),
            has_ended: false,
        }
    }

    pub(super) fn framing(&self) -> Framing {
        self.framing
    }

    /// Returns what is known of the body, for a request that may have to be sent again.
    pub(super) fn known(&mut self) -> Body {
        if self.has_ended && self.is_kept && self.kept.is_empty() {
            // It has turned out that there is none.
            self.framing = Framing::Unstated;
        }
        match (self.framing.has_body(), self.is_kept) {
            (false, _) => Body::None,
            (true, true) => Body::Kept,
            (true, false) => Body::Lost,
        }
    }

    pub(super) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// Whether the bytes of the body are all that an upstream gets of it.
    pub(super) fn goes_on_as_it_is(&self) -> bool {
        self.framing != Framing::Chunked
    }

    /// Writes what was kept of the body behind the bytes in `output`.
    pub(super) fn write_kept(&self, output: &mut Vec<u8>) {
        self.write_framed(&self.kept, output);
    }

    /// Writes a piece of the body behind the bytes in `output`.
    pub(super) fn write(&mut self, data: &[u8], output: &mut Vec<u8>) {
        self.keep(data);
        self.write_framed(data, output);
    }

    /// Writes a piece of a body in chunks, which came in chunks, behind the bytes in `output`. Returns the number
    /// of bytes that are the body's own.
    pub(super) fn write_chunks(&mut self, came: &[u8], output: &mut Vec<u8>) -> usize {
        let (mut decoder, mut length) = (self.decoder, 0);
        let read = joined(
            |each| {
                decoder.read(came, |data| {
                    length += data.len();
                    self.keep(data);
                    each(data);
                })
            },
            |pieces| write_chunk(pieces, output),
        );
        // The client's stream passes on what it has found to be sound.
        debug_assert_eq!(read, Ok(came.len()));
        self.decoder = decoder;
        length
    }

    /// Writes the end of the body behind the bytes in `output`.
    pub(super) fn write_end(&mut self, output: &mut Vec<u8>) {
        self.has_ended = true;
        if self.framing == Framing::Chunked {
            output.extend_from_slice(LAST_CHUNK);
        }
    }

    /// Keeps a piece of the body that may have to be sent again.
    pub(super) fn keep(&mut self, data: &[u8]) {
        if self.is_kept && self.kept.len() + data.len() <= MAX_KEPT {
            self.kept.extend_from_slice(data);
        } else {
            self.lose();
        }
    }

    /// Notes that not all of the body is here.
    pub(super) fn lose(&mut self) {
        self.is_kept = false;
        self.kept = Vec::new();
    }

    fn write_framed(&self, data: &[u8], output: &mut Vec<u8>) {
        match self.framing {
            Framing::Chunked => write_chunk(&[data], output),
            Framing::Length(_) | Framing::Unstated => output.extend_from_slice(data),
        }
    }
}
