//! Reads fields of a description's values, and collects everything that is wrong with them.

use crate::config::{Diagnostic, Firsts, Problem, Severity, Shape, TreeValue};
use std::path::Path;

/// A walk over a description, with the problems that it found so far.
pub(super) struct Reader<'a> {
    file: &'a Path,
    errors: Firsts<Diagnostic>,
    remarks: Firsts<Diagnostic>,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a Path) -> Self {
        Self {
            file,
            errors: Firsts::default(),
            remarks: Firsts::default(),
        }
    }

    /// Returns the remarks, or all errors if there are any.
    pub(super) fn finish(self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        let errors = in_order(self.errors, Severity::Error, self.file);
        match errors.is_empty() {
            true => Ok(in_order(self.remarks, Severity::Warning, self.file)),
            false => Err(errors),
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.kept.is_empty()
    }

    /// Adds an error about `value`.
    pub(super) fn error(
        &mut self,
        value: TreeValue<'_>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.problem(value, Problem::new(message, hint));
    }

    /// Adds a problem of `value` as an error.
    pub(super) fn problem(&mut self, value: TreeValue<'_>, problem: Problem) {
        let file = self.file;
        self.errors
            .push_with(|| diagnostic(Severity::Error, file, value, problem));
    }

    /// Adds a warning about `value`.
    pub(super) fn remark(
        &mut self,
        value: TreeValue<'_>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let problem = Problem::new(message, hint);
        let file = self.file;
        self.remarks
            .push_with(|| diagnostic(Severity::Warning, file, value, problem));
    }

    /// Returns the field of a mapping whose name is `name`, or the same name in camel case; `None` if it
    /// is not written, or is nothing.
    pub(super) fn field<'t>(&mut self, around: TreeValue<'t>, name: &str) -> Option<TreeValue<'t>> {
        let camel = camel_case(name);
        let camel = camel.as_deref().and_then(|camel| around.get(camel));
        let snake = around.get(name);
        if let (Some(_), Some(camel)) = (snake, camel) {
            let message = format!("this field stands here twice, as `{name}` as well");
            self.error(camel, message, "remove one of them");
        }
        let field = snake.or(camel)?;
        (field.shape() != Shape::Nothing).then_some(field)
    }

    /// Returns the text of a field, and the field. An empty one is as good as none.
    pub(super) fn text<'t>(
        &mut self,
        around: TreeValue<'t>,
        name: &str,
    ) -> Option<(&'t str, TreeValue<'t>)> {
        let field = self.field(around, name)?;
        match field.shape() {
            Shape::Text(text) => (!text.is_empty()).then_some((text, field)),
            _ => {
                self.error(field, "this is not text", "write a text, in quotes");
                None
            }
        }
    }

    /// Whether a field is `true`. One that is not written is not.
    pub(super) fn flag(&mut self, around: TreeValue<'_>, name: &str) -> bool {
        let Some(field) = self.field(around, name) else {
            return false;
        };
        match field.shape() {
            Shape::Flag(flag) => flag,
            _ => {
                let message = "this is neither true nor false";
                self.error(field, message, "write `true` or `false`, without quotes");
                false
            }
        }
    }

    /// Returns the number of a field, and the field. JSON's form of protocol buffers has numbers as texts, too.
    pub(super) fn number<'t>(
        &mut self,
        around: TreeValue<'t>,
        name: &str,
    ) -> Option<(f64, TreeValue<'t>)> {
        let field = self.field(around, name)?;
        let number = match field.shape() {
            Shape::Number(number) => Some(number),
            Shape::Text(text) => text.parse().ok(),
            _ => None,
        };
        let number = number.filter(|number: &f64| number.is_finite());
        if number.is_none() {
            self.error(field, "this is not a number", "write a number, such as 2.5");
        }
        Some((number?, field))
    }

    /// Returns the elements of a field that is a list of mappings.
    pub(super) fn mappings<'t>(&mut self, around: TreeValue<'t>, name: &str) -> Vec<TreeValue<'t>> {
        let Some(field) = self.field(around, name) else {
            return Vec::new();
        };
        if field.shape() != Shape::List {
            self.error(field, "this is not a list", "write a list of mappings");
        }
        let elements = field.elements();
        elements
            .filter(|element| self.is_mapping(*element))
            .collect()
    }

    /// Returns a field that is a mapping.
    pub(super) fn mapping<'t>(
        &mut self,
        around: TreeValue<'t>,
        name: &str,
    ) -> Option<TreeValue<'t>> {
        let field = self.field(around, name)?;
        self.is_mapping(field).then_some(field)
    }

    /// Whether `value` is a mapping; if it is not, an error says so.
    pub(super) fn is_mapping(&mut self, value: TreeValue<'_>) -> bool {
        let is_mapping = value.shape() == Shape::Mapping;
        if !is_mapping {
            self.error(value, "this is not a mapping", "write keys with values");
        }
        is_mapping
    }
}

fn diagnostic(
    severity: Severity,
    file: &Path,
    value: TreeValue<'_>,
    problem: Problem,
) -> Diagnostic {
    let value_there = match value.shape() {
        Shape::List | Shape::Mapping | Shape::Nothing => None,
        _ => value.written().map(str::to_owned),
    };
    let diagnostic = Diagnostic {
        place: Some(value.place()),
        path: value.path(),
        value: value_there,
        ..Diagnostic::new(severity, file, problem)
    };
    diagnostic.shortened()
}

/// Returns all problems in the order of the file, each once.
fn in_order(found: Firsts<Diagnostic>, severity: Severity, file: &Path) -> Vec<Diagnostic> {
    let Firsts { mut kept, more } = found;
    kept.sort_by(|a, b| (a.place, &a.path).cmp(&(b.place, &b.path)));
    kept.dedup();
    kept.extend(Diagnostic::of_more(severity, file, more));
    kept
}

/// Returns a field's name in camel case, as JSON's form of protocol buffers has it; `None` if that is the
/// same.
fn camel_case(name: &str) -> Option<String> {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default();
    let mut camel = first.to_owned();
    for part in parts {
        let mut letters = part.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    (camel != name).then_some(camel)
}
