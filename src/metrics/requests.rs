//! Requests by route: preflights, CORS requests, all requests, and their durations.

use super::{CODE_CLASSES, DURATION_BUCKETS, code_class, register};
use crate::cors::{ActualOutcome, Outcome, PreflightOutcome, Reason, RequestKind, Rule};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
};
use std::time::Duration;

/// The request metrics of all routes.
#[derive(Debug, Clone)]
pub(super) struct RequestMetrics {
    preflights: IntCounterVec,
    cors_requests: IntCounterVec,
    requests: IntCounterVec,
    refused: IntCounterVec,
    duration: HistogramVec,
}

/// The handles of one route.
#[derive(Debug)]
pub struct RouteMetrics {
    /// By outcome and reason; those that the route's rule can have.
    preflights: [[Option<IntCounter>; Reason::ALL.len()]; PreflightOutcome::ALL.len()],
    /// By outcome.
    cors_requests: [IntCounter; ActualOutcome::COUNTED.len()],
    refused: [IntCounter; RefusedFor::ALL.len()],
    preflight: KindMetrics,
    request: KindMetrics,
}

/// The handles of one route for the requests of one kind.
#[derive(Debug)]
struct KindMetrics {
    requests: [IntCounter; CODE_CLASSES.len()],
    duration: Histogram,
}

/// The label for the reason why a request was refused, whatever its route's policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedFor {
    Malformed,
    HeaderTooLarge,
    HeaderTimeout,
    BodyTimeout,
    BodyTooLarge,
    RateLimited,
    AmbiguousPath,
    ClientCertificateRequired,
    OriginBlocked,
    TooManyRequests,
}

/// The values of `kind`. Mixed, a route's rate and latency would be those of its preflights, which the
/// gateway answers itself.
const PREFLIGHT: &str = "preflight";
const REQUEST: &str = "request";

// === impl RefusedFor ===

impl RefusedFor {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::HeaderTooLarge,
        Self::HeaderTimeout,
        Self::BodyTimeout,
        Self::BodyTooLarge,
        Self::RateLimited,
        Self::AmbiguousPath,
        Self::ClientCertificateRequired,
        Self::OriginBlocked,
        Self::TooManyRequests,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::HeaderTooLarge => "header_too_large",
            Self::HeaderTimeout => "header_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::BodyTooLarge => "body_too_large",
            Self::RateLimited => "rate_limited",
            Self::AmbiguousPath => "ambiguous_path",
            Self::ClientCertificateRequired => "client_certificate_required",
            Self::OriginBlocked => "origin_blocked",
            Self::TooManyRequests => "too_many_requests",
        }
    }
}

// === impl RequestMetrics ===

impl RequestMetrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            register(registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let duration = HistogramOpts::new(
            "corsgate_request_duration_seconds",
            "Time from a request's header to the end of its response.",
        )
        .buckets(DURATION_BUCKETS.to_vec());
        Ok(Self {
            preflights: counter(
                "corsgate_preflights_total",
                "CORS preflights by what became of them.",
                &["route", "outcome", "reason"],
            )?,
            cors_requests: counter(
                "corsgate_cors_requests_total",
                "CORS requests that are no preflights.",
                &["route", "outcome"],
            )?,
            requests: counter(
                "corsgate_requests_total",
                "All requests by the class of the status they were answered with.",
                &["route", "kind", "code"],
            )?,
            refused: counter(
                "corsgate_requests_refused_total",
                "Requests that were refused whatever their route's policy says.",
                &["route", "reason"],
            )?,
            duration: register(registry, HistogramVec::new(duration, &["route", "kind"]))?,
        })
    }

    pub(super) fn route(&self, name: &str, rule: &Rule) -> RouteMetrics {
        let cors = |outcome: ActualOutcome| {
            self.cors_requests
                .with_label_values(&[name, outcome.as_str()])
        };
        let of_kind = |kind: &str| KindMetrics {
            requests: CODE_CLASSES
                .map(|class| self.requests.with_label_values(&[name, kind, class])),
            duration: self.duration.with_label_values(&[name, kind]),
        };
        RouteMetrics {
            preflights: PreflightOutcome::ALL.map(|outcome| {
                Reason::ALL.map(|reason| {
                    let labels = [name, outcome.as_str(), reason.as_str()];
                    let can_be = rule.has_preflight_outcome(outcome, reason);
                    can_be.then(|| self.preflights.with_label_values(&labels))
                })
            }),
            cors_requests: ActualOutcome::COUNTED.map(cors),
            refused: RefusedFor::ALL
                .map(|reason| self.refused.with_label_values(&[name, reason.as_str()])),
            preflight: of_kind(PREFLIGHT),
            request: of_kind(REQUEST),
        }
    }

    /// Removes the series of a route. Removing one that was never made fails, which changes nothing.
    pub(super) fn forget_route(&self, name: &str) {
        for outcome in PreflightOutcome::ALL {
            for reason in Reason::ALL {
                let labels = [name, outcome.as_str(), reason.as_str()];
                let _ = self.preflights.remove_label_values(&labels);
            }
        }
        for outcome in ActualOutcome::COUNTED {
            let labels = [name, outcome.as_str()];
            let _ = self.cors_requests.remove_label_values(&labels);
        }
        for kind in [PREFLIGHT, REQUEST] {
            for class in CODE_CLASSES {
                let _ = self.requests.remove_label_values(&[name, kind, class]);
            }
            let _ = self.duration.remove_label_values(&[name, kind]);
        }
        for reason in RefusedFor::ALL {
            let _ = self.refused.remove_label_values(&[name, reason.as_str()]);
        }
    }
}

// === impl RouteMetrics ===

impl RouteMetrics {
    /// Counts a finished request. `status` is `None` where no response was sent.
    pub fn finished(
        &self,
        kind: RequestKind,
        outcome: Outcome,
        refused: Option<RefusedFor>,
        status: Option<u16>,
        elapsed: Duration,
    ) {
        match outcome {
            Outcome::Preflight(outcome, reason) => {
                if let Some(counter) = &self.preflights[outcome as usize][reason as usize] {
                    counter.inc();
                }
            }
            Outcome::Actual(outcome) => {
                let counted = ActualOutcome::COUNTED.iter().zip(&self.cors_requests);
                let of_outcome = counted.filter(|(counted, _)| **counted == outcome);
                of_outcome.for_each(|(_, counter)| counter.inc());
            }
        }
        if let Some(reason) = refused {
            self.refused[reason as usize].inc();
        }
        let of_kind = match kind {
            RequestKind::Preflight => &self.preflight,
            RequestKind::NotCors | RequestKind::Actual => &self.request,
        };
        of_kind.requests[code_class(status)].inc();
        of_kind.duration.observe(elapsed.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_and_reasons_index_their_handles() {
        for (index, outcome) in PreflightOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
        for (index, reason) in RefusedFor::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }
}
