//! A `path_template`: google.api.http's syntax, read into a rule.
//! <https://github.com/googleapis/googleapis/blob/master/google/api/http.proto>

use super::matches::check_encoded;
use super::template_text::TemplateText;
use crate::config::error::Problem;
use crate::routing::{
    Bound, MAX_SEGMENTS, PathMatch, Segment, TooManySegments, Variable, Variables, has_dot_segment,
    normalized,
};
use std::collections::HashSet;

/// Maximum bytes of a template; a longer one is refused.
pub(super) const MAX_TEMPLATE: usize = 2_048;

/// The parts of a template that have been read.
struct Reader<'a> {
    text: TemplateText<'a>,
    rest: &'a str,
    segments: Vec<Segment>,
    has_rest: bool,
    verb: Option<String>,
    names: HashSet<&'a str>,
    variables: Vec<Variable>,
}

/// Parses a `path_template`.
pub(super) fn parse_template(text: &str) -> Result<(PathMatch, Variables), Problem> {
    let template = TemplateText(text);
    let is = |what: &str| template.is(what);
    let Some(rest) = text.strip_prefix('/') else {
        let problem = is(" does not start with `/`");
        // What follows the beginning of a regex may be anything.
        return Err(match text.strip_prefix(['^', '~']) {
            Some(_) => {
                problem.hint("a template is not a regex: write `/books/{book}` or `/books/*`")
            }
            None if text.is_empty() => problem.hint("write `/**` for every path"),
            None => problem.hint(format!("write `/{text}`")),
        });
    };
    if text.len() > MAX_TEMPLATE {
        let message = format!(
            "the template has {} bytes; at most {MAX_TEMPLATE}",
            text.len()
        );
        return Err(Problem::from(message).hint("write a `path_prefix` for its beginning"));
    }
    if rest.is_empty() {
        let problem = is(" has no segment");
        return Err(problem.hint("write `path: /`, or `/**` for every path"));
    }
    if has_dot_segment(text) {
        return Err(is(" has a dot segment, and requests with one are refused"));
    }
    let reader = Reader {
        text: template,
        rest,
        segments: Vec::new(),
        has_rest: false,
        verb: None,
        names: HashSet::new(),
        variables: Vec::new(),
    };
    reader.read()
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn read(mut self) -> Result<(PathMatch, Variables), Problem> {
        loop {
            match self.rest.strip_prefix('{') {
                Some(inner) => self.variable(inner)?,
                None => {
                    let end = self.rest.find('/').unwrap_or(self.rest.len());
                    let (segment, rest) = self.rest.split_at(end);
                    self.rest = rest;
                    self.segment(segment, rest.is_empty())?;
                }
            }
            match self.rest.strip_prefix('/') {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        let verb = self.verb.take();
        let count = self.segments.len();
        let variables = Variables {
            all: self.variables,
            has_verb: verb.is_some(),
            takes_slash: false,
        };
        let rule = PathMatch::template(self.segments, self.has_rest, verb);
        let rule = rule.map(|rule| (rule, variables));
        rule.map_err(|TooManySegments| {
            let what = format!(" has {count} segments; at most {MAX_SEGMENTS}");
            self.text
                .is(&what)
                .hint("write `**` for the last ones, or a `path_prefix`")
        })
    }

    /// Reads a segment that is not a variable. Behind the last one there may be a verb.
    fn segment(&mut self, segment: &'a str, is_last: bool) -> Result<(), Problem> {
        let wildcard = segment.starts_with('*');
        let (mut text, mut verb) = (segment, None);
        if is_last || wildcard {
            // A literal segment may have other colons, as paths may.
            let at = match wildcard {
                true => segment.find(':'),
                false => segment.rfind(':').filter(|at| *at > 0),
            };
            if let Some(at) = at {
                (text, verb) = (&segment[..at], Some(&segment[at + 1..]));
            }
        }
        self.plain(text)?;
        match verb {
            Some(verb) => self.set_verb(verb, is_last),
            None => Ok(()),
        }
    }

    /// Adds a segment without a verb.
    fn plain(&mut self, text: &str) -> Result<(), Problem> {
        if self.has_rest {
            let problem = self.is(": `**` is not the last segment");
            return Err(problem.hint("write `*` for one segment, and `**` only at the end"));
        }
        match text {
            "*" => self.segments.push(Segment::Any),
            "**" => self.has_rest = true,
            "" => {
                let problem = self.is(" has an empty segment");
                return Err(problem.hint("write one slash between segments, and none at the end"));
            }
            _ => {
                self.check_literal(text)?;
                self.segments.push(Segment::Literal(normalized(text)));
            }
        }
        Ok(())
    }

    fn set_verb(&mut self, verb: &'a str, is_last: bool) -> Result<(), Problem> {
        if verb.is_empty() || verb.contains([':', '*', '{', '}']) || !is_last {
            let problem = self.is(": a verb is one word behind a colon at the end");
            return Err(problem.hint("write it as in `/books/*:archive`"));
        }
        self.check_literal(verb)?;
        self.verb = Some(normalized(verb));
        Ok(())
    }

    /// Reads a variable, whose segments are those of the template; `inner` is behind its brace.
    fn variable(&mut self, inner: &'a str) -> Result<(), Problem> {
        let (inside, behind) = self.text.variable(inner)?;
        let (name, segments) = match inside.split_once('=') {
            Some((name, segments)) => (name, segments),
            None => (inside, "*"),
        };
        self.check_name(inside, name)?;
        if !self.names.insert(name) {
            let problem = self.is(&format!(": the variable `{name}` stands here twice"));
            return Err(problem.hint("give each variable a name of its own"));
        }
        let start = self.segments.len();
        for segment in segments.split('/') {
            self.plain(segment)?;
        }
        let count = self.segments.len();
        self.variables.push(Variable {
            name: name.to_owned(),
            start: Bound::Behind(start),
            end: match self.has_rest {
                true => Bound::Before(0),
                false => Bound::Behind(count),
            },
        });
        let end = behind.find('/').unwrap_or(behind.len());
        let (verb, rest) = behind.split_at(end);
        self.rest = rest;
        match verb.strip_prefix(':') {
            Some(verb) => self.set_verb(verb, rest.is_empty()),
            None if verb.is_empty() => Ok(()),
            None if verb.starts_with(['?', '#']) => self.check_literal(verb),
            None => Err(self.text.whole_segments()),
        }
    }

    /// Checks a variable's name: a field, or one within others, as in `shelf.id`.
    fn check_name(&self, inside: &str, name: &str) -> Result<(), Problem> {
        let is_word = |word: &str| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            !word.is_empty()
                && !word.starts_with(|c: char| c.is_ascii_digit() || c == '-')
                && word.chars().all(is_part)
        };
        if name.split('.').all(is_word) {
            return Ok(());
        }
        let problem = self.is(&format!(": `{name}` is not a variable's name"));
        let word =
            |text: &str| -> String { text.chars().filter(|c| is_word(&format!("a{c}"))).collect() };
        // Of several segments: `{*path}`, `{path...}`, `{path+}`. Of a regex: `{id:[0-9]+}`.
        let is_several = inside.starts_with(['*', '+'])
            || inside.ends_with(['*', '+'])
            || inside.ends_with("...");
        let hint = match inside.split_once(':') {
            Some((name, _)) if is_word(name) => {
                format!("write `{{{name}}}`: a segment is not compared with a regex")
            }
            _ if is_several && is_word(&word(inside)) => format!("write `{{{}=**}}`", word(inside)),
            _ => "write a name such as `book`".to_owned(),
        };
        Err(problem.hint(hint))
    }

    /// Checks the text of a segment or of a verb.
    fn check_literal(&self, text: &str) -> Result<(), Problem> {
        if let Some(name) = text.strip_prefix(':') {
            let problem = self.is(&format!(": `{text}` is not a variable"));
            return Err(problem.hint(format!("write `{{{name}}}`, or `*`")));
        }
        if text.contains('*') || text.contains('{') {
            return Err(self.text.whole_segments());
        }
        let hint = "a template is not a regex: write `{book}` or `*` for a segment";
        self.text.check_literal(text, check_encoded, hint)
    }

    fn is(&self, what: &str) -> Problem {
        self.text.is(what)
    }
}
