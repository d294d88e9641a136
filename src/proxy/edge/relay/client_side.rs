//! A request that upstreams are asked for, and its client, in the client's version of HTTP.

use super::attempt::Try;
use super::body::RequestBody;
use super::download::Download;
use super::scratch::{Drafts, Scratch};
use crate::proxy::ctx::Ctx;
use crate::proxy::edge::client_stream::ClientStream;
use crate::proxy::edge::timers::Timers;
use crate::proxy::stages::Failing;
use crate::proxy::upstream::exchange::Piece;
use pingora_core::{Error, Result};
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

/// See the module's documentation.
pub(super) trait ClientSide {
    /// Begins a try. Returns the error of a request that no endpoint can be asked for.
    fn next_try(&mut self) -> Result<Try>;

    /// Returns what decides whether there is another try.
    fn failing(&mut self, is_reused: bool) -> (&mut Ctx, Failing<'_>);

    /// Returns the request's context, and its client's stream on HTTP/1.1.
    fn ctx(&mut self) -> (&mut Ctx, Option<&ClientStream>);

    fn body(&mut self) -> &mut RequestBody;

    fn timers(&mut self) -> &mut Timers;

    /// Whether all of the request has been read.
    fn is_request_read(&self) -> bool;

    /// Ready when the client has gone, or its stream bounds the wait for the upstream, and that has been too long.
    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<Box<Error>>;

    /// Bounds the wait for the upstream where the client's stream does not. Nothing has come by now; `longest` is
    /// the longest silence of an upstream that has its turn.
    fn poll_silence(&mut self, cx: &mut Context<'_>, longest: Option<Duration>)
    -> Poll<Box<Error>>;

    /// Reads a piece of the body. Returns what an upstream gets for it.
    fn poll_read<'s>(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &'s mut Scratch,
    ) -> Poll<Result<(Piece, &'s [u8])>>;

    /// Reads what no upstream gets.
    fn poll_discard(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Result<()>>;

    /// Takes what came from the upstream, nothing being its end, and begins to send what is for the client, which
    /// has taken all that was sent before.
    fn respond(
        &mut self,
        cx: &mut Context<'_>,
        download: &mut Download,
        came: io::Result<&[u8]>,
        drafts: &mut Drafts,
    ) -> Result<()>;

    /// Ready when the client has taken what was sent to it.
    fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>>;

    /// Whether the client has taken what was sent to it.
    fn is_taken(&self) -> bool;
}
