//! The time that a client may pause while it sends the body of an HTTP/2 request. On HTTP/1.1 the client's
//! stream bounds it.
//!
//! pingora waits for a body on HTTP/2 for as long as the connection lives. Whose turn it is can be known,
//! without a word from pingora: while the upstream has yet to take a piece, it is the upstream's, and
//! pingora bounds that; else pingora reads, and it is the client's. A piece that is dropped was taken. The
//! express lane holds no pieces, and says when the upstream has something to take.
//!
//! pingora has no way to be told, so that the request is dropped, which resets its stream. Where the time-out
//! for the upstream is not shorter, that one comes first, and ends with an answer.

use bytes::Bytes;
use parking_lot::Mutex;
use std::cell::OnceCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Time after the end of a pause until the request is dropped.
const GRACE: Duration = Duration::from_secs(1);

/// One request's body on its way through the gateway.
#[derive(Debug)]
pub(in crate::proxy) struct Upload {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Maximum pause of the client.
    timeout: Duration,
    /// Time from which the client has had its turn, but for the pieces that are `held`; `None` while the
    /// upstream has to say something first, and behind the end of the body.
    since: Option<Instant>,
    /// Number of pieces that the gateway has and the upstream has not taken.
    held: usize,
    /// Woken when the last of them is taken.
    task: Option<Waker>,
    is_late: bool,
}

/// Something that the upstream has yet to take, until it is dropped.
#[derive(Debug)]
pub(super) struct Untaken(Arc<Upload>);

/// A piece of a body that counts until it is dropped.
struct Held {
    piece: Bytes,
    _untaken: Untaken,
}

tokio::task_local! {
    /// The body of the request that the task serves, if it has one and the upstream is asked.
    static CURRENT: OnceCell<Arc<Upload>>;
}

// === impl Upload ===

impl Upload {
    /// Begins with the body of the request that this task serves; `None` on HTTP/1.1.
    pub(in crate::proxy) fn start(timeout: Duration) -> Option<Arc<Self>> {
        let upload = || Arc::new(Self::new(timeout));
        CURRENT
            .try_with(|current| Arc::clone(current.get_or_init(upload)))
            .ok()
    }

    fn new(timeout: Duration) -> Self {
        let state = State {
            timeout,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// Lets the client pause for longer: the upstream's response says that the two may converse.
    pub(in crate::proxy) fn lengthen(&self, timeout: Duration) {
        let mut state = self.state.lock();
        state.timeout = state.timeout.max(timeout);
    }

    /// Gives the turn to the client, or takes it from it.
    pub(in crate::proxy) fn set_turn(&self, is_clients: bool) {
        self.state.lock().since = is_clients.then(Instant::now);
    }

    /// Notes that the client is busy with the response, of which a piece has come.
    pub(in crate::proxy) fn respond(&self) {
        if let Some(since) = &mut self.state.lock().since {
            *since = Instant::now();
        }
    }

    /// Counts a piece of the body until it is dropped.
    pub(in crate::proxy) fn hold(self: &Arc<Self>, piece: &mut Option<Bytes>) {
        if let Some(piece) = piece.as_mut().filter(|piece| !piece.is_empty()) {
            *piece = Bytes::from_owner(Held {
                piece: std::mem::take(piece),
                _untaken: Untaken::new(self),
            });
        }
    }

    /// Returns whether the client pauses: everything that it has sent was taken.
    pub(in crate::proxy) fn is_pausing(&self) -> bool {
        let state = self.state.lock();
        state.held == 0 && state.since.is_some()
    }

    /// Whether the client has paused for too long.
    pub(in crate::proxy) fn is_late(&self) -> bool {
        self.state.lock().is_late
    }

    pub(in crate::proxy) fn give_up(&self) {
        self.state.lock().is_late = true;
    }

    /// Returns the end of the client's pause, as it looks now. If there is none, `cx` may be woken when
    /// there is one.
    fn end_of_pause(&self, cx: &Context<'_>) -> Option<Instant> {
        let mut state = self.state.lock();
        if state.held > 0 {
            state.task = Some(cx.waker().clone());
            return None;
        }
        let since = state.since?;
        Some(since + state.timeout + GRACE)
    }

    /// Ready when the client has paused for too long.
    fn poll(&self, timer: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(end) = self.end_of_pause(cx) else {
            return Poll::Pending;
        };
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        ready!(timer.as_mut().poll(cx));
        self.give_up();
        Poll::Ready(())
    }
}

/// Serves a request to its end, or until its client has paused for too long. Returns whether it came to
/// its end, as the request itself says.
pub(super) async fn hold(request: impl Future<Output = bool>) -> bool {
    let in_time = async {
        let mut request = pin!(request);
        let mut timer = None;
        poll_fn(|cx| {
            if let Poll::Ready(has_ended) = request.as_mut().poll(cx) {
                return Poll::Ready(has_ended);
            }
            CURRENT.with(|current| match current.get() {
                Some(upload) => upload.poll(&mut timer, cx).map(|()| false),
                None => Poll::Pending,
            })
        })
        .await
    };
    CURRENT.scope(OnceCell::new(), in_time).await
}

// === impl Held ===

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}

// === impl Untaken ===

impl Untaken {
    pub(super) fn new(upload: &Arc<Upload>) -> Self {
        upload.state.lock().held += 1;
        Self(Arc::clone(upload))
    }
}

impl Drop for Untaken {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.held -= 1;
        if state.held > 0 {
            return;
        }
        if let Some(since) = &mut state.since {
            *since = Instant::now();
        }
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    const SECOND: Duration = Duration::from_secs(1);

    /// Something that happens to a body.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        /// A piece comes from the client.
        Comes,
        /// The upstream takes the first piece that it has not taken.
        Takes,
        /// Another task takes it, so many seconds later.
        IsTakenIn(u32),
        Responds,
        Ends,
        /// A number of seconds pass.
        Pass(u32),
    }

    /// Returns whether a request comes to its end, and in how many seconds.
    async fn run(steps: &[Step]) -> (bool, u64) {
        let started = Instant::now();
        let request = async {
            let upload = Upload::start(10 * SECOND).expect("a task that is held");
            upload.set_turn(true);
            let mut pieces = Vec::new();
            for step in steps {
                match *step {
                    Step::Comes => {
                        let mut piece = Some(Bytes::from_static(b"piece"));
                        upload.set_turn(true);
                        upload.hold(&mut piece);
                        assert_eq!(piece.as_deref(), Some(b"piece".as_slice()));
                        pieces.push(piece);
                    }
                    Step::Takes => drop(pieces.remove(0)),
                    Step::IsTakenIn(seconds) => {
                        let piece = pieces.remove(0);
                        tokio::spawn(async move {
                            sleep(seconds * SECOND).await;
                            drop(piece);
                        });
                    }
                    Step::Responds => upload.respond(),
                    Step::Ends => upload.set_turn(false),
                    Step::Pass(seconds) => sleep(seconds * SECOND).await,
                }
            }
            true
        };
        let has_ended = hold(request).await;
        (has_ended, started.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_pause_of_the_client_counts() {
        use Step::{Comes, Ends, IsTakenIn, Pass, Responds, Takes};
        for (name, steps, expected) in [
            ("no body comes", &[Pass(60)][..], (false, 11)),
            (
                "a pause that is short enough",
                &[Pass(9), Comes, Takes, Pass(9), Ends, Pass(60)],
                (true, 78),
            ),
            (
                "one that is not, behind another",
                &[Pass(9), Comes, Takes, Pass(60)],
                (false, 20),
            ),
            (
                "the upstream takes nothing",
                &[Comes, Pass(60), Takes, Pass(9), Ends],
                (true, 69),
            ),
            (
                "the upstream takes one piece of two",
                &[Comes, Comes, Takes, Pass(60), Takes, Pass(60)],
                (false, 71),
            ),
            (
                "the last piece is taken, which the task does not see",
                &[Comes, IsTakenIn(5), Pass(60)],
                (false, 16),
            ),
            (
                "a response comes meanwhile",
                &[Pass(9), Responds, Pass(9), Responds, Pass(9), Responds],
                (true, 27),
            ),
            ("and ends", &[Pass(9), Responds, Pass(60)], (false, 20)),
            (
                "the body has ended",
                &[Comes, Ends, Takes, Pass(60)],
                (true, 60),
            ),
        ] {
            assert_eq!(run(steps).await, expected, "{name}");
        }
    }

    #[tokio::test]
    async fn on_http_1_there_is_none() {
        assert!(Upload::start(SECOND).is_none());
    }
}
