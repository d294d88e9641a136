//! The edits of fields that a route makes in requests to its upstream and in the responses.
//!
//! *Invariant:* no edit is about a field that CORS, routing or framing depends on: the configuration refuses
//! those.

use crate::config::{FieldEdit, HeaderEdits};
use http::{HeaderMap, HeaderName};
use pingora_http::{RequestHeader, ResponseHeader};

/// A header whose fields can be edited.
pub(crate) trait EditFields {
    /// Removes all lines of a field.
    fn remove(&mut self, name: &HeaderName);
    /// Replaces all lines of a field by one.
    fn set(&mut self, field: &FieldEdit);
    /// Adds a line of a field behind the others.
    fn add(&mut self, field: &FieldEdit);
}

/// Makes the edits: what is removed, then what is set, then what is added.
pub(crate) fn apply(edits: &HeaderEdits, fields: &mut impl EditFields) {
    let HeaderEdits { remove, set, add } = edits;
    remove.iter().for_each(|name| fields.remove(name));
    set.iter().for_each(|field| fields.set(field));
    add.iter().for_each(|field| fields.add(field));
}

// === impl EditFields ===

impl EditFields for HeaderMap {
    fn remove(&mut self, name: &HeaderName) {
        self.remove(name);
    }

    fn set(&mut self, field: &FieldEdit) {
        self.insert(&field.name, field.value.clone());
    }

    fn add(&mut self, field: &FieldEdit) {
        self.append(&field.name, field.value.clone());
    }
}

impl EditFields for RequestHeader {
    fn remove(&mut self, name: &HeaderName) {
        self.remove_header(name);
    }

    fn set(&mut self, field: &FieldEdit) {
        // The name and the value were checked when the configuration was compiled.
        let inserted = self.insert_header(field.written.clone(), &field.value);
        debug_assert!(inserted.is_ok(), "{}", field.name);
    }

    fn add(&mut self, field: &FieldEdit) {
        let added = self.append_header(field.written.clone(), &field.value);
        debug_assert!(added.is_ok(), "{}", field.name);
    }
}

impl EditFields for ResponseHeader {
    fn remove(&mut self, name: &HeaderName) {
        self.remove_header(name);
    }

    fn set(&mut self, field: &FieldEdit) {
        let inserted = self.insert_header(field.written.clone(), &field.value);
        debug_assert!(inserted.is_ok(), "{}", field.name);
    }

    fn add(&mut self, field: &FieldEdit) {
        let added = self.append_header(field.written.clone(), &field.value);
        debug_assert!(added.is_ok(), "{}", field.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn field(name: &'static str, value: &'static str) -> FieldEdit {
        FieldEdit {
            name: HeaderName::try_from(name).expect("a name"),
            written: name.into(),
            value: HeaderValue::from_static(value),
        }
    }

    /// The lines of a header as `name: value`, in a form that does not depend on their order.
    fn lines(fields: &HeaderMap) -> Vec<String> {
        let mut lines: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn fields_are_removed_then_set_then_added() {
        let edits = HeaderEdits {
            remove: vec![HeaderName::from_static("x-gone")],
            set: vec![field("X-One", "new"), field("X-Both", "set")],
            add: vec![field("X-Both", "added"), field("X-More", "2")],
        };
        let sent = [
            ("x-gone", "1"),
            ("x-gone", "2"),
            ("x-one", "1"),
            ("x-one", "2"),
        ];
        let sent = sent.into_iter().chain([("x-more", "1"), ("x-kept", "1")]);
        let expected = [
            "x-both: added",
            "x-both: set",
            "x-kept: 1",
            "x-more: 1",
            "x-more: 2",
            "x-one: new",
        ];
        let mut map = HeaderMap::new();
        let mut request = RequestHeader::build("GET", b"/", None).expect("a request");
        let mut response = ResponseHeader::build(200, None).expect("a response");
        for (name, value) in sent {
            map.append(name, HeaderValue::from_static(value));
            request.append_header(name, value).expect("a field");
            response.append_header(name, value).expect("a field");
        }
        apply(&edits, &mut map);
        apply(&edits, &mut request);
        apply(&edits, &mut response);
        assert_eq!(lines(&map), expected);
        assert_eq!(lines(&request.headers), expected);
        assert_eq!(lines(&response.headers), expected);
        let mut wire = Vec::new();
        request.header_to_h1_wire(&mut wire);
        let wire = String::from_utf8(wire).expect("text");
        assert!(wire.contains("X-Both: set\r\nX-Both: added\r\n"), "{wire}");
    }
}
