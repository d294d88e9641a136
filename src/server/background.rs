//! Threads for work that takes long and must not slow traffic down.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, TrySendError};
use std::thread;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::oneshot;
use tracing::debug;

/// Maximum number of jobs that wait for a thread; beyond it, new ones are refused.
const MAX_WAITING: usize = 8;

/// A thread that gives way to all others, and does one job after the other.
///
/// A thread of a pool would not do: a thread that has lowered its priority may not raise it again. A
/// new thread per job would leave an allocator's memory behind each time.
pub(super) struct Background {
    jobs: mpsc::SyncSender<Job>,
}

type Job = Box<dyn FnOnce() + Send>;

/// A job that waits for its turn, or is being done. If the value is dropped before the job has begun, it
/// does not begin.
pub(super) struct Pending<T> {
    begun: oneshot::Receiver<()>,
    result: oneshot::Receiver<T>,
}

/// Reason for which a job has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum JobError {
    #[error("too many others are waiting")]
    Busy,
    #[error("it panicked")]
    Panicked,
}

// === impl Background ===

impl Background {
    /// Starts the thread. It ends when the value is dropped.
    ///
    /// # Errors
    ///
    /// Where the system has no thread left.
    pub(super) fn start(name: &str) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::sync_channel::<Job>(MAX_WAITING);
        let run = move || {
            give_way();
            for job in waiting {
                // A job that panics drops its channel, which tells the caller. The next job runs.
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        };
        thread::Builder::new()
            .name(format!("corsgate-{name}"))
            .spawn(run)?;
        Ok(Self { jobs })
    }

    /// Runs `work` when all earlier jobs are done, and returns its result.
    ///
    /// # Errors
    ///
    /// Where too many jobs are waiting already, or `work` panics.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, JobError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.submit(work)?.result().await
    }

    /// Has `work` wait until all earlier jobs are done.
    ///
    /// # Errors
    ///
    /// Where too many jobs are waiting already.
    pub(super) fn submit<T, F>(&self, work: F) -> Result<Pending<T>, JobError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (begin, begun) = oneshot::channel();
        let (done, result) = oneshot::channel();
        let job = move || {
            if done.is_closed() {
                return;
            }
            // The caller may have gone by now, or go while the work is done.
            let _ = begin.send(());
            let _ = done.send(work());
        };
        match self.jobs.try_send(Box::new(job)) {
            Ok(()) => Ok(Pending { begun, result }),
            Err(TrySendError::Full(_)) => Err(JobError::Busy),
            // The thread outlives its jobs' panics.
            Err(TrySendError::Disconnected(_)) => Err(JobError::Panicked),
        }
    }
}

// === impl Pending ===

impl<T> Pending<T> {
    /// Waits until the job begins.
    pub(super) async fn begun(&mut self) {
        // An error means that there will be no result, which says so itself.
        let _ = (&mut self.begun).await;
    }

    /// Waits for the result.
    ///
    /// # Errors
    ///
    /// Where the work panics.
    pub(super) async fn result(self) -> Result<T, JobError> {
        self.result.await.map_err(|_| JobError::Panicked)
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
        let background = Background::start("test").expect("a thread");
        let failed = background.run(|| panic!("as it is meant to")).await;
        assert_eq!(failed.map(|()| 0), Err(JobError::Panicked));
        assert_eq!(background.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn a_job_too_many_is_refused_and_one_that_nothing_waits_for_does_not_begin() {
        let background = Background::start("test").expect("a thread");
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let first = background.submit(move || may_go_on.recv().is_ok());
        let mut first = first.expect("there is room");
        first.begun().await;
        let (tell, told) = mpsc::channel();
        let mut waiting = Vec::new();
        for number in 0..MAX_WAITING {
            let tell = tell.clone();
            let job = background.submit(move || tell.send(number).is_ok());
            waiting.push(job.expect("there is room"));
        }
        assert_eq!(background.submit(|| 7).err(), Some(JobError::Busy));
        waiting.swap_remove(3);
        waiting.swap_remove(0);
        go_on.send(()).expect("it waits");
        assert_eq!(first.result().await, Ok(true));
        for job in waiting {
            assert_eq!(job.result().await, Ok(true));
        }
        drop(tell);
        let done: Vec<usize> = told.iter().collect();
        assert_eq!(done.len(), MAX_WAITING - 2);
        assert!(!done.contains(&0) && !done.contains(&3), "{done:?}");
        assert_eq!(background.run(|| 7).await, Ok(7), "there is room again");
    }
}
