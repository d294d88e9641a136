//! The request to explain: from flags, or from a pasted text: a command, a call of `fetch()`, a raw request, or
//! a message of a browser's console.
//!
//! *Invariant:* a request has one source, a URL among the flags or a pasted text. Nothing is guessed: a
//! word that could mean two things is an error.

pub(super) mod browser_headers;
mod curl;
mod fetch;
mod flags;
mod message;
mod powershell;
mod raw_request;
mod shell;

pub use flags::{Flags, Format};
pub(super) use message::About;
pub use message::Message;

use crate::cors::invalid_port;
use browser_headers::{is, is_of_the_browser, is_secret, shown};
use curl::of_curl;
use fetch::{is_fetch, of_fetch};
use http::Uri;
use message::of_message;
use powershell::{is_powershell, of_powershell};
use raw_request::of_raw;
use std::fmt;

/// Maximum number of header fields of a request to explain; many times as many as a gateway takes.
const MAX_FIELDS: usize = 1_000;

/// A request to explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub method: String,
    /// `http`, `https`, `ws` or `wss`.
    pub scheme: String,
    /// The host, with its port where one is written.
    pub authority: String,
    /// The path and the query.
    pub target: String,
    /// All fields except Host, with their real values, secrets included; reports use `shown_headers`.
    /// A pasted request's fields are without those that its browser set.
    pub headers: Vec<(String, String)>,
    /// Whether the browser sends credentials along.
    pub credentials: bool,
    /// The names of response fields that the script reads.
    pub reads: Vec<String>,
    pub source: Source,
}

/// The text that a question is read from, which tells how much of the request is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Flags, which say what the person who asks knows.
    Flags,
    /// A request as it was sent, or the command that sends it.
    Request,
    /// A call of `fetch()`.
    Script,
    /// A message of a browser's console, which says nothing about most headers.
    Message(Message),
}

/// The reason why there is nothing to explain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QuestionError(String);

// === impl Question ===

impl Question {
    /// Reads the request from the flags, or from a pasted text as the flags change it.
    ///
    /// # Errors
    ///
    /// If there is no request, or more than one.
    pub fn of_text(text: &str, flags: Flags) -> Result<Self, QuestionError> {
        let text = text.trim_start_matches(['\u{feff}', '\r', '\n', ' ', '\t', '$']);
        let question = match (text.split_whitespace().next(), &flags.url) {
            (None, None) => {
                return Err(error(
                    "there is no URL: give `--url`, or paste a request as the browser's tools copy it, or a message of \
                     its console",
                ));
            }
            // A message of a console does not always name the URL.
            (Some(_), Some(url)) => match of_message(text, &flags) {
                Some(Err(_)) => of_message(&format!("{url}\n{text}"), &flags).transpose()?,
                Some(Ok(_)) | None => None,
            }
            .ok_or_else(|| {
                error("a URL is given and a request is pasted: leave one of them out")
            })?,
            (None, Some(url)) => Self::of_url(url)?,
            (Some(word), None) if word.contains("://") && word == text.trim() => {
                Self::of_url(word)?
            }
            (Some(word), None) if shell::is_curl(word) => of_curl(text)?,
            (Some(_), None) if is_powershell(text) => of_powershell(text)?,
            (Some(_), None) if is_fetch(text) => of_fetch(text)?,
            (Some(_), None) => match of_message(text, &flags) {
                Some(question) => question?,
                None => of_raw(text)?,
            },
        };
        if question.headers.len() + flags.headers.len() > MAX_FIELDS {
            return Err(error(format!(
                "the request has more than {MAX_FIELDS} header fields"
            )));
        }
        let question = question.with(flags)?;
        question.about_its_message().checked()
    }

    fn of_url(url: &str) -> Result<Self, QuestionError> {
        let url = url.trim();
        // As in curl and in browsers' address bars.
        let url = match url.contains("://") {
            true => url.to_owned(),
            false => format!("http://{url}"),
        };
        let url = url.split('#').next().unwrap_or_default();
        let wrong = |why: &dyn fmt::Display| {
            let shown = without_user(url);
            error(format!("`{}` is not a URL: {why}", shown.escape_debug()))
        };
        let uri: Uri = url.parse().map_err(|why| wrong(&why))?;
        let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
        let scheme = match scheme.as_str() {
            "http" | "https" | "ws" | "wss" => scheme,
            _ => return Err(wrong(&"its scheme is not http, https, ws or wss")),
        };
        let authority = uri.authority().map(|authority| authority.as_str());
        let authority = match authority {
            None | Some("") => return Err(wrong(&"the host is missing")),
            Some(authority) if authority.contains('@') => {
                return Err(wrong(&"leave the user name out"));
            }
            Some(authority) => authority.to_ascii_lowercase(),
        };
        if let Some(port) = invalid_port(&authority) {
            return Err(wrong(&format_args!(
                "the port `{port}` is not a number up to 65535"
            )));
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let target = match target.starts_with('/') {
            true => target.to_owned(),
            false => format!("/{target}"),
        };
        Ok(Self {
            method: "GET".to_owned(),
            scheme,
            authority,
            target,
            headers: Vec::new(),
            credentials: false,
            reads: Vec::new(),
            source: Source::Flags,
        })
    }

    /// Applies the flags.
    fn with(mut self, flags: Flags) -> Result<Self, QuestionError> {
        let Flags {
            url: _,
            origin,
            method,
            headers,
            credentials,
            reads,
        } = flags;
        if let Some(method) = method {
            self.method = method;
        }
        let mut fields: Vec<(String, String)> = Vec::new();
        fields.extend(origin.map(|origin| ("Origin".to_owned(), origin)));
        fields.extend(headers.iter().map(|header| match header.split_once(':') {
            Some((name, value)) => (name.trim().to_owned(), value.trim().to_owned()),
            None => (header.trim().to_owned(), String::new()),
        }));
        // All pasted fields of these names go first, because several flags of one name add up.
        for (name, _) in &fields {
            self.headers.retain(|(pasted, _)| !is(pasted, name));
        }
        for field in fields {
            self.take(field);
        }
        self.credentials |= credentials;
        self.reads.extend(reads);
        if self.reads.len() > MAX_FIELDS {
            return Err(error(format!(
                "the script reads more than {MAX_FIELDS} header fields"
            )));
        }
        Ok(self)
    }

    /// Adds a field of the request.
    fn take(&mut self, (name, value): (String, String)) {
        if is(&name, "host") {
            self.authority = value.to_ascii_lowercase();
        } else {
            self.credentials |= is(&name, "cookie");
            self.headers.push((name, value));
        }
    }

    /// Adds the fields of a pasted request, except those that the browser set itself: no script did,
    /// and notes about them would help no reader.
    fn take_pasted(&mut self, fields: impl Iterator<Item = (String, String)>) {
        for (name, value) in fields {
            self.credentials |= is(&name, "cookie");
            if is(&name, "host") || !is_of_the_browser(&name) {
                self.take((name, value));
            }
        }
    }

    /// Refuses a secret that cannot be sent, without quoting it: a later error would quote it.
    fn checked(self) -> Result<Self, QuestionError> {
        let can_be_sent = |c: char| matches!(c, '\t' | '\u{20}'..='\u{7e}' | '\u{80}'..='\u{ff}');
        let is_wrong =
            |(name, value): &&(String, String)| is_secret(name) && !value.chars().all(can_be_sent);
        match self.headers.iter().find(is_wrong) {
            Some((name, _)) => Err(error(format!(
                "the value of `{}` has a character that a field value can't have",
                name.escape_default()
            ))),
            None => Ok(self),
        }
    }

    /// Whether its URL is one of TLS.
    pub(super) fn speaks_tls(&self) -> bool {
        matches!(self.scheme.as_str(), "https" | "wss")
    }

    /// Whether the request opens a WebSocket.
    pub(super) fn is_websocket(&self) -> bool {
        let mut upgrades = self.values("upgrade");
        matches!(self.scheme.as_str(), "ws" | "wss") || upgrades.any(|value| is(value, "websocket"))
    }

    /// Returns the values of a field, in order.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self
            .headers
            .iter()
            .filter(move |(known, _)| is(known, name));
        lines.map(|(_, value)| value.as_str())
    }

    /// Returns the fields as a report may show them: secrets are replaced by `…`.
    pub(super) fn shown_headers(&self) -> impl Iterator<Item = (String, String)> {
        let fields = self.headers.iter();
        fields.map(|(name, value)| (name.clone(), shown(name, value).to_owned()))
    }
}

impl QuestionError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

fn error(message: impl Into<String>) -> QuestionError {
    QuestionError::new(message)
}

/// Returns a URL without its user name and password.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://\u{2026}@{host}{target}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
