//! Messages of serde and of the YAML parser → messages in the words of the file.

use crate::config::error::Problem;
use crate::config::raw::{HINT, NEGATIVE};

/// A key or a word that the file format does not have.
#[derive(Debug)]
pub(in crate::config) struct Unknown {
    pub kind: &'static str,
    pub name: String,
    /// The keys or words that the format has in that place.
    pub known: Vec<String>,
}

const FOUND_LIST: &str = "a list";

/// Names of serde's data model for the value that was found, and the file's.
const FOUND: [(&str, &str); 4] = [
    ("map", "a mapping"),
    ("sequence", FOUND_LIST),
    ("unit value", "nothing"),
    ("enum", "a tagged value"),
];

/// Names of serde's data model for the value that was expected, and the file's.
const EXPECTED: [(&str, &str); 7] = [
    ("usize", "a whole number"),
    ("u16", "a whole number"),
    ("u32", "a whole number"),
    ("f64", "a number"),
    ("a sequence", "a list"),
    ("a map", "a mapping"),
    ("a Value::Tagged enum", "one word"),
];

/// Phrases of the YAML parser, the text that must stand nearby, and the hint. The first that fits
/// is taken.
const SYNTAX_HINTS: [(&str, &str, &str); 4] = [
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

/// Phrases of the YAML parser about a `*` or a `&` that does not name an anchor.
const NOT_AN_ANCHOR: [&str; 2] = ["while scanning an alias", "while scanning an anchor"];

/// Maximum bytes of a value that a hint repeats.
const MAX_WORD: usize = 100;

/// Rewords serde's message about the value at `path`.
/// `elements` are those of the value, if it is a list of scalars.
pub(super) fn misfit(
    path: &str,
    message: &str,
    elements: Option<&[String]>,
) -> (Option<Unknown>, Problem) {
    let problem = match message.split_once(HINT) {
        Some((message, hint)) => Problem::from(message).hint(hint),
        None if message.ends_with(NEGATIVE) => Problem::from(message).hint(positive(path)),
        None => wrong_type(path, message, elements),
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
fn wrong_type(path: &str, message: &str, elements: Option<&[String]>) -> Problem {
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
        hint: match found == FOUND_LIST && is_one_value(expected) {
            true if elements != Some(&[]) => Some(one_of(path, elements)),
            _ => hint(path, found, expected, elements),
        },
        message: format!("{WRONG_TYPE}{found}, expected {expected}"),
    }
}

fn translated<'a>(phrase: &'a str, table: &[(&str, &'static str)]) -> &'a str {
    let entry = table.iter().find(|(theirs, _)| *theirs == phrase);
    entry.map_or(phrase, |(_, ours)| ours)
}

/// Says what to write in place of a value of the wrong type, where that can be told.
fn hint(path: &str, found: &str, expected: &str, elements: Option<&[String]>) -> Option<String> {
    let quoted = found
        .split_once('`')
        .and_then(|(_, rest)| rest.split_once('`'));
    let text = found
        .strip_prefix("string \"")
        .and_then(|text| text.strip_suffix('"'));
    let value = quoted.map(|(value, _)| value).or(text);
    let hint = match (expected, value) {
        _ if expected.starts_with("a mapping such as") => {
            let one = value.map(str::to_owned);
            return in_mapping(expected, elements.unwrap_or(one.as_slice()));
        }
        // A port alone, in quotes, would be the next mistake.
        ("a string", _) if path.ends_with(".address") => "write IP:PORT".to_owned(),
        (_, _) if path.ends_with(".min_version") => "write `TLSv1.2` or `TLSv1.3`".to_owned(),
        (_, _) if path.ends_with(".client_certificate") => {
            "write `except_preflight`, `always`, `optional` or `never`".to_owned()
        }
        ("a string", _) if path.contains(".endpoints") => "write HOST:PORT".to_owned(),
        ("a string", _) if path.ends_with(".upstream") && found == "a mapping" => {
            "write a name here, and the upstream of that name under `upstreams`".to_owned()
        }
        ("a string", _) if path == "default_policy" && found == "a mapping" => {
            "write a name here, and the policy of that name under `policies`".to_owned()
        }
        ("a string", Some(value)) => format!("write `\"{value}\"`, in quotes"),
        ("a boolean", value) => match value.unwrap_or_default().to_lowercase().as_str() {
            "true" | "yes" | "on" | "y" | "1" => "write `true`".to_owned(),
            "false" | "no" | "off" | "n" | "0" => "write `false`".to_owned(),
            _ => "write `true` or `false`".to_owned(),
        },
        ("a whole number", Some(value)) if value.parse::<u64>().is_ok() => {
            format!("write `{value}`, without quotes")
        }
        ("a list", Some(value)) if path == "listeners" => {
            let address = match value.parse::<u16>() {
                Ok(port) => format!("127.0.0.1:{port}"),
                Err(_) => value.to_owned(),
            };
            format!("write `[{{ address: {address} }}]`")
        }
        ("a list", Some(value)) => format!("write `[{value}]`"),
        ("a list", None) => "write a `-` before each element".to_owned(),
        ("a mapping", _) => "write a name before each, as in `name: …`".to_owned(),
        (expected, Some("true")) if expected.starts_with("an origin pattern") => {
            "write `\"*\"` for any origin".to_owned()
        }
        (expected, Some("true")) if expected.contains("`off`") => {
            "write the name of a policy, or `{ allow_origins: [https://app.example.com] }`"
                .to_owned()
        }
        (expected, Some("false")) if expected.contains("`off`") => "write `off`".to_owned(),
        _ => return None,
    };
    Some(hint)
}

/// Puts the values that stand in a mapping's place into the mapping that is expected.
fn in_mapping(expected: &str, values: &[String]) -> Option<String> {
    let (_, sample) = expected.split_once("`{ ")?;
    let (key, sample) = sample.split_once(": ")?;
    let quoted = values.iter().map(|value| match value.starts_with('*') {
        true => format!("\"{value}\""),
        false => value.clone(),
    });
    let quoted = quoted.collect::<Vec<_>>().join(", ");
    let all = |is_right: fn(&String) -> bool| !values.is_empty() && values.iter().all(is_right);
    let is_list = match key {
        "endpoints" => all(|value| value.contains(':')),
        "allow_origins" => all(|value| value == "*" || value.contains("://")),
        _ => false,
    };
    match (key, values) {
        _ if is_list && sample.starts_with('[') => Some(format!("write `{{ {key}: [{quoted}] }}`")),
        ("address", [address]) if address.contains(':') => {
            Some(format!("write `{{ address: {address} }}`"))
        }
        _ => None,
    }
}

/// Whether one value is expected, which a list could stand for.
fn is_one_value(expected: &str) -> bool {
    const ONE: [&str; 4] = ["a string", "a boolean", "a whole number", "one word"];
    const STARTS: [&str; 3] = ["a duration", "a size", "an origin pattern"];
    ONE.contains(&expected) || STARTS.iter().any(|start| expected.starts_with(start))
}

/// Says what to write in place of a list where one value stands.
fn one_of(path: &str, elements: Option<&[String]>) -> String {
    let key = path.rsplit('.').next().unwrap_or(path);
    match (elements, key) {
        (Some([one]), _) => format!("write `{one}`, without brackets"),
        (_, "address") => "write one address: each listener has its own".to_owned(),
        (_, "upstream") => "write one: the servers of an upstream are its `endpoints`".to_owned(),
        (_, "path" | "path_prefix" | "path_template") => {
            "write one, and a route for each of the others".to_owned()
        }
        (_, "regex" | "file" | "list") => format!("write an element for each, as in `- {key}: …`"),
        _ => "write one value, without brackets".to_owned(),
    }
}

/// Says what to write in place of a negative duration.
fn positive(path: &str) -> &'static str {
    match path.ends_with("max_age") {
        true => "write `0s`: browsers then ask before each request that needs a preflight",
        false => "write a duration such as `10s`",
    }
}

/// Takes the place out of the YAML parser's message, which is said in front, and adds a hint.
///
/// `line` is the text up to the place in its line, and from there.
pub(super) fn syntax(
    message: &str,
    line: (&str, &str),
    is_nearby: impl Fn(&str) -> bool,
) -> Problem {
    let fitting = SYNTAX_HINTS.iter().find(|(phrase, nearby, _)| {
        message.contains(phrase) && (nearby.is_empty() || is_nearby(nearby))
    });
    let is_star = NOT_AN_ANCHOR.iter().any(|phrase| message.contains(phrase));
    Problem {
        message: match message.split_once(" at line ") {
            Some((message, _)) => message.to_owned(),
            None => message.to_owned(),
        },
        hint: match is_star {
            true => Some(quote(line)),
            false if message.contains("unknown anchor") => Some(format!(
                "mark a value with `&` and this name first; {}",
                quote(line)
            )),
            false => fitting.map(|(_, _, hint)| (*hint).to_owned()),
        },
    }
}

/// Says that the value around a place needs quotes, because it starts with `*` or `&`.
fn quote((before, after): (&str, &str)) -> String {
    let start = match after.starts_with(['*', '&']) {
        true => before.len(),
        false => before.rfind(['*', '&']).unwrap_or(before.len()),
    };
    let end = after
        .find([',', ']', '}', ' ', '\t', '#'])
        .unwrap_or(after.len());
    let word = format!("{}{}", &before[start..], &after[..end]);
    let is_word = !word.is_empty() && word.len() <= MAX_WORD && !word.contains(['"', '\\']);
    let word = if is_word { word.as_str() } else { "*" };
    let hint = format!("a value that starts with `*` or `&` needs quotes: write `\"{word}\"`");
    match word.starts_with("*.") {
        true => format!("{hint}, or for an origin, which has a scheme, `https://{word}`"),
        false => hint,
    }
}
