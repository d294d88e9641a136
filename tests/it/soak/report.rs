use super::operator::Done;
use super::tally::{Counts, Tally};
use super::watch::{Sample, thirds};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// Rows of the table of memory.
const ROWS: usize = 12;

/// The result of a soak, as people read it.
pub(super) struct Report<'a> {
    pub(super) lasted: Duration,
    pub(super) program: &'a str,
    pub(super) tallies: &'a [Arc<Tally>],
    pub(super) samples: &'a [Sample],
    /// The process before the first client, and after the last.
    pub(super) ends: [Sample; 2],
    pub(super) done: Done,
    /// The requests that the gateway has counted, and the lines of its access log.
    pub(super) counted: (u64, u64),
    pub(super) problems: &'a [String],
}

// === impl Report ===

impl Report<'_> {
    pub(super) fn to_text(&self) -> String {
        let mut text = format!(
            "# Soak\n\n{} s of mixed traffic through `{}`: {}.\n\n",
            self.lasted.as_secs(),
            self.program,
            match self.problems.len() {
                0 => "all is well".to_owned(),
                count => format!("{count} problems"),
            }
        );
        for problem in self.problems {
            let _ = writeln!(text, "- {problem}");
        }
        self.write_workloads(&mut text);
        self.write_process(&mut text);
        text
    }

    fn write_workloads(&self, text: &mut String) {
        text.push_str(
            "\n| workload | requests | provoked errors | unprovoked errors | p50 | p99 |\n\
             |---|---|---|---|---|---|\n",
        );
        let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
        for tally in self.tallies {
            let counts = tally.counts();
            let Counts {
                requests,
                provoked,
                unprovoked,
                ..
            } = counts;
            let (half, most) = (millis(counts.quantile(0.5)), millis(counts.quantile(0.99)));
            let _ = writeln!(
                text,
                "| {} | {requests} | {provoked} | {unprovoked} | {half} | {most} |",
                tally.name
            );
        }
        let Done {
            reloads,
            refused,
            certificates,
            rotations,
        } = self.done;
        let (requests, lines) = self.counted;
        let _ = writeln!(
            text,
            "\n{reloads} reloads, {refused} broken configurations refused, {certificates} certificates replaced, \
             {rotations} access logs moved away.\n{requests} requests counted, {lines} lines in the access log."
        );
    }

    fn write_process(&self, text: &mut String) {
        text.push_str("\n| time | memory | descriptors | threads |\n|---|---|---|---|\n");
        let step = self.samples.len().div_ceil(ROWS).max(1);
        let mut row = |time: &str, sample: &Sample| {
            let memory = mebibytes(sample.memory);
            let _ = writeln!(
                text,
                "| {time} | {memory} | {} | {} |",
                sample.descriptors, sample.threads
            );
        };
        let [before, after] = &self.ends;
        row("before", before);
        for sample in self.samples.iter().step_by(step) {
            row(&format!("{} s", sample.at.as_secs()), sample);
        }
        row("after", after);
        let thirds = thirds(self.samples).map(mebibytes);
        let _ = writeln!(
            text,
            "\nMedian memory of each third: {}.",
            thirds.join(", ")
        );
    }
}

pub(super) fn mebibytes(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
