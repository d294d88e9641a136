//! The invariants that are about where things are said, read off the source.

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below `src/`, with its path from there.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("readable") {
            let path = entry.expect("readable").path();
            match path.is_dir() {
                true => walk(&path, found),
                false if path.extension().is_some_and(|e| e == "rs") => found.push(path),
                false => {}
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    assert!(files.len() > 30, "the source was found");
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("readable");
            let name = path
                .strip_prefix(&root)
                .expect("below it")
                .display()
                .to_string();
            (name, text)
        })
        .collect()
}

/// The lines of code; comments and tests may name what they like.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
}

fn assert_absent(layer: &str, words: &[&str]) {
    for (file, text) in sources() {
        let in_layer = file.starts_with(&format!("{layer}/")) || file == format!("{layer}.rs");
        if !in_layer || file.ends_with("tests.rs") {
            continue;
        }
        for line in code(&text) {
            // A group of imports would hide its layers from what follows.
            assert!(
                !line.contains("crate::{"),
                "{file}: one `use crate::…` a layer: {line}"
            );
            for word in words {
                assert!(!line.contains(word), "{file} names `{word}`: {line}");
            }
        }
    }
}

fn assert_only_in(word: &str, allowed: &[&str]) {
    for (file, text) in sources() {
        if !allowed.contains(&file.as_str()) && !file.ends_with("tests.rs") {
            let found = code(&text).find(|line| line.contains(word));
            assert_eq!(found, None, "{file} names `{word}`");
        }
    }
}

#[test]
fn imports_run_downwards_only() {
    let above_cors = [
        "config", "metrics", "proxy", "admin", "server", "probe", "cli",
    ];
    let above_config = ["proxy", "admin", "server", "probe", "cli"];
    let above_proxy = ["admin", "server", "probe", "cli"];
    let above_probe = ["config", "metrics", "proxy", "admin", "server", "cli"];
    let names = |modules: &[&str]| {
        modules
            .iter()
            .map(|m| format!("crate::{m}"))
            .collect::<Vec<_>>()
    };
    for (layer, above) in [
        ("cors", &above_cors[..]),
        ("metrics", &above_config[..]),
        ("config", &above_config[..]),
        ("proxy", &above_proxy[..]),
        ("admin", &["proxy", "config", "server", "probe", "cli"][..]),
        ("server", &["probe", "cli"][..]),
        ("probe", &above_probe[..]),
    ] {
        let names = names(above);
        assert_absent(layer, &names.iter().map(String::as_str).collect::<Vec<_>>());
    }
    assert_absent("metrics", &["crate::config"]);
}

#[test]
fn cors_is_pure() {
    assert_absent(
        "cors",
        &[
            "serde",
            "pingora",
            "tokio",
            "tracing",
            "log::",
            "prometheus",
            "std::fs",
            "std::net::Tcp",
            "std::env",
            "std::time",
            "Instant",
            "SystemTime",
            "Mutex",
            "RwLock",
            "println!",
            "async ",
        ],
    );
}

#[test]
fn only_the_mirror_of_the_file_is_deserialized() {
    assert_only_in("Deserialize", &["config/raw.rs"]);
}

#[test]
fn only_one_file_names_the_yaml_crates() {
    assert_only_in("serde_yaml", &["config/yaml/mod.rs"]);
    assert_only_in("saphyr", &["config/yaml/places.rs"]);
}

#[test]
fn only_one_file_names_the_client() {
    assert_only_in("ureq", &["probe/client.rs"]);
}

#[test]
fn only_one_file_edits_the_cors_headers_of_responses() {
    assert_only_in("Access-Control-Allow", &["cors/response_fields.rs"]);
    // The demo's backend stands for somebody else's.
    assert_only_in(
        "ACCESS_CONTROL_ALLOW",
        &["cors/actual.rs", "cors/response_fields.rs", "cli/demo.rs"],
    );
    assert_only_in("plan.apply(", &["proxy/respond.rs"]);
    assert_only_in(
        "for_each_field(",
        &["cors/preflight.rs", "cors/actual.rs", "proxy/answer.rs"],
    );
}

#[test]
fn only_the_server_starts_things() {
    let server = ["server/mod.rs", "server/listen.rs", "server/echo.rs"];
    assert_only_in("runtime::", &server);
    assert_only_in("thread::spawn", &[]);
    assert_only_in("thread::Builder", &["server/background.rs"]);
}

#[test]
fn files_are_small_enough_to_hold_in_the_head() {
    for (file, text) in sources() {
        let lines = text.lines().count();
        assert!(
            lines <= 800,
            "{file} has {lines} lines: is there a second noun in it?"
        );
    }
}
