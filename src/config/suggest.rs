//! Suggestions for names that are not known.

mod keys;

use super::error::Problem;
use crate::cors::OriginPattern;
use keys::{Form, Row, SECTIONS, Section, WORDS, rows};

/// Maximum number of known names that a hint lists; beyond it, the list ends with `…`.
const MAX_SHOWN: usize = 10;

/// Maximum number of known names that a name is compared with; the others are not suggested.
const MAX_COMPARED: usize = 1_000;
/// Maximum bytes of names that are compared; nothing is suggested for a longer one.
const MAX_NAME: usize = 64;

/// The start of keys that permit a danger. The errors about the dangers name them; nothing else does.
const DANGEROUS: &str = "dangerously_";

/// The hint on an unknown key in place of a list of names.
const OF_A_LIST: &str =
    "write the names as a list, in brackets, or as one text: `verbatim: \"GET, PUT\"`";

/// Parts of names that are about CORS wherever they stand.
const CORS_WORDS: [&str; 6] = [
    "origin",
    "credential",
    "expose",
    "allow",
    "preflight",
    "maxage",
];

/// Parts of names that a key of a policy does not need, with all that stands before them.
const PREFIXES: [&str; 2] = ["accesscontrol", "cors"];

/// Advice for an unknown key.
#[derive(Debug)]
pub(super) struct KeyAdvice {
    pub hint: String,
    /// The known key that was meant, if that can be told.
    pub meant: Option<String>,
}

/// Says what to write in place of the unknown key `name`, where `known` keys are. `value` is what the
/// operator wrote behind it, if that is a scalar.
pub(super) fn for_key(name: &str, known: &[String], value: Option<&str>) -> KeyAdvice {
    let known = || {
        let known = known.iter().map(String::as_str);
        known.filter(|known| !known.starts_with(DANGEROUS))
    };
    let advice = |hint: String, meant: Option<&str>| KeyAdvice {
        hint,
        meant: meant.map(str::to_owned),
    };
    if plain(name).starts_with("dangerous") {
        let hint = "write the whole name of the key: the error about the danger has it";
        return advice(hint.to_owned(), None);
    }
    let section = SECTIONS
        .iter()
        .find(|(_, key)| known().any(|known| known == *key))
        .map(|(section, _)| *section);
    if let Some(section) = section.filter(|_| name.len() <= MAX_NAME) {
        match row(section, name).map(|row| (row.form, row.key())) {
            Some((Form::Key(form), key)) => {
                let hint = by_value(section, form, value);
                let hint = hint.unwrap_or_else(|| format!("write `{}`", filled(form, name, value)));
                return advice(hint, key);
            }
            Some((Form::Advice(hint), _)) => {
                let is_denied = section == Section::Policy && value.is_some_and(is_no);
                let hint = if is_denied { OFF_WITHOUT_IT } else { hint };
                return advice(hint.to_owned(), None);
            }
            None => {}
        }
        if let Some((other, form)) = elsewhere(section, name) {
            let hint = by_value(other, form, value);
            let hint = hint.unwrap_or_else(|| within(section, other, &filled(form, name, value)));
            return advice(hint, None);
        }
    }
    let is_negative = says_no(name);
    let alike = known().filter(|known| !(is_negative && known.starts_with("allow_")));
    match nearest(name, alike) {
        Some(meant) => advice(format!("write `{meant}`"), Some(meant)),
        // It may be a name that the list was meant to have.
        None if section == Some(Section::NameList) => advice(OF_A_LIST.to_owned(), None),
        None => {
            let known: Vec<&str> = known().collect();
            advice(format!("known here: {}", known.join(", ")), None)
        }
    }
}

/// Says which of the `known` words `word` most likely is a misspelling of.
pub(super) fn for_word(known: &[String], word: &str) -> String {
    match nearest(word, known.iter().map(String::as_str)) {
        Some(meant) => format!("write `{meant}`"),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// Finds the row of a section that `name` leads to, at last by the words in it.
fn row(section: Section, name: &str) -> Option<&'static Row> {
    let name = plain(name);
    let by_words = || {
        let mut rows = WORDS.iter().filter(|(of, ..)| *of == section);
        let (_, _, known) = rows.find(|(_, words, _)| words.iter().all(|w| name.contains(w)))?;
        let row = row_called(section, &plain(known))?;
        // A key would say the opposite.
        (!says_no(&name) || row.key().is_none()).then_some(row)
    };
    row_called(section, &name).or_else(by_words)
}

/// Finds the row of a section that has this name, or its singular or plural.
fn row_called(section: Section, name: &str) -> Option<&'static Row> {
    let find = |form: fn(String) -> String| {
        let name = form(name.to_owned());
        let mut rows = rows().filter(|row| row.section == section);
        rows.find(|row| row.all_names().any(|known| form(plain(known)) == name))
    };
    find(|name| name).or_else(|| find(|name| name.trim_end_matches('s').to_owned()))
}

/// Finds a key of another section that `name` leads to. Names that are common in many places lead there
/// only from near by.
fn elsewhere(section: Section, name: &str) -> Option<(Section, &'static str)> {
    use Section as S;
    let is_of_cors = CORS_WORDS.iter().any(|word| plain(name).contains(word));
    let others: &[Section] = match section {
        S::Rewrite | S::HeaderEdits => &[S::Route, S::Match],
        S::Route => &[
            S::Match,
            S::Routing,
            S::Policy,
            S::Upstream,
            S::Limits,
            S::Server,
            S::File,
        ],
        S::Match => &[S::Route, S::Policy, S::Upstream, S::File],
        _ => &[
            S::Routing,
            S::Policy,
            S::Limits,
            S::Server,
            S::Upstream,
            S::Match,
            S::Route,
            S::File,
        ],
    };
    let others = others.iter().filter(|other| **other != section);
    others.copied().find_map(|other| {
        let row = match other {
            S::Policy => row(other, name)?,
            _ => row_called(other, &plain(name))?,
        };
        let is_key = row
            .key()
            .is_some_and(|key| plain(key) == plain(name) && key != "name");
        let is_near = match (section, other) {
            (_, S::Policy) => is_of_cors,
            (S::Route, S::Match) => true,
            _ => false,
        };
        match row.form {
            Form::Key(form) if is_key || is_near => Some((other, form)),
            Form::Key(_) | Form::Advice(_) => None,
        }
    })
}

/// Says that `form` belongs in another section than this one.
fn within(this: Section, other: Section, form: &str) -> String {
    use Section as S;
    let (place, written) = match (this, other) {
        (S::Route, S::Match) => ("the route's `match`", format!("match: {{ {form} }}")),
        (S::Route, S::Policy) => ("a policy", format!("cors: {{ {form} }}")),
        (_, S::Policy) => ("a policy", format!("policies: {{ web-app: {{ {form} }} }}")),
        (_, S::Match) => ("a route", format!("routes: [{{ match: {{ {form} }} }}]")),
        (S::Match, S::Route) => return format!("write `{form}` beside `match`, not in it"),
        (S::Rewrite, S::Route) => return format!("write `{form}` beside `rewrite`, not in it"),
        (_, S::Route) => ("a route", format!("routes: [{{ {form} }}]")),
        (_, S::Upstream) => ("an upstream", format!("upstreams: {{ api: {{ {form} }} }}")),
        (_, S::NameList) => ("a policy's list", format!("allow_methods: {{ {form} }}")),
        (_, S::UpstreamTls) => ("an upstream's `tls`", format!("tls: {{ {form} }}")),
        (_, S::HashKey) => ("a `hash_key`", format!("hash_key: {{ {form} }}")),
        (_, S::HealthCheck) => ("a `health_check`", format!("health_check: {{ {form} }}")),
        (_, S::OutlierDetection) => (
            "`outlier_detection`",
            format!("outlier_detection: {{ {form} }}"),
        ),
        (_, S::Limits) => ("`limits`", format!("limits: {{ {form} }}")),
        (_, S::RateLimit) => ("a `rate_limit`", format!("rate_limit: {{ {form} }}")),
        (_, S::Server) => ("`server`", format!("server: {{ {form} }}")),
        (_, S::Log) => ("`log`", format!("log: {{ {form} }}")),
        (_, S::AccessLog) => ("`access_log`", format!("access_log: {{ {form} }}")),
        (_, S::Traces) => ("`traces`", format!("traces: {{ {form} }}")),
        (_, S::Routing) => ("`routing`", format!("routing: {{ {form} }}")),
        (_, S::Rewrite) => ("a route's `rewrite`", format!("rewrite: {{ {form} }}")),
        (_, S::HeaderEdits) => (
            "a route's header edits",
            format!("request_headers: {{ {form} }}"),
        ),
        (_, S::Tls) => ("a listener's `tls`", format!("tls: {{ {form} }}")),
        (_, S::Certificate) => ("a certificate", format!("certificates: [{{ {form} }}]")),
        (_, S::Listener | S::Admin | S::Metrics | S::Origin | S::File) => {
            return format!("write `{form}` at the top of the file, not in a section");
        }
    };
    format!("it belongs in {place}: write `{written}`")
}

/// Starts of names that deny what the rest of the name says.
const NEGATIONS: [&str; 17] = [
    "no", "never", "hide", "deny", "denied", "block", "forbid", "reject", "exclude", "ignore",
    "omit", "skip", "strip", "remove", "disable", "disallow", "without",
];

/// Whether a name denies what the rest of it says.
fn says_no(name: &str) -> bool {
    let name = plain(name);
    NEGATIONS.iter().any(|start| name.starts_with(start))
}

/// Values that deny what their key says.
const NO: [&str; 9] = [
    "false",
    "no",
    "off",
    "none",
    "never",
    "disabled",
    "deny",
    "omit",
    "same-origin",
];

/// Advice for a key that is denied by its value.
const OFF_WITHOUT_IT: &str = "remove it: it is off without it";

fn is_no(value: &str) -> bool {
    NO.contains(&value.to_ascii_lowercase().as_str())
}

/// Values by which other software asks for what `deny` is here.
const DENY: [&str; 5] = ["deny", "block", "reject", "ignore", "forbid"];

/// Returns the advice that the operator's value calls for, where the usual form would say the opposite.
fn by_value(section: Section, form: &str, value: Option<&str>) -> Option<String> {
    let value = value?.to_ascii_lowercase();
    let (key, sample) = form.split_once(": ")?;
    // Of a switch; elsewhere it is a number.
    let is_switch = sample == "true" || sample == "\"*\"";
    let says_no = is_no(&value) || (is_switch && value == "0");
    match (section, key) {
        (Section::Upstream, "protocol") if matches!(value.as_str(), "https" | "tls" | "grpcs") => {
            Some("remove it, and write `tls: { server_name: api.internal }`".to_owned())
        }
        (Section::Policy, "on_rejected_preflight") if DENY.contains(&value.as_str()) => {
            Some("write `on_rejected_preflight: deny`".to_owned())
        }
        (Section::Policy, _) if says_no && sample == "true" => {
            Some(format!("write `{key}: false`"))
        }
        (Section::Policy, _) if says_no => Some(OFF_WITHOUT_IT.to_owned()),
        _ => None,
    }
}

/// Values that are not names.
const NO_NAMES: [&str; 5] = ["true", "false", "enabled", "disabled", "cors"];

/// Returns the key with the regex that `text` is in the spelling of other software.
pub(super) fn regex_key(text: &str) -> Option<String> {
    let regex = OriginPattern::regex_of(text)?.replace('\'', "''");
    Some(format!("regex: '{regex}'"))
}

/// Puts the operator's value into `form`, where it fits.
fn filled(form: &str, name: &str, value: Option<&str>) -> String {
    let fitting = || {
        let (value, (key, sample)) = (value?, form.split_once(": ")?);
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = !value.is_empty() && is_digits(value);
        let is_duration = |text: &str| {
            let has_unit = text.contains(|c: char| c.is_ascii_alphabetic());
            has_unit && humantime::parse_duration(text).is_ok()
        };
        let is_word = |text: &str| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || "-._/".contains(c);
            !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(is_part)
        };
        // `1m` is a larger size in other software than it is here.
        let is_size =
            |text: &str| text.ends_with('B') && text.parse::<bytesize::ByteSize>().is_ok();
        let value = match sample {
            "true" | "false" if matches!(value, "true" | "false") => value.to_owned(),
            _ if is_duration(sample) && is_duration(value) => value.to_owned(),
            _ if is_duration(sample) && is_number => {
                let unit = match plain(name).ends_with("ms") {
                    true => "ms",
                    false => "s",
                };
                format!("{value}{unit}")
            }
            _ if is_digits(sample) && is_number => value.to_owned(),
            _ if is_size(sample) && is_size(value) => value.to_owned(),
            _ if sample.starts_with("127.0.0.1:") && is_number => format!("127.0.0.1:{value}"),
            // A number, and a key that belongs to it.
            _ if is_number && sample.starts_with(|c: char| c.is_ascii_digit()) => {
                let (_, rest) = sample.split_once(", ")?;
                format!("{value}, {rest}")
            }
            // The key itself, or one in an element of a list.
            _ if key == "regex" => return regex_key(value),
            _ if sample.contains("regex: '") => format!("[{{ {} }}]", regex_key(value)?),
            _ if sample.starts_with('[') && value == "*" => "\"*\"".to_owned(),
            // That it is wanted, and not which.
            _ if sample.starts_with('[') && NO_NAMES.contains(&value) => return None,
            _ if sample.starts_with('[') && !sample.contains('{') => list(key, value)?,
            _ if matches!(key, "upstream" | "name" | "cors")
                && is_word(value)
                && !is_number
                && !NO_NAMES.contains(&value) =>
            {
                value.to_owned()
            }
            _ if matches!(key, "path" | "path_prefix" | "path_template")
                && is_word(value)
                && value.starts_with('/') =>
            {
                value.to_owned()
            }
            _ => return None,
        };
        Some(format!("{key}: {value}"))
    };
    fitting().unwrap_or_else(|| form.to_owned())
}

/// Writes a value that is a list elsewhere, with commas or blanks between the elements, as one of ours.
fn list(key: &str, value: &str) -> Option<String> {
    let is_right = |element: &&str| match key {
        "allow_origins" => OriginPattern::parse(element).is_ok(),
        "endpoints" => element.contains(':') && !element.contains('/'),
        _ => !element.contains('/'),
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._:/*".contains(c);
    let elements: Vec<&str> = value.split([',', ' ']).filter(|e| !e.is_empty()).collect();
    let are_right = !elements.is_empty()
        && value.len() <= 4 * MAX_NAME
        && elements.iter().all(|element| element.chars().all(is_part))
        && elements.iter().all(is_right);
    let written = elements.iter().map(|element| match *element {
        "null" => "\"null\"".to_owned(),
        _ if element.starts_with('*') => format!("\"{element}\""),
        _ => (*element).to_owned(),
    });
    are_right.then(|| format!("[{}]", written.collect::<Vec<_>>().join(", ")))
}

/// Returns `name` without what software writes differently: case, separators, prefixes, and what stands
/// before a `/`.
fn plain(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let mut plain: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    for prefix in PREFIXES {
        let rest = plain.rsplit_once(prefix).map(|(_, rest)| rest);
        plain = rest
            .filter(|rest| !rest.is_empty())
            .map(str::to_owned)
            .unwrap_or(plain);
    }
    plain
}

// === impl Row ===

impl Row {
    /// Returns the key that the row leads to, if there is one.
    fn key(&self) -> Option<&'static str> {
        match self.form {
            Form::Key(form) => form.split_once(':').map(|(key, _)| key),
            Form::Advice(_) => None,
        }
    }

    fn all_names(&self) -> impl Iterator<Item = &'static str> {
        self.key().into_iter().chain(self.names.iter().copied())
    }
}

/// Finds the known name that `name` most likely is a misspelling of.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > MAX_NAME {
        return None;
    }
    let name = name.to_lowercase();
    let distance = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        match !name.is_empty() && (candidate.starts_with(&name) || candidate.ends_with(&name)) {
            // The name is shortened, not misspelt.
            true => 1,
            false => strsim::damerau_levenshtein(&name, &candidate),
        }
    };
    known
        .take(MAX_COMPARED)
        .filter(|candidate| candidate.len() <= MAX_NAME)
        .map(|candidate| (distance(candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len().max(name.len()) / 3)
        .map(|(_, candidate)| candidate)
}

/// Says that there is no `kind` called `name`, and which name may be meant.
pub(super) fn unknown_name<'a>(
    kind: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Problem {
    let problem = Problem::from(format!("there is no {kind} `{name}`"));
    match nearest(name, known.clone()) {
        Some(near) => problem.hint(format!("write `{near}`")),
        None => problem.hint(known_names(kind, known)),
    }
}

/// Lists the names of `kind` that the file has.
pub(super) fn known_names<'a>(kind: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.take(MAX_SHOWN + 1).collect();
    if known.is_empty() {
        return format!("there is no {kind} in this file");
    }
    let more = if known.len() > MAX_SHOWN { ", …" } else { "" };
    let shown: Vec<&str> = known.into_iter().take(MAX_SHOWN).collect();
    format!("known: {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests;
