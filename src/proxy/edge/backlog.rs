//! Bounds the memory that responses take while their clients do not read them, on HTTP/2.
//!
//! A client can ask for a hundred responses in a few kilobytes and open no window for any of them. pingora
//! reads each response ahead, up to nine pieces of 64 KiB, whether or not the client takes what came
//! before. Here a response may only go on while there is room for that in two accounts, its
//! connection's and the process's; otherwise it waits, unread, in the socket of its upstream. Each
//! connection may go on with one response, whatever the others take.
//!
//! Nothing is estimated that can be known: a piece counts from the time at which pingora has it until h2 drops
//! it, because it was written or the stream has ended. A response that was read to its end counts for
//! what is left of it, and one whose client has taken everything counts for nothing, however long it
//! stays open.
//!
//! ```text
//! a task that serves a stream is polled
//!    │ nothing is charged to it: reserve READ_AHEAD, or wait
//!    ▼
//! pingora reads from the upstream, passes pieces on   each is Held, and counted in `held`
//!    ▼
//! it has nothing more to do for now ──▶ charged: READ_AHEAD if the client has yet to take some of it,
//!                                       what is held if the response was read to its end, else nothing
//! ```

use bytes::Bytes;
use parking_lot::Mutex;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep};

/// Maximum that pingora holds of one response: four pieces in a queue, as many taken from it and being
/// written, and one that is read, each of 64 KiB at most.
const READ_AHEAD: usize = 9 * (64 << 10);

/// Room of one connection: enough for some responses to be written while others are read.
const PER_CONNECTION: usize = 4 * READ_AHEAD;

/// Room of all connections together.
const PER_PROCESS: usize = 512 * READ_AHEAD;

/// Bytes that a client has to take for one more of its responses to be read than there is room for. A
/// client that reads is not held up by its own large responses.
const CREDIT: usize = 64 << 10;

/// Maximum number of times that a task is polled before others have their turn.
const MAX_POLLS: usize = 4;

/// Maximum time that responses wait for room in their connection; then one of them goes on. A client that
/// leaves some of its responses unread, as a page with paused downloads does, still gets the others.
const PATIENCE: Duration = Duration::from_secs(1);

/// Maximum time in which a client takes no whole piece of a response while the process is short of room;
/// beyond it, the response is given up.
const SHORT_PATIENCE: Duration = Duration::from_secs(10);

/// Room for responses, and what is charged to it.
#[derive(Debug)]
pub(super) struct Account {
    room: usize,
    charged: AtomicUsize,
    /// Responses that may be read beside those there is room for, because the client takes what was
    /// read, or because they have waited.
    credit: AtomicUsize,
    /// Bytes that were taken since the last credit.
    taken: AtomicUsize,
    waiting: AtomicUsize,
    freed: Notify,
    /// The time at which a response went on because it had waited.
    last_turn: Mutex<Option<Instant>>,
    /// Held while both accounts of a response are charged.
    reserving: Mutex<()>,
}

/// One response's part of the accounts.
#[derive(Debug)]
pub(in crate::proxy) struct Backlog {
    connection: Arc<Account>,
    process: Arc<Account>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes that pingora passed on and h2 has not dropped.
    held: usize,
    charged: usize,
    /// Bytes that were dropped so far: the client's progress, unless the stream has ended.
    dropped: usize,
    /// Whether the response was read to its end, or is not read any more.
    is_read: bool,
    /// Whether the task is being polled, or will be at once: there may be pieces that were read and
    /// not passed on yet.
    is_busy: bool,
}

/// The account that has no room for a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Short {
    Connection,
    Process,
}

/// A piece of a response that counts until it is dropped.
struct Held {
    piece: Bytes,
    backlog: Arc<Backlog>,
}

tokio::task_local! {
    /// The backlog of the stream that the task serves.
    static CURRENT: Arc<Backlog>;
}

// === impl Account ===

impl Account {
    fn new(room: usize) -> Arc<Self> {
        Arc::new(Self {
            room,
            charged: AtomicUsize::new(0),
            credit: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
            last_turn: Mutex::default(),
            reserving: Mutex::new(()),
        })
    }

    pub(super) fn of_process() -> Arc<Self> {
        Self::new(PER_PROCESS)
    }

    pub(super) fn of_connection() -> Arc<Self> {
        Self::new(PER_CONNECTION)
    }

    /// Charges `READ_AHEAD` if there is room for it, or it `must` be.
    fn try_reserve(&self, must: bool) -> bool {
        let room = match must {
            true => usize::MAX,
            false => self.room + self.credit.load(Ordering::Relaxed) * READ_AHEAD,
        };
        let reserved = |charged: usize| {
            let charged = charged + READ_AHEAD;
            (charged <= room).then_some(charged)
        };
        self.charged
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, reserved)
            .is_ok()
    }

    /// Changes what is charged to one response.
    fn change(&self, from: usize, to: usize) {
        if to > from {
            self.charged.fetch_add(to - from, Ordering::AcqRel);
        } else if from > to {
            let charged = self.charged.fetch_sub(from - to, Ordering::AcqRel) - (from - to);
            if charged < self.room {
                self.credit.store(0, Ordering::Relaxed);
            }
            self.freed.notify_one();
        }
    }

    /// Notes that the client took so many bytes.
    fn took(&self, bytes: usize) {
        if self.waiting.load(Ordering::Acquire) == 0 {
            return;
        }
        let taken = self.taken.fetch_add(bytes, Ordering::AcqRel) + bytes;
        if taken >= CREDIT {
            self.taken.store(0, Ordering::Release);
            self.give_credit();
        }
    }

    fn is_empty(&self) -> bool {
        self.charged.load(Ordering::Acquire) == 0
    }

    /// Lets one of the responses that have waited go on, not more often than they have to wait.
    fn give_turn(&self) {
        let now = Instant::now();
        let mut last = self.last_turn.lock();
        if last.is_none_or(|last| now >= last + PATIENCE) {
            *last = Some(now);
            self.give_credit();
        }
    }

    /// Lets one more response be read than there is room for.
    fn give_credit(&self) {
        self.credit.fetch_add(1, Ordering::AcqRel);
        self.freed.notify_one();
    }

    fn is_short(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0 || self.charged.load(Ordering::Acquire) > self.room
    }
}

/// Counts as waiting for as long as it lives.
struct Waiting<'a>(&'a Account);

// === impl Waiting ===

impl<'a> Waiting<'a> {
    fn new(account: &'a Arc<Account>) -> Self {
        account.waiting.fetch_add(1, Ordering::AcqRel);
        Self(account)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

// === impl Backlog ===

impl Backlog {
    pub(super) fn new(connection: &Arc<Account>, process: &Arc<Account>) -> Arc<Self> {
        Arc::new(Self {
            connection: Arc::clone(connection),
            process: Arc::clone(process),
            state: Mutex::default(),
        })
    }

    /// Returns the backlog of the stream that this task serves; `None` on HTTP/1.1, where a connection
    /// has one response at a time.
    pub(in crate::proxy) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// Counts a piece of the response until it is dropped. With the last piece, `is_read` is set.
    pub(in crate::proxy) fn hold(self: &Arc<Self>, piece: &mut Option<Bytes>, is_read: bool) {
        let mut state = self.state.lock();
        state.is_read |= is_read;
        if let Some(piece) = piece.as_mut().filter(|piece| !piece.is_empty()) {
            state.held += piece.len();
            *piece = Bytes::from_owner(Held {
                piece: std::mem::take(piece),
                backlog: Arc::clone(self),
            });
        }
    }

    /// Serves the stream with `task`, which is only polled while there is room for what it may read.
    /// Ends early if the client takes nothing while others wait for room.
    pub(super) async fn bound(self: Arc<Self>, task: impl Future<Output = ()>) {
        // Dropped behind the task, and what that holds.
        let _ends = Ends(&self);
        let mut task = pin!(CURRENT.scope(Arc::clone(&self), task));
        let mut room: Option<Pin<Box<dyn Future<Output = ()> + Send>>> = None;
        let mut wakes: Option<Arc<Wakes>> = None;
        let mut stall = Stall::default();
        poll_fn(|cx| {
            if self.start_poll().is_err() {
                let room = room.get_or_insert_with(|| Box::pin(Arc::clone(&self).reserve()));
                std::task::ready!(room.as_mut().poll(cx));
            }
            room = None;
            // A task keeps its waker, nearly always.
            let wakes = match &mut wakes {
                Some(known) if known.task.will_wake(cx.waker()) => known,
                other => other.insert(Wakes::new(cx.waker())),
            };
            let waker = Waker::from(Arc::clone(wakes));
            let mut is_settled = false;
            for _ in 0..MAX_POLLS {
                wakes.start_poll();
                if task
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_ready()
                {
                    return Poll::Ready(());
                }
                is_settled = wakes.end_poll();
                if is_settled {
                    break;
                }
            }
            if !is_settled {
                cx.waker().wake_by_ref();
            }
            let is_holding = self.end_poll(is_settled);
            stall.poll(&self, is_holding, cx)
        })
        .await;
    }

    /// Begins to poll the task, if there is room for what it may read.
    fn start_poll(&self) -> Result<(), Short> {
        let mut state = self.state.lock();
        if state.charged == 0 && !state.is_read {
            self.try_reserve(&mut state)?;
        }
        state.is_busy = true;
        Ok(())
    }

    /// Charges `READ_AHEAD` to both accounts, if they have room for it. A connection with nothing charged
    /// may always go on with one response.
    fn try_reserve(&self, state: &mut State) -> Result<(), Short> {
        // One at a time, so that no other response of the connection sees what may be given back.
        let _one = self.connection.reserving.lock();
        let is_first = self.connection.is_empty();
        if !self.connection.try_reserve(false) {
            return Err(Short::Connection);
        }
        if !self.process.try_reserve(is_first) {
            self.connection
                .charged
                .fetch_sub(READ_AHEAD, Ordering::AcqRel);
            return Err(Short::Process);
        }
        state.charged = READ_AHEAD;
        Ok(())
    }

    /// Waits for room, and begins to poll the task.
    async fn reserve(self: Arc<Self>) {
        let _waiting = [&self.connection, &self.process].map(Waiting::new);
        // For the whole wait, however often it is woken in vain.
        let mut patience = pin!(sleep(PATIENCE));
        loop {
            // Registered before the accounts are looked at, so that no change is missed in between.
            let mut in_connection = pin!(self.connection.freed.notified());
            in_connection.as_mut().enable();
            match self.start_poll() {
                Ok(()) => return,
                // Room in the process is of no use here, and is left to others.
                Err(Short::Connection) => tokio::select! {
                    () = in_connection => {}
                    () = &mut patience => {
                        self.connection.give_turn();
                        patience.set(sleep(PATIENCE));
                    }
                },
                Err(Short::Process) => {
                    let mut in_process = pin!(self.process.freed.notified());
                    in_process.as_mut().enable();
                    match self.start_poll() {
                        Ok(()) => return,
                        Err(Short::Connection) => continue,
                        Err(Short::Process) => tokio::select! {
                            () = in_connection => {}
                            () = in_process => {}
                        },
                    }
                }
            }
        }
    }

    /// Ends a poll, after which the task will be polled again at once if it `is_settled` not. Returns
    /// whether the client has yet to take something.
    fn end_poll(&self, is_settled: bool) -> bool {
        let mut state = self.state.lock();
        state.is_busy = !is_settled;
        self.settle(&mut state);
        state.held > 0
    }

    /// Charges what the response takes, or may take.
    fn settle(&self, state: &mut State) {
        let charge = match state {
            State {
                is_read: true,
                held,
                ..
            } => *held,
            State {
                is_busy: false,
                held: 0,
                ..
            } => 0,
            _ => READ_AHEAD,
        };
        self.connection.change(state.charged, charge);
        self.process.change(state.charged, charge);
        state.charged = charge;
    }

    fn dropped(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.held -= bytes;
        state.dropped += bytes;
        self.settle(&mut state);
        drop(state);
        self.connection.took(bytes);
    }
}

/// Reads no more of the response when it is dropped: the task has ended, or was given up.
struct Ends<'b>(&'b Backlog);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.is_read = true;
        state.is_busy = false;
        self.0.settle(&mut state);
    }
}

// === impl Held ===

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.backlog.dropped(self.piece.len());
    }
}

/// Wakes a task; while that is being polled, notes only that it is to be polled again.
struct Wakes {
    state: AtomicU8,
    task: Waker,
}

const WAITING: u8 = 0;
const POLLED: u8 = 1;
const WOKEN: u8 = 2;

// === impl Wakes ===

impl Wakes {
    fn new(task: &Waker) -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU8::new(WAITING),
            task: task.clone(),
        })
    }

    fn start_poll(&self) {
        self.state.store(POLLED, Ordering::Release);
    }

    /// Returns whether the task has nothing to do for now.
    fn end_poll(&self) -> bool {
        self.state
            .compare_exchange(POLLED, WAITING, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let note = self
            .state
            .compare_exchange(POLLED, WOKEN, Ordering::AcqRel, Ordering::Acquire);
        if note == Err(WAITING) {
            self.task.wake_by_ref();
        }
    }
}

/// The time in which a client has taken nothing of a response.
#[derive(Default)]
struct Stall {
    patience: Option<Pin<Box<Sleep>>>,
    /// Bytes that had been dropped when it began.
    dropped: usize,
}

// === impl Stall ===

impl Stall {
    /// Ready when the response is to be given up.
    fn poll(&mut self, backlog: &Backlog, is_holding: bool, cx: &mut Context<'_>) -> Poll<()> {
        if !is_holding {
            self.patience = None;
            return Poll::Pending;
        }
        loop {
            let patience = self
                .patience
                .get_or_insert_with(|| Box::pin(sleep(SHORT_PATIENCE)));
            if patience.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let dropped = backlog.state.lock().dropped;
            if dropped == self.dropped && backlog.process.is_short() {
                return Poll::Ready(());
            }
            self.dropped = dropped;
            self.patience = None;
        }
    }
}

#[cfg(test)]
mod tests;
