//! Paths to a document's values, as messages write them: `routes[2].cors`.

use serde_path_to_error::Segment;

/// Writes a path as messages do.
pub(super) fn path_of(segments: &[Segment]) -> String {
    let mut path = String::new();
    for segment in segments {
        match segment {
            Segment::Map { key } => push_key(&mut path, key),
            Segment::Seq { index } => push_index(&mut path, *index),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    path
}

/// Appends a key to a path as messages write it.
pub(super) fn push_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

/// Appends the index of an element, which counts from 0.
pub(super) fn push_index(path: &mut String, index: usize) {
    path.push_str(&format!("[{index}]"));
}
