use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Number of unprovoked errors of a workload that are kept as text; more are only counted.
const KEPT: usize = 5;

/// The results of one workload.
pub(super) struct Tally {
    pub(super) name: &'static str,
    counts: Mutex<Counts>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    /// Requests that were sent, whatever came of them.
    pub(super) requests: u64,
    /// Errors that the workload has caused, and that were as they should be.
    pub(super) provoked: u64,
    pub(super) unprovoked: u64,
    /// The first unprovoked errors.
    pub(super) errors: Vec<String>,
    /// Time of each request that ended as it should.
    pub(super) times: Vec<Duration>,
}

/// The end of a request that was not an unprovoked error.
pub(super) enum End {
    Answered,
    /// An error that the workload has caused.
    Provoked,
}

// === impl Tally ===

impl Tally {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            counts: Mutex::default(),
        }
    }

    /// Counts a request that began at a time.
    pub(super) fn note(&self, began: Instant, ended: Result<End, String>) {
        let mut counts = self.counts.lock().expect("unpoisoned");
        counts.requests += 1;
        match ended {
            Ok(end) => {
                counts.times.push(began.elapsed());
                counts.provoked += u64::from(matches!(end, End::Provoked));
            }
            Err(error) => {
                counts.unprovoked += 1;
                if counts.errors.len() < KEPT {
                    counts.errors.push(error);
                }
            }
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts.lock().expect("unpoisoned").clone()
    }
}

// === impl Counts ===

impl Counts {
    /// Returns the time within which this share of the requests ended; zero without requests.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        let last = times.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        times.get(at).copied().unwrap_or_default()
    }
}
