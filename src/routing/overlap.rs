//! Paths that match two rules: one of each kind, so that all others that match both are like one of them.
//!
//! A path is like another if every rule that matches the other matches it, too. Therefore the paths here
//! have text that no rule names wherever the two allow any, and where both let a path go on, they go on
//! with an empty segment, which no `*` matches.

use super::matches::PathMatch;
use super::template::{Segment, Template};
use std::borrow::Cow;

/// The kinds of path that a rule matches.
#[derive(Default)]
pub(super) struct Kinds<'a>(Vec<Shape<'a>>);

/// A part of the paths that a rule matches: those with so many segments, or with more.
struct Shape<'a> {
    segments: Vec<Part>,
    tail: Tail<'a>,
}

/// A segment.
enum Part {
    Literal(String),
    /// Any text that is not empty.
    Any,
    /// Such a text and a verb behind it, which is here with its colon.
    Verb(String),
}

/// The rest of a path behind the segments.
#[derive(Clone, Copy)]
enum Tail<'a> {
    /// Nothing.
    End,
    /// Nothing, or more segments.
    Rest,
    /// More segments, the last of which ends with this verb.
    Verb(&'a str),
}

/// Text that no route names, in the place of a segment.
const OTHER: &str = "\0";

// === impl Kinds ===

impl<'a> Kinds<'a> {
    pub(super) fn of(path: &'a PathMatch) -> Self {
        Self(Shape::all(path))
    }

    /// Returns paths that match both rules, one of each kind. There are none if no path matches both.
    pub(super) fn common(&self, other: &Self) -> Vec<String> {
        let mut paths = Vec::new();
        for shape in &self.0 {
            for other in &other.0 {
                paths.extend(shape.common(other).unwrap_or_default());
            }
        }
        paths
    }
}

// === impl PathMatch ===

impl PathMatch {
    /// Returns a path that it matches, with text that no route names in the place of wildcards.
    pub fn example(&self) -> String {
        self.examples().into_iter().next().unwrap_or_default()
    }

    /// Returns such a path of each kind: rules that match all of them match every path that it matches.
    pub fn examples(&self) -> Vec<String> {
        let kinds = Kinds::of(self);
        kinds.common(&kinds)
    }
}

// === impl Shape ===

impl<'a> Shape<'a> {
    /// Returns the shapes of all paths that a rule matches.
    fn all(path: &'a PathMatch) -> Vec<Self> {
        let literals = |text: &str| {
            let segments = text.split('/').skip(1);
            segments
                .map(|text| Part::Literal(text.to_owned()))
                .collect()
        };
        match path {
            PathMatch::Exact(text) => vec![Self::new(literals(text), Tail::End)],
            PathMatch::Prefix(text) => vec![Self::new(literals(text), Tail::Rest)],
            PathMatch::Template(template) => Self::of_template(template),
        }
    }

    fn of_template(template: &'a Template) -> Vec<Self> {
        let part = |segment: &Segment| match segment {
            Segment::Literal(text) => Part::Literal(text.clone()),
            Segment::Any => Part::Any,
        };
        let parts = || template.segments.iter().map(part).collect::<Vec<_>>();
        let verb = match (template.verb.as_deref(), template.has_rest) {
            (None, true) => return vec![Self::new(parts(), Tail::Rest)],
            (None, false) => return vec![Self::new(parts(), Tail::End)],
            (Some(verb), _) => verb,
        };
        let mut shapes = Vec::new();
        let mut ending = parts();
        if let Some(last) = ending.last_mut() {
            *last = match last {
                Part::Literal(text) => Part::Literal(format!("{text}:{verb}")),
                Part::Any | Part::Verb(_) => Part::Verb(format!(":{verb}")),
            };
            shapes.push(Self::new(ending, Tail::End));
        }
        if template.has_rest {
            shapes.push(Self::new(parts(), Tail::Verb(verb)));
        }
        shapes
    }

    fn new(segments: Vec<Part>, tail: Tail<'a>) -> Self {
        Self { segments, tail }
    }

    /// Returns paths of both shapes, one of each kind; `None` if there are none.
    fn common(&self, other: &Self) -> Option<Vec<String>> {
        let (short, long) = match self.segments.len() <= other.segments.len() {
            true => (self, other),
            false => (other, self),
        };
        let (first, more) = long.segments.split_at(short.segments.len());
        let shared = short.segments.iter().zip(first);
        let mut start = String::new();
        for (one, other) in shared {
            let text = one.common(other)?;
            start.push('/');
            start.push_str(&text);
        }
        // The rest of the shorter one has the other segments of the longer one.
        let more: Vec<Cow<'_, str>> = more.iter().map(Part::text).collect();
        let path = more
            .iter()
            .fold(start.clone(), |path, text| path + "/" + text);
        let mut paths = short.tail.common(long.tail, &path);
        match (short.tail, more.split_last()) {
            (Tail::End, Some(_)) => return None,
            (Tail::Verb(verb), Some((last, before))) if !matches!(long.tail, Tail::Verb(_)) => {
                let start = before.iter().fold(start, |path, text| path + "/" + text);
                let verb = format!(":{verb}");
                match long.segments.last() {
                    // With text before the verb, and with the verb alone: `*:verb` matches only the first.
                    Some(Part::Any) => {
                        paths.push(format!("{start}/{last}{verb}"));
                        paths.push(format!("{start}/{verb}"));
                    }
                    _ if last.ends_with(&verb) => paths.push(format!("{start}/{last}")),
                    _ => {}
                }
            }
            _ => {}
        }
        Some(paths)
    }
}

// === impl Part ===

impl Part {
    /// Returns a text that both match.
    fn common<'p>(&'p self, other: &'p Self) -> Option<Cow<'p, str>> {
        let text = match (self, other) {
            (Self::Literal(text), _) | (_, Self::Literal(text)) => Cow::Borrowed(text.as_str()),
            (Self::Any, part) | (part, _) => part.text(),
        };
        (self.is_match(&text) && other.is_match(&text)).then_some(text)
    }

    fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Literal(own) => own == text,
            Self::Any => !text.is_empty(),
            Self::Verb(verb) => text.strip_suffix(verb).is_some_and(|rest| !rest.is_empty()),
        }
    }

    /// Returns a text that it matches, and few others do.
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Literal(text) => Cow::Borrowed(text),
            Self::Any => Cow::Borrowed(OTHER),
            Self::Verb(verb) => Cow::Owned(format!("{OTHER}{verb}")),
        }
    }
}

// === impl Tail ===

impl Tail<'_> {
    /// Returns paths that go on after `path` as both do, one of each kind.
    fn common(self, other: Self, path: &str) -> Vec<String> {
        match (self, other) {
            (Self::End, Self::End | Self::Rest) | (Self::Rest, Self::End) => vec![path.to_owned()],
            (Self::End, Self::Verb(_)) | (Self::Verb(_), Self::End) => Vec::new(),
            (Self::Rest, Self::Rest) => vec![path.to_owned(), format!("{path}//{OTHER}")],
            (Self::Verb(one), Self::Verb(other)) if one != other => Vec::new(),
            (Self::Verb(verb), _) | (_, Self::Verb(verb)) => {
                vec![format!("{path}//{OTHER}:{verb}")]
            }
        }
    }
}
