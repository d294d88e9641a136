//! Bytes on their way to one side, as far as it has not taken them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// See the module's documentation. Nothing is read for a side that has bytes to take, so that there are never
/// more than those of one reading.
#[derive(Debug)]
pub(super) struct Unsent {
    bytes: Vec<u8>,
    taken: usize,
    is_flushed: bool,
}

// === impl Unsent ===

impl Unsent {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            taken: 0,
            is_flushed: true,
        }
    }

    pub(super) fn is_sent(&self) -> bool {
        self.is_flushed
    }

    /// Returns the number of bytes that the side has yet to take.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// Sends two pieces as far as they are taken at once, and keeps the rest. All that was sent before has been
    /// taken.
    pub(super) fn send<W: AsyncWrite + Unpin>(
        &mut self,
        mut to: &mut W,
        cx: &mut Context<'_>,
        pieces: [&[u8]; 2],
    ) -> io::Result<()> {
        let length = pieces[0].len() + pieces[1].len();
        if length == 0 {
            return Ok(());
        }
        debug_assert!(self.is_sent(), "something is still to be taken");
        let mut to = Pin::new(&mut to);
        let taken = match pieces {
            [piece, []] | [[], piece] => to.as_mut().poll_write(cx, piece),
            _ => to
                .as_mut()
                .poll_write_vectored(cx, &pieces.map(IoSlice::new)),
        };
        let mut taken = match taken {
            Poll::Ready(taken) => taken?,
            Poll::Pending => 0,
        };
        if taken == length {
            let flushed = to.poll_flush(cx);
            self.is_flushed = flushed.is_ready();
            if let Poll::Ready(flushed) = flushed {
                flushed?;
            }
        } else {
            self.is_flushed = false;
            for piece in pieces {
                let of_piece = taken.min(piece.len());
                self.bytes.extend_from_slice(&piece[of_piece..]);
                taken -= of_piece;
            }
        }
        Ok(())
    }

    /// Ready when everything has been taken.
    pub(super) fn poll_sent<W: AsyncWrite + Unpin>(
        &mut self,
        mut to: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_flushed {
            return Poll::Ready(Ok(()));
        }
        while self.taken < self.bytes.len() {
            let taken = ready!(Pin::new(&mut to).poll_write(cx, &self.bytes[self.taken..]))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.taken += taken;
        }
        if !self.bytes.is_empty() {
            // Its room is not needed while a side keeps up.
            (self.bytes, self.taken) = (Vec::new(), 0);
        }
        ready!(Pin::new(&mut to).poll_flush(cx))?;
        self.is_flushed = true;
        Poll::Ready(Ok(()))
    }
}
