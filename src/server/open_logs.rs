//! Opens what requests are told to, the access log and traces; an error names the line of the file that asks for it.

use crate::access_log::AccessLog;
use crate::config::{self, Diagnostic, LogPath};
use crate::metrics::Metrics;
use crate::proxy::Snapshot;
use crate::traces::Traces;
use std::io;
use std::path::Path;

/// The part of a configuration that says what requests are told to.
pub(super) struct WantedLogs {
    access_log: Option<config::AccessLog>,
    traces: Option<config::Traces>,
}

// === impl WantedLogs ===

impl WantedLogs {
    pub(super) fn of(config: &config::Config) -> Self {
        Self {
            access_log: config.access_log.clone(),
            traces: config.traces.clone(),
        }
    }

    /// Opens what `file` asks for, or goes on with what `previous` has.
    ///
    /// # Errors
    ///
    /// Where the log's file can't be opened, or spans can't be sent.
    pub(super) fn open(
        self,
        file: &Path,
        metrics: &Metrics,
        previous: Option<&Snapshot>,
    ) -> Result<(Option<AccessLog>, Option<Traces>), Box<Diagnostic>> {
        let log = previous.and_then(Snapshot::access_log);
        let log = open_log(self.access_log, file, metrics, log)?;
        let traces = previous.and_then(Snapshot::traces);
        Ok((log, open_traces(self.traces, file, metrics, traces)?))
    }
}

fn open_traces(
    traces: Option<config::Traces>,
    file: &Path,
    metrics: &Metrics,
    previous: Option<&Traces>,
) -> Result<Option<Traces>, Box<Diagnostic>> {
    let Some(traces) = traces else {
        return Ok(None);
    };
    let place = traces.place;
    let opened = Traces::open(traces, metrics.traces(), previous);
    opened.map(Some).map_err(|error| {
        Box::new(Diagnostic {
            place,
            path: "traces.endpoint".to_owned(),
            ..Diagnostic::of_file(file, format!("spans can't be sent: {error}"))
        })
    })
}

fn open_log(
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
