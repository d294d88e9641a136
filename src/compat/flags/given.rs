//! The flags that were given, with values that fit the flags: what the options are read from.

use super::arguments::{Arguments, Occurrence, shown};
use super::report::{Report, Source};
use super::table::{self, Effect, Kind};
use std::collections::BTreeMap;

/// The values of all flags that were given.
#[derive(Debug, Default)]
pub(super) struct Given {
    values: BTreeMap<&'static str, Vec<Value>>,
}

/// A value of a flag. That of a switch is empty.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub text: String,
    pub source: Source,
}

// === impl Given ===

impl Given {
    /// Checks the values, and reports flags without effect and those that are refused.
    pub(super) fn new(arguments: Arguments, report: &mut Report) -> Self {
        let mut given = Self::default();
        for occurrence in arguments.occurrences {
            let name = occurrence.known.flag.name();
            let source = occurrence.source;
            match occurrence.known.effect {
                Effect::Works(_) => {}
                Effect::None(reason) => report.no_effect(name, source, reason),
                Effect::Warns(reason) => report.warn(name, source, reason),
                Effect::Refused { reason, remedy } => report.error(name, source, reason, remedy),
            }
            if let Some(value) = value(occurrence, report) {
                given.values.entry(name).or_default().push(value);
            }
        }
        given
    }

    /// Returns all values of a flag, which is named by its first long name.
    pub(super) fn all(&self, flag: &str) -> &[Value] {
        debug_assert!(
            table::named(flag).is_some_and(|known| known.flag.name() == flag),
            "{flag} is in the table"
        );
        self.values.get(flag).map_or(&[], Vec::as_slice)
    }

    /// Returns the value that counts: the last one.
    pub(super) fn last(&self, flag: &str) -> Option<&Value> {
        self.all(flag).last()
    }

    /// Returns the value that counts, unless it is empty: a script takes that for a flag that is not given.
    pub(super) fn filled(&self, flag: &str) -> Option<&Value> {
        self.last(flag).filter(|value| !value.text.is_empty())
    }

    pub(super) fn is_on(&self, flag: &str) -> bool {
        self.last(flag).is_some()
    }

    /// Returns the source of the value that counts.
    pub(super) fn source(&self, flag: &str) -> Source {
        self.last(flag)
            .map_or(Source::Default, |value| value.source)
    }

    /// Returns the sources of all flags that were given.
    pub(super) fn sources(&self) -> BTreeMap<&'static str, Source> {
        let source = |values: &Vec<Value>| values.last().map(|value| value.source);
        let sources = self.values.iter();
        sources
            .filter_map(|(flag, values)| Some((*flag, source(values)?)))
            .collect()
    }

    /// Reports two flags that can't be given together.
    pub(super) fn refuse_both(&self, one: &str, other: &str, why: &str, report: &mut Report) {
        if self.filled_or_on(one) && self.filled_or_on(other) {
            let hint = format!("remove it, or `{other}`");
            let message = format!("it stands beside `{other}`: {why}");
            report.error(one, self.source(one), message, hint);
        }
    }

    fn filled_or_on(&self, flag: &str) -> bool {
        let is_switch = table::named(flag).is_some_and(|known| known.flag.is_switch());
        self.last(flag)
            .is_some_and(|value| is_switch || !value.text.is_empty())
    }
}

/// Returns the value of a flag if it fits the flag's kind.
fn value(occurrence: Occurrence, report: &mut Report) -> Option<Value> {
    let Occurrence {
        known,
        value,
        source,
        is_negated,
    } = occurrence;
    if is_negated {
        return None;
    }
    let name = known.flag.name();
    let text = unquoted(name, source, value.unwrap_or_default(), report);
    match known.flag.kind {
        Kind::Integer if !is_integer(&text) => {
            let message = format!("`{}` is not a whole number", shown(&text));
            let hint = format!("write a number, such as `{name}=8080`");
            report.error(name, source, message, hint);
            None
        }
        Kind::Choice(choices) if !choices.contains(&text.as_str()) => {
            let message = format!("`{}` is not one of its values", shown(&text));
            let choices: Vec<_> = choices.iter().map(|choice| format!("`{choice}`")).collect();
            report.error(
                name,
                source,
                message,
                format!("write {}", choices.join(" or ")),
            );
            None
        }
        _ => Some(Value { text, source }),
    }
}

/// Removes the quotes around a value, which a shell takes off and a list in a variable does not.
fn unquoted(name: &str, source: Source, text: String, report: &mut Report) -> String {
    let within = ['"', '\''].into_iter().find_map(|quote| {
        let within = text.strip_prefix(quote)?.strip_suffix(quote)?;
        Some(within.to_owned())
    });
    let Some(within) = within else { return text };
    let message = format!(
        "the quotes around `{}` are taken off; ESPv2 takes them for a part of the value",
        shown(&within)
    );
    report.warn(name, source, message);
    within
}

/// Whether Python's `int` reads the text.
fn is_integer(text: &str) -> bool {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_group = |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    digits.split('_').all(is_group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compat::flags::arguments::{Argument, read};

    fn given(arguments: &[&str]) -> (Given, Report) {
        let mut report = Report::default();
        let argument = |text: &&str| Argument {
            text: (*text).to_owned(),
            source: Source::Flag,
        };
        let arguments: Vec<_> = arguments.iter().map(argument).collect();
        let arguments = read(&arguments, &mut report);
        (Given::new(arguments, &mut report), report)
    }

    #[test]
    fn one_pair_of_quotes_is_taken_off_with_a_remark() {
        for (written, expected, has_remark) in [
            ("GET, POST", "GET, POST", false),
            ("\"GET, POST\"", "GET, POST", true),
            ("'GET'", "GET", true),
            ("''GET''", "'GET'", true),
            ("\"\"", "", true),
            ("\"", "\"", false),
            ("\"GET", "\"GET", false),
            ("\"GET'", "\"GET'", false),
            ("", "", false),
        ] {
            let (given, report) = given(&["--cors_allow_methods", written]);
            let text = given.last("--cors_allow_methods").map(|v| v.text.clone());
            assert_eq!(text.as_deref(), Some(expected), "{written}");
            let remarks = report.finish().expect("no errors");
            assert_eq!(!remarks.is_empty(), has_remark, "{written}");
        }
    }

    #[test]
    fn the_last_value_counts_and_empty_ones_are_not_given() {
        let (given, _) = given(&["--backend=a", "-a", "b", "--healthz=x", "-z", ""]);
        assert_eq!(given.last("--backend").map(|v| v.text.as_str()), Some("b"));
        assert_eq!(given.all("--backend").len(), 2);
        assert!(given.filled("--healthz").is_none());
        assert!(!given.is_on("--cors_preset"));
        assert_eq!(given.source("--backend"), Source::Flag);
        assert_eq!(given.source("--cors_preset"), Source::Default);
    }

    #[test]
    fn integers_are_those_of_python() {
        for (text, expected) in [
            ("0", true),
            (" 80 ", true),
            ("-1", true),
            ("+80", true),
            ("8_0", true),
            ("", false),
            ("-", false),
            ("8__0", false),
            ("_8", false),
            ("8.0", false),
            ("80a", false),
            ("0x50", false),
        ] {
            assert_eq!(is_integer(text), expected, "{text}");
        }
    }
}
