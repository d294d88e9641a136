//! The counts and the log of a gateway, without times and what else differs from run to run.

use super::exchange::find_mark;
use super::message::{is_uuid, masked_trace};
use crate::support::Gateway;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

/// Every series of the metrics page that counts something.
pub(super) type Counts = BTreeMap<String, f64>;

/// An access log, read as it grows.
pub(super) struct AccessLog {
    path: PathBuf,
    offset: u64,
    /// Lines that have been read and not been compared.
    lines: Vec<String>,
    /// The number of lines of all time.
    total: usize,
}

const REQUESTS: &str = "corsgate_requests_total{";

pub(super) fn counts(gateway: &Gateway) -> Counts {
    let page = gateway.metrics();
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let series = lines.filter_map(|line| line.rsplit_once(' '));
    let counted = series.filter(|(name, _)| {
        let is_time = name.contains("_seconds") && !name.contains("_seconds_count");
        let is_own = name.starts_with("corsgate_config_info") || name.starts_with("process_");
        // They are sent, or lost, some time later.
        let is_own = is_own || name.starts_with("corsgate_trace_spans");
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
            offset: 0,
            lines: Vec::new(),
            total: 0,
        }
    }

    /// Reads what has come. The lines stay until they are forgotten, in their alphabetical order: those of a
    /// client that has gone may come late.
    pub(super) fn read(&mut self, own: &[(String, &str)], inexact: &BTreeSet<usize>) {
        let mut text = String::new();
        if let Ok(mut file) = File::open(&self.path) {
            file.seek(SeekFrom::Start(self.offset)).expect("a file");
            file.read_to_string(&mut text).expect("UTF-8");
        }
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.offset += whole as u64;
        if whole > 0 {
            let lines = text[..whole]
                .lines()
                .map(|line| normalized(line, own, inexact));
            let before = self.lines.len();
            self.lines.extend(lines);
            self.total += self.lines.len() - before;
            self.lines.sort_unstable();
        }
    }

    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Whether there has been a line for every request that is counted.
    pub(super) fn is_complete(&self, counts: &Counts) -> bool {
        let requests = counts.iter().filter(|(name, _)| name.starts_with(REQUESTS));
        requests.map(|(_, count)| count).sum::<f64>() == self.total as f64
    }

    pub(super) fn forget(&mut self) {
        self.lines.clear();
    }
}

/// Masks what differs from run to run in a line of JSON. It is not parsed: that took a tenth of the test.
fn normalized(line: &str, own: &[(String, &str)], inexact: &BTreeSet<usize>) -> String {
    let mut line = line.to_owned();
    for name in ["time", "duration_ms", "upstream_duration_ms"] {
        mask(&mut line, name, |value| {
            (value != "null").then(|| "{masked}".to_owned())
        });
    }
    mask(&mut line, "request_id", |id| {
        is_uuid(id.trim_matches('"')).then(|| "{id}".to_owned())
    });
    mask(&mut line, "trace_id", |trace| match trace {
        "null" => None,
        _ => masked_trace(&format!("00-{}-0-00", trace.trim_matches('"'))),
    });
    let mut is_inexact = false;
    mask(&mut line, "path", |path| {
        is_inexact = find_mark(path).is_some_and(|(number, _)| inexact.contains(&number));
        None
    });
    if is_inexact {
        for name in ["request_bytes", "response_bytes"] {
            mask(&mut line, name, |_| Some("{masked}".to_owned()));
        }
    }
    own.iter()
        .fold(line, |line, (address, name)| line.replace(address, name))
}

/// Puts another value in the place of a field's, if there is to be another.
fn mask(line: &mut String, name: &str, other: impl FnOnce(&str) -> Option<String>) {
    let key = format!("\"{name}\":");
    let start = line.find(&key).expect("every line has every field") + key.len();
    let length = line[start..].find([',', '}']).expect("it ends");
    if let Some(other) = other(&line[start..start + length]) {
        line.replace_range(start..start + length, &other);
    }
}
