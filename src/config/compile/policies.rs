//! `policies`, and those that are written inline in a route.

use super::acknowledged::acknowledge;
use super::inputs::Inputs;
use super::name_lists::Names;
use super::origins;
use super::presets;
use super::written_answers::{FOR_A_PREFLIGHT, written_answer};
use crate::config::error::Problem;
use crate::config::lint;
use crate::config::lint::grpc_web::GrpcWebPolicy;
use crate::config::lint::leaks::Suspects;
use crate::config::raw::{
    RawBlockDisallowedOrigins, RawDuration, RawOnRejectedPreflight, RawOtherOptionsRequests,
    RawPolicy, RawRejection, RawUpstreamCorsHeaders,
};
use crate::config::report::{Report, WrittenAt};
use crate::cors::{
    BlockDisallowedOrigins, Dangers, OnRejectedPreflight, OtherOptionsRequests, Policy,
    PolicyErrorKind, PolicySpec, PreflightStatus, SpecField, UpstreamCorsHeaders, is_token,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Words with a meaning of their own under `cors:`.
pub(super) const PASSTHROUGH: &str = "passthrough";
pub(super) const OFF: &str = "off";

/// Policies by name; `None` for one that is wrong, so that a route with it is not wrong as well.
pub(super) struct Policies(BTreeMap<String, Option<Arc<Policy>>>);

// === impl Policies ===

impl Policies {
    /// Compiles `policies`.
    pub(super) fn compile(
        report: &mut Report<'_>,
        inputs: &mut Inputs,
        raw: BTreeMap<String, Option<RawPolicy>>,
    ) -> Self {
        let compiled = raw.into_iter().map(|(name, raw)| {
            let path = format!("policies.{name}");
            if name == PASSTHROUGH || name == OFF {
                let message = format!("`{name}` has a meaning of its own under `cors`");
                let hint = "give the policy another name";
                report.error(&path, message).hint(hint);
            }
            let policy = policy(report, inputs, &path, raw.unwrap_or_default());
            (name, policy)
        });
        Self(compiled.collect())
    }

    /// Finds the policy that the value at `path` names.
    pub(super) fn named(
        &self,
        report: &mut Report<'_>,
        path: &str,
        name: &str,
    ) -> Option<Arc<Policy>> {
        if let Some(policy) = self.0.get(name) {
            return policy.clone();
        }
        if !report.was_refused(&format!("policies.{name}")) && !report.was_refused("policies") {
            // `default_policy` has no such words: a request without a route goes nowhere.
            let words = [PASSTHROUGH, OFF]
                .into_iter()
                .filter(|_| path != "default_policy");
            let known = self.0.keys().map(String::as_str).chain(words);
            report.unknown_name(path, "policy", name, known);
        }
        None
    }
}

/// Compiles the policy at `path`; `None` if something is wrong with it.
pub(super) fn policy(
    report: &mut Report<'_>,
    inputs: &mut Inputs,
    path: &str,
    raw: RawPolicy,
) -> Option<Arc<Policy>> {
    let RawPolicy {
        allow_origins,
        allow_methods,
        allow_headers,
        expose_headers,
        presets: raw_presets,
        allow_credentials,
        max_age: raw_max_age,
        preflight_status: raw_preflight_status,
        on_rejected_preflight,
        other_options_requests,
        upstream_cors_headers,
        block_disallowed_origins,
        allow_private_network,
        debug_header,
        dangerously_allow_any_origin_with_credentials,
        dangerously_allow_null_with_credentials,
        dangerously_allow_insecure_origins,
        dangerously_allow_app_schemes,
        dangerously_allow_public_suffix_wildcards,
        acknowledged_warnings,
    } = raw;
    inputs.policies += 1;
    report.enter(path);
    acknowledge(report, path, acknowledged_warnings);
    let before = report.error_count();
    let path_of = |key: &str| format!("{path}.{key}");
    let origins_path = path_of("allow_origins");
    let has_origins = allow_origins.is_some();
    let origins = match allow_origins {
        Some(raw) => origins::read(report, inputs, &origins_path, raw),
        None => {
            if !report.was_refused(&origins_path) {
                report
                    .error(path, "`allow_origins` is missing")
                    .hint("list the origins, or write `*` for all of them");
            }
            Vec::new()
        }
    };
    let credentials = allow_credentials.unwrap_or(false);
    let mut names = |key: &str, raw| Names::read(report, &path_of(key), raw, credentials);
    let methods = names("allow_methods", allow_methods);
    let mut headers = names("allow_headers", allow_headers);
    let mut exposed = names("expose_headers", expose_headers);
    let presets_path = path_of("presets");
    let has_grpc_web = presets::add(
        report,
        &presets_path,
        raw_presets,
        &mut headers,
        &mut exposed,
    );
    let max_age = max_age(report, &path_of("max_age"), raw_max_age);
    let preflight_status_path = path_of("preflight_status");
    let preflight_status = preflight_status(report, &preflight_status_path, raw_preflight_status);
    let path_of_rejection = path_of("on_rejected_preflight");
    let on_rejected_preflight = on_rejected_preflight
        .map_or(OnRejectedPreflight::default(), |raw| {
            rejection(report, &path_of_rejection, raw)
        });
    // The patterns that could be read are checked further, so that one bad pattern hides no other.
    let is_complete =
        has_origins && report.error_count() == before && !report.was_refused_within(&origins_path);
    let dangers = Dangers {
        any_origin_with_credentials: dangerously_allow_any_origin_with_credentials.unwrap_or(false),
        null_with_credentials: dangerously_allow_null_with_credentials.unwrap_or(false),
        insecure_origins: dangerously_allow_insecure_origins.unwrap_or(false),
        app_schemes: dangerously_allow_app_schemes.unwrap_or(false),
        public_suffix_wildcards: dangerously_allow_public_suffix_wildcards.unwrap_or(false),
    };
    let block = match block_disallowed_origins {
        Some(RawBlockDisallowedOrigins::Websocket) => BlockDisallowedOrigins::WebSocket,
        Some(RawBlockDisallowedOrigins::All) => BlockDisallowedOrigins::All,
        Some(RawBlockDisallowedOrigins::Never) | None => BlockDisallowedOrigins::Never,
    };
    let draft = lint::PolicyDraft {
        path,
        origins: &origins,
        methods: &methods.names,
        headers: &headers.names,
        any_header: headers.any,
        exposed: &exposed.names,
        verbatim: [
            ("allow_methods", methods.verbatim()),
            ("allow_headers", headers.verbatim()),
            ("expose_headers", exposed.verbatim()),
        ],
        credentials,
        max_age,
        block,
        dangers,
    };
    lint::policy(report, &draft);
    let suspects = Suspects::of(&draft);
    // Collected in place: hundreds of thousands of patterns must not be there twice.
    let places: Vec<WrittenAt> = origins.iter().map(|origin| origin.at.clone()).collect();
    let patterns = origins.into_iter().map(|origin| origin.value).collect();
    let policy = Policy::new(PolicySpec {
        name: path.strip_prefix("policies.").unwrap_or(path).to_owned(),
        origins: patterns,
        methods: methods.list(),
        headers: headers.list(),
        expose_headers: exposed.list(),
        credentials,
        max_age,
        preflight_status,
        on_rejected_preflight,
        other_options_requests: match other_options_requests {
            Some(RawOtherOptionsRequests::Reject) => OtherOptionsRequests::Reject,
            Some(RawOtherOptionsRequests::Forward) | None => OtherOptionsRequests::Forward,
        },
        upstream_cors_headers: match upstream_cors_headers {
            Some(RawUpstreamCorsHeaders::Keep) => UpstreamCorsHeaders::Keep,
            Some(RawUpstreamCorsHeaders::Fill) => UpstreamCorsHeaders::Fill,
            Some(RawUpstreamCorsHeaders::Strip) | None => UpstreamCorsHeaders::Strip,
        },
        block_disallowed_origins: block,
        private_network: allow_private_network.unwrap_or(false),
        debug_header: debug_header.unwrap_or(false),
        dangers,
    });
    suspects.probe(report, policy.as_ref().ok().map(Policy::origins));
    let errors = match policy {
        Ok(policy) => {
            let is_small = origins::take_regexes(report, inputs, &origins_path, policy.origins());
            let policy = Arc::new(policy);
            inputs.grpc_web.push(GrpcWebPolicy {
                policy: Arc::clone(&policy),
                path: presets_path,
                has_preset: has_grpc_web,
                not_allowed: headers.without(&presets::GRPC_WEB_ALLOWED),
                not_exposed: exposed.without(&presets::GRPC_WEB_EXPOSED),
                is_verbatim: headers.verbatim().or(exposed.verbatim()).is_some(),
            });
            return (is_complete && is_small).then_some(policy);
        }
        Err(errors) => errors,
    };
    for error in errors {
        if let PolicyErrorKind::Matcher(_) = error.kind {
            // It took as long as anything can; other policies' regexes would take as long again.
            inputs.refuse_regexes();
        }
        let at = match error.field {
            SpecField::Origin(index) => WrittenAt::from(&places[index]),
            // The problems of the list are reported already.
            SpecField::Origins if !is_complete => continue,
            SpecField::Origins => WrittenAt::from(&origins_path),
            SpecField::Methods => path_of("allow_methods").into(),
            SpecField::Method(index) => WrittenAt::from(&methods.names[index].at),
            SpecField::Header(index) => WrittenAt::from(&headers.names[index].at),
            SpecField::ExposeHeader(index) => WrittenAt::from(&exposed.names[index].at),
            SpecField::ExposeHeaders => path_of("expose_headers").into(),
            SpecField::OtherOptionsRequests => path_of("other_options_requests").into(),
        };
        let message = error.to_string();
        let hint = match &error.kind {
            PolicyErrorKind::NotAMethod(text) | PolicyErrorKind::NotAHeader(text) => names_in(text),
            _ => None,
        };
        let hint = hint.or_else(|| error.kind.hint().map(str::to_owned));
        report.error(at, Problem { message, hint });
    }
    None
}

/// Maximum bytes of a text that a hint takes apart.
const MAX_TAKEN_APART: usize = 256;

/// Says what to write in place of a text with names in it, if that can be told.
fn names_in(text: &str) -> Option<String> {
    let separators = [
        ',', ';', '/', '|', ' ', '\t', '\n', '\r', '"', '\'', '[', ']',
    ];
    let names: Vec<&str> = text.split(separators).filter(|n| !n.is_empty()).collect();
    let are_names = text.len() <= MAX_TAKEN_APART && names.iter().all(|n| is_token(n.as_bytes()));
    match names.as_slice() {
        _ if !are_names => None,
        [] => None,
        [name] => Some(format!("write `{name}`")),
        _ => Some(format!(
            "write one name per element: `[{}]`",
            names.join(", ")
        )),
    }
}

fn max_age(report: &mut Report<'_>, path: &str, raw: Option<RawDuration>) -> Option<u64> {
    let RawDuration(duration) = raw?;
    if duration.subsec_nanos() != 0 {
        let whole = Duration::from_secs(duration.as_secs());
        let hint = format!("write `{}`", humantime::format_duration(whole));
        report
            .error(path, "browsers count whole seconds")
            .hint(hint);
    }
    Some(duration.as_secs())
}

fn preflight_status(report: &mut Report<'_>, path: &str, raw: Option<u16>) -> PreflightStatus {
    match raw {
        None | Some(204) => PreflightStatus::NoContent,
        Some(200) => PreflightStatus::Ok,
        Some(other) => {
            let message = format!("{other} is not a status for an allowed preflight");
            report.error(path, message).hint("write 204 or 200");
            PreflightStatus::NoContent
        }
    }
}

fn rejection(
    report: &mut Report<'_>,
    path: &str,
    raw: RawOnRejectedPreflight,
) -> OnRejectedPreflight {
    match raw {
        RawOnRejectedPreflight::Word(RawRejection::Answer) => OnRejectedPreflight::Answer,
        RawOnRejectedPreflight::Word(RawRejection::Deny) => OnRejectedPreflight::Deny,
        RawOnRejectedPreflight::Word(RawRejection::Forward) => OnRejectedPreflight::Forward,
        RawOnRejectedPreflight::Written(raw) => {
            OnRejectedPreflight::Respond(written_answer(report, path, raw, &FOR_A_PREFLIGHT))
        }
    }
}
