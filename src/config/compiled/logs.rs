//! The logs of a gateway: what is in the lines, and where they go.

use crate::config::error::Place;
use std::path::PathBuf;

/// The access log: a line for every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    pub format: AccessLogFormat,
    pub path: LogPath,
    /// The place of the path in the file.
    pub place: Option<Place>,
}

/// The form of the access log's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// A JSON object with these fields.
    Json(LogFields),
    /// Apache's combined format.
    Combined,
}

/// The place that lines are written to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LogPath {
    Stdout,
    Stderr,
    File(PathBuf),
}

/// The form of the program's own log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// A field of the access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogField {
    Time,
    Client,
    Listener,
    Protocol,
    TlsVersion,
    Method,
    Host,
    Path,
    Status,
    DurationMs,
    RequestBytes,
    ResponseBytes,
    Route,
    Policy,
    Outcome,
    Reason,
    Origin,
    Upstream,
    Endpoint,
    UpstreamDurationMs,
    Retries,
    RequestId,
    TraceId,
    UserAgent,
    Referer,
}

/// Some of the fields, always in the order of [`LogField::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogFields(u32);

// === impl LogField ===

impl LogField {
    /// All fields, in the order in which a line has them.
    pub const ALL: [Self; 25] = [
        Self::Time,
        Self::Client,
        Self::Listener,
        Self::Protocol,
        Self::TlsVersion,
        Self::Method,
        Self::Host,
        Self::Path,
        Self::Status,
        Self::DurationMs,
        Self::RequestBytes,
        Self::ResponseBytes,
        Self::Route,
        Self::Policy,
        Self::Outcome,
        Self::Reason,
        Self::Origin,
        Self::Upstream,
        Self::Endpoint,
        Self::UpstreamDurationMs,
        Self::Retries,
        Self::RequestId,
        Self::TraceId,
        Self::UserAgent,
        Self::Referer,
    ];

    /// Returns the name of the field in the file and in the lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Client => "client",
            Self::Listener => "listener",
            Self::Protocol => "protocol",
            Self::TlsVersion => "tls_version",
            Self::Method => "method",
            Self::Host => "host",
            Self::Path => "path",
            Self::Status => "status",
            Self::DurationMs => "duration_ms",
            Self::RequestBytes => "request_bytes",
            Self::ResponseBytes => "response_bytes",
            Self::Route => "route",
            Self::Policy => "policy",
            Self::Outcome => "outcome",
            Self::Reason => "reason",
            Self::Origin => "origin",
            Self::Upstream => "upstream",
            Self::Endpoint => "endpoint",
            Self::UpstreamDurationMs => "upstream_duration_ms",
            Self::Retries => "retries",
            Self::RequestId => "request_id",
            Self::TraceId => "trace_id",
            Self::UserAgent => "user_agent",
            Self::Referer => "referer",
        }
    }
}

// === impl LogFields ===

impl LogFields {
    pub const ALL: Self = Self((1 << LogField::ALL.len()) - 1);

    pub const fn of(fields: &[LogField]) -> Self {
        let (mut all, mut index) = (0, 0);
        while index < fields.len() {
            all |= 1 << fields[index] as u32;
            index += 1;
        }
        Self(all)
    }

    /// Returns the fields that are in either.
    pub const fn union(self, Self(other): Self) -> Self {
        Self(self.0 | other)
    }

    pub const fn contains(self, field: LogField) -> bool {
        self.0 & (1 << field as u32) != 0
    }

    /// Returns the fields in the order in which a line has them.
    pub fn iter(self) -> impl Iterator<Item = LogField> {
        let all = LogField::ALL.into_iter();
        all.filter(move |&field| self.contains(field))
    }
}

impl FromIterator<LogField> for LogFields {
    fn from_iter<I: IntoIterator<Item = LogField>>(fields: I) -> Self {
        let fields = fields.into_iter().map(|field| Self::of(&[field]));
        fields.fold(Self::of(&[]), Self::union)
    }
}

// === impl AccessLogFormat ===

impl AccessLogFormat {
    /// Returns the fields that a line of this form needs.
    pub fn fields(self) -> LogFields {
        match self {
            Self::Json(fields) => fields,
            Self::Combined => LogFields::of(&[
                LogField::Time,
                LogField::Client,
                LogField::Protocol,
                LogField::Method,
                LogField::Path,
                LogField::Status,
                LogField::ResponseBytes,
                LogField::UserAgent,
                LogField::Referer,
            ]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_apart_and_keep_their_order() {
        for (index, field) in LogField::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, index, "{}", field.as_str());
            let alone = LogFields::from_iter([field]);
            assert_eq!(alone.iter().collect::<Vec<_>>(), [field]);
        }
        assert!(LogFields::ALL.iter().eq(LogField::ALL));
    }
}
