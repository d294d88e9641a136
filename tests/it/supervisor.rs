//! systemd's notify protocol, with a socket that notes what comes.

use crate::support::{File, Folder, PATIENCE, Running};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

struct Notified {
    process: Running,
    socket: UnixDatagram,
    _file: File,
    _folder: Folder,
}

impl Notified {
    fn start(watchdog: Option<&str>) -> Self {
        let folder = Folder::new();
        let path = folder.path("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let file = File::new(
            "listeners: [{ address: '127.0.0.1:0' }]\nupstreams: { u: { echo: true } }\n\
             routes: [{ name: r, upstream: u, cors: off }]\n",
        );
        let mut command = Command::new(env!("CARGO_BIN_EXE_corsgate"));
        command.args(["serve", "--config", &file.path]);
        command.env("NOTIFY_SOCKET", &path).stderr(Stdio::null());
        if let Some(micros) = watchdog {
            command.env("WATCHDOG_USEC", micros);
        }
        Self {
            process: Running(command.spawn().expect("it runs")),
            socket,
            _file: file,
            _folder: folder,
        }
    }

    fn next(&self) -> String {
        let mut message = [0; 512];
        let length = self.socket.recv(&mut message).expect("a message");
        String::from_utf8_lossy(&message[..length]).into_owned()
    }

    /// Waits until the kernel has stopped the process: the signal does not wait for that.
    fn wait_until_stopped(&self) {
        let started = Instant::now();
        let is_stopped = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.0.id()));
            stat.expect("it is there").contains(") T ")
        };
        while !is_stopped() {
            assert!(started.elapsed() < PATIENCE, "it is not stopped");
        }
    }
}

#[test]
fn the_service_manager_is_told_each_phase() {
    let mut notified = Notified::start(None);
    assert_eq!(notified.next(), "READY=1\n");
    notified.process.signal("HUP");
    let reloading = notified.next();
    let since_boot = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    let since_boot: u64 = since_boot
        .expect(&reloading)
        .trim()
        .parse()
        .expect("a number");
    assert!(since_boot > 0);
    assert_eq!(notified.next(), "READY=1\n");
    notified.process.signal("TERM");
    assert_eq!(notified.next(), "STOPPING=1\n");
    assert!(notified.process.0.wait().expect("it ends").success());
}

#[test]
fn the_watchdog_is_told_again_and_again() {
    let notified = Notified::start(Some("100000"));
    let mut ticks = 0;
    while ticks < 5 {
        match notified.next().as_str() {
            "WATCHDOG=1\n" => ticks += 1,
            other => assert_eq!(other, "READY=1\n"),
        }
    }
    // A process that does not run tells nothing, which is what a watchdog is for.
    notified.process.signal("STOP");
    notified.wait_until_stopped();
    notified.socket.set_nonblocking(true).expect("an option");
    while notified.socket.recv(&mut [0; 64]).is_ok() {}
    notified.socket.set_nonblocking(false).expect("an option");
    let patience = Duration::from_secs(1);
    notified
        .socket
        .set_read_timeout(Some(patience))
        .expect("a time-out");
    assert!(notified.socket.recv(&mut [0; 64]).is_err());
}
