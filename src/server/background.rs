//! A thread for work that takes long and must not slow traffic down.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::oneshot;
use tracing::debug;

/// A thread that gives way to all others, and does one job after the other.
///
/// A thread of a pool would not do: a thread that has lowered its priority may not raise it again. A
/// new thread per job would leave an allocator's memory behind each time.
pub(super) struct Background {
    jobs: mpsc::Sender<Job>,
}

type Job = Box<dyn FnOnce() + Send>;

// === impl Background ===

impl Background {
    /// Starts the thread. It ends when the value is dropped.
    ///
    /// # Errors
    ///
    /// Where the system has no thread left.
    pub(super) fn start() -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let run = move || {
            give_way();
            for job in waiting {
                // A job that panics drops its channel, which tells the caller. The next job runs.
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        };
        thread::Builder::new()
            .name("corsgate-background".to_owned())
            .spawn(run)?;
        Ok(Self { jobs })
    }

    /// Runs `work` when all earlier jobs are done, and returns its result.
    ///
    /// # Errors
    ///
    /// Where `work` panics.
    pub(super) async fn run<T, F>(&self, work: F) -> io::Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (done, result) = oneshot::channel();
        let job = move || {
            // The caller is gone if the process is ending.
            let _ = done.send(work());
        };
        let panicked = || io::Error::other("it panicked");
        self.jobs.send(Box::new(job)).map_err(|_| panicked())?;
        result.await.map_err(|_| panicked())
    }
}

/// Lets this thread run only while no other thread wants the core. A high niceness is not enough: Linux
/// lets even such a thread finish its slice of some milliseconds before one that answers a request gets
/// the core.
fn give_way() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let min = ThreadPriority::Min;
    // Jobs run without it too; traffic may notice them.
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), min, idle) {
        debug!(?error, "background thread keeps its normal priority");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_fails_and_the_next_is_done() {
        let background = Background::start().expect("a thread");
        let failed: io::Result<()> = background.run(|| panic!("as it is meant to")).await;
        failed.expect_err("it panicked");
        assert_eq!(background.run(|| 7).await.expect("done"), 7);
    }
}
