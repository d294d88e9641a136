//! A path template, such as `/shelves/{shelf}/books/*`: google.api.http's form of a path. Variables'
//! names do not count, so that `{shelf}` is `*` here.
//! <https://github.com/googleapis/googleapis/blob/master/google/api/http.proto>
//!
//! A template is a set of paths, whatever other templates there are. `*` is one segment that is not
//! empty, and `**` everything behind the slash, or nothing. With a verb, as in `/books/*:archive`, the
//! path ends with the verb, and the rest of it matches the rest of the template.

use super::matches::PathMatch;
use std::fmt;

/// Maximum number of a template's segments; beyond it, there is no such rule. It bounds the steps of a look-up.
pub const MAX_SEGMENTS: usize = 32;

/// A template has more segments than [`MAX_SEGMENTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManySegments;

/// A rule with a wildcard that is more than the whole rest of the path; see [`PathMatch::template`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template {
    pub(super) segments: Vec<Segment>,
    /// Whether `**` is behind the segments.
    pub(super) has_rest: bool,
    pub(super) verb: Option<String>,
}

/// One segment of a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// This text, which is not empty.
    Literal(String),
    /// Any text that is not empty: `*`.
    Any,
}

/// The first reason for which a path does not match a template. Segments are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mismatch<'a> {
    /// It does not begin with a slash.
    NoPath,
    /// It does not end with this verb.
    Verb(&'a str),
    /// A segment has other text than the template's.
    Literal {
        number: usize,
        found: &'a str,
        wanted: &'a str,
    },
    /// A segment is empty where the template has `*`.
    Empty { number: usize },
    /// A segment has a colon where the template has `*`, which matches none.
    Colon { number: usize },
    /// The text in the place of `**` has a colon, which it does not match.
    ColonInRest,
    /// It ends before the slash that is before `**`.
    NoRest,
    /// It does not end with the segments behind `**`.
    Tail(&'a [String]),
    /// It ends too early by so many segments.
    Fewer(usize),
    /// It goes on for so many segments.
    More(usize),
    /// It has nothing more than a slash at the end.
    Slash,
}

// === impl PathMatch ===

impl PathMatch {
    /// Makes the rule of a template. Without a wildcard it is an exact path, and with none but `**` a
    /// prefix, so that the same rule is not there in two forms.
    ///
    /// # Errors
    ///
    /// Fails if there are too many segments.
    pub fn template(
        segments: Vec<Segment>,
        has_rest: bool,
        verb: Option<String>,
    ) -> Result<Self, TooManySegments> {
        if segments.len() > MAX_SEGMENTS {
            return Err(TooManySegments);
        }
        let has_any = segments.contains(&Segment::Any);
        let template = Template {
            segments,
            has_rest,
            verb,
        };
        Ok(match (has_any, has_rest, &template.verb) {
            (false, false, _) => Self::Exact(template.to_string()),
            (false, true, None) => Self::Prefix(template.beginning()),
            _ => Self::Template(template),
        })
    }
}

// === impl Template ===

impl Template {
    /// Returns the reason for which a path does not match, and the number of bytes at its start that do.
    pub(super) fn mismatch<'a>(&'a self, path: &'a str) -> Result<(), (usize, Mismatch<'a>)> {
        let (path, verb) = match &self.verb {
            None => (path, Ok(())),
            Some(verb) => match path.rsplit_once(':') {
                Some((rest, end)) if end == verb => (rest, Ok(())),
                _ => (path, Err(Mismatch::Verb(verb))),
            },
        };
        let Some(inner) = path.strip_prefix('/') else {
            return Err((0, Mismatch::NoPath));
        };
        let mut found = inner.split('/');
        let mut matching = 0;
        for (number, segment) in (1..).zip(&self.segments) {
            let Some(found) = found.next() else {
                let fewer = self.segments.len() + 1 - number;
                return Err((matching, Mismatch::Fewer(fewer)));
            };
            let mismatch = match segment {
                Segment::Any if found.is_empty() => Mismatch::Empty { number },
                Segment::Literal(wanted) if wanted != found => Mismatch::Literal {
                    number,
                    found,
                    wanted,
                },
                _ => {
                    matching += 1 + found.len();
                    continue;
                }
            };
            return Err((matching, mismatch));
        }
        let more = if self.has_rest {
            0
        } else {
            found.clone().count()
        };
        match more {
            0 => verb.map_err(|verb| (matching, verb)),
            1 if found.next() == Some("") => Err((matching, Mismatch::Slash)),
            more => Err((matching, Mismatch::More(more))),
        }
    }

    /// Returns the segments as text, each with the slash before it.
    fn beginning(&self) -> String {
        let texts = self.segments.iter().map(|segment| match segment {
            Segment::Literal(text) => text.as_str(),
            Segment::Any => "*",
        });
        texts.flat_map(|text| ["/", text]).collect()
    }
}

impl fmt::Display for Template {
    /// Writes the template without variables' names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.beginning())?;
        if self.has_rest {
            f.write_str("/**")?;
        }
        match &self.verb {
            Some(verb) => write!(f, ":{verb}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Mismatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segments = |count: &usize| match count {
            1 => "1 segment".to_owned(),
            _ => format!("{count} segments"),
        };
        match self {
            Self::NoPath => f.write_str("it does not begin with a slash"),
            Self::Verb(verb) => write!(f, "it does not end with `:{verb}`"),
            Self::Literal {
                number,
                found,
                wanted,
            } => {
                let found = found.escape_default();
                write!(f, "segment {number} is `{found}`, not `{wanted}`")
            }
            Self::Empty { number } => write!(f, "segment {number} is empty"),
            Self::Colon { number } => write!(f, "segment {number} has a colon"),
            Self::ColonInRest => f.write_str("the text for `**` has a colon"),
            Self::NoRest => f.write_str("the slash before `**` is missing"),
            Self::Tail(tail) => write!(f, "it does not end with `/{}`", tail.join("/")),
            Self::Fewer(count) => write!(f, "it has {} fewer", segments(count)),
            Self::More(count) => write!(f, "it has {} more", segments(count)),
            Self::Slash => f.write_str("the slash at the end differs"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::naive::short;

    fn mismatch(template: &str, path: &str) -> Option<String> {
        match short(template) {
            PathMatch::Template(template) => {
                let mismatch = template.mismatch(path).err();
                mismatch.map(|(matching, why)| format!("{matching}: {why}"))
            }
            other => panic!("{template} is {other:?}"),
        }
    }

    #[test]
    fn a_template_matches_whole_segments() {
        for (template, path) in [
            ("/shelves/*", "/shelves/1"),
            ("/shelves/*", "/shelves/a%2Fb"),
            ("/shelves/*", "/shelves/:x"),
            ("/shelves/*/books/*", "/shelves/1/books/2"),
            ("/*/**", "/a"),
            ("/*/**", "/a/"),
            ("/*/**", "/a/b//c/"),
            ("/shelves/*:archive", "/shelves/1:archive"),
            ("/shelves/*:archive", "/shelves/1:x:archive"),
            ("/*/books:archive", "/1/books:archive"),
            ("/shelves/**:archive", "/shelves:archive"),
            ("/shelves/**:archive", "/shelves/:archive"),
            ("/shelves/**:archive", "/shelves/1/books/2:archive"),
            ("/**:archive", "/:archive"),
            ("/**:archive", "/a:archive"),
        ] {
            assert_eq!(mismatch(template, path), None, "{template} {path}");
        }
    }

    #[test]
    fn the_first_thing_that_a_path_lacks_is_named() {
        for (template, path, expected) in [
            (
                "/shelves/*",
                "/shelf/1",
                "0: segment 1 is `shelf`, not `shelves`",
            ),
            (
                "/a/*/books",
                "/a/1/boks",
                "4: segment 3 is `boks`, not `books`",
            ),
            ("/shelves/*", "/shelves", "8: it has 1 segment fewer"),
            ("/shelves/*/*", "/shelves", "8: it has 2 segments fewer"),
            ("/shelves/*", "/shelves/", "8: segment 2 is empty"),
            (
                "/shelves/*",
                "/shelves/1/",
                "10: the slash at the end differs",
            ),
            ("/shelves/*", "/shelves/1/2", "10: it has 1 segment more"),
            ("/shelves/*", "/shelves/1//", "10: it has 2 segments more"),
            ("/*/books", "//books", "0: segment 1 is empty"),
            ("/*/books", "*", "0: it does not begin with a slash"),
            ("/a/*:go", "/a/1", "4: it does not end with `:go`"),
            ("/a/*:go", "/a/1:stop", "9: it does not end with `:go`"),
            ("/a/*:go", "/a/:go", "2: segment 2 is empty"),
            ("/a/*:go", "/b/1:go", "0: segment 1 is `b`, not `a`"),
            ("/**:go", "/a:go/b", "0: it does not end with `:go`"),
        ] {
            let actual = mismatch(template, path);
            assert_eq!(actual.as_deref(), Some(expected), "{template} {path}");
        }
    }

    #[test]
    fn what_a_path_or_a_prefix_can_say_is_not_a_template() {
        let segments = || vec![Segment::Literal("a".to_owned())];
        for (template, expected) in [
            (PathMatch::template(segments(), false, None), "=/a"),
            (PathMatch::template(segments(), true, None), "/a"),
            (PathMatch::template(Vec::new(), true, None), ""),
            (
                PathMatch::template(segments(), false, Some("go".to_owned())),
                "=/a:go",
            ),
        ] {
            assert_eq!(template, Ok(short(expected)));
        }
        let long = vec![Segment::Any; MAX_SEGMENTS + 1];
        assert_eq!(PathMatch::template(long, false, None), Err(TooManySegments));
    }
}
