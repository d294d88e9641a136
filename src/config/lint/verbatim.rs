//! Warns of lists that are sent as written and that mean less to a browser than they seem to.
//!
//! Names that are useless in them are left alone: the operator wants these bytes.

use super::PolicyDraft;
use crate::config::report::{At, Report};
use crate::config::warning::WarningName;

/// Warns about the lists of `policy` that are sent as written.
pub(super) fn lists(report: &mut Report<'_>, policy: &PolicyDraft<'_>) {
    for (key, list) in policy.verbatim {
        let Some(At { value, at }) = list else {
            continue;
        };
        let Some(names) = value.names() else {
            let consequence = match key {
                "expose_headers" => "scripts can read none of these headers",
                _ => "they refuse every preflight",
            };
            let message = format!("browsers can't read this as a list of names: {consequence}");
            report
                .warn(WarningName::UnreadableList, at, message)
                .hint("write names with commas between them, and without quotes and brackets");
            continue;
        };
        if policy.credentials && names.contains(&"*") {
            let message = "with credentials a browser takes the `*` for a name";
            report
                .warn(WarningName::StarIsAName, at, message)
                .hint(match key {
                    "allow_methods" => "list the methods by name",
                    _ => "list the headers by name",
                });
        }
    }
}
