//! Paths that match two rules: one of each kind, so that all others that match both are like one of them.
//!
//! A path is like another if every rule that matches the other matches it, too. Therefore the paths here
//! have text that no rule names wherever the two allow any, and where both let a path go on, they go on
//! with an empty segment, which no `*` matches, and one with that text, so that no slash is the last one.

use super::espv2_template::Espv2Template;
use super::matches::PathMatch;
use super::template::{Segment, Template};

/// The kinds of path that a rule matches.
#[derive(Default)]
pub(super) struct Kinds(Vec<Shape>);

/// A part of the paths that a rule matches.
struct Shape {
    /// The first segments.
    front: Vec<Part>,
    /// The segments between the first and the last ones; `None` if there are none.
    middle: Option<Middle>,
    /// The last segments.
    tail: Vec<Part>,
}

/// Segments of any text.
struct Middle {
    /// The least number of them.
    least: usize,
    part: Part,
}

/// A segment.
#[derive(Debug, Clone)]
enum Part {
    Literal(String),
    Wild {
        /// Whether the text may be nothing.
        may_be_empty: bool,
        /// Whether the text may have colons.
        has_colons: bool,
        /// A verb behind the text, with its colon, or nothing.
        verb: String,
    },
}

/// Text that no route names, in the place of a segment.
const OTHER: &str = "\0";
/// The same with a colon, which some wildcards do not match.
const WITH_COLON: &str = "\0:\0";

// === impl Kinds ===

impl Kinds {
    pub(super) fn of(path: &PathMatch) -> Self {
        let literals = |text: &str| text.split('/').skip(1).map(literal).collect();
        Self(match path {
            PathMatch::Exact(text) => vec![Shape::fixed(literals(text))],
            PathMatch::Prefix(text) => vec![Shape {
                front: literals(text),
                // A path begins with a slash, so that it has a segment.
                middle: Some(Middle::new(usize::from(text.is_empty()), true)),
                tail: Vec::new(),
            }],
            PathMatch::Template(template) => Shape::of_template(template),
            PathMatch::Espv2(template) => Shape::of_espv2(template),
        })
    }

    /// Returns paths that match both rules, one of each kind. There are none if no path matches both.
    pub(super) fn common(&self, other: &Self) -> Vec<String> {
        let mut paths = Vec::new();
        for shape in &self.0 {
            for other in &other.0 {
                paths.extend(shape.common(other));
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

impl Shape {
    fn fixed(front: Vec<Part>) -> Self {
        Self {
            front,
            middle: None,
            tail: Vec::new(),
        }
    }

    fn of_template(template: &Template) -> Vec<Self> {
        let front: Vec<Part> = template
            .segments
            .iter()
            .map(|s| Part::of(s, true))
            .collect();
        let mut shapes = Vec::new();
        let Some(verb) = &template.verb else {
            shapes.push(Self {
                front,
                middle: template.has_rest.then(|| Middle::new(0, true)),
                tail: Vec::new(),
            });
            return shapes;
        };
        // `**` may be nothing, and then the verb is behind the last segment.
        if let Some((last, before)) = front.split_last() {
            let last = last.clone().with_verb(verb);
            shapes.push(Self::fixed([before, &[last]].concat()));
        }
        if template.has_rest {
            shapes.push(Self {
                front,
                middle: Some(Middle::new(0, true)),
                tail: vec![Part::free(true).with_verb(verb)],
            });
        }
        shapes
    }

    /// Returns the shapes of a template in ESPv2's syntax: with one slash more at the end, and without it.
    fn of_espv2(template: &Espv2Template) -> Vec<Self> {
        let Espv2Template {
            front,
            tail,
            verb,
            has_colons,
        } = template;
        let front: Vec<Part> = front.iter().map(|s| Part::of(s, *has_colons)).collect();
        let literals = tail.iter().flatten().map(|text| literal(text));
        let (mut least, mut ending) = (1, literals.collect::<Vec<_>>());
        let has_rest = tail.is_some();
        let mut shapes = Vec::new();
        let mut add = |front: &[Part], least, tail: Vec<Part>| {
            shapes.push(Self {
                front: front.to_vec(),
                middle: has_rest.then(|| Middle::new(least, *has_colons)),
                tail,
            });
        };
        if has_rest && ending.is_empty() {
            // The last text for `**` is the last segment, and a slash at the end is a part of it.
            if let Some(verb) = verb {
                (least, ending) = (0, vec![Part::free(*has_colons).with_verb(verb)]);
            }
            add(&front, least, ending);
            return shapes;
        }
        let with_slash = match verb {
            None => literal(""),
            Some(verb) => Part::Literal(format!(":{verb}")),
        };
        add(&front, least, [ending.as_slice(), &[with_slash]].concat());
        let mut front = front;
        if let Some(verb) = verb
            && let Some(last) = ending.last_mut().or(front.last_mut())
        {
            *last = last.clone().with_verb(verb);
        }
        add(&front, least, ending);
        shapes
    }

    /// Returns the least number of segments.
    fn least(&self) -> usize {
        let middle = self.middle.as_ref().map_or(0, |middle| middle.least);
        self.front.len() + middle + self.tail.len()
    }

    /// Returns the segment at `at` of a path with `len` segments, which the shape has.
    fn part(&self, len: usize, at: usize) -> Option<&Part> {
        let tail = len.checked_sub(self.tail.len())?;
        match (self.front.get(at), at.checked_sub(tail)) {
            (Some(part), _) => Some(part),
            (None, Some(at)) => self.tail.get(at),
            (None, None) => self.middle.as_ref().map(|middle| &middle.part),
        }
    }

    /// Returns paths of both shapes, one of each kind.
    fn common(&self, other: &Self) -> Vec<String> {
        let mut shared = self.front.iter().zip(&other.front);
        if shared.any(|(one, another)| one.common(another).is_empty()) {
            return Vec::new();
        }
        let least = self.least().max(other.least());
        // The segments of which one shape or the other says more than that there is one.
        let said = self.front.len().max(other.front.len()) + self.tail.len().max(other.tail.len());
        let lens = match (&self.middle, &other.middle) {
            (Some(_), Some(_)) => least..=least.max(said + 2),
            _ => least..=least,
        };
        let is_len = |shape: &Self, len| shape.middle.is_some() || shape.least() == len;
        let lens = lens.filter(|&len| is_len(self, len) && is_len(other, len));
        lens.flat_map(|len| self.common_of(other, len)).collect()
    }

    /// Returns the paths of both shapes with so many segments, one of each kind.
    fn common_of(&self, other: &Self, len: usize) -> Vec<String> {
        let mut paths = vec![String::new()];
        for at in 0..len {
            let Some((one, another)) = self.part(len, at).zip(other.part(len, at)) else {
                return Vec::new();
            };
            let texts = one.common(another);
            let is_last = at + 1 == len;
            let mut longer = Vec::new();
            for path in &paths {
                // An empty segment is of another kind only at the end. Two of them could be an exact path.
                let chosen = match texts.as_slice() {
                    [empty, other] if empty.is_empty() && !is_last => match path.ends_with('/') {
                        true => std::slice::from_ref(other),
                        false => std::slice::from_ref(empty),
                    },
                    all => all,
                };
                longer.extend(chosen.iter().map(|text| format!("{path}/{text}")));
            }
            paths = longer;
        }
        paths
    }
}

// === impl Middle ===

impl Middle {
    fn new(least: usize, has_colons: bool) -> Self {
        let part = Part::free(has_colons);
        Self { least, part }
    }
}

// === impl Part ===

impl Part {
    fn of(segment: &Segment, has_colons: bool) -> Self {
        match segment {
            Segment::Literal(text) => literal(text),
            Segment::Any => Self::Wild {
                may_be_empty: false,
                has_colons,
                verb: String::new(),
            },
        }
    }

    fn free(has_colons: bool) -> Self {
        Self::Wild {
            may_be_empty: true,
            has_colons,
            verb: String::new(),
        }
    }

    fn with_verb(mut self, name: &str) -> Self {
        let (Self::Literal(text) | Self::Wild { verb: text, .. }) = &mut self;
        text.push(':');
        text.push_str(name);
        self
    }

    /// Returns the texts that both match, one of each kind, the empty one first.
    fn common(&self, other: &Self) -> Vec<String> {
        if let (Self::Literal(text), Self::Literal(other)) = (self, other) {
            let same = (text == other).then(|| text.clone());
            return same.into_iter().collect();
        }
        let mut texts = self.texts();
        texts.extend(other.texts());
        texts.retain(|text| self.is_match(text) && other.is_match(text));
        texts.sort_unstable();
        texts.dedup();
        texts
    }

    /// Returns texts that it matches, and few others do.
    fn texts(&self) -> Vec<String> {
        match self {
            Self::Literal(text) => vec![text.clone()],
            Self::Wild {
                may_be_empty,
                has_colons,
                verb,
            } => {
                let empty = may_be_empty.then(|| verb.clone());
                let other = if *has_colons { WITH_COLON } else { OTHER };
                empty
                    .into_iter()
                    .chain([format!("{other}{verb}")])
                    .collect()
            }
        }
    }

    fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Literal(own) => own == text,
            Self::Wild {
                may_be_empty,
                has_colons,
                verb,
            } => text.strip_suffix(verb.as_str()).is_some_and(|text| {
                (*may_be_empty || !text.is_empty()) && (*has_colons || !text.contains(':'))
            }),
        }
    }
}

fn literal(text: &str) -> Part {
    Part::Literal(text.to_owned())
}
