//! Request headers that need no preflight, because an HTML form can send them anyway.

use super::super::fetch_lists::is_token;

/// Whether the header is safelisted:
/// <https://fetch.spec.whatwg.org/#cors-safelisted-request-header>. `name` is in lower case,
/// `value` without white space around it; a character is a byte.
pub(super) fn is_safelisted(name: &str, value: &str) -> bool {
    const MAX_LEN: usize = 128;
    if value.chars().count() > MAX_LEN {
        return false;
    }
    match name {
        "accept" => !value.chars().any(is_unsafe),
        "accept-language" | "content-language" => value.chars().all(is_of_a_language),
        "content-type" => !value.chars().any(is_unsafe) && is_of_a_form(value),
        "range" => is_simple_range(value),
        _ => false,
    }
}

/// Whether the name can be safelisted, with the right value.
pub(super) fn has_name(name: &str) -> bool {
    matches!(
        name,
        "accept" | "accept-language" | "content-language" | "content-type" | "range"
    )
}

/// Whether the byte is unsafe: <https://fetch.spec.whatwg.org/#cors-unsafe-request-header-byte>.
fn is_unsafe(c: char) -> bool {
    match c {
        '\t' => false,
        '\0'..'\x20' | '\x7f' => true,
        _ => "\"():<>?@[\\]{}".contains(c),
    }
}

fn is_of_a_language(c: char) -> bool {
    c.is_ascii_alphanumeric() || " *,-.;=".contains(c)
}

/// Whether the MIME type's essence is one of the three that forms send; its parameters don't
/// matter: <https://mimesniff.spec.whatwg.org/#parse-a-mime-type>.
fn is_of_a_form(value: &str) -> bool {
    const ESSENCES: [&str; 3] = [
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/plain",
    ];
    let essence = value.split(';').next().unwrap_or_default();
    let essence = essence.trim_end_matches(['\t', '\n', '\r', ' ']);
    let Some((kind, subtype)) = essence.split_once('/') else {
        return false;
    };
    is_token(kind.as_bytes())
        && is_token(subtype.as_bytes())
        && ESSENCES.iter().any(|e| e.eq_ignore_ascii_case(essence))
}

/// Whether the value is `bytes=N-` or `bytes=N-M`, but not `bytes=-N`, which browsers have never
/// sent by themselves: <https://fetch.spec.whatwg.org/#simple-range-header-value>.
fn is_simple_range(value: &str) -> bool {
    let Some((start, end)) = value
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return false;
    };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !start.is_empty() && is_number(start) && is_number(end) && !is_less(end, start)
}

/// Whether `end` is written and less than `start`. The numbers may be longer than any integer type.
fn is_less(end: &str, start: &str) -> bool {
    let (a, b) = (end.trim_start_matches('0'), start.trim_start_matches('0'));
    !end.is_empty() && (a.len(), a) < (b.len(), b)
}
