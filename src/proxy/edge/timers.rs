//! The timers of a client's connection, all of them.
//!
//! | timer | bounds | starts | stops | when it fires |
//! |---|---|---|---|---|
//! | `Request`, in a header | a request's header, `header_timeout` from its first byte, however it drips | with the first byte | with the header's end | the client gets 408, and the connection ends |
//! | `Request`, between requests | a client's silence, `keepalive_timeout` long | with the connection, and with every answer | with the first byte of a request | the connection ends without a word |
//! | `Request`, on HTTP/2 | the same, while no stream has a task | with the connection, and with every stream's begin and end | never: it looks again while streams are open | the connection ends without a word |
//! | `Frame`, on HTTP/2 | the preface, a frame that is not DATA, a header block of several: `header_timeout` each | when the socket has no more of it | when something is finished | reading fails, and with it the connection |
//! | `Body`, on HTTP/1.1 | a client's pause in the body of its request, `body_timeout` long | when pingora reads and nothing has come | when something comes, and while the client waits for the upstream's word or takes a response | reading fails, and the client gets 408, or the end of the connection |
//! | `Write` | a client that takes nothing of a response, for `write_timeout` | when the socket, or the window of a stream that the express lane forwards, takes nothing | when it takes anything | writing fails, and with it the connection, or the stream |
//! | `Response` | an upstream that keeps an HTTP/1.1 request waiting: `read_timeout` for its response's header, then as long, or `stream_timeout`, for each piece of the content | with each piece of the request that is sent, or of the content that is written | with a 101, and with the next request | reading fails, and the client gets 504, or the end of the connection |
//! | `Response`, on HTTP/2 | a silence of the upstream in a stream that the express lane forwards, as long as pingora would let it last | when the upstream has its turn | with anything that comes from it or goes to it | the client gets 504, or 408 if the silence is its own, or the stream is reset |
//! | `Upstream` | an upstream that takes nothing of a request that the express lane forwards, for `write_timeout` | when its socket takes nothing | when it takes anything | nothing more is sent, and its response is waited for |
//! | `Linger` | a client that goes on sending behind the last answer, for [`LINGER`] | when the gateway has ended its side | never | the socket is closed, whatever is unread |
//!
//! While pingora serves a request, its own timers bound the writing to the upstream, and the reading
//! between two pieces of the response; `Write` holds there as well. On HTTP/2, `response_deadline` and
//! `upload` do for a stream what `Response` and `Body` do for a connection, and a stream that the express lane forwards
//! has a table of its own.
//!
//! Only `Request` is in use with every request. It must cost next to nothing, so one timer of tokio's
//! runs for the whole table, set for a time that nearly always has been moved on when it comes. It
//! then looks at the table again. Moving it would cost more than counting a request.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Maximum time that a client may go on sending behind the last answer; beyond it, the connection is
/// reset.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// See the module's documentation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Timer {
    Request,
    Frame,
    Body,
    Write,
    Response,
    Upstream,
    Linger,
}

const COUNT: usize = 7;

/// The times at which the timers of a connection, or of a stream, fire. All are polled by its one task.
#[derive(Debug)]
pub(super) struct Timers {
    at: [Option<Instant>; COUNT],
    /// The latest time that is known to have passed.
    passed: Instant,
    /// Never set for later than the first of the times to come. `None` until one is waited for.
    alarm: Option<Pin<Box<Sleep>>>,
}

// === impl Timers ===

impl Timers {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            at: [None; COUNT],
            passed: now,
            alarm: None,
        }
    }

    /// Sets a timer, or moves it.
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.at[timer as usize] = Some(at);
    }

    /// Sets a timer for `timeout` from now, unless it runs already.
    pub(super) fn start(&mut self, timer: Timer, timeout: Duration) {
        self.at[timer as usize].get_or_insert_with(|| Instant::now() + timeout);
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.at[timer as usize] = None;
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.at[timer as usize].is_some()
    }

    /// Waits for a timer to fire. One that isn't set never does; one that has fired stays so until it
    /// is set again or stopped.
    pub(super) fn poll(&mut self, timer: Timer, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at[timer as usize] else {
            return Poll::Pending;
        };
        while at > self.passed {
            let next = self.next().unwrap_or(at);
            let alarm = self
                .alarm
                .get_or_insert_with(|| Box::pin(sleep_until(next)));
            let has_rung = alarm.deadline() <= self.passed;
            if has_rung || next < alarm.deadline() {
                alarm.as_mut().reset(next);
            }
            ready!(alarm.as_mut().poll(cx));
            self.passed = alarm.deadline();
        }
        Poll::Ready(())
    }

    /// Returns the first of the times that have not passed yet.
    fn next(&self) -> Option<Instant> {
        let to_come = self.at.iter().flatten().filter(|&&at| at > self.passed);
        to_come.min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::time::{advance, timeout};

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Something done to a table.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        /// Sets a timer for this second.
        Set(Timer, u64),
        /// Starts a timer of so many seconds.
        Start(Timer, u64),
        Stop(Timer),
        /// Lets so many seconds pass, with nothing polled.
        Pass(u64),
        /// Waits for a timer, which fires at this second.
        Fires(Timer, u64),
        /// Waits for a timer, which does not fire for so many seconds.
        Waits(Timer, u64),
    }

    async fn run(name: &str, steps: &[Step]) {
        let began = Instant::now();
        let mut timers = Timers::new(began);
        for step in steps {
            let at = began.elapsed();
            match *step {
                Step::Set(timer, second) => timers.set(timer, began + seconds(second)),
                Step::Start(timer, time) => timers.start(timer, seconds(time)),
                Step::Stop(timer) => timers.stop(timer),
                Step::Pass(time) => advance(seconds(time)).await,
                Step::Fires(timer, second) => {
                    poll_fn(|cx| timers.poll(timer, cx)).await;
                    let fired = began.elapsed().as_secs();
                    assert_eq!(fired, second, "{name}: {step:?}, waited for since {at:?}");
                }
                Step::Waits(timer, time) => {
                    let fires = poll_fn(|cx| timers.poll(timer, cx));
                    let fired = timeout(seconds(time), fires).await.is_ok();
                    assert!(!fired, "{name}: {step:?}, waited for since {at:?}");
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn timers_fire_at_their_time_and_do_not_move_each_other() {
        use Step::{Fires, Pass, Set, Start, Stop, Waits};
        use Timer::{Frame, Linger, Request, Write};
        for (name, steps) in [
            ("not set", &[Waits(Request, 100)][..]),
            ("set", &[Set(Request, 60), Fires(Request, 60)]),
            (
                "fired, and not set again",
                &[Set(Request, 1), Fires(Request, 1), Fires(Request, 1)],
            ),
            (
                "already past",
                &[Pass(9), Set(Request, 5), Fires(Request, 9)],
            ),
            (
                "moved on before it is waited for",
                &[Set(Request, 60), Set(Request, 70), Fires(Request, 70)],
            ),
            (
                "moved on, time and again",
                &[
                    Set(Request, 60),
                    Waits(Request, 30),
                    Set(Request, 90),
                    Waits(Request, 50),
                    Set(Request, 140),
                    Fires(Request, 140),
                ],
            ),
            (
                "moved nearer, as when a header begins",
                &[
                    Set(Request, 60),
                    Waits(Request, 5),
                    Set(Request, 15),
                    Fires(Request, 15),
                ],
            ),
            (
                "and on again, as when it has ended",
                &[
                    Set(Request, 60),
                    Waits(Request, 5),
                    Set(Request, 15),
                    Waits(Request, 5),
                    Set(Request, 70),
                    Fires(Request, 70),
                ],
            ),
            (
                "set again after it has fired",
                &[
                    Set(Request, 5),
                    Fires(Request, 5),
                    Set(Request, 9),
                    Fires(Request, 9),
                ],
            ),
            (
                "started once, whatever is started after",
                &[
                    Start(Write, 60),
                    Pass(30),
                    Start(Write, 60),
                    Fires(Write, 60),
                ],
            ),
            (
                "stopped, and started again",
                &[
                    Start(Write, 60),
                    Waits(Write, 30),
                    Stop(Write),
                    Waits(Write, 60),
                    Start(Write, 60),
                    Fires(Write, 150),
                ],
            ),
            (
                "one behind another",
                &[
                    Set(Request, 60),
                    Start(Linger, 2),
                    Fires(Linger, 2),
                    Fires(Request, 60),
                ],
            ),
            (
                "one that passes while another is waited for",
                &[
                    Start(Frame, 10),
                    Start(Write, 60),
                    Fires(Write, 60),
                    Fires(Frame, 60),
                ],
            ),
            (
                "one that is stopped while another is waited for",
                &[
                    Start(Frame, 10),
                    Start(Write, 60),
                    Waits(Write, 5),
                    Stop(Frame),
                    Fires(Write, 60),
                ],
            ),
            (
                "two for the same time",
                &[
                    Set(Request, 7),
                    Start(Frame, 7),
                    Fires(Frame, 7),
                    Fires(Request, 7),
                ],
            ),
        ] {
            run(name, steps).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_is_moved_on_leaves_the_alarm_where_it_is() {
        let began = Instant::now();
        let mut timers = Timers::new(began);
        timers.set(Timer::Request, began + seconds(60));
        let wait = poll_fn(|cx| timers.poll(Timer::Request, cx));
        assert!(timeout(seconds(1), wait).await.is_err());
        for moved in 61..100 {
            timers.set(Timer::Request, began + seconds(moved));
            let wait = poll_fn(|cx| timers.poll(Timer::Request, cx));
            assert!(timeout(seconds(1), wait).await.is_err());
            let alarm = timers.alarm.as_ref().map(|alarm| alarm.deadline());
            assert_eq!(alarm, Some(began + seconds(60)), "a request costs no timer");
        }
    }
}
