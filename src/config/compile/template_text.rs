//! The text of a path template, in either syntax: what its literal segments and its verb may be, and how
//! messages quote it.

use super::matches::is_in_paths;
use crate::config::error::Problem;

/// A template as it is written.
#[derive(Clone, Copy)]
pub(super) struct TemplateText<'a>(pub &'a str);

// === impl TemplateText ===

impl TemplateText<'_> {
    /// Makes a problem that quotes the template.
    pub(super) fn is(self, what: &str) -> Problem {
        Problem::from(format!("`{}`{what}", self.0))
    }

    /// Makes the problem of a wildcard or a variable that is only a part of a segment.
    pub(super) fn whole_segments(self) -> Problem {
        let problem = self.is(": a wildcard or a variable stands for whole segments");
        problem.hint("write it between slashes, as in `/books/{book}/pages`")
    }

    /// Checks the text of a segment or of a verb, in which wildcards were looked for. `encoded` checks what is
    /// encoded in it, and `hint` is for a character that is in no path.
    pub(super) fn check_literal(
        self,
        text: &str,
        encoded: impl FnOnce(&str) -> Result<(), Problem>,
        hint: &str,
    ) -> Result<(), Problem> {
        if text.contains('}') {
            let problem = self.is(": a `}` has no `{`");
            return Err(problem.hint("write a variable as in `{book}` or `{name=books/*}`"));
        }
        if text.contains(['?', '#']) {
            let problem = self.is(": a template has no query or fragment");
            let end = self.0.find(['?', '#']).unwrap_or(self.0.len());
            return Err(problem.hint(format!("write `{}`", &self.0[..end])));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let problem = self.is(" has white space or characters that are not ASCII");
            return Err(problem.hint("percent-encode them, as requests do"));
        }
        encoded(text)?;
        match text.bytes().find(|byte| !is_in_paths(*byte)) {
            Some(byte) => {
                let problem = self.is(&format!(": `{}` is not in any path", char::from(byte)));
                Err(problem.hint(hint))
            }
            None => Ok(()),
        }
    }

    /// Splits what is in a variable from what is behind it; `inner` is behind its brace.
    pub(super) fn variable(self, inner: &str) -> Result<(&str, &str), Problem> {
        let Some((inside, behind)) = inner.split_once('}') else {
            let problem = self.is(": a `{` has no `}`");
            return Err(problem.hint("write a variable as in `{book}` or `{name=books/*}`"));
        };
        if inside.contains('{') {
            let problem = self.is(": a variable has another one in it");
            return Err(problem.hint("write `*` in its place, as in `{name=shelves/*/books/*}`"));
        }
        Ok((inside, behind))
    }
}
