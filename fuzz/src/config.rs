//! `Config::parse` on any text, and on documents that look like configurations: behind a byte that no
//! text starts with, the bytes choose from a grammar.

use super::bytes::Bytes;
use super::grammar;
use super::naive::regex::is_costly;
use corsgate::config::{Config, Diagnostic};
use corsgate::cors::{CorsRequest, SingleValue, decide};
use serde_yaml::Value;
use std::path::Path;

/// The byte before a choice. UTF-8 never contains it.
pub const GRAMMAR: u8 = 0xff;

/// Maximum length of a document: a longer one shows nothing that a shorter one can't.
const MAX_LEN: usize = 16 << 10;

/// A directory that does not exist, so that no document can have a file read.
const FILE: &str = "/nonexistent/corsgate-fuzz/gate.yaml";

pub fn run(data: &[u8]) {
    let text = match data {
        [GRAMMAR, choices @ ..] => grammar::document(&mut Bytes::new(choices)),
        _ => match std::str::from_utf8(data) {
            Ok(text) => text.to_owned(),
            Err(_) => return,
        },
    };
    if text.len() > MAX_LEN || is_out_of_scope(&text) {
        return;
    }
    let path = Path::new(FILE);
    let first = Config::parse(&text, path);
    let diagnostics = match &first {
        Ok(config) => {
            assert!(config.warnings.iter().all(|warning| !warning.is_error()));
            check_decisions(config);
            &config.warnings
        }
        Err(error) => {
            assert!(error.diagnostics.iter().any(Diagnostic::is_error));
            &error.diagnostics
        }
    };
    for diagnostic in diagnostics {
        check_diagnostic(diagnostic, &text, path);
    }
    // What depends on the order of a hash map shows in the order of messages.
    if diagnostics.len() < 2 {
        return;
    }
    let second = match Config::parse(&text, path) {
        Ok(config) => config.warnings,
        Err(error) => error.diagnostics,
    };
    assert_eq!(&second, diagnostics, "the same text twice, of {text:?}");
}

/// One or two lines that a terminal can show, and a place where the text has one.
fn check_diagnostic(diagnostic: &Diagnostic, text: &str, path: &Path) {
    let shown = diagnostic.to_string();
    let mut lines = shown.split('\n');
    let first = lines.next().unwrap_or_default();
    let severity = diagnostic.severity.as_str();
    let name = diagnostic.name.map(|name| format!("[{}]", name.as_str()));
    let start = format!("{severity}{}: {FILE}", name.unwrap_or_default());
    assert!(first.starts_with(&start), "{shown:?}");
    if let Some(hint) = lines.next() {
        assert!(hint.starts_with("  hint: ") && hint.len() > 8, "{shown:?}");
    }
    assert_eq!(lines.next(), None, "a third line: {shown:?} of {text:?}");
    assert!(
        !shown.replace('\n', "").contains(char::is_control),
        "{shown:?} of {text:?}"
    );
    assert!(!diagnostic.message.is_empty(), "{shown:?}");
    assert_eq!(diagnostic.file, path);
    if let Some(place) = diagnostic.place {
        let is_inside = is_place(text, place.line, place.column);
        assert!(is_inside, "no such place: {shown:?} of {text:?}");
    }
}

/// Whether the text has the place, or ends there, by one of the ways in which lines end: an editor's,
/// YAML 1.2's and YAML 1.1's.
fn is_place(text: &str, line: usize, column: usize) -> bool {
    let text = text.replace("\r\n", "\n");
    let breaks = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
    [&breaks[..1], &breaks[..2], &breaks].iter().any(|breaks| {
        let mut lines = text.split(*breaks);
        let found = line.checked_sub(1).and_then(|index| lines.nth(index));
        found.is_some_and(|line| (1..=line.chars().count() + 1).contains(&column))
    })
}

/// Asserts that a configuration that loads can be decided on, and grants nothing that no policy may.
fn check_decisions(config: &Config) {
    let origins = [
        SingleValue::Absent,
        SingleValue::Many,
        SingleValue::One(b"null"),
        SingleValue::One(b"https://evil.test"),
        SingleValue::One(b"https://app.example.com"),
        SingleValue::One(b"https://app.example.com/"),
    ];
    for route in &config.routes {
        assert!(route.upstream < config.upstreams.len());
        for origin in origins {
            for (method, request_method) in [
                (b"GET".as_slice(), SingleValue::Absent),
                (b"OPTIONS", SingleValue::Absent),
                (b"OPTIONS", SingleValue::One(b"PUT")),
            ] {
                let request = CorsRequest {
                    method,
                    origin,
                    request_method,
                    ..CorsRequest::default()
                };
                super::decision::check_invariants(&route.rule, &request);
                let _ = decide(&route.rule, &request).outcome();
            }
        }
    }
}

/// Whether a `file:` of the document could name anything but a file beside it, or a `regex:` takes
/// long to refuse.
fn is_out_of_scope(text: &str) -> bool {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Ok(mut document) = serde_yaml::from_str::<Value>(text) else {
        return false;
    };
    document.apply_merge().is_ok() && has_out_of_scope(&document, None)
}

/// `key`: what the value stands behind, where that is a plain key.
fn has_out_of_scope(value: &Value, key: Option<&str>) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    match value {
        Value::String(text) => match key {
            Some("file") => !text.chars().all(is_plain) || text.contains(".."),
            Some("regex") => is_costly(text),
            _ => false,
        },
        Value::Sequence(elements) => elements.iter().any(|value| has_out_of_scope(value, key)),
        Value::Mapping(map) => map.iter().any(|(key, value)| {
            // Anything but a plain key counts as one.
            has_out_of_scope(value, Some(key.as_str().unwrap_or("file")))
        }),
        Value::Tagged(tagged) => has_out_of_scope(&tagged.value, key),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
