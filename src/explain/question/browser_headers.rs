//! What is known of a field by its name.

/// What a browser puts into a request of its own accord, and the `sec-` fields beside it: a pasted
/// request has it, and its script did not set it.
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

/// Names whose values are nobody else's business, and parts of such names.
const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];
const SECRET_PARTS: [&str; 5] = ["token", "key", "secret", "auth", "session"];

/// What stands for a value that is not shown.
const HIDDEN: &str = "\u{2026}";

pub(super) fn is(name: &str, known: &str) -> bool {
    name.eq_ignore_ascii_case(known)
}

/// Whether a browser sets it itself.
pub(super) fn is_of_the_browser(name: &str) -> bool {
    let prefix = name.get(..4).unwrap_or_default();
    is(prefix, "sec-") || OF_THE_BROWSER.iter().any(|known| is(name, known))
}

/// Whether what a field says decides something here, and not only that it is there: such a value must
/// be seen to understand the answer. What routes match on is known to their configuration.
pub(in crate::explain) fn value_decides(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_listed = matches!(
        name.as_str(),
        // Safelisted by their values, as are Accept and Accept-Language.
        "origin" | "host" | "content-type" | "content-language" | "range"
        // Forbidden by their values.
        | "x-http-method" | "x-http-method-override" | "x-method-override"
    );
    is_listed || name.starts_with("accept") || name.starts_with("access-control-request-")
}

/// Whether a field's value is one that a report must not have.
pub(in crate::explain) fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_named =
        SECRET.contains(&lower.as_str()) || SECRET_PARTS.iter().any(|part| lower.contains(part));
    is_named && !value_decides(name)
}

/// A field's value as it may be shown.
pub(in crate::explain) fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    match is_secret(name) && !value.is_empty() {
        true => HIDDEN,
        false => value,
    }
}
