//! The time-outs for upstreams: an upstream has them for all its routes, and a route for itself.

use super::values::time_out;
use crate::config::compiled::Timeouts;
use crate::config::raw::RawDuration;
use crate::config::report::Report;

/// The time-outs as an upstream or a route has written them.
#[derive(Default)]
pub(super) struct RawTimeouts {
    pub connect: Option<RawDuration>,
    pub read: Option<RawDuration>,
    pub write: Option<RawDuration>,
    pub stream: Option<RawDuration>,
    pub tunnel: Option<RawDuration>,
}

// === impl RawTimeouts ===

impl RawTimeouts {
    /// Compiles the time-outs of the upstream or the route at `path`; those that it has not written are
    /// taken from `defaults`.
    pub(super) fn over(self, report: &mut Report<'_>, path: &str, defaults: Timeouts) -> Timeouts {
        let Self {
            connect,
            read,
            write,
            stream,
            tunnel,
        } = self;
        let mut time_out =
            |key: &str, raw, default| time_out(report, &format!("{path}.{key}"), raw, default);
        Timeouts {
            connect: time_out("connect_timeout", connect, defaults.connect),
            read: time_out("read_timeout", read, defaults.read),
            write: time_out("write_timeout", write, defaults.write),
            stream: time_out("stream_timeout", stream, defaults.stream),
            tunnel: time_out("tunnel_timeout", tunnel, defaults.tunnel),
        }
    }
}
