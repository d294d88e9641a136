//! Protection of the admin listener from browsers: every browser on the machine can reach it.
//!
//! A page of any site can send requests to loopback addresses. The browser says where they come from,
//! in Origin and `Sec-Fetch-Site`. A site whose name is made to resolve to a loopback address (DNS
//! rebinding) can even read the answers as its own. Its requests carry the site's name in Host.

use crate::cors::host_and_port;
use crate::routing::authority;
use http::{HeaderMap, HeaderName, Uri, header};
use std::net::IpAddr;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Checks that no page of another site has sent a request. `hosts` are the names that the listener is
/// known by, in lower case, beside addresses and `localhost`.
///
/// # Errors
///
/// A message for the client.
pub(super) fn check(uri: &Uri, headers: &HeaderMap, hosts: &[String]) -> Result<(), String> {
    let authority = authority(uri, headers);
    let host = host_of(authority);
    if !is_known(&host, hosts) {
        let shown = host.escape_default();
        return Err(format!(
            "the host `{shown}` is not allowed on this listener: use its IP address, or add the name to `admin.hosts`"
        ));
    }
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    if sites.any(|site| site != "same-origin" && site != "none") {
        return Err("a page of another site may not ask this".to_owned());
    }
    let own = [b"http://".as_slice(), authority].concat();
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if origins.any(|origin| !origin.as_bytes().eq_ignore_ascii_case(&own)) {
        return Err("a page of another origin may not ask this".to_owned());
    }
    Ok(())
}

/// Returns the host in lower case, without its port and the brackets of an IPv6 address.
fn host_of(authority: &[u8]) -> String {
    let authority = String::from_utf8_lossy(authority).to_ascii_lowercase();
    let (host, _) = host_and_port(&authority);
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    bare.unwrap_or(host).to_owned()
}

/// Whether a host is the listener's own. An address and `localhost` always are: a name server can't
/// redirect them, since browsers resolve `localhost` themselves.
fn is_known(host: &str, hosts: &[String]) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok() || hosts.iter().any(|known| known == host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn is_refused(host: &'static str, fields: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let uri = Uri::from_static("/config");
        check(&uri, &headers, &["admin.internal".to_owned()]).is_err()
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let host = "127.0.0.1:9901";
        for (fields, refused) in [
            (&[][..], false),
            (&[("origin", "http://127.0.0.1:9901")], false),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", "https://evil.test")], true),
            (&[("origin", "null")], true),
            (&[("origin", "http://127.0.0.1")], true),
            (&[("origin", "https://127.0.0.1:9901")], true),
            (
                &[("origin", "http://127.0.0.1:9901"), ("origin", "null")],
                true,
            ),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "same-site")], true),
            (
                &[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
                true,
            ),
        ] {
            assert_eq!(is_refused(host, fields), refused, "{fields:?}");
        }
    }

    #[test]
    fn names_that_others_could_own_are_refused() {
        for (host, refused) in [
            ("127.0.0.1", false),
            ("10.1.2.3:9901", false),
            ("[::1]:9901", false),
            ("[::1]", false),
            ("localhost:9901", false),
            ("LOCALHOST", false),
            ("admin.internal:9901", false),
            ("evil.test:9901", true),
            ("localhost.evil.test", true),
            ("127.0.0.1.evil.test", true),
            ("admin.internal.evil.test", true),
            ("x.admin.internal", true),
            ("127.0.0.1:9901:1", true),
            ("", true),
        ] {
            assert_eq!(is_refused(host, &[]), refused, "{host}");
        }
    }
}
