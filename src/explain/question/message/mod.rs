//! A message of a browser's console: the URL, the origin and the cause that it names.
//!
//! Nothing else in the text is understood. A message says less than the request does: seldom its method,
//! never all its headers.

mod shapes;

use super::{Flags, Question, QuestionError, Source, error};
use crate::cors::browser::ScriptRequest;
use crate::cors::{host_and_port, origin_of};
use shapes::{FRAMES, REASONS, STARTS};
use std::collections::HashMap;

/// A message that a browser printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub(in crate::explain) about: About,
    /// The meaning, in words.
    pub(in crate::explain) meaning: String,
    /// The URL behind a redirect.
    pub(in crate::explain) redirected: Option<String>,
    /// The status of the response or of the answer to the preflight.
    pub(in crate::explain) status: Option<u16>,
    /// Whether the text goes on with another message.
    pub(in crate::explain) is_one_of_several: bool,
}

/// The part of an exchange that a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::explain) enum About {
    /// The answer to the preflight, and no method or header in particular.
    Preflight,
    PreflightRedirect,
    Method,
    Header,
    Response,
    Credentials,
    /// A response header that is not exposed.
    Exposed,
    Redirect,
    /// The network that the server is in.
    Network,
    WebSocket,
    /// Something that no CORS header changes.
    Other,
}

/// Maximum bytes of a pasted console; a longer text is not searched for a message.
const MAX_MESSAGE: usize = 64 << 10;

/// The parts of a message by their names in a shape.
type Parts<'t> = HashMap<&'static str, &'t str>;

/// Reads a message of a console; `None` if the text is not one.
pub(super) fn of_message(text: &str, flags: &Flags) -> Option<Result<Question, QuestionError>> {
    if text.len() > MAX_MESSAGE {
        return None;
    }
    let plain = plain(text);
    let (plain, is_one_of_several) = first_message(&plain);
    let mut reasons = REASONS.iter();
    let (parts, about, meaning) = reasons
        .find_map(|(shape, about, meaning)| Some((parts(shape, plain)?, *about, *meaning)))?;
    let mut all: Parts<'_> = parts;
    for frame in FRAMES {
        for (name, part) in self::parts(frame, plain).unwrap_or_default() {
            all.entry(name).or_insert(part);
        }
    }
    let (method, line_url) = failed_load(plain).unzip();
    let url = all
        .get("url")
        .copied()
        .or(line_url)
        .or_else(|| url_alone(text));
    let meaning = filled(meaning, &all);
    if about == About::Other && !url.is_some_and(is_of_web) {
        return Some(Err(error(format!("the browser's message: {meaning}"))));
    }
    Some(question(&all, url, method, flags).map(|question| Question {
        source: Source::Message(Message {
            about,
            meaning,
            redirected: all.get("redirected").map(|url| (*url).to_owned()),
            status: status(plain),
            is_one_of_several,
        }),
        credentials: about == About::Credentials,
        ..question
    }))
}

/// Makes the question that the parts of a message amount to.
fn question(
    parts: &Parts<'_>,
    url: Option<&str>,
    method: Option<&str>,
    flags: &Flags,
) -> Result<Question, QuestionError> {
    let url = url.ok_or_else(|| {
        error(
            "the message does not name the URL: paste the lines around it too, such as `Fetch API cannot load …`, \
             or write the URL on a line of its own",
        )
    })?;
    let mut question = Question::of_url(url.trim_matches('\''))?;
    let page = parts.get("page").and_then(|page| origin_of_url(page));
    let origin = parts
        .get("origin")
        .map(|origin| (*origin).to_owned())
        .or(page);
    let is_told = flags.origin.is_some() || question.is_websocket();
    match origin {
        Some(origin) => question.headers.push(("Origin".to_owned(), origin)),
        None if is_told => {}
        None => {
            return Err(error(
                "the message does not name the page's origin: give it as `--origin`, or `origin=` at /explain",
            ));
        }
    }
    if let Some(method) = parts.get("method").copied().or(method) {
        method.clone_into(&mut question.method);
    }
    if let Some(header) = parts.get("header") {
        question
            .headers
            .push(((*header).to_owned(), UNSAFE_VALUE.to_owned()));
    }
    question
        .reads
        .extend(parts.get("exposed").map(|name| (*name).to_owned()));
    Ok(question)
}

/// Stands for the value of a header that a message names. It is not safelisted, whatever the header: a browser
/// asks for permission for no other.
const UNSAFE_VALUE: &str = "\"";

/// Returns the origin of a page's URL.
pub(super) fn origin_of_url(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, _) = host_and_port(authority);
    (!host.is_empty()).then(|| origin_of(scheme, &authority.to_ascii_lowercase()))
}

/// Joins the lines of a text, with one space for all white space, and plain quotes.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .join(" ")
        .replace(['\u{2018}', '\u{2019}'], "'")
        .replace(['\u{201c}', '\u{201d}'], "\"")
}

/// Returns the first message of a text, and whether there is another one behind it.
fn first_message(text: &str) -> (&str, bool) {
    let second = |start: &&str| text.match_indices(*start).nth(1);
    match STARTS.iter().filter_map(second).min() {
        Some((at, _)) => (&text[..at], true),
        None => (text, false),
    }
}

/// Maximum number of places at which a shape is tried; beyond it, a text is not searched further.
const MAX_TRIES: usize = 100;

/// Finds `shape` in `text`, and returns the parts that its `{name}`s stand for. No part has white space in it,
/// but a `{value}`.
fn parts<'t>(shape: &'static str, text: &'t str) -> Option<Parts<'t>> {
    let (first, rest) = shape.split_at(shape.find('{').unwrap_or(shape.len()));
    let tries = text.match_indices(first).take(MAX_TRIES);
    tries
        .map(|(at, _)| &text[at + first.len()..])
        .find_map(|text| parts_from(rest, text))
}

/// Does the same for a shape that begins with a part, and a text that begins there.
fn parts_from<'t>(shape: &'static str, mut text: &'t str) -> Option<Parts<'t>> {
    let mut parts = Parts::new();
    for piece in shape.split('{').skip(1) {
        let (name, literal) = piece.split_once('}')?;
        let part = match literal {
            // The last part of a shape ends with its word, without the full stop and the quote behind it.
            "" => text.split(' ').next()?.trim_end_matches(['.', ',', '"']),
            _ => &text[..text.find(literal)?],
        };
        let is_right = match name {
            "value" => true,
            "url" | "redirected" => part.contains("://") && !part.contains(' '),
            _ => !part.is_empty() && !part.contains(' '),
        };
        if !is_right {
            return None;
        }
        parts.insert(name, part);
        text = &text[part.len() + literal.len()..];
    }
    Some(parts)
}

/// Finds the line that Chrome prints for a request that failed: `PUT https://h/ net::ERR_FAILED`.
fn failed_load(text: &str) -> Option<(&str, &str)> {
    let before = &text[..text.find(" net::ERR_")?];
    let (before, url) = before.rsplit_once(' ')?;
    let method = before.rsplit(' ').next()?;
    let is_method = !method.is_empty() && method.chars().all(|c| c.is_ascii_uppercase());
    (is_method && url.contains("://")).then_some((method, url))
}

/// Finds the status that a message names, or Chrome's line for the request that failed.
fn status(text: &str) -> Option<u16> {
    let starts = ["Status code: ", "HTTP status code ", "net::ERR_FAILED "];
    starts.iter().find_map(|start| {
        let (_, behind) = text.split_once(start)?;
        behind.get(..3)?.parse().ok()
    })
}

/// Finds a URL that stands on a line of its own.
fn url_alone(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| is_of_web(line) && !line.contains(char::is_whitespace))
}

/// Whether a URL is one of http, https or a WebSocket.
fn is_of_web(url: &str) -> bool {
    let schemes = ["http://", "https://", "ws://", "wss://"];
    schemes.iter().any(|start| url.starts_with(start))
}

/// Writes the parts of a message into its meaning. A part is written as it is, whatever braces it has: it
/// could make the text as long as it likes otherwise.
fn filled(meaning: &str, parts: &Parts<'_>) -> String {
    let mut filled = String::with_capacity(meaning.len());
    let mut rest = meaning;
    while let Some((before, behind)) = rest.split_once('{') {
        filled.push_str(before);
        let known = behind
            .split_once('}')
            .and_then(|(name, behind)| Some((parts.get(name)?, behind)));
        match known {
            Some((part, behind)) => {
                filled.push_str(part);
                rest = behind;
            }
            None => {
                filled.push('{');
                rest = behind;
            }
        }
    }
    filled + rest
}

// === impl Question ===

impl Question {
    /// Asks for the preflight alone, if a message is about one and names nothing that would cause it.
    pub(super) fn about_its_message(mut self) -> Self {
        let Source::Message(message) = &self.source else {
            return self;
        };
        let origin = self.values("origin").next().unwrap_or_default().to_owned();
        let causes_preflight = !ScriptRequest {
            method: &self.method,
            origin: &origin,
            headers: &self.headers,
            credentials: self.credentials,
        }
        .preflight_causes()
        .is_empty();
        if message.about == About::Preflight && !causes_preflight {
            let method = std::mem::replace(&mut self.method, "OPTIONS".to_owned());
            let field = ("Access-Control-Request-Method".to_owned(), method);
            self.headers.push(field);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_written_as_it_is() {
        let parts: Parts<'_> = [("value", "{origin}{origin}"), ("origin", "{value}")].into();
        let text = filled("`{value}` is not `{origin}`, {nothing} {", &parts);
        assert_eq!(text, "`{origin}{origin}` is not `{value}`, {nothing} {");
    }
}
