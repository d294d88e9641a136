//! The edits of fields that a route makes in requests to its upstream and in the responses.
//!
//! *Invariant:* no edit is about a field that CORS, routing or framing depends on: the configuration refuses
//! those.

use crate::config::{FieldEdit, HeaderEdits};
use crate::cors::{MessageFields, each_in_map, each_line_in_map};
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora_http::{RequestHeader, ResponseHeader};

/// Fields with whole lines that an operator wrote.
pub(crate) trait EditFields: MessageFields {
    /// Replaces all lines of a field by one.
    fn set_line(&mut self, field: &FieldEdit);
    /// Adds a line of a field behind the others.
    fn add_line(&mut self, field: &FieldEdit);
}

/// Makes the edits: what is removed, then what is set, then what is added.
pub(crate) fn apply(edits: &HeaderEdits, fields: &mut impl EditFields) {
    let HeaderEdits { remove, set, add } = edits;
    remove.iter().for_each(|name| fields.remove(name));
    set.iter().for_each(|field| fields.set_line(field));
    add.iter().for_each(|field| fields.add_line(field));
}

// === impl EditFields ===

impl EditFields for HeaderMap {
    fn set_line(&mut self, field: &FieldEdit) {
        self.insert(&field.name, field.value.clone());
    }

    fn add_line(&mut self, field: &FieldEdit) {
        self.append(&field.name, field.value.clone());
    }
}

macro_rules! pingoras_header {
    ($header:ty) => {
        impl MessageFields for $header {
            fn count(&self) -> usize {
                self.headers.len()
            }

            fn for_each<'f>(&'f self, each: impl FnMut(&'f str, &'f [u8])) {
                each_in_map(&self.headers, each);
            }

            fn for_each_line<'f>(&'f self, name: &HeaderName, each: impl FnMut(&'f [u8])) {
                each_line_in_map(&self.headers, name, each);
            }

            fn set(&mut self, name: &'static str, value: HeaderValue) {
                // A static name with a valid value is always taken. If it were not, the field would be
                // missing, and a missing CORS header allows nothing.
                let inserted = self.insert_header(name, value);
                debug_assert!(inserted.is_ok(), "{name}");
            }

            fn set_text(&mut self, name: &'static str, value: &[u8]) {
                if self.insert_header(name, value).is_err() {
                    self.remove_header(name);
                }
            }

            fn remove(&mut self, name: &HeaderName) {
                self.remove_header(name);
            }
        }

        impl EditFields for $header {
            fn set_line(&mut self, field: &FieldEdit) {
                // The name and the value were checked when the configuration was compiled.
                let inserted = self.insert_header(field.written.clone(), &field.value);
                debug_assert!(inserted.is_ok(), "{}", field.name);
            }

            fn add_line(&mut self, field: &FieldEdit) {
                let added = self.append_header(field.written.clone(), &field.value);
                debug_assert!(added.is_ok(), "{}", field.name);
            }
        }
    };
}

pingoras_header!(RequestHeader);
pingoras_header!(ResponseHeader);

#[cfg(test)]
mod tests {
    use super::*;

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
