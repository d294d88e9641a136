//! Two processes in one: the sockets go from hand to hand, or stay where they are.

use super::*;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A folder that goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("corsgate-run-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn of_port_0(kind: Kind) -> Use {
    Use {
        kind,
        address: ([127, 0, 0, 1], 0).into(),
    }
}

fn sockets(kinds: &[Kind]) -> (Sockets, Vec<SocketAddr>) {
    let (mut sockets, mut addresses) = (Sockets::default(), Vec::new());
    for &kind in kinds {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        addresses.push(socket.local_addr().expect("bound"));
        sockets.keep(of_port_0(kind), &socket).expect("a handle");
    }
    (sockets, addresses)
}

#[test]
fn sockets_are_handed_over_in_their_order_and_serve_on() {
    let folder = Folder::new();
    let heir = Heir::wait_in(&folder.0).expect("it waits");
    let mode = fs::metadata(&folder.0).expect("it was made").permissions();
    assert_eq!(mode.mode() & 0o777, MODE);
    // Another one that would wait sees it, and disturbs nothing.
    assert!(matches!(
        Heir::wait_in(&folder.0),
        Err(HandoverError::Waiting(_))
    ));
    let (old, addresses) = sockets(&[Kind::Listener, Kind::Admin, Kind::Listener]);
    // Waits in the queue of a socket until the new process takes it.
    let early = TcpStream::connect(addresses[2]).expect("connects");
    let path = folder.0.clone();
    let giving = thread::spawn(move || old.hand_over(&path));
    let (mut new, testator) = heir.receive().expect("they come");
    let mut take = |kind| new.take(of_port_0(kind));
    let taken = [Kind::Listener, Kind::Listener, Kind::Admin].map(&mut take);
    let taken = taken.map(|socket| socket.expect("it is there"));
    assert!(take(Kind::Listener).is_none() && take(Kind::Metrics).is_none());
    let bound: Vec<SocketAddr> = taken
        .iter()
        .map(|s| s.local_addr().expect("bound"))
        .collect();
    assert_eq!(bound, [addresses[0], addresses[2], addresses[1]]);
    assert!(!giving.is_finished(), "it waits until they are served");
    testator.release().expect("it is told");
    assert!(giving.join().expect("no panic").is_ok());
    let (_, client) = taken[1].accept().expect("a client");
    assert_eq!(client, early.local_addr().expect("connected"));
    assert!(!folder.0.join("upgrade.sock").exists());
}

#[test]
fn nothing_is_handed_over_where_no_process_waits_or_it_ends() {
    let folder = Folder::new();
    let (old, _) = sockets(&[Kind::Listener]);
    let not_waiting = old.hand_over(&folder.0);
    assert!(matches!(not_waiting, Err(HandoverError::NotWaiting(_))));
    // A process that ended without a word leaves its socket behind.
    drop(UnixListener::bind(folder.0.join("upgrade.sock")).expect("binds"));
    let not_waiting = old.hand_over(&folder.0);
    assert!(matches!(not_waiting, Err(HandoverError::NotWaiting(_))));
    let heir = Heir::wait_in(&folder.0).expect("it takes its place");
    let path = folder.0.clone();
    let giving = thread::spawn(move || old.hand_over(&path));
    let (_, testator) = heir.receive().expect("they come");
    drop(testator);
    let broken = giving.join().expect("no panic");
    assert!(
        matches!(broken, Err(HandoverError::Broken(_))),
        "{broken:?}"
    );
}

#[test]
fn a_list_that_does_not_fit_is_refused() {
    for list in [
        "\n",
        "nonsense\n",
        "listener=127.0.0.1\n",
        "listener=127.0.0.1:1\n",
    ] {
        let folder = Folder::new();
        let heir = Heir::wait_in(&folder.0).expect("it waits");
        let mut stream = UnixStream::connect(heir.path()).expect("connects");
        stream.write_all(list.as_bytes()).expect("writes");
        let received = heir.receive();
        let is_empty = received
            .as_ref()
            .is_ok_and(|(sockets, _)| sockets.0.is_empty());
        assert!(is_empty == (list == "\n"), "{list}: {received:?}");
    }
}

#[test]
fn a_folder_that_others_may_enter_is_refused() {
    let folder = Folder::new();
    fs::create_dir(&folder.0).expect("a folder");
    let what = |mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(&folder.0, mode).expect("it is ours");
        match secure(&folder.0) {
            Err(HandoverError::UnsafeFolder { what, .. }) => Some(what),
            _ => None,
        }
    };
    assert_eq!(what(0o755), Some("may be entered by other users"));
    assert_eq!(what(0o710), Some("may be entered by other users"));
    assert_eq!(what(0o700), None);
    let link = Folder::new();
    std::os::unix::fs::symlink(&folder.0, &link.0).expect("a link");
    let linked = secure(&link.0);
    fs::remove_file(&link.0).expect("it is ours");
    assert!(matches!(
        linked,
        Err(HandoverError::UnsafeFolder {
            what: "is not a folder",
            ..
        })
    ));
    let missing = secure(&folder.0.join("a/b"));
    assert!(matches!(missing, Err(HandoverError::Io { .. })));
}
