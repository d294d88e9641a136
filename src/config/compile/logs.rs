//! `access_log` and `log`: where the lines go, and what is in them.

use super::values::elements;
use crate::config::compiled::{
    AccessLog, AccessLogFormat, LogField, LogFields, LogFormat, LogPath,
};
use crate::config::raw::{
    RawAccessLog, RawAccessLogFormat, RawLog, RawLogField, RawLogFormat, Seq,
};
use crate::config::report::Report;
use std::path::Path;

/// Compiles `access_log`.
pub(super) fn access_log(report: &mut Report<'_>, raw: RawAccessLog) -> AccessLog {
    let RawAccessLog {
        format,
        path,
        fields,
    } = raw;
    let format = match format.unwrap_or(RawAccessLogFormat::Json) {
        RawAccessLogFormat::Json => AccessLogFormat::Json(match fields {
            None => LogFields::ALL,
            Some(fields) => chosen(report, fields),
        }),
        RawAccessLogFormat::Combined => {
            if fields.is_some() {
                report
                    .error(
                        "access_log.fields",
                        "the combined format has fields of its own",
                    )
                    .hint("remove `fields`, or write `format: json`");
            }
            AccessLogFormat::Combined
        }
    };
    let path = match path.as_deref() {
        None | Some("stdout" | "/dev/stdout") => LogPath::Stdout,
        Some("stderr" | "/dev/stderr") => LogPath::Stderr,
        Some("") => {
            report
                .error("access_log.path", "the file's name is empty")
                .hint("write `stdout`, `stderr`, or a file's name");
            LogPath::Stdout
        }
        Some(name) => {
            let folder = report.file().parent().unwrap_or(Path::new(""));
            LogPath::File(folder.join(name))
        }
    };
    AccessLog {
        format,
        path,
        place: report.place_of("access_log.path"),
    }
}

fn chosen(report: &mut Report<'_>, fields: Seq<RawLogField>) -> LogFields {
    const PATH: &str = "access_log.fields";
    if fields.is_empty() && !report.was_refused_within(PATH) {
        report
            .error(PATH, "`fields` is empty: every line would be `{}`")
            .hint("name fields, or remove the key for all of them");
    }
    let fields = elements(report, PATH, fields);
    fields.into_iter().map(|(_, field)| field.into()).collect()
}

/// Compiles `log`.
pub(super) fn log(raw: &RawLog) -> LogFormat {
    let RawLog { format } = raw;
    match format {
        None | Some(RawLogFormat::Text) => LogFormat::Text,
        Some(RawLogFormat::Json) => LogFormat::Json,
    }
}

// === impl LogField ===

impl From<RawLogField> for LogField {
    fn from(raw: RawLogField) -> Self {
        match raw {
            RawLogField::Time => Self::Time,
            RawLogField::Client => Self::Client,
            RawLogField::Listener => Self::Listener,
            RawLogField::Protocol => Self::Protocol,
            RawLogField::TlsVersion => Self::TlsVersion,
            RawLogField::Method => Self::Method,
            RawLogField::Host => Self::Host,
            RawLogField::Path => Self::Path,
            RawLogField::Status => Self::Status,
            RawLogField::DurationMs => Self::DurationMs,
            RawLogField::RequestBytes => Self::RequestBytes,
            RawLogField::ResponseBytes => Self::ResponseBytes,
            RawLogField::Route => Self::Route,
            RawLogField::Policy => Self::Policy,
            RawLogField::Outcome => Self::Outcome,
            RawLogField::Reason => Self::Reason,
            RawLogField::Origin => Self::Origin,
            RawLogField::Upstream => Self::Upstream,
            RawLogField::Endpoint => Self::Endpoint,
            RawLogField::UpstreamDurationMs => Self::UpstreamDurationMs,
            RawLogField::Retries => Self::Retries,
            RawLogField::RequestId => Self::RequestId,
            RawLogField::TraceId => Self::TraceId,
            RawLogField::UserAgent => Self::UserAgent,
            RawLogField::Referer => Self::Referer,
        }
    }
}
