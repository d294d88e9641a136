//! RE2's regexes, in the syntax of the regex crate.
//!
//! Both match in linear time, and their syntax is nearly the same. Where it is not, the regex crate refuses
//! what RE2 takes (`\Q…\E`, `a{,2}`), takes what RE2 refuses (`a**`, `(?x)`), or reads it otherwise (`&&` in a
//! class, `\<`, `\s`). So a regex is read by RE2's grammar and written anew, with the same meaning for ASCII
//! texts: origins are ASCII. A character that is not ASCII becomes a byte that no such text has.

mod class;
mod escape;
mod operator;

use crate::config::Problem;
use crate::cors::MAX_REGEX_LEN;
use class::push_class;
use escape::{Escape, push_literal, read_escape};
use operator::{Repetition, after_laziness, open_group, repetition};

/// Maximum number that RE2 takes for repetitions, those within each other multiplied.
const MAX_REPEAT: u32 = 1000;
/// A byte that stands for all characters that are not ASCII.
const NOT_ASCII: &str = r"\xFF";

/// Writes a regex of RE2 in the syntax of the regex crate.
///
/// # Errors
///
/// Refuses a regex that RE2 refuses.
pub(super) fn translate(text: &str) -> Result<String, Problem> {
    if text.len() > MAX_REGEX_LEN {
        return Err(Problem::new(
            format!(
                "the regex has {} bytes, more than {MAX_REGEX_LEN}",
                text.len()
            ),
            "write a shorter one",
        ));
    }
    let mut translator = Translator {
        out: String::with_capacity(text.len() + 16),
        ..Translator::default()
    };
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        rest = translator.step(next, rest)?;
    }
    translator.finish()
}

/// The regex as far as it has been written.
#[derive(Debug, Default)]
struct Translator {
    out: String,
    groups: Vec<Group>,
    last: Option<Atom>,
    /// Flags that hold from here on, and are not written yet: RE2 lets a repetition behind them apply to
    /// the part before them.
    pending: String,
    /// Product of the repetitions within each other, at its largest in the open group.
    repeats: u32,
}

/// A group that is open.
#[derive(Debug)]
struct Group {
    start: usize,
    /// The `repeats` of the group around it.
    repeats: u32,
}

/// The part that a repetition would apply to.
#[derive(Debug, Clone, Copy)]
struct Atom {
    start: usize,
    /// Product of the repetitions in it.
    repeats: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Single,
    /// Nothing stands between it and its repetition, and another one is refused.
    Repeated,
    /// It has a repetition, and something without a meaning of its own stands behind that.
    RepeatedBefore,
}

// === impl Translator ===

impl Translator {
    /// Reads the part that begins with `next`. Returns what is behind it.
    fn step<'t>(&mut self, next: char, rest: &'t str) -> Result<&'t str, Problem> {
        let after = &rest[next.len_utf8()..];
        match next {
            '(' => self.open(after),
            ')' => self.close().map(|()| after),
            '|' => {
                self.flush();
                self.out.push('|');
                self.last = None;
                Ok(after)
            }
            '*' | '+' | '?' => {
                self.repeat(&rest[..1], 1)?;
                Ok(after_laziness(after))
            }
            '{' => match repetition(after) {
                Repetition::None => {
                    self.literal('{');
                    Ok(after)
                }
                Repetition::Of { text, most, after } => {
                    self.repeat(&rest[..text.len() + 1], most)?;
                    Ok(after_laziness(after))
                }
                Repetition::TooMany => Err(too_many()),
                Repetition::Backwards => Err(Problem::new(
                    "a repetition's first number is larger than its second one",
                    "write the smaller one first",
                )),
            },
            '[' => {
                self.atom();
                push_class(after, &mut self.out)
            }
            '\\' => self.escape(after),
            '^' | '$' | '.' => {
                self.atom();
                self.out.push(next);
                Ok(after)
            }
            _ => {
                self.literal(next);
                Ok(after)
            }
        }
    }

    fn finish(self) -> Result<String, Problem> {
        match self.groups.is_empty() {
            true => Ok(self.out),
            false => Err(Problem::new(
                "a `(` has no `)`",
                "close the group, or write `\\(` for a bracket",
            )),
        }
    }

    /// Begins a part that a repetition may follow.
    fn atom(&mut self) {
        self.flush();
        self.last = Some(Atom {
            start: self.out.len(),
            repeats: 1,
            state: State::Single,
        });
        self.repeats = self.repeats.max(1);
    }

    fn literal(&mut self, literal: char) {
        self.atom();
        push_literal(literal, &mut self.out);
    }

    /// Writes the flags that are not written yet.
    fn flush(&mut self) {
        self.out.push_str(&self.pending);
        self.pending.clear();
    }

    /// Notes that something without a meaning of its own stands behind the last part.
    fn separate(&mut self) {
        if let Some(last) = &mut self.last
            && last.state == State::Repeated
        {
            last.state = State::RepeatedBefore;
        }
    }

    fn open<'t>(&mut self, after: &'t str) -> Result<&'t str, Problem> {
        let (written, is_group, after) = open_group(after)?;
        if !is_group {
            self.separate();
            self.pending.push_str(&written);
            if self.last.is_none() {
                self.flush();
            }
            return Ok(after);
        }
        self.flush();
        self.groups.push(Group {
            start: self.out.len(),
            repeats: self.repeats,
        });
        self.out.push_str(&written);
        self.repeats = 1;
        self.last = None;
        Ok(after)
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(group) = self.groups.pop() else {
            return Err(Problem::new(
                "a `)` has no `(`",
                "open the group, or write `\\)` for a bracket",
            ));
        };
        // Flags hold to the end of their group.
        self.pending.clear();
        self.out.push(')');
        self.last = Some(Atom {
            start: group.start,
            repeats: self.repeats,
            state: State::Single,
        });
        self.repeats = self.repeats.max(group.repeats);
        Ok(())
    }

    /// Writes a repetition of the last part.
    fn repeat(&mut self, text: &str, most: u32) -> Result<(), Problem> {
        let Some(last) = &mut self.last else {
            return Err(Problem::new(
                format!("`{text}` repeats nothing"),
                "put what it repeats before it, or a backslash if the character itself is meant",
            ));
        };
        match last.state {
            State::Single => {}
            State::Repeated => {
                return Err(Problem::new(
                    format!("`{text}` follows another repetition: RE2 has no possessive ones"),
                    "remove one of them",
                ));
            }
            State::RepeatedBefore => {
                self.out.insert_str(last.start, "(?:");
                self.out.push(')');
            }
        }
        last.state = State::Repeated;
        if most > 0 {
            last.repeats = last.repeats.saturating_mul(most);
        }
        if last.repeats > MAX_REPEAT {
            return Err(too_many());
        }
        self.repeats = self.repeats.max(last.repeats);
        self.out.push_str(text);
        Ok(())
    }

    fn escape<'t>(&mut self, after: &'t str) -> Result<&'t str, Problem> {
        if let Some(quoted) = after.strip_prefix('Q') {
            let (literals, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            self.separate();
            for literal in literals.chars() {
                self.literal(literal);
            }
            return Ok(after);
        }
        // These have a meaning outside of classes alone.
        let written = match after.chars().next() {
            Some('b') => Some(r"\b"),
            Some('B') => Some(r"\B"),
            Some('A') => Some(r"\A"),
            Some('z') => Some(r"\z"),
            Some('C') => Some(r"(?s:.)"),
            _ => None,
        };
        if let Some(written) = written {
            self.atom();
            self.out.push_str(written);
            return Ok(&after[1..]);
        }
        let (escape, after) = read_escape(after)?;
        match escape {
            Escape::Literal(literal) => self.literal(literal),
            Escape::Class(class) => {
                self.atom();
                class.push(&mut self.out);
            }
        }
        Ok(after)
    }
}

fn too_many() -> Problem {
    Problem::new(
        format!("a part is repeated more than {MAX_REPEAT} times, which RE2 refuses"),
        "write a smaller number, or `+`",
    )
}

#[cfg(test)]
mod tests;
