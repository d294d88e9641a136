//! Fields that browsers set, and fields whose values are secrets, told by their names.

/// Fields that a browser sets by itself, beside those that begin with `sec-`. A pasted request has
/// them, although its script did not set them.
const OF_THE_BROWSER: [&str; 16] = [
    "accept-encoding",
    "alt-used",
    "cache-control",
    "connection",
    "content-length",
    "cookie",
    "dnt",
    "host",
    "keep-alive",
    "pragma",
    "priority",
    "referer",
    "te",
    "transfer-encoding",
    "upgrade-insecure-requests",
    "user-agent",
];

/// Names of fields whose values are secrets, and parts of such names.
const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];
const SECRET_PARTS: [&str; 5] = ["token", "key", "secret", "auth", "session"];

/// Stands for a value that is not shown.
const HIDDEN: &str = "\u{2026}";

pub(super) fn is(name: &str, known: &str) -> bool {
    name.eq_ignore_ascii_case(known)
}

/// Whether a browser sets the field by itself.
pub(super) fn is_of_the_browser(name: &str) -> bool {
    let prefix = name.get(..4).unwrap_or_default();
    is(prefix, "sec-") || OF_THE_BROWSER.iter().any(|known| is(name, known))
}

/// Whether the value of a field, and not only its presence, decides something. A reader must see such a
/// value to understand the answer. (Header predicates of routes are in the configuration.)
pub(in crate::explain) fn value_decides(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_listed = matches!(
        name.as_str(),
        // Safelisted depending on their values, as are Accept and Accept-Language.
        "origin" | "host" | "content-type" | "content-language" | "range"
        // Forbidden depending on their values.
        | "x-http-method" | "x-http-method-override" | "x-method-override"
    );
    is_listed || name.starts_with("accept") || name.starts_with("access-control-request-")
}

/// Whether a report must not show the value of a field.
pub(in crate::explain) fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_named =
        SECRET.contains(&lower.as_str()) || SECRET_PARTS.iter().any(|part| lower.contains(part));
    is_named && !value_decides(name)
}

/// Returns the value of a field as a report may show it.
pub(in crate::explain) fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    match is_secret(name) && !value.is_empty() {
        true => HIDDEN,
        false => value,
    }
}
