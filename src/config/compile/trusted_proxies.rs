//! `trusted_proxies`: the peers whose word about the client is believed.

use super::values::elements;
use crate::config::raw::Seq;
use crate::config::report::Report;
use crate::config::warning::WarningName;
use ipnet::IpNet;
use std::net::IpAddr;

/// Maximum number of networks, each of which every request is compared with; more are refused.
pub const MAX_TRUSTED_PROXIES: usize = 1_000;

/// Compiles `trusted_proxies`.
pub(super) fn trusted_proxies(report: &mut Report<'_>, raw: Option<Seq<String>>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    let raw = raw.unwrap_or_default();
    if raw.len() > MAX_TRUSTED_PROXIES {
        let message = format!(
            "`trusted_proxies` has {} elements, more than {MAX_TRUSTED_PROXIES}",
            raw.len()
        );
        report
            .error("trusted_proxies", message)
            .hint("name the networks that the addresses are in");
        return networks;
    }
    for (path, text) in elements(report, "trusted_proxies", raw) {
        match parse(&text) {
            Ok(network) => {
                if network.prefix_len() == 0 {
                    let message = format!(
                        "`{text}` is every address: each client says what it likes about itself"
                    );
                    report
                        .warn(WarningName::TrustsEveryProxy, &path, message)
                        .hint("name the addresses of your proxies");
                }
                networks.push(network);
            }
            Err(hint) => {
                let message = format!("`{text}` is not an address or a network");
                report.error(&path, message).hint(hint);
            }
        }
    }
    networks
}

/// Parses an element; the error is the hint.
fn parse(text: &str) -> Result<IpNet, String> {
    let network = match (text.parse::<IpAddr>(), text.parse::<IpNet>()) {
        (Ok(address), _) => IpNet::from(address),
        (_, Ok(network)) => network,
        (Err(_), Err(_)) => {
            return Err("write one such as `10.0.0.7`, `10.0.0.0/8` or `fd00::/8`".to_owned());
        }
    };
    if let Some(network) = unmapped(network) {
        // Peers are compared as IPv4, however their address comes.
        return Err(format!("write `{network}`"));
    }
    // Some readers take `10.1.2.3/8` for one address, and some for the whole network.
    match network.trunc() {
        first if first == network => Ok(network),
        first => Err(format!("write `{first}`, or `{}`", network.addr())),
    }
}

/// Returns the IPv4 network that an IPv4-mapped one (RFC 4291 §2.5.5.2) means.
fn unmapped(network: IpNet) -> Option<IpNet> {
    let address = network.addr().to_canonical();
    let is_mapped = network.addr().is_ipv6() && address.is_ipv4();
    let length = network.prefix_len().checked_sub(96).filter(|_| is_mapped)?;
    IpNet::new(address, length).ok()
}
