//! The operations of a description, as they are found: each has a name of its own, and one method with
//! one template is declared once.

use super::model::{Backend, HttpMethod, Operation};
use super::reader::Reader;
use super::template::Template;
use crate::config::{Place, Problem, TreeValue};
use std::collections::{HashMap, HashSet};

/// Maximum number of operations; a description with more of them is refused. Each can become three routes, and
/// all of them have to fit into a configuration.
pub(super) const MAX_OPERATIONS: usize = 2_000;

/// An operation that is declared.
pub(super) struct Declared<'a, 't> {
    pub selector: &'a str,
    pub method: HttpMethod,
    pub template: Template,
    pub backend: Option<Backend>,
    pub is_streaming: bool,
    pub is_call: bool,
    pub at: TreeValue<'t>,
}

/// Operations with different names, for different methods or templates.
#[derive(Default)]
pub(super) struct Operations {
    list: Vec<Operation>,
    declared: HashMap<(HttpMethod, String), (String, Place)>,
    names: HashSet<String>,
    /// The number of operations with each selector.
    counts: HashMap<String, usize>,
}

// === impl Operations ===

impl Operations {
    /// Adds an operation, or an error about it.
    pub(super) fn add(&mut self, reader: &mut Reader<'_>, declared: Declared<'_, '_>) {
        let Declared {
            selector,
            method,
            template,
            backend,
            is_streaming,
            is_call,
            at,
        } = declared;
        let key = (method.clone(), template.shape());
        if let Some((first, place)) = self.declared.get(&key) {
            let message = format!(
                "{} `{template}` stands here twice, first in line {} for `{first}`; names of variables do not count",
                method.as_str(),
                place.line
            );
            return reader.error(at, message, "remove one of them");
        }
        if self.list.len() == MAX_OPERATIONS {
            let message = format!("the description has more than {MAX_OPERATIONS} operations");
            return reader.error(at, message, "describe the service in several parts");
        }
        self.declared.insert(key, (selector.to_owned(), at.place()));
        let name = self.name_of(selector);
        self.list.push(Operation {
            name,
            selector: selector.to_owned(),
            method,
            template,
            backend,
            is_streaming,
            is_call,
            place: at.place(),
        });
    }

    /// Whether this method is declared for the paths of this template.
    pub(super) fn is_declared(&self, method: &str, template: &Template) -> bool {
        let method = HttpMethod::Token(method.to_owned());
        self.declared.contains_key(&(method, template.shape()))
    }

    /// Returns a name that no operation has yet.
    pub(super) fn name_of(&mut self, selector: &str) -> String {
        let count = self.counts.entry(selector.to_owned()).or_default();
        loop {
            *count += 1;
            let name = match *count {
                1 => selector.to_owned(),
                number => format!("{selector}_{number}"),
            };
            if self.names.insert(name.clone()) {
                return name;
            }
        }
    }

    pub(super) fn into_list(self) -> Vec<Operation> {
        self.list
    }
}

/// Reads a template of `at`; if it is not one, an error says so.
pub(super) fn template(reader: &mut Reader<'_>, text: &str, at: TreeValue<'_>) -> Option<Template> {
    match Template::parse(text) {
        Ok(template) => Some(template),
        Err(problem) => {
            let message = format!("`{text}` is not a path template: {}", problem.message);
            reader.problem(at, Problem { message, ..problem });
            None
        }
    }
}
