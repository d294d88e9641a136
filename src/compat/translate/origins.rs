//! The flag, or the place in the description, that each part of a made configuration comes from: so that an
//! error about it names what the operator wrote.

use super::routes::Routes;
use crate::compat::flags::{HeaderEdit, Options, OriginOption};
use crate::config::{Diagnostic, Place};
use std::path::Path;

/// The origins of the parts of a configuration.
#[derive(Debug)]
pub(in crate::compat) struct Origins {
    /// The places of the operations that routes come from, in the order of the routes.
    routes: Vec<Option<Place>>,
    request_headers: Vec<(String, &'static str)>,
    response_headers: Vec<(String, &'static str)>,
    origin_flag: &'static str,
    description: Option<String>,
}

// === impl Origins ===

impl Origins {
    pub(super) fn of(options: &Options, routes: &Routes<'_>) -> Self {
        let names = |edits: &[HeaderEdit]| {
            let edits = edits.iter();
            edits.map(|edit| (edit.name.clone(), edit.flag)).collect()
        };
        let has_regex = options
            .cors
            .as_ref()
            .is_some_and(|cors| matches!(cors.origin, OriginOption::Regex { .. }));
        Self {
            routes: routes.places().collect(),
            request_headers: names(&options.request_headers),
            response_headers: names(&options.response_headers),
            origin_flag: match has_regex {
                true => "--cors_allow_origin_regex",
                false => "--cors_allow_origin",
            },
            description: options.description.clone(),
        }
    }

    /// Puts a diagnostic of the configuration where its cause is.
    pub(in crate::compat) fn located(&self, diagnostic: Diagnostic) -> Diagnostic {
        if let Some(flag) = self.flag(&diagnostic.path) {
            return Diagnostic {
                path: flag.to_owned(),
                place: None,
                ..diagnostic
            };
        }
        let index = diagnostic.path.strip_prefix("routes[");
        let index = index.and_then(|rest| rest.split(']').next()?.parse::<usize>().ok());
        let place = index.and_then(|index| *self.routes.get(index)?);
        match (&self.description, place) {
            (Some(file), Some(place)) => Diagnostic {
                file: Path::new(file).to_owned(),
                place: Some(place),
                path: String::new(),
                ..diagnostic
            },
            _ => diagnostic,
        }
    }

    /// Returns the flag that the value at a path comes from.
    fn flag(&self, path: &str) -> Option<&'static str> {
        for (key, edits, flag) in [
            (
                ".request_headers",
                &self.request_headers,
                "--add_request_header",
            ),
            (
                ".response_headers",
                &self.response_headers,
                "--add_response_header",
            ),
        ] {
            if let Some((_, name)) = path.split_once(key) {
                let mut edits = edits.iter();
                let edit = edits.find(|(known, _)| name.ends_with(known.as_str()));
                return Some(edit.map_or(flag, |(_, flag)| flag));
            }
        }
        let begins = [
            ("policies.preset.allow_origins", self.origin_flag),
            ("policies.preset.allow_methods", "--cors_allow_methods"),
            ("policies.preset.allow_headers", "--cors_allow_headers"),
            ("policies.preset.expose_headers", "--cors_expose_headers"),
            ("policies.preset.max_age", "--cors_max_age"),
            ("upstreams.backend.", "--backend"),
            ("admin", "--status_port"),
            ("access_log", "--access_log"),
            ("listeners", "--listener_port"),
            ("trusted_proxies", "--xff_trusted_proxy_list"),
            ("limits", "--client_max_body_size"),
        ];
        let mut begins = begins.iter();
        let found = begins.find(|(start, _)| path.starts_with(start));
        let is_health = || path.starts_with("routes[") && path.ends_with(".match.path");
        match found {
            Some((_, flag)) => Some(flag),
            None => is_health().then_some("--healthz"),
        }
    }
}
