//! [`RawConfig`] → [`Config`]: the rules of the whole file, section by section, all errors at once.

mod acknowledged;
mod edits;
mod endpoints;
mod espv2_templates;
mod health;
mod inputs;
mod listeners;
mod logs;
mod matches;
mod name_lists;
mod origins;
mod policies;
mod policy_lists;
mod presets;
mod rate_limits;
mod routes;
mod server;
mod taken;
mod template_text;
mod templates;
mod timeouts;
mod tls;
mod traces;
mod trusted_proxies;
mod upstream_tls;
mod upstreams;
mod values;
mod written_answers;

use super::compiled::Config;
use super::error::{ConfigError, Diagnostic, Severity};
use super::lint;
use super::raw::{RawConfig, RawPreflightMethod, RawRouting};
use super::report::Report;
use super::sources::Sources;
use super::suggest;
use super::variables::Environment;
use super::written::Written;
use super::yaml::{self, Document, Misfit, SyntaxError, Unknown};
use crate::cors::PolicyList;
use crate::routing::PreflightMethod;
use acknowledged::acknowledge;
pub use edits::{EditAction, EditedHeader, refused_edit};
pub use espv2_templates::{Espv2Segment, Espv2TemplateForm, espv2_template};
use inputs::Inputs;
use policies::Policies;
use routes::Routing;
use std::path::Path;
use std::sync::Arc;
pub(super) use tls::WrittenCertificate;
pub use trusted_proxies::MAX_TRUSTED_PROXIES;
pub use upstreams::MAX_RETRIES;

/// Keys and values that the file format has and this version does not.
const NOT_YET: [&str; 1] = ["cors_mode"];

/// Compiles `text`, which messages call `file`. `sources` holds the files that were read so far.
pub(super) fn compile(
    text: &str,
    file: &Path,
    environment: Environment<'_>,
    sources: Sources,
) -> Result<Config, ConfigError> {
    let Document {
        raw,
        places,
        resolved,
        misfits,
    } = match yaml::read(text, environment) {
        Ok(document) => document,
        Err(errors) => {
            return Err(ConfigError {
                diagnostics: SyntaxError::diagnostics(errors, file),
                sources,
            });
        }
    };
    let mut report = Report::new(file, &places);
    report.count_errors(misfits.more, misfits.is_full());
    for misfit in misfits.kept {
        refuse(&mut report, misfit);
    }
    // If the file could not be read to its end, a section that seems to be missing may be there.
    let mut inputs = Inputs::new(sources);
    let config = raw.and_then(|raw| config(&mut report, &mut inputs, raw));
    let sources = inputs.sources;
    let has_errors = report.error_count() > 0;
    let diagnostics = report.finish();
    match config {
        Some(config) if !has_errors => {
            let is_note = |d: &Diagnostic| d.severity == Severity::Note;
            let (notes, warnings) = diagnostics.into_iter().partition(is_note);
            Ok(Config {
                warnings,
                notes,
                hash: sources.hash(&resolved),
                document: resolved,
                sources,
                written: Written::new(file, text),
                ..config
            })
        }
        _ => Err(ConfigError {
            diagnostics,
            sources,
        }),
    }
}

/// Reports a value that did not fit, and notes that it was left out.
fn refuse(report: &mut Report<'_>, misfit: Misfit) {
    let Misfit {
        path,
        unknown,
        problem,
    } = misfit;
    match unknown {
        Some(Unknown { name, .. }) if NOT_YET.contains(&name.as_str()) => {
            report
                .error(&path, format!("this version has no `{name}` yet"))
                .hint("remove it")
                .quoting(name);
        }
        Some(Unknown { kind, name, known }) => {
            let hint = match kind {
                "key" => {
                    let value = report.written_at(&path);
                    let advice = suggest::for_key(&name, &known, value.as_deref());
                    if let Some(meant) = advice.meant {
                        // The key that was meant is not missing as well.
                        let parent = path.strip_suffix(name.as_str()).unwrap_or_default();
                        report.refuse(format!("{parent}{meant}"));
                    }
                    advice.hint
                }
                _ => suggest::for_word(&known, &name),
            };
            let finding = report.error(&path, format!("`{name}` is not a {kind} here"));
            finding.hint(hint);
            if kind == "key" {
                finding.quoting(name);
            }
        }
        None => {
            report.error(&path, problem);
        }
    }
    report.refuse(path);
}

/// Compiles the sections; returns `None` if one of them could not be compiled. The fields that are
/// known only at the end, such as warnings, are left empty.
fn config(report: &mut Report<'_>, inputs: &mut Inputs, raw: RawConfig) -> Option<Config> {
    let RawConfig {
        listeners,
        admin,
        metrics,
        trusted_proxies,
        server,
        limits,
        log,
        access_log,
        traces,
        routing,
        upstreams,
        policies,
        routes,
        default_policy,
        acknowledged_warnings,
    } = raw;
    let RawRouting {
        preflight_method,
        path_templates,
    } = routing;
    let routing = Routing {
        preflight_method: match preflight_method {
            None | Some(RawPreflightMethod::Announced) => PreflightMethod::Announced,
            Some(RawPreflightMethod::Options) => PreflightMethod::Options,
        },
        path_templates: path_templates.unwrap_or_default(),
    };
    acknowledge(report, "", acknowledged_warnings);
    let listeners = listeners::listeners(report, inputs, listeners);
    let admin = admin.and_then(|raw| listeners::admin(report, raw));
    let metrics = metrics.and_then(|raw| listeners::metrics(report, raw));
    let admin_listener = admin.as_ref().map(|admin| &admin.listener);
    listeners::check_apart(report, &listeners, admin_listener, metrics.as_ref());
    let trusted_proxies = trusted_proxies::trusted_proxies(report, trusted_proxies);
    let server = server::server(report, server);
    let limits = server::limits(report, limits);
    let log = logs::log(&log);
    let access_log = access_log.map(|raw| logs::access_log(report, raw));
    let traces = traces.and_then(|raw| traces::traces(report, raw));
    let upstreams = upstreams::upstreams(report, inputs, upstreams);
    let policies = Policies::compile(report, inputs, policies);
    let routes = routes::routes(report, inputs, routes, routing, &upstreams, &policies);
    if let Some(routes) = &routes {
        lint::certificates::listeners(report, &listeners, routes);
        let trusts_proxies = !trusted_proxies.is_empty();
        lint::blocking::listeners(report, &listeners, trusts_proxies, routes);
    }
    let default_policy = default_policy
        .and_then(|name| policies.named(report, "default_policy", &name))
        .map(|policy| Arc::new(PolicyList::from(policy)));
    Some(Config {
        listeners,
        admin,
        metrics,
        trusted_proxies,
        server,
        limits,
        log,
        access_log,
        traces,
        upstreams: upstreams
            .into_iter()
            .map(|(_, upstream)| upstream)
            .collect::<Option<_>>()?,
        routes: routes?,
        preflight_method: routing.preflight_method,
        policies: inputs.policies,
        default_policy,
        warnings: Vec::new(),
        notes: Vec::new(),
        document: String::new(),
        hash: String::new(),
        sources: Sources::default(),
        written: Written::default(),
    })
}
