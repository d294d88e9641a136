//! The real Envoy, where it is installed. `sh scripts/envoy.sh` fetches it; `CORSGATE_TEST_ENVOY=require` makes it
//! a failure that it is not there.

use crate::support::{Client, Folder, PATIENCE};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::Instant;

/// A running Envoy; it ends with the value.
pub(super) struct Envoy {
    process: Child,
    folder: Folder,
}

/// Returns the program, if it is there.
pub(super) fn program() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/envoy/envoy");
    let is_there = program.exists();
    let required = std::env::var("CORSGATE_TEST_ENVOY").is_ok_and(|v| v == "require");
    assert!(is_there || !required, "it is not {}", program.display());
    if !is_there {
        eprintln!(
            "there is no Envoy: `sh scripts/envoy.sh` fetches it; the recorded answers are not compared with it"
        );
    }
    is_there.then_some(program)
}

// === impl Envoy ===

impl Envoy {
    pub(super) fn start(program: &Path, config: &Value) -> Self {
        let folder = Folder::new();
        let file = folder.write("envoy.json", &config.to_string());
        let log = File::create(folder.path("log")).expect("a file");
        let process = Command::new(program)
            .arg("--config-path")
            .arg(file)
            .arg("--admin-address-path")
            .arg(folder.path("admin"))
            .args([
                "--disable-hot-restart",
                "--concurrency",
                "1",
                "--log-level",
                "warn",
            ])
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("it runs");
        Self { process, folder }
    }

    /// Waits until Envoy listens, and returns the addresses of its listeners by their names.
    pub(super) fn listeners(&mut self) -> BTreeMap<String, SocketAddr> {
        let started = Instant::now();
        loop {
            let ended = self.process.try_wait().expect("it is a child");
            let log = || fs::read_to_string(self.folder.path("log")).unwrap_or_default();
            assert!(ended.is_none(), "Envoy ended: {}", log());
            assert!(
                started.elapsed() < PATIENCE,
                "Envoy is not ready: {}",
                log()
            );
            let admin = fs::read_to_string(self.folder.path("admin")).unwrap_or_default();
            if let Ok(admin) = admin.trim().parse()
                && ask(admin, "/ready").starts_with("LIVE")
            {
                return addresses(&ask(admin, "/listeners?format=json"));
            }
            thread::yield_now();
        }
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ask(admin: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    Client::connect(admin).exchange(&request).body
}

fn addresses(listeners: &str) -> BTreeMap<String, SocketAddr> {
    let listeners: Value = serde_json::from_str(listeners).expect("JSON");
    let listeners = listeners["listener_statuses"].as_array();
    let addresses = listeners.expect("a list").iter().map(|listener| {
        let name = listener["name"].as_str().expect("a name");
        let address = &listener["local_address"]["socket_address"];
        let ip = address["address"].as_str().expect("an address");
        let address = format!("{ip}:{}", address["port_value"]);
        (name.to_owned(), address.parse().expect("an address"))
    });
    addresses.collect()
}
