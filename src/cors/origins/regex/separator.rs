//! Finds a wildcard that was written as a regex. In `https://*.example.com` the `*` repeats the slash, and
//! the dots are any character: it matches `https://xexample.com`, and no host that was meant.

use super::RegexPattern;
use regex_syntax::hir::{Hir, HirKind};

impl RegexPattern {
    /// Returns the `/` or the `:` that the regex repeats, or leaves out, amid an origin. No operator means that,
    /// whatever the repetition and the groups around it. One `/` may be left out at the end, where it is in
    /// many regexes and never in an origin.
    pub fn repeated_separator(&self) -> Option<char> {
        repeated(&self.hir, true)
    }
}

/// Does the same for a part of a regex; `is_last` says whether nothing can follow it.
fn repeated(hir: &Hir, is_last: bool) -> Option<char> {
    match hir.kind() {
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => None,
        HirKind::Capture(capture) => repeated(&capture.sub, is_last),
        HirKind::Alternation(parts) => parts.iter().find_map(|part| repeated(part, is_last)),
        HirKind::Concat(parts) => {
            let is_text = |part: &Hir| !matches!(part.kind(), HirKind::Look(_));
            let last = parts.iter().rposition(is_text);
            let mut parts = parts.iter().enumerate();
            parts.find_map(|(at, part)| repeated(part, is_last && Some(at) == last))
        }
        HirKind::Repetition(repetition) => {
            let sub = &repetition.sub;
            match repetition.max {
                Some(0 | 1) if is_last => repeated(sub, true),
                _ if has_slash(sub) => Some('/'),
                None if is_colon(sub) => Some(':'),
                _ => repeated(sub, false),
            }
        }
    }
}

/// Whether it is a colon, in however many groups and repetitions.
fn is_colon(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Literal(literal) => *literal.0 == *b":",
        HirKind::Capture(capture) => is_colon(&capture.sub),
        HirKind::Repetition(repetition) => is_colon(&repetition.sub),
        _ => false,
    }
}

/// Whether a slash is written somewhere in it.
fn has_slash(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.contains(&b'/'),
        HirKind::Capture(capture) => has_slash(&capture.sub),
        HirKind::Repetition(repetition) => has_slash(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(has_slash),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_separator_is_not_repeated_amid_an_origin() {
        for (regex, expected) in [
            ("https://*.example.com", Some('/')),
            ("https://+.example.com", Some('/')),
            ("https://?.example.com", Some('/')),
            ("https://{1}*.example.com", Some('/')),
            ("https://{2,3}.example.com", Some('/')),
            ("https:(//)*.example.com", Some('/')),
            ("(https://)*.example.com", Some('/')),
            ("(?:https?://)?.example.com", Some('/')),
            (r"https://a\.example\.com|https://*.example.com", Some('/')),
            (r"https://*\.example\.com", Some('/')),
            ("http://localhost:*", Some(':')),
            ("http://localhost:+", Some(':')),
            ("http://localhost:?*", Some(':')),
            ("http://localhost(:)*", Some(':')),
            // Regexes that mean what they say.
            (r"https://[a-z0-9-]+\.example\.com", None),
            (r"https://([a-z0-9-]+\.)*example\.com(:[0-9]+)?", None),
            (r"https?://localhost:?[0-9]*", None),
            (r"^https://a\.example\.com/?$", None),
            (r"https://(a|b)\.example\.com(:8443/?)?", None),
            (r"https://[:*]a\.example\.com", None),
            (r"https://[a-z/*]\.example\.com", None),
            (r"https://.*\.example\.com", None),
        ] {
            let parsed = RegexPattern::parse(regex).expect(regex);
            assert_eq!(parsed.repeated_separator(), expected, "{regex}");
        }
    }
}
