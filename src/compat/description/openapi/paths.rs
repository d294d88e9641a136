//! The paths of a document, each with its operations.

use crate::compat::description::reader::Reader;
use crate::config::{Shape, TreeValue};

/// Maximum number of references followed one after the other; beyond it, they are refused.
const MAX_REFERENCES: usize = 8;
/// Maximum number of paths; a document with more of them is refused.
const MAX_PATHS: usize = super::super::operations::MAX_OPERATIONS;

/// The methods of operations, as keys of a path, in the order in which deploying declares them.
const METHODS: [&str; 7] = ["get", "head", "delete", "patch", "post", "put", "options"];

/// A path with its operations.
pub(super) struct Item<'t> {
    pub path: &'t str,
    pub at: TreeValue<'t>,
    /// Each operation with its method, in small letters.
    pub operations: Vec<(&'static str, TreeValue<'t>)>,
}

/// Returns all paths of a document.
pub(super) fn items<'t>(reader: &mut Reader<'_>, root: TreeValue<'t>) -> Vec<Item<'t>> {
    let Some(paths) = reader.mapping(root, "paths") else {
        reader.error(
            root,
            "the document has no paths",
            "write its `paths`, or `paths: {}`",
        );
        return Vec::new();
    };
    let entries = paths.entries();
    if entries.len() > MAX_PATHS {
        let message = format!("the document has more than {MAX_PATHS} paths");
        reader.error(paths, message, "describe the service in several parts");
        return Vec::new();
    }
    let entries = entries.into_iter();
    let entries = entries.filter(|(path, _)| !path.starts_with("x-"));
    entries
        .filter_map(|(path, at)| item(reader, root, path, at))
        .collect()
}

fn item<'t>(
    reader: &mut Reader<'_>,
    root: TreeValue<'t>,
    path: &'t str,
    at: TreeValue<'t>,
) -> Option<Item<'t>> {
    let item = referenced(reader, root, at)?;
    if item.shape() == Shape::Nothing || !reader.is_mapping(item) {
        return None;
    }
    for (key, message) in [
        (
            "trace",
            "operations for TRACE are ignored, as ESPv2 has none",
        ),
        ("servers", "servers of a single path are ignored"),
        (
            "x-google-backend",
            "a path can't have a backend: this has no effect",
        ),
    ] {
        if let Some(field) = item.get(key) {
            let hint = match key {
                "x-google-backend" => "write it in each operation",
                _ => "remove it",
            };
            reader.remark(field, message, hint);
        }
    }
    let mut operations = Vec::new();
    for method in METHODS {
        if let Some(operation) = item.get(method)
            && reader.is_mapping(operation)
        {
            operations.push((method, operation));
        }
    }
    Some(Item {
        path,
        at,
        operations,
    })
}

/// Follows the references of a path, all of which are within the document.
fn referenced<'t>(
    reader: &mut Reader<'_>,
    root: TreeValue<'t>,
    at: TreeValue<'t>,
) -> Option<TreeValue<'t>> {
    let mut item = at;
    for _ in 0..MAX_REFERENCES {
        let Some((reference, field)) = reader.text(item, "$ref") else {
            return Some(item);
        };
        let Some(pointer) = reference.strip_prefix('#') else {
            let message = "this refers to another file, and only this one is read";
            reader.error(field, message, "write the operations here");
            return None;
        };
        let Some(found) = find(root, pointer) else {
            let message = "there is no such value in the document";
            let hint = "write it as `#/components/pathItems/NAME`";
            reader.error(field, message, hint);
            return None;
        };
        item = found;
    }
    let message = format!("more than {MAX_REFERENCES} references follow one another here");
    reader.error(at, message, "write the operations here");
    None
}

/// Finds the value of a JSON pointer.
fn find<'t>(root: TreeValue<'t>, pointer: &str) -> Option<TreeValue<'t>> {
    let mut value = root;
    for step in pointer.split('/').skip(1) {
        let key = step.replace("%7B", "{").replace("%7D", "}");
        let key = key.replace("~1", "/").replace("~0", "~");
        value = match value.shape() {
            Shape::List => value.elements().nth(key.parse().ok()?)?,
            _ => value.get(&key)?,
        };
    }
    Some(value)
}
