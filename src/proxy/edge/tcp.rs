//! The socket of a client's connection: what little it costs, and when.
//!
//! A client mostly sends its first request together with the connection, and a preflight's answer can be
//! the only one. So the first read goes to the socket without asking the runtime. The second one does as well, once
//! all others have had their turn: a client that wants nothing more has ended its side by then. The socket is only
//! watched by the runtime from the first time that there is something to wait for: a connection that is answered and
//! closed at once costs the runtime nothing.
//!
//! Small writes are collected until they are flushed, because pingora writes header and content apart, and HTTP/2 is
//! written frame by frame. The room for them is taken when there are any: idle connections have none.

use std::io::{self, Read as _, Write as _};
use std::mem::{replace, take};
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Maximum number of bytes that are collected before they are sent: a packet's worth. A longer write is not
/// copied.
const COLLECTED: usize = 1460;

/// The same where all that is written is flushed soon, as HTTP/2's frames are.
const COLLECTED_FRAMES: usize = 16 << 10;

/// See the module's documentation.
#[derive(Debug)]
pub(in crate::proxy) struct Tcp {
    state: State,
    /// The address at the other end; `None` if the connection is not one of a network.
    peer: Option<SocketAddr>,
    /// Maximum number of bytes that are collected.
    max_collected: usize,
    /// Written, and not sent yet.
    collected: Vec<u8>,
    /// Number of the bytes of `collected` that are sent.
    sent: usize,
    /// Whether the gateway has ended its side.
    is_shut: bool,
}

#[derive(Debug)]
enum State {
    /// Accepted, and not waited for yet.
    Unwatched(net::TcpStream, Next),
    Watched(TcpStream),
    /// It could not be watched, and is closed.
    Closed,
    #[cfg(test)]
    Pipe(Box<dyn Pipe>),
}

/// The next step of a socket that is not watched when it is read from.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// To read at once.
    First,
    /// To let all others go first.
    Turn,
    /// To read once more.
    Second,
    /// To be watched. A client that never stops sending would otherwise never be waited for.
    Watch,
}

// === impl Tcp ===

impl Tcp {
    /// Takes a socket that was accepted, and does not block.
    pub(in crate::proxy) fn new(socket: net::TcpStream, peer: Option<SocketAddr>) -> Self {
        Self::of(State::Unwatched(socket, Next::First), peer)
    }

    #[cfg(test)]
    pub(super) fn pipe(pipe: impl Pipe + 'static) -> Self {
        Self::of(State::Pipe(Box::new(pipe)), None)
    }

    fn of(state: State, peer: Option<SocketAddr>) -> Self {
        Self {
            state,
            peer,
            max_collected: COLLECTED,
            collected: Vec::new(),
            sent: 0,
            is_shut: false,
        }
    }

    pub(in crate::proxy) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Returns the socket's descriptor; `None` if the socket is closed.
    pub(in crate::proxy) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.state {
            State::Unwatched(socket, _) => Some(socket.as_fd()),
            State::Watched(socket) => Some(socket.as_fd()),
            State::Closed => None,
            #[cfg(test)]
            State::Pipe(_) => None,
        }
    }

    /// Collects frames, for which there is a call to write each.
    pub(super) fn collect_frames(&mut self) {
        self.max_collected = COLLECTED_FRAMES;
    }

    /// Has the runtime watch the socket, if it does not yet.
    fn watch(&mut self) -> io::Result<()> {
        if let State::Unwatched(..) = self.state
            && let State::Unwatched(socket, _) = replace(&mut self.state, State::Closed)
        {
            self.state = State::Watched(TcpStream::from_std(socket)?);
        }
        Ok(())
    }

    /// Returns what can be waited for.
    fn watched(&mut self) -> io::Result<Pin<&mut dyn Waiting>> {
        self.watch()?;
        match &mut self.state {
            State::Watched(socket) => Ok(Pin::new(socket)),
            #[cfg(test)]
            State::Pipe(pipe) => Ok(Pin::new(pipe)),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Writes behind what was collected, and collects nothing.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_send_collected(cx))?;
        self.poll_send_any(
            cx,
            |socket| socket.write(buf),
            |socket, cx| socket.poll_write(cx, buf),
        )
    }

    /// Writes to the socket, or waits until that takes something.
    fn poll_send_any(
        &mut self,
        cx: &mut Context<'_>,
        direct: impl Fn(&mut &net::TcpStream) -> io::Result<usize>,
        waiting: impl FnOnce(Pin<&mut dyn Waiting>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let State::Unwatched(socket, _) = &self.state
            && let Some(written) = at_once(|| direct(&mut &*socket))
        {
            return Poll::Ready(written);
        }
        waiting(self.watched()?, cx)
    }

    fn poll_send_collected(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.collected.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while self.sent < self.collected.len() {
            // Taken out for as long as the socket is borrowed.
            let collected = take(&mut self.collected);
            let rest = &collected[self.sent..];
            let written = self.poll_send_any(
                cx,
                |socket| socket.write(rest),
                |socket, cx| socket.poll_write(cx, rest),
            );
            self.collected = collected;
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.sent += n,
            }
        }
        self.collected = Vec::new();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    /// Collects pieces of a write, of `len` bytes in all, if they are short; `None` if they have to be sent.
    fn poll_collect<'b>(
        &mut self,
        cx: &mut Context<'_>,
        len: usize,
        pieces: impl Iterator<Item = &'b [u8]>,
    ) -> Poll<io::Result<Option<usize>>> {
        #[cfg(test)]
        if let State::Pipe(_) = self.state {
            return Poll::Ready(Ok(None));
        }
        if self.collected.len() + len > self.max_collected {
            ready!(self.poll_send_collected(cx))?;
        }
        if self.collected.is_empty() && len >= COLLECTED {
            return Poll::Ready(Ok(None));
        }
        if self.collected.capacity() == 0 {
            self.collected.reserve_exact(COLLECTED);
        }
        pieces.for_each(|piece| self.collected.extend_from_slice(piece));
        Poll::Ready(Ok(Some(len)))
    }
}

/// Tries an operation on a socket that is not watched; `None` if it would have to wait.
fn at_once<T>(mut operation: impl FnMut() -> io::Result<T>) -> Option<io::Result<T>> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return Some(done),
        }
    }
}

/// A stream that wakes its task.
pub(super) trait Waiting: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Waiting for T {}

/// A stream that stands in for a socket.
#[cfg(test)]
pub(super) trait Pipe: Waiting + std::fmt::Debug + Send + Sync {}

#[cfg(test)]
impl<T: Waiting + std::fmt::Debug + Send + Sync> Pipe for T {}

impl AsyncRead for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let State::Unwatched(socket, next) = &mut self.state {
            let now = *next;
            *next = match now {
                Next::First => Next::Turn,
                Next::Turn => Next::Second,
                Next::Second | Next::Watch => Next::Watch,
            };
            match now {
                Next::First | Next::Second => {
                    let read = at_once(|| (&*socket).read(buf.initialize_unfilled()));
                    if let Some(read) = read {
                        buf.advance(read?);
                        return Poll::Ready(Ok(()));
                    }
                }
                Next::Turn => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Next::Watch => {}
            }
        }
        self.watched()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match ready!(self.poll_collect(cx, buf.len(), [buf].into_iter()))? {
            Some(len) => Poll::Ready(Ok(len)),
            None => self.poll_send(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket of the system has nothing to flush.
        self.poll_send_collected(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send_collected(cx))?;
        // Once, though the stream above asks again until the client has ended its side as well.
        if replace(&mut self.is_shut, true) {
            return Poll::Ready(Ok(()));
        }
        match &mut self.state {
            State::Unwatched(socket, _) => Poll::Ready(socket.shutdown(Shutdown::Write)),
            State::Watched(socket) => Pin::new(socket).poll_shutdown(cx),
            State::Closed => Poll::Ready(Ok(())),
            #[cfg(test)]
            State::Pipe(pipe) => Pin::new(pipe).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = bufs.iter().map(|buf| buf.len()).sum();
        match ready!(self.poll_collect(cx, len, bufs.iter().map(|buf| &**buf)))? {
            Some(len) => Poll::Ready(Ok(len)),
            None => self.poll_send_any(
                cx,
                |socket| socket.write_vectored(bufs),
                |socket, cx| socket.poll_write_vectored(cx, bufs),
            ),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
