//! Repetitions and the openings of groups.

use super::MAX_REPEAT;
use crate::config::Problem;

/// The text behind `{`, as a repetition.
pub(super) enum Repetition<'t> {
    /// It is not one, and the brace stands for itself.
    None,
    Of {
        /// Numbers and the closing brace.
        text: &'t str,
        most: u32,
        after: &'t str,
    },
    TooMany,
    Backwards,
}

/// Maximum bytes of a repetition without its opening brace: two numbers, a comma and the closing brace.
/// Beyond it, the brace stands for itself.
const MAX_LEN: usize = 20;

/// Reads `2}`, `2,}` or `2,3}`.
pub(super) fn repetition(text: &str) -> Repetition<'_> {
    let end = text.bytes().take(MAX_LEN).position(|byte| byte == b'}');
    let Some((within, after)) = end.map(|end| (&text[..end], &text[end + 1..])) else {
        return Repetition::None;
    };
    let (least, most) = match within.split_once(',') {
        None => (number(within), number(within)),
        Some((least, "")) => (number(least), number(least)),
        Some((least, most)) => (number(least), number(most)),
    };
    let (Some(least), Some(most)) = (least, most) else {
        return Repetition::None;
    };
    if least > MAX_REPEAT || most > MAX_REPEAT {
        return Repetition::TooMany;
    }
    if most < least {
        return Repetition::Backwards;
    }
    Repetition::Of {
        text: &text[..within.len() + 1],
        most,
        after,
    }
}

/// Returns a number as RE2 writes them: without zeros in front, and with at most nine digits.
fn number(text: &str) -> Option<u32> {
    let is_number =
        text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    match is_number && text.len() <= 9 {
        true => text.parse().ok(),
        false => None,
    }
}

/// Returns what follows a repetition, without a `?` that makes it lazy: that makes no difference to whole
/// matches.
pub(super) fn after_laziness(text: &str) -> &str {
    text.strip_prefix('?').unwrap_or(text)
}

/// Reads what stands behind `(`. Returns how the regex crate writes it, whether it opens a group rather than
/// setting flags, and what follows.
pub(super) fn open_group(text: &str) -> Result<(String, bool, &str), Problem> {
    let Some(special) = text.strip_prefix('?') else {
        return Ok(("(".to_owned(), true, text));
    };
    let starts = |starts: &[&str]| starts.iter().any(|start| special.starts_with(start));
    if starts(&["=", "!"]) {
        return Err(Problem::new(
            "RE2 has no look-ahead",
            "write the origins that are allowed, with `|` between them",
        ));
    }
    if starts(&["<=", "<!"]) {
        return Err(Problem::new(
            "RE2 has no look-behind",
            "write the origins that are allowed, with `|` between them",
        ));
    }
    if starts(&["P=", "P>", "R", "&"]) || special.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Problem::new(
            "RE2 has no references to other groups",
            "write the group's regex again in their place",
        ));
    }
    if starts(&[">"]) {
        return Err(Problem::new(
            "RE2 has no atomic groups",
            "write `(?:` in place of `(?>`",
        ));
    }
    if starts(&["#"]) {
        return Err(Problem::new("RE2 has no comments", "remove the comment"));
    }
    if let Some(name) = special.strip_prefix("P<").or(special.strip_prefix('<')) {
        let name = name.split_once('>');
        let is_name =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        // Names say nothing about matches, and RE2 takes some that the regex crate does not.
        return match name.filter(|(name, _)| is_name(name)) {
            Some((_, after)) => Ok(("(".to_owned(), true, after)),
            None => Err(Problem::new(
                "a group's name is not letters, digits and `_`, followed by `>`",
                "write `(?:` for a group without a name",
            )),
        };
    }
    flags(special)
}

/// Reads flags, up to the `:` of a group or the `)` behind them.
fn flags(text: &str) -> Result<(String, bool, &str), Problem> {
    let wrong = || {
        Problem::new(
            "RE2 knows no such group: behind `(?` it has `:`, `<name>`, or the flags i, m, s and U",
            "write `(?:` for a group, or `\\(` for a bracket",
        )
    };
    let (mut on, mut off) = (String::new(), String::new());
    let mut is_off = false;
    let mut saw_flag = false;
    for (at, flag) in text.char_indices() {
        match flag {
            'i' | 'm' | 's' | 'U' => {
                saw_flag = true;
                let (to, from) = match is_off {
                    true => (&mut off, &mut on),
                    false => (&mut on, &mut off),
                };
                from.retain(|other| other != flag);
                // Laziness makes no difference to whole matches.
                if flag != 'U' && !to.contains(flag) {
                    to.push(flag);
                }
            }
            '-' if !is_off => {
                is_off = true;
                saw_flag = false;
            }
            ':' | ')' if !is_off || saw_flag => {
                let is_group = flag == ':';
                let dash = if off.is_empty() { "" } else { "-" };
                let end = if is_group { ":" } else { ")" };
                let written = match (is_group, on.is_empty() && off.is_empty()) {
                    (false, true) => String::new(),
                    _ => format!("(?{on}{dash}{off}{end}"),
                };
                return Ok((written, is_group, &text[at + 1..]));
            }
            'x' | 'u' | 'J' | 'a' | 'L' | 'n' => {
                return Err(Problem::new(
                    format!("RE2 has no flag `{flag}`"),
                    "remove it; the flags are i, m, s and U",
                ));
            }
            _ => return Err(wrong()),
        }
    }
    Err(wrong())
}
