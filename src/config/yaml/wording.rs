//! Messages of serde and of the YAML parser → messages in the words of the file.

use crate::config::error::Problem;
use crate::config::raw::HINT;

/// A key or a word that the file format does not have.
#[derive(Debug)]
pub(in crate::config) struct Unknown {
    pub kind: &'static str,
    pub name: String,
    /// The keys or words that the format has in that place.
    pub known: Vec<String>,
}

/// Names of serde's data model for the value that was found, and the file's.
const FOUND: [(&str, &str); 4] = [
    ("map", "a mapping"),
    ("sequence", "a list"),
    ("unit value", "nothing"),
    ("enum", "a tagged value"),
];

/// Names of serde's data model for the value that was expected, and the file's.
const EXPECTED: [(&str, &str); 5] = [
    ("usize", "a whole number"),
    ("u16", "a whole number"),
    ("a sequence", "a list"),
    ("a map", "a mapping"),
    ("a Value::Tagged enum", "one word"),
];

/// Phrases of the YAML parser, the text that must stand nearby, and the hint. The first that fits
/// is taken.
const SYNTAX_HINTS: [(&str, &str, &str); 6] = [
    ("while scanning an alias", "", QUOTE_THE_STAR),
    ("while scanning an anchor", "", QUOTE_THE_STAR),
    (
        "did not find expected ','",
        "${",
        "within `{ }` and `[ ]` a variable needs quotes: write `\"${NAME}\"`",
    ),
    (
        "found character that cannot start any token",
        "",
        "indent with spaces, not with tabs",
    ),
    (
        "recursion limit exceeded",
        "",
        "the deepest value of a configuration is in fewer than ten lists and mappings",
    ),
    (
        "escape",
        "",
        "write the value in single quotes: they leave backslashes alone",
    ),
];

const QUOTE_THE_STAR: &str = "a value that starts with `*` or `&` needs quotes: write `\"*\"`";

/// Rewords serde's message about the value at `path`.
pub(super) fn misfit(path: &str, message: &str) -> (Option<Unknown>, Problem) {
    let problem = match message.split_once(HINT) {
        Some((message, hint)) => Problem::from(message).hint(hint),
        None => wrong_type(path, message),
    };
    (unknown(message), problem)
}

/// Reads the names that serde hands on only in its message: unknown field `a`, expected one of `b`,
/// `c`.
fn unknown(message: &str) -> Option<Unknown> {
    let kinds = [("unknown field ", "key"), ("unknown variant ", "value")];
    kinds.into_iter().find_map(|(start, kind)| {
        let rest = message.strip_prefix(start)?;
        let mut quoted = rest.split('`').skip(1).step_by(2).map(str::to_owned);
        Some(Unknown {
            kind,
            name: quoted.next()?,
            known: quoted.collect(),
        })
    })
}

/// Rewords `invalid type: FOUND, expected EXPECTED`; what is quoted in it is the operator's.
fn wrong_type(path: &str, message: &str) -> Problem {
    const WRONG_TYPE: &str = "invalid type: ";
    if message.contains("expected field identifier") {
        return "a key here is a string: put it in quotes".into();
    }
    let Some((start, expected)) = message.rsplit_once(", expected ") else {
        return message.into();
    };
    let expected = translated(expected, &EXPECTED);
    let Some(found) = start.strip_prefix(WRONG_TYPE) else {
        return format!("{start}, expected {expected}").into();
    };
    let found = translated(found, &FOUND);
    Problem {
        hint: hint(path, found, expected),
        message: format!("{WRONG_TYPE}{found}, expected {expected}"),
    }
}

fn translated<'a>(phrase: &'a str, table: &[(&str, &'static str)]) -> &'a str {
    let entry = table.iter().find(|(theirs, _)| *theirs == phrase);
    entry.map_or(phrase, |(_, ours)| ours)
}

/// Says what to write in place of a value of the wrong type, where that can be told.
fn hint(path: &str, found: &str, expected: &str) -> Option<String> {
    let quoted = found
        .split_once('`')
        .and_then(|(_, rest)| rest.split_once('`'));
    let text = found
        .strip_prefix("string \"")
        .and_then(|text| text.strip_suffix('"'));
    let value = quoted.map(|(value, _)| value).or(text);
    let hint = match (expected, value) {
        // A port alone, in quotes, would be the next mistake.
        ("a string", _) if path.ends_with(".address") => "write IP:PORT".to_owned(),
        ("a string", _) if path.contains(".endpoints") => "write HOST:PORT".to_owned(),
        ("a string", Some(value)) => format!("write `\"{value}\"`, in quotes"),
        ("a boolean", value) => match value.unwrap_or_default().to_lowercase().as_str() {
            "true" | "yes" | "on" | "y" | "1" => "write `true`".to_owned(),
            "false" | "no" | "off" | "n" | "0" => "write `false`".to_owned(),
            _ => "write `true` or `false`".to_owned(),
        },
        ("a whole number", Some(value)) if value.parse::<u64>().is_ok() => {
            format!("write `{value}`, without quotes")
        }
        ("a list", Some(value)) => format!("write `[{value}]`"),
        ("a list", None) => "write a `-` before each element".to_owned(),
        ("a mapping", _) => "write a name before each, as in `name: …`".to_owned(),
        (expected, Some("false")) if expected.contains("`off`") => "write `off`".to_owned(),
        _ => return None,
    };
    Some(hint)
}

/// Takes the place out of the YAML parser's message, which is said in front, and adds a hint.
pub(super) fn syntax(message: &str, is_nearby: impl Fn(&str) -> bool) -> Problem {
    let fitting = SYNTAX_HINTS.iter().find(|(phrase, nearby, _)| {
        message.contains(phrase) && (nearby.is_empty() || is_nearby(nearby))
    });
    Problem {
        message: match message.split_once(" at line ") {
            Some((message, _)) => message.to_owned(),
            None => message.to_owned(),
        },
        hint: fitting.map(|(_, _, hint)| (*hint).to_owned()),
    }
}
