//! Seeds as text: one input a line, with everything but plain ASCII escaped, so that they can be read,
//! reviewed and merged.

use std::fs;
use std::io;
use std::path::Path;

/// The inputs in `text`; empty lines and lines that start with `#` are skipped.
pub fn read(text: &str) -> Vec<Vec<u8>> {
    let lines = text.lines();
    let seeds = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    seeds.map(unescaped).collect()
}

/// One input as a line.
pub fn line(input: &[u8]) -> String {
    let escaped = input.escape_ascii().to_string();
    // Quotes need no escape here, and an input that starts with `#` is not a comment.
    let plain = escaped.replace("\\\"", "\"").replace("\\'", "'");
    match plain.strip_prefix('#') {
        Some(rest) => format!("\\x23{rest}"),
        None => plain,
    }
}

/// Every configuration in the repository at `root`, good and bad: seeds that are there already.
pub fn documents(root: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut documents = Vec::new();
    for folder in [
        "conf",
        "conf/examples",
        "tests/bad_conf",
        "tests/bad_conf/warnings",
    ] {
        for entry in fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                documents.push(fs::read(path)?);
            }
        }
    }
    documents.sort();
    Ok(documents)
}

fn unescaped(line: &str) -> Vec<u8> {
    let mut input = Vec::with_capacity(line.len());
    let mut rest = line.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            input.push(*first);
            continue;
        }
        let (byte, len) = match rest {
            [b'n', ..] => (b'\n', 1),
            [b'r', ..] => (b'\r', 1),
            [b't', ..] => (b'\t', 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] => (hex(*high, line) << 4 | hex(*low, line), 3),
            _ => panic!("an escape that nobody writes: {line}"),
        };
        input.push(byte);
        rest = &rest[len..];
    }
    input
}

fn hex(digit: u8, line: &str) -> u8 {
    let value = char::from(digit).to_digit(16);
    value.unwrap_or_else(|| panic!("no hexadecimal digit: {line}")) as u8
}
