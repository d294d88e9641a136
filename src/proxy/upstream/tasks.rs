//! Runs many tasks beside traffic, a bounded number of them at once.

use tokio::task::JoinSet;

/// Runs each of `tasks`, at most `max` at once, and passes on what it returns as soon as it is there. Of a task
/// that panics, nothing is passed on. Tasks that run when this is dropped are ended.
pub(super) async fn run<F>(
    mut tasks: impl Iterator<Item = F>,
    max: usize,
    mut done: impl FnMut(F::Output),
) where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < max
            && let Some(task) = tasks.next()
        {
            under_way.spawn(task);
        }
        match under_way.join_next().await {
            Some(Ok(output)) => done(output),
            Some(Err(_)) => {}
            None => return,
        }
    }
}
