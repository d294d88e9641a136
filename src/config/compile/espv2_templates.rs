//! A `path_template` in the syntax of Google's ESPv2, read into a rule.

use super::template_text::TemplateText;
use super::templates::MAX_TEMPLATE;
use crate::config::error::Problem;
use crate::routing::{
    Bound, MAX_SEGMENTS, PathMatch, Segment, TooManySegments, Variable, Variables, encoded_bare,
    has_dot_segment, normalized,
};
use std::ops::Range;

/// A template in ESPv2's syntax that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Espv2TemplateForm {
    pub segments: Vec<Espv2Segment>,
    pub verb: Option<String>,
    /// The name of each variable, and the segments that it stands for, in the template's order.
    pub variables: Vec<(String, Range<usize>)>,
}

/// A segment of a template in ESPv2's syntax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Espv2Segment {
    Literal(String),
    /// One segment that is not empty: `*`.
    Any,
    /// Everything from here, or nothing: `**`.
    Rest,
}

/// The parts of a template that have been read.
struct Reader<'a> {
    text: TemplateText<'a>,
    rest: &'a str,
    front: Vec<Segment>,
    tail: Option<Vec<String>>,
    /// Each variable's name, and the numbers of segments before its start and its end.
    variables: Vec<(&'a str, usize, usize)>,
}

/// Reads a template in ESPv2's syntax.
///
/// # Errors
///
/// Returns what is wrong with it, and what to write instead.
pub fn espv2_template(text: &str) -> Result<Espv2TemplateForm, Problem> {
    // The rule has bounds of its own.
    parse_espv2_template(text, true)?;
    let (reader, verb) = read(text)?;
    let literal = Espv2Segment::Literal;
    let front = reader.front.into_iter().map(|segment| match segment {
        Segment::Literal(text) => literal(text),
        Segment::Any => Espv2Segment::Any,
    });
    let tail = reader.tail.into_iter().flat_map(|tail| {
        let behind = tail.into_iter().map(literal);
        std::iter::once(Espv2Segment::Rest).chain(behind)
    });
    let variables = reader.variables.into_iter();
    Ok(Espv2TemplateForm {
        segments: front.chain(tail).collect(),
        verb,
        variables: variables
            .map(|(name, start, end)| (name.to_owned(), start..end))
            .collect(),
    })
}

/// Parses a `path_template` in ESPv2's syntax. `has_colons` says whether wildcards match colons.
pub(super) fn parse_espv2_template(
    text: &str,
    has_colons: bool,
) -> Result<(PathMatch, Variables), Problem> {
    let (reader, verb) = read(text)?;
    reader.finish(verb, has_colons)
}

/// Reads a template, and checks it.
fn read(text: &str) -> Result<(Reader<'_>, Option<String>), Problem> {
    let template = TemplateText(text);
    let is = |what: &str| template.is(what);
    let Some(rest) = text.strip_prefix('/') else {
        let problem = is(" does not start with `/`");
        return Err(match text.is_empty() {
            true => problem.hint("write `/**` for every path"),
            false => problem.hint(format!("write `/{text}`")),
        });
    };
    if text.len() > MAX_TEMPLATE {
        let message = format!(
            "the template has {} bytes; at most {MAX_TEMPLATE}",
            text.len()
        );
        return Err(Problem::from(message).hint("write `**` for a part of it"));
    }
    if has_dot_segment(text) {
        return Err(is(" has a dot segment, and requests with one are refused"));
    }
    let mut reader = Reader {
        text: template,
        rest,
        front: Vec::new(),
        tail: None,
        variables: Vec::new(),
    };
    let verb = match rest.is_empty() {
        true => None,
        false => reader.read()?,
    };
    Ok((reader, verb))
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Reads all segments and the verb, which it returns.
    fn read(&mut self) -> Result<Option<String>, Problem> {
        loop {
            match self.rest.strip_prefix('{') {
                Some(inner) => self.variable(inner)?,
                None => {
                    let end = self.rest.find(['/', ':']).unwrap_or(self.rest.len());
                    let (segment, rest) = self.rest.split_at(end);
                    self.rest = rest;
                    self.segment(segment)?;
                }
            }
            match self.rest.strip_prefix('/') {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        match self.rest.strip_prefix(':') {
            Some(verb) if verb.is_empty() || verb.contains(['/', ':', '{', '}']) => {
                let problem = self.is(": a verb is one word behind a colon at the end");
                Err(problem.hint("write it as in `/books/*:archive`"))
            }
            Some(verb) => {
                self.check_literal(verb)?;
                Ok(Some(normalized(verb)))
            }
            None if self.rest.is_empty() => Ok(None),
            None => Err(self.text.whole_segments()),
        }
    }

    fn finish(
        self,
        verb: Option<String>,
        has_colons: bool,
    ) -> Result<(PathMatch, Variables), Problem> {
        let rest = self.tail.is_some().then_some(self.front.len());
        let count = self.count();
        let variable = |&(name, start, end): &(&str, usize, usize)| Variable {
            name: name.to_owned(),
            start: bound(start, count, rest),
            end: bound(end, count, rest),
        };
        let variables = Variables {
            all: self.variables.iter().map(variable).collect(),
            has_verb: verb.is_some(),
            takes_slash: true,
        };
        match PathMatch::espv2(self.front, self.tail, verb, has_colons) {
            Ok(rule) => Ok((rule, variables)),
            Err(TooManySegments) => {
                let what = format!(" has {count} segments; at most {MAX_SEGMENTS}");
                Err(self.text.is(&what).hint("write `**` for some of them"))
            }
        }
    }

    /// Returns the number of segments so far.
    fn count(&self) -> usize {
        let tail = self.tail.as_ref().map_or(0, |tail| 1 + tail.len());
        self.front.len() + tail
    }

    fn segment(&mut self, text: &str) -> Result<(), Problem> {
        match (text, &mut self.tail) {
            ("", _) => {
                let problem = self.is(" has an empty segment");
                Err(problem.hint(
                    "write one slash between segments, and none at the end: paths may have one there",
                ))
            }
            ("." | "..", _) => {
                Err(self.is(" has a dot segment, and requests with one are refused"))
            }
            ("*" | "**", Some(_)) => {
                let problem = self.is(": behind `**` there is another wildcard");
                Err(problem.hint("write literal segments behind `**`, as in `/a/**/b`"))
            }
            ("*", None) => {
                self.front.push(Segment::Any);
                Ok(())
            }
            ("**", None) => {
                self.tail = Some(Vec::new());
                Ok(())
            }
            _ => {
                self.check_literal(text)?;
                let text = normalized(text);
                match &mut self.tail {
                    Some(tail) => tail.push(text),
                    None => self.front.push(Segment::Literal(text)),
                }
                Ok(())
            }
        }
    }

    /// Reads a variable, whose segments are those of the template; `inner` is behind its brace.
    fn variable(&mut self, inner: &'a str) -> Result<(), Problem> {
        let (inside, behind) = self.text.variable(inner)?;
        let (name, segments) = inside.split_once('=').unwrap_or((inside, "*"));
        let is_word = |word: &str| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-~$@".contains(&byte);
            !word.is_empty() && word.bytes().all(is_part)
        };
        if !name.split('.').all(is_word) {
            let problem = self.is(&format!(": `{name}` is not a variable's name"));
            return Err(problem.hint("write a name such as `book` or `shelf.id`"));
        }
        let start = self.count();
        for segment in segments.split('/') {
            if segment.contains(':') {
                let problem = self.is(": a verb is not a part of a variable");
                return Err(problem.hint("write it at the end, as in `/{name=books/*}:archive`"));
            }
            self.segment(segment)?;
        }
        self.variables.push((name, start, self.count()));
        self.rest = behind;
        match behind.chars().next() {
            None | Some('/' | ':') => Ok(()),
            Some('?' | '#') => self.check_literal(behind),
            Some(_) => Err(self.text.whole_segments()),
        }
    }

    /// Checks the text of a segment or of a verb.
    fn check_literal(&self, text: &str) -> Result<(), Problem> {
        if text.starts_with('*') || text.contains('{') {
            return Err(self.text.whole_segments());
        }
        let encoded = |text: &str| match encoded_bare(text) {
            // A colon can't be written in any other way.
            Some((encoded, character)) if character != ':' => {
                let problem = self.is(&format!(": servers read `{encoded}` as `{character}`"));
                Err(problem.hint(format!("write `{character}`")))
            }
            _ => Ok(()),
        };
        self.text
            .check_literal(text, encoded, "write `{book}` or `*` for a segment")
    }

    fn is(&self, what: &str) -> Problem {
        self.text.is(what)
    }
}

/// Returns the place behind so many of the `count` segments of a template, where `rest` is the number of those
/// before `**`.
fn bound(before: usize, count: usize, rest: Option<usize>) -> Bound {
    match rest {
        Some(rest) if before > rest => Bound::Before(count - before),
        _ => Bound::Behind(before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_its_part_of_the_path() {
        for (template, path, expected) in [
            ("/pet/{id}", "/pet/1", &[("id", "1")] as &[(&str, &str)]),
            ("/pet/{id}", "/pet/1/", &[("id", "1")]),
            (
                "/%70et/{id}:go",
                "/p%65t/a:b%2Fc:g%6F",
                &[("id", "a:b%2Fc")],
            ),
            ("/pet/{id}:go", "/pet/1/:go", &[("id", "1")]),
            ("/a/{x}/b/{y.z}", "/a/1/b/2", &[("x", "1"), ("y.z", "2")]),
            ("/{x=a/*}/b/{y}", "/a/1/b/2/", &[("x", "a/1"), ("y", "2")]),
            ("/a/{x=**}", "/a/", &[("x", "")]),
            ("/a/{x=**}", "/a/b/c/", &[("x", "b/c")]),
            ("/a/{x=**}/b", "/a//b", &[("x", "")]),
            ("/a/{x=**}/b", "/a/1/2/b/", &[("x", "1/2")]),
            ("/a/{x=**/b}/c", "/a/1/2/b/c", &[("x", "1/2/b")]),
            ("/a/**/{x=b}/c:go", "/a/1/2/%62/c:go", &[("x", "%62")]),
            ("/a/{x=**}:go", "/a/1/:go", &[("x", "1")]),
        ] {
            let (_, variables) = parse_espv2_template(template, true).expect("a template");
            let values = variables.values(path.as_bytes());
            let values: Vec<_> = values
                .map(|(name, value)| (name, str::from_utf8(value).expect("text")))
                .collect();
            assert_eq!(values, expected, "{template} {path}");
        }
    }

    #[test]
    fn a_template_that_espv2_refuses_is_refused() {
        for text in [
            "", "a", "/a/", "//a", "/a//b", "/a:", "/a:b:c", "/a:b/c", "/a*/**/*", "/**/**",
            "/**/{x}", "/*a", "/***", "/{}", "/{=a}", "/{x", "/x}", "/{x={y}}", "/{x=}",
            "/{x=a:b}", "/{x}y", "/{x.}", "/{x=a/}",
        ] {
            assert!(espv2_template(text).is_err(), "{text}");
        }
    }
}
