//! `listeners`, `admin` and `metrics`: where the gateway listens.

use super::matches::parse_host;
use super::values::{elements, required};
use crate::config::compiled::{Admin, Listener};
use crate::config::raw::{RawAdmin, RawListener, Seq};
use crate::config::report::Report;
use crate::routing::HostMatch;
use std::net::{IpAddr, SocketAddr};

/// Maximum number of traffic listeners, each of which has a socket; more are refused.
const MAX_LISTENERS: usize = 256;

/// Compiles `listeners`, of which there must be one.
pub(super) fn listeners(report: &mut Report<'_>, raw: Option<Seq<RawListener>>) -> Vec<Listener> {
    let what = "the gateway must listen somewhere, such as `- address: 0.0.0.0:8080`";
    required(report, "listeners", raw, MAX_LISTENERS, what)
        .into_iter()
        .filter_map(|(path, raw)| listener(report, &path, raw))
        .collect()
}

/// Compiles `admin`.
pub(super) fn admin(report: &mut Report<'_>, raw: RawAdmin) -> Option<Admin> {
    let RawAdmin { address, hosts } = raw;
    let mut names = Vec::new();
    for (path, text) in elements(report, "admin.hosts", hosts.unwrap_or_default()) {
        match parse_host(&text) {
            Ok(HostMatch::Exact(name)) => names.push(name),
            Ok(HostMatch::Subdomains(_)) => {
                let message = format!(
                    "`{text}` is not a host: a wildcard would let in names that others own"
                );
                report.error(&path, message).hint("write each name");
            }
            Err(problem) => {
                report.error(&path, problem);
            }
        }
    }
    let listener = listener(report, "admin", RawListener { address })?;
    Some(Admin {
        listener,
        hosts: names,
    })
}

/// Compiles one listener, the value at `parent`.
pub(super) fn listener(
    report: &mut Report<'_>,
    parent: &str,
    raw: RawListener,
) -> Option<Listener> {
    let RawListener { address } = raw;
    let path = format!("{parent}.address");
    let Some(address) = address else {
        if !report.was_refused(&path) {
            let port = default_port(parent);
            report
                .error(parent, "`address` is missing")
                .hint(format!("write `address: 127.0.0.1:{port}`"));
        }
        return None;
    };
    match address.parse::<SocketAddr>() {
        Ok(address) => Some(Listener {
            address,
            place: report.place_of(&path),
            path,
        }),
        Err(_) => {
            let message = format!("`{address}` is not an address to listen on: IP:PORT");
            report.error(&path, message).hint(hint(parent, &address));
            None
        }
    }
}

/// Checks that no two listeners share an address. It matters most for the admin listener, which
/// shows and changes what clients must not see and change.
pub(super) fn check_apart(
    report: &mut Report<'_>,
    listeners: &[Listener],
    admin: Option<&Listener>,
    metrics: Option<&Listener>,
) {
    let all: Vec<&Listener> = listeners.iter().chain(admin).chain(metrics).collect();
    for (index, later) in all.iter().enumerate() {
        if let Some(earlier) = all[..index]
            .iter()
            .find(|earlier| overlap(earlier.address, later.address))
        {
            let message = format!("`{}` is taken by {}", later.address, earlier.path);
            report
                .error(&later.path, message)
                .hint("give every listener a port of its own")
                .where_used();
        }
    }
}

fn default_port(listener: &str) -> u16 {
    match listener {
        "admin" => 9901,
        "metrics" => 9902,
        _ => 8080,
    }
}

/// Says what to write in place of `address`.
fn hint(listener: &str, address: &str) -> String {
    // A hint must not open the admin pages or the metrics to the world, if the operator did not.
    let any = match listener {
        "admin" | "metrics" => "127.0.0.1",
        _ => "0.0.0.0",
    };
    let port = default_port(listener);
    let guess = match address.rsplit_once(':') {
        Some(("", port)) => format!("{any}:{port}"),
        Some(("localhost", port)) => format!("127.0.0.1:{port}"),
        None if address.parse::<u16>().is_ok() => format!("{any}:{address}"),
        None => format!("{address}:{port}"),
        Some(_) => String::new(),
    };
    match guess.parse::<SocketAddr>() {
        Ok(_) => format!("write `{guess}`"),
        Err(_) => format!("write IP:PORT, such as `127.0.0.1:{port}`"),
    }
}

fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    // `[::]` takes IPv4 as well, `0.0.0.0` only IPv4.
    let covers = |wide: IpAddr, other: IpAddr| match wide {
        IpAddr::V4(wide) => wide.is_unspecified() && other.is_ipv4(),
        IpAddr::V6(wide) => wide.is_unspecified(),
    };
    let same_ip = a.ip() == b.ip() || covers(a.ip(), b.ip()) || covers(b.ip(), a.ip());
    // Port 0 takes a free port each time.
    a.port() != 0 && a.port() == b.port() && same_ip
}
