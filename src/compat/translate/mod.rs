//! Flags and a description → the text of an ordinary configuration, with comments.
//!
//! ESPv2 tries requests in this order: declared operations, OPTIONS that `allowCors` passes through, health
//! checks, the preset's preflights, 405, 404. Here that is:
//!
//! | ESPv2                        | here                                                                |
//! |------------------------------|---------------------------------------------------------------------|
//! | operation                    | a route by `path_template` and method                               |
//! | `allowCors`                  | a route by `path_template` and OPTIONS, `cors: passthrough`          |
//! | health check                 | a route by `path` to an upstream that answers                        |
//! | preset                       | a policy, on every route: answers preflights, rejects other OPTIONS  |
//! | 405 and 404                  | routes with `fallback: true` to upstreams that answer                |
//!
//! A preflight is routed by its own method, `routing.preflight_method: options`, where it can matter.

mod listeners;
mod origins;
mod policy;
mod routes;
mod text;
mod upstreams;

use super::description::Description;
use super::flags::{FlagError, Options, RemarkKind, Source};
use crate::config::{Diagnostic, MAX_CONFIG_BYTES, WarningName};
pub(super) use origins::Origins;
use routes::Routes;
use text::Text;
use upstreams::Upstreams;

/// The translation of flags and a description.
#[derive(Debug)]
pub(super) struct Translation {
    /// A configuration: YAML with comments, without a heading.
    pub text: String,
    pub notes: Notes,
    pub origins: Origins,
}

/// Remarks on a translation, beside the configuration.
#[derive(Debug, Default)]
pub struct Notes {
    /// Dangers, each with the flags or the place that it came from.
    pub dangers: Vec<String>,
    /// Differences that clients would notice, and settings that do nothing and were hardly meant.
    pub warnings: Vec<String>,
    /// Settings that have no effect here, and need none; and other remarks.
    pub infos: Vec<String>,
}

/// Translates.
///
/// # Errors
///
/// Fails for a regex that corsgate can't use.
pub(super) fn translate(
    options: &Options,
    description: Option<&Description>,
) -> Result<Translation, Box<FlagError>> {
    let mut notes = Notes::of(options, description);
    let upstreams = Upstreams::of(options, description);
    let routes = Routes::of(options, description, &upstreams, &mut notes);

    let mut text = Text::default();
    listeners::write(&mut text, &mut notes, options);
    routes.write_routing(&mut text, options);
    upstreams.write(&mut text, options, &routes);
    if let Some(cors) = &options.cors {
        let has_elsewhere = routes.has_elsewhere();
        policy::write(&mut text, &mut notes, options, cors, has_elsewhere)?;
    }
    routes.write(&mut text, options);
    Ok(Translation {
        text: text.finish(),
        notes,
        origins: Origins::of(options, &routes),
    })
}

/// Says where the value of a flag comes from.
fn written(options: &Options, flag: &str) -> String {
    let flag = flag.trim_start_matches('-');
    match options.source(&format!("--{flag}")) {
        Source::Flag => format!("--{flag}"),
        Source::Variable(name) if name.ends_with("ARGS") => format!("--{flag}, in {name}"),
        Source::Variable(name) => name.to_owned(),
        Source::Default => format!("--{flag}, by default"),
    }
}

// === impl Notes ===

impl Notes {
    fn of(options: &Options, description: Option<&Description>) -> Self {
        let mut notes = Self::default();
        for remark in &options.remarks {
            match remark.kind {
                RemarkKind::Warning => notes.warn(remark.to_string()),
                RemarkKind::NoEffect => notes.info(remark.to_string()),
            }
        }
        let Some(description) = description else {
            if options.service.is_none() {
                notes.info("there is no description: every path goes to the backend".to_owned());
            }
            return notes;
        };
        notes.info(format!(
            "{} operations of {}, by its {}",
            description.operations.len(),
            match description.name.as_str() {
                "" => "a service without a name",
                name => name,
            },
            description.kind.as_str()
        ));
        for remark in &description.remarks {
            notes.warn(remark.one_line());
        }
        for demand in &description.demands {
            notes.is_unsafe(format!("{demand} is demanded, and NOT checked here"));
        }
        if description.allows_cors && options.cors.is_some() {
            notes.warn(
                "--cors_preset: the description has allowCors, too: preflights whose origin matches are answered \
                 here, and other OPTIONS requests on declared paths go to the backend"
                    .to_owned(),
            );
        }
        notes
    }

    fn warn(&mut self, note: String) {
        self.warnings.push(note);
    }

    fn info(&mut self, note: String) {
        self.infos.push(note);
    }

    fn is_unsafe(&mut self, note: String) {
        self.dangers.push(note);
    }

    /// Warns of a configuration that is too long for a file.
    pub(super) fn warn_of_size(&mut self, bytes: usize) {
        if bytes as u64 > MAX_CONFIG_BYTES {
            self.warn(format!(
                "this file is larger than {} MiB, and `corsgate serve` reads none that is: stay with `corsgate \
                 espv2`, or divide it",
                MAX_CONFIG_BYTES >> 20
            ));
        }
    }

    /// Adds what the check of the configuration has found.
    pub(super) fn add_warnings(&mut self, found: &[Diagnostic], origins: &Origins) {
        for warning in found {
            // A `dangerously_` key is among the dangers already.
            if warning.name == Some(WarningName::DangerousKey) {
                continue;
            }
            let Diagnostic {
                path,
                message,
                hint,
                ..
            } = origins.located(warning.clone());
            let subject = match warning.name {
                // It is about the policy, and each route with it has one.
                Some(WarningName::GrpcWebWithoutPreset) => "--cors_allow_headers".to_owned(),
                _ => path,
            };
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            let line = format!("{subject}: {message}{hint}");
            if !self.warnings.contains(&line) {
                self.warnings.push(line);
            }
        }
    }

    /// Returns the comment at the top of a configuration that this command has made.
    pub(super) fn heading(&self, command: &str) -> String {
        let mut text = Text::default();
        text.comment(0, "Made by:");
        text.item(0, command);
        let parts = [
            ("UNSAFE:", &self.dangers),
            ("Warnings:", &self.warnings),
            ("Notes:", &self.infos),
        ];
        for (title, notes) in parts.into_iter().filter(|(_, notes)| !notes.is_empty()) {
            text.line(0, "#");
            text.comment(0, title);
            for note in notes {
                text.item(0, note);
            }
        }
        text.blank();
        text.finish()
    }
}
