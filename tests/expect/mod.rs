//! Texts that people read, kept as files: a change of wording is a change of data, and reviewed as one.
//!
//! The unit tests and the integration tests share this module. A file of cases has the input of each
//! case, and behind it the output, with `|` before every line:
//!
//! ```text
//! # A comment that says what the case is about.
//! https://app.example.com:443
//! | browsers leave a default port out: `https://app.example.com` is allowed
//! ```
//!
//! With `UPDATE=1` in the environment the tests write the outputs as they are now. To add a case, write
//! its input and a line with `|` alone.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

/// One case of a file.
struct Case<'a> {
    /// The comments and the input, as they are in the file.
    head: &'a str,
    /// The lines with `|`.
    output: &'a str,
}

/// Runs every case of `tests/expect/NAME`, and fails where an output differs from the file's.
pub(crate) fn cases(name: &str, mut run: impl FnMut(&str) -> String) {
    let path = path(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (mut actual, mut differences) = (String::new(), String::new());
    let cases = Case::all(&text);
    assert!(!cases.is_empty(), "{name} has no cases");
    for case in cases {
        let output = quoted(&run(&case.input()));
        if output != case.output {
            differences += &difference(case.head, case.output, &output);
        }
        actual = actual + case.head + &output;
    }
    assert!(
        differences.is_empty() || update(&path, &actual),
        "{name}\n{differences}"
    );
}

/// Compares texts, each below its title, with `tests/expect/NAME`, and fails where they differ.
pub(crate) fn texts(name: &str, texts: &[(impl Display, impl AsRef<str>)]) {
    let texts = texts.iter();
    let texts = texts.map(|(title, text)| format!("{title}\n{}", quoted(text.as_ref())));
    let actual = texts.collect::<Vec<_>>().join("\n");
    compare(&path(name), &actual).unwrap_or_else(|difference| panic!("{difference}"));
}

/// Compares the whole text of a file with `actual`.
///
/// # Errors
///
/// Where they differ: both texts.
pub(crate) fn compare(path: &Path, actual: &str) -> Result<(), String> {
    let expected = fs::read_to_string(path).unwrap_or_default();
    if actual == expected || update(path, actual) {
        return Ok(());
    }
    let name = format!("{}\n", path.display());
    Err(difference(&name, &expected, actual))
}

/// Returns the path of a file in this folder.
pub(crate) fn path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expect");
    folder.join(name)
}

/// Puts `|` before every line of a text, and takes spaces from the ends of lines: editors do, too.
fn quoted(text: &str) -> String {
    let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    lines
        .map(|line| format!("| {line}").trim_end().to_owned() + "\n")
        .collect()
}

/// Writes the text if that is asked for, and returns whether it was.
fn update(path: &Path, text: &str) -> bool {
    let is_asked_for = std::env::var_os("UPDATE").is_some();
    if is_asked_for {
        fs::write(path, text).expect("the file can be written");
    }
    is_asked_for
}

fn difference(head: &str, expected: &str, actual: &str) -> String {
    format!("{head}--- expected\n{expected}--- actual\n{actual}\n")
}

// === impl Case ===

impl<'a> Case<'a> {
    fn all(text: &'a str) -> Vec<Self> {
        let mut cases = Vec::new();
        let mut rest = text;
        while !rest.trim().is_empty() {
            let (head, behind) = rest.split_at(len_of_lines(rest, |line| !line.starts_with('|')));
            let (output, behind) =
                behind.split_at(len_of_lines(behind, |line| line.starts_with('|')));
            cases.push(Self { head, output });
            rest = behind;
        }
        cases
    }

    fn input(&self) -> String {
        let is_comment = |line: &&str| line.is_empty() || line.starts_with('#');
        let lines: Vec<&str> = self.head.lines().skip_while(is_comment).collect();
        lines.join("\n")
    }
}

/// Returns how many bytes the first lines have that `belong`.
fn len_of_lines(text: &str, belong: impl Fn(&str) -> bool) -> usize {
    let lines = text
        .split_inclusive('\n')
        .take_while(|line| belong(line.trim_end()));
    lines.map(str::len).sum()
}
