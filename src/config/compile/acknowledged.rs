//! `acknowledged_warnings`: the warnings that the operator means, in the section that has the list.

use super::values::one_or_many;
use crate::config::raw::OneOrMany;
use crate::config::report::Report;
use crate::config::warning::WarningName;
use std::collections::HashSet;

/// Reads the list of the section at `section`, which is empty for the whole file. It must be read before
/// anything in the section is warned of.
pub(super) fn acknowledge(report: &mut Report<'_>, section: &str, raw: Option<OneOrMany<String>>) {
    let Some(raw) = raw else { return };
    let path = match section {
        "" => "acknowledged_warnings".to_owned(),
        _ => format!("{section}.acknowledged_warnings"),
    };
    let mut names = HashSet::new();
    for (path, name) in one_or_many(report, &path, raw) {
        let mut all = WarningName::ACKNOWLEDGEABLE.into_iter();
        match all.find(|known| known.as_str() == name) {
            Some(known) if !names.insert(known) => {
                report
                    .error(path, format!("`{name}` is there twice"))
                    .hint("remove one of them")
                    .as_element();
            }
            Some(known) => report.acknowledge(section, known, path),
            None => {
                let known = WarningName::ACKNOWLEDGEABLE
                    .iter()
                    .map(|known| known.as_str());
                report.unknown_name(path, "warning", &name, known);
            }
        }
    }
}
