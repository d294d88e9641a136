//! The invariants that are about where things are said, read off the source.

use std::collections::{HashMap, HashSet};
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

fn is_test_file(file: &str) -> bool {
    file.ends_with("tests.rs")
}

/// The rooms, and for each the rooms that it may import. A room that is not listed fails the test.
const IMPORTS: [(&str, &[&str]); 22] = [
    ("cors", &[]),
    ("framing", &["cors"]),
    ("routing", &["cors"]),
    ("metrics", &["cors"]),
    ("tls", &[]),
    ("config", &["cors", "routing", "tls"]),
    ("compat", &["config", "cors", "routing"]),
    ("pages", &[]),
    ("lasting", &[]),
    ("lines", &["metrics"]),
    (
        "access_log",
        &["config", "cors", "lasting", "lines", "metrics"],
    ),
    (
        "traces",
        &[
            "access_log",
            "config",
            "cors",
            "lasting",
            "lines",
            "metrics",
            "probe",
            "routing",
        ],
    ),
    ("buckets", &[]),
    ("once_per_second", &[]),
    ("rejections", &["cors", "once_per_second", "pages"]),
    (
        "proxy",
        &[
            "access_log",
            "buckets",
            "config",
            "cors",
            "framing",
            "metrics",
            "once_per_second",
            "pages",
            "rejections",
            "routing",
            "tls",
            "traces",
        ],
    ),
    ("explain", &["config", "cors", "proxy", "routing", "tls"]),
    ("admin", &["cors", "metrics", "pages", "routing"]),
    ("probe", &["cors", "tls"]),
    (
        "server",
        &[
            "access_log",
            "admin",
            "config",
            "cors",
            "explain",
            "metrics",
            "pages",
            "proxy",
            "traces",
        ],
    ),
    (
        "cli",
        &[
            "compat", "config", "cors", "explain", "lines", "pages", "metrics", "probe", "proxy",
            "server",
        ],
    ),
    ("main", &["cli"]),
];

/// The room of a file: its first folder, or its name where it stands alone.
fn room(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The paths below `crate` that a line of code names.
fn crate_paths(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").map(|(at, found)| {
        let path = &line[at + found.len()..];
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        &path[..path.find(|c| !is_path(c)).unwrap_or(path.len())]
    })
}

#[test]
fn imports_run_downwards_only() {
    for (file, text) in sources() {
        let own = room(&file);
        if own == "lib" || is_test_file(&file) {
            continue;
        }
        let allowed = IMPORTS.iter().find(|(name, _)| *name == own);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{file}: which rooms may it import?"));
        for line in code(&text) {
            // A group of imports would hide its rooms from what follows.
            assert!(
                !line.contains("crate::{"),
                "{file}: one `use crate::…` per room: {line}"
            );
            for path in crate_paths(line) {
                let named = path.split(':').next().unwrap_or(path);
                let is_a_room = IMPORTS.iter().any(|(name, _)| *name == named);
                assert!(
                    named == own || !is_a_room || allowed.contains(&named),
                    "{file}: `{own}` may not import `{named}`: {line}"
                );
            }
        }
    }
}

/// The files that a file imports from: the deepest file that each path of a `use` leads to.
fn imported(file: &str, text: &str, files: &HashSet<String>) -> Vec<String> {
    let folder = |path: &str| {
        path.rsplit_once('/')
            .map_or(String::new(), |(f, _)| f.to_owned())
    };
    // `super` of `a/b.rs` and of `a/b/mod.rs` alike is `a`.
    let own = match file.strip_suffix("/mod.rs") {
        Some(module) => module.to_owned(),
        None => file.trim_end_matches(".rs").to_owned(),
    };
    let parent = folder(&own);
    let mut found = Vec::new();
    for line in code(text) {
        let Some(path) = line.trim_start().strip_prefix("use ") else {
            continue;
        };
        let (mut module, path) = if let Some(path) = path.strip_prefix("crate::") {
            (String::new(), path)
        } else if let Some(path) = path.strip_prefix("super::super::") {
            (folder(&parent), path)
        } else if let Some(path) = path.strip_prefix("super::") {
            (parent.clone(), path)
        } else {
            continue;
        };
        let file_of = |module: &str| {
            [format!("{module}.rs"), format!("{module}/mod.rs")]
                .into_iter()
                .find(|file| files.contains(file.trim_start_matches('/')))
                .map(|file| file.trim_start_matches('/').to_owned())
        };
        for part in path.trim_end_matches(';').split("::") {
            let next = format!("{module}/{part}");
            let next = next.trim_start_matches('/').to_owned();
            match file_of(&next) {
                Some(_) => module = next,
                None => break,
            }
        }
        found.extend(file_of(&module).filter(|other| other != file));
    }
    found
}

/// Files of one room may know each other; files of different rooms, `proxy/edge` and `proxy` among
/// them, may not, however long the way round.
#[test]
fn no_imports_of_files_of_different_rooms_go_round_in_a_circle() {
    let sources = sources();
    let files: HashSet<String> = sources.iter().map(|(file, _)| file.clone()).collect();
    let imports: HashMap<&str, Vec<String>> = sources
        .iter()
        .filter(|(file, _)| !is_test_file(file))
        .map(|(file, text)| (file.as_str(), imported(file, text, &files)))
        .collect();
    assert!(imports.values().map(Vec::len).sum::<usize>() > 200);
    let reaches = |from: &str| {
        let mut seen = HashSet::new();
        let mut next = vec![from.to_owned()];
        while let Some(file) = next.pop() {
            for other in imports.get(file.as_str()).into_iter().flatten() {
                if seen.insert(other.clone()) {
                    next.push(other.clone());
                }
            }
        }
        seen
    };
    let reached: HashMap<&str, HashSet<String>> =
        imports.keys().map(|file| (*file, reaches(file))).collect();
    let folder = |file: &str| {
        file.rsplit_once('/')
            .map_or("", |(folder, _)| folder)
            .to_owned()
    };
    let mut circles: Vec<String> = Vec::new();
    for (file, reached_by_it) in &reached {
        for other in reached_by_it {
            let is_circle = reached
                .get(other.as_str())
                .is_some_and(|r| r.contains(*file));
            // A room's files may use its mod.rs, which lists them and may use them.
            if is_circle && folder(file) != folder(other) {
                circles.push(format!("{file} <-> {other}"));
            }
        }
    }
    circles.sort();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

fn assert_absent(room_name: &str, words: &[&str]) {
    for (file, text) in sources() {
        if room(&file) != room_name || is_test_file(&file) {
            continue;
        }
        for line in code(&text) {
            for word in words {
                assert!(!line.contains(word), "{file} names `{word}`: {line}");
            }
        }
    }
}

fn assert_only_in(word: &str, allowed: &[&str]) {
    for (file, text) in sources() {
        let is_allowed =
            |allowed: &&str| file == **allowed || file.starts_with(&format!("{allowed}/"));
        if !allowed.iter().any(is_allowed) && !is_test_file(&file) {
            let found = code(&text).find(|line| line.contains(word));
            assert_eq!(found, None, "{file} names `{word}`");
        }
    }
}

/// Deciding, routing and framing read no clock, file or socket, wait for nothing and log nothing.
const IMPURE: [&str; 17] = [
    "serde",
    "pingora",
    "tokio",
    "tracing::",
    "log::",
    "prometheus",
    "std::fs",
    "std::net::Tcp",
    "std::env",
    "std::thread",
    "std::time",
    "Instant",
    "SystemTime",
    "Mutex",
    "RwLock",
    "println!",
    "async ",
];

#[test]
fn cors_routing_and_framing_are_pure() {
    assert_absent("cors", &IMPURE);
    assert_absent("framing", &IMPURE);
    assert_absent("routing", &IMPURE);
    // It names durations.
    let impure = IMPURE.into_iter().filter(|word| *word != "std::time");
    assert_absent("compat", &impure.collect::<Vec<_>>());
}

#[test]
fn only_the_proxy_names_pingora() {
    assert_only_in("pingora_core::", &["proxy"]);
    assert_only_in("pingora_proxy::", &["proxy"]);
    assert_only_in("pingora_http::", &["proxy"]);
}

#[test]
fn only_the_record_counts_requests() {
    assert_only_in("metrics.finished(", &["proxy/record.rs"]);
    assert_only_in(".finished(", &["proxy/record.rs"]);
    assert_only_in("log.log(", &["proxy/record.rs"]);
}

#[test]
fn only_one_file_decides_and_one_refuses() {
    assert_only_in("decide(", &["cors", "proxy/routed.rs"]);
    assert_only_in("check(facts", &["proxy/check.rs", "proxy/routed.rs"]);
}

#[test]
fn only_the_mirror_of_the_file_is_deserialized() {
    assert_only_in("Deserialize", &["config/raw.rs", "config/raw"]);
}

#[test]
fn only_one_file_names_the_yaml_crates() {
    assert_only_in(
        "serde_yaml",
        &["config/yaml/mod.rs", "config/yaml/fitting.rs"],
    );
    assert_only_in("saphyr", &["config/yaml/places.rs"]);
}

#[test]
fn only_two_files_name_the_client() {
    assert_only_in("ureq", &["probe/client.rs", "traces/otlp.rs"]);
}

#[test]
fn the_gateways_answers_know_rules_and_no_snapshots() {
    let (_, answer) = sources()
        .into_iter()
        .find(|(file, _)| file == "proxy/answer.rs")
        .expect("it is there");
    for word in ["snapshot", "ctx", "Route"] {
        let found = code(&answer).find(|line| line.contains(word));
        assert_eq!(found, None, "proxy/answer.rs names `{word}`");
    }
}

#[test]
fn only_one_file_edits_the_cors_headers_of_responses() {
    // The messages of browsers name them.
    let shapes = "explain/question/message/shapes.rs";
    assert_only_in("Access-Control-Allow", &["cors/response_fields.rs", shapes]);
    // The demo's backend stands for somebody else's.
    assert_only_in(
        "ACCESS_CONTROL_ALLOW",
        &[
            "cors/header_plan.rs",
            "cors/response_fields.rs",
            "cli/demo.rs",
        ],
    );
    assert_only_in(".edit(", &["proxy/respond.rs"]);
    // A field's value becomes bytes in the gateway's own answers, and nowhere else.
    for call in [".write_to(", ".to_header_value("] {
        assert_only_in(call, &["cors/response_fields.rs", "proxy/answer.rs"]);
    }
}

#[test]
fn only_the_server_starts_things() {
    let server = ["server", "proxy/listen.rs"];
    assert_only_in("runtime::", &server);
    assert_only_in("thread::spawn", &[]);
    // A log is written by a thread, and spans are sent by one.
    let threads = ["server/background.rs", "lines.rs", "traces/queue.rs"];
    assert_only_in("thread::Builder", &threads);
}

/// They panic where stdout or stderr is closed, and wait where it is full.
#[test]
fn nothing_is_printed_with_macros() {
    for word in ["println!", "print!(", "dbg!"] {
        assert_only_in(word, &[]);
    }
}

#[test]
fn files_are_small_enough_to_hold_in_the_head() {
    for (file, text) in sources() {
        let lines = text.lines().count();
        assert!(
            lines <= 600,
            "{file} has {lines} lines: is there a second noun in it?"
        );
    }
}
