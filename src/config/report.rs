//! The problems found in a configuration so far, and where each of them is written.
//!
//! A rule reports what it finds under a path such as `routes[2].cors`. [`Report::finish`] asks the
//! [`Locator`] where each path is written, sorts the findings, and drops repetitions.

use super::error::{Diagnostic, MAX_REPORTED, Place, Problem, Severity, shortened};
use super::suggest::unknown_name;
use super::variables;
use super::warning::WarningName;
use crate::cors::Probe;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Knows where the values of a configuration are written.
///
/// A YAML file does. An importer's command line can: its spots have a flag for a path, and no
/// place.
pub(super) trait Locator {
    /// Finds where the value at `path` is written: behind an alias, at the anchor.
    fn written(&self, path: &str) -> Option<Spot>;

    /// Finds where `path` itself stands: at the first alias that it goes through, if there is one.
    fn used(&self, path: &str) -> Option<Spot> {
        self.written(path)
    }

    /// Finds the element of a list that `path` names, or names a key of. An element that is an
    /// alias is found where the alias stands, not behind it.
    fn element(&self, path: &str) -> Option<Spot> {
        self.written(path)
    }
}

/// The text that a value is written as, and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spot {
    /// `None` for a spot that is not in a file.
    pub place: Option<Place>,
    /// The path of what is written there: behind an alias, that of the anchor.
    pub path: String,
    /// The value as it is written, if it is a scalar.
    pub value: Option<String>,
    /// The value with its variables replaced, if it has any.
    pub became: Option<String>,
    /// Whether the path that was asked for leads here through an alias or a merge key.
    pub is_aliased: bool,
}

/// A place that a problem can be reported at.
#[derive(Debug, Clone)]
pub(super) enum WrittenAt {
    /// In the configuration, at this path.
    Config(String),
    /// In a file that the configuration names.
    File { file: Arc<PathBuf>, place: Place },
}

/// A value, and where it is written.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub value: T,
    pub at: WrittenAt,
}

/// The problems of one configuration.
pub(super) struct Report<'a> {
    file: &'a Path,
    locator: &'a dyn Locator,
    /// The paths of values that did not fit: a key among them is not reported as missing.
    refused: HashSet<String>,
    found: Vec<Finding>,
    /// The last problem that was not kept, for its caller to go on with.
    dropped: Option<Finding>,
    /// The number of problems of each severity that were kept, and of those that were not.
    kept_counts: [usize; Severity::ALL.len()],
    dropped_counts: [usize; Severity::ALL.len()],
    /// Whether the file was not read to its end, so that there may be more errors.
    is_cut: bool,
    /// By the path of their section, which is empty for the whole file.
    acknowledgements: BTreeMap<String, Vec<Acknowledgement>>,
    /// The path of the section that is being compiled, for problems in files that it names.
    section: String,
}

/// A warning that the operator means: within the section, it is a note.
struct Acknowledgement {
    name: WarningName,
    /// The path of the acknowledgement itself.
    at: String,
    is_used: bool,
}

/// Maximum number of problems of one severity that are kept; more are only counted. A few times more
/// than are reported, because aliases repeat a problem, and the first in the file are reported.
const MAX_KEPT: usize = 10 * MAX_REPORTED;

/// One problem, not located yet.
pub(super) struct Finding {
    severity: Severity,
    name: Option<WarningName>,
    at: WrittenAt,
    target: Target,
    problem: Problem,
    /// The value to quote in place of the one that is written there.
    quoted: Option<String>,
    probes: Vec<Probe>,
}

/// The part of a path's way through the document that a problem is about.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// The value, which an alias shares with its anchor: [`Locator::written`].
    Value,
    /// This use of the value: [`Locator::used`].
    Use,
    /// The element of a list: [`Locator::element`].
    Element,
}

/// A diagnostic, and the path that was reported, if it leads there through an alias.
struct Located {
    diagnostic: Diagnostic,
    by_way_of: Option<String>,
}

// === impl Report ===

impl<'a> Report<'a> {
    /// Starts the report of the configuration that messages call `file`.
    pub(super) fn new(file: &'a Path, locator: &'a dyn Locator) -> Self {
        Self {
            file,
            locator,
            refused: HashSet::new(),
            found: Vec::new(),
            dropped: None,
            kept_counts: [0; Severity::ALL.len()],
            dropped_counts: [0; Severity::ALL.len()],
            is_cut: false,
            acknowledgements: BTreeMap::new(),
            section: String::new(),
        }
    }

    /// Reports an error, about the value that is written there.
    pub(super) fn error(
        &mut self,
        at: impl Into<WrittenAt>,
        problem: impl Into<Problem>,
    ) -> &mut Finding {
        self.add(Severity::Error, None, at, problem)
    }

    /// Reports a warning, about the value that is written there; a note, if it is acknowledged.
    pub(super) fn warn(
        &mut self,
        name: WarningName,
        at: impl Into<WrittenAt>,
        problem: impl Into<Problem>,
    ) -> &mut Finding {
        let at = at.into();
        let severity = match self.is_acknowledged(name, &at) {
            true => Severity::Note,
            false => Severity::Warning,
        };
        self.add(severity, Some(name), at, problem)
    }

    /// Reports a note, about the value that is written there.
    pub(super) fn note(
        &mut self,
        at: impl Into<WrittenAt>,
        problem: impl Into<Problem>,
    ) -> &mut Finding {
        self.add(Severity::Note, None, at, problem)
    }

    /// Notes that the operator means the warnings of this name in the section at this path.
    pub(super) fn acknowledge(&mut self, section: &str, name: WarningName, at: String) {
        let known = self.acknowledgements.entry(section.to_owned());
        known.or_default().push(Acknowledgement {
            name,
            at,
            is_used: false,
        });
    }

    /// Notes which section is compiled from now on.
    pub(super) fn enter(&mut self, section: &str) {
        section.clone_into(&mut self.section);
    }

    fn is_acknowledged(&mut self, name: WarningName, at: &WrittenAt) -> bool {
        let path = match at {
            WrittenAt::Config(path) => path,
            WrittenAt::File { .. } => &self.section,
        };
        let mut is_acknowledged = false;
        for section in sections_around(path) {
            let known = self.acknowledgements.get_mut(section).into_iter().flatten();
            for known in known.filter(|known| known.name == name) {
                known.is_used = true;
                is_acknowledged = true;
            }
        }
        is_acknowledged
    }

    /// Warns of acknowledgements that were not needed. An error may have kept a warning from being found.
    fn warn_of_unused(&mut self) {
        if self.error_count() > 0 {
            return;
        }
        for Acknowledgement {
            name, at, is_used, ..
        } in std::mem::take(&mut self.acknowledgements)
            .into_values()
            .flatten()
        {
            if !is_used {
                let name = name.as_str();
                let message =
                    format!("`{name}` is acknowledged, and there is no such warning here");
                self.warn(WarningName::UnusedAcknowledgement, at, message)
                    .hint("remove it");
            }
        }
    }

    fn add(
        &mut self,
        severity: Severity,
        name: Option<WarningName>,
        at: impl Into<WrittenAt>,
        problem: impl Into<Problem>,
    ) -> &mut Finding {
        let finding = Finding {
            severity,
            name,
            at: at.into(),
            target: Target::Value,
            problem: problem.into(),
            quoted: None,
            probes: Vec::new(),
        };
        let kept = &mut self.kept_counts[severity as usize];
        if !is_always_shown(name) {
            if *kept == MAX_KEPT {
                self.dropped_counts[severity as usize] += 1;
                return self.dropped.insert(finding);
            }
            *kept += 1;
        }
        let index = self.found.len();
        self.found.push(finding);
        &mut self.found[index]
    }

    /// Reports that there is no `kind` called `name`, and which name may be meant.
    pub(super) fn unknown_name<'n>(
        &mut self,
        at: impl Into<WrittenAt>,
        kind: &str,
        name: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) {
        // To look for the name takes time, and a further error is hardly shown.
        match self.error_count() < MAX_REPORTED {
            true => self.error(at, unknown_name(kind, name, known)),
            false => self.error(at, format!("there is no {kind} `{name}`")),
        };
    }

    /// Counts errors that were found elsewhere and not kept, and notes whether the file was not read to
    /// its end because of them.
    pub(super) fn count_errors(&mut self, dropped: usize, is_cut: bool) {
        self.dropped_counts[Severity::Error as usize] += dropped;
        self.is_cut |= is_cut;
    }

    /// Returns how many errors were reported so far.
    pub(super) fn error_count(&self) -> usize {
        let error = Severity::Error as usize;
        self.kept_counts[error] + self.dropped_counts[error]
    }

    /// Notes that the value at `path` did not fit and was left out.
    pub(super) fn refuse(&mut self, path: String) {
        self.refused.insert(path);
    }

    /// Whether the value at `path` did not fit.
    pub(super) fn was_refused(&self, path: &str) -> bool {
        self.refused.contains(path)
    }

    /// Whether something at `path` or below it did not fit.
    pub(super) fn was_refused_within(&self, path: &str) -> bool {
        self.refused.iter().any(|refused| is_within(refused, path))
    }

    /// Returns the scalar that is written at `path`.
    pub(super) fn written_at(&self, path: &str) -> Option<String> {
        self.locator.written(path).and_then(|spot| spot.value)
    }

    /// Returns what messages call the configuration.
    pub(super) fn file(&self) -> &'a Path {
        self.file
    }

    /// Returns the place where `path` itself stands.
    pub(super) fn place_of(&self, path: &str) -> Option<Place> {
        self.locator.used(path).and_then(|spot| spot.place)
    }

    /// Returns everything that was reported: the configuration's own problems in its order, then
    /// those of each file that it names. Of each severity they are the first [`MAX_REPORTED`], and the
    /// number of the others.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.warn_of_unused();
        let (file, locator) = (self.file, self.locator);
        let mut more = self.dropped_counts;
        let found = self.found.into_iter();
        let located = found.map(|finding| finding.locate(file, locator)).collect();
        let mut diagnostics = without_repetitions(located);
        diagnostics.sort_by(|a, b| {
            let key = |d: &Diagnostic| (d.file != file, d.place);
            let (a_key, b_key) = (key(a), key(b));
            (a_key.0, &a.file, a_key.1).cmp(&(b_key.0, &b.file, b_key.1))
        });
        let mut shown = [0; Severity::ALL.len()];
        diagnostics.retain(|diagnostic| {
            if is_always_shown(diagnostic.name) {
                return true;
            }
            let severity = diagnostic.severity as usize;
            let is_shown = shown[severity] < MAX_REPORTED;
            let counter = if is_shown { &mut shown } else { &mut more };
            counter[severity] += 1;
            is_shown
        });
        let more = Severity::ALL.into_iter().zip(more);
        let more = more.filter_map(|(severity, more)| Diagnostic::of_more(severity, file, more));
        let cut = self.is_cut.then(|| {
            let message = format!("after {MAX_REPORTED} errors the file was not read further");
            Diagnostic::of_file(file, message)
        });
        let diagnostics = diagnostics.into_iter().map(Diagnostic::shortened);
        diagnostics.chain(more).chain(cut).collect()
    }
}

// === impl Finding ===

impl Finding {
    /// Adds the remedy.
    pub(super) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.problem.hint = Some(hint.into());
        self
    }

    /// Makes it about this use of the value: behind an alias, the anchor is not to blame.
    pub(super) fn where_used(&mut self) -> &mut Self {
        self.target = Target::Use;
        self
    }

    /// Makes it about the element of a list, not about the value that stands there.
    pub(super) fn as_element(&mut self) -> &mut Self {
        self.target = Target::Element;
        self
    }

    /// Quotes `value` in place of the value that is written there.
    pub(super) fn quoting(&mut self, value: impl Into<String>) -> &mut Self {
        self.quoted = Some(value.into());
        self
    }

    /// Adds the probes that it is about.
    pub(super) fn probes(&mut self, probes: Vec<Probe>) -> &mut Self {
        self.probes = probes;
        self
    }

    fn locate(self, config: &Path, locator: &dyn Locator) -> Located {
        let mut diagnostic = Diagnostic::new(self.severity, config, self.problem);
        diagnostic.name = self.name;
        diagnostic.probes = self.probes;
        let mut by_way_of = None;
        match self.at {
            WrittenAt::File { file, place } => {
                file.as_path().clone_into(&mut diagnostic.file);
                diagnostic.place = Some(place);
            }
            WrittenAt::Config(path) => {
                let spot = match self.target {
                    Target::Value => locator.written(&path),
                    Target::Use => locator.used(&path),
                    Target::Element => locator.element(&path),
                };
                let spot = spot.unwrap_or_else(|| Spot::nowhere(&path));
                let written = spot.value.as_deref().unwrap_or_default();
                if let Some(hint) = variables::hint(&path, written, spot.became.as_deref()) {
                    diagnostic.hint = Some(hint);
                }
                // The value is shown as it is written, with what its variables made of it beside
                // it.
                if let Some(became) = spot.became
                    && !diagnostic.message.contains(&became)
                {
                    let became = shortened(became);
                    diagnostic.message = format!("`{became}`: {}", diagnostic.message);
                }
                by_way_of = spot.is_aliased.then_some(path);
                diagnostic.place = spot.place;
                diagnostic.path = spot.path;
                diagnostic.value = spot.value;
            }
        }
        diagnostic.value = self.quoted.or(diagnostic.value);
        Located {
            diagnostic,
            by_way_of,
        }
    }
}

// === impl Spot ===

impl Spot {
    /// A path that is written nowhere, as in an empty document.
    fn nowhere(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..Self::default()
        }
    }
}

// === impl WrittenAt ===

impl From<&str> for WrittenAt {
    fn from(path: &str) -> Self {
        Self::Config(path.to_owned())
    }
}

impl From<&String> for WrittenAt {
    fn from(path: &String) -> Self {
        Self::Config(path.clone())
    }
}

impl From<String> for WrittenAt {
    fn from(path: String) -> Self {
        Self::Config(path)
    }
}

impl From<&Self> for WrittenAt {
    fn from(at: &Self) -> Self {
        at.clone()
    }
}

/// Whether the value at `path` is the one at `section`, or is in it.
fn is_within(path: &str, section: &str) -> bool {
    let rest = path.strip_prefix(section);
    rest.is_some_and(|rest| section.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Whether a problem is shown however many there are: a danger must not be lost among what is meant.
fn is_always_shown(name: Option<WarningName>) -> bool {
    name == Some(WarningName::DangerousKey)
}

/// Returns the paths of the sections that the value at `path` may be in, its own and that of the whole
/// file among them.
fn sections_around(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices(['.', '[']).map(|(at, _)| at);
    let around = ends.map(|end| &path[..end]);
    [""].into_iter().chain(around).chain([path])
}

/// Keeps each problem once, however many aliases lead to it and however many policies read the file
/// that it is in. If it is wrong only when reached through an alias, the message names the alias.
fn without_repetitions(found: Vec<Located>) -> Vec<Diagnostic> {
    let mut unique: Vec<Located> = Vec::with_capacity(found.len());
    let mut known: HashMap<Diagnostic, usize> = HashMap::with_capacity(found.len());
    for found in found {
        match known
            .get(&found.diagnostic)
            .and_then(|at| unique.get_mut(*at))
        {
            Some(first) if found.by_way_of.is_none() => first.by_way_of = None,
            Some(_) => {}
            None => {
                known.insert(found.diagnostic.clone(), unique.len());
                unique.push(found);
            }
        }
    }
    let named = |found: Located| {
        let mut diagnostic = found.diagnostic;
        if let Some(path) = found.by_way_of {
            diagnostic.message.push_str(&format!(" (used as {path})"));
        }
        diagnostic
    };
    unique.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An importer's command line, where one flag sets one key.
    struct Flags;

    impl Locator for Flags {
        fn written(&self, path: &str) -> Option<Spot> {
            let is_set = path == "policies.imported.max_age";
            is_set.then(|| Spot {
                path: "--cors_max_age".to_owned(),
                value: Some("1.5s".to_owned()),
                ..Spot::default()
            })
        }
    }

    #[test]
    fn the_first_hundred_problems_are_reported_and_the_others_counted() {
        let mut report = Report::new(Path::new("command line"), &Flags);
        for problem in 0..20_000 {
            report.warn(
                WarningName::MaxAgeTooLong,
                "max_age",
                format!("warning {problem}"),
            );
        }
        // One error behind them is not lost, and its long value has a start and an end.
        let value = format!("a{}z", "b".repeat(1 << 20));
        report.error("name", format!("`{value}` is no name"));
        let diagnostics = report.finish();
        let texts: Vec<String> = diagnostics.iter().map(Diagnostic::to_string).collect();
        assert_eq!(texts.len(), 102);
        let [.., error, more] = texts.as_slice() else {
            panic!("{texts:?}");
        };
        assert!(texts[99].ends_with("warning 99"), "{}", texts[99]);
        assert!(
            error.contains(": `abb") && error.ends_with("bz` is no name"),
            "{error}"
        );
        assert!(error.len() < 1_100, "{}", error.len());
        assert_eq!(
            more,
            "warning: command line: 19900 more warnings are not listed"
        );
    }

    #[test]
    fn an_error_can_point_at_a_flag() {
        let mut report = Report::new(Path::new("command line"), &Flags);
        report
            .error("policies.imported.max_age", "browsers count whole seconds")
            .hint("write `1s`");
        let [diagnostic] = report.finish().try_into().expect("one error");
        assert_eq!(
            diagnostic.to_string(),
            "error: command line: --cors_max_age: `1.5s`: browsers count whole seconds\n  \
             hint: write `1s`"
        );
    }
}
