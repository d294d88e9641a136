//! The deadline for the response's header of an HTTP/2 request. On HTTP/1.1 the client's stream has it.
//!
//! pingora's time-out bounds each read from the upstream. So it is enough to look at the time whenever
//! something is read: an upstream that sends nothing is pingora's to end, and no timer is needed. Only
//! where pingora waits for longer than for a header, as for an event stream, there is one.
//! pingora has no way to be told, so that the request is dropped, which resets its stream.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Time after the deadline until the request is dropped. pingora's own time-out, which may be for the
/// same time, comes first: it ends with an answer.
const GRACE: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// The time by which the header has to be there for the request that the task serves.
    static RESPOND_BY: Cell<Option<Deadline>>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Deadline {
    at: Instant,
    needs_timer: bool,
}

/// Sets the deadline for the request that this task serves. Without a timer, the request is dropped at
/// the first sign of life after it.
pub(in crate::proxy) fn set(at: Instant, needs_timer: bool) {
    replace(Some(Deadline { at, needs_timer }));
}

/// Removes the deadline of the request that this task serves.
pub(in crate::proxy) fn end() {
    replace(None);
}

fn replace(deadline: Option<Deadline>) {
    // Without a deadline to hold, there is none to set.
    let _ = RESPOND_BY.try_with(|known| known.set(deadline));
}

/// Serves a request to its end, or until its deadline has passed. Returns whether it came to its end.
pub(super) async fn hold(request: impl Future) -> bool {
    let within_deadline = async {
        let mut request = pin!(request);
        let mut timer = None;
        poll_fn(|cx| {
            if request.as_mut().poll(cx).is_ready() {
                return Poll::Ready(true);
            }
            let Some(Deadline { at, needs_timer }) = RESPOND_BY.with(Cell::get) else {
                return Poll::Pending;
            };
            let end = at + GRACE;
            if Instant::now() > end {
                return Poll::Ready(false);
            }
            if needs_timer {
                let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
                if timer.deadline() != end {
                    timer.as_mut().reset(end);
                }
                return timer.as_mut().poll(cx).map(|()| false);
            }
            Poll::Pending
        })
        .await
    };
    RESPOND_BY.scope(Cell::new(None), within_deadline).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn a_request_is_dropped_at_the_first_sign_of_life_after_its_deadline() {
        let second = GRACE;
        // The deadline that is set with every sign of life, and the seconds that the request takes.
        for (deadlines, expected) in [
            (&[None, None, None, None][..], (true, 4)),
            (&[Some(1), None], (true, 2)),
            (&[Some(1), Some(1), Some(1), Some(1)], (false, 3)),
            (&[Some(1), Some(2), Some(3), Some(4)], (true, 4)),
            (&[Some(1), None, None, None], (true, 4)),
        ] {
            let started = Instant::now();
            let request = async {
                for by in deadlines {
                    match by {
                        Some(by) => set(started + second * *by + second / 2, false),
                        None => end(),
                    }
                    sleep(second).await;
                }
            };
            let has_ended = hold(request).await;
            let took = started.elapsed().as_secs();
            assert_eq!((has_ended, took), expected, "{deadlines:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_drops_a_request_whose_upstream_is_silent() {
        let second = Duration::from_secs(1);
        for (needs_timer, expected) in [(true, (false, 3)), (false, (true, 60))] {
            let started = Instant::now();
            let request = async {
                set(started + 9 * second, needs_timer);
                // The rest of the request is sent, and the deadline moves.
                set(started + 2 * second, needs_timer);
                sleep(60 * second).await;
            };
            let has_ended = hold(request).await;
            let took = started.elapsed().as_secs();
            assert_eq!((has_ended, took), expected, "{needs_timer}");
        }
    }
}
