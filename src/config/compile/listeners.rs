//! `listeners`, `admin` and `metrics`: where the gateway listens.

use super::inputs::Inputs;
use super::matches::parse_host;
use super::tls::{TlsCompiler, redirect};
use super::values::{elements, required};
use crate::config::compiled::{Admin, ListenAddress, Listener};
use crate::config::raw::{RawAdmin, RawListener, RawMetrics, Seq};
use crate::config::report::Report;
use crate::routing::HostMatch;
use std::net::{IpAddr, SocketAddr};

/// Maximum number of traffic listeners, each of which has a socket; more are refused.
const MAX_LISTENERS: usize = 256;

/// Compiles `listeners`, of which there must be one.
pub(super) fn listeners(
    report: &mut Report<'_>,
    inputs: &mut Inputs,
    raw: Option<Seq<RawListener>>,
) -> Vec<Listener> {
    let what = "the gateway must listen somewhere, such as `- address: 0.0.0.0:8080`";
    let raw = required(report, "listeners", raw, MAX_LISTENERS, what);
    let mut compiler = TlsCompiler::new(report, inputs);
    let mut listeners = Vec::with_capacity(raw.len());
    for (path, raw) in raw {
        let RawListener {
            address,
            https_redirect_port,
            proxy_protocol,
            tls,
        } = raw;
        let has_tls = tls.is_some() || compiler.report.was_refused_within(&format!("{path}.tls"));
        let tls = tls.map(|raw| compiler.tls(&format!("{path}.tls"), raw));
        let https_redirect_port = redirect(compiler.report, &path, https_redirect_port, has_tls);
        let listen = listen_address(compiler.report, &path, address);
        // A listener without the TLS that it should have is never started: there was an error.
        if let (Some(listen), Some(tls)) = (listen, tls.map_or(Some(None), |tls| tls.map(Some))) {
            listeners.push(Listener {
                listen,
                https_redirect_port,
                proxy_protocol: proxy_protocol.unwrap_or(false),
                tls,
            });
        }
    }
    listeners
}

/// Compiles `metrics`.
pub(super) fn metrics(report: &mut Report<'_>, raw: RawMetrics) -> Option<ListenAddress> {
    let RawMetrics { address } = raw;
    listen_address(report, "metrics", address)
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
    let listener = listen_address(report, "admin", address)?;
    Some(Admin {
        listener,
        hosts: names,
    })
}

/// Compiles the address of the listener at `parent`.
fn listen_address(
    report: &mut Report<'_>,
    parent: &str,
    address: Option<String>,
) -> Option<ListenAddress> {
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
        Ok(address) => Some(ListenAddress {
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
    admin: Option<&ListenAddress>,
    metrics: Option<&ListenAddress>,
) {
    let listeners = listeners.iter().map(|listener| &listener.listen);
    let all: Vec<&ListenAddress> = listeners.chain(admin).chain(metrics).collect();
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
