//! The host of a request, as routes compare it.

pub(super) const MAX_HOST_LEN: usize = 256;

/// The host in lower case, without its port and without a final dot, in `buffer`. A longer one is
/// nobody's.
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
