//! gRPC-Web, which is gRPC in a form that browsers can speak: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>.
//!
//! Messages are framed as in gRPC. Two things differ, because scripts read no trailers, and older ways for
//! them to read a stream know text alone: the trailers are the last frame of the body, and a body may be in
//! base64.
//!
//! ```text
//!  application/grpc-web-text+proto   ──────▶   application/grpc+proto
//!  base64 of messages                          messages
//!
//!  application/grpc-web-text+proto   ◀──────   application/grpc+proto
//!  base64 of each piece                        pieces of messages
//!  base64 of the trailers frame                trailers
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A request in gRPC-Web: the encodings of its body and of the response's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrpcWeb {
    pub request: Encoding,
    pub response: Encoding,
}

/// The encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Binary,
    /// Base64.
    Text,
}

/// A decoder of the body of a request in [`Encoding::Text`], which comes in pieces.
///
/// A client that sends several messages may send the base64 of each with its padding, one behind the
/// other. A piece may end anywhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextDecoder {
    /// The beginning of a group of four characters.
    held: [u8; GROUP],
    len: usize,
}

/// The body of a request in [`Encoding::Text`] is not base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body of a gRPC-Web request in text is not base64, with its padding")]
pub struct NotBase64;

/// Characters of base64 that stand for three bytes.
const GROUP: usize = 4;

const NATIVE: &str = "application/grpc";
const WEB: &str = "application/grpc-web";
const TEXT: &str = "application/grpc-web-text";

/// The first byte of the frame of trailers, which are not compressed.
const TRAILERS: u8 = 0x80;

// === impl GrpcWeb ===

impl GrpcWeb {
    /// Reads a request's method, its one Content-Type, and the encoding that its Accept asks for; `None` for
    /// anything that is not gRPC-Web. Where Accept names neither, the response comes as the request does.
    pub fn of(method: &[u8], content_type: &[u8], accepted: Option<Encoding>) -> Option<Self> {
        let request = Encoding::of(content_type).filter(|_| method == b"POST")?;
        Some(Self {
            request,
            response: accepted.unwrap_or(request),
        })
    }

    /// Returns the type that a request with this Content-Type has for a gRPC server.
    pub fn native_type(self, content_type: &[u8]) -> String {
        let suffix = suffix(content_type, TEXT).or_else(|| suffix(content_type, WEB));
        NATIVE.to_owned() + &suffix.unwrap_or_default().to_ascii_lowercase()
    }

    /// Returns the type that the response of a gRPC server with this Content-Type has for the client; `None`
    /// if the response is not gRPC.
    pub fn web_type(self, content_type: &[u8]) -> Option<String> {
        let web = match self.response {
            Encoding::Binary => WEB,
            Encoding::Text => TEXT,
        };
        suffix(content_type, NATIVE).map(|suffix| web.to_owned() + &suffix.to_ascii_lowercase())
    }
}

/// Whether a media type, with or without parameters, is one of gRPC or of gRPC-Web.
pub fn is_grpc(media_type: &[u8]) -> bool {
    let starts = [NATIVE, WEB, TEXT];
    starts
        .iter()
        .any(|start| suffix(media_type, start).is_some())
}

/// Returns the part of a media type behind `start`, such as `+proto`; `None` if it is another type.
/// Parameters are not a part of it.
fn suffix<'m>(media_type: &'m [u8], start: &str) -> Option<&'m str> {
    let essence = media_type.split(|&byte| byte == b';').next()?.trim_ascii();
    let (first, rest) = essence.split_at_checked(start.len())?;
    let is_whole = rest.is_empty() || rest.starts_with(b"+");
    let is_it = is_whole && rest.is_ascii() && first.eq_ignore_ascii_case(start.as_bytes());
    str::from_utf8(rest).ok().filter(|_| is_it)
}

// === impl Encoding ===

impl Encoding {
    /// Returns the encoding that a media type of gRPC-Web stands for; `None` for any other type.
    pub fn of(media_type: &[u8]) -> Option<Self> {
        let is = |start| suffix(media_type, start).is_some();
        match (is(TEXT), is(WEB)) {
            (true, _) => Some(Self::Text),
            (false, true) => Some(Self::Binary),
            (false, false) => None,
        }
    }

    /// Returns the first encoding that a line of Accept names.
    pub fn accepted(line: &[u8]) -> Option<Self> {
        line.split(|&byte| byte == b',').find_map(Self::of)
    }

    /// Encodes a piece of a response, with its padding: the client has to understand it before the next one
    /// comes.
    pub fn encode(self, piece: &[u8]) -> Option<String> {
        match self {
            Self::Binary => None,
            Self::Text => Some(STANDARD.encode(piece)),
        }
    }
}

// === impl TextDecoder ===

impl TextDecoder {
    /// Decodes the next piece, with what is held of those before it.
    ///
    /// # Errors
    ///
    /// If a group of four is not base64. Nothing that is decoded afterwards means anything.
    pub fn decode(&mut self, mut piece: &[u8]) -> Result<Vec<u8>, NotBase64> {
        let mut decoded = Vec::with_capacity((self.len + piece.len()) / GROUP * 3);
        while self.len > 0 {
            let Some((&first, rest)) = piece.split_first() else {
                return Ok(decoded);
            };
            let room = self.held.get_mut(self.len).ok_or(NotBase64)?;
            (*room, piece) = (first, rest);
            self.len += 1;
            if self.len == GROUP {
                decode_groups(&self.held, &mut decoded)?;
                self.len = 0;
            }
        }
        let (groups, rest) = piece.split_at(piece.len() / GROUP * GROUP);
        decode_groups(groups, &mut decoded)?;
        for (room, &byte) in self.held.iter_mut().zip(rest) {
            *room = byte;
        }
        self.len = rest.len();
        Ok(decoded)
    }

    /// Checks that the body ends with a whole group.
    pub fn finish(&self) -> Result<(), NotBase64> {
        match self.len {
            0 => Ok(()),
            _ => Err(NotBase64),
        }
    }
}

/// Decodes whole groups, any of which may have padding.
fn decode_groups(mut groups: &[u8], decoded: &mut Vec<u8>) -> Result<(), NotBase64> {
    while !groups.is_empty() {
        let padding = groups.iter().position(|&byte| byte == b'=');
        let end = padding.map_or(groups.len(), |at| (at / GROUP + 1) * GROUP);
        let (padded, rest) = groups.split_at_checked(end).ok_or(NotBase64)?;
        let is_base64 = STANDARD.decode_vec(padded, decoded);
        is_base64.map_err(|_| NotBase64)?;
        groups = rest;
    }
    Ok(())
}

/// Makes the frame of trailers that ends a response: names in lower case and values as they are, a line
/// each. `None` if they are too long for a frame.
pub fn trailers_frame<'t>(
    trailers: impl IntoIterator<Item = (&'t str, &'t [u8])>,
) -> Option<Vec<u8>> {
    let mut frame = vec![TRAILERS, 0, 0, 0, 0];
    let start = frame.len();
    for (name, value) in trailers {
        frame.extend_from_slice(name.to_ascii_lowercase().as_bytes());
        frame.extend_from_slice(b": ");
        frame.extend_from_slice(value);
        frame.extend_from_slice(b"\r\n");
    }
    let length = u32::try_from(frame.len() - start).ok()?;
    frame
        .get_mut(1..start)?
        .copy_from_slice(&length.to_be_bytes());
    Some(frame)
}

#[cfg(test)]
mod tests;
