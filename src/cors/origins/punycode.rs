//! Names beyond ASCII, as browsers write them in an origin.

use super::origin::default_port;
use idna::AsciiDenyList;

/// Returns a label that keeps browsers from ever having an origin with this host: one that begins with
/// `xn--` and is not the Punycode of a valid name. `None` if there is no such label.
///
/// Browsers look at it for special schemes only: <https://url.spec.whatwg.org/#concept-host-parser>.
pub(super) fn bad_label<'h>(scheme: &str, host: &'h str) -> Option<&'h str> {
    let mut encoded = host.split('.').filter(|label| label.starts_with("xn--"));
    if default_port(scheme).is_none() || encoded.clone().next().is_none() || is_stable(host) {
        return None;
    }
    // Writing directions can make labels invalid only together.
    encoded.find(|label| !is_stable(label)).or(Some(host))
}

/// Returns the host in Punycode and in lower case; `None` if it is not a name.
pub(super) fn to_ascii(host: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii_cow(host.as_bytes(), AsciiDenyList::URL);
    ascii.ok().map(|ascii| ascii.into_owned())
}

/// Whether a browser takes the name, and keeps it as it is.
fn is_stable(name: &str) -> bool {
    to_ascii(name).is_some_and(|ascii| ascii == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_is_not_the_punycode_of_a_name_is_found() {
        for (host, expected) in [
            ("xn--mnchen-3ya.example", None),
            ("xn--bcher-kva.example.", None),
            ("a.xn--fiqs8s", None),
            ("xn--80ak6aa92e.com", None),
            ("a--b.xn.example", None),
            ("xn-.example", None),
            ("xn--f", Some("xn--f")),
            ("a.xn--f.example", Some("xn--f")),
            ("xn--mnchen-3ya.xn--f", Some("xn--f")),
            ("xn--.example", Some("xn--")),
            // Basic letters alone: `ascii`.
            ("xn--ascii-.example", Some("xn--ascii-")),
            ("xn--99999999.example", Some("xn--99999999")),
            // Not a digit of Punycode.
            ("xn--a_b.example", Some("xn--a_b")),
            // `ü` and `Ü`: capitals are never encoded.
            ("xn--tda.example", None),
            ("xn--wca.example", Some("xn--wca")),
            // `u` with a combining diaeresis, which is not in NFC; a full-width `A`, which is mapped.
            ("xn--u-ccb.example", Some("xn--u-ccb")),
            ("xn--ph7c.example", Some("xn--ph7c")),
            // A zero-width joiner without a reason.
            ("xn--ab-m1t.example", Some("xn--ab-m1t")),
        ] {
            assert_eq!(bad_label("https", host), expected, "{host}");
        }
        assert_eq!(bad_label("app", "xn--f"), None, "its hosts are opaque");
    }
}
