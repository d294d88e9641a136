//! `allow_origins`: the patterns in the configuration, and those in the files that it names.

use super::inputs::{Inputs, MAX_ORIGINS, MAX_REGEX_BYTES};
use crate::config::error::{MAX_REPORTED, Place, Problem};
use crate::config::raw::{OneOrMany, RawOrigin, RawOriginEntry};
use crate::config::report::{At, Report, WrittenAt};
use crate::config::sources::{self, Sources};
use crate::cors::{
    LiteralPattern, OriginMatcher, OriginPattern, PatternError, PatternErrorKind, RegexError,
    RegexPattern,
};
use std::sync::Arc;

/// Maximum bytes of a `list`, as of a variable on Linux; a longer one is refused.
const MAX_LIST: usize = 128 << 10;

/// Reads `raw`, the value at `path`. A pattern that is wrong is reported and left out.
pub(super) fn read(
    report: &mut Report<'_>,
    inputs: &mut Inputs,
    path: &str,
    raw: OneOrMany<RawOrigin>,
) -> Vec<At<OriginPattern>> {
    let mut reader = Reader {
        report,
        inputs,
        origins: Vec::new(),
    };
    match raw {
        OneOrMany::One(one) => reader.element(path.to_owned(), one),
        OneOrMany::Many(many) => {
            for (index, element) in many.into_iter().enumerate() {
                let path = format!("{path}[{index}]");
                match element {
                    Some(element) => reader.element(path, element),
                    None if reader.report.was_refused(&path) => {}
                    None => {
                        let hint = "write \"null\" with its quotes for opaque origins";
                        let report = &mut reader.report;
                        report.error(&path, "this element is empty").hint(hint);
                    }
                }
            }
        }
    }
    reader.origins
}

/// Collects the patterns of one list.
struct Reader<'r, 'a> {
    report: &'r mut Report<'a>,
    inputs: &'r mut Inputs,
    origins: Vec<At<OriginPattern>>,
}

// === impl Reader ===

impl Reader<'_, '_> {
    fn element(&mut self, path: String, raw: RawOrigin) {
        match raw {
            RawOrigin::Text(text) => match OriginPattern::parse(&text) {
                Ok(pattern) => {
                    self.push(pattern, path.into());
                }
                Err(error) => {
                    let problem = problem(self.report, &error);
                    self.report.error(&path, problem);
                }
            },
            RawOrigin::Entry(entry) => self.entry(&path, entry),
        }
    }

    fn entry(&mut self, path: &str, entry: RawOriginEntry) {
        let RawOriginEntry {
            regex,
            literal,
            file,
            list,
        } = entry;
        match (regex, literal, file, list) {
            (Some(regex), None, None, None) => self.regex(format!("{path}.regex"), &regex),
            (None, Some(literal), None, None) => self.literal(format!("{path}.literal"), &literal),
            (None, None, Some(file), None) => self.file(&format!("{path}.file"), &file),
            (None, None, None, Some(list)) => self.list(&format!("{path}.list"), &list),
            // A key of the element is wrong, which is reported.
            (None, None, None, None) if self.report.was_refused_within(path) => {}
            _ => {
                let message = "an origin is written as a pattern, or has one key: `regex`, `literal`, `file` or \
                               `list`";
                let hint = "write `- https://app.example.com`, `- regex: '…'`, `- literal: 'app://.'` or \
                            `- file: origins.txt`";
                self.report.error(path, message).hint(hint);
            }
        }
    }

    fn literal(&mut self, path: String, literal: &str) {
        match LiteralPattern::parse(literal) {
            Ok(pattern) => {
                self.push(OriginPattern::Literal(pattern), path.into());
            }
            Err(error) => {
                self.report
                    .error(path, error.to_string())
                    .hint(error.hint());
            }
        }
    }

    /// Reads patterns that stand in one string, as a variable brings them.
    fn list(&mut self, path: &str, list: &str) {
        if list.len() > MAX_LIST {
            let message = format!("the list has {} bytes, more than {MAX_LIST}", list.len());
            let hint = "write the origins into a file, one per line, and `- file: origins.txt`";
            self.report.error(path, message).hint(hint);
            return;
        }
        if list.trim_start().starts_with('[') {
            let message = "the list is one string, and its brackets are a part of it";
            self.report
                .error(path, message)
                .hint("write origins with commas between them, and nothing else");
            return;
        }
        let words = list.split(|c: char| c == ',' || c.is_ascii_whitespace());
        let mut number = 0;
        for text in words.filter(|word| !word.is_empty()) {
            number += 1;
            match OriginPattern::parse(text) {
                Ok(pattern @ OriginPattern::Tuple(_)) => {
                    if !self.push(pattern, path.into()) {
                        return;
                    }
                }
                Ok(_) => {
                    let message = format!("element {number}: `{text}` can't stand in a `list`");
                    self.report.error(path, message).hint(
                        "write it in `allow_origins`, where readers of the configuration see it",
                    );
                }
                Err(error) => {
                    let Problem { message, hint } = problem(self.report, &error);
                    let message = format!("element {number}: {message}");
                    let hint = match error.reason() {
                        PatternErrorKind::Several => {
                            Some("write commas or blanks between them".to_owned())
                        }
                        _ => hint,
                    };
                    self.report.error(path, Problem { message, hint });
                }
            }
        }
        if number == 0 {
            self.report
                .error(path, "the list has no origins in it")
                .hint("write origins with commas between them, or remove the list");
        }
    }

    fn regex(&mut self, path: String, regex: &str) {
        if !self.inputs.has_room_for_regexes() {
            too_many_regexes(self.report, path);
            return;
        }
        match RegexPattern::parse(regex) {
            Ok(pattern) if !self.inputs.take_regex(pattern.memory_usage()) => {
                too_many_regexes(self.report, path);
            }
            Ok(pattern) => match pattern.repeated_separator() {
                Some(separator) => {
                    self.report
                        .error(&path, wildcard_as_regex(regex, separator));
                }
                None => {
                    self.push(OriginPattern::Regex(pattern), path.into());
                }
            },
            Err(error) => {
                if let RegexError::TooLarge = error {
                    // It took the time of the largest.
                    self.inputs.take_regex(RegexPattern::MAX_MEMORY);
                }
                let hint = hint_for(&error, regex).map(str::to_owned);
                let message = error.to_string();
                self.report.error(&path, Problem { message, hint });
            }
        }
    }

    /// Reads a file of exact and wildcard patterns, one per line, with `#` comments.
    fn file(&mut self, path: &str, name: &str) {
        let read = Sources::read_origins;
        let Some((file, text)) = self
            .inputs
            .read(self.report, path, name, read, sources::hint)
        else {
            return;
        };
        let file = Arc::new(file);
        let mut patterns = 0;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        // Reserved at once: grown by doubling, the list would take three times the memory for a
        // while.
        let most = text.lines().filter(|line| !line.is_empty()).count();
        self.origins
            .reserve_exact(most.min(self.inputs.room_for_origins()));
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() {
                continue;
            }
            let content = without_comment(line).trim();
            if content.is_empty() {
                continue;
            }
            patterns += 1;
            let at = WrittenAt::File {
                file: Arc::clone(&file),
                place: Place {
                    line: index + 1,
                    column: line.len() - line.trim_start().len() + 1,
                },
            };
            match OriginPattern::parse(content) {
                Ok(pattern @ OriginPattern::Tuple(_)) => {
                    if !self.push(pattern, at) {
                        return;
                    }
                }
                Ok(_) => {
                    let message = format!("`{content}` can't stand in a file of origins");
                    self.report
                        .error(at, message)
                        .hint("write it in `allow_origins`, where readers of the configuration see it")
                        .quoting(content);
                }
                Err(error) => {
                    let problem = problem(self.report, &error);
                    self.report.error(at, problem).quoting(content);
                }
            }
        }
        if patterns == 0 {
            let message = format!("`{}` has no origins in it", file.display());
            self.report
                .error(path, message)
                .hint("write one origin per line, or remove the file from the list");
        }
    }

    /// Adds a pattern, if there is room for it; returns whether there is.
    fn push(&mut self, value: OriginPattern, at: WrittenAt) -> bool {
        let is_taken = self.inputs.take_origins(1);
        if is_taken {
            self.origins.push(At { value, at });
        } else {
            let message = format!("the policies have more than {MAX_ORIGINS} patterns together");
            let hint = "allow origins of one domain by `https://*.example.com`";
            self.report.error(at, message).hint(hint);
        }
        is_taken
    }
}

/// Takes room for the regexes of a compiled policy, whose patterns are at `path`; returns whether it is
/// there.
pub(super) fn take_regexes(
    report: &mut Report<'_>,
    inputs: &mut Inputs,
    path: &str,
    compiled: &OriginMatcher,
) -> bool {
    let is_taken = inputs.take_regex(compiled.regex_build_bytes());
    if !is_taken {
        too_many_regexes(report, path);
    }
    is_taken
}

fn too_many_regexes(report: &mut Report<'_>, at: impl Into<WrittenAt>) {
    let most = MAX_REGEX_BYTES >> 20;
    let message = format!("all regexes together need automata of more than {most} MiB");
    let hint = "write plain patterns such as `https://*.example.com` where they will do";
    report.error(at, message).hint(hint);
}

fn problem(report: &Report<'_>, error: &PatternError) -> Problem {
    // To find out what was meant takes time, and a further error is hardly shown.
    match report.error_count() < MAX_REPORTED {
        true => Problem {
            message: error.to_string(),
            hint: error.hint(),
        },
        false => "this is not an origin pattern".into(),
    }
}

/// Returns the problem of a regex that was meant as a plain pattern: it repeats a separator, so that it
/// matches other hosts than it seems to.
fn wildcard_as_regex(regex: &str, separator: char) -> Problem {
    let hint = match OriginPattern::parse(regex) {
        Ok(_) => format!("write `{regex}` without `regex:`"),
        Err(_) => "write `[a-z0-9-]+` for a label of a host, and `[0-9]+` for a port".to_owned(),
    };
    let message = format!(
        "`{regex}`: in a regex, `*`, `+`, `?` and `{{…}}` are about what is before them, here the `{separator}`"
    );
    Problem {
        message,
        hint: Some(hint),
    }
}

/// Returns the remedy for a regex that can't be used, if it is known.
fn hint_for(error: &RegexError, text: &str) -> Option<&'static str> {
    Some(match error {
        RegexError::TooLarge => {
            "write smaller counted repetitions or fewer alternatives, or list the origins"
        }
        RegexError::TooLong { .. } => {
            "list the origins, in a file if they are many: write `- file: origins.txt`"
        }
        RegexError::Empty => "write what the whole origin is like, or remove it",
        RegexError::MatchesNothing => "a regex is the whole origin: write `https://` in front",
        RegexError::NotAscii => "write the host in Punycode (xn--…)",
        RegexError::Syntax { .. } if text.starts_with('*') => {
            "write a wildcard as a plain pattern, such as `https://*.example.com`"
        }
        RegexError::Syntax { .. } if text.contains("(?!") || text.contains("(?<") => {
            "say what is allowed, not what isn't"
        }
        RegexError::Syntax { .. } | RegexError::TooManyTogether => return None,
    })
}

/// Returns the line up to its comment, whose `#` stands at the start or behind white space.
fn without_comment(line: &str) -> &str {
    let mut comments = line.match_indices('#').map(|(at, _)| &line[..at]);
    let comment = comments.find(|before| before.is_empty() || before.ends_with([' ', '\t']));
    comment.unwrap_or(line)
}
