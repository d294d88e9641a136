//! The counts and the log of a gateway, without times and what else differs from run to run.

use super::message::masked_trace;
use crate::support::Gateway;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

/// Every series of the metrics page that counts something.
pub(super) type Counts = BTreeMap<String, f64>;

/// An access log, read as it grows.
pub(super) struct AccessLog {
    path: PathBuf,
    read: u64,
    /// Lines that have been read and not been compared.
    lines: Vec<String>,
}

pub(super) fn counts(gateway: &Gateway) -> Counts {
    let page = gateway.metrics();
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let series = lines.filter_map(|line| line.rsplit_once(' '));
    let counted = series.filter(|(name, _)| {
        let is_time = name.contains("_seconds") && !name.contains("_seconds_count");
        let is_own = name.starts_with("corsgate_config_info") || name.starts_with("process_");
        !is_time && !is_own
    });
    counted
        .map(|(name, value)| (name.to_owned(), value.parse().expect("a number")))
        .collect()
}

/// Returns the series that have grown differently; `since` is by how much they had before.
pub(super) fn difference(with: &Counts, without: &Counts) -> Counts {
    let all = with.keys().chain(without.keys());
    let of = |counts: &Counts, name: &str| counts.get(name).copied().unwrap_or_default();
    let differences = all.map(|name| (name.clone(), of(with, name) - of(without, name)));
    differences
        .filter(|(_, difference)| *difference != 0.0)
        .collect()
}

// === impl AccessLog ===

impl AccessLog {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            read: 0,
            lines: Vec::new(),
        }
    }

    /// The lines that have come since they were last forgotten, in their alphabetical order: those of a
    /// client that has gone may come late.
    pub(super) fn lines(&mut self, own: &[(String, &str)]) -> &[String] {
        let mut text = String::new();
        if let Ok(mut file) = File::open(&self.path) {
            file.seek(SeekFrom::Start(self.read)).expect("a file");
            file.read_to_string(&mut text).expect("UTF-8");
        }
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.read += whole as u64;
        if whole > 0 {
            let lines = text[..whole].lines().map(|line| normalized(line, own));
            self.lines.extend(lines);
            self.lines.sort_unstable();
        }
        &self.lines
    }

    pub(super) fn forget(&mut self) {
        self.lines.clear();
    }
}

fn normalized(line: &str, own: &[(String, &str)]) -> String {
    let mut value: Value = serde_json::from_str(line).expect("JSON");
    let fields = value.as_object_mut().expect("an object");
    for name in ["time", "duration_ms", "upstream_duration_ms", "listener"] {
        if fields.get(name).is_some_and(|value| !value.is_null()) {
            fields.insert(name.to_owned(), "{masked}".into());
        }
    }
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    if text(fields.get("request_id")).is_some_and(|id| super::message::is_uuid(&id)) {
        fields.insert("request_id".to_owned(), "{id}".into());
    }
    if let Some(trace) = text(fields.get("trace_id")) {
        let masked = masked_trace(&format!("00-{trace}-0-00")).unwrap_or_default();
        fields.insert("trace_id".to_owned(), masked.into());
    }
    own.iter().fold(value.to_string(), |line, (address, name)| {
        line.replace(address, name)
    })
}
