//! Keeps a problem that lasts out of the log, but for a line now and then.

use std::time::{Duration, Instant};

/// Minimum time between two lines about one problem.
const INTERVAL: Duration = Duration::from_secs(60);

/// A problem that is there or not: the time at which it was told last, `None` while it is not there.
#[derive(Debug, Default)]
pub(crate) struct LastingProblem(Option<Instant>);

// === impl LastingProblem ===

impl LastingProblem {
    /// Notes that the problem is there, and says whether it is time to tell it.
    pub(crate) fn is_to_be_told(&mut self) -> bool {
        let Self(told) = self;
        let is_due = told.is_none_or(|told| told.elapsed() >= INTERVAL);
        if is_due {
            *told = Some(Instant::now());
        }
        is_due
    }

    /// Notes that the problem is not there, and says whether it was.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.take().is_some()
    }

    #[cfg(test)]
    pub(crate) fn told(&self) -> Option<Instant> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_once_until_it_has_ended_or_a_minute_has_passed() {
        let mut problem = LastingProblem::default();
        assert!(!problem.has_ended());
        assert!(problem.is_to_be_told());
        assert!(!problem.is_to_be_told());
        assert!(problem.has_ended());
        assert!(!problem.has_ended());
        assert!(problem.is_to_be_told());
        problem.0 = problem.0.and_then(|told| told.checked_sub(INTERVAL));
        assert!(problem.is_to_be_told());
        assert!(!problem.is_to_be_told());
    }
}
