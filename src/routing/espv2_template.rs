//! A path template as Google's ESPv2 reads it, such as `/shelves/{shelf}/**/pages:count`. Variables' names do
//! not count, so that `{shelf}` is `*` here.
//! <https://cloud.google.com/endpoints/docs/grpc/transcoding>
//!
//! It differs from [`Template`](super::template::Template) in three ways. A path may have one slash more at its
//! end, before the verb. `**` is any text, slashes and nothing included, but the slash before it must be there.
//! And literal segments may follow `**`. No literal segment has a colon, because a colon begins the verb.

use super::matches::PathMatch;
use super::template::{MAX_SEGMENTS, Mismatch, Segment, TooManySegments};
use std::fmt;

/// A rule in ESPv2's syntax; see [`PathMatch::espv2`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Espv2Template {
    /// The segments before `**`, or all of them.
    pub(super) front: Vec<Segment>,
    /// The literal segments behind `**`; `None` without `**`.
    pub(super) tail: Option<Vec<String>>,
    pub(super) verb: Option<String>,
    /// Whether wildcards match colons.
    pub(super) has_colons: bool,
}

// === impl PathMatch ===

impl PathMatch {
    /// Makes the rule of a template in ESPv2's syntax. The one without segments is the exact path `/`.
    ///
    /// # Errors
    ///
    /// Fails if there are too many segments.
    pub fn espv2(
        front: Vec<Segment>,
        tail: Option<Vec<String>>,
        verb: Option<String>,
        has_colons: bool,
    ) -> Result<Self, TooManySegments> {
        if front.len() + tail.as_ref().map_or(0, Vec::len) > MAX_SEGMENTS {
            return Err(TooManySegments);
        }
        if front.is_empty() && tail.is_none() {
            return Ok(Self::Exact("/".to_owned()));
        }
        Ok(Self::Espv2(Espv2Template {
            front,
            tail,
            verb,
            has_colons,
        }))
    }
}

// === impl Espv2Template ===

impl Espv2Template {
    /// Returns the reason for which a path does not match, and the number of bytes at its start that do.
    pub(super) fn mismatch<'a>(&'a self, path: &'a str) -> Result<(), (usize, Mismatch<'a>)> {
        let (path, verb) = match &self.verb {
            None => (path, Ok(())),
            Some(verb) => match path.rsplit_once(':') {
                Some((rest, end)) if end == verb => (rest, Ok(())),
                _ => (path, Err(Mismatch::Verb(verb))),
            },
        };
        if !path.starts_with('/') {
            return Err((0, Mismatch::NoPath));
        }
        // Behind `**` alone, a slash is a part of the text.
        let path = match (&self.tail, path.strip_suffix('/')) {
            (Some(tail), _) if tail.is_empty() => path,
            (_, Some(shorter)) => shorter,
            _ => path,
        };
        let (rest, matching) = self.front(path)?;
        match &self.tail {
            None if rest.is_empty() => {}
            None => return Err((matching, Mismatch::More(rest.split('/').count() - 1))),
            Some(tail) => self
                .rest(rest, tail)
                .map_err(|mismatch| (matching, mismatch))?,
        }
        verb.map_err(|verb| (matching, verb))
    }

    /// Holds the segments before `**` against the beginning of a path. Returns the rest of it, from a slash on,
    /// and the number of bytes before that.
    fn front<'a>(&'a self, path: &'a str) -> Result<(&'a str, usize), (usize, Mismatch<'a>)> {
        let mut rest = path;
        for (number, segment) in (1..).zip(&self.front) {
            let matching = path.len() - rest.len();
            let Some(inner) = rest.strip_prefix('/') else {
                let fewer = self.front.len() + 1 - number;
                return Err((matching, Mismatch::Fewer(fewer)));
            };
            let found = inner.split('/').next().unwrap_or_default();
            let mismatch = match segment {
                Segment::Any if found.is_empty() => Mismatch::Empty { number },
                Segment::Any if !self.has_colons && found.contains(':') => {
                    Mismatch::Colon { number }
                }
                Segment::Literal(wanted) if wanted != found => Mismatch::Literal {
                    number,
                    found,
                    wanted,
                },
                _ => {
                    rest = &inner[found.len()..];
                    continue;
                }
            };
            return Err((matching, mismatch));
        }
        Ok((rest, path.len() - rest.len()))
    }

    /// Holds `**` and the segments behind it against the rest of a path.
    fn rest<'a>(&self, rest: &str, tail: &'a [String]) -> Result<(), Mismatch<'a>> {
        let Some(mut text) = rest.strip_prefix('/') else {
            return Err(Mismatch::NoRest);
        };
        for literal in tail.iter().rev() {
            let before = text.strip_suffix(literal.as_str());
            text = before
                .and_then(|before| before.strip_suffix('/'))
                .ok_or(Mismatch::Tail(tail))?;
        }
        match !self.has_colons && text.contains(':') {
            true => Err(Mismatch::ColonInRest),
            false => Ok(()),
        }
    }
}

impl fmt::Display for Espv2Template {
    /// Writes the template without variables' names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.front {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::Any => f.write_str("/*")?,
            }
        }
        if let Some(tail) = &self.tail {
            f.write_str("/**")?;
            tail.iter().try_for_each(|text| write!(f, "/{text}"))?;
        }
        match &self.verb {
            Some(verb) => write!(f, ":{verb}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::naive::espv2;

    fn mismatch(template: &str, path: &str, has_colons: bool) -> Option<String> {
        match espv2(template, has_colons) {
            PathMatch::Espv2(template) => {
                let mismatch = template.mismatch(path).err();
                mismatch.map(|(matching, why)| format!("{matching}: {why}"))
            }
            other => panic!("{template} is {other:?}"),
        }
    }

    #[test]
    fn a_template_matches_as_in_espv2() {
        for (template, paths) in [
            ("/shelves", &["/shelves", "/shelves/"] as &[&str]),
            ("/shelves/*", &["/shelves/1", "/shelves/1/", "/shelves/a:b"]),
            ("/a/**", &["/a/", "/a/b", "/a/b/", "/a//", "/a/b:c/d"]),
            ("/a/**/b", &["/a//b", "/a/x/b", "/a/x/y/b/", "/a/b/b"]),
            ("/book:read", &["/book:read", "/book/:read"]),
            ("/a/*:go", &["/a/1:go", "/a/1/:go", "/a/x:y:go", "/a/:x:go"]),
            ("/a/**:go", &["/a/:go", "/a/x:go", "/a/x/y/:go", "/a//:go"]),
            ("/a/**/b:go", &["/a//b:go", "/a/x/b/:go"]),
            ("/**", &["/", "//", "/a", "/a/b/"]),
        ] {
            for path in paths {
                assert_eq!(mismatch(template, path, true), None, "{template} {path}");
            }
        }
        assert_eq!(mismatch("/a/*:go", "/a/x:go", false), None);
        assert_eq!(mismatch("/a/**/b:go", "/a/x/b:go", false), None);
    }

    #[test]
    fn the_first_thing_that_a_path_lacks_is_named() {
        for (template, path, expected) in [
            ("/a", "/b", "0: segment 1 is `b`, not `a`"),
            ("/a", "/A", "0: segment 1 is `A`, not `a`"),
            ("/a", "/a//", "2: it has 1 segment more"),
            ("/a", "/", "0: it has 1 segment fewer"),
            ("/a/*", "/a", "2: it has 1 segment fewer"),
            ("/a/*", "/a/", "2: it has 1 segment fewer"),
            ("/a/*", "/a//", "2: segment 2 is empty"),
            ("/a/*", "/a/b/c", "4: it has 1 segment more"),
            ("/a/*", "/a/b:c", "2: segment 2 has a colon"),
            ("/a/**", "/a", "2: the slash before `**` is missing"),
            ("/a/**", "/a/b/c:d", "2: the text for `**` has a colon"),
            ("/a/**/b", "/a/b", "2: it does not end with `/b`"),
            ("/a/**/b", "/a/xb", "2: it does not end with `/b`"),
            ("/a/**/b/c", "/a/x/b", "2: it does not end with `/b/c`"),
            ("/a/*:go", "/a/1", "4: it does not end with `:go`"),
            ("/a/*:go", "/a/:go", "2: it has 1 segment fewer"),
            ("/a/**:go", "/a:go", "2: the slash before `**` is missing"),
            ("/a", "a", "0: it does not begin with a slash"),
        ] {
            let actual = mismatch(template, path, false);
            assert_eq!(actual.as_deref(), Some(expected), "{template} {path}");
        }
    }

    #[test]
    fn a_template_has_few_segments_and_without_any_it_is_the_root() {
        assert_eq!(
            PathMatch::espv2(Vec::new(), None, None, true),
            Ok(PathMatch::Exact("/".to_owned()))
        );
        let front = vec![Segment::Any; MAX_SEGMENTS];
        let tail = |len| Some(vec!["a".to_owned(); len]);
        assert!(PathMatch::espv2(front.clone(), tail(0), None, true).is_ok());
        let long = PathMatch::espv2(front, tail(1), None, true);
        assert_eq!(long, Err(TooManySegments));
    }
}
