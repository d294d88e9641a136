//! The path for health checks, the size of bodies, and the proxies in front.

use super::arguments::shown;
use super::given::Given;
use super::report::Report;
use crate::config::MAX_TRUSTED_PROXIES;
use ipnet::IpNet;
use std::net::IpAddr;

const HEALTHZ: &str = "--healthz";
const MAX_BODY: &str = "--client_max_body_size";
const PROXIES: &str = "--xff_trusted_proxy_list";

/// Reads the path that is answered with 200.
pub(super) fn healthz(given: &Given, report: &mut Report) -> Option<String> {
    let value = given.filled(HEALTHZ)?;
    let path = match value.text.strip_prefix('/') {
        Some(_) => value.text.clone(),
        None => format!("/{}", value.text),
    };
    let is_in_paths = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#');
    if path.bytes().all(is_in_paths) {
        return Some(path);
    }
    let message = format!("`{}` is not a path", shown(&value.text));
    report.error(
        HEALTHZ,
        value.source,
        message,
        "write one such as `healthz`, without a query",
    );
    None
}

/// Reads a size as nginx writes it: bytes, or `k`, `m` or `g` of them. 0 is for any size.
pub(super) fn max_body(given: &Given, report: &mut Report) -> Option<u64> {
    let value = given.filled(MAX_BODY)?;
    match size(&value.text) {
        Some(size) => Some(size).filter(|size| *size != 0),
        None => {
            let message = format!("`{}` is not a size", shown(&value.text));
            report.error(
                MAX_BODY,
                value.source,
                message,
                "write one such as `32m`, or 0 for no limit",
            );
            None
        }
    }
}

fn size(text: &str) -> Option<u64> {
    let unit = |unit: [char; 2]| text.strip_suffix(unit);
    let (number, shift) = match (unit(['k', 'K']), unit(['m', 'M']), unit(['g', 'G'])) {
        (Some(number), ..) => (number, 10),
        (_, Some(number), _) => (number, 20),
        (.., Some(number)) => (number, 30),
        (None, None, None) => (text, 0),
    };
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    number
        .parse::<u64>()
        .ok()
        .filter(|_| is_number)?
        .checked_mul(1 << shift)
}

/// Reads the proxies whose X-Forwarded-For is believed.
pub(super) fn trusted_proxies(given: &Given, report: &mut Report) -> Vec<String> {
    let Some(value) = given.filled(PROXIES) else {
        return Vec::new();
    };
    let listed = value
        .text
        .split(',')
        .map(str::trim)
        .filter(|p| !p.is_empty());
    let mut proxies: Vec<String> = Vec::new();
    for proxy in listed {
        if proxies.len() >= MAX_TRUSTED_PROXIES {
            let message = format!("here are more than {MAX_TRUSTED_PROXIES} proxies");
            report.error(
                PROXIES,
                value.source,
                message,
                "write networks in place of addresses",
            );
            break;
        }
        match network(proxy) {
            Some(network) => {
                if network.prefix_len() == 0 {
                    let message = format!(
                        "`{proxy}` is every address, so that any client can write X-Forwarded-For; list the proxies \
                         in front alone"
                    );
                    report.warn(PROXIES, value.source, message);
                }
                proxies.push(network.to_string());
            }
            None => {
                let message = format!("`{}` is not a network", shown(proxy));
                report.error(
                    PROXIES,
                    value.source,
                    message,
                    "write one such as `10.0.0.0/8`",
                );
            }
        }
    }
    proxies
}

/// Reads a network or an address. Python and nginx take `0::/0`, too, which is `::/0`.
fn network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().ok();
    let network = network.or_else(|| Some(IpNet::from(text.parse::<IpAddr>().ok()?)));
    network.map(|network| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_nginx() {
        for (text, expected) in [
            ("32m", Some(32 << 20)),
            ("32M", Some(32 << 20)),
            ("1k", Some(1024)),
            ("2g", Some(2 << 30)),
            ("0", Some(0)),
            ("100", Some(100)),
            ("", None),
            ("m", None),
            ("1mb", None),
            ("1 m", None),
            ("-1", None),
            ("+1", None),
            ("1.5m", None),
            ("99999999999g", None),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
    }

    #[test]
    fn proxies_are_networks_or_addresses() {
        for (text, expected) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("10.1.2.3/8", Some("10.0.0.0/8")),
            ("10.1.2.3", Some("10.1.2.3/32")),
            ("0::/0", Some("::/0")),
            ("fd00::/8", Some("fd00::/8")),
            ("10.0.0.0/33", None),
            ("host", None),
            ("unix:", None),
        ] {
            let network = network(text).map(|network| network.to_string());
            assert_eq!(network.as_deref(), expected, "{text}");
        }
    }
}
