//! `upstreams`: the backends that requests go to.

use super::endpoints::endpoints;
use super::health::{health_check, outlier_detection};
use super::inputs::Inputs;
use super::timeouts::RawTimeouts;
use super::upstream_tls::upstream_tls;
use super::values::{duration, time_out};
use super::written_answers::{OF_AN_UPSTREAM, refuse_beside_respond, written_answer};
use crate::config::compiled::{HashKey, LoadBalancing, Protocol, Timeouts, Upstream, UpstreamKind};
use crate::config::raw::{
    RawDuration, RawHashKey, RawHashKeyField, RawHashKeyWord, RawLoadBalancing, RawProtocol,
    RawUpstream,
};
use crate::config::report::Report;
use crate::cors::is_token;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Upstreams, sorted by name; `None` for one that is wrong, so that a route to it is not wrong as well.
pub(super) type Upstreams = Vec<(String, Option<Upstream>)>;

/// Maximum number of upstreams, each of which has tasks of its own; more are refused.
const MAX_UPSTREAMS: usize = 10_000;

/// Maximum number of further tries; more are refused, because each may take as long as the first.
pub const MAX_RETRIES: usize = 10;
/// Default number of further tries.
const RETRIES: usize = 2;

/// Bounds of `resolve_interval`, and its default.
const RESOLVE_INTERVAL: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);
const DEFAULT_RESOLVE_INTERVAL: Duration = Duration::from_secs(30);

/// Default time that an unused connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Compiles `upstreams`, of which there must be one.
pub(super) fn upstreams(
    report: &mut Report<'_>,
    inputs: &mut Inputs,
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
            let upstream = upstream(report, inputs, &name, raw.unwrap_or_default());
            (name, upstream)
        })
        .collect()
}

fn upstream(
    report: &mut Report<'_>,
    inputs: &mut Inputs,
    name: &str,
    raw: RawUpstream,
) -> Option<Upstream> {
    let RawUpstream {
        endpoints: raw_endpoints,
        echo,
        respond,
        resolve_interval,
        protocol,
        tls,
        load_balancing,
        hash_key,
        connect_timeout: connect,
        read_timeout: read,
        write_timeout: write,
        stream_timeout: stream,
        tunnel_timeout: tunnel,
        idle_timeout,
        max_connections,
        retries,
        health_check: raw_health_check,
        outlier_detection: raw_outlier_detection,
    } = raw;
    let path = format!("upstreams.{name}");
    let endpoints_path = format!("{path}.endpoints");
    let before = report.error_count();
    let has_tls = tls.is_some() || report.was_refused_within(&format!("{path}.tls"));
    let is_echo = echo.unwrap_or(false);
    let is_of_several_kinds = match (&raw_endpoints, is_echo, &respond) {
        (Some(_), true, None) => {
            let message = "an upstream is either `echo` or has `endpoints`";
            report.error(&path, message).hint("remove one of them");
            true
        }
        (Some(_), _, Some(_)) | (None, true, Some(_)) => {
            let message = "an upstream has `endpoints`, or is `echo`, or has `respond`";
            report
                .error(&path, message)
                .hint("write one of them, and an upstream for each of the others");
            true
        }
        _ => false,
    };
    let answer = respond.map(|raw| {
        let path = format!("{path}.respond");
        written_answer(report, &path, raw, &OF_AN_UPSTREAM)
    });
    if answer.is_some() && !is_of_several_kinds {
        let keys = [
            ("resolve_interval", resolve_interval.is_some()),
            ("protocol", protocol.is_some()),
            ("tls", tls.is_some()),
            ("load_balancing", load_balancing.is_some()),
            ("hash_key", hash_key.is_some()),
            ("connect_timeout", connect.is_some()),
            ("read_timeout", read.is_some()),
            ("write_timeout", write.is_some()),
            ("stream_timeout", stream.is_some()),
            ("tunnel_timeout", tunnel.is_some()),
            ("idle_timeout", idle_timeout.is_some()),
            ("max_connections", max_connections.is_some()),
            ("retries", retries.is_some()),
            ("health_check", raw_health_check.is_some()),
            ("outlier_detection", raw_outlier_detection.is_some()),
        ];
        refuse_beside_respond(report, &path, &keys);
        if report.error_count() > before {
            return None;
        }
    }
    let kind = match (raw_endpoints, is_echo, answer) {
        (Some(raw), ..) => {
            UpstreamKind::Endpoints(endpoints(report, &endpoints_path, raw, has_tls))
        }
        (None, true, _) => UpstreamKind::Echo,
        (None, false, Some(answer)) => UpstreamKind::Respond(answer),
        (None, false, None) => {
            let mut others = ["echo", "respond"].into_iter();
            let is_refused = others.any(|key| report.was_refused(&format!("{path}.{key}")));
            if !report.was_refused(&endpoints_path) && !is_refused {
                report
                    .error(&path, "`endpoints` is missing")
                    .hint("write `endpoints: [127.0.0.1:9000]`");
            }
            return None;
        }
    };
    let protocol = protocol.map_or(Protocol::Http1, Protocol::from);
    check_protocol(report, &path, protocol, has_tls, kind == UpstreamKind::Echo);
    let tls = tls.map(|raw| upstream_tls(report, inputs, &format!("{path}.tls"), raw));
    if max_connections == Some(0) {
        let message = "an endpoint without connections serves no request";
        report
            .error(format!("{path}.max_connections"), message)
            .hint("leave it out for no limit");
    }
    let retries = retries.unwrap_or(RETRIES);
    if retries > MAX_RETRIES {
        report
            .error(
                format!("{path}.retries"),
                format!("{retries} further tries are too many"),
            )
            .hint(format!("write a number from 0 to {MAX_RETRIES}"));
    }
    let timeouts = RawTimeouts {
        connect,
        read,
        write,
        stream,
        tunnel,
    };
    let of_idle = format!("{path}.idle_timeout");
    let upstream = Upstream {
        name: name.to_owned(),
        kind,
        resolve_interval: resolve(
            report,
            &format!("{path}.resolve_interval"),
            resolve_interval,
        ),
        protocol,
        load_balancing: balancing(report, &path, load_balancing, hash_key),
        timeouts: timeouts.over(report, &path, Timeouts::default()),
        idle_timeout: time_out(report, &of_idle, idle_timeout, IDLE_TIMEOUT),
        max_connections,
        retries,
        health_check: raw_health_check
            .map(|raw| health_check(report, &format!("{path}.health_check"), raw)),
        outlier_detection: raw_outlier_detection
            .map(|raw| outlier_detection(report, &format!("{path}.outlier_detection"), raw)),
        // One that is wrong has been reported.
        tls: tls.flatten(),
    };
    (report.error_count() == before).then_some(upstream)
}

/// Checks that protocol and TLS go together.
fn check_protocol(
    report: &mut Report<'_>,
    path: &str,
    protocol: Protocol,
    has_tls: bool,
    is_echo: bool,
) {
    let of_protocol = format!("{path}.protocol");
    match (protocol, has_tls) {
        (Protocol::H2, false) if !report.was_refused(&format!("{path}.tls")) => {
            report
                .error(
                    of_protocol,
                    "`h2` is negotiated in TLS, and this upstream has no `tls`",
                )
                .hint("write `tls: { server_name: … }` as well, or `h2c` for HTTP/2 in clear text");
        }
        (Protocol::H2c, true) => {
            report
                .error(
                    of_protocol,
                    "`h2c` is HTTP/2 in clear text, and this upstream has `tls`",
                )
                .hint("write `h2`, or remove `tls`");
        }
        _ => {}
    }
    if is_echo && has_tls {
        report
            .error(format!("{path}.tls"), "the built-in upstream speaks no TLS")
            .hint("remove it");
    }
}

fn resolve(report: &mut Report<'_>, path: &str, raw: Option<RawDuration>) -> Duration {
    let interval = duration(raw, DEFAULT_RESOLVE_INTERVAL);
    if !RESOLVE_INTERVAL.contains(&interval) {
        report
            .error(path, "an interval that is out of range")
            .hint("write a duration from `1s` to `1day`");
    }
    interval
}

/// Compiles `load_balancing`, and `hash_key` beside it.
fn balancing(
    report: &mut Report<'_>,
    path: &str,
    raw: Option<RawLoadBalancing>,
    key: Option<RawHashKey>,
) -> LoadBalancing {
    let of_key = format!("{path}.hash_key");
    let says_hash = matches!(raw, Some(RawLoadBalancing::ConsistentHash));
    if key.is_some() && !says_hash && !report.was_refused(&format!("{path}.load_balancing")) {
        report
            .error(&of_key, "only `consistent_hash` goes by a key")
            .hint("write `load_balancing: consistent_hash` as well, or remove it");
    }
    match raw {
        Some(RawLoadBalancing::RoundRobin) | None => LoadBalancing::RoundRobin,
        Some(RawLoadBalancing::Random) => LoadBalancing::Random,
        Some(RawLoadBalancing::ConsistentHash) => {
            LoadBalancing::ConsistentHash(hash_key(report, &of_key, key))
        }
    }
}

fn hash_key(report: &mut Report<'_>, path: &str, raw: Option<RawHashKey>) -> HashKey {
    let field = match raw {
        None | Some(RawHashKey::Word(RawHashKeyWord::ClientAddress)) => {
            return HashKey::ClientAddress;
        }
        Some(RawHashKey::Word(RawHashKeyWord::Path)) => return HashKey::Path,
        Some(RawHashKey::Field(field)) => field,
    };
    let RawHashKeyField { header, cookie } = field;
    let mut token = |key: &str, name: &str| {
        if !is_token(name.as_bytes()) {
            let message = format!("`{name}` can't be the name of a {key}");
            report
                .error(format!("{path}.{key}"), message)
                .hint(format!("write a name such as `{{ {key}: x-tenant }}`"));
        }
    };
    match (header, cookie) {
        (Some(header), None) => {
            token("header", &header);
            HashKey::Header(header.to_ascii_lowercase())
        }
        (None, Some(cookie)) => {
            token("cookie", &cookie);
            HashKey::Cookie(cookie)
        }
        (header, _) => {
            if !report.was_refused_within(path) {
                let message = match header {
                    Some(_) => "a key is a `header` or a `cookie`",
                    None => "the name is missing",
                };
                report
                    .error(path, message)
                    .hint("write one of them, such as `{ header: x-tenant }`");
            }
            HashKey::ClientAddress
        }
    }
}

impl From<RawProtocol> for Protocol {
    fn from(raw: RawProtocol) -> Self {
        match raw {
            RawProtocol::Http1 => Self::Http1,
            RawProtocol::H2 => Self::H2,
            RawProtocol::H2c => Self::H2c,
        }
    }
}
