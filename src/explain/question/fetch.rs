//! A call of `fetch()`, as browsers copy it and people write it.
//!
//! Chrome and Safari copy `fetch("…", {…});`, Firefox `await fetch("…", {…});`. Only literals are understood: an
//! expression in the place of a header's value, of the body or of an option that decides nothing stands for some
//! value; in the place of the URL or the method it is an error.

use super::message::origin_of_url;
use super::{Question, QuestionError, Source, error};
use std::iter::Peekable;
use std::str::Chars;

/// Maximum depth of objects and arrays in each other; beyond it, a call is not understood.
const MAX_DEPTH: usize = 32;

/// A value of JavaScript, as far as it decides something.
enum Value {
    Text(String),
    Object(Vec<(String, Value)>),
    /// An expression, a number, an array.
    Other,
}

/// Whether a text is a call of `fetch()`: before it stands at most an assignment, a function, `await` or `return`.
pub(super) fn is_fetch(text: &str) -> bool {
    let before = text.split_once("fetch(").map(|(before, _)| before);
    before.is_some_and(|before| {
        let is_part = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_$=.(){>;".contains(c);
        before.chars().all(is_part) && !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
    })
}

pub(super) fn of_fetch(text: &str) -> Result<Question, QuestionError> {
    let (_, call) = text.split_once("fetch(").unwrap_or_default();
    let mut reader = Reader {
        chars: call.chars().peekable(),
    };
    let Value::Text(url) = reader.value(0)? else {
        return Err(error(
            "the URL of `fetch()` is an expression: write the URL that it comes to, in quotes",
        ));
    };
    let options = match reader.next_sign() {
        Some(',') => match reader.value(0)? {
            Value::Object(options) => options,
            Value::Text(_) | Value::Other => {
                return Err(error(
                    "the options of `fetch()` are an expression: write them as `{ … }`",
                ));
            }
        },
        _ => Vec::new(),
    };
    if reader.chars.collect::<String>().contains("fetch(") {
        return Err(error("there is more than one call of `fetch()`: paste one"));
    }
    question(&url, options)
}

fn question(url: &str, options: Vec<(String, Value)>) -> Result<Question, QuestionError> {
    if !url.contains("://") {
        return Err(error(format!(
            "`{}` is relative to the page: write the whole URL",
            url.escape_debug()
        )));
    }
    let mut question = Question::of_url(url)?;
    question.source = Source::Script;
    let mut page = None;
    for (name, value) in options {
        match (name.as_str(), value) {
            ("method", Value::Text(method)) => question.method = method,
            ("method", _) => {
                return Err(error(
                    "the method of `fetch()` is an expression: write it in quotes",
                ));
            }
            ("mode", Value::Text(mode)) if mode == "no-cors" => {
                return Err(error(
                    "with `mode: \"no-cors\"` CORS has no say, and no script can read the response, whatever the \
                     server sends: leave the mode out",
                ));
            }
            ("credentials", Value::Text(mode)) => question.credentials = mode == "include",
            ("referrer", Value::Text(referrer)) => page = origin_of_url(&referrer),
            ("headers", Value::Object(headers)) => {
                let text = |value| match value {
                    Value::Text(text) => text,
                    Value::Object(_) | Value::Other => String::new(),
                };
                let headers: Vec<(String, String)> = headers
                    .into_iter()
                    .map(|(name, value)| (name, text(value)))
                    .collect();
                // As browsers copy the call for Node.js.
                let mut fields = headers.iter();
                let referer = fields.find(|(name, _)| name.eq_ignore_ascii_case("referer"));
                page = page.or_else(|| origin_of_url(&referer?.1));
                question.take_pasted(headers.into_iter());
            }
            ("headers", _) => {
                return Err(error(
                    "the headers of `fetch()` are an expression: write them as `{ \"name\": \"value\" }`",
                ));
            }
            _ => {}
        }
    }
    if question.values("origin").next().is_none()
        && let Some(page) = page
    {
        question.headers.insert(0, ("Origin".to_owned(), page));
    }
    Ok(question)
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
}

// === impl Reader ===

impl Reader<'_> {
    /// Reads a value, with its object around it at this depth.
    fn value(&mut self, depth: usize) -> Result<Value, QuestionError> {
        if depth == MAX_DEPTH {
            return Err(error("the call of `fetch()` is nested too deeply"));
        }
        let value = match self.peek_sign() {
            Some('{') => {
                self.chars.next();
                self.object(depth)?
            }
            Some(quote @ ('"' | '\'' | '`')) => {
                self.chars.next();
                self.text(quote)?
            }
            // `new Headers({ … })` is the object in it.
            Some('n') => match self.skip("new Headers(") {
                true => {
                    let value = self.value(depth + 1)?;
                    self.chars.next_if_eq(&')');
                    value
                }
                false => Value::Other,
            },
            _ => Value::Other,
        };
        // Whatever stands behind a literal makes it an expression.
        match self.expression()? {
            true => Ok(Value::Other),
            false => Ok(value),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, QuestionError> {
        let mut entries = Vec::new();
        loop {
            match self.next_sign() {
                Some('}') => return Ok(Value::Object(entries)),
                Some(',') => {}
                Some(quote @ ('"' | '\'')) => {
                    let Value::Text(name) = self.text(quote)? else {
                        return Err(unreadable());
                    };
                    match self.next_sign() {
                        Some(':') => entries.push((name, self.value(depth + 1)?)),
                        _ => return Err(unreadable()),
                    }
                }
                Some(first) => {
                    let mut name = String::from(first);
                    let is_end = |c: char| matches!(c, ':' | ',' | '}') || c.is_whitespace();
                    while let Some(c) = self.chars.next_if(|c| !is_end(*c)) {
                        name.push(c);
                    }
                    match self.peek_sign() {
                        Some(':') => {
                            self.chars.next();
                            entries.push((name, self.value(depth + 1)?));
                        }
                        // `{ method }` and `...rest`.
                        _ => {
                            self.expression()?;
                            entries.push((name, Value::Other));
                        }
                    }
                }
                None => return Err(unclosed()),
            }
        }
    }

    /// Reads the rest of a string.
    fn text(&mut self, quote: char) -> Result<Value, QuestionError> {
        let mut units: Vec<u16> = Vec::new();
        let mut is_literal = true;
        let push = |units: &mut Vec<u16>, c: char| {
            units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
        };
        loop {
            match self.chars.next().ok_or_else(unclosed)? {
                c if c == quote => break,
                '\\' => match self.chars.next().ok_or_else(unclosed)? {
                    'n' => push(&mut units, '\n'),
                    't' => push(&mut units, '\t'),
                    'r' => push(&mut units, '\r'),
                    'b' => push(&mut units, '\u{8}'),
                    'f' => push(&mut units, '\u{c}'),
                    'v' => push(&mut units, '\u{b}'),
                    '0' => push(&mut units, '\0'),
                    '\r' => drop(self.chars.next_if_eq(&'\n')),
                    '\n' => {}
                    'x' => units.push(self.hex(2)?),
                    'u' if self.chars.next_if_eq(&'{').is_some() => {
                        let digits = self
                            .chars
                            .by_ref()
                            .take_while(|c| *c != '}')
                            .collect::<String>();
                        let number = u32::from_str_radix(&digits, 16).ok();
                        push(
                            &mut units,
                            number.and_then(char::from_u32).ok_or_else(unreadable)?,
                        );
                    }
                    'u' => units.push(self.hex(4)?),
                    c => push(&mut units, c),
                },
                '$' if quote == '`' && self.chars.peek() == Some(&'{') => {
                    is_literal = false;
                    push(&mut units, '$');
                }
                c => push(&mut units, c),
            }
        }
        Ok(match is_literal {
            true => Value::Text(String::from_utf16_lossy(&units)),
            false => Value::Other,
        })
    }

    /// Reads a number of `digits` digits. Two of them can make one character.
    fn hex(&mut self, digits: usize) -> Result<u16, QuestionError> {
        let mut number = 0;
        for _ in 0..digits {
            let digit = self.chars.next().and_then(|c| c.to_digit(16));
            let digit = digit.and_then(|digit| u16::try_from(digit).ok());
            number = number * 16 + digit.ok_or_else(unreadable)?;
        }
        Ok(number)
    }

    /// Skips to the end of an expression: the comma or bracket behind it. Returns whether there was one.
    fn expression(&mut self) -> Result<bool, QuestionError> {
        let mut open = 0_usize;
        let mut is_any = false;
        while let Some(c) = self.peek_sign() {
            match c {
                ',' | ')' | ']' | '}' if open == 0 => return Ok(is_any),
                ';' if open == 0 => return Ok(is_any),
                '(' | '[' | '{' => open += 1,
                ')' | ']' | '}' => open -= 1,
                _ => {}
            }
            is_any = true;
            self.chars.next();
            if matches!(c, '"' | '\'' | '`') {
                self.text(c)?;
            }
        }
        Err(unclosed())
    }

    fn skip(&mut self, literal: &str) -> bool {
        let mut ahead = self.chars.clone();
        let is_there = literal.chars().all(|c| ahead.next() == Some(c));
        if is_there {
            self.chars = ahead;
        }
        is_there
    }

    /// Returns the next character behind white space and comments, without reading it.
    fn peek_sign(&mut self) -> Option<char> {
        loop {
            match self.chars.peek().copied() {
                Some(c) if c.is_whitespace() => drop(self.chars.next()),
                Some('/') if self.skip("//") => {
                    self.chars.by_ref().find(|c| *c == '\n');
                }
                Some('/') if self.skip("/*") => {
                    while !self.skip("*/") {
                        self.chars.next()?;
                    }
                }
                next => return next,
            }
        }
    }

    fn next_sign(&mut self) -> Option<char> {
        let next = self.peek_sign();
        self.chars.next();
        next
    }
}

fn unclosed() -> QuestionError {
    error("the call of `fetch()` does not end: paste all of it")
}

fn unreadable() -> QuestionError {
    error("the call of `fetch()` can't be read: paste it as a browser copies it")
}
