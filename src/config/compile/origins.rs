//! `allow_origins`: what is written in the file, and the patterns in the files it names.

use super::Compiler;
use crate::config::error::{Diagnostic, Place};
use crate::config::raw::{OneOrMany, RawOrigin, RawOriginEntry};
use crate::config::sources;
use crate::cors::{OriginPattern, RegexError, RegexPattern};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Patterns with the place of each.
#[derive(Debug, Default)]
pub(in crate::config) struct Origins {
    pub patterns: Vec<OriginPattern>,
    pub sources: Vec<Source>,
}

/// Where a pattern is written.
#[derive(Debug, Clone)]
pub(in crate::config) enum Source {
    /// In the configuration, at this path.
    Config(String),
    /// In the configuration, as the `regex` of the element at this path.
    Regex(String),
    /// In a file of origins.
    File { file: Arc<PathBuf>, place: Place },
}

/// Reads `raw`. What is wrong is reported and left out.
pub(in crate::config) fn read(
    compiler: &mut Compiler<'_>,
    path: &str,
    raw: OneOrMany<RawOrigin>,
) -> Origins {
    let mut origins = Origins::default();
    match raw {
        OneOrMany::One(one) => read_one(compiler, path.to_owned(), one, &mut origins),
        OneOrMany::Many(many) => {
            for (index, element) in many.into_iter().enumerate() {
                let path = format!("{path}[{index}]");
                match element {
                    Some(element) => read_one(compiler, path, element, &mut origins),
                    None if compiler.was_refused(&path) => {}
                    None => {
                        let hint = "write \"null\" with its quotes for opaque origins";
                        compiler.error(&path, "this element is empty", Some(hint.to_owned()));
                    }
                }
            }
        }
    }
    origins
}

fn read_one(compiler: &mut Compiler<'_>, path: String, raw: RawOrigin, origins: &mut Origins) {
    match raw {
        RawOrigin::Text(text) => match OriginPattern::parse(&text) {
            Ok(pattern) => origins.push(pattern, Source::Config(path)),
            Err(error) => compiler.error(&path, error.to_string(), error.hint),
        },
        RawOrigin::Entry(RawOriginEntry {
            regex: Some(regex),
            file: None,
        }) => match RegexPattern::parse(&regex) {
            Ok(pattern) => origins.push(OriginPattern::Regex(pattern), Source::Regex(path)),
            Err(error) => {
                let hint = hint_for(&error, &regex).map(str::to_owned);
                compiler.error(&format!("{path}.regex"), error.to_string(), hint);
            }
        },
        RawOrigin::Entry(RawOriginEntry {
            regex: None,
            file: Some(file),
        }) => read_file(compiler, &path, &file, origins),
        RawOrigin::Entry(RawOriginEntry { regex, file }) => {
            let refused = |key| compiler.was_refused(&format!("{path}.{key}"));
            if regex.is_none() && file.is_none() && (refused("regex") || refused("file")) {
                return;
            }
            let message = "an origin is written as a pattern, or has one key: `regex` or `file`";
            let hint = "write `- https://app.example.com`, `- regex: '…'` or `- file: origins.txt`";
            compiler.error(&path, message, hint.to_owned());
        }
    }
}

fn hint_for(error: &RegexError, text: &str) -> Option<&'static str> {
    Some(match error {
        RegexError::TooLarge => "write smaller counted repetitions",
        RegexError::Empty => "write what the whole origin is like, or remove it",
        RegexError::MatchesNothing => "a regex is the whole origin: write `https://` in front",
        RegexError::NotAscii => "write the host in Punycode (xn--…)",
        RegexError::Syntax { .. } if text.starts_with('*') => {
            "write a wildcard as a plain pattern, such as `https://*.example.com`"
        }
        RegexError::Syntax { .. } if text.contains("(?!") || text.contains("(?<") => {
            "say what is allowed, not what isn't"
        }
        RegexError::Syntax { .. } => return None,
    })
}

/// Exact and wildcard patterns, one a line, with `#` comments.
fn read_file(compiler: &mut Compiler<'_>, path: &str, name: &str, origins: &mut Origins) {
    if name.is_empty() {
        return compiler.error(&format!("{path}.file"), "the file's name is empty", None);
    }
    let file = compiler.relative(Path::new(name));
    let text = match compiler.sources.read(&file) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("can't read `{}`: {error}", file.display());
            let hint = match error.kind() {
                ErrorKind::NotFound if Path::new(name).is_relative() => {
                    Some("the path is relative to the configuration file")
                }
                _ => sources::hint(&error),
            };
            return compiler.error(&format!("{path}.file"), message, hint.map(str::to_owned));
        }
    };
    let file = Arc::new(file);
    let mut patterns = 0;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    origins.reserve(text.lines().count());
    for (index, line) in text.lines().enumerate() {
        let content = without_comment(line).trim();
        if content.is_empty() {
            continue;
        }
        patterns += 1;
        let source = Source::File {
            file: Arc::clone(&file),
            place: Place {
                line: index + 1,
                column: line.len() - line.trim_start().len() + 1,
            },
        };
        match OriginPattern::parse(content) {
            Ok(pattern @ OriginPattern::Tuple(_)) => origins.push(pattern, source),
            Ok(OriginPattern::Any | OriginPattern::Null | OriginPattern::Regex(_)) => {
                let message = format!("`{content}` does not stand in a file of origins");
                let hint = "write it in `allow_origins`, where it is seen".to_owned();
                compiler.push(Diagnostic {
                    value: Some(content.to_owned()),
                    ..source.diagnostic(compiler.file(), message, Some(hint))
                });
            }
            Err(error) => {
                let message = error.to_string();
                compiler.push(Diagnostic {
                    value: Some(content.to_owned()),
                    ..source.diagnostic(compiler.file(), message, error.hint)
                });
            }
        }
    }
    if patterns == 0 {
        let message = format!("`{}` has no origins in it", file.display());
        let hint = "write one origin a line, or remove the file from the list".to_owned();
        compiler.error(&format!("{path}.file"), message, hint);
    }
}

/// The line up to its `#`, which starts a comment at the start or behind white space.
fn without_comment(line: &str) -> &str {
    let mut comments = line.match_indices('#').map(|(at, _)| &line[..at]);
    let comment = comments.find(|before| before.is_empty() || before.ends_with([' ', '\t']));
    comment.unwrap_or(line)
}

// === impl Origins ===

impl Origins {
    /// Makes room at once: grown by doubling, the two lists would pass through three times the memory.
    fn reserve(&mut self, more: usize) {
        self.patterns.reserve_exact(more);
        self.sources.reserve_exact(more);
    }

    fn push(&mut self, pattern: OriginPattern, source: Source) {
        self.patterns.push(pattern);
        self.sources.push(source);
    }
}

// === impl Source ===

impl Source {
    /// An error at this place. What stands in the configuration gets its place there later.
    pub(in crate::config) fn diagnostic(
        &self,
        config: &Path,
        message: String,
        hint: Option<String>,
    ) -> Diagnostic {
        let (file, path, place) = match self {
            Self::Config(path) => (config, path.clone(), None),
            Self::Regex(path) => (config, format!("{path}.regex"), None),
            Self::File { file, place } => (file.as_path(), String::new(), Some(*place)),
        };
        Diagnostic {
            place,
            path,
            hint,
            ..Diagnostic::of_file(file, message)
        }
    }
}
