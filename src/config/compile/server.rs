//! `server` and `limits`: the threads and the end of the process, and what clients may take.

use super::rate_limits::{body_bytes, rate_limit};
use super::values::{duration, time_out};
use crate::config::compiled::{Limits, Server};
use crate::config::raw::{RawLimits, RawServer, RawSize};
use crate::config::report::Report;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Maximum number of threads; more than that is more than any machine has cores, and a mistake.
const MAX_THREADS: usize = 1024;

/// Bounds of `max_request_header_bytes`: below them no request gets through, beyond them a few
/// clients can take much memory.
const HEADER_BYTES: RangeInclusive<u64> = 256..=1 << 20;

/// Bounds of `max_request_headers`. No room in the program reads a header with more fields.
const HEADERS: RangeInclusive<usize> = 1..=256;

/// Bounds of `max_concurrent_streams`. A browser has about a hundred requests open on a connection;
/// with thousands, one connection could take the place of all others.
const STREAMS: RangeInclusive<u32> = 1..=1000;

/// Compiles `server`.
pub(super) fn server(report: &mut Report<'_>, raw: RawServer) -> Server {
    let RawServer {
        threads,
        express_lane,
        shutdown_delay,
        grace_period,
        shutdown_timeout,
        run_directory,
    } = raw;
    let defaults = Server::default();
    if threads.is_some_and(|threads| threads > MAX_THREADS) {
        let message = format!("more than {MAX_THREADS} threads");
        report
            .error("server.threads", message)
            .hint("write 0 for one per core");
    }
    Server {
        threads: threads.unwrap_or(defaults.threads),
        express_lane: express_lane.unwrap_or(defaults.express_lane),
        shutdown_delay: duration(shutdown_delay, defaults.shutdown_delay),
        grace_period: duration(grace_period, defaults.grace_period),
        shutdown_timeout: duration(shutdown_timeout, defaults.shutdown_timeout),
        run_directory: run_directory.and_then(|name| folder(report, &name)),
    }
}

/// Compiles the name of a folder, which is relative to the file.
fn folder(report: &mut Report<'_>, name: &str) -> Option<PathBuf> {
    if name.is_empty() {
        report
            .error("server.run_directory", "the folder's name is empty")
            .hint("write a folder that only the gateway's user may enter");
        return None;
    }
    let parent = report.file().parent().unwrap_or(Path::new(""));
    Some(parent.join(name))
}

/// Compiles `limits`.
pub(super) fn limits(report: &mut Report<'_>, raw: RawLimits) -> Limits {
    let RawLimits {
        max_connections,
        max_requests,
        max_request_header_bytes,
        max_request_headers,
        header_timeout,
        body_timeout,
        keepalive_timeout,
        write_timeout,
        max_concurrent_streams,
        max_request_body_bytes: body,
        rate_limit: rate,
    } = raw;
    let defaults = Limits::default();
    if let Some(RawSize(size)) = max_request_header_bytes
        && !HEADER_BYTES.contains(&size)
    {
        let path = "limits.max_request_header_bytes";
        report
            .error(path, "a header of this size is out of range")
            .hint("write a size from 256B to 1MiB");
    }
    if let Some(count) = max_request_headers
        && !HEADERS.contains(&count)
    {
        let path = "limits.max_request_headers";
        report
            .error(path, "a number of header fields that is out of range")
            .hint("write a number from 1 to 256; a browser sends about 20");
    }
    if let Some(count) = max_concurrent_streams
        && !STREAMS.contains(&count)
    {
        let path = "limits.max_concurrent_streams";
        report
            .error(path, "a number of streams that is out of range")
            .hint("write a number from 1 to 1000; most servers allow 100");
    }
    for (key, count, what) in [
        ("max_connections", max_connections, "connections"),
        ("max_requests", max_requests, "requests"),
    ] {
        if count == Some(0) {
            let message = format!("a gateway without {what} serves no client");
            report
                .error(format!("limits.{key}"), message)
                .hint("leave it out for the default");
        }
    }
    let max_request_body_bytes = body_bytes(report, "limits.max_request_body_bytes", body);
    let rate_limit = rate_limit(report, "limits.rate_limit", rate);
    let mut time_out =
        |key: &str, raw, default| time_out(report, &format!("limits.{key}"), raw, default);
    Limits {
        max_request_body_bytes,
        rate_limit,
        max_connections: max_connections.unwrap_or(defaults.max_connections),
        max_requests: max_requests.unwrap_or(defaults.max_requests),
        max_request_headers: max_request_headers.unwrap_or(defaults.max_request_headers),
        max_request_header_bytes: max_request_header_bytes
            .map_or(defaults.max_request_header_bytes, |RawSize(size)| size),
        header_timeout: time_out("header_timeout", header_timeout, defaults.header_timeout),
        body_timeout: time_out("body_timeout", body_timeout, defaults.body_timeout),
        keepalive_timeout: time_out(
            "keepalive_timeout",
            keepalive_timeout,
            defaults.keepalive_timeout,
        ),
        write_timeout: time_out("write_timeout", write_timeout, defaults.write_timeout),
        max_concurrent_streams: max_concurrent_streams.unwrap_or(defaults.max_concurrent_streams),
    }
}
