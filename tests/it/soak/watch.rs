use super::site::Site;
use crate::support::Running;
use std::thread;
use std::time::{Duration, Instant};

/// Share of the soak between two samples.
const SAMPLES: u32 = 200;

/// The process at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) at: Duration,
    /// Resident memory, in bytes.
    pub(super) memory: usize,
    pub(super) descriptors: usize,
    pub(super) threads: usize,
}

/// Takes samples of the process until the end.
pub(super) fn watch(site: &Site, process: &Running, lasts: Duration) -> Vec<Sample> {
    let (began, mut samples) = (Instant::now(), Vec::new());
    while site.is_on() {
        samples.push(Sample::take(process, began));
        thread::park_timeout(lasts / SAMPLES);
    }
    samples
}

/// The median memory of each third of the samples.
pub(super) fn thirds(samples: &[Sample]) -> [usize; 3] {
    let third = samples.len() / 3;
    [0, 1, 2].map(|number| {
        let part = &samples[number * third..][..third];
        let mut memory: Vec<usize> = part.iter().map(|sample| sample.memory).collect();
        memory.sort_unstable();
        memory.get(third / 2).copied().unwrap_or_default()
    })
}

// === impl Sample ===

impl Sample {
    pub(super) fn take(process: &Running, began: Instant) -> Self {
        Self {
            at: began.elapsed(),
            memory: process.memory(),
            descriptors: process.descriptors().unwrap_or_default(),
            threads: process.threads(),
        }
    }
}
