//! Parts of a regex that match no serialized origin, and so nothing that the regex is ever asked about.

use super::RegexPattern;
use super::examples::some_text;
use super::set::RegexSet;
use crate::cors::origins::pattern::TuplePattern;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, HirKind};

/// A regex, or one of its alternatives, that matches no serialized origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadPart {
    /// Whether it is the whole regex.
    pub is_whole: bool,
    /// A text that it does match, if one was found.
    pub text: Option<String>,
    /// Whether it matches nothing but that text.
    pub is_only_text: bool,
}

/// Maximum number of alternatives that are looked at; each needs an automaton of its own.
const MAX_ALTERNATIVES: usize = 64;

impl RegexPattern {
    /// Returns the parts that match no serialized origin: the whole regex, or some of its
    /// alternatives.
    pub fn dead_parts(&self) -> Vec<DeadPart> {
        if let Some(whole) = DeadPart::of(&self.hir, &self.alone, true) {
            return vec![whole];
        }
        let mut parts = Vec::new();
        push_alternatives(&self.hir, &mut parts);
        if parts.len() == 1 {
            return Vec::new();
        }
        let alone = |part| Some((part, RegexSet::of_one(part).ok()?));
        let parts = parts.into_iter().take(MAX_ALTERNATIVES).filter_map(alone);
        parts
            .filter_map(|(part, alone)| DeadPart::of(part, &alone, false))
            .collect()
    }
}

impl DeadPart {
    /// Returns a part of a regex, if it matches no origin. `alone` is its automaton.
    fn of(hir: &Hir, alone: &RegexSet, is_whole: bool) -> Option<Self> {
        let texts = Extractor::new().extract(hir);
        let part = Self {
            is_whole,
            text: some_text(hir, |text| alone.find(text.as_bytes()).is_some()),
            is_only_text: texts.is_exact() && texts.len() == Some(1),
        };
        // The automaton of all origins knows neither Punycode nor the shortest form of an address.
        let is_no_pattern = |text: &String| TuplePattern::parse(text).is_err();
        let is_dead = !alone.meets(RegexSet::of_all_origins())
            || (part.is_only_text && part.text.as_ref().is_some_and(is_no_pattern));
        is_dead.then_some(part)
    }
}

/// Adds the alternatives that the whole regex is one of, behind groups and anchors.
fn push_alternatives<'h>(hir: &'h Hir, parts: &mut Vec<&'h Hir>) {
    match hir.kind() {
        HirKind::Alternation(alternatives) => {
            for alternative in alternatives {
                push_alternatives(alternative, parts);
            }
        }
        HirKind::Capture(capture) => push_alternatives(&capture.sub, parts),
        HirKind::Concat(all) => {
            let mut all = all
                .iter()
                .filter(|part| !matches!(part.kind(), HirKind::Look(_)));
            match (all.next(), all.next()) {
                (Some(only), None) => push_alternatives(only, parts),
                _ => parts.push(hir),
            }
        }
        _ => parts.push(hir),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matches_no_origin_is_dead_and_shown() {
        // The regex; each part that is dead, as a text that it matches, with `=` before the only one.
        for (regex, dead) in [
            (r"app://\.", &["=app://."][..]),
            (r"app://\.{1,3}", &["app://."]),
            (r"file://.*", &["file://"]),
            (r"file:///?", &["file://"]),
            (r"capacitor://", &["=capacitor://"]),
            (
                r"https://[a-z]+\.example\.com/",
                &["https://x.example.com/"],
            ),
            (r"https://[A-Z]+\.example\.com", &["https://A.example.com"]),
            (r"https://a\.\.example", &["=https://a..example"]),
            (r"https://127\.1", &["=https://127.1"]),
            (r"https://1\.2\.3\.[0-9]{4}", &["https://1.2.3.0000"]),
            (r"https://a\.example:0", &["=https://a.example:0"]),
            (r"https://a\.example:65536", &["=https://a.example:65536"]),
            (r"https://user@a\.example", &["=https://user@a.example"]),
            (r"^(https://a\.example|file://)$", &["=file://"]),
            (r"^https://a\.example$|^app://\.$", &["=app://."]),
            (
                r"https://a\.example|app://\.|ionic://|capacitor://localhost",
                &["=app://.", "=ionic://"],
            ),
            (r"https://a\.example(:8443)?/?", &[]),
            (r"https?://(a|b)\.example", &[]),
            (r"(app|https)://a", &[]),
            (r".*", &[]),
            (r"files?://a", &[]),
            (r"fil://a", &[]),
            (r"filer://a", &[]),
            (r"https://0x1g", &[]),
            (r"https://1\.2\.3\.4", &[]),
            (r"https://[0-9.]+\.", &["https://.."]),
            (r"https://xn--f\.example", &["=https://xn--f.example"]),
            (r"https://\[0:0::1\]", &["=https://[0:0::1]"]),
            (r"https://\*\.a\.example", &["=https://*.a.example"]),
        ] {
            let parts = RegexPattern::parse(regex).expect(regex).dead_parts();
            let shown = parts.iter().map(|part| {
                let only = if part.is_only_text { "=" } else { "" };
                format!("{only}{}", part.text.as_deref().unwrap_or_default())
            });
            assert_eq!(shown.collect::<Vec<_>>(), dead, "{regex}");
        }
    }
}
