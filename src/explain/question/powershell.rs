//! A PowerShell command, as browsers copy it: `Invoke-WebRequest` with its parameters, and the session before
//! it, which has the cookies.

use super::browser_headers::is;
use super::{Question, QuestionError, Source, error};
use std::iter::Peekable;
use std::str::Chars;

/// The commands that send a request, and their short names.
const COMMANDS: [&str; 4] = ["invoke-webrequest", "invoke-restmethod", "iwr", "irm"];

/// The parameters that describe a request, and two whose values could be taken for its URL. A name may be cut short:
/// the first that begins with it is meant. Other parameters are left out, with their values or without.
const PARAMETERS: [&str; 9] = [
    "uri",
    "method",
    "custommethod",
    "headers",
    "contenttype",
    "websession",
    "body",
    "proxy",
    "useragent",
];

/// Pseudo-headers of HTTP/2, which Chrome copies without their colons.
const PSEUDO_HEADERS: [&str; 4] = ["authority", "method", "path", "scheme"];

enum Token {
    /// A word without quotes.
    Word(String),
    Text(String),
    /// `@{ name = value; … }`.
    Table(Vec<(String, String)>),
    /// An expression in brackets.
    Other,
}

/// Splits a text at its command; `None` if it has none.
fn split(text: &str) -> Option<(&str, &str)> {
    let lower = text.to_ascii_lowercase();
    let found = COMMANDS.iter().filter_map(|command| {
        let is_whole = |(at, _): &(usize, &str)| {
            let (before, behind) = (&lower[..*at], &lower[at + command.len()..]);
            let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '.');
            !before.ends_with(is_part) && behind.starts_with(char::is_whitespace)
        };
        let (at, _) = lower.match_indices(command).find(is_whole)?;
        Some((at, at + command.len()))
    });
    let (start, end) = found.min()?;
    Some((&text[..start], &text[end..]))
}

/// Whether a text is a PowerShell command: it begins with one, or with the session for one.
pub(super) fn is_powershell(text: &str) -> bool {
    split(text).is_some_and(|(before, _)| {
        let before = before.trim_start_matches('$');
        let is_assigned = before.trim_end().ends_with('=') && !before.contains('\n');
        before.trim().is_empty() || is_assigned || before.starts_with("session")
    })
}

pub(super) fn of_powershell(text: &str) -> Result<Question, QuestionError> {
    let (session, command) = split(text).unwrap_or_default();
    if split(command).is_some() {
        return Err(error(
            "there is more than one PowerShell command: paste one",
        ));
    }
    let mut reader = Reader {
        chars: command.chars().peekable(),
    };
    let mut url = None;
    let (mut method, mut content_type) = (None, None);
    let mut headers = Vec::new();
    let mut has_session = false;
    while let Some(token) = reader.token()? {
        let (Token::Word(word) | Token::Text(word)) = token else {
            continue;
        };
        let Some(name) = word.strip_prefix('-') else {
            // The URL may stand without its parameter.
            if word.contains("://") {
                url.get_or_insert(word);
            }
            continue;
        };
        let name = name.trim_end_matches(':').to_ascii_lowercase();
        let is_meant = |known: &&str| !name.is_empty() && known.starts_with(&name);
        let Some(known) = PARAMETERS.into_iter().find(is_meant) else {
            continue;
        };
        let missing = || error(format!("`-{}` has no value", name.escape_default()));
        let value = reader.token()?.ok_or_else(missing)?;
        match (known, value) {
            ("uri", Token::Text(text) | Token::Word(text)) => url = Some(text),
            // One of an enumeration, whose names are in capitals on the wire.
            ("method", Token::Text(text) | Token::Word(text)) => {
                method = Some(text.to_ascii_uppercase());
            }
            ("custommethod", Token::Text(text) | Token::Word(text)) => method = Some(text),
            ("contenttype", Token::Text(text) | Token::Word(text)) => {
                content_type = Some(text);
            }
            ("headers", Token::Table(table)) => headers = table,
            ("headers", _) => {
                return Err(error(
                    "`-Headers` is an expression: write it as `@{ \"name\"=\"value\" }`",
                ));
            }
            ("websession", _) => has_session = true,
            _ => {}
        }
    }
    let url = url.ok_or_else(|| error("the PowerShell command has no `-Uri`"))?;
    let mut question = Question::of_url(&url)?;
    question.source = Source::Request;
    question.method = method.unwrap_or(question.method);
    question.credentials = has_session && session.contains(".Cookies.Add(");
    let is_pseudo = |name: &str| PSEUDO_HEADERS.iter().any(|pseudo| is(name, pseudo));
    let has_pseudo = headers.iter().filter(|(name, _)| is_pseudo(name)).count() > 1;
    let fields = headers
        .into_iter()
        .filter(|(name, _)| !has_pseudo || !is_pseudo(name));
    let content_type = content_type.map(|value| ("Content-Type".to_owned(), value));
    question.take_pasted(fields.chain(content_type));
    Ok(question)
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
}

// === impl Reader ===

impl Reader<'_> {
    /// Reads the next token; `None` at the end of the text.
    fn token(&mut self) -> Result<Option<Token>, QuestionError> {
        loop {
            match self.chars.peek() {
                None => return Ok(None),
                // A backtick at the end of a line continues it; lines may also have lost theirs.
                Some('`' | ';' | '|' | ')' | '}') => drop(self.chars.next()),
                Some(c) if c.is_whitespace() => drop(self.chars.next()),
                Some(_) => break,
            }
        }
        let token = match self.chars.peek() {
            Some('"' | '\'') => Token::Text(self.text()?),
            Some('(') => {
                self.brackets()?;
                Token::Other
            }
            Some('@') => {
                self.chars.next();
                match self.chars.next_if_eq(&'{') {
                    Some(_) => Token::Table(self.table()?),
                    None => Token::Other,
                }
            }
            _ => {
                let mut word = String::new();
                let is_end = |c: &char| {
                    c.is_whitespace()
                        || matches!(c, ';' | '|' | '"' | '\'' | '(' | ')' | '{' | '}' | '`')
                };
                while let Some(c) = self.chars.next_if(|c| !is_end(c)) {
                    word.push(c);
                    // `-Name:value` is two tokens.
                    if c == ':' && word.starts_with('-') {
                        break;
                    }
                }
                if word.is_empty() {
                    self.chars.next();
                }
                Token::Word(word)
            }
        };
        Ok(Some(token))
    }

    /// Reads the rest of a table.
    fn table(&mut self) -> Result<Vec<(String, String)>, QuestionError> {
        let mut entries = Vec::new();
        loop {
            match self.chars.peek() {
                None => return Err(unclosed()),
                Some('}') => {
                    self.chars.next();
                    return Ok(entries);
                }
                Some(c) if c.is_whitespace() || *c == ';' => drop(self.chars.next()),
                Some(_) => {
                    let name = self.part()?;
                    self.blanks();
                    if self.chars.next_if_eq(&'=').is_none() {
                        return Err(unreadable());
                    }
                    self.blanks();
                    entries.push((name, self.part()?));
                }
            }
        }
    }

    fn blanks(&mut self) {
        while self.chars.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
    }

    /// Reads a name or a value of a table. An expression is some value.
    fn part(&mut self) -> Result<String, QuestionError> {
        match self.chars.peek() {
            Some('"' | '\'') => self.text(),
            Some('(') => self.brackets().map(|()| String::new()),
            _ => {
                let mut word = String::new();
                let is_end = |c: &char| c.is_whitespace() || matches!(c, '=' | ';' | '}');
                while let Some(c) = self.chars.next_if(|c| !is_end(c)) {
                    word.push(c);
                }
                match word.is_empty() {
                    true => Err(unreadable()),
                    false => Ok(word),
                }
            }
        }
    }

    /// Reads a string: a quote in it is written twice; between double quotes, a backtick escapes.
    fn text(&mut self) -> Result<String, QuestionError> {
        let quote = self.chars.next().ok_or_else(unclosed)?;
        let mut text = String::new();
        loop {
            match self.chars.next().ok_or_else(unclosed)? {
                c if c == quote => match self.chars.next_if_eq(&quote) {
                    Some(c) => text.push(c),
                    None => return Ok(text),
                },
                '`' if quote == '"' => text.push(match self.chars.next().ok_or_else(unclosed)? {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    '0' => '\0',
                    c => c,
                }),
                c => text.push(c),
            }
        }
    }

    /// Skips an expression in brackets.
    fn brackets(&mut self) -> Result<(), QuestionError> {
        let mut open = 0_usize;
        loop {
            match self.chars.peek().copied().ok_or_else(unclosed)? {
                '"' | '\'' => drop(self.text()?),
                c => {
                    self.chars.next();
                    match c {
                        '(' => open += 1,
                        ')' => open -= 1,
                        _ => {}
                    }
                    if open == 0 {
                        return Ok(());
                    }
                }
            }
        }
    }
}

fn unclosed() -> QuestionError {
    error("the PowerShell command does not end: paste all of it")
}

fn unreadable() -> QuestionError {
    error("the headers of the PowerShell command can't be read: paste it as a browser copies it")
}
