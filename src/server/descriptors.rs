//! File descriptors: what the process may have is shared out, so that none of its needs starves another.
//!
//! A client connection takes one, and so does a request that waits for an upstream. Without shares, the
//! streams of a few HTTP/2 clients could take them all, and no client would be accepted any more, nor
//! the page `/livez` served.

use crate::config::Limits;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::{info, warn};

/// Descriptors that are kept for everything but traffic: the admin and metrics listeners, refused
/// connections, files, the log, the runtimes.
const RESERVED: usize = 512;

/// Maximum number of idle connections to upstreams that a thread keeps in one pool.
const MAX_POOLED: usize = 128;

/// The pools of idle connections: pingora's, and that of the express lane.
const POOLS: usize = 2;

/// The limit on the process's file descriptors, and the shares of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descriptors {
    limit: usize,
    /// Number of idle connections to upstreams that each thread may keep in each pool.
    pub pooled_per_thread: usize,
    /// Descriptors that are left for connections and requests.
    traffic: usize,
}

// === impl Descriptors ===

impl Descriptors {
    /// Raises the limit as far as the process may, and shares it out. Many systems start a process with
    /// 1024.
    pub(super) fn provide(threads: usize) -> Self {
        let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
            return Self::share(usize::MAX, threads);
        };
        let limit = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => hard,
            Err(_) => soft,
        };
        Self::share(usize::try_from(limit).unwrap_or(usize::MAX), threads)
    }

    fn share(limit: usize, threads: usize) -> Self {
        let beside_reserve = limit - RESERVED.min(limit / 4);
        let pooled_per_thread = (beside_reserve / 8 / POOLS / threads).clamp(1, MAX_POOLED);
        Self {
            limit,
            pooled_per_thread,
            traffic: beside_reserve.saturating_sub(POOLS * pooled_per_thread * threads),
        }
    }

    /// Lowers the limits on connections and requests to what there are descriptors for: half of them
    /// for each, or what the other leaves.
    pub(super) fn bound(&self, limits: &Limits) -> Limits {
        let half = self.traffic / 2;
        let beside_connections = self.traffic.saturating_sub(limits.max_connections);
        let max_requests = limits.max_requests.min(half.max(beside_connections));
        Limits {
            max_requests,
            max_connections: limits.max_connections.min(self.traffic - max_requests),
            ..*limits
        }
    }

    /// Logs what there are descriptors for.
    pub(super) fn report(&self, limits: &Limits) {
        let Limits {
            max_connections: connections,
            max_requests: requests,
            ..
        } = self.bound(limits);
        let (max_connections, max_requests) = (limits.max_connections, limits.max_requests);
        let limit = self.limit;
        if (connections, requests) == (max_connections, max_requests) {
            return info!(
                "limit of {limit} file descriptors is enough for {connections} connections and \
                 {requests} requests at once"
            );
        }
        warn!(
            "limit of {limit} file descriptors is enough for {connections} connections and {requests} \
             requests at once, and no more are taken, although limits.max_connections is \
             {max_connections} and limits.max_requests is {max_requests}; raise the limit \
             (`ulimit -n`, LimitNOFILE=) or lower these"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_need_starves_another_however_few_descriptors_there_are() {
        for (limit, threads, configured, expected) in [
            (1 << 20, 2, (20_000, 10_000), (20_000, 10_000)),
            (1024, 2, (20_000, 10_000), (336, 336)),
            (1024, 2, (100, 10_000), (100, 572)),
            (1024, 2, (20_000, 100), (572, 100)),
            (1024, 2, (300, 300), (300, 300)),
            (256, 64, (20_000, 10_000), (32, 32)),
            (16, 1, (20_000, 10_000), (5, 5)),
        ] {
            let limits = Limits {
                max_connections: configured.0,
                max_requests: configured.1,
                ..Limits::default()
            };
            let descriptors = Descriptors::share(limit, threads);
            let limits = descriptors.bound(&limits);
            let shares = (limits.max_connections, limits.max_requests);
            assert_eq!(shares, expected, "{limit} descriptors, {configured:?}");
            let pooled = POOLS * descriptors.pooled_per_thread * threads;
            assert!(shares.0 + shares.1 + pooled <= limit, "{limit} descriptors");
        }
    }
}
