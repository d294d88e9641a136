//! The fields of a message that is passed on, in whatever form a lane holds them.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The fields of a message that can be edited: pingora's header, a plain map, or the lines themselves.
pub trait MessageFields: Sized {
    /// Returns the number of lines.
    fn count(&self) -> usize;

    /// Calls `each` with the name, in any case, and the value of every line.
    fn for_each<'f>(&'f self, each: impl FnMut(&'f str, &'f [u8]));

    /// Calls `each` with the value of every line of a field, in their order.
    fn for_each_line<'f>(&'f self, name: &HeaderName, each: impl FnMut(&'f [u8]));

    /// Replaces all lines of a field by one, whose name is written so.
    fn set(&mut self, name: &'static str, value: HeaderValue);

    /// The same with a value that is not one yet. One that can't stand in a field removes its lines.
    fn set_text(&mut self, name: &'static str, value: &[u8]);

    /// Removes all lines of a field.
    fn remove(&mut self, name: &HeaderName);

    /// Removes all lines of the fields whose names are found.
    fn remove_where(&mut self, mut is_found: impl FnMut(&Self, &str) -> bool) {
        // No allocation where there are none, as in most messages.
        let mut found = Vec::new();
        self.for_each(|name, _| {
            if is_found(self, name) {
                found.extend(HeaderName::from_bytes(name.as_bytes()));
            }
        });
        for name in &found {
            self.remove(name);
        }
    }

    /// Returns the value of a field's first line.
    fn first(&self, name: &HeaderName) -> Option<&[u8]> {
        let mut first = None;
        self.for_each_line(name, |line| {
            first.get_or_insert(line);
        });
        first
    }

    /// Returns the value of a field that has one line; `None` if it has none, or several.
    fn only(&self, name: &HeaderName) -> Option<&[u8]> {
        let (mut only, mut lines) = (None, 0);
        self.for_each_line(name, |line| {
            only = Some(line);
            lines += 1;
        });
        only.filter(|_| lines == 1)
    }

    /// Whether a field has a line.
    fn has(&self, name: &HeaderName) -> bool {
        self.first(name).is_some()
    }

    /// Whether `is_it` holds for a line of a field.
    fn any_line<'f>(&'f self, name: &HeaderName, mut is_it: impl FnMut(&'f [u8]) -> bool) -> bool {
        let mut found = false;
        self.for_each_line(name, |line| found = found || is_it(line));
        found
    }
}

/// Calls `each` with the lines of a map.
pub fn each_in_map<'f>(map: &'f HeaderMap, mut each: impl FnMut(&'f str, &'f [u8])) {
    for (name, value) in map {
        each(name.as_str(), value.as_bytes());
    }
}

/// Calls `each` with the lines of a field in a map.
pub fn each_line_in_map<'f>(map: &'f HeaderMap, name: &HeaderName, each: impl FnMut(&'f [u8])) {
    let lines = map.get_all(name).into_iter();
    lines.map(HeaderValue::as_bytes).for_each(each);
}

// === impl MessageFields ===

impl MessageFields for HeaderMap {
    fn count(&self) -> usize {
        self.len()
    }

    fn for_each<'f>(&'f self, each: impl FnMut(&'f str, &'f [u8])) {
        each_in_map(self, each);
    }

    fn for_each_line<'f>(&'f self, name: &HeaderName, each: impl FnMut(&'f [u8])) {
        each_line_in_map(self, name, each);
    }

    fn set(&mut self, name: &'static str, value: HeaderValue) {
        // Names that the program writes are header names.
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            self.insert(name, value);
        }
    }

    fn set_text(&mut self, name: &'static str, value: &[u8]) {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            return;
        };
        match HeaderValue::from_bytes(value) {
            Ok(value) => drop(self.insert(name, value)),
            Err(_) => drop(HeaderMap::remove(self, name)),
        }
    }

    fn remove(&mut self, name: &HeaderName) {
        HeaderMap::remove(self, name);
    }
}
