//! Watching the configuration's files.
//!
//! Editors replace files by renaming, Kubernetes swaps a symbolic link to a folder, deployments
//! replace whole folders: a file is watched by every name on the way to it. What the names' events
//! say is not believed; the files are compared with what was read. Network file systems tell nobody
//! of changes, so that the files are looked at now and again without an event, too.

use super::reload::Reloader;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::Mutex;
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

/// What tells of changes, one for the whole time: each would come with a thread of its own.
struct Watch {
    watcher: RecommendedWatcher,
    /// Every name on the way to a file.
    names: Arc<Mutex<BTreeSet<PathBuf>>>,
    folders: BTreeSet<PathBuf>,
}

/// Reloads when a file has changed, for ever.
pub(super) async fn watch(reloader: Arc<Reloader>) {
    let mut files = reloader.files();
    let changed = Arc::new(Notify::new());
    let mut watch = Watch::new(&changed);
    let mut has_warned = false;
    loop {
        let paths = files.borrow_and_update().clone();
        // A folder that was replaced is another folder: everything is watched afresh each time.
        let followed = spawn_blocking(move || {
            let followed = match &mut watch {
                Ok(watch) => watch.follow(&paths).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            (watch, followed)
        });
        // It does not panic, and without it there is nothing left to do here.
        let Ok((back, followed)) = followed.await else {
            return;
        };
        watch = back;
        if let Err(error) = followed
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

// === impl Watch ===

impl Watch {
    /// Tells `changed` whenever something happens to a name that is followed.
    fn new(changed: &Arc<Notify>) -> notify::Result<Self> {
        let names = Arc::new(Mutex::new(BTreeSet::new()));
        let watcher = notify::recommended_watcher({
            let (names, changed) = (Arc::clone(&names), Arc::clone(changed));
            move |event: notify::Result<Event>| {
                let is_ours = event.is_ok_and(|event| {
                    // Reading is no change, and happens here with every look.
                    let is_access = matches!(event.kind, EventKind::Access(_));
                    let names = names.lock();
                    let is_named = event.paths.iter().any(|path| names.contains(path));
                    !is_access && (is_named || event.need_rescan())
                });
                if is_ours {
                    changed.notify_one();
                }
            }
        })?;
        Ok(Self {
            watcher,
            names,
            folders: BTreeSet::new(),
        })
    }

    /// Watches the folders of all names on the way to `files`, and no others.
    fn follow(&mut self, files: &[PathBuf]) -> notify::Result<()> {
        let names: BTreeSet<PathBuf> = files.iter().flat_map(|file| names_of(file)).collect();
        for folder in std::mem::take(&mut self.folders) {
            // One that is gone is not watched any more.
            let _ = self.watcher.unwatch(&folder);
        }
        let folders = names.iter().filter_map(|name| name.parent());
        let folders: BTreeSet<PathBuf> = folders
            .filter(|folder| folder.is_dir())
            .map(Path::to_owned)
            .collect();
        *self.names.lock() = names;
        let own: Vec<&Path> = files.iter().filter_map(|file| file.parent()).collect();
        for folder in folders {
            // Folders above may not be readable, and seldom change. One that isn't there has a parent.
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.folders.insert(folder)),
                Err(error) if own.iter().any(|own| is_same(own, &folder)) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    }
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
