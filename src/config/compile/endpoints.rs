//! `endpoints` of an upstream.

use super::values::elements;
use crate::config::compiled::Endpoint;
use crate::config::raw::Seq;
use crate::config::report::Report;
use crate::config::warning::WarningName;
use crate::cors::Origin;
use std::net::SocketAddr;

/// Maximum number of endpoints of one upstream; more are refused.
const MAX_ENDPOINTS: usize = 1_000;

/// Ports on which servers nearly always speak TLS.
const TLS_PORTS: [u16; 2] = [443, 8443];

/// Compiles the list at `path`. `has_tls` says whether the gateway speaks TLS to them.
pub(super) fn endpoints(
    report: &mut Report<'_>,
    path: &str,
    raw: Seq<String>,
    has_tls: bool,
) -> Vec<Endpoint> {
    if raw.is_empty() {
        report
            .error(path, "the list of endpoints is empty")
            .hint("write `[127.0.0.1:9000]`");
    }
    if raw.len() > MAX_ENDPOINTS {
        let message = format!("`endpoints` has more than {MAX_ENDPOINTS} elements");
        report
            .error(path, message)
            .hint("name a load balancer, or a name with several addresses");
        return Vec::new();
    }
    let mut endpoints = Vec::new();
    for (path, text) in elements(report, path, raw) {
        match parse(&text) {
            Ok(endpoint) => {
                if !has_tls && TLS_PORTS.contains(&endpoint.port) {
                    let message = format!(
                        "`{text}` is spoken to in clear text, and servers speak TLS on port {}",
                        endpoint.port
                    );
                    report
                        .warn(WarningName::EndpointWithoutTls, &path, message)
                        .hint(format!(
                            "write `{}` beside `endpoints`, or name a port that takes plain HTTP",
                            tls_for(&endpoint.host)
                        ));
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
    endpoints
}

/// Returns the `tls` of an upstream whose certificate has this name.
fn tls_for(host: &str) -> String {
    let quotes = if host.contains(':') { "\"" } else { "" };
    format!("tls: {{ server_name: {quotes}{host}{quotes} }}")
}

/// Parses an element of `endpoints`; the error is the hint.
fn parse(text: &str) -> Result<Endpoint, Option<String>> {
    let instead = |guess: String| {
        let is_right = parse(&guess).is_ok();
        Err(is_right.then(|| format!("write `{guess}`")))
    };
    if let Some((scheme, rest)) = text.split_once("://") {
        let authority = rest.split('/').next().unwrap_or(rest);
        return match (scheme, authority.contains(':')) {
            ("https", has_port) => {
                let guess = match has_port {
                    true => authority.to_owned(),
                    false => format!("{authority}:443"),
                };
                Err(parse(&guess).ok().map(|Endpoint { host, .. }| {
                    format!(
                        "write `{guess}`, and `{}` beside `endpoints`",
                        tls_for(&host)
                    )
                }))
            }
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
