//! Watching the configuration's files.
//!
//! Editors replace files by renaming, Kubernetes swaps a symbolic link to a folder, deployments
//! replace whole folders. Therefore a file is watched by every name on the way to it. An event only
//! says when to look: the files are then compared with what was read. Network file systems send no
//! events, so the files are compared at intervals, too.

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

/// Time without an event after which a change counts as complete; before it, a file may be half
/// written.
const QUIET: Duration = Duration::from_millis(50);
/// Maximum time to wait for that; after it, the files are compared even if events keep coming.
const MAX_UNREST: Duration = Duration::from_secs(1);
/// Time between two comparisons without an event: the delay where the file system sends none.
const INTERVAL: Duration = Duration::from_secs(10);

/// Maximum number of symbolic links on the way to a file; more are taken for a loop and not followed.
const MAX_LINKS: usize = 40;

/// The source of events. It is kept while the files change, because each `RecommendedWatcher` starts a
/// thread.
struct Watch {
    watcher: RecommendedWatcher,
    /// Every name on the way to a file.
    names: Arc<Mutex<BTreeSet<PathBuf>>>,
    folders: BTreeSet<PathBuf>,
}

/// Reloads whenever a file has changed, until the runtime ends.
pub(super) async fn watch(reloader: Arc<Reloader>) {
    let mut files = reloader.files();
    let changed = Arc::new(Notify::new());
    let mut watch = Watch::new(&changed);
    let mut has_warned = false;
    loop {
        let paths = files.borrow_and_update().clone();
        // A folder that was replaced is another folder, so that all are watched anew each time.
        let followed = spawn_blocking(move || {
            let followed = match &mut watch {
                Ok(watch) => watch.follow(&paths).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            (watch, followed)
        });
        // Only a panic of `follow` or the end of the runtime leads here.
        let Ok((back, followed)) = followed.await else {
            return;
        };
        watch = back;
        if let Err(error) = followed
            && !has_warned
        {
            has_warned = true;
            warn!(
                "file notifications are unavailable ({error}); \
                 looking for changes every {INTERVAL:?} instead"
            );
        }
        // Compares at once, because a change may have come before the folders were watched.
        while !reloader.reload_if_changed().await {
            tokio::select! {
                () = changed.notified() => {
                    quiet(&changed).await;
                    break;
                }
                // SIGHUP or the admin listener has reloaded: there may be other files to watch.
                _ = files.changed() => break,
                () = sleep(INTERVAL) => {}
            }
        }
    }
}

/// Waits until the change that is under way seems complete.
async fn quiet(changed: &Notify) {
    let until_quiet = async { while timeout(QUIET, changed.notified()).await.is_ok() {} };
    let _ = timeout(MAX_UNREST, until_quiet).await;
}

// === impl Watch ===

impl Watch {
    /// Makes a watcher that notifies `changed` of every event for a name that is followed.
    fn new(changed: &Arc<Notify>) -> notify::Result<Self> {
        let names = Arc::new(Mutex::new(BTreeSet::new()));
        let watcher = notify::recommended_watcher({
            let (names, changed) = (Arc::clone(&names), Arc::clone(changed));
            move |event: notify::Result<Event>| {
                let is_ours = event.is_ok_and(|event| {
                    // Reading changes nothing, and every comparison reads.
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

    /// Watches the folders of all names on the way to `files`, and no other folder.
    fn follow(&mut self, files: &[PathBuf]) -> notify::Result<()> {
        let names: BTreeSet<PathBuf> = files.iter().flat_map(|file| names_of(file)).collect();
        for folder in std::mem::take(&mut self.folders) {
            // Fails for a folder that was removed, which is not watched any more.
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
            // Only a file's own folder must be watched: those above may be unreadable, and seldom
            // change. A missing folder is not among them; its parent's events tell when it comes.
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

/// Returns every name on the way to a file: of the folders, of the links, and its own.
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
