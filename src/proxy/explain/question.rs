//! What is asked about: a request, as flags, as a pasted `curl` command, or as it is on the wire.

use http::Uri;
use std::fmt;

/// A request to explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub method: String,
    /// `http` or `https`.
    pub scheme: String,
    /// The host, with its port where one is written.
    pub authority: String,
    /// The path and the query.
    pub target: String,
    /// All fields but Host, Origin among them.
    pub headers: Vec<(String, String)>,
    /// Whether the browser sends credentials along.
    pub credentials: bool,
}

/// What flags and queries say; each of them replaces what a pasted request has.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    pub url: Option<String>,
    pub origin: Option<String>,
    pub method: Option<String>,
    /// `name: value`, or a name alone.
    pub headers: Vec<String>,
    pub credentials: bool,
}

/// Why there is nothing to explain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QuestionError(String);

/// What a browser puts into a request of its own accord, after it has asked for permission: a pasted
/// request has it, and its script did not set it.
const OF_THE_BROWSER: [&str; 5] = ["user-agent", "pragma", "cache-control", "priority", "te"];

// === impl Flags ===

impl Flags {
    /// The flags in a query, which are named as on the command line; `format` is left to others.
    pub fn of_query(query: &str) -> Result<Self, QuestionError> {
        let mut flags = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match &*key {
                "url" => flags.url = Some(value),
                "origin" => flags.origin = Some(value),
                "method" => flags.method = Some(value),
                "header" => flags.headers.push(value),
                "credentials" => flags.credentials = value != "false",
                "format" => {}
                other => {
                    return Err(error(format!(
                        "`{}` is unknown: there are url, origin, method, header, credentials and format",
                        other.escape_default()
                    )));
                }
            }
        }
        Ok(flags)
    }
}

// === impl Question ===

impl Question {
    /// The request that the flags speak of.
    pub fn of_flags(flags: Flags) -> Result<Self, QuestionError> {
        let Some(url) = &flags.url else {
            return Err(error(
                "there is no URL: give `--url`, or paste a `curl` command or a raw request",
            ));
        };
        Self::of_url(url)?.with(Flags { url: None, ..flags })
    }

    /// The request in a pasted text, as the flags change it.
    pub fn of_text(text: &str, flags: Flags) -> Result<Self, QuestionError> {
        let text = text.trim_start_matches(['\u{feff}', '\r', '\n', ' ', '\t', '$']);
        let question = match text.split_whitespace().next() {
            None => return Self::of_flags(flags),
            Some(word) if word.ends_with("curl") || word.ends_with("curl.exe") => of_curl(text)?,
            Some(_) => of_raw(text)?,
        };
        question.with(flags)
    }

    fn of_url(url: &str) -> Result<Self, QuestionError> {
        // As curl and browsers' address bars do it.
        let url = match url.contains("://") {
            true => url.to_owned(),
            false => format!("http://{url}"),
        };
        let url = url.split('#').next().unwrap_or_default();
        let wrong = |why: &dyn fmt::Display| error(format!("`{url}` is not a URL: {why}"));
        let uri: Uri = url.parse().map_err(|why| wrong(&why))?;
        let scheme = match uri.scheme_str() {
            Some(scheme @ ("http" | "https")) => scheme.to_owned(),
            _ => return Err(wrong(&"its scheme is neither http nor https")),
        };
        let authority = uri.authority().map(|authority| authority.as_str());
        let authority = match authority {
            None | Some("") => return Err(wrong(&"the host is missing")),
            Some(authority) if authority.contains('@') => {
                return Err(wrong(&"leave the user name out"));
            }
            Some(authority) => authority.to_ascii_lowercase(),
        };
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
        })
    }

    fn with(mut self, flags: Flags) -> Result<Self, QuestionError> {
        let Flags {
            url,
            origin,
            method,
            headers,
            credentials,
        } = flags;
        if let Some(url) = url {
            let Self {
                scheme,
                authority,
                target,
                ..
            } = Self::of_url(&url)?;
            self = Self {
                scheme,
                authority,
                target,
                ..self
            };
        }
        if let Some(method) = method {
            self.method = method;
        }
        if let Some(origin) = origin {
            self.headers.retain(|(name, _)| !is(name, "origin"));
            self.headers.push(("Origin".to_owned(), origin));
        }
        for header in headers {
            let header = match header.split_once(':') {
                Some((name, value)) => (name.trim().to_owned(), value.trim().to_owned()),
                None => (header.trim().to_owned(), String::new()),
            };
            self.take(header);
        }
        self.credentials |= credentials;
        Ok(self)
    }

    /// Takes a field of the request.
    fn take(&mut self, (name, value): (String, String)) {
        if is(&name, "host") {
            self.authority = value.to_ascii_lowercase();
        } else {
            self.credentials |= is(&name, "cookie");
            self.headers.push((name, value));
        }
    }

    /// The values of a field, in their order.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self
            .headers
            .iter()
            .filter(move |(known, _)| is(known, name));
        lines.map(|(_, value)| value.as_str())
    }
}

impl QuestionError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

fn is(name: &str, known: &str) -> bool {
    name.eq_ignore_ascii_case(known)
}

fn error(message: impl Into<String>) -> QuestionError {
    QuestionError::new(message)
}

/// `GET /path HTTP/1.1` and fields, as on the wire; line ends may be bare.
fn of_raw(text: &str) -> Result<Question, QuestionError> {
    let mut lines = text.lines();
    let line = lines.next().unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().collect();
    let (method, target) = match words.as_slice() {
        [method, target] => (*method, *target),
        [method, target, version] if version.starts_with("HTTP/") => (*method, *target),
        _ => {
            return Err(error(format!(
                "`{}` is neither a `curl` command nor a request line such as `GET /v1 HTTP/1.1`",
                line.escape_default()
            )));
        }
    };
    let mut fields = Vec::new();
    for line in lines.take_while(|line| !line.trim().is_empty()) {
        // HTTP/2 as browsers' tools show it has `:authority: …` lines.
        let colon = line.get(1..).and_then(|rest| rest.find(':'));
        let Some(colon) = colon else {
            let line = line.escape_default();
            return Err(error(format!("`{line}` is no field: it has no colon")));
        };
        let (name, value) = (line[..=colon].trim(), line[colon + 2..].trim());
        fields.push((name.to_owned(), value.to_owned()));
    }
    let pseudo = |name: &str| {
        let mut fields = fields.iter();
        fields
            .find(|(known, _)| is(known, name))
            .map(|(_, value)| value.clone())
    };
    let host = pseudo("host").or_else(|| pseudo(":authority"));
    let scheme = pseudo(":scheme").unwrap_or_else(|| "http".to_owned());
    let url = match target.contains("://") {
        true => target.to_owned(),
        false => {
            let host = host.ok_or_else(|| error("the request has no Host field"))?;
            // `*` is about the server, and no part of a URL.
            format!("{scheme}://{host}{}", target.trim_start_matches('*'))
        }
    };
    let mut question = Question::of_url(&url)?;
    if target == "*" {
        target.clone_into(&mut question.target);
    }
    method.clone_into(&mut question.method);
    fields.retain(|(name, _)| !name.starts_with(':') && !is_of_the_browser(name));
    for field in fields {
        question.take(field);
    }
    Ok(question)
}

fn is_of_the_browser(name: &str) -> bool {
    OF_THE_BROWSER.iter().any(|known| is(name, known))
}

/// curl's options that have a value and that change nothing here.
const OPTIONS_WITH_VALUE: [&str; 26] = [
    "-o",
    "--output",
    "-w",
    "--write-out",
    "-m",
    "--max-time",
    "--connect-timeout",
    "--resolve",
    "--connect-to",
    "-x",
    "--proxy",
    "-c",
    "--cookie-jar",
    "--cacert",
    "--cert",
    "-E",
    "--key",
    "-K",
    "--config",
    "-r",
    "--range",
    "--retry",
    "--limit-rate",
    "--interface",
    "-U",
    "--proxy-user",
];

fn of_curl(text: &str) -> Result<Question, QuestionError> {
    // Browsers write `$'…'` where a value has escapes; no field that matters here has any.
    let text = text.replace("\\\r\n", " ").replace("$'", "'");
    let words = shlex::split(&text).ok_or_else(|| {
        error("the `curl` command has a quote that is not closed: paste all of it")
    })?;
    let mut words = words.into_iter().skip(1).flat_map(separated);
    let mut value_of = |option: &str| {
        let missing = || error(format!("curl's option `{option}` has no value"));
        words.next().ok_or_else(missing)
    };
    let (mut url, mut method, mut data, mut is_get) = (None, None, None, false);
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut credentials = false;
    while let Ok(word) = value_of("") {
        let word = word.as_str();
        match word {
            "-X" | "--request" => method = Some(value_of(word)?),
            "-H" | "--header" => {
                let line = value_of(word)?;
                // `Name:` takes a field away, `Name;` sends it empty.
                let field = line.split_once([':', ';']);
                if let Some((name, value)) =
                    field.filter(|(_, v)| !v.is_empty() || line.ends_with(';'))
                {
                    fields.push((name.trim().to_owned(), value.trim().to_owned()));
                }
            }
            "-d" | "--data" | "--data-raw" | "--data-binary" | "--data-ascii"
            | "--data-urlencode" => {
                data = Some("application/x-www-form-urlencoded");
                value_of(word)?;
            }
            "-F" | "--form" | "--form-string" => {
                data = Some("multipart/form-data");
                value_of(word)?;
            }
            "--json" => {
                data = Some("application/json");
                value_of(word)?;
            }
            "-T" | "--upload-file" => {
                value_of(word)?;
                method.get_or_insert_with(|| "PUT".to_owned());
            }
            "-b" | "--cookie" => {
                value_of(word)?;
                credentials = true;
            }
            "-u" | "--user" | "--oauth2-bearer" => {
                value_of(word)?;
                fields.push(("Authorization".to_owned(), "…".to_owned()));
            }
            "-e" | "--referer" | "-A" | "--user-agent" => {
                value_of(word)?;
            }
            "-I" | "--head" => method = method.or(Some("HEAD".to_owned())),
            "-G" | "--get" => is_get = true,
            "--url" => url = Some(value_of(word)?),
            _ if OPTIONS_WITH_VALUE.contains(&word) => {
                value_of(word)?;
            }
            _ if word.starts_with('-') => {}
            _ => url = url.or(Some(word.to_owned())),
        }
    }
    let url = url.ok_or_else(|| error("the `curl` command has no URL"))?;
    let mut question = Question::of_url(&url)?;
    let has_type = fields.iter().any(|(name, _)| is(name, "content-type"));
    if let Some(content_type) = data.filter(|_| !is_get) {
        method.get_or_insert_with(|| "POST".to_owned());
        if !has_type {
            fields.push(("Content-Type".to_owned(), content_type.to_owned()));
        }
    }
    question.method = method.unwrap_or(question.method);
    question.credentials = credentials;
    fields.retain(|(name, _)| !is_of_the_browser(name));
    for field in fields {
        question.take(field);
    }
    Ok(question)
}

/// `-XPOST` and `-sH 'a: b'` as curl takes them apart.
fn separated(word: String) -> Vec<String> {
    const WITH_VALUE: &str = "XHdFTbueAomwxcEKrU";
    let is_short = word.starts_with('-') && !word.starts_with("--") && word.is_ascii();
    if !is_short || word.len() <= 2 {
        return vec![word];
    }
    let mut words = Vec::new();
    for (at, option) in word.char_indices().skip(1) {
        words.push(format!("-{option}"));
        if WITH_VALUE.contains(option) {
            let value = &word[at + 1..];
            words.extend((!value.is_empty()).then(|| value.to_owned()));
            break;
        }
    }
    words
}

#[cfg(test)]
mod tests;
