//! Work that may take a while, and that traffic must not notice.

use std::io;
use std::thread;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::oneshot;
use tracing::debug;

/// Runs `work` on a thread of its own, which gives way to all others. A pool's thread would not do:
/// what has once given way need not get back.
///
/// # Errors
///
/// Where there can be no thread, or `work` panics.
pub(super) async fn in_background<T, F>(work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let (done, result) = oneshot::channel();
    let run = move || {
        give_way();
        // Nobody waits any more where the process is ending.
        let _ = done.send(work());
    };
    thread::Builder::new()
        .name("corsgate-background".to_owned())
        .spawn(run)?;
    result.await.map_err(|_| io::Error::other("it panicked"))
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
