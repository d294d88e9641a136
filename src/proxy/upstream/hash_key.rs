//! The part of a request by which `consistent_hash` chooses its endpoint.

use crate::config::HashKey;
use crate::cors::MessageFields;
use http::header::COOKIE;
use std::borrow::Cow;
use std::net::IpAddr;

/// Returns the bytes of `key` in a request with this path and these fields. A request without them has its
/// client's address, which is asked for only then.
pub(in crate::proxy) fn hash_key<'r>(
    key: &HashKey,
    path: &'r str,
    fields: &'r impl MessageFields,
    client: impl FnOnce() -> Option<IpAddr>,
) -> Cow<'r, [u8]> {
    let found = match key {
        HashKey::ClientAddress => None,
        HashKey::Path => Some(path.as_bytes()),
        HashKey::Header(name) => first_of(fields, name),
        HashKey::Cookie(name) => cookie(fields, name.as_bytes()),
    };
    match found.filter(|value| !value.is_empty()) {
        Some(found) => Cow::Borrowed(found),
        None => Cow::Owned(
            client()
                .map(|ip| ip.to_string())
                .unwrap_or_default()
                .into_bytes(),
        ),
    }
}

/// Returns the value of the first line of a field.
fn first_of<'r>(fields: &'r impl MessageFields, name: &str) -> Option<&'r [u8]> {
    let mut first = None;
    fields.for_each(|known, value| {
        if first.is_none() && known.eq_ignore_ascii_case(name) {
            first = Some(value);
        }
    });
    first
}

/// Returns the value of the first cookie with this name: RFC 6265 §4.2.1.
fn cookie<'r>(fields: &'r impl MessageFields, name: &[u8]) -> Option<&'r [u8]> {
    let mut found = None;
    fields.for_each_line(&COOKIE, |line| {
        let pairs = line.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let mut values = pairs.filter_map(|pair| {
            let (known, value) = pair.split_at(pair.iter().position(|&byte| byte == b'=')?);
            (known == name).then(|| &value[1..])
        });
        found = found.or_else(|| values.next());
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};

    #[test]
    fn a_key_is_a_part_of_the_request_or_its_clients_address() {
        let mut fields = HeaderMap::new();
        fields.append("x-tenant", HeaderValue::from_static("acme"));
        fields.append("x-empty", HeaderValue::from_static(""));
        fields.append("cookie", HeaderValue::from_static("a=1; session=s1;b"));
        fields.append("cookie", HeaderValue::from_static("session=s2; last=x=y"));
        let header = |name: &str| HashKey::Header(name.to_owned());
        let cookie = |name: &str| HashKey::Cookie(name.to_owned());
        let client = IpAddr::from([192, 0, 2, 1]);
        for (key, expected) in [
            (HashKey::ClientAddress, "192.0.2.1"),
            (HashKey::Path, "/a/b"),
            (header("x-tenant"), "acme"),
            (header("x-empty"), "192.0.2.1"),
            (header("x-other"), "192.0.2.1"),
            (cookie("session"), "s1"),
            (cookie("a"), "1"),
            (cookie("last"), "x=y"),
            (cookie("b"), "192.0.2.1"),
            (cookie("Session"), "192.0.2.1"),
        ] {
            let found = hash_key(&key, "/a/b", &fields, || Some(client));
            assert_eq!(found, expected.as_bytes(), "{key:?}");
        }
        let nothing = hash_key(&HashKey::ClientAddress, "/", &fields, || None);
        assert!(nothing.is_empty());
    }
}
