//! `upstreams`: where requests go.

use super::Compiler;
use crate::config::raw::{RawLoadBalancing, RawProtocol, RawUpstream, Seq};
use crate::config::{Endpoint, Protocol, Upstream, UpstreamKind};
use crate::cors::Origin;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const DEFAULT_READ_TIMEOUT: Duration = Duration::from_secs(30);

impl Compiler<'_> {
    /// By name; `None` where it is wrong, so that a route to it is not wrong as well.
    pub(super) fn upstreams(
        &mut self,
        raw: Option<BTreeMap<String, Option<RawUpstream>>>,
    ) -> Vec<(String, Option<Upstream>)> {
        let what = "name at least one, such as `api: { endpoints: [127.0.0.1:9000] }`";
        let Some(raw) = raw else {
            if !self.was_refused("upstreams") {
                self.error("", format!("`upstreams` is missing: {what}"), None);
            }
            return Vec::new();
        };
        if raw.is_empty() && !self.was_refused_within("upstreams") {
            self.error("upstreams", format!("`upstreams` is empty: {what}"), None);
        }
        raw.into_iter()
            .map(|(name, raw)| {
                let upstream = self.upstream(&name, raw.unwrap_or_default());
                (name, upstream)
            })
            .collect()
    }

    fn upstream(&mut self, name: &str, raw: RawUpstream) -> Option<Upstream> {
        let RawUpstream {
            endpoints,
            echo,
            protocol,
            load_balancing,
            connect_timeout,
            read_timeout,
        } = raw;
        let path = format!("upstreams.{name}");
        let before = self.error_count();
        let kind = match (endpoints, echo.unwrap_or(false)) {
            (Some(endpoints), false) => self.endpoints(&format!("{path}.endpoints"), endpoints),
            (None, true) => UpstreamKind::Echo,
            (Some(endpoints), true) => {
                let message = "an upstream is either `echo` or has `endpoints`";
                self.error(&path, message, "remove one of them".to_owned());
                self.endpoints(&format!("{path}.endpoints"), endpoints)
            }
            (None, false) => {
                let refused = |key| self.was_refused(&format!("{path}.{key}"));
                if !refused("endpoints") && !refused("echo") {
                    let hint = "write `endpoints: [127.0.0.1:9000]`".to_owned();
                    self.error(&path, "`endpoints` is missing", hint);
                }
                return None;
            }
        };
        // There is one way to take endpoints in turn; the key is there to say so.
        let (Some(RawLoadBalancing::RoundRobin) | None) = load_balancing;
        let connect_path = format!("{path}.connect_timeout");
        let read_path = format!("{path}.read_timeout");
        let upstream = Upstream {
            name: name.to_owned(),
            kind,
            protocol: match protocol {
                Some(RawProtocol::H2c) => Protocol::H2c,
                Some(RawProtocol::Http1) | None => Protocol::Http1,
            },
            connect_timeout: self.positive(&connect_path, connect_timeout, DEFAULT_CONNECT_TIMEOUT),
            read_timeout: self.positive(&read_path, read_timeout, DEFAULT_READ_TIMEOUT),
        };
        (self.error_count() == before).then_some(upstream)
    }

    fn endpoints(&mut self, path: &str, raw: Seq<String>) -> UpstreamKind {
        if raw.is_empty() {
            let hint = "write `[127.0.0.1:9000]`".to_owned();
            self.error(path, "the list of endpoints is empty", hint);
        }
        let mut endpoints = Vec::new();
        for (path, text) in self.elements(path, raw) {
            match parse_endpoint(&text) {
                Ok(endpoint) => endpoints.push(endpoint),
                Err(hint) => {
                    let message = format!("`{text}` is not an endpoint: HOST:PORT");
                    let hint = hint.unwrap_or_else(|| {
                        "write HOST:PORT, such as `api.internal:9000`".to_owned()
                    });
                    self.error(&path, message, hint);
                }
            }
        }
        UpstreamKind::Endpoints(endpoints)
    }
}

/// The endpoint, or what to write instead.
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
    // The same names and numbers as in an origin, upper case aside.
    let origin = format!("http://{}:{port}", host.to_ascii_lowercase());
    match (Origin::parse(origin.as_bytes()), port.parse()) {
        (Ok(Origin::Tuple(_)), Ok(port)) if !host.starts_with('[') => Ok(Endpoint {
            host: host.to_owned(),
            port,
        }),
        _ => Err(None),
    }
}
