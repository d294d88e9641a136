//! The lists of methods and headers of a policy.

use super::values::one_or_many;
use crate::config::raw::{RawNameList, RawVerbatimList};
use crate::config::report::{At, Report};
use crate::cors::{ListSpec, NameList, VerbatimList};

/// A list as it is written.
#[derive(Default)]
pub(super) struct Names {
    /// Whether `*` is among the names.
    pub any: bool,
    pub names: Vec<At<String>>,
    verbatim: Option<At<VerbatimList>>,
    /// The key of the policy under which it is written.
    pub key: String,
    credentials: bool,
}

// === impl Names ===

impl Names {
    /// Reads the list at `path`.
    pub(super) fn read(
        report: &mut Report<'_>,
        path: &str,
        raw: Option<RawNameList>,
        credentials: bool,
    ) -> Self {
        let mut names = Self {
            key: path.rsplit('.').next().unwrap_or(path).to_owned(),
            credentials,
            ..Self::default()
        };
        match raw {
            None => {}
            Some(RawNameList::Verbatim(raw)) => names.verbatim = verbatim(report, path, raw),
            Some(RawNameList::Names(raw)) => {
                for (path, value) in one_or_many(report, path, raw) {
                    match value.as_str() {
                        "*" => names.any = true,
                        _ => names.names.push(At {
                            value,
                            at: path.into(),
                        }),
                    }
                }
            }
        }
        names
    }

    /// Returns the text that is sent as it is written, if the list is one.
    pub(super) fn verbatim(&self) -> Option<&At<VerbatimList>> {
        self.verbatim.as_ref()
    }

    /// Whether the list has a header's name, in any case, or a `*` that stands for it.
    pub(super) fn has(&self, name: &str) -> bool {
        let is_it = |known: &str| known.eq_ignore_ascii_case(name);
        match &self.verbatim {
            // Browsers take a `*` with credentials for a name.
            Some(At { value, .. }) => value.names().is_some_and(|names| {
                let mut names = names.into_iter();
                names.any(|known| is_it(known) || (known == "*" && !self.credentials))
            }),
            None => self.any || self.names.iter().any(|known| is_it(&known.value)),
        }
    }

    /// Returns those of the names that the list does not have.
    pub(super) fn without(&self, names: &[&'static str]) -> Vec<&'static str> {
        let all = names.iter().copied();
        all.filter(|name| !self.has(name)).collect()
    }

    pub(super) fn list(&self) -> ListSpec {
        match &self.verbatim {
            Some(At { value, .. }) => ListSpec::Verbatim(value.clone()),
            None => ListSpec::Names(NameList {
                any: self.any,
                names: self.names.iter().map(|name| name.value.clone()).collect(),
            }),
        }
    }
}

/// Compiles the text of the list at `path`.
fn verbatim(report: &mut Report<'_>, path: &str, raw: RawVerbatimList) -> Option<At<VerbatimList>> {
    let RawVerbatimList { verbatim } = raw;
    let path_of_key = format!("{path}.verbatim");
    let Some(text) = verbatim else {
        if !report.was_refused_within(path) {
            report
                .error(path, "`verbatim` is missing")
                .hint("write names with commas between them, such as `verbatim: \"GET, PUT\"`");
        }
        return None;
    };
    match VerbatimList::parse(&text) {
        Ok(value) => Some(At {
            value,
            at: path_of_key.into(),
        }),
        Err(error) => {
            report
                .error(path_of_key, error.to_string())
                .hint(error.hint());
            None
        }
    }
}
