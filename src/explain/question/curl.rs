//! A `curl` command, as browsers copy it and people write it.

use super::browser_headers::is;
use super::shell::words;
use super::{Question, QuestionError, Source, error};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// curl's one-letter options that take a value.
const SHORT_WITH_VALUE: &str = "AbcCdDeEFhHKmoPQrtTuUwxXyYz";

/// curl's long options that take a value; `--expand-NAME` is `--NAME`.
const LONG_WITH_VALUE: &str = "\
    abstract-unix-socket alt-svc aws-sigv4 cacert capath cert cert-type ciphers config \
    connect-timeout connect-to continue-at cookie cookie-jar create-file-mode crlfile curves data \
    data-ascii data-binary data-raw data-urlencode delegation dns-interface dns-ipv4-addr \
    dns-ipv6-addr dns-servers doh-url dump-header ech egd-file engine etag-compare etag-save \
    expect100-timeout form form-string ftp-account ftp-alternative-to-user ftp-method ftp-port \
    ftp-ssl-ccc-mode happy-eyeballs-timeout-ms haproxy-clientip header help hostpubmd5 \
    hostpubsha256 hsts interface ip-tos ipfs-gateway json keepalive-cnt keepalive-time key \
    key-type knownhosts krb libcurl limit-rate local-port login-options mail-auth mail-from mail-rcpt \
    max-filesize max-redirs max-time netrc-file noproxy oauth2-bearer output output-dir \
    parallel-max parallel-max-host pass pinnedpubkey preproxy proto proto-default proto-redir proxy \
    proxy-cacert proxy-capath proxy-cert proxy-cert-type proxy-ciphers proxy-crlfile proxy-header \
    proxy-key proxy-key-type proxy-pass proxy-pinnedpubkey proxy-service-name proxy-tls13-ciphers \
    proxy-tlsauthtype proxy-tlspassword proxy-tlsuser proxy-user proxy1.0 pubkey quote random-file \
    range rate referer request request-target resolve retry retry-delay retry-max-time sasl-authzid \
    service-name sigalgs socks4 socks4a socks5 socks5-gssapi-service socks5-hostname speed-limit \
    speed-time ssl-sessions stderr telnet-option tftp-blksize time-cond tls-max tls13-ciphers tlsauthtype \
    tlspassword tlsuser trace trace-ascii trace-config unix-socket upload-file upload-flags url \
    url-query user user-agent variable vlan-priority write-out";

/// curl's long options that take no value, and begin like one that does or decide something: a whole name is never a
/// short form of another.
const LONG_WITHOUT_VALUE: &str = "\
    compressed compressed-ssh create-dirs crlf disable fail fail-early fail-with-body form-escape get \
    head ftp-ssl-ccc http0.9 http1.0 http1.1 http2 http3 include insecure ipv4 ipv6 location \
    location-trusted netrc next parallel path-as-is post301 post302 post303 raw remote-name remote-time \
    show-error silent ssl ssl-reqd sslv2 sslv3 tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 tr-encoding \
    trace-ids trace-time use-ascii verbose version";

/// The parts of a command that describe its request.
#[derive(Default)]
struct Command {
    urls: Vec<String>,
    request: Option<String>,
    is_head: bool,
    is_get: bool,
    is_upload: bool,
    /// The content type that curl gives to the data.
    data: Option<&'static str>,
    fields: Vec<(String, String)>,
    /// Names of headers that curl is told to leave out.
    removed: Vec<String>,
    authorization: Option<String>,
    target: Option<String>,
    has_cookies: bool,
}

pub(super) fn of_curl(text: &str) -> Result<Question, QuestionError> {
    let mut words = words(text)?.into_iter().skip(1);
    let mut command = Command::default();
    let mut are_options = true;
    while let Some(word) = words.next() {
        if word == "--" && are_options {
            are_options = false;
        } else if !are_options || !word.starts_with('-') {
            command.urls.push(word);
        } else {
            for (option, attached) in separated(&word)? {
                if !has_value(&option) {
                    command.switch(&option)?;
                    continue;
                }
                let missing = || error(format!("curl's option `{option}` has no value"));
                let value = attached.or_else(|| words.next()).ok_or_else(missing)?;
                command.option(&option, value)?;
            }
        }
    }
    command.question()
}

// === impl Command ===

impl Command {
    fn switch(&mut self, option: &str) -> Result<(), QuestionError> {
        match option {
            "-I" | "--head" => self.is_head = true,
            "-G" | "--get" => self.is_get = true,
            "-:" | "--next" => {
                return Err(error(format!(
                    "curl's option `{option}` begins a second request: paste one"
                )));
            }
            _ => {}
        }
        Ok(())
    }

    fn option(&mut self, option: &str, value: String) -> Result<(), QuestionError> {
        match option {
            "-X" | "--request" => self.request = Some(value),
            "-H" | "--header" => self.header(&value)?,
            "-d" | "--data" | "--data-raw" | "--data-binary" | "--data-ascii"
            | "--data-urlencode" => self.data = Some("application/x-www-form-urlencoded"),
            "-F" | "--form" | "--form-string" => self.data = Some("multipart/form-data"),
            "--json" => self.data = Some("application/json"),
            "-T" | "--upload-file" => self.is_upload = true,
            "-b" | "--cookie" => self.has_cookies = true,
            "-u" | "--user" => {
                let separator = if value.contains(':') { "" } else { ":" };
                let encoded = BASE64_STANDARD.encode(format!("{value}{separator}"));
                self.authorization = Some(format!("Basic {encoded}"));
            }
            "--oauth2-bearer" => self.authorization = Some(format!("Bearer {value}")),
            "-r" | "--range" => {
                let field = ("Range".to_owned(), format!("bytes={value}"));
                self.fields.push(field);
            }
            "--request-target" => self.target = Some(value),
            "--url" => self.urls.push(value),
            _ => {}
        }
        Ok(())
    }

    /// Reads a `-H` value: `Name: value`; `Name:` removes a field, `Name;` sends it empty.
    fn header(&mut self, line: &str) -> Result<(), QuestionError> {
        if line.starts_with('@') {
            return Err(error(format!(
                "`{}` has headers in a file: write them into the command",
                line.escape_default()
            )));
        }
        match line.split_once(':') {
            Some((name, value)) if value.trim().is_empty() => {
                self.removed.push(name.trim().to_owned());
            }
            Some((name, value)) => {
                let field = (name.trim().to_owned(), value.trim().to_owned());
                self.fields.push(field);
            }
            None => {
                if let Some(name) = line.trim_end().strip_suffix(';') {
                    self.fields.push((name.trim().to_owned(), String::new()));
                }
            }
        }
        Ok(())
    }

    fn question(mut self) -> Result<Question, QuestionError> {
        let mut question = match self.urls.as_slice() {
            [] => return Err(error("the `curl` command has no URL")),
            [url] => Question::of_url(url)?,
            [first, second, ..] => {
                return Err(error(format!(
                    "`{}` can't be the URL beside `{}`: paste one command with one URL, and values with \
                     spaces in quotes",
                    second.escape_default(),
                    first.escape_default()
                )));
            }
        };
        let data = self.data.filter(|_| !self.is_get);
        let method = match (self.request.take(), data) {
            (Some(method), _) => method,
            (None, _) if self.is_head => "HEAD".to_owned(),
            (None, _) if self.is_upload => "PUT".to_owned(),
            (None, Some(_)) => "POST".to_owned(),
            (None, None) => question.method,
        };
        question.method = method;
        question.target = self.target.take().unwrap_or(question.target);
        question.credentials = self.has_cookies;
        question.source = Source::Request;
        self.default_field("Authorization", self.authorization.clone());
        self.default_field("Content-Type", data.map(str::to_owned));
        question.take_pasted(self.fields.into_iter());
        Ok(question)
    }

    /// Adds the headers that curl adds, unless the command says otherwise.
    fn default_field(&mut self, name: &str, value: Option<String>) {
        let mut told = self.fields.iter().map(|(name, _)| name);
        let is_told = told.any(|known| is(known, name))
            || self.removed.iter().any(|removed| is(removed, name));
        if let Some(value) = value.filter(|_| !is_told) {
            self.fields.push((name.to_owned(), value));
        }
    }
}

fn has_value(option: &str) -> bool {
    match option.strip_prefix("--") {
        Some(name) => LONG_WITH_VALUE.split(' ').any(|known| known == name),
        None => option.chars().any(|c| SHORT_WITH_VALUE.contains(c)),
    }
}

/// Splits one word into its options, the last with its value if that is in the word: `-XPOST` and
/// `-sH'a: b'`, as curl does.
fn separated(word: &str) -> Result<Vec<(String, Option<String>)>, QuestionError> {
    if let Some(name) = word.strip_prefix("--") {
        let name = name.strip_prefix("expand-").unwrap_or(name);
        return Ok(vec![(format!("--{}", whole_name(name)?), None)]);
    }
    let mut options = Vec::new();
    let mut letters = word.chars().skip(1);
    while let Some(letter) = letters.next() {
        let value = match SHORT_WITH_VALUE.contains(letter) {
            true => Some(letters.by_ref().collect::<String>()).filter(|value| !value.is_empty()),
            false => None,
        };
        options.push((format!("-{letter}"), value));
    }
    Ok(options)
}

/// Returns the long option that `name` is, or that it begins: curl takes names that are cut short. Of several
/// it is the one that all others begin with, as in `data` and `data-raw`.
fn whole_name(name: &str) -> Result<&str, QuestionError> {
    let known = || {
        [LONG_WITH_VALUE, LONG_WITHOUT_VALUE]
            .into_iter()
            .flat_map(|list| list.split(' '))
    };
    if known().any(|known| known == name) {
        return Ok(name);
    }
    let begun = || known().filter(|known| known.starts_with(name));
    let Some(shortest) = begun().min_by_key(|known| known.len()) else {
        // An option that this list does not have.
        return Ok(name);
    };
    match begun().all(|known| known.starts_with(shortest)) {
        true => Ok(shortest),
        false => {
            let all: Vec<String> = begun().map(|known| format!("`--{known}`")).collect();
            Err(error(format!(
                "curl's option `--{name}` could be {}: write it out",
                all.join(", ")
            )))
        }
    }
}
