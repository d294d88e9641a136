//! `upstreams`: the backends that requests go to.

use super::timeouts::RawTimeouts;
use super::values::elements;
use crate::config::compiled::{Endpoint, Protocol, Timeouts, Upstream, UpstreamKind};
use crate::config::raw::{RawLoadBalancing, RawProtocol, RawUpstream, Seq};
use crate::config::report::Report;
use crate::config::warning::WarningName;
use crate::cors::Origin;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Upstreams, sorted by name; `None` for one that is wrong, so that a route to it is not wrong as well.
pub(super) type Upstreams = Vec<(String, Option<Upstream>)>;

/// Maximum number of upstreams, whose names are resolved one after the other; more are refused.
const MAX_UPSTREAMS: usize = 10_000;

/// Ports on which servers nearly always speak TLS.
const TLS_PORTS: [u16; 2] = [443, 8443];

/// Compiles `upstreams`, of which there must be one.
pub(super) fn upstreams(
    report: &mut Report<'_>,
    raw: Option<BTreeMap<String, Option<RawUpstream>>>,
) -> Upstreams {
    let what = "name at least one, such as `api: { endpoints: [127.0.0.1:9000] }`";
    let Some(raw) = raw else {
        if !report.was_refused("upstreams") {
            report.error("", format!("`upstreams` is missing: {what}"));
        }
        return Vec::new();
    };
    if raw.is_empty() && !report.was_refused_within("upstreams") {
        report.error("upstreams", format!("`upstreams` is empty: {what}"));
    }
    if raw.len() > MAX_UPSTREAMS {
        let message = format!("`upstreams` has more than {MAX_UPSTREAMS} elements");
        report
            .error("upstreams", message)
            .hint("remove some of them");
    }
    raw.into_iter()
        .map(|(name, raw)| {
            let upstream = upstream(report, &name, raw.unwrap_or_default());
            (name, upstream)
        })
        .collect()
}

fn upstream(report: &mut Report<'_>, name: &str, raw: RawUpstream) -> Option<Upstream> {
    let RawUpstream {
        endpoints: raw_endpoints,
        echo,
        protocol,
        load_balancing,
        connect_timeout: connect,
        read_timeout: read,
        write_timeout: write,
        stream_timeout: stream,
        tunnel_timeout: tunnel,
        max_connections,
    } = raw;
    let path = format!("upstreams.{name}");
    let endpoints_path = format!("{path}.endpoints");
    let before = report.error_count();
    let kind = match (raw_endpoints, echo.unwrap_or(false)) {
        (Some(raw), false) => endpoints(report, &endpoints_path, raw),
        (None, true) => UpstreamKind::Echo,
        (Some(raw), true) => {
            let message = "an upstream is either `echo` or has `endpoints`";
            report.error(&path, message).hint("remove one of them");
            endpoints(report, &endpoints_path, raw)
        }
        (None, false) => {
            let refused_echo = report.was_refused(&format!("{path}.echo"));
            if !report.was_refused(&endpoints_path) && !refused_echo {
                report
                    .error(&path, "`endpoints` is missing")
                    .hint("write `endpoints: [127.0.0.1:9000]`");
            }
            return None;
        }
    };
    // Endpoints are always used in turn; the key only says so.
    let (Some(RawLoadBalancing::RoundRobin) | None) = load_balancing;
    if max_connections == Some(0) {
        let message = "an endpoint without connections serves no request";
        report
            .error(format!("{path}.max_connections"), message)
            .hint("leave it out for no limit");
    }
    let timeouts = RawTimeouts {
        connect,
        read,
        write,
        stream,
        tunnel,
    };
    let upstream = Upstream {
        name: name.to_owned(),
        kind,
        protocol: match protocol {
            Some(RawProtocol::H2c) => Protocol::H2c,
            Some(RawProtocol::Http1) | None => Protocol::Http1,
        },
        timeouts: timeouts.over(report, &path, Timeouts::default()),
        max_connections,
    };
    (report.error_count() == before).then_some(upstream)
}

fn endpoints(report: &mut Report<'_>, path: &str, raw: Seq<String>) -> UpstreamKind {
    if raw.is_empty() {
        report
            .error(path, "the list of endpoints is empty")
            .hint("write `[127.0.0.1:9000]`");
    }
    let mut endpoints = Vec::new();
    for (path, text) in elements(report, path, raw) {
        match parse_endpoint(&text) {
            Ok(endpoint) => {
                if TLS_PORTS.contains(&endpoint.port) {
                    let message = format!(
                        "`{text}` is spoken to in clear text, and servers speak TLS on port {}: this \
                         version has no TLS to upstreams yet",
                        endpoint.port
                    );
                    report
                        .warn(WarningName::EndpointWithoutTls, &path, message)
                        .hint("name a port that takes plain HTTP");
                }
                endpoints.push(endpoint);
            }
            Err(hint) => {
                let hint = hint
                    .unwrap_or_else(|| "write HOST:PORT, such as `api.internal:9000`".to_owned());
                let message = format!("`{text}` is not an endpoint: HOST:PORT");
                report.error(&path, message).hint(hint);
            }
        }
    }
    UpstreamKind::Endpoints(endpoints)
}

/// Parses an element of `endpoints`; the error is the hint.
fn parse_endpoint(text: &str) -> Result<Endpoint, Option<String>> {
    let instead = |guess: String| {
        let is_right = parse_endpoint(&guess).is_ok();
        Err(is_right.then(|| format!("write `{guess}`")))
    };
    if let Some((scheme, rest)) = text.split_once("://") {
        let authority = rest.split('/').next().unwrap_or(rest);
        return match (scheme, authority.contains(':')) {
            ("https", _) => Err(Some("this version has no TLS to upstreams yet".to_owned())),
            (_, true) => instead(authority.to_owned()),
            ("http", false) => instead(format!("{authority}:80")),
            _ => Err(None),
        };
    }
    if text.parse::<u16>().is_ok() {
        return instead(format!("127.0.0.1:{text}"));
    }
    if let Ok(SocketAddr::V6(address)) = text.parse() {
        let host = address.ip().to_string();
        let port = Some(address.port()).filter(|port| *port > 0).ok_or(None)?;
        return Ok(Endpoint { host, port });
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return instead(format!("{text}:80"));
    };
    // Hosts and ports are checked as in an origin, except that upper case is allowed.
    let origin = format!("http://{}:{port}", host.to_ascii_lowercase());
    match (Origin::parse(origin.as_bytes()), port.parse()) {
        (Ok(Origin::Tuple(_)), Ok(port)) if !host.starts_with('[') => Ok(Endpoint {
            host: host.to_owned(),
            port,
        }),
        _ => Err(None),
    }
}
