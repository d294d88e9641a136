//! The decision that CORS asks of a server: pure, total, and made nowhere else.
//!
//! CORS lets a server tell browsers which pages of other origins may read its responses. A browser
//! sends the page's origin with a request; before a request that an HTML form could not have sent,
//! it asks with a *preflight*. This module is told a request ([`CorsRequest`]) and a route's
//! [`Rule`], and returns a [`Decision`]. Nothing here reads a file, a clock or a socket, logs, or
//! knows YAML or pingora. The words are those of the Fetch standard:
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>.
//!
//! *Invariant:* this module imports nothing else of the crate, and once a [`Policy`] exists,
//! deciding cannot fail, block, allocate or log.
//!
//! ```
//! use corsgate::cors::{CorsRequest, Decision, OriginPattern, Policy, PolicySpec, Rule, decide};
//! use corsgate::cors::{SingleValue, PreflightDecision};
//!
//! let policy = Policy::new(PolicySpec {
//!     origins: vec![OriginPattern::parse("https://*.example.com")?],
//!     ..PolicySpec::default()
//! })
//! .expect("a policy without dangers");
//! let rule = Rule::policy(policy);
//! let request = CorsRequest {
//!     method: b"OPTIONS",
//!     origin: SingleValue::One(b"https://app.example.com"),
//!     request_method: SingleValue::One(b"GET"),
//!     ..CorsRequest::default()
//! };
//! let Decision::Preflight(PreflightDecision::Handled(..)) = decide(&rule, &request) else {
//!     panic!("one label below example.com is allowed");
//! };
//! # Ok::<(), corsgate::cors::PatternError>(())
//! ```

mod actual;
pub mod browser;
mod byte_set;
mod decision;
mod explain;
mod fetch_lists;
mod header_plan;
mod lookalikes;
mod message_fields;
mod near_miss;
mod origins;
mod outcome;
mod policy;
mod policy_list;
mod preflight;
mod remedy;
mod request;
mod response_fields;
mod rule;

pub use actual::Actual;
pub use byte_set::ByteSet;
pub use decision::{Decision, PreflightDecision, Rejection, decide};
pub use explain::{Step, StepName, StepResult, explain};
pub use fetch_lists::{
    HEADERS_FORBIDDEN_BUT_HARMLESS, NORMALIZED_METHODS, is_cors_response_field,
    is_forbidden_method, is_forbidden_request_header, is_token,
};
pub use header_plan::{HeaderPlan, add_vary, joined_vary};
pub use lookalikes::{Probe, ProbeKind, probes, registrable_domain};
pub use message_fields::{MessageFields, each_in_map, each_line_in_map};
pub use near_miss::OPAQUE_ORIGINS;
pub use origins::literal::{LiteralError, LiteralErrorKind, LiteralPattern};
pub use origins::matcher::{MatcherError, OriginMatcher, PatternId, PatternRef};
pub use origins::origin::{
    MAX_ORIGIN_LEN, Origin, OriginError, TupleOrigin, default_port, host_and_port, invalid_port,
    origin_of,
};
pub use origins::pattern::{
    HostPattern, OriginPattern, PatternError, PatternErrorKind, PortPattern, TuplePattern,
};
pub use origins::regex::{DeadPart, MAX_REGEX_LEN, RegexError, RegexPattern};
pub use outcome::{ActualOutcome, Outcome, PreflightOutcome, Reason};
pub use policy::{
    AsWritten, BlockDisallowedOrigins, Dangers, ListSpec, NameList, OnRejectedPreflight,
    OtherOptionsRequests, Policy, PolicyError, PolicyErrorKind, PolicySpec, PreflightStatus,
    SpecField, UNRELATED_ORIGINS, UpstreamCorsHeaders, VerbatimError, VerbatimList, WrittenAnswer,
};
pub use policy_list::{PolicyIndex, PolicyList, PolicyListError};
pub use preflight::PreflightAnswer;
pub use remedy::{Remedy, remedies};
pub use request::{
    CorsRequest, FieldLines, MAX_FIELD_LINES, RequestKind, SingleValue, names_websocket,
};
pub use response_fields::{FieldName, FieldValue, RequestPart, VarySet};
pub use rule::Rule;
