//! Bad configurations and their whole messages; example configurations, which load.
//!
//! `UPDATE=1 cargo test` writes the messages as they are now: read the difference before it is
//! committed.

use corsgate::config::Config;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    paths.sort();
    paths
}

/// What loading says, with files named as from their own folder.
fn messages(path: &Path) -> (bool, String) {
    let folder = format!("{}/", path.parent().expect("a folder").display());
    let (is_usable, diagnostics) = match Config::load(path) {
        Ok(config) => (true, config.warnings),
        Err(error) => (false, error.diagnostics),
    };
    let lines: Vec<String> = diagnostics.iter().map(|d| format!("{d}\n")).collect();
    (is_usable, lines.concat().replace(&folder, ""))
}

fn check_messages(folder: &str, is_usable: bool) {
    let mut failures = Vec::new();
    for path in files(folder) {
        let (usable, actual) = messages(&path);
        assert_eq!(usable, is_usable, "{}:\n{actual}", path.display());
        let expected = path.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &actual).expect("written");
        }
        let expected = fs::read_to_string(expected).unwrap_or_default();
        if actual != expected {
            failures.push(format!(
                "{}\n--- expected\n{expected}--- actual\n{actual}",
                path.display()
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_bad_configuration_is_refused_with_its_whole_message() {
    check_messages("tests/bad_conf", false);
}

#[test]
fn every_doubtful_configuration_is_warned_of() {
    check_messages("tests/bad_conf/warnings", true);
}

#[test]
fn every_example_and_the_reference_load_without_a_word() {
    let mut loaded = 0;
    for path in files("conf").into_iter().chain(files("conf/examples")) {
        let (usable, messages) = messages(&path);
        assert!(
            usable && messages.is_empty(),
            "{}:\n{messages}",
            path.display()
        );
        loaded += 1;
    }
    assert!(loaded >= 5, "only {loaded} files");
}

#[test]
fn an_origins_file_that_can_not_be_read_is_named_with_its_place() {
    let text = "listeners: [{ address: '127.0.0.1:0' }]\nupstreams: { u: { echo: true } }\n\
                routes:\n- upstream: u\n  cors:\n    allow_origins:\n    - file: no-such.txt\n";
    let error = Config::parse(text, Path::new("conf/x.yaml")).expect_err("it is not there");
    let message = error.to_string();
    assert!(message.starts_with("error: conf/x.yaml:7:7: routes[0].cors.allow_origins[0].file: can't read `conf/no-such.txt`"), "{message}");
}

#[test]
fn the_reference_names_every_key() {
    let reference = fs::read_to_string(root().join("conf/corsgate.yaml")).expect("readable");
    let raw = fs::read_to_string(root().join("src/config/raw.rs")).expect("readable");
    let fields = raw
        .lines()
        .filter_map(|line| line.strip_prefix("    pub ")?.split(':').next());
    for field in fields {
        let key = if field == "matches" { "match" } else { field };
        assert!(
            reference.contains(&format!("{key}:")),
            "conf/corsgate.yaml does not show `{key}`"
        );
    }
}
