//! Translates requests of gRPC-Web for gRPC servers, and their responses back. The formats are in
//! [`crate::framing`]; here are the places in pingora's phases.
//!
//! Errors of the gateway's own, such as 429 or 502, stay what they are: the clients of gRPC-Web make a status
//! of gRPC out of the one of HTTP, and CORS headers let them read it.

use super::check::RequestError;
use crate::framing::{Encoding, GrpcWeb, TextDecoder, trailers_frame};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};

/// Maximum length of the trailers of a response; beyond it, the response is cut off. Servers and clients
/// of gRPC take no more than 8 or 16 KiB, unless they are told to.
const MAX_TRAILERS: usize = 64 << 10;

const STATUS: &str = "grpc-status";

/// The translation of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Translation {
    web: GrpcWeb,
    decoder: TextDecoder,
    /// Whether the request's body is not what its type says.
    is_malformed: bool,
    response: Response,
}

/// The state of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Response {
    Awaited,
    /// Not gRPC, or without content: it passes as it is.
    Untouched,
    Translated {
        /// Whether the status of the call is in the header, as in a response that has nothing else.
        has_status: bool,
    },
}

/// The reason for cutting off a response: passed on to its end, it would look like a call that went well.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum BadResponse {
    #[error("a response of gRPC that ends without grpc-status")]
    WithoutStatus,
    #[error("trailers of more than 64 KiB")]
    LongTrailers,
}

// === impl Translation ===

impl Translation {
    pub(super) fn new(web: GrpcWeb) -> Self {
        Self {
            web,
            decoder: TextDecoder::default(),
            is_malformed: false,
            response: Response::Awaited,
        }
    }

    /// Returns the error of a request whose body is not what its type says.
    pub(super) fn error(&self) -> Option<RequestError> {
        self.is_malformed.then_some(RequestError::NotBase64)
    }

    /// Edits the header of a request to the upstream. Its body is sent from the start.
    pub(super) fn request(&mut self, upstream: &mut RequestHeader) -> Result<()> {
        *self = Self::new(self.web);
        let content_type = upstream.headers.get(header::CONTENT_TYPE);
        let native = self
            .web
            .native_type(content_type.map_or(b"", |value| value.as_bytes()));
        upstream.insert_header("Content-Type", native)?;
        // Servers look for it, to find out whether a proxy on the way drops trailers.
        upstream.insert_header("Te", "trailers")?;
        upstream.remove_header(&header::CONTENT_LENGTH);
        upstream.remove_header(&header::ACCEPT);
        // Of the body as a whole: the frame of trailers would not be in that coding.
        upstream.remove_header(&header::ACCEPT_ENCODING);
        // gRPC ends a request by an empty frame of data where there are no messages.
        upstream.set_send_end_stream(false);
        Ok(())
    }

    /// Decodes a piece of the request's body.
    pub(super) fn request_body(
        &mut self,
        body: &mut Option<Bytes>,
        is_last: bool,
    ) -> Result<(), RequestError> {
        if self.web.request == Encoding::Binary {
            return Ok(());
        }
        let piece = body.take().unwrap_or_default();
        let decoded = self.decoder.decode(&piece);
        let decoded = decoded.and_then(|decoded| match is_last {
            true => self.decoder.finish().map(|()| decoded),
            false => Ok(decoded),
        });
        match decoded {
            Ok(decoded) => {
                *body = Some(decoded.into());
                Ok(())
            }
            Err(_) => {
                self.is_malformed = true;
                Err(RequestError::NotBase64)
            }
        }
    }

    /// Edits the header of a final response.
    pub(super) fn response(
        &mut self,
        response: &mut ResponseHeader,
        has_content: bool,
    ) -> Result<()> {
        let content_type = response.headers.get(header::CONTENT_TYPE);
        let web_type = content_type.and_then(|value| self.web.web_type(value.as_bytes()));
        let Some(web_type) = web_type.filter(|_| has_content) else {
            self.response = Response::Untouched;
            return Ok(());
        };
        self.response = Response::Translated {
            // To clients, a response with another status is an error, whatever its end.
            has_status: response.headers.contains_key(STATUS) || response.status != StatusCode::OK,
        };
        response.insert_header("Content-Type", web_type)?;
        response.remove_header(&header::CONTENT_LENGTH);
        response.remove_header(&header::TRAILER);
        Ok(())
    }

    /// Encodes a piece of the response's body.
    pub(super) fn response_body(&self, body: &mut Option<Bytes>, is_last: bool) -> Result<()> {
        let Response::Translated { has_status } = self.response else {
            return Ok(());
        };
        if is_last && !has_status {
            return Err(BadResponse::WithoutStatus.into());
        }
        if let Some(piece) = body
            && let Some(text) = self.web.response.encode(piece)
        {
            *piece = text.into();
        }
        Ok(())
    }

    /// Refuses trailers that can't end the response. It is here because [`Translation::trailers`] can't.
    pub(super) fn check_trailers(&self, trailers: &HeaderMap) -> Result<()> {
        let Response::Translated { has_status } = self.response else {
            return Ok(());
        };
        if !has_status && !trailers.contains_key(STATUS) {
            return Err(BadResponse::WithoutStatus.into());
        }
        let lines = trailers.iter();
        let length: usize = lines
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        match length > MAX_TRAILERS {
            true => Err(BadResponse::LongTrailers.into()),
            false => Ok(()),
        }
    }

    /// Returns the frame that stands for the trailers; `None` if they pass as they are.
    pub(super) fn trailers(&self, trailers: &HeaderMap) -> Option<Bytes> {
        let Response::Translated { .. } = self.response else {
            return None;
        };
        let lines = trailers.iter();
        let frame = trailers_frame(lines.map(|(name, value)| (name.as_str(), value.as_bytes())))?;
        let text = self.web.response.encode(&frame);
        Some(text.map_or_else(|| frame.into(), Bytes::from))
    }
}

impl From<BadResponse> for Box<Error> {
    fn from(error: BadResponse) -> Self {
        Error::explain(ErrorType::InvalidHTTPHeader, error.to_string()).into_up()
    }
}
