//! Escapes, and how characters are written.

use super::NOT_ASCII;
use crate::config::Problem;
use std::fmt::Write as _;

/// The meaning of an escape.
pub(super) enum Escape {
    Literal(char),
    Class(EscapedClass),
}

/// A class that an escape stands for, such as `\d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EscapedClass {
    /// One that both know by this escape.
    Shared(&'static str),
    /// The ASCII characters of a class, as ranges of the regex crate.
    Of {
        ranges: &'static str,
        is_negated: bool,
    },
}

/// Unicode classes that RE2 knows, with their ASCII characters.
const CATEGORIES: &[(&str, &str)] = &[
    ("Any", r"\x00-\x7F"),
    ("L", "A-Za-z"),
    ("Lu", "A-Z"),
    ("Ll", "a-z"),
    ("Latin", "A-Za-z"),
    ("N", "0-9"),
    ("Nd", "0-9"),
    ("P", r"!-#%-*,-/:;?@\[-\]_\{\}"),
    ("Pc", "_"),
    ("Pd", r"\-"),
    ("Ps", r"(\[\{"),
    ("Pe", r")\]\}"),
    ("Po", r"!-#%-'*,./:;?@\\"),
    ("S", r"$+<->\^`|\~"),
    ("Sm", r"+<->|\~"),
    ("Sc", "$"),
    ("Sk", r"\^`"),
    ("Z", " "),
    ("Zs", " "),
    ("C", r"\x00-\x1F\x7F"),
    ("Cc", r"\x00-\x1F\x7F"),
    ("Common", r"\x00-@\[-`\{-\x7F"),
];

/// Unicode classes that RE2 knows, without ASCII characters.
const CATEGORIES_WITHOUT_ASCII: &[&str] = &[
    "Lt",
    "Lm",
    "Lo",
    "M",
    "Mn",
    "Mc",
    "Me",
    "Nl",
    "No",
    "Pi",
    "Pf",
    "So",
    "Zl",
    "Zp",
    "Cf",
    "Co",
    "Cs",
    "Arabic",
    "Armenian",
    "Cyrillic",
    "Devanagari",
    "Georgian",
    "Greek",
    "Han",
    "Hangul",
    "Hebrew",
    "Hiragana",
    "Inherited",
    "Katakana",
    "Thai",
];

// === impl EscapedClass ===

impl EscapedClass {
    /// Writes the class, within brackets or outside of them.
    pub(super) fn push(self, out: &mut String) {
        match self {
            Self::Shared(escape) => out.push_str(escape),
            Self::Of { ranges, is_negated } => {
                out.push_str(if is_negated { "[^" } else { "[" });
                out.push_str(ranges);
                out.push(']');
            }
        }
    }
}

/// Reads what stands behind a backslash, within brackets or outside of them. Returns what follows it.
pub(super) fn read_escape(text: &str) -> Result<(Escape, &str), Problem> {
    let Some(first) = text.chars().next() else {
        return Err(Problem::new(
            "it ends with a backslash",
            "write `\\\\` for a backslash, or remove it",
        ));
    };
    let after = &text[first.len_utf8()..];
    let literal = |literal| Ok((Escape::Literal(literal), after));
    let class = |class| Ok((Escape::Class(class), after));
    // The regex crate's `\s` has the vertical tab, too.
    let blanks = |is_negated| EscapedClass::Of {
        ranges: r"\t\n\f\r ",
        is_negated,
    };
    match first {
        'd' => class(EscapedClass::Shared(r"\d")),
        'D' => class(EscapedClass::Shared(r"\D")),
        'w' => class(EscapedClass::Shared(r"\w")),
        'W' => class(EscapedClass::Shared(r"\W")),
        's' => class(blanks(false)),
        'S' => class(blanks(true)),
        'p' | 'P' => category(after, first == 'P'),
        'x' => hex(after),
        'a' => literal('\x07'),
        'f' => literal('\x0C'),
        'n' => literal('\n'),
        'r' => literal('\r'),
        't' => literal('\t'),
        'v' => literal('\x0B'),
        '0' => octal(text),
        '1'..='7' if after.starts_with(is_octal) => octal(text),
        '1'..='9' => Err(Problem::new(
            format!("RE2 has no back-references such as `\\{first}`"),
            "write the group's regex again in its place",
        )),
        'Z' => Err(Problem::new(
            "RE2 has no `\\Z`",
            "remove it: the regex has to match the whole origin",
        )),
        'K' => Err(Problem::new(
            "RE2 has no `\\K`",
            "remove it: the regex has to match the whole origin",
        )),
        'k' | 'g' => Err(Problem::new(
            format!("RE2 has no back-references such as `\\{first}`"),
            "write the group's regex again in its place",
        )),
        '_' => literal('_'),
        _ if first.is_ascii() && !first.is_ascii_alphanumeric() => literal(first),
        _ => Err(Problem::new(
            format!("RE2 has no escape `\\{first}`"),
            "write the character without a backslash, or `\\\\` for a backslash",
        )),
    }
}

/// Writes a character outside of brackets.
pub(super) fn push_literal(literal: char, out: &mut String) {
    push_char(literal, r"\.+*?()|[]{}^$", out);
}

/// Writes a character within brackets.
pub(super) fn push_in_class(literal: char, out: &mut String) {
    push_char(literal, r"\[]^-&~", out);
}

fn push_char(literal: char, special: &str, out: &mut String) {
    if !literal.is_ascii() {
        out.push_str(NOT_ASCII);
    } else if literal.is_ascii_control() {
        // Writing to a string does not fail.
        let _ = write!(out, r"\x{:02X}", u32::from(literal));
    } else {
        if special.contains(literal) {
            out.push('\\');
        }
        out.push(literal);
    }
}

fn is_octal(c: char) -> bool {
    ('0'..='7').contains(&c)
}

/// Reads up to three octal digits.
fn octal(text: &str) -> Result<(Escape, &str), Problem> {
    let digits = text.chars().take(3).take_while(|c| is_octal(*c)).count();
    Ok((
        Escape::Literal(char_of(&text[..digits], 8)?),
        &text[digits..],
    ))
}

/// Reads `41` or `{41}`, which stand behind `\x`.
fn hex(text: &str) -> Result<(Escape, &str), Problem> {
    let (digits, after) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}').ok_or_else(bad_hex)?,
        None => text.split_at_checked(2).ok_or_else(bad_hex)?,
    };
    let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_hex {
        true => Ok((Escape::Literal(char_of(digits, 16)?), after)),
        false => Err(bad_hex()),
    }
}

/// Returns the character with this number. RE2 takes half of a pair of UTF-16 for one.
fn char_of(digits: &str, radix: u32) -> Result<char, Problem> {
    let number = u32::from_str_radix(digits, radix).map_err(|_| bad_hex())?;
    match number <= u32::from(char::MAX) {
        true => Ok(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)),
        false => Err(bad_hex()),
    }
}

fn bad_hex() -> Problem {
    Problem::new(
        "behind `\\x` there is no character's number",
        "write two hexadecimal digits, or more of them in braces: `\\x{2d}`",
    )
}

/// Reads the name of a Unicode class, which stands behind `\p` or `\P`.
fn category(text: &str, is_complement: bool) -> Result<(Escape, &str), Problem> {
    let wrong = || {
        Problem::new(
            "there is no Unicode class of that name",
            "write a class of ASCII characters, such as `[a-z0-9]`: origins are ASCII",
        )
    };
    let (name, after) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}').ok_or_else(wrong)?,
        None => text.split_at_checked(1).ok_or_else(wrong)?,
    };
    let (name, is_turned) = match name.strip_prefix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let ranges = CATEGORIES.iter().find(|(known, _)| *known == name);
    let ranges = match ranges {
        Some((_, ranges)) => ranges,
        None if CATEGORIES_WITHOUT_ASCII.contains(&name) => NOT_ASCII,
        None => return Err(wrong()),
    };
    let is_negated = is_complement != is_turned;
    Ok((
        Escape::Class(EscapedClass::Of { ranges, is_negated }),
        after,
    ))
}
