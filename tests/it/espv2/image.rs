//! The program as an image runs it: with the arguments and the variables of ESPv2's images, and with files that
//! change meanwhile.

use super::free_port;
use crate::support::{Answer, Client, Folder, Running, Upstream};
use std::process::{Child, Command, Stdio};

const DESCRIPTION: &str = r#"{
  "name": "a.example",
  "apis": [{ "name": "a.A", "methods": [{ "name": "Get" }] }],
  "http": { "rules": [{ "selector": "a.A.Get", "get": "/PATH" }] }
}"#;

/// Returns the words of the entry point of a target in deploy/Dockerfile.
fn entry_point(target: &str) -> Vec<String> {
    let text = include_str!("../../../deploy/Dockerfile");
    let (_, stage) = text
        .split_once(&format!(" AS {target}\n"))
        .expect("a stage");
    let stage = stage.split("\nFROM ").next().expect("its text");
    let mut lines = stage.lines();
    let words = lines.find_map(|line| line.strip_prefix("ENTRYPOINT "));
    serde_json::from_str(words.expect("an entry point")).expect("a list of words")
}

/// Runs the image's entry point.
fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Running {
    let words = entry_point("espv2");
    assert_eq!(words[0], "corsgate");
    let mut command = Command::new(env!("CARGO_BIN_EXE_corsgate"));
    for name in ["PORT", "ESPv2_ARGS", "ESP_ARGS", "CORS_PRESET", "RUST_LOG"] {
        command.env_remove(name);
    }
    let child: Child = command
        .args(&words[1..])
        .args(arguments)
        .envs(variables.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    Running(child)
}

/// The status of a preflight from an origin.
fn preflight(port: u16, origin: &str) -> u16 {
    let request = format!(
        "OPTIONS /a HTTP/1.1\r\nHost: a.example\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: PUT\r\n\r\n"
    );
    Client::connect(([127, 0, 0, 1], port).into())
        .exchange(&request)
        .status
}

#[test]
fn the_image_takes_arguments_and_variables_and_the_arguments_win() {
    let port = free_port().to_string();
    let arguments = "^++^--cors_preset=basic++--cors_allow_origin=https://a.example++--cors_allow_methods=GET,PUT";
    let variables = [("PORT", port.as_str()), ("ESPv2_ARGS", arguments)];
    let mut running = start(
        &[
            "--cors_allow_credentials",
            "--cors_allow_origin=http://b.example",
        ],
        &variables,
    );
    let log = running.log();
    let danger = log.line("UNSAFE");
    assert!(
        danger.contains("--cors_allow_origin with --cors_allow_credentials"),
        "{danger}"
    );
    let port = log.listener().port();
    assert_eq!(preflight(port, "http://b.example"), 200);
    assert_eq!(preflight(port, "https://a.example"), 400);
}

#[test]
fn a_description_that_changes_is_read_again_and_a_broken_one_changes_nothing() {
    let backend = Upstream::start(Answer::new(200, &[]));
    let folder = Folder::new();
    let file = folder.write("service.json", &DESCRIPTION.replace("PATH", "one"));
    let port = free_port();
    let flags = [
        format!("--service_json_path={}", file.display()),
        format!("--backend={}", backend.address),
        format!("--listener_port={port}"),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let mut running = start(&flags, &[]);
    let log = running.log();
    log.line("gateway serves espv2");
    let status = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n");
        Client::connect(([127, 0, 0, 1], port).into())
            .exchange(&request)
            .status
    };
    assert_eq!((status("/one"), status("/two")), (200, 404));
    folder.replace("service.json", &DESCRIPTION.replace("PATH", "two"));
    log.line("configuration reloaded");
    assert_eq!((status("/one"), status("/two")), (404, 200));
    folder.replace("service.json", &DESCRIPTION.replace("PATH", "{three"));
    let line = log.line("configuration rejected");
    assert!(line.contains("service.json:4:"), "{line}");
    assert_eq!(status("/two"), 200);
    running.signal("HUP");
    log.line("configuration rejected");
}
