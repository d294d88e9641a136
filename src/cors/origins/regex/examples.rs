//! Origins that a regex matches.

use super::RegexPattern;
use crate::cors::origins::origin::Origin;
use regex_syntax::hir::{Class, Dot, Hir, HirKind};

impl RegexPattern {
    /// Returns origins that the regex matches and was most likely written for. They are as short as
    /// possible, and every alternative is in one of them, unless that takes more than `most`.
    pub fn examples(&self, most: usize) -> Vec<String> {
        let mut examples: Vec<String> = Vec::new();
        for choice in 0..alternatives(&self.hir).min(most) {
            // A `.*` becomes nothing if that makes an origin, else one letter.
            let texts = [0, 1].map(|least| {
                let mut text = String::new();
                push_example(&self.hir, '.', Choice { choice, least }, &mut text);
                match text.contains("://") {
                    true => text,
                    // The regex leaves the scheme to a `.*`.
                    false => format!("https://{text}"),
                }
            });
            let is_origin = |text: &&String| {
                let origin = Origin::parse(text.as_bytes());
                matches!(origin, Ok(Origin::Tuple(_))) && self.is_match(text)
            };
            examples.extend(texts.iter().find(is_origin).cloned());
        }
        examples.dedup();
        examples
    }
}

/// Returns a short text that the regex matches, whether it is an origin or not.
pub(super) fn some_text(hir: &Hir, is_match: impl Fn(&str) -> bool) -> Option<String> {
    let texts = [0, 1].map(|least| {
        let mut text = String::new();
        push_example(hir, '.', Choice { choice: 0, least }, &mut text);
        text
    });
    texts.into_iter().find(|text| is_match(text))
}

/// The choices that a regex leaves to an example.
#[derive(Clone, Copy)]
struct Choice {
    /// The number of the alternative, modulo how many there are.
    choice: usize,
    /// Minimum repetitions of a part that may repeat without end.
    least: u32,
}

/// Returns the largest number of alternatives at one place of the regex.
fn alternatives(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Alternation(parts) => {
            let within = parts.iter().map(alternatives).max();
            parts.len().max(within.unwrap_or(1))
        }
        HirKind::Concat(parts) => parts.iter().map(alternatives).max().unwrap_or(1),
        HirKind::Capture(capture) => alternatives(&capture.sub),
        HirKind::Repetition(repetition) => alternatives(&repetition.sub),
        _ => 1,
    }
}

fn push_example(hir: &Hir, dot: char, choice: Choice, text: &mut String) {
    if *hir == Hir::dot(Dot::AnyByteExceptLF) {
        return text.push(dot);
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Bytes(class)) => {
            let first = class.ranges().iter().map(|range| char::from(range.start()));
            let likely = class
                .ranges()
                .iter()
                .any(|r| (r.start()..=r.end()).contains(&b'x'));
            text.extend(if likely {
                Some('x')
            } else {
                first.into_iter().next()
            });
        }
        HirKind::Class(Class::Unicode(_)) => {}
        HirKind::Repetition(repetition) => {
            let least = match repetition.max {
                None => choice.least,
                Some(_) => 0,
            };
            for _ in 0..repetition.min.max(least) {
                // A `.` that repeats was meant to match anything; a single one, most likely a dot.
                push_example(&repetition.sub, 'x', choice, text);
            }
        }
        HirKind::Capture(capture) => push_example(&capture.sub, dot, choice, text),
        HirKind::Concat(parts) => {
            for part in parts {
                push_example(part, dot, choice, text);
            }
        }
        HirKind::Alternation(parts) => {
            if let Some(part) = parts.get(choice.choice % parts.len().max(1)) {
                push_example(part, dot, choice, text);
            }
        }
    }
}
