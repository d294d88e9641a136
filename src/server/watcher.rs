//! Watching the configuration's files.
//!
//! Editors replace files by renaming, Kubernetes swaps a symbolic link to a folder, deployments
//! replace whole folders: a file is watched by every name on the way to it. What the names' events
//! say is not believed; the files are compared with what was read. Network file systems tell nobody
//! of changes, so that the files are looked at now and again without an event, too.

use super::reload::Reloader;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tracing::warn;

/// A change is over when nothing has happened for so long.
const QUIET: Duration = Duration::from_millis(50);
/// And is looked at after so long in any case.
const MAX_UNREST: Duration = Duration::from_secs(1);
/// How often files are looked at without an event.
const INTERVAL: Duration = Duration::from_secs(10);

/// More links on the way to a file are a loop.
const MAX_LINKS: usize = 40;

/// Reloads when a file has changed, for ever.
pub(super) async fn watch(reloader: Arc<Reloader>) {
    let mut files = reloader.files();
    let mut has_warned = false;
    loop {
        let paths = files.borrow_and_update().clone();
        let changed = Arc::new(Notify::new());
        let notify = Arc::clone(&changed);
        // A folder that was replaced is another folder: everything is watched afresh each time.
        let watcher = spawn_blocking(move || watcher(&paths, notify)).await;
        if let Ok(Err(error)) = &watcher
            && !has_warned
        {
            has_warned = true;
            warn!("changed files are noticed every {INTERVAL:?} only: {error}");
        }
        // What happened while nobody watched is seen here.
        while !reloader.reload_if_changed().await {
            tokio::select! {
                () = changed.notified() => {
                    quiet(&changed).await;
                    break;
                }
                // Another configuration, by another way.
                _ = files.changed() => break,
                () = sleep(INTERVAL) => {}
            }
        }
    }
}

/// Waits until whoever changes the files seems to have finished.
async fn quiet(changed: &Notify) {
    let until_quiet = async { while timeout(QUIET, changed.notified()).await.is_ok() {} };
    let _ = timeout(MAX_UNREST, until_quiet).await;
}

/// Tells `changed` whenever something happens to a name on the way to one of `files`.
fn watcher(files: &[PathBuf], changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let names: BTreeSet<PathBuf> = files.iter().flat_map(|file| names_of(file)).collect();
    let folders: BTreeSet<&Path> = names.iter().filter_map(|name| name.parent()).collect();
    let mut watcher = notify::recommended_watcher({
        let names = names.clone();
        move |event: notify::Result<Event>| {
            let is_ours = event.is_ok_and(|event| {
                // Reading is no change, and happens here with every look.
                let is_access = matches!(event.kind, EventKind::Access(_));
                let is_named = event.paths.iter().any(|path| names.contains(path));
                !is_access && (is_named || event.need_rescan())
            });
            if is_ours {
                changed.notify_one();
            }
        }
    })?;
    let own: Vec<&Path> = files.iter().filter_map(|file| file.parent()).collect();
    for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
        // Folders above may not be readable, and seldom change. One that isn't there has a parent.
        if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive)
            && own.iter().any(|own| is_same(own, folder))
        {
            return Err(error);
        }
    }
    Ok(watcher)
}

fn is_same(relative: &Path, absolute: &Path) -> bool {
    std::path::absolute(relative).is_ok_and(|path| path == absolute)
}

/// Every name on the way to a file: the folders and the links that lead to it, and its own.
fn names_of(file: &Path) -> Vec<PathBuf> {
    let mut names = Vec::new();
    let mut at = PathBuf::new();
    let mut links = 0;
    let mut rest: VecDeque<OsString> = match std::path::absolute(file) {
        Ok(path) => parts(&path).collect(),
        Err(_) => return names,
    };
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            at.pop();
            continue;
        }
        at.push(part);
        names.push(at.clone());
        if let Ok(target) = std::fs::read_link(&at)
            && links < MAX_LINKS
        {
            links += 1;
            at.pop();
            // An absolute target starts with the root, which replaces what is there.
            for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                rest.push_front(part);
            }
        }
    }
    names
}

fn parts(path: &Path) -> impl Iterator<Item = OsString> {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    parts.map(|part| part.as_os_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_is_watched_by_every_name_that_leads_to_it() {
        let root = std::env::temp_dir().join(format!("corsgate-names-{}", std::process::id()));
        let root = std::fs::create_dir_all(&root)
            .and_then(|()| root.canonicalize())
            .expect("a folder");
        // As Kubernetes mounts a ConfigMap.
        std::fs::create_dir_all(root.join("..1")).expect("a folder");
        std::fs::write(root.join("..1/gate.yaml"), "").expect("written");
        symlink("..1", root.join("..data")).expect("a link");
        symlink("..data/gate.yaml", root.join("gate.yaml")).expect("a link");
        let names = names_of(&root.join("gate.yaml"));
        let names: Vec<String> = names
            .iter()
            .filter_map(|name| Some(name.strip_prefix(&root).ok()?.display().to_string()))
            .collect();
        assert_eq!(names, ["", "gate.yaml", "..data", "..1", "..1/gate.yaml"]);
        symlink("loop", root.join("loop")).expect("a link");
        assert!(names_of(&root.join("loop")).len() < 100, "a loop ends");
        std::fs::remove_dir_all(root).expect("removed");
    }
}
