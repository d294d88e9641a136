//! Arguments to flags and values, by the rules of Python's argparse.
//!
//! A value stands behind `=` or in the next argument, which must not look like a flag itself; a number such
//! as `-5` does not. Long names may be cut short while they stand for one flag. Short switches may be
//! written together, and before a short flag with its value: `-tpVALUE`.

use super::nearest;
use super::report::{Report, Source};
use super::table::{self, Known, Project};

/// An argument, and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Argument {
    pub text: String,
    pub source: Source,
}

/// A flag that was given.
#[derive(Debug)]
pub(super) struct Occurrence {
    pub known: Known,
    /// `None` for a switch.
    pub value: Option<String>,
    pub source: Source,
    /// Whether it is the second name of a switch, which begins with `--no-`.
    pub is_negated: bool,
}

/// The flags that were given, in their order.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub occurrences: Vec<Occurrence>,
    /// Whether help was asked for. Nothing behind it has been read then.
    pub wants_help: bool,
}

/// An argument, as argparse sees it before it hands out values.
enum Form<'a> {
    Flag {
        known: Known,
        name: &'static str,
        attached: Option<&'a str>,
    },
    /// It looks like a flag, and is not one.
    Unknown,
    /// It stands for more than one flag.
    Ambiguous(Vec<&'static str>),
    /// A value, if the flag before it takes one.
    Value,
    /// `--`: everything behind it is a value, and nothing before it takes one of those.
    End,
}

/// Maximum number of flags that an error lists; beyond it, the list ends with `…`.
const MAX_SHOWN: usize = 10;

/// Reads all arguments.
pub(super) fn read(arguments: &[Argument], report: &mut Report) -> Arguments {
    let mut forms = Vec::with_capacity(arguments.len());
    let mut has_ended = false;
    for argument in arguments {
        let form = match has_ended {
            true => Form::Value,
            false => form(&argument.text),
        };
        has_ended |= matches!(form, Form::End);
        forms.push(form);
    }
    let mut reader = Reader {
        report,
        found: Arguments::default(),
    };
    let mut at = 0;
    while let (Some(argument), Some(form)) = (arguments.get(at), forms.get(at)) {
        at += 1;
        let next = match forms.get(at) {
            Some(Form::Value) => arguments.get(at).map(|next| next.text.as_str()),
            _ => None,
        };
        let has_taken_next = match form {
            Form::Flag {
                known,
                name,
                attached,
            } => reader.flag(argument, (*known, name), *attached, next),
            Form::Ambiguous(names) => {
                reader.ambiguous(argument, names);
                next.is_some()
            }
            Form::Unknown => {
                reader.unknown(argument);
                // It is most likely the flag's value; one error will do.
                next.is_some() && !argument.text.contains('=')
            }
            Form::Value | Form::End => {
                reader.stray(argument);
                false
            }
        };
        at += usize::from(has_taken_next);
        if reader.found.wants_help {
            break;
        }
    }
    reader.found
}

/// Gives values to flags, and reports arguments that are neither.
struct Reader<'r> {
    report: &'r mut Report,
    found: Arguments,
}

// === impl Reader ===

impl Reader<'_> {
    /// Takes a flag with its value. Returns whether that is `next`.
    fn flag(
        &mut self,
        argument: &Argument,
        (mut known, mut name): (Known, &'static str),
        mut attached: Option<&str>,
        next: Option<&str>,
    ) -> bool {
        loop {
            if known.flag.is_switch() {
                match attached {
                    None => {
                        self.push(known, name, None, argument.source);
                        return false;
                    }
                    // Short switches may be written together.
                    Some(rest) if !name.starts_with("--") && !rest.is_empty() => {
                        let Some((other, other_name, after)) = short(rest) else {
                            self.value_of_switch(argument, name, rest);
                            return false;
                        };
                        self.push(known, name, None, argument.source);
                        (known, name, attached) = (other, other_name, after);
                        continue;
                    }
                    Some(value) => {
                        self.value_of_switch(argument, name, value);
                        return false;
                    }
                }
            }
            if let Some(value) = attached {
                self.push(known, name, Some(value), argument.source);
                return false;
            }
            if next.is_some() {
                self.push(known, name, next, argument.source);
                return true;
            }
            let hint = format!("write `{name}=VALUE`");
            self.report
                .error(name, argument.source, "the value is missing", hint);
            return false;
        }
    }

    fn push(&mut self, known: Known, name: &str, value: Option<&str>, source: Source) {
        if known.flag.kind == table::Kind::Help {
            self.found.wants_help = true;
            return;
        }
        self.found.occurrences.push(Occurrence {
            known,
            value: value.map(str::to_owned),
            source,
            is_negated: name.starts_with("--no-"),
        });
    }

    fn value_of_switch(&mut self, argument: &Argument, name: &str, value: &str) {
        let message = format!(
            "it is a switch, and takes no value such as `{}`",
            shown(value)
        );
        let hint = format!("write `{name}`, or leave it out");
        self.report.error(name, argument.source, message, hint);
    }

    fn ambiguous(&mut self, argument: &Argument, names: &[&str]) {
        let mut list: Vec<_> = names
            .iter()
            .take(MAX_SHOWN)
            .map(|n| format!("`{n}`"))
            .collect();
        if names.len() > MAX_SHOWN {
            list.push("…".to_owned());
        }
        let message = format!("this is short for {}", list.join(", "));
        self.report.error(
            shown(name_of(&argument.text)),
            argument.source,
            message,
            "write the whole name",
        );
    }

    fn unknown(&mut self, argument: &Argument) {
        let name = name_of(&argument.text);
        let (message, hint) = match nearest::meant(name) {
            Some(meant) => ("there is no such flag", format!("write `{meant}`")),
            None => (
                "there is no such flag",
                "remove it, or see `corsgate espv2 --help` for all flags".to_owned(),
            ),
        };
        self.report
            .error(shown(name), argument.source, message, hint);
    }

    fn stray(&mut self, argument: &Argument) {
        let hint = match argument.source {
            Source::Variable(name) => format!(
                "{name} is split at commas, and blanks stay: start it with `^++^` and separate the flags by `++` \
                 if a value has commas"
            ),
            _ => "write each value behind its flag, as `--flag=value`".to_owned(),
        };
        let text = shown(&argument.text);
        self.report.error(
            format!("`{text}`"),
            argument.source,
            "this is neither a flag nor a flag's value",
            hint,
        );
    }
}

/// Says what an argument is. It knows nothing of the arguments around it.
fn form(text: &str) -> Form<'_> {
    let flag = |(known, name), attached| Form::Flag {
        known,
        name,
        attached,
    };
    if text == "--" {
        return Form::End;
    }
    if !text.starts_with('-') || text.len() == 1 {
        return Form::Value;
    }
    if let Some(found) = exact(text) {
        return flag(found, None);
    }
    let (before, value) = match text.split_once('=') {
        Some((before, value)) => (before, Some(value)),
        None => (text, None),
    };
    if value.is_some()
        && let Some(found) = exact(before)
    {
        return flag(found, value);
    }
    if text.starts_with("--") {
        let mut found = prefixed(before);
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => return flag(only, value),
            (Some(last), false) => {
                found.push(last);
                return Form::Ambiguous(found.into_iter().map(|(_, name)| name).collect());
            }
            (None, _) => {}
        }
    } else if exact(&format!("-{before}")).is_some() {
        // argparse takes `-service=x` for `-s ervice=x`, which no operator means.
        return Form::Unknown;
    } else if let Some((known, name, rest)) = text.get(1..).and_then(short) {
        return flag((known, name), rest);
    }
    match is_negative_number(text) || text.contains(' ') {
        true => Form::Value,
        false => Form::Unknown,
    }
}

/// Returns the flag with this name.
fn exact(name: &str) -> Option<(Known, &'static str)> {
    let known = table::named(name)?;
    let name = known.flag.names.iter().find(|other| **other == name)?;
    Some((known, name))
}

/// Returns the flags whose long names start with `start`: ESPv2's, and only if there are none, ESP's. So a
/// name that ESPv2 understands is not ambiguous for the sake of ESP. Flags of this gateway have no short forms.
fn prefixed(start: &str) -> Vec<(Known, &'static str)> {
    let of = |project: Project| {
        let of_project = table::all().filter(move |known| known.flag.project == project);
        let names = of_project.flat_map(|known| known.flag.names.iter().map(move |n| (known, *n)));
        names
            .filter(|(_, name)| name.starts_with("--") && name.starts_with(start))
            .collect::<Vec<_>>()
    };
    let found = of(Project::EspV2);
    match found.is_empty() {
        true => of(Project::Esp),
        false => found,
    }
}

/// Returns the short flag that `rest`, the text behind a dash, starts with, and what is attached to it.
fn short(rest: &str) -> Option<(Known, &'static str, Option<&str>)> {
    let first = rest.chars().next()?;
    let (known, name) = exact(&format!("-{first}"))?;
    let attached = rest.get(first.len_utf8()..).filter(|rest| !rest.is_empty());
    Some((known, name, attached))
}

/// Whether the text is a negative number to argparse: `-5`, `-1.5` or `-.5`.
fn is_negative_number(text: &str) -> bool {
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = text.strip_prefix('-') else {
        return false;
    };
    match number.split_once('.') {
        None => !number.is_empty() && are_digits(number),
        Some((whole, part)) => are_digits(whole) && !part.is_empty() && are_digits(part),
    }
}

/// Returns the name in an argument that looks like a flag.
fn name_of(text: &str) -> &str {
    text.split_once('=').map_or(text, |(name, _)| name)
}

/// Returns a text from the outside as messages show it: in one line, and not without end.
pub(super) fn shown(text: &str) -> String {
    const MAX: usize = 100;
    let mut shown = String::new();
    for c in text.chars().take(MAX) {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    if text.chars().nth(MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
