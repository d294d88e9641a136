//! Work that may take a while, and that traffic must not notice.

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

/// A thread that gives way to all others, and does one thing after the other. A pool's thread would
/// not do: what has once given way need not get back. One for each piece of work would each leave
/// an allocator's memory behind.
pub(super) struct Background {
    jobs: mpsc::Sender<Job>,
}

type Job = Box<dyn FnOnce() + Send>;

// === impl Background ===

impl Background {
    /// Starts the thread. It ends with the value.
    ///
    /// # Errors
    ///
    /// Where there can be no thread.
    pub(super) fn start() -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let run = move || {
            give_way();
            for job in waiting {
                // Whoever waits for it is told by the channel that is dropped. The next job is
                // another one.
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        };
        thread::Builder::new()
            .name("corsgate-background".to_owned())
            .spawn(run)?;
        Ok(Self { jobs })
    }

    /// Does `work`, when everything before it is done.
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
            // Nobody waits any more where the process is ending.
            let _ = done.send(work());
        };
        let panicked = || io::Error::other("it panicked");
        self.jobs.send(Box::new(job)).map_err(|_| panicked())?;
        result.await.map_err(|_| panicked())
    }
}

/// Takes a core only while nobody else wants it. A high niceness is not enough: Linux lets even such
/// a thread finish its slice of some milliseconds before one that answers a request gets the core.
fn give_way() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let min = ThreadPriority::Min;
    // It works as well with others in its way.
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), min, idle) {
        debug!(?error, "can't give way");
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
