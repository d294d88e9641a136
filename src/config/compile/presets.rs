//! `presets` of a policy: lists of names that a protocol needs, in one word.

use super::name_lists::Names;
use super::values::one_or_many;
use crate::config::raw::{OneOrMany, RawPreset};
use crate::config::report::{At, Report};

/// Request headers that the clients of gRPC-Web set: those of grpc-web, connect-web and improbable-eng.
pub(super) const GRPC_WEB_ALLOWED: [&str; 4] =
    ["content-type", "x-grpc-web", "x-user-agent", "grpc-timeout"];

/// Response headers in which they look for the status of a call that ends with its header.
pub(super) const GRPC_WEB_EXPOSED: [&str; 3] =
    ["grpc-status", "grpc-message", "grpc-status-details-bin"];

/// Adds the names of the presets at `path` to a policy's lists. Returns whether gRPC-Web is among them.
pub(super) fn add(
    report: &mut Report<'_>,
    path: &str,
    raw: Option<OneOrMany<RawPreset>>,
    allowed: &mut Names,
    exposed: &mut Names,
) -> bool {
    let Some(raw) = raw else { return false };
    let mut has_grpc_web = false;
    for (path, preset) in one_or_many(report, path, raw) {
        let RawPreset::GrpcWeb = preset;
        if has_grpc_web {
            report
                .error(&path, "`grpc_web` is there twice")
                .hint("remove one of them")
                .as_element();
        }
        has_grpc_web = true;
        allowed.add(report, &path, &GRPC_WEB_ALLOWED);
        exposed.add(report, &path, &GRPC_WEB_EXPOSED);
    }
    has_grpc_web
}

// === impl Names ===

impl Names {
    /// Adds those names that the list does not have, as if they were written at `path`. Nothing can be added to a
    /// text that is sent as it is written.
    fn add(&mut self, report: &mut Report<'_>, path: &str, names: &[&'static str]) {
        let missing = self.without(names);
        if self.verbatim().is_some() && !missing.is_empty() {
            let key = &self.key;
            let missing = missing.join(", ");
            report
                .error(
                    path,
                    format!("`{key}` is sent as written, and lacks headers of `grpc_web`"),
                )
                .hint(format!("write these into its text as well: `{missing}`"))
                .as_element();
            return;
        }
        for name in missing {
            self.names.push(At {
                value: name.to_owned(),
                at: path.into(),
            });
        }
    }
}
