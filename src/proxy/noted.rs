//! The part of an access log's line that only the request knows: noted when the request is taken on, because
//! the bytes are gone at its end.

use super::facts::{Facts, Target};
use super::forward::client_address;
use super::snapshot::Snapshot;
use crate::access_log::{Entry, MAX_VALUE};
use crate::config::{LogField, LogFields};
use crate::cors::SingleValue;
use http::Version;
use std::net::IpAddr;

/// Texts of a request, in the order in which they are kept.
#[derive(Debug, Clone, Copy)]
enum Text {
    Method,
    Host,
    Path,
    Origin,
    TraceId,
    UserAgent,
    Referer,
}

const TEXTS: usize = 7;

/// A request as it came. At most [`MAX_VALUE`] bytes of each text are kept.
#[derive(Debug)]
pub(crate) struct Noted {
    client: Option<IpAddr>,
    version: Version,
    /// The texts, one behind the other.
    bytes: Vec<u8>,
    /// The range of each text; `None` if the request has none, or no line asks for it.
    ranges: [Option<(u16, u16)>; TEXTS],
}

// === impl Noted ===

impl Noted {
    /// Notes what lines with these fields need.
    pub(super) fn of(facts: &Facts<'_>, snapshot: &Snapshot, fields: LogFields) -> Self {
        let client = facts
            .client
            .peer
            .map(|peer| client_address(peer, facts.fields, snapshot.trusted_proxies.as_slice()));
        let mut noted = Self {
            client,
            version: facts.version,
            bytes: Vec::with_capacity(256),
            ranges: [None; TEXTS],
        };
        noted.note(Text::Method, facts.cors.method);
        match facts.target {
            Target::Path(path) => noted.note(Text::Path, path.as_bytes()),
            Target::Asterisk => noted.note(Text::Path, b"*"),
            Target::Other => {}
        }
        if !facts.host.is_empty() {
            noted.note(Text::Host, facts.host);
        }
        if let SingleValue::One(origin) = facts.cors.origin {
            noted.note(Text::Origin, origin);
        }
        let wants = |field| fields.contains(field);
        if wants(LogField::UserAgent) || wants(LogField::Referer) || wants(LogField::TraceId) {
            noted.read_fields(facts);
        }
        noted
    }

    /// Reads the fields in one pass, for a lookup by name costs as much. The first line of a field counts.
    fn read_fields(&mut self, facts: &Facts<'_>) {
        facts.fields.for_each(&mut |name, value| {
            let is = |field: &str| name.eq_ignore_ascii_case(field.as_bytes());
            match name.len() {
                10 if is("user-agent") => self.note(Text::UserAgent, value),
                7 if is("referer") => self.note(Text::Referer, without_query(value)),
                11 if is("traceparent") => {
                    if let Some(id) = trace_id(value) {
                        self.note(Text::TraceId, id);
                    }
                }
                _ => {}
            }
        });
    }

    fn note(&mut self, text: Text, value: &[u8]) {
        let range = &mut self.ranges[text as usize];
        if range.is_some() {
            return;
        }
        // One byte more, by which the log sees that a value goes on.
        let value = &value[..value.len().min(MAX_VALUE + 1)];
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        let end = self.bytes.len();
        *range = u16::try_from(start).ok().zip(u16::try_from(end).ok());
    }

    fn text(&self, text: Text) -> Option<&[u8]> {
        let (start, end) = self.ranges[text as usize]?;
        Some(&self.bytes[start.into()..end.into()])
    }

    /// Fills in an entry what is noted.
    pub(super) fn fill<'n>(&'n self, entry: &mut Entry<'n>) {
        entry.client = self.client;
        entry.protocol = Some(protocol(self.version));
        entry.method = self.text(Text::Method);
        entry.host = self.text(Text::Host);
        entry.path = self.text(Text::Path);
        entry.origin = self.text(Text::Origin);
        entry.trace_id = self.text(Text::TraceId);
        entry.user_agent = self.text(Text::UserAgent);
        entry.referer = self.text(Text::Referer);
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 | Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}

/// Returns a URL up to its query, which may have secrets.
fn without_query(url: &[u8]) -> &[u8] {
    let end = url.iter().position(|byte| matches!(byte, b'?' | b'#'));
    &url[..end.unwrap_or(url.len())]
}

/// Returns the id of the trace: <https://www.w3.org/TR/trace-context/#traceparent-header>. `None` if the field
/// is not valid.
fn trace_id(traceparent: &[u8]) -> Option<&[u8]> {
    let is_hex = |part: &[u8]| part.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is_id = |part: &[u8]| is_hex(part) && part.iter().any(|&byte| byte != b'0');
    let (fixed, rest) = traceparent.split_at_checked(55)?;
    let (version, trace, parent, flags) =
        (&fixed[..2], &fixed[3..35], &fixed[36..52], &fixed[53..]);
    let has_dashes = [2, 35, 52].iter().all(|&at| fixed[at] == b'-');
    // A version to come may have more behind it; version 0 has not, and ff is not a version.
    let ends = match version {
        b"00" => rest.is_empty(),
        _ => rest.is_empty() || rest.starts_with(b"-"),
    };
    let is_valid = has_dashes && ends && is_hex(version) && version != b"ff";
    (is_valid && is_id(trace) && is_id(parent) && is_hex(flags)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_has_an_id_if_its_field_is_valid() {
        const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        let cases = [
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                true,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
                false,
            ),
            (
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
                true,
            ),
            (
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
                false,
            ),
            (
                "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                false,
            ),
            (
                "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                false,
            ),
            ("", false),
        ];
        for (field, is_valid) in cases {
            let expected = is_valid.then_some(ID.as_bytes());
            assert_eq!(trace_id(field.as_bytes()), expected, "{field}");
        }
    }

    #[test]
    fn a_query_and_a_fragment_are_left_out() {
        for (url, left) in [
            ("https://a/b?token=1", "https://a/b"),
            ("https://a/b#c?d", "https://a/b"),
            ("https://a/b", "https://a/b"),
            ("", ""),
        ] {
            assert_eq!(without_query(url.as_bytes()), left.as_bytes());
        }
    }
}
