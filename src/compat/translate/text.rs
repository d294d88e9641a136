//! The text of a configuration: lines of YAML, and comments above them.
//!
//! *Invariant:* nothing that comes from a flag or from a description can leave its place: values are
//! quoted, and comments have neither line breaks nor characters that a reader could take for one.

use std::fmt::Write as _;

/// Maximum characters of a line of comment with its indentation; a longer one is continued on the next.
const WIDTH: usize = 100;

/// A configuration as it is written.
#[derive(Debug, Default)]
pub(super) struct Text(String);

// === impl Text ===

impl Text {
    /// Writes a line of YAML.
    pub(super) fn line(&mut self, indent: usize, line: &str) {
        // Writing to a string can't fail.
        let _ = writeln!(self.0, "{:indent$}{line}", "");
    }

    /// Writes a comment, on as many lines as it needs.
    pub(super) fn comment(&mut self, indent: usize, comment: &str) {
        self.wrapped(indent, "", comment);
    }

    /// Writes an element of a list in a comment.
    pub(super) fn item(&mut self, indent: usize, comment: &str) {
        self.wrapped(indent, "  ", comment);
    }

    pub(super) fn blank(&mut self) {
        self.0.push('\n');
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn wrapped(&mut self, indent: usize, hanging: &str, comment: &str) {
        let comment = harmless(comment);
        let mut line = format!("# {hanging}");
        let start = line.len();
        for word in comment.split(' ') {
            if line.len() > start && indent + line.len() + 1 + word.len() > WIDTH {
                self.line(indent, &line);
                line = format!("# {hanging}{hanging}");
            } else if line.len() > start {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(indent, line.trim_end());
    }
}

/// Returns the text with everything escaped that is not visible ASCII or a blank.
fn harmless(text: &str) -> String {
    let is_harmless = |c: char| c.is_ascii_graphic() || c == ' ';
    let mut harmless = String::with_capacity(text.len());
    for c in text.chars() {
        match is_harmless(c) {
            true => harmless.push(c),
            false => harmless.extend(c.escape_default()),
        }
    }
    harmless
}

/// Writes a value so that YAML reads this string and nothing else, and so that no variable is taken out of
/// it.
pub(super) fn scalar(text: &str) -> String {
    match is_plain(text) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// Writes a list of strings in one line.
pub(super) fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(scalar).collect();
    format!("[{}]", texts.join(", "))
}

/// Writes a value in quotes: single ones where they save backslashes.
pub(super) fn quoted(text: &str) -> String {
    let is_visible = |c: char| c.is_ascii_graphic() || c == ' ';
    if text.contains(['"', '\\']) && text.chars().all(|c| is_visible(c) && c != '\'') {
        return format!("'{}'", text.replace("${", "$${"));
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.replace("${", "$${").chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_ascii_graphic() || c == ' ' => quoted.push(c),
            c => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Whether YAML reads the text as this string without quotes, in a list too.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 10] = [
        "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan",
    ];
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_-.:".contains(c);
    starts_well
        && text.chars().all(is_plain)
        && !text.ends_with(':')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_it_was() {
        for text in [
            "",
            "a",
            "/v1/{x=**}:go",
            "null",
            "off",
            "1",
            "0x10",
            "-",
            "*",
            "a: b",
            "a #b",
            "a,b]",
            "'a'",
            "\"a\"",
            r"\d+\.a",
            "a\nb: c",
            "\u{2028}\u{85}\u{0}\u{feff}",
            "b\u{fc}cher \u{1f600}",
            "https://a.example:8443",
            "a:",
            " a ",
            "{\"code\":404}",
            r#"{"a":"it's"}"#,
        ] {
            for document in [
                format!("v: {}\n", scalar(text)),
                format!("v: {}\n", quoted(text)),
            ] {
                let read: serde_json::Value = serde_yaml::from_str(&document).expect("YAML");
                assert_eq!(read["v"], text, "{document}");
            }
            let listed = format!("v: {}\n", list([text, "b"]));
            let read: serde_json::Value = serde_yaml::from_str(&listed).expect("YAML");
            assert_eq!(read["v"], serde_json::json!([text, "b"]), "{listed}");
        }
    }

    #[test]
    fn a_variable_in_a_value_is_text() {
        assert_eq!(scalar("${HOME} $${a}"), r#""$${HOME} $$${a}""#);
    }

    #[test]
    fn a_comment_stays_a_comment() {
        let mut text = Text::default();
        text.comment(2, "a\nlisteners: []\u{2028}b\u{85}");
        text.item(0, &"word ".repeat(40));
        text.comment(0, "--a=\r\nb: c");
        for line in text.finish().lines() {
            assert!(line.trim_start().starts_with('#'), "{line}");
            assert!(line.is_ascii(), "{line}");
        }
    }
}
