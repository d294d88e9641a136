//! An OpenAPI document with Google's extensions, 2.0 or 3.x, as deploying a service reads it.
//!
//! - The base path is a part of each template: ESPv2 sees it, and so does the backend.
//! - Operations for TRACE, and servers of a single path, are ignored, as deploying ignores them.

mod paths;
mod security;
mod service;

use super::backends::Backends;
use super::model::{Backend, Description, HttpMethod, Kind, PathTranslation};
use super::operations::{Declared, Operations, template};
use super::reader::Reader;
use crate::config::{Shape, TreeValue};
use paths::Item;
use security::Security;
use service::Service;
use std::collections::HashMap;

const BACKEND: &str = "x-google-backend";
const MANAGEMENT: &str = "x-google-api-management";
const ALLOW: &str = "x-google-allow";

/// The methods of operations for unrecognized calls, `x-google-allow: all`.
const UNRECOGNIZED: [&str; 5] = ["GET", "DELETE", "PATCH", "POST", "PUT"];

/// A walk over a document.
struct Walk<'a, 'f, 't> {
    reader: &'a mut Reader<'f>,
    kind: Kind,
    base: String,
    backends: Backends,
    /// The backends that OpenAPI 3 has by name, as they are written.
    named: HashMap<&'t str, TreeValue<'t>>,
    /// The backend of operations without one of their own.
    default: Option<Backend>,
    security: Security<'t>,
    operations: Operations,
}

/// Reads a document of this kind.
pub(super) fn read(reader: &mut Reader<'_>, root: TreeValue<'_>, kind: Kind) -> Description {
    let Service {
        name,
        base,
        allows_cors,
    } = Service::read(reader, root, kind);
    let mut walk = Walk {
        kind,
        base,
        backends: Backends::default(),
        named: named_backends(reader, root, kind),
        default: None,
        security: Security::read(reader, root, kind),
        operations: Operations::default(),
        reader,
    };
    walk.default = walk.backend(root, PathTranslation::AppendPathToAddress);
    for item in paths::items(walk.reader, root) {
        walk.take(item);
    }
    walk.allow_unrecognized(root);
    tell_of_quotas(walk.reader, root);
    Description {
        kind,
        name,
        operations: walk.operations.into_list(),
        allows_cors,
        demands: walk.security.into_demands(),
        remarks: Vec::new(),
        calls: Vec::new(),
    }
}

// === impl Walk ===

impl<'t> Walk<'_, '_, 't> {
    /// Takes a path with its operations.
    fn take(&mut self, item: Item<'t>) {
        let text = match (self.base.as_str(), item.path) {
            // The base path matches with a slash at its end.
            (base, "/") if !base.is_empty() => base.to_owned(),
            (base, path) => format!("{base}{path}"),
        };
        let Some(template) = template(self.reader, &text, item.at) else {
            return;
        };
        for (method, operation) in item.operations {
            let selector = match self.reader.text(operation, "operationId") {
                Some((id, _)) => id.to_owned(),
                None => made_selector(method, &text),
            };
            let own = self.backend(operation, PathTranslation::ConstantAddress);
            let backend = match self.reader.field(operation, BACKEND) {
                Some(_) => own,
                None => self.default.clone(),
            };
            self.security.demand(self.reader, operation, &selector);
            let declared = Declared {
                selector: &selector,
                method: HttpMethod::Token(method.to_ascii_uppercase()),
                template: template.clone(),
                backend,
                is_streaming: false,
                is_call: false,
                at: operation,
            };
            self.operations.add(self.reader, declared);
        }
    }

    /// Reads the backend of the document or of an operation.
    fn backend(&mut self, around: TreeValue<'t>, default: PathTranslation) -> Option<Backend> {
        let field = self.reader.field(around, BACKEND)?;
        let rule = match (self.kind, field.shape()) {
            (Kind::OpenApi3, Shape::Text(name)) => match self.named.get(name) {
                Some(rule) => *rule,
                None => {
                    let mut names: Vec<&str> = self.named.keys().copied().collect();
                    names.sort_unstable();
                    names.truncate(10);
                    let hint = match names.as_slice() {
                        [] => format!("describe it in `{MANAGEMENT}.backends`"),
                        names => format!("write one of {}", names.join(", ")),
                    };
                    let message = format!("`{name}` is not the name of a backend");
                    self.reader.error(field, message, hint);
                    return None;
                }
            },
            (Kind::OpenApi3, _) => {
                let hint = format!(
                    "describe the backend in `{MANAGEMENT}.backends`, and write its name here"
                );
                let message = "in OpenAPI 3 this is the name of a backend";
                self.reader.error(field, message, hint);
                return None;
            }
            (_, Shape::Mapping) => field,
            _ => {
                let message = "in OpenAPI 2.0 this describes a backend";
                let hint = "write `address: https://HOST/PATH` within it";
                self.reader.error(field, message, hint);
                return None;
            }
        };
        self.backends.read(self.reader, rule, default)
    }

    /// Declares the operations for calls that the document does not have, if it allows them.
    fn allow_unrecognized(&mut self, root: TreeValue<'t>) {
        let Some((text, field)) = self.reader.text(root, ALLOW) else {
            return;
        };
        if self.kind == Kind::OpenApi3 {
            let message = "OpenAPI 3 has no such extension for Endpoints: it has no effect";
            let hint = "declare the path `/{path=**}`, with the methods that it shall have";
            return self.reader.remark(field, message, hint);
        }
        if text.eq_ignore_ascii_case("configured") {
            return;
        }
        if !text.eq_ignore_ascii_case("all") {
            let message = "there is no such value";
            return self
                .reader
                .error(field, message, "write `all` or `configured`");
        }
        let text = format!("{}/**", self.base);
        let Some(template) = template(self.reader, &text, field) else {
            return;
        };
        for method in UNRECOGNIZED {
            if self.operations.is_declared(method, &template) {
                continue;
            }
            let declared = Declared {
                selector: &format!("Unrecognized_{method}"),
                method: HttpMethod::Token(method.to_owned()),
                template: template.clone(),
                backend: self.default.clone(),
                is_streaming: false,
                is_call: false,
                at: field,
            };
            self.operations.add(self.reader, declared);
        }
    }
}

/// Returns the backends of `x-google-api-management`, as they are written.
fn named_backends<'t>(
    reader: &mut Reader<'_>,
    root: TreeValue<'t>,
    kind: Kind,
) -> HashMap<&'t str, TreeValue<'t>> {
    if kind != Kind::OpenApi3 {
        return HashMap::new();
    }
    let management = reader.mapping(root, MANAGEMENT);
    let backends = management.and_then(|management| reader.mapping(management, "backends"));
    let backends = backends.map(TreeValue::entries).unwrap_or_default();
    let backends = backends.into_iter();
    backends
        .filter(|(_, rule)| reader.is_mapping(*rule))
        .collect()
}

/// Remarks that quotas have no effect.
fn tell_of_quotas(reader: &mut Reader<'_>, root: TreeValue<'_>) {
    let quota = |name: &str| root.get(name).and_then(|section| section.get("quota"));
    let quotas = [quota("x-google-management"), quota(MANAGEMENT)];
    for quota in quotas.into_iter().flatten() {
        let hint = "limit the rate of requests with `rate_limit`";
        reader.remark(quota, "quotas have no effect here", hint);
    }
}

/// Makes the selector of an operation without an `operationId`, such as `get_v1_books_id`.
fn made_selector(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    match words.is_empty() {
        true => method.to_owned(),
        false => format!("{method}_{}", words.join("_")),
    }
}
