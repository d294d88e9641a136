//! The remedy for a value that does not fit because of its variables.

use super::is_name;

/// Keys that take several values, each of which may be a variable.
const LISTS: [&str; 8] = [
    "allow_origins",
    "allow_methods",
    "allow_headers",
    "expose_headers",
    "hosts",
    "methods",
    "endpoints",
    "trusted_proxies",
];

/// Marks around a variable's name elsewhere: in Kubernetes, in Caddy's files, on Windows, in a shell.
const MARKS: [(&str, &str); 5] = [
    ("$(", ")"),
    ("{$", "}"),
    ("{env.", "}"),
    ("%", "%"),
    ("$", ""),
];

/// A thing that a variable brought, and that is not read as YAML.
enum Brought {
    Nothing,
    Quotes,
    /// The brackets or the dashes of a YAML list.
    Brackets,
    /// A YAML mapping.
    Braces,
    /// Several values in one string.
    Several,
    /// White space before or behind the value.
    Blanks,
}

/// Says what to do if the variables in `written` are why the value at `path` does not fit, or if it is a
/// variable in the spelling of other software. `became` is the value with the variables replaced, if it has
/// any.
pub(in crate::config) fn hint(path: &str, written: &str, became: Option<&str>) -> Option<String> {
    let Some(became) = became else {
        let name = in_other_marks(written)?;
        return Some(format!("write a variable as `${{{name}}}`"));
    };
    // The key of a list, or of one of its elements.
    let key = path.rsplit('.').next().unwrap_or(path);
    let key = key.split('[').next().unwrap_or(key);
    let name = written.split_once("${")?.1;
    let name = &name[..name.find([':', '}'])?];
    Some(match brought(written, became, LISTS.contains(&key))? {
        Brought::Nothing => {
            format!("`{name}` is empty: set it, or write a default, as in `${{{name}:-…}}`")
        }
        Brought::Braces => format!(
            "`{name}` brought a mapping, and a variable is one value: write the mapping into the file"
        ),
        Brought::Quotes => format!("`{name}` brought quotes: set it without them"),
        Brought::Blanks => {
            format!("`{name}` brought white space or a line break: set it without that")
        }
        Brought::Brackets | Brought::Several if key == "allow_origins" => format!(
            "`{name}` brought a list, and a variable is one value: write `- list: \"${{{name}}}\"`, and set \
             it to origins with commas between them, without brackets and quotes"
        ),
        Brought::Brackets if key == "list" => format!(
            "`{name}` brought brackets: set it to origins with commas between them, and nothing else"
        ),
        Brought::Brackets | Brought::Several => format!(
            "`{name}` brought a list, and a variable is one value: write one variable per element"
        ),
    })
}

/// Returns the thing that variables brought into `became`; `None` if it is only a value.
fn brought(written: &str, became: &str, takes_several: bool) -> Option<Brought> {
    let value = became.trim();
    let is_in = |start: char, end: char| {
        let is_inside = value.len() > 1 && value.starts_with(start) && value.ends_with(end);
        is_inside && !written.trim_start().starts_with(start)
    };
    let is_quoted = ['"', '\'', '`']
        .iter()
        .any(|quote| value.contains(*quote) && !without_references(written).contains(*quote));
    Some(match () {
        () if value.is_empty() => Brought::Nothing,
        () if value.starts_with("- ") || (is_in('[', ']') && !is_ipv6(value)) => Brought::Brackets,
        () if is_in('{', '}') => Brought::Braces,
        () if takes_several && value.contains([',', ';', '|', ' ', '\t', '\n']) => Brought::Several,
        () if is_quoted => Brought::Quotes,
        () if value != became && written.trim() == written => Brought::Blanks,
        () => return None,
    })
}

/// Returns the parts of a text that are not references to variables.
fn without_references(text: &str) -> String {
    let mut parts = text.split("${");
    let first = parts.next().unwrap_or_default().to_owned();
    let others = parts
        .filter_map(|part| part.split_once('}'))
        .map(|(_, rest)| rest);
    first + &others.collect::<String>()
}

fn is_ipv6(bracketed: &str) -> bool {
    let address = bracketed.trim_matches(['[', ']']);
    address.parse::<std::net::Ipv6Addr>().is_ok()
}

/// Returns the name of a variable that is written as elsewhere: `$NAME`, `$(NAME)`, `%NAME%` …
fn in_other_marks(text: &str) -> Option<&str> {
    let name = MARKS
        .iter()
        .find_map(|(start, end)| text.strip_prefix(start)?.strip_suffix(end))?;
    // In lower case it may be a variable of nginx, such as `$http_origin`.
    (is_name(name) && !name.contains(|c: char| c.is_ascii_lowercase())).then_some(name)
}
