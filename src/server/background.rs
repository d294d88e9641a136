//! Work that may take a while, and that traffic must not notice.

use std::io;
use std::thread;
use tokio::sync::oneshot;
use tracing::debug;

/// The least urgent there is: a thread that answers requests gets the core at once.
const NICENESS: i32 = 19;

/// Runs `work` on a thread of its own, which gives way to all others. A pool's thread would not do:
/// what has once given way can't be urgent again.
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
        // Of this thread alone, on Linux. It works as well with others in its way.
        if let Err(error) = rustix::process::nice(NICENESS) {
            debug!(%error, "can't give way");
        }
        // Nobody waits any more where the process is ending.
        let _ = done.send(work());
    };
    thread::Builder::new()
        .name("corsgate-background".to_owned())
        .spawn(run)?;
    result.await.map_err(|_| io::Error::other("it panicked"))
}
