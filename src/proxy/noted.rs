//! The part of an access log's line, and of a span, that only the request knows: noted when the request is taken on, because
//! the bytes are gone at its end.

use super::facts::{Facts, Target};
use super::forward::client_address;
use super::snapshot::Snapshot;
use crate::access_log::{Entry, MAX_VALUE};
use crate::config::{LogField, LogFields};
use crate::cors::SingleValue;
use crate::traces::TraceContext;
use http::Version;
use std::net::IpAddr;

/// The fields that a span has, beside those that are always noted.
pub(super) const SPAN_FIELDS: LogFields = LogFields::of(&[LogField::UserAgent]);

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
    /// Notes what is needed to tell these fields.
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
            // Most fields are told apart by their lengths and first letters.
            match (name.len(), name.first()) {
                (10, Some(b'u' | b'U')) if is("user-agent") => self.note(Text::UserAgent, value),
                (7, Some(b'r' | b'R')) if is("referer") => {
                    self.note(Text::Referer, without_query(value));
                }
                (11, Some(b't' | b'T'))
                    if is("traceparent") && TraceContext::parse(value).is_some() =>
                {
                    self.note(Text::TraceId, &value[TraceContext::TRACE_ID]);
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

#[cfg(test)]
mod tests {
    use super::*;

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
