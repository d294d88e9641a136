//! `policies`, and those that stand inline in a route.

use super::origins::{self, Origins, Source};
use super::{Compiler, OFF, PASSTHROUGH, unknown_name};
use crate::config::lint;
use crate::config::lint::leaks::Suspects;
use crate::config::raw::{
    OneOrMany, RawDuration, RawOnRejectedPreflight, RawPolicy, RawUpstreamCorsHeaders,
};
use crate::cors::{
    Dangers, NameList, OnRejectedPreflight, Policy, PolicySpec, PreflightStatus, SpecField,
    UpstreamCorsHeaders,
};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// By name; `None` where one is wrong, so that what refers to it is not wrong as well.
pub(super) type Policies = BTreeMap<String, Option<Arc<Policy>>>;

impl Compiler<'_> {
    pub(super) fn policies(&mut self, raw: BTreeMap<String, Option<RawPolicy>>) -> Policies {
        raw.into_iter()
            .map(|(name, raw)| {
                let path = format!("policies.{name}");
                if name == PASSTHROUGH || name == OFF {
                    let message = format!("`{name}` has a meaning of its own under `cors`");
                    self.error(&path, message, "give the policy another name".to_owned());
                }
                let policy = self.policy(&path, raw.unwrap_or_default());
                (name, policy)
            })
            .collect()
    }

    pub(super) fn named_policy(
        &mut self,
        path: &str,
        name: &str,
        policies: &Policies,
    ) -> Option<Arc<Policy>> {
        match policies.get(name) {
            Some(policy) => policy.clone(),
            None => {
                if !self.was_refused(&format!("policies.{name}")) && !self.was_refused("policies") {
                    // `default_policy` has no such words: what no route matches goes nowhere.
                    let words = [PASSTHROUGH, OFF]
                        .into_iter()
                        .filter(|_| path != "default_policy");
                    let known = policies.keys().map(String::as_str).chain(words);
                    let (message, hint) = unknown_name("policy", name, known);
                    self.error(path, message, hint);
                }
                None
            }
        }
    }

    pub(super) fn policy(&mut self, path: &str, raw: RawPolicy) -> Option<Arc<Policy>> {
        let RawPolicy {
            allow_origins,
            allow_methods,
            allow_headers,
            expose_headers,
            allow_credentials,
            max_age,
            preflight_status,
            on_rejected_preflight,
            upstream_cors_headers,
            allow_private_network,
            debug_header,
            dangerously_allow_any_origin_with_credentials,
            dangerously_allow_null_with_credentials,
            dangerously_allow_insecure_origins,
            dangerously_allow_public_suffix_wildcards,
        } = raw;
        let before = self.error_count();
        let origins_path = format!("{path}.allow_origins");
        let has_origins = allow_origins.is_some();
        let origins = match allow_origins {
            Some(raw) => origins::read(self, &origins_path, raw),
            None => {
                if !self.was_refused(&origins_path) {
                    let hint = "list the origins, or write `*` for all of them".to_owned();
                    self.error(path, "`allow_origins` is missing", hint);
                }
                Origins::default()
            }
        };
        let (methods, method_paths) = self.names(path, "allow_methods", allow_methods);
        let (headers, header_paths) = self.names(path, "allow_headers", allow_headers);
        let (exposed, exposed_paths) = self.names(path, "expose_headers", expose_headers);
        let max_age = self.max_age(path, max_age);
        let preflight_status = self.preflight_status(path, preflight_status);
        // What could be read is checked on, so that one bad pattern hides nothing else.
        let is_complete =
            has_origins && self.error_count() == before && !self.was_refused_within(&origins_path);
        let Origins { patterns, sources } = origins;
        let spec = PolicySpec {
            name: path.strip_prefix("policies.").unwrap_or(path).to_owned(),
            origins: patterns,
            methods,
            headers,
            expose_headers: exposed,
            credentials: allow_credentials.unwrap_or(false),
            max_age,
            preflight_status,
            on_rejected_preflight: match on_rejected_preflight {
                Some(RawOnRejectedPreflight::Forward) => OnRejectedPreflight::Forward,
                Some(RawOnRejectedPreflight::Respond) | None => OnRejectedPreflight::Respond,
            },
            upstream_cors_headers: match upstream_cors_headers {
                Some(RawUpstreamCorsHeaders::Keep) => UpstreamCorsHeaders::Keep,
                Some(RawUpstreamCorsHeaders::Fill) => UpstreamCorsHeaders::Fill,
                Some(RawUpstreamCorsHeaders::Strip) | None => UpstreamCorsHeaders::Strip,
            },
            private_network: allow_private_network.unwrap_or(false),
            debug_header: debug_header.unwrap_or(false),
            dangers: Dangers {
                any_origin_with_credentials: dangerously_allow_any_origin_with_credentials
                    .unwrap_or(false),
                null_with_credentials: dangerously_allow_null_with_credentials.unwrap_or(false),
                insecure_origins: dangerously_allow_insecure_origins.unwrap_or(false),
                public_suffix_wildcards: dangerously_allow_public_suffix_wildcards.unwrap_or(false),
            },
        };
        let paths = lint::NamePaths {
            methods: &method_paths,
            headers: &header_paths,
        };
        lint::policy(self, path, &spec, &sources, paths);
        let suspects = Suspects::of(&spec, &sources);
        let policy = Policy::new(spec);
        suspects.probe(self, policy.as_ref().ok().map(Policy::origins));
        match policy {
            Ok(policy) => is_complete.then(|| Arc::new(policy)),
            Err(errors) => {
                for error in errors {
                    let place: Cow<'_, Source> = match error.field {
                        SpecField::Origin(index) => Cow::Borrowed(&sources[index]),
                        // What was wrong with the list has been said.
                        SpecField::Origins if !is_complete => continue,
                        SpecField::Origins => Cow::Owned(Source::Config(origins_path.clone())),
                        SpecField::Methods => {
                            Cow::Owned(Source::Config(format!("{path}.allow_methods")))
                        }
                        SpecField::Method(i) => Cow::Owned(Source::Config(method_paths[i].clone())),
                        SpecField::Header(i) => Cow::Owned(Source::Config(header_paths[i].clone())),
                        SpecField::ExposeHeader(i) => {
                            Cow::Owned(Source::Config(exposed_paths[i].clone()))
                        }
                        SpecField::ExposeHeaders => {
                            Cow::Owned(Source::Config(format!("{path}.expose_headers")))
                        }
                    };
                    let hint = error.kind.hint().map(str::to_owned);
                    self.push(place.diagnostic(self.file, error.to_string(), hint));
                }
                None
            }
        }
    }

    /// Names, whether `*` is among them, and the path of each name.
    fn names(
        &mut self,
        path: &str,
        key: &str,
        raw: Option<OneOrMany<String>>,
    ) -> (NameList, Vec<String>) {
        let mut names = NameList::default();
        let mut paths = Vec::new();
        if let Some(raw) = raw {
            for (path, name) in self.one_or_many(&format!("{path}.{key}"), raw) {
                if name == "*" {
                    names.any = true;
                } else {
                    names.names.push(name);
                    paths.push(path);
                }
            }
        }
        (names, paths)
    }

    fn max_age(&mut self, path: &str, raw: Option<RawDuration>) -> Option<u64> {
        let RawDuration(duration) = raw?;
        if duration.subsec_nanos() != 0 {
            let whole = Duration::from_secs(duration.as_secs());
            let hint = format!("write `{}`", humantime::format_duration(whole));
            let message = "browsers count whole seconds";
            self.error(&format!("{path}.max_age"), message, hint);
        }
        Some(duration.as_secs())
    }

    fn preflight_status(&mut self, path: &str, raw: Option<u16>) -> PreflightStatus {
        match raw {
            None | Some(204) => PreflightStatus::NoContent,
            Some(200) => PreflightStatus::Ok,
            Some(other) => {
                let message = format!("{other} is not a status for an allowed preflight");
                let hint = "write 204 or 200".to_owned();
                self.error(&format!("{path}.preflight_status"), message, hint);
                PreflightStatus::NoContent
            }
        }
    }
}
