//! The host of a request, as routes compare it.

use super::matches::HostMatch;
use http::{HeaderMap, HeaderValue, Uri, header};

/// Returns the authority that a request is sent to: its target's, else its Host field. It may have
/// a port; it is empty if the request has neither.
pub fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> &'a [u8] {
    match uri.authority() {
        Some(authority) => authority.as_str().as_bytes(),
        None => headers.get(header::HOST).map_or(b"", HeaderValue::as_bytes),
    }
}

/// Maximum bytes of a host that routes can name; a longer one matches no route's.
pub(super) const MAX_HOST_LEN: usize = 256;

/// Writes the host in lower case, without its port and without a final dot, into `buffer`. Returns
/// `None` if it is too long.
pub(super) fn host_name<'a>(host: &[u8], buffer: &'a mut [u8; MAX_HOST_LEN]) -> Option<&'a [u8]> {
    let name = match host.iter().rposition(|&byte| byte == b':') {
        Some(at) if host[at + 1..].iter().all(u8::is_ascii_digit) => &host[..at],
        _ => host,
    };
    let name = name.strip_suffix(b".").unwrap_or(name);
    let lower = buffer.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    Some(lower)
}

// === impl HostMatch ===

impl HostMatch {
    /// Whether the rule takes `host`, which is in the form of [`host_name`].
    pub(super) fn is_match(&self, host: &[u8]) -> bool {
        match self {
            Self::Exact(name) => name.as_bytes() == host,
            Self::Subdomains(name) => host
                .strip_suffix(name.as_bytes())
                .is_some_and(|labels| labels.ends_with(b".") && labels.len() > 1),
        }
    }
}
