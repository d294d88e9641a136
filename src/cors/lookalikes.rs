//! Origins that look like a trusted one and that an attacker could have. Scanners send them to find
//! servers that compare origins carelessly.
//!
//! The kinds are those of CORScanner, Corsy and James Kettle's "Exploiting CORS misconfigurations".
//! Some probes are not serialized origins: careless servers let them through, and older browsers
//! have sent them.
//!
//! *Invariant:* no probe is the trusted origin itself, and all but those of
//! [`ProbeKind::Subdomain`], [`ProbeKind::Insecure`], [`ProbeKind::Port`], [`ProbeKind::UpperCase`]
//! and [`ProbeKind::TrailingDot`] are outside its registrable domain.

use super::origins::origin::{Origin, TupleOrigin};
use super::policy::UNRELATED_ORIGINS;

/// One origin to send to a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Probe {
    pub kind: ProbeKind,
    /// The value of the Origin field to send; not always a serialized origin.
    pub origin: String,
}

/// The mistake in a server that a [`Probe`] looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProbeKind {
    Reflected,
    Prefix,
    Suffix,
    Truncated,
    UnescapedDot,
    LookAlike,
    Null,
    Insecure,
    Port,
    SpecialCharacter,
    UpperCase,
    TrailingDot,
    UserInfo,
    Backslash,
    Subdomain,
}

/// Separators between a trusted origin and a foreign domain. Browsers differ in which of them they
/// accept in a host.
const SPECIAL: [&str; 25] = [
    "_", "-", "`", "{", "}", "&", "'", "\"", "%60", "%0b", "!", "~", "+", "=", ",", ";", "(", ")",
    "|", "^", "$", "*", ":", "#", "?",
];

/// A domain that can't be registered: RFC 2606.
const FOREIGN: &str = "evil.test";

/// Returns the probes for a server that trusts `trusted`. If that is not a tuple origin, there are
/// only unrelated origins and `null`.
pub fn probes(trusted: &str) -> Vec<Probe> {
    let mut probes = Probes {
        trusted,
        found: Vec::new(),
    };
    for origin in UNRELATED_ORIGINS {
        probes.push(ProbeKind::Reflected, origin.to_owned());
    }
    probes.push(ProbeKind::Null, "null".to_owned());
    if let Ok(Origin::Tuple(origin)) = Origin::parse(trusted.as_bytes()) {
        probes.of(&Parts::new(&origin));
    }
    probes.found
}

/// Returns the part of an origin's host that was registered; every name below it has the same
/// owner. It is the whole host if such names are not registered. `None` for an address, and for
/// anything but a tuple origin.
pub fn registrable_domain(origin: &str) -> Option<&str> {
    match Origin::parse(origin.as_bytes()) {
        Ok(Origin::Tuple(origin)) if !origin.is_ip() => {
            let host = origin.host();
            Some(psl::domain_str(host).unwrap_or(host))
        }
        _ => None,
    }
}

/// The parts of a trusted origin.
struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    /// With its colon; empty if no port is written.
    port: String,
    is_ip: bool,
    /// The registrable domain, or the host if there is none.
    domain: &'a str,
}

struct Probes<'a> {
    trusted: &'a str,
    found: Vec<Probe>,
}

// === impl ProbeKind ===

impl ProbeKind {
    pub const ALL: [Self; 15] = [
        Self::Reflected,
        Self::Prefix,
        Self::Suffix,
        Self::Truncated,
        Self::UnescapedDot,
        Self::LookAlike,
        Self::Null,
        Self::Insecure,
        Self::Port,
        Self::SpecialCharacter,
        Self::UpperCase,
        Self::TrailingDot,
        Self::UserInfo,
        Self::Backslash,
        Self::Subdomain,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reflected => "reflected",
            Self::Prefix => "prefix",
            Self::Suffix => "suffix",
            Self::Truncated => "truncated",
            Self::UnescapedDot => "unescaped_dot",
            Self::LookAlike => "look_alike",
            Self::Null => "null",
            Self::Insecure => "insecure",
            Self::Port => "port",
            Self::SpecialCharacter => "special_character",
            Self::UpperCase => "upper_case",
            Self::TrailingDot => "trailing_dot",
            Self::UserInfo => "user_info",
            Self::Backslash => "backslash",
            Self::Subdomain => "subdomain",
        }
    }

    /// Returns a description in one line.
    pub fn what(self) -> &'static str {
        match self {
            Self::Reflected => "an origin that has nothing to do with the trusted one",
            Self::Prefix => "the trusted origin with a foreign domain behind it",
            Self::Suffix => "another domain that ends like the trusted one",
            Self::Truncated => "another domain that is a part of the trusted one",
            Self::UnescapedDot => "another domain, with a letter where the trusted one has a dot",
            Self::LookAlike => "another domain that looks like the trusted one",
            Self::Null => "the origin of sandboxed frames, which any site can have",
            Self::Insecure => {
                "http where https is trusted: an attacker on the network's path can be it"
            }
            Self::Port => "another port of the trusted host",
            Self::SpecialCharacter => {
                "the trusted origin, a character that parsers stumble over, and a foreign domain"
            }
            Self::UpperCase => "the trusted origin in upper case, which no browser sends",
            Self::TrailingDot => "the trusted host with a final dot, which is another origin",
            Self::UserInfo => "the trusted host as the user name at a foreign domain",
            Self::Backslash => "a backslash, which some parsers take for a slash",
            Self::Subdomain => "a name below the trusted host",
        }
    }
}

// === impl Parts ===

impl<'a> Parts<'a> {
    fn new(origin: &TupleOrigin<'a>) -> Self {
        let host = origin.host();
        let is_ip = origin.is_ip();
        Self {
            scheme: origin.scheme(),
            host,
            port: origin.port().map_or_else(String::new, |p| format!(":{p}")),
            is_ip,
            domain: match is_ip {
                true => host,
                false => psl::domain_str(host).unwrap_or(host),
            },
        }
    }
}

// === impl Probes ===

impl Probes<'_> {
    fn push(&mut self, kind: ProbeKind, origin: String) {
        let is_new = self.found.iter().all(|probe| probe.origin != origin);
        if is_new && origin != self.trusted {
            self.found.push(Probe { kind, origin });
        }
    }

    fn of(&mut self, parts: &Parts<'_>) {
        let Parts {
            scheme,
            host,
            port,
            is_ip,
            domain: _,
        } = parts;
        let trusted = self.trusted.to_owned();
        self.push(
            ProbeKind::Prefix,
            format!("{scheme}://{host}.{FOREIGN}{port}"),
        );
        self.push(ProbeKind::Prefix, format!("{scheme}://{host}.{FOREIGN}"));
        self.push(ProbeKind::Prefix, format!("{trusted}{FOREIGN}"));
        if !is_ip {
            self.domains(parts);
            self.push(
                ProbeKind::Subdomain,
                format!("{scheme}://evil.{host}{port}"),
            );
        }
        if *scheme == "https" {
            self.push(ProbeKind::Insecure, format!("http://{host}{port}"));
        }
        for other in ["", ":8443", ":443", ":0443", ":", ":99999"] {
            self.push(ProbeKind::Port, format!("{scheme}://{host}{other}"));
        }
        self.push(ProbeKind::Port, format!("{scheme}://{host}:443.{FOREIGN}"));
        for special in SPECIAL {
            self.push(
                ProbeKind::SpecialCharacter,
                format!("{trusted}{special}.{FOREIGN}"),
            );
        }
        let upper = host.to_ascii_uppercase();
        self.push(ProbeKind::UpperCase, format!("{scheme}://{upper}{port}"));
        let upper = scheme.to_ascii_uppercase();
        self.push(ProbeKind::UpperCase, format!("{upper}://{host}{port}"));
        let dotted = match host.strip_suffix('.') {
            Some(undotted) => undotted.to_owned(),
            None => format!("{host}."),
        };
        self.push(ProbeKind::TrailingDot, format!("{scheme}://{dotted}{port}"));
        self.push(ProbeKind::UserInfo, format!("{trusted}@{FOREIGN}"));
        self.push(
            ProbeKind::UserInfo,
            format!("{scheme}://{host}:x@{FOREIGN}"),
        );
        self.push(ProbeKind::Backslash, format!("{trusted}\\@{FOREIGN}"));
        self.push(ProbeKind::Backslash, format!("{trusted}\\.{FOREIGN}"));
        self.push(
            ProbeKind::Backslash,
            format!("{scheme}://{FOREIGN}\\.{host}{port}"),
        );
    }

    /// Adds the probes that are derived from the host's names.
    fn domains(&mut self, parts: &Parts<'_>) {
        let Parts {
            scheme,
            host,
            port,
            domain,
            ..
        } = parts;
        let below = host.strip_suffix(domain).unwrap_or_default();
        let mut push = |kind, name: &str| {
            // Another name below the same domain belongs to its owner, not to an attacker.
            let is_foreign = psl::domain_str(name).unwrap_or(name) != *domain;
            if is_foreign && !name.starts_with('.') {
                self.push(kind, format!("{scheme}://{name}{port}"));
            }
        };
        push(ProbeKind::Suffix, &format!("evil{domain}"));
        push(ProbeKind::Suffix, &format!("evil-{domain}"));
        let (label, rest) = domain.split_at(domain.find('.').unwrap_or(domain.len()));
        let mut letters = label.chars();
        if letters.next().is_some() && !letters.as_str().is_empty() {
            push(ProbeKind::Truncated, &format!("{}{rest}", letters.as_str()));
        }
        if rest.len() > 2 {
            push(ProbeKind::Truncated, &host[..host.len() - 1]);
        }
        for (at, _) in host.match_indices('.') {
            let (before, after) = host.split_at(at);
            let name = format!("{before}x{}", &after[1..]);
            push(ProbeKind::UnescapedDot, &name);
        }
        for label in [one_letter_off(label), homograph(label)]
            .into_iter()
            .flatten()
        {
            push(ProbeKind::LookAlike, &format!("{below}{label}{rest}"));
        }
    }
}

/// Changes one letter of the label into one that is easily mistaken for it.
fn one_letter_off(label: &str) -> Option<String> {
    let alike = [('l', '1'), ('o', '0'), ('i', '1'), ('e', '3'), ('s', '5')];
    let changed = alike
        .into_iter()
        .find(|(from, _)| label.contains(*from))
        .map(|(from, to)| label.replacen(from, &to.to_string(), 1));
    // If no letter has a twin, the last one is doubled.
    changed.or_else(|| Some(format!("{label}{}", label.chars().last()?)))
}

/// Replaces one letter of the label by a Cyrillic one that looks the same, in Punycode.
fn homograph(label: &str) -> Option<String> {
    let alike = [
        ('a', '\u{430}'),
        ('e', '\u{435}'),
        ('o', '\u{43e}'),
        ('p', '\u{440}'),
        ('c', '\u{441}'),
        ('x', '\u{445}'),
        ('y', '\u{443}'),
    ];
    let (at, twin) = label.chars().enumerate().find_map(|(at, letter)| {
        let twin = alike.iter().find(|(from, _)| *from == letter)?;
        Some((at, twin.1))
    })?;
    let basic: String = label
        .chars()
        .enumerate()
        .filter(|(i, _)| *i != at)
        .map(|(_, c)| c)
        .collect();
    let separator = if basic.is_empty() { "" } else { "-" };
    Some(format!(
        "xn--{basic}{separator}{}",
        punycode_delta(&basic, at, twin)
    ))
}

/// Encodes a single character beyond ASCII, at `at`: the only case of RFC 3492 §6.3 needed here.
fn punycode_delta(basic: &str, at: usize, character: char) -> String {
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    const BIAS: usize = 72;
    let mut delta = (character as usize - 128) * (basic.len() + 1) + at;
    let mut text = String::new();
    for k in (36..).step_by(36) {
        let threshold = if k <= BIAS { 1 } else { (k - BIAS).min(26) };
        if delta < threshold {
            break;
        }
        let digit = threshold + (delta - threshold) % (36 - threshold);
        text.push(char::from(DIGITS[digit]));
        delta = (delta - threshold) / (36 - threshold);
    }
    text.push(char::from(DIGITS[delta]));
    text
}

#[cfg(test)]
mod tests;
