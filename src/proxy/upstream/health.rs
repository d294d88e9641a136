//! The health of one endpoint, as its checks and its requests tell: when it changes, and why.
//!
//! Nothing here knows sockets or clocks: it is told what happened, and when.

use crate::config::{HealthCheck, OutlierDetection};
use crate::metrics::EndpointState;
use std::time::Instant;

/// Maximum bytes of a reason that is kept; a longer one is cut.
const MAX_REASON: usize = 200;

/// See the module's documentation.
#[derive(Debug, Clone)]
pub(super) struct Health {
    /// Whether its checks say that it is healthy; so they do until some have failed.
    is_healthy: bool,
    /// Number of checks in a row that say the opposite.
    streak: u32,
    /// The reason for which the last check failed that made it unhealthy.
    failed_check: Option<String>,
    /// The end of an ejection, and its reason.
    ejection: Option<(Instant, String)>,
    /// The time of the last change.
    since: Instant,
}

// === impl Health ===

impl Health {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            is_healthy: true,
            streak: 0,
            failed_check: None,
            ejection: None,
            since: now,
        }
    }

    pub(super) fn state(&self) -> EndpointState {
        match (self.is_healthy, &self.ejection) {
            (false, _) => EndpointState::Unhealthy,
            (true, Some(_)) => EndpointState::Ejected,
            (true, None) => EndpointState::Healthy,
        }
    }

    /// Returns the reason for its state; `None` if it is healthy.
    pub(super) fn reason(&self) -> Option<&str> {
        let ejection = self.ejection.as_ref().map(|(_, reason)| reason);
        self.failed_check.as_ref().or(ejection).map(String::as_str)
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    pub(super) fn ejected_until(&self) -> Option<Instant> {
        self.ejection.as_ref().map(|(until, _)| *until)
    }

    /// Takes the result of a check; the error is the reason. Returns whether the state has changed.
    pub(super) fn checked(
        &mut self,
        result: Result<(), String>,
        rule: &HealthCheck,
        now: Instant,
    ) -> bool {
        let before = self.state();
        if result.is_ok() == self.is_healthy {
            self.streak = 0;
            return false;
        }
        self.streak += 1;
        let threshold = match self.is_healthy {
            true => rule.unhealthy_threshold,
            false => rule.healthy_threshold,
        };
        if self.streak < threshold {
            return false;
        }
        self.is_healthy = result.is_ok();
        self.streak = 0;
        self.failed_check = result.err().map(shortened);
        self.changed(before, now)
    }

    /// Ejects the endpoint. Returns whether the state has changed.
    pub(super) fn eject(&mut self, reason: String, rule: &OutlierDetection, now: Instant) -> bool {
        let before = self.state();
        let until = now.checked_add(rule.ejection_time);
        self.ejection = until.map(|until| (until, shortened(reason)));
        self.changed(before, now)
    }

    /// Ends an ejection whose time is over. Returns whether the state has changed.
    pub(super) fn readmit(&mut self, now: Instant) -> bool {
        let before = self.state();
        if self.ejected_until().is_none_or(|until| now < until) {
            return false;
        }
        self.ejection = None;
        self.changed(before, now)
    }

    fn changed(&mut self, before: EndpointState, now: Instant) -> bool {
        let has_changed = self.state() != before;
        if has_changed {
            self.since = now;
        }
        has_changed
    }
}

/// Whether one more of `all` endpoints may be ejected, `ejected` of which are already. Of two or more, one
/// always may; the only one never is.
pub(super) fn may_eject(ejected: usize, all: usize, rule: &OutlierDetection) -> bool {
    let share = all.saturating_mul(rule.max_ejection_percent as usize) / 100;
    all >= 2 && ejected < share.max(1)
}

fn shortened(mut reason: String) -> String {
    let mut ends = (0..=MAX_REASON.min(reason.len())).rev();
    let end = ends.find(|&end| reason.is_char_boundary(end)).unwrap_or(0);
    if end < reason.len() {
        reason.truncate(end);
        reason.push('…');
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;
    use EndpointState::{Ejected, Healthy, Unhealthy};
    use std::time::Duration;

    #[derive(Debug, Clone, Copy)]
    enum Event {
        Passes,
        Fails,
        Ejects,
        /// This number of seconds goes by, and ejections that are over end.
        Waits(u64),
    }

    #[test]
    fn the_state_follows_checks_and_failures() {
        use Event::{Ejects, Fails, Passes, Waits};
        let check = HealthCheck {
            healthy_threshold: 2,
            unhealthy_threshold: 3,
            ..HealthCheck::default()
        };
        let outlier = OutlierDetection {
            ejection_time: Duration::from_secs(30),
            ..OutlierDetection::default()
        };
        let cases: [(&[Event], EndpointState); 13] = [
            (&[], Healthy),
            (&[Fails, Fails], Healthy),
            (&[Fails, Fails, Fails], Unhealthy),
            // A check that passes in between begins the count again.
            (&[Fails, Fails, Passes, Fails, Fails], Healthy),
            (&[Fails, Fails, Fails, Passes], Unhealthy),
            (&[Fails, Fails, Fails, Passes, Passes], Healthy),
            (&[Fails, Fails, Fails, Passes, Fails, Passes], Unhealthy),
            (&[Ejects], Ejected),
            (&[Ejects, Waits(29)], Ejected),
            (&[Ejects, Waits(30)], Healthy),
            // Checks that pass do not end an ejection, which is there because they saw nothing.
            (&[Ejects, Passes, Passes], Ejected),
            (&[Ejects, Fails, Fails, Fails, Waits(30)], Unhealthy),
            (&[Ejects, Fails, Fails, Fails, Passes, Passes], Ejected),
        ];
        for (events, expected) in cases {
            let mut now = Instant::now();
            let mut health = Health::new(now);
            for event in events {
                let before = health.state();
                let has_changed = match event {
                    Passes => health.checked(Ok(()), &check, now),
                    Fails => health.checked(Err("refused".to_owned()), &check, now),
                    Ejects => health.eject("502".to_owned(), &outlier, now),
                    Waits(seconds) => {
                        now += Duration::from_secs(*seconds);
                        health.readmit(now)
                    }
                };
                assert_eq!(has_changed, health.state() != before, "{events:?}");
            }
            assert_eq!(health.state(), expected, "{events:?}");
            assert_eq!(health.reason().is_some(), expected != Healthy, "{events:?}");
        }
    }

    #[test]
    fn ejections_have_a_bound() {
        let rule = |max_ejection_percent| OutlierDetection {
            max_ejection_percent,
            ..OutlierDetection::default()
        };
        for (ejected, all, percent, expected) in [
            (0, 0, 100, false),
            (0, 1, 100, false),
            (0, 2, 1, true),
            (1, 2, 50, false),
            (1, 2, 100, true),
            (0, 10, 10, true),
            (1, 10, 10, false),
            (4, 10, 50, true),
            (5, 10, 50, false),
            (9, 10, 100, true),
        ] {
            let may = may_eject(ejected, all, &rule(percent));
            assert_eq!(may, expected, "{ejected} of {all}, {percent} %");
        }
    }

    #[test]
    fn a_long_reason_is_cut() {
        assert_eq!(shortened("short".to_owned()), "short");
        assert_eq!(shortened("é".repeat(200)).chars().count(), 101);
    }
}
