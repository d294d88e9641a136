//! Splits a command into words as a shell does.
//!
//! Browsers copy commands for two shells: POSIX shells, with `$'…'` for values that need escapes, and
//! Windows' cmd, where a caret escapes a character before the program splits its own arguments.
//! No crate reads both. Nothing is expanded: `$NAME` stays as it is.

use super::{QuestionError, error};
use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

/// Returns the words of the first command in `text`, without pipes and redirections.
pub(super) fn words(text: &str) -> Result<Vec<String>, QuestionError> {
    let is_for_cmd = is_for_cmd(text);
    let text = match is_for_cmd {
        true => Cow::Owned(without_carets(text)),
        false => Cow::Borrowed(text),
    };
    let mut reader = Reader::new(&text);
    while let Some(next) = reader.chars.next() {
        if reader.is_end(next) {
            let rest: String = reader.chars.by_ref().collect();
            if rest.split_whitespace().any(is_curl) {
                return Err(error("there is more than one `curl` command: paste one"));
            }
        } else if is_for_cmd {
            reader.cmd(next)?;
        } else {
            reader.posix(next)?;
        }
    }
    reader.finish();
    Ok(without_redirections(reader.words))
}

/// Whether a word is `curl`, the name of the command.
pub(super) fn is_curl(word: &str) -> bool {
    word.ends_with("curl") || word.ends_with("curl.exe")
}

struct Word {
    text: String,
    /// Whether a character in it had its special meaning to the shell.
    is_quoted: bool,
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    words: Vec<Word>,
    /// The word being read, in bytes because `\xHH` is one byte.
    bytes: Vec<u8>,
    is_quoted: bool,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            chars: text.chars().peekable(),
            words: Vec::new(),
            bytes: Vec::new(),
            is_quoted: false,
        }
    }

    fn push(&mut self, c: char) {
        self.bytes
            .extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn finish(&mut self) {
        if self.is_quoted || !self.bytes.is_empty() {
            let bytes = std::mem::take(&mut self.bytes);
            let is_quoted = std::mem::take(&mut self.is_quoted);
            // Bytes that are not UTF-8 are read as Latin-1, as header values once were.
            let latin1 = |error: std::string::FromUtf8Error| {
                error.into_bytes().into_iter().map(char::from).collect()
            };
            let text = String::from_utf8(bytes).unwrap_or_else(latin1);
            self.words.push(Word { text, is_quoted });
        }
    }

    /// Whether the command ends before the unquoted `c`. A `;` or `&` within a word belongs to a URL that
    /// was left unquoted.
    fn is_end(&mut self, c: char) -> bool {
        let is_first = self.bytes.is_empty() && !self.is_quoted;
        match (c, self.chars.peek()) {
            ('|', _) | ('&' | ';', None) => true,
            ('&', Some('&')) => is_first,
            ('&' | ';', Some(next)) => next.is_whitespace(),
            _ => false,
        }
    }

    /// Reads on from `c` outside of quotes, as POSIX shells do.
    fn posix(&mut self, c: char) -> Result<(), QuestionError> {
        match c {
            // Also at the end of a line: lines that belong together may have lost their backslashes.
            _ if c.is_whitespace() => self.finish(),
            '\'' => self.single_quoted()?,
            '"' => self.double_quoted()?,
            '$' => match self.chars.next_if(|c| matches!(c, '\'' | '"')) {
                Some('\'') => self.with_escapes()?,
                Some(_) => self.double_quoted()?,
                None => self.push(c),
            },
            '\\' => self.escaped_outside(),
            _ => self.push(c),
        }
        Ok(())
    }

    fn escaped_outside(&mut self) {
        if self.is_line_end() {
            return;
        }
        if let Some(c) = self.chars.next() {
            self.is_quoted = true;
            self.push(c);
        }
    }

    /// Skips the end of a line, if there is one.
    fn is_line_end(&mut self) -> bool {
        let mut ahead = self.chars.clone();
        ahead.next_if_eq(&'\r');
        let is_end = ahead.next_if_eq(&'\n').is_some();
        if is_end {
            self.chars = ahead;
        }
        is_end
    }

    fn single_quoted(&mut self) -> Result<(), QuestionError> {
        self.is_quoted = true;
        loop {
            match self.chars.next().ok_or_else(unclosed)? {
                '\'' => return Ok(()),
                c => self.push(c),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<(), QuestionError> {
        self.is_quoted = true;
        loop {
            match self.chars.next().ok_or_else(unclosed)? {
                '"' => return Ok(()),
                '\\' if self.is_line_end() => {}
                '\\' => {
                    let special = |c: &char| matches!(c, '"' | '\\' | '$' | '`');
                    let c = self.chars.next_if(special);
                    self.push(c.unwrap_or('\\'));
                }
                c => self.push(c),
            }
        }
    }

    /// Reads the rest of `$'…'`.
    fn with_escapes(&mut self) -> Result<(), QuestionError> {
        self.is_quoted = true;
        loop {
            match self.chars.next().ok_or_else(unclosed)? {
                '\'' => return Ok(()),
                '\\' => {
                    let c = self.chars.next().ok_or_else(unclosed)?;
                    self.escape(c);
                }
                c => self.push(c),
            }
        }
    }

    fn escape(&mut self, c: char) {
        match c {
            'n' => self.push('\n'),
            't' => self.push('\t'),
            'r' => self.push('\r'),
            'a' => self.push('\x07'),
            'b' => self.push('\x08'),
            'e' | 'E' => self.push('\x1b'),
            'f' => self.push('\x0c'),
            'v' => self.push('\x0b'),
            '\\' | '\'' | '"' | '?' => self.push(c),
            'x' => match self.number(16, 2) {
                Some(byte) => self.bytes.extend(u8::try_from(byte)),
                None => self.bytes.extend_from_slice(b"\\x"),
            },
            'u' => self.code_point(c, 4),
            'U' => self.code_point(c, 8),
            _ => match c.to_digit(8) {
                Some(first) => {
                    // Three digits can exceed a byte; shells cut the rest off.
                    let (rest, scale) = self.octal();
                    let byte = (first * scale + rest) & 0xff;
                    self.bytes.extend(u8::try_from(byte));
                }
                None => {
                    self.push('\\');
                    self.push(c);
                }
            },
        }
    }

    /// Reads up to two more octal digits; returns their number and the factor for the digit before them.
    fn octal(&mut self) -> (u32, u32) {
        let (mut number, mut scale) = (0, 1);
        for _ in 0..2 {
            if let Some(digit) = self.digit(8) {
                (number, scale) = (number * 8 + digit, scale * 8);
            }
        }
        (number, scale)
    }

    fn code_point(&mut self, letter: char, digits: usize) {
        match self.number(16, digits) {
            // Half of a surrogate pair is not a character; this one stands for it.
            Some(number) => self.push(char::from_u32(number).unwrap_or('\u{fffd}')),
            None => {
                self.push('\\');
                self.push(letter);
            }
        }
    }

    /// Reads a number of at most `digits` digits.
    fn number(&mut self, radix: u32, digits: usize) -> Option<u32> {
        let mut number = None;
        for _ in 0..digits {
            let Some(digit) = self.digit(radix) else {
                break;
            };
            number = Some(number.unwrap_or(0) * radix + digit);
        }
        number
    }

    fn digit(&mut self, radix: u32) -> Option<u32> {
        let digit = self.chars.next_if(|c| c.is_digit(radix))?;
        digit.to_digit(radix)
    }

    /// Reads on from `c` as Windows programs split their arguments after cmd is done.
    /// <https://learn.microsoft.com/en-us/cpp/c-language/parsing-c-command-line-arguments>
    fn cmd(&mut self, c: char) -> Result<(), QuestionError> {
        match c {
            ' ' | '\t' => self.finish(),
            '"' => {
                self.is_quoted = true;
                loop {
                    match self.chars.next().ok_or_else(unclosed)? {
                        '"' if self.chars.next_if_eq(&'"').is_some() => self.push('"'),
                        '"' => break,
                        '\\' => self.backslashes(),
                        c => self.push(c),
                    }
                }
            }
            '\\' => self.backslashes(),
            _ => self.push(c),
        }
        Ok(())
    }

    /// Reads backslashes, the first of which is read already. They are special only before a quote: two
    /// are one, and an odd one escapes the quote.
    fn backslashes(&mut self) {
        let mut count = 1;
        while self.chars.next_if_eq(&'\\').is_some() {
            count += 1;
        }
        let is_before_quote = self.chars.peek() == Some(&'"');
        let kept = if is_before_quote { count / 2 } else { count };
        (0..kept).for_each(|_| self.push('\\'));
        if is_before_quote && count % 2 == 1 {
            self.is_quoted = true;
            self.chars.next();
            self.push('"');
        }
    }
}

fn unclosed() -> QuestionError {
    error("the `curl` command has a quote that is not closed: paste all of it")
}

/// Whether the text is for cmd: a caret outside of quotes stands before a quote or the end of a line,
/// which no command for a POSIX shell has.
fn is_for_cmd(text: &str) -> bool {
    let mut chars = text.chars();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None | Some('"'), '\\') => {
                chars.next();
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (None, '^') => {
                if matches!(chars.clone().next(), Some('"' | '\r' | '\n')) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// Removes cmd's carets: `^x` is x outside of quotes, and a caret at the end of a line continues the
/// line. A second end of line after it is part of the value.
fn without_carets(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut chars = text.chars().peekable();
    let mut out = String::with_capacity(text.len());
    let mut is_quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '^' if !is_quoted => match chars.next() {
                Some('\n') => out.extend(chars.next_if_eq(&'\n')),
                escaped => out.extend(escaped),
            },
            '\n' if !is_quoted => out.push(' '),
            _ => {
                is_quoted ^= c == '"';
                out.push(c);
            }
        }
    }
    out
}

/// Removes redirections such as `> file` and `2>&1`.
fn without_redirections(words: Vec<Word>) -> Vec<String> {
    let mut words = words.into_iter();
    let mut kept = Vec::new();
    while let Some(Word { text, is_quoted }) = words.next() {
        let operator = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&');
        if is_quoted || !operator.starts_with(['>', '<']) {
            kept.push(text);
        } else if operator.trim_start_matches(['>', '<']).is_empty() {
            words.next();
        }
    }
    kept
}
