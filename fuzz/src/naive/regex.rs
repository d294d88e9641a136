//! Whether a regex matches the whole of a text: by the sets of places where each part of its syntax
//! tree can end. No automaton, and no bound on what it costs.

use regex_syntax::hir::{Class, Hir, HirKind, Look};
use std::collections::BTreeSet;

type Places = BTreeSet<usize>;

/// Of `(a|b)*a(a|b){9}` there are 25.
const MAX_COUNT: u32 = 40;

/// `None` where the regex does not parse.
pub fn is_match(regex: &str, text: &str) -> Option<bool> {
    let hir = parse(regex)?;
    let ends = ends(&hir, text.as_bytes(), &Places::from([0]));
    Some(ends.contains(&text.len()))
}

/// Whether the regex counts further, or repeats repetitions deeper, than a fuzzer has time for: an
/// automaton that explodes is refused in the end, and there is a test for that.
pub fn is_costly(regex: &str) -> bool {
    fn counted(hir: &Hir) -> u32 {
        match hir.kind() {
            HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => 1,
            HirKind::Capture(capture) => counted(&capture.sub),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                parts.iter().map(counted).fold(0, u32::saturating_add)
            }
            HirKind::Repetition(repetition) => {
                let count = repetition.max.unwrap_or(repetition.min.max(2)).max(1);
                counted(&repetition.sub).saturating_mul(count)
            }
        }
    }
    parse(regex).is_some_and(|hir| counted(&hir) > MAX_COUNT)
}

fn parse(regex: &str) -> Option<Hir> {
    let mut builder = regex_syntax::ParserBuilder::new();
    let mut parser = builder.unicode(false).utf8(false).build();
    parser.parse(regex).ok()
}

fn ends(hir: &Hir, text: &[u8], starts: &Places) -> Places {
    match hir.kind() {
        HirKind::Empty => starts.clone(),
        HirKind::Literal(literal) => starts
            .iter()
            .filter(|start| text[**start..].starts_with(&literal.0))
            .map(|start| start + literal.0.len())
            .collect(),
        HirKind::Class(class) => starts
            .iter()
            .filter(|start| text.get(**start).is_some_and(|byte| has(class, *byte)))
            .map(|start| start + 1)
            .collect(),
        HirKind::Look(look) => starts
            .iter()
            .filter(|start| is_at(*look, text, **start))
            .copied()
            .collect(),
        HirKind::Capture(capture) => ends(&capture.sub, text, starts),
        HirKind::Concat(parts) => parts
            .iter()
            .fold(starts.clone(), |places, part| ends(part, text, &places)),
        HirKind::Alternation(parts) => parts
            .iter()
            .flat_map(|part| ends(part, text, starts))
            .collect(),
        HirKind::Repetition(repetition) => {
            let mut places = starts.clone();
            for _ in 0..repetition.min {
                let next = ends(&repetition.sub, text, &places);
                if next == places {
                    break;
                }
                places = next;
            }
            let mut all = places.clone();
            for _ in repetition.min..repetition.max.unwrap_or(u32::MAX) {
                places = ends(&repetition.sub, text, &places);
                let known = all.len();
                all.extend(&places);
                if all.len() == known {
                    break;
                }
            }
            all
        }
    }
}

fn has(class: &Class, byte: u8) -> bool {
    match class {
        Class::Bytes(class) => class
            .ranges()
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&byte)),
        // The texts are ASCII.
        Class::Unicode(class) => class
            .ranges()
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&char::from(byte))),
    }
}

fn is_at(look: Look, text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map(|at| text[at]);
    let after = text.get(at).copied();
    let is_word = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let (word_before, word_after) = (is_word(before), is_word(after));
    match look {
        Look::Start => before.is_none(),
        Look::End => after.is_none(),
        // Origins have no line breaks, so that lines are the whole.
        Look::StartLF | Look::StartCRLF => before.is_none(),
        Look::EndLF | Look::EndCRLF => after.is_none(),
        Look::WordAscii | Look::WordUnicode => word_before != word_after,
        Look::WordAsciiNegate | Look::WordUnicodeNegate => word_before == word_after,
        Look::WordStartAscii | Look::WordStartUnicode => !word_before && word_after,
        Look::WordEndAscii | Look::WordEndUnicode => word_before && !word_after,
        Look::WordStartHalfAscii | Look::WordStartHalfUnicode => !word_before,
        Look::WordEndHalfAscii | Look::WordEndHalfUnicode => !word_after,
    }
}
