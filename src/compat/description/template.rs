//! A path template as a description of a service has it: google.api.http's grammar, as ESPv2 reads it.
//! <https://github.com/googleapis/googleapis/blob/master/google/api/http.proto>
//!
//! ```text
//! Template = "/" | "/" Segments [ ":" LITERAL ]
//! Segments = Segment { "/" Segment }
//! Segment  = "*" | "**" | LITERAL | "{" NAME { "." NAME } [ "=" Segments ] "}"
//! ```
//!
//! Behind `**` are only literals, and no variable is within another one.

use crate::compat::fault::Fault;
use crate::routing::MAX_SEGMENTS;
use std::collections::HashMap;
use std::fmt;

/// A path template that follows the grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
    verb: Option<String>,
    variables: Vec<Variable>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// One segment that is not empty: `*`.
    Any,
    /// Everything from here, or nothing: `**`.
    Rest,
}

/// A variable with a wildcard in it. One without is the literals that it is equal to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Variable {
    name: String,
    /// The index of its first segment, and the one behind its last.
    start: usize,
    end: usize,
}

// === impl Template ===

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// Fails if the text does not follow the grammar, has a character that no path has, or has too many
    /// segments.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(Fault::new(
                "it does not begin with a slash",
                "write `/` before it",
            ));
        };
        let mut parser = Parser {
            rest,
            template: Self {
                segments: Vec::new(),
                verb: None,
                variables: Vec::new(),
            },
            is_in_variable: false,
        };
        if !rest.is_empty() {
            parser.read_segments()?;
            parser.read_verb()?;
        }
        parser.template.checked()
    }

    /// Refuses a template that is too long, or has a wildcard behind `**`.
    fn checked(self) -> Result<Self, Fault> {
        let count = self.segments.len();
        if count > MAX_SEGMENTS {
            return Err(Fault::new(
                format!("it has {count} segments; at most {MAX_SEGMENTS}"),
                "write `**` for the last ones",
            ));
        }
        let mut behind = self.segments.iter().skip_while(|s| **s != Segment::Rest);
        behind.next();
        match behind.all(|segment| matches!(segment, Segment::Literal(_))) {
            true => Ok(self),
            false => Err(Fault::new(
                "behind `**` there is another wildcard",
                "write only literal segments behind `**`",
            )),
        }
    }

    /// Returns the names of its variables, in their order. A variable that is equal to literals is not
    /// among them.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|variable| variable.name.as_str())
    }

    /// Replaces the parts of variables' names that `names` has.
    pub(super) fn rename(&mut self, names: &HashMap<&str, &str>) {
        for variable in &mut self.variables {
            let parts = variable.name.split('.');
            let parts: Vec<&str> = parts
                .map(|part| *names.get(part).unwrap_or(&part))
                .collect();
            variable.name = parts.join(".");
        }
    }

    /// Whether the template matches every path that the other one matches. One with another verb does not
    /// count.
    pub fn covers(&self, other: &Self) -> bool {
        self.verb == other.verb && cover(&self.segments, &other.segments)
    }

    /// Returns the template without the names of variables: templates of the same paths have the same.
    pub fn shape(&self) -> String {
        let nameless = Self {
            variables: Vec::new(),
            ..self.clone()
        };
        nameless.to_string()
    }
}

/// Whether segments match every path that other segments match. `**` is at least an empty segment.
fn cover(wide: &[Segment], narrow: &[Segment]) -> bool {
    match (wide.split_first(), narrow.split_first()) {
        (None, None) => true,
        (Some((Segment::Rest, behind)), Some(_)) => {
            (1..=narrow.len()).any(|count| cover(behind, &narrow[count..]))
        }
        (Some((Segment::Any, wide)), Some((Segment::Literal(_) | Segment::Any, narrow))) => {
            cover(wide, narrow)
        }
        (Some((Segment::Literal(one), wide)), Some((Segment::Literal(other), narrow))) => {
            one == other && cover(wide, narrow)
        }
        _ => false,
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            f.write_str("/")?;
        }
        for (index, segment) in self.segments.iter().enumerate() {
            f.write_str("/")?;
            let starts = self.variables.iter().find(|v| v.start == index);
            let ends = self.variables.iter().any(|v| v.end == index + 1);
            let is_plain = starts.is_some() && ends && *segment == Segment::Any;
            if let Some(variable) = starts {
                write!(f, "{{{}", variable.name)?;
                f.write_str(if is_plain { "" } else { "=" })?;
            }
            match segment {
                Segment::Literal(text) => f.write_str(text)?,
                Segment::Any if is_plain => {}
                Segment::Any => f.write_str("*")?,
                Segment::Rest => f.write_str("**")?,
            }
            f.write_str(if ends { "}" } else { "" })?;
        }
        match &self.verb {
            Some(verb) => write!(f, ":{verb}"),
            None => Ok(()),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    template: Template,
    is_in_variable: bool,
}

// === impl Parser ===

impl Parser<'_> {
    fn read_segments(&mut self) -> Result<(), Fault> {
        loop {
            self.read_segment()?;
            match self.rest.strip_prefix('/') {
                Some(rest) => self.rest = rest,
                None => return Ok(()),
            }
        }
    }

    fn read_segment(&mut self) -> Result<(), Fault> {
        let (segment, rest) = if let Some(rest) = self.rest.strip_prefix("**") {
            (Segment::Rest, rest)
        } else if let Some(rest) = self.rest.strip_prefix('*') {
            (Segment::Any, rest)
        } else if let Some(rest) = self.rest.strip_prefix('{') {
            self.rest = rest;
            return self.read_variable();
        } else {
            let literal = self.read_literal()?;
            if literal.is_empty() {
                return Err(self.empty_segment());
            }
            (Segment::Literal(literal), self.rest)
        };
        if !rest.is_empty() && !rest.starts_with(['/', ':', '}']) {
            return Err(not_whole());
        }
        self.template.segments.push(segment);
        self.rest = rest;
        Ok(())
    }

    fn read_variable(&mut self) -> Result<(), Fault> {
        if self.is_in_variable {
            return Err(Fault::new(
                "a variable is within another one",
                "write `*` in place of the inner one",
            ));
        }
        let end = self.rest.find(['}', '=']).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        let is_bad = |c: char| c.is_control() || c.is_whitespace() || "{/*".contains(c);
        if name.split('.').any(str::is_empty) || name.contains(is_bad) {
            return Err(Fault::new(
                format!("`{name}` is not a variable's name"),
                "write the name of a field, such as `{id}`",
            ));
        }
        let start = self.template.segments.len();
        self.rest = rest;
        match rest.strip_prefix('=') {
            Some(rest) => {
                self.rest = rest;
                self.is_in_variable = true;
                self.read_segments()?;
                self.is_in_variable = false;
            }
            None => self.template.segments.push(Segment::Any),
        }
        let Some(rest) = self.rest.strip_prefix('}') else {
            return Err(Fault::new(
                format!("the variable `{name}` does not end"),
                "write `}` behind it; a `:` can't be in it",
            ));
        };
        if !rest.is_empty() && !rest.starts_with(['/', ':']) {
            return Err(not_whole());
        }
        self.rest = rest;
        let segments = self.template.segments.iter().skip(start);
        if segments.clone().any(|s| !matches!(s, Segment::Literal(_))) {
            self.template.variables.push(Variable {
                name: name.to_owned(),
                start,
                end: self.template.segments.len(),
            });
        }
        Ok(())
    }

    /// Reads the verb behind the segments, if there is one, and refuses anything else there.
    fn read_verb(&mut self) -> Result<(), Fault> {
        if let Some(rest) = self.rest.strip_prefix(':') {
            self.rest = rest;
            let verb = self.read_literal()?;
            if verb.is_empty() {
                return Err(Fault::new("the verb behind `:` is empty", "remove the `:`"));
            }
            self.template.verb = Some(verb);
        }
        match self.rest.chars().next() {
            None => Ok(()),
            Some('}') => Err(Fault::new("a `}` is without its `{`", "remove it")),
            Some(_) => Err(Fault::new(
                "a `:` begins the verb, which is behind the last segment",
                "write `*` for a segment with a colon in it",
            )),
        }
    }

    fn read_literal(&mut self) -> Result<String, Fault> {
        let end = self.rest.find(['/', ':', '}']);
        let (literal, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        if literal.contains(['*', '{']) {
            return Err(not_whole());
        }
        let is_bad = |c: &char| c.is_control() || c.is_whitespace() || "?#\\".contains(*c);
        match literal.chars().find(is_bad) {
            Some(bad) => Err(Fault::new(
                format!("no path that is matched has {bad:?} in it"),
                "leave the query out, and write other characters as in a URL: `%20`",
            )),
            None => Ok(literal.to_owned()),
        }
    }

    fn empty_segment(&self) -> Fault {
        match self.rest {
            "" if !self.is_in_variable => Fault::new(
                "it ends with a slash",
                "leave it out: a template matches with a slash at the end as well",
            ),
            _ => {
                let number = self.template.segments.len() + 1;
                Fault::new(
                    format!("segment {number} is empty"),
                    "remove one of the slashes around it",
                )
            }
        }
    }
}

/// Words that a wildcard or a variable is only a part of a segment.
fn not_whole() -> Fault {
    Fault::new(
        "a wildcard or a variable is only a part of a segment",
        "write `*` or `{NAME}` for the whole segment",
    )
}

#[cfg(test)]
mod tests;
