//! Opens the access log; an error names the line of the file that has its path.

use crate::access_log::AccessLog;
use crate::config::{self, Diagnostic, LogPath};
use crate::metrics::Metrics;
use std::io;
use std::path::Path;

/// Opens the log that `file` asks for, or goes on with `previous`.
///
/// # Errors
///
/// Where the log's file can't be opened.
pub(super) fn open_log(
    log: Option<config::AccessLog>,
    file: &Path,
    metrics: &Metrics,
    previous: Option<&AccessLog>,
) -> Result<Option<AccessLog>, Box<Diagnostic>> {
    let Some(log) = log else { return Ok(None) };
    let place = log.place;
    let name = match &log.path {
        LogPath::Stdout => "stdout".to_owned(),
        LogPath::Stderr => "stderr".to_owned(),
        LogPath::File(path) => path.display().to_string(),
    };
    let opened = AccessLog::open(log, metrics.access_log(), previous);
    opened.map(Some).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "make its folder first",
            io::ErrorKind::PermissionDenied => "the gateway's user must be allowed to write there",
            io::ErrorKind::IsADirectory => "write the name of a file",
            _ => "see the reason above",
        };
        Box::new(Diagnostic {
            place,
            path: "access_log.path".to_owned(),
            hint: Some(hint.to_owned()),
            ..Diagnostic::of_file(file, format!("can't open `{name}`: {error}"))
        })
    })
}
