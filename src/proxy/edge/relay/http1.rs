//! A response on its way to a client of HTTP/1.1: the bytes of it.

use super::download::Output;
use super::request::Reply;
use super::response::ResponseHead;
use crate::framing::{LAST_CHUNK, write_chunk};
use crate::proxy::ctx::Ctx;
use crate::proxy::edge::client_stream::ClientStream;
use crate::proxy::edge::date::Date;
use crate::proxy::stages::Reader;
use http::Version;
use pingora_core::server::ShutdownWatch;
use tokio::time::Instant;

/// See the module's documentation.
pub(super) struct Http1<'o> {
    pub bytes: &'o mut Vec<u8>,
    pub date: &'o mut Date,
    /// The first line of the request's Origin.
    pub origin: Option<&'o [u8]>,
    pub reply: &'o mut Reply,
    pub client: &'o ClientStream,
    pub leaving: &'o ShutdownWatch,
}

impl Output for Http1<'_> {
    fn interim(&mut self, head: &ResponseHead<'_, '_>) {
        head.write_interim(self.bytes);
    }

    fn header(&mut self, ctx: &Ctx, head: &mut ResponseHead<'_, '_>) {
        let reader = Reader {
            version: Version::HTTP_11,
            origin: self.origin,
        };
        ctx.edit_response(head.line.version, reader, &mut head.fields);
        let keep_alive = self
            .reply
            .keeps(head.line.status, self.client, self.leaving);
        head.write_final(self.date.value(Instant::now()), keep_alive, self.bytes);
    }

    fn content(&mut self, pieces: &[&[u8]], in_chunks: bool) {
        match in_chunks {
            true => write_chunk(pieces, self.bytes),
            false => pieces
                .iter()
                .for_each(|piece| self.bytes.extend_from_slice(piece)),
        }
    }

    fn end(&mut self, in_chunks: bool) {
        if in_chunks {
            self.bytes.extend_from_slice(LAST_CHUNK);
        }
    }
}
