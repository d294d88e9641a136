//! Outcomes of decisions and their reasons: closed sets, because they are metric labels.

use super::request::{CorsRequest, RequestKind};

/// The outcome of a request that is not a preflight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActualOutcome {
    /// The request has no Origin, or CORS is not asked: the route's is off, or a browser asks nothing of it.
    NotCors,
    Allowed,
    Denied,
    /// Denied, and answered by the gateway: the request reaches no upstream.
    Blocked,
    PassedThrough,
}

/// The reason for the outcome of a preflight, or of a request that is rejected because it is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    Allowed,
    OriginNotAllowed,
    MethodNotAllowed,
    HeadersNotAllowed,
    MalformedOrigin,
    MalformedMethod,
    MalformedHeaders,
    NoRoute,
    RoutePassthrough,
    /// OPTIONS without Origin or Access-Control-Request-Method, where the policy rejects such requests.
    NotAPreflight,
}

/// The outcome of a preflight, or of a request that is rejected because it is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreflightOutcome {
    Handled,
    Rejected,
    PassedThrough,
}

/// The outcome of any request, as metrics and logs have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Preflight(PreflightOutcome, Reason),
    Actual(ActualOutcome),
}

// === impl Outcome ===

impl Outcome {
    /// Of a request that CORS does not count.
    pub const NONE: Self = Self::Actual(ActualOutcome::NotCors);

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preflight(outcome, _) => outcome.as_str(),
            Self::Actual(outcome) => outcome.as_str(),
        }
    }

    /// Returns the reason of a preflight's outcome; `None` for every other request.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Preflight(_, reason) => Some(reason.as_str()),
            Self::Actual(_) => None,
        }
    }
}

// === impl PreflightOutcome ===

impl PreflightOutcome {
    pub const ALL: [Self; 3] = [Self::Handled, Self::Rejected, Self::PassedThrough];

    /// Returns the name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Rejected => "rejected",
            Self::PassedThrough => "passed_through",
        }
    }
}

// === impl ActualOutcome ===

impl ActualOutcome {
    /// The outcomes that are counted, in the order of their values.
    pub const COUNTED: [Self; 4] = [
        Self::Allowed,
        Self::Denied,
        Self::Blocked,
        Self::PassedThrough,
    ];

    /// Returns the name in metrics and logs; `none` is not counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotCors => "none",
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Blocked => "blocked",
            Self::PassedThrough => "passed_through",
        }
    }

    /// Returns `outcome` for a request with an Origin, and [`Self::NotCors`] for one without, and for a
    /// denial that no browser enforces.
    pub(super) fn of_cors(request: &CorsRequest<'_>, outcome: Self) -> Self {
        match (request.kind(), outcome) {
            (RequestKind::NotCors, _) => Self::NotCors,
            (_, Self::Denied) if request.is_beyond_cors() => Self::NotCors,
            (RequestKind::Actual | RequestKind::Preflight, outcome) => outcome,
        }
    }
}

// === impl Reason ===

impl Reason {
    pub const ALL: [Self; 10] = [
        Self::Allowed,
        Self::OriginNotAllowed,
        Self::MethodNotAllowed,
        Self::HeadersNotAllowed,
        Self::MalformedOrigin,
        Self::MalformedMethod,
        Self::MalformedHeaders,
        Self::NoRoute,
        Self::RoutePassthrough,
        Self::NotAPreflight,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::HeadersNotAllowed => "headers_not_allowed",
            Self::MalformedOrigin => "malformed_origin",
            Self::MalformedMethod => "malformed_method",
            Self::MalformedHeaders => "malformed_headers",
            Self::NoRoute => "no_route",
            Self::RoutePassthrough => "route_passthrough",
            Self::NotAPreflight => "not_a_preflight",
        }
    }
}
