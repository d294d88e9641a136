//! A path template as a description of a service has it. `config` reads it, as ESPv2 does.

use crate::config::{Espv2Segment, Espv2TemplateForm, Problem, espv2_template};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

/// A path template that follows the grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Espv2Segment>,
    verb: Option<String>,
    variables: Vec<Variable>,
}

/// A variable with a wildcard in it. One without is the literals that it is equal to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Variable {
    name: String,
    segments: Range<usize>,
}

// === impl Template ===

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// Fails if the text does not follow the grammar, has a character that no path has, or has too many
    /// segments.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let Espv2TemplateForm {
            segments,
            verb,
            variables,
        } = espv2_template(text)?;
        let is_wildcard = |segment: &Espv2Segment| !matches!(segment, Espv2Segment::Literal(_));
        let variables = variables.into_iter().filter_map(|(name, range)| {
            let mut own = segments.get(range.clone())?.iter();
            own.any(is_wildcard).then_some(Variable {
                name,
                segments: range,
            })
        });
        Ok(Self {
            variables: variables.collect(),
            segments,
            verb,
        })
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
fn cover(wide: &[Espv2Segment], narrow: &[Espv2Segment]) -> bool {
    match (wide.split_first(), narrow.split_first()) {
        (None, None) => true,
        (Some((Espv2Segment::Rest, behind)), Some(_)) => {
            (1..=narrow.len()).any(|count| cover(behind, &narrow[count..]))
        }
        (
            Some((Espv2Segment::Any, wide)),
            Some((Espv2Segment::Literal(_) | Espv2Segment::Any, narrow)),
        ) => cover(wide, narrow),
        (
            Some((Espv2Segment::Literal(one), wide)),
            Some((Espv2Segment::Literal(other), narrow)),
        ) => one == other && cover(wide, narrow),
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
            let starts = self.variables.iter().find(|v| v.segments.start == index);
            let ends = self.variables.iter().any(|v| v.segments.end == index + 1);
            let is_plain = starts.is_some() && ends && *segment == Espv2Segment::Any;
            if let Some(variable) = starts {
                write!(f, "{{{}", variable.name)?;
                f.write_str(if is_plain { "" } else { "=" })?;
            }
            match segment {
                Espv2Segment::Literal(text) => f.write_str(text)?,
                Espv2Segment::Any if is_plain => {}
                Espv2Segment::Any => f.write_str("*")?,
                Espv2Segment::Rest => f.write_str("**")?,
            }
            f.write_str(if ends { "}" } else { "" })?;
        }
        match &self.verb {
            Some(verb) => write!(f, ":{verb}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
