//! Classes in brackets.

use super::escape::{Escape, push_in_class, read_escape};
use crate::config::Problem;

/// The names of POSIX classes, which both know.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// Reads the class behind `[`, and writes it. Returns what follows it.
pub(super) fn push_class<'t>(text: &'t str, out: &mut String) -> Result<&'t str, Problem> {
    out.push('[');
    let mut rest = text;
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    let mut is_first = true;
    // Once there is no end of a name, there is none in what is left either: it is not searched for again.
    let mut may_have_posix = true;
    loop {
        // A bracket at the beginning stands for itself.
        if let Some(after) = rest.strip_prefix(']').filter(|_| !is_first) {
            out.push(']');
            return Ok(after);
        }
        is_first = false;
        let posix = rest.strip_prefix("[:").filter(|_| may_have_posix);
        let name = posix.map(|text| text.split_once(":]"));
        may_have_posix &= name != Some(None);
        if let Some(Some((name, after))) = name {
            if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
                return Err(Problem::new(
                    "there is no POSIX class of that name",
                    "write one such as `[:alpha:]`, or the characters themselves",
                ));
            }
            out.push_str("[:");
            out.push_str(name);
            out.push_str(":]");
            rest = after;
            continue;
        }
        let (first, after) = item(rest)?;
        let first = match first {
            Escape::Literal(first) => first,
            Escape::Class(class) => {
                class.push(out);
                rest = after;
                continue;
            }
        };
        rest = after;
        match first == '-' && rest.starts_with(']') && !out.ends_with('-') {
            // At the end it is read alike, and as it is written more often.
            true => out.push('-'),
            false => push_in_class(first, out),
        }
        let range = rest
            .strip_prefix('-')
            .filter(|after| !after.starts_with(']') && !after.is_empty());
        let Some(after) = range else { continue };
        let (last, after) = item(after)?;
        let Escape::Literal(last) = last else {
            return Err(Problem::new(
                "a class such as `\\d` is the end of a range",
                "write `\\-` for a hyphen",
            ));
        };
        if last < first {
            return Err(Problem::new(
                "a range ends before it begins",
                "write the smaller character first, or `\\-` for a hyphen",
            ));
        }
        out.push('-');
        push_in_class(last, out);
        rest = after;
    }
}

/// Reads a character or an escape.
fn item(text: &str) -> Result<(Escape, &str), Problem> {
    match text.strip_prefix('\\') {
        Some(escaped) => read_escape(escaped),
        None => {
            let unclosed = || {
                Problem::new(
                    "a `[` has no `]`",
                    "close the class, or write `\\[` for a bracket",
                )
            };
            let first = text.chars().next().ok_or_else(unclosed)?;
            Ok((Escape::Literal(first), &text[first.len_utf8()..]))
        }
    }
}
