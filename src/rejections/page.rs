//! The tables as the admin listener shows them: as text, or as JSON with `format=json`.

use super::Rejections;
use super::table::{Entry, MAX_VALUE};
use crate::pages::{PageForm, WrittenPage};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The content of the page.
#[derive(Serialize)]
struct Content {
    since: String,
    /// Number of requests that are in no table, because it was in use.
    missed: u64,
    origins: Vec<Row>,
    methods: Vec<Row>,
    headers: Vec<Row>,
}

/// A value that CORS says no to.
#[derive(Serialize)]
struct Row {
    value: String,
    route: String,
    reason: &'static str,
    at_least: u64,
    at_most: u64,
    last: LastRow,
}

#[derive(Serialize)]
struct LastRow {
    seconds_ago: u64,
    origin: String,
    method: String,
    path: String,
}

// === impl Rejections ===

impl Rejections {
    /// Writes the page in this form.
    pub fn page(&self, form: PageForm) -> WrittenPage {
        form.page(&self.content(), Content::to_text)
    }

    fn content(&self) -> Content {
        let [origins, methods, headers] = {
            let tables = self.tables.lock();
            [&tables.origins, &tables.methods, &tables.headers].map(|table| table.most_frequent())
        };
        let now = Instant::now();
        let rows = |entries: Vec<Entry>| entries.iter().map(|e| Row::of(e, now)).collect();
        Content {
            since: humantime::format_rfc3339_seconds(self.started).to_string(),
            missed: self.missed.load(Ordering::Relaxed),
            origins: rows(origins),
            methods: rows(methods),
            headers: rows(headers),
        }
    }
}

// === impl Content ===

impl Content {
    fn to_text(&self) -> String {
        let Self {
            since,
            missed,
            origins,
            methods,
            headers,
        } = self;
        let mut text = format!(
            "# rejected by CORS since {since}, the most frequent first\n# left out because two came at \
             once: {missed}\n"
        );
        for (title, rows) in [
            ("origins", origins),
            ("methods", methods),
            ("headers", headers),
        ] {
            // Writing to a string can't fail.
            let _ = writeln!(text, "\n{title}:");
            if rows.is_empty() {
                text.push_str("  none\n");
            }
            for row in rows {
                let _ = writeln!(text, "{}", row.to_text());
            }
        }
        text
    }
}

// === impl Row ===

impl Row {
    fn of(entry: &Entry, now: Instant) -> Self {
        let last = &entry.last;
        Self {
            value: shown(&entry.value),
            route: entry.route.clone(),
            reason: entry.reason.as_str(),
            at_least: entry.at_least(),
            at_most: entry.at_most,
            last: LastRow {
                seconds_ago: now.saturating_duration_since(last.at).as_secs(),
                origin: shown(&last.origin),
                method: shown(&last.method),
                path: shown(&last.path),
            },
        }
    }

    fn to_text(&self) -> String {
        let Self {
            value,
            route,
            reason,
            at_least,
            at_most,
            last:
                LastRow {
                    seconds_ago,
                    origin,
                    method,
                    path,
                },
        } = self;
        let more = if at_most > at_least { "+" } else { "" };
        let ago = humantime::format_duration(Duration::from_secs(*seconds_ago));
        format!(
            "  {:>8}  {value}  {reason} on route {route:?}; last {ago} ago: {method} {path} from {origin}",
            format!("{at_least}{more}")
        )
    }
}

/// Returns bytes that a client sent as a word in ASCII: blanks and controls are escaped. One that is as
/// long as a value may be was cut.
pub(super) fn shown(bytes: &[u8]) -> String {
    let cut = if bytes.len() >= MAX_VALUE { "..." } else { "" };
    let word = bytes.escape_ascii().to_string().replace(' ', r"\x20");
    word + cut
}
