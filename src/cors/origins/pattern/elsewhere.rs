//! Texts that mean something to other software: regexes in its spellings, several origins in one string,
//! wildcards in other places. Each is told from a misspelt pattern, and turned into patterns or a `regex:`.

use super::{TuplePattern, hint};
use crate::cors::origins::regex::RegexPattern;

/// Maximum bytes of a text that is turned into something else; a longer one was hardly meant like that.
const MAX_TEXT: usize = 512;

/// Marks around a regex: of Kong's and others' keys, of nginx, Perl and PHP, Ruby, Python and JavaScript.
const MARKS: [(&str, &str); 18] = [
    ("regex:", ""),
    ("regexp:", ""),
    ("regex=", ""),
    ("re:", ""),
    ("regex(", ")"),
    ("regexp(", ")"),
    ("~*", ""),
    ("~", ""),
    ("new RegExp(", ")"),
    ("re.compile(", ")"),
    ("%r{", "}"),
    ("m{", "}"),
    ("#", "#"),
    ("r\"", "\""),
    ("r'", "'"),
    ("\"", "\""),
    ("'", "'"),
    ("(?i)", ""),
];

/// Parts of a regex that no origin and no wildcard has.
const SIGNS: [&str; 24] = [
    r"\.", r"\d", r"\w", r"\/", r"\-", r"\S", "/.*", "/.+", "(.*", "(.+", ".*\\", ".+", "[^",
    "[a-", "[A-", "[0-", "]+", "]*", "]{", ")?", ")+", ")*", "(?:", "?://",
];

/// Parts of a path at the end of a regex, which no origin has.
const PATH_ENDS: [&str; 5] = ["(/.*)?", "/.*", "/?", "/*", "/"];

/// A host of any number of labels, to stand before one that begins with a dot.
const ANY_LABELS: &str = "[a-z0-9.-]+";
/// A part of a label.
const IN_LABEL: &str = "[a-z0-9-]+";

/// Starts of a regex that no origin and no wildcard has.
const STARTS: [&str; 4] = ["^", r"\A", ".*", ".+"];

/// Whether `text` is written like a regex.
pub(super) fn is_regex(text: &str) -> bool {
    // A backslash in place of a slash is not one of a regex.
    let is_path = text.contains(r":\\") && !text.contains(r"\.");
    if is_path || text.starts_with("file:") {
        return false;
    }
    let bare = unmarked(text.trim());
    let has_group = bare.contains('(') && bare.contains('|') && bare.contains(')');
    has_group
        || bare.ends_with('$')
        || STARTS.iter().any(|start| bare.starts_with(start))
        || SIGNS.iter().any(|sign| bare.contains(sign))
}

/// Returns the regex that `text` is elsewhere, as `regex:` takes it: it is the whole origin, and so begins
/// with a scheme and has no anchors. `None` for one that can't be turned into such a regex, and for any
/// origin.
pub(super) fn as_regex(text: &str) -> Option<String> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let mut text = unmarked(text.trim()).replace(r"\/", "/");
    if text.contains(r"\\.") {
        // Written for a string in which backslashes are doubled.
        text = text.replace(r"\\", r"\");
    }
    let bare = without_anchors(&text);
    let bare = PATH_ENDS
        .iter()
        .find_map(|end| bare.strip_suffix(end))
        .filter(|bare| !bare.ends_with(['/', '\\']))
        .unwrap_or(bare);
    if matches!(bare, "" | ".*" | ".+" | "*" | "(.*)" | "(.+)") {
        return None;
    }
    // A wildcard among the signs of a regex.
    let bare = bare.replace("://*.", &format!("://{ANY_LABELS}."));
    let bare = with_escaped_dots(&bare);
    let whole = match () {
        () if bare.contains("://") => bare,
        () if bare.starts_with(r"\.") => format!("https://{ANY_LABELS}{bare}"),
        () if has_alternatives(&bare) => format!("https://({bare})"),
        () => format!("https://{bare}"),
    };
    RegexPattern::is_regex(&whole).then_some(whole)
}

/// Returns the wildcard that says the same as `regex`, if there is one.
pub(super) fn as_wildcard(regex: &str) -> Option<String> {
    let plain = [
        r".*\.",
        r".+\.",
        r"[^.]+\.",
        r"[a-z0-9-]+\.",
        r"[a-z0-9.-]+\.",
    ]
    .iter()
    .find_map(|labels| regex.strip_prefix("https://")?.strip_prefix(labels))
    .map(|host| format!("https://*.{host}"))
    .unwrap_or_else(|| regex.to_owned());
    let plain = plain.replace(r"\.", ".").replace(r"\-", "-");
    TuplePattern::parse(&plain).is_ok().then_some(plain)
}

/// Returns the origins that stand in one string, whatever is between them; `None` if it is not several.
pub(super) fn several(text: &str) -> Option<Vec<String>> {
    let separators = [',', ';', '|', ' ', '\t', '\n', '\r', '\u{a0}'];
    let words = |text: &str| -> Vec<String> {
        let words = text.split(separators).map(unquoted);
        let words = words.filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let schemes = text.matches("://").count();
    let split = words(text);
    if split.len() > 1 && split.iter().all(|word| hint::meant(word).is_some()) {
        return Some(split);
    }
    if schemes < 2 {
        return None;
    }
    // Without a separator between them, or with another one.
    let starts = text.match_indices("://").map(|(at, _)| {
        let scheme = text[..at].trim_end_matches(|c: char| c.is_ascii_alphanumeric());
        ["https", "http"]
            .iter()
            .find(|scheme| text[..at].ends_with(*scheme))
            .map_or(scheme.len(), |scheme| at - scheme.len())
    });
    let starts: Vec<usize> = starts.collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._:/*[]".contains(c);
    let parts = starts.iter().zip(ends).map(|(start, end)| {
        let part = text.get(*start..end).unwrap_or_default();
        let end = part.find(|c| !is_part(c)).unwrap_or(part.len());
        part[..end]
            .trim_end_matches(['/', '.', ':', '-'])
            .to_owned()
    });
    Some(parts.collect())
}

/// Returns the patterns for a wildcard that stands in another place than in ours, or a `regex:`, as they
/// are written.
pub(super) fn other_wildcards(text: &str) -> Option<Vec<String>> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let found = ports_in_brackets(text)
        .or_else(|| any_scheme(text))
        .or_else(|| several_labels(text))?;
    let patterns: Option<Vec<String>> = found.iter().map(|text| hint::meant(text)).collect();
    if patterns.is_some() {
        return patterns;
    }
    label_parts(text).map(|regex| vec![in_yaml(&regex)])
}

/// Writes a regex as the file has it.
pub(super) fn in_yaml(regex: &str) -> String {
    format!("regex: '{}'", regex.replace('\'', "''"))
}

/// Reads Spring's lists of ports: `https://*.example.com:[8080,8081]`, and `:[*]` for any.
fn ports_in_brackets(text: &str) -> Option<Vec<String>> {
    let (origin, ports) = text.strip_suffix(']')?.rsplit_once(":[")?;
    origin.contains("://").then_some(())?;
    let ports = ports
        .split(',')
        .map(|port| format!("{origin}:{}", port.trim()));
    Some(ports.collect())
}

/// Reads `*.example.com`, `*://app.example.com` and the like.
fn any_scheme(text: &str) -> Option<Vec<String>> {
    if text.starts_with("*.") {
        return Some(vec![format!("https://{text}")]);
    }
    if text.starts_with('.') {
        return Some(vec![format!("https://*{text}")]);
    }
    let any = [
        "*://",
        "http*://",
        "http(s)://",
        "http[s]://",
        "http{,s}://",
        "{http,https}://",
        "{https,http}://",
        "(http|https)://",
        "[http|https]://",
    ];
    let rest = any.iter().find_map(|any| text.strip_prefix(any))?;
    Some(vec![format!("https://{rest}"), format!("http://{rest}")])
}

/// Reads `https://*example.com`, `https://**.example.com` and `https://.example.com`.
fn several_labels(text: &str) -> Option<Vec<String>> {
    let (scheme, host) = text.split_once("://")?;
    let name = host.trim_start_matches('*').trim_start_matches('.');
    if !host.starts_with(['*', '.']) || name.starts_with('-') || name.contains('*') {
        return Some(vec![text.to_owned()]);
    }
    let wildcard = format!("{scheme}://*.{name}");
    Some(match host.trim_start_matches('*').starts_with('.') {
        true => vec![wildcard],
        false => vec![wildcard, format!("{scheme}://{name}")],
    })
}

/// Turns `https://app-*.example.com` into a regex, if what follows the last `*` is a domain.
fn label_parts(text: &str) -> Option<String> {
    let (origin, port) = match text.strip_suffix(":*") {
        Some(origin) => (origin, "(:[0-9]+)?"),
        None => (text, ""),
    };
    let (before, domain) = origin.rsplit_once('*')?;
    let (_, domain) = domain.split_once('.')?;
    let (scheme, _) = before.split_once("://")?;
    let sample = format!("{scheme}://{domain}");
    if scheme.contains('*') || !domain.contains('.') || TuplePattern::parse(&sample).is_err() {
        return None;
    }
    let regex = origin.replace('.', r"\.").replace("**", "*");
    let regex = regex.replace('*', IN_LABEL) + port;
    RegexPattern::is_regex(&regex).then_some(regex)
}

/// Takes off the marks of a regex, however many there are.
fn unmarked(mut text: &str) -> &str {
    // A regex in a string in a call in a list has three.
    for _ in 0..4 {
        let mark = MARKS.iter().find_map(|(start, end)| {
            let inside = text.strip_prefix(start)?.strip_suffix(end)?;
            (!inside.is_empty()).then_some(inside.trim())
        });
        text = match mark.or_else(|| between_slashes(text)) {
            Some(inside) => inside,
            None => break,
        };
    }
    text
}

/// Takes off the slashes of JavaScript, and its flags.
fn between_slashes(text: &str) -> Option<&str> {
    let (inside, flags) = text.strip_prefix('/')?.rsplit_once('/')?;
    let is_regex = inside.contains(['\\', '^', '$', '*', '+', '(', '[']);
    let are_flags = flags.len() <= 4 && flags.bytes().all(|byte| byte.is_ascii_lowercase());
    (is_regex && are_flags).then_some(inside)
}

fn without_anchors(text: &str) -> &str {
    let text = text.strip_prefix("(?i)").unwrap_or(text);
    let text = text.strip_prefix(r"\A").unwrap_or(text);
    let text = text.trim_start_matches('^');
    let text = text.strip_prefix("(?i)").unwrap_or(text);
    [r"\z", r"\Z", "$"]
        .iter()
        .find_map(|end| text.strip_suffix(end))
        .filter(|rest| !rest.ends_with('\\'))
        .unwrap_or(text)
}

/// Escapes each `.` that stands between parts of a name, where its author hardly meant any character.
fn with_escaped_dots(regex: &str) -> String {
    let mut escaped = String::with_capacity(regex.len() + 8);
    let mut is_in_class = false;
    let mut before = None;
    let mut rest = regex.chars().peekable();
    while let Some(c) = rest.next() {
        let is_escaped = before == Some('\\');
        match c {
            '[' if !is_escaped => is_in_class = true,
            ']' if !is_escaped => is_in_class = false,
            _ => {}
        }
        let ends_part = |c: char| c.is_ascii_alphanumeric() || ")]}*+-?".contains(c);
        let starts_part = |c: &char| c.is_ascii_alphanumeric() || "([)\\".contains(*c);
        if c == '.'
            && !is_in_class
            && !is_escaped
            && before.is_some_and(ends_part)
            && rest.peek().is_some_and(starts_part)
        {
            escaped.push('\\');
        }
        escaped.push(c);
        // A backslash that is escaped itself escapes nothing.
        before = (!(is_escaped && c == '\\')).then_some(c);
    }
    escaped
}

/// Whether a `|` stands outside all groups.
fn has_alternatives(regex: &str) -> bool {
    let mut depth = 0_i32;
    regex.bytes().any(|byte| {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        byte == b'|' && depth == 0
    })
}

/// Takes off quotes and brackets that are a part of the text.
pub(super) fn unquoted(word: &str) -> &str {
    word.trim_matches(|c: char| "\"'[]{}()".contains(c))
}
