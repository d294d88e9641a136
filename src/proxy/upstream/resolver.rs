//! The addresses that the names of a backend's endpoints resolve to. While a name can't be resolved, its
//! last addresses are kept.

use super::tasks;
use crate::config::{Endpoint, Upstream};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::lookup_host;
use tokio::sync::Semaphore;
use tracing::warn;

/// Maximum time until the next look-up after one that failed.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum number of addresses of one upstream; more are left out, and the log says so.
const MAX_ADDRESSES: usize = 1_000;
/// Maximum number of look-ups at once, those of all upstreams together. Each takes a thread.
const MAX_AT_ONCE: usize = 32;

static LOOK_UPS: Semaphore = Semaphore::const_new(MAX_AT_ONCE);

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Resolution {
    /// The last addresses of each configured endpoint.
    known: Vec<Vec<SocketAddr>>,
    /// Whether the last look-up found something for each of them, and not too much.
    is_complete: bool,
    /// The time of the next look-up.
    next: Instant,
}

/// An address, and the configured endpoint that it is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolved<'a> {
    pub address: SocketAddr,
    pub configured: &'a Endpoint,
}

// === impl Resolution ===

impl Resolution {
    /// Knows the endpoints that are written as addresses, and asks for the others at once.
    pub(super) fn new(configured: &[Endpoint], now: Instant) -> Self {
        let known = configured
            .iter()
            .map(|one| one.literal().into_iter().collect());
        Self {
            known: known.collect(),
            is_complete: true,
            next: now,
        }
    }

    /// Knows of `configured` what was known of `previous`.
    pub(super) fn taken_over(&self, previous: &[Endpoint], configured: &[Endpoint]) -> Self {
        let mut new = Self::new(configured, Instant::now());
        for (one, known) in configured.iter().zip(&mut new.known) {
            if known.is_empty()
                && let Some(at) = previous.iter().position(|other| other == one)
            {
                known.clone_from(&self.known[at]);
            }
        }
        new
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Returns all addresses that are known, within their bound.
    pub(super) fn addresses<'c>(&self, configured: &'c [Endpoint]) -> Vec<Resolved<'c>> {
        let each = configured.iter().zip(&self.known);
        let all = each.flat_map(|(configured, known)| {
            known.iter().map(move |&address| Resolved {
                address,
                configured,
            })
        });
        all.take(MAX_ADDRESSES).collect()
    }

    /// Takes the results of a look-up.
    pub(super) fn take(
        &mut self,
        upstream: &Upstream,
        configured: &[Endpoint],
        found: Vec<io::Result<Vec<SocketAddr>>>,
        now: Instant,
    ) {
        // One log line per failure, not one per try.
        let is_news = self.is_complete;
        self.is_complete = true;
        let name = upstream.name.as_str();
        for ((endpoint, known), found) in configured.iter().zip(&mut self.known).zip(found) {
            let host = &endpoint.host;
            match found {
                Ok(found) if !found.is_empty() => *known = found,
                Ok(_) => {
                    self.is_complete = false;
                    if is_news {
                        warn!(upstream = name, host, "name has no address; asking again");
                    }
                }
                Err(error) => {
                    self.is_complete = false;
                    if is_news {
                        warn!(upstream = name, host, %error, "can't resolve; trying on");
                    }
                }
            }
        }
        let count: usize = self.known.iter().map(Vec::len).sum();
        if is_news && count > MAX_ADDRESSES {
            warn!(
                upstream = name,
                "names have {count} addresses; {MAX_ADDRESSES} are used"
            );
        }
        let interval = upstream.resolve_interval;
        self.next = now
            + match self.is_complete {
                true => interval,
                false => interval.min(RETRY_INTERVAL),
            };
    }
}

/// Looks up each endpoint. An address is not asked for.
pub(super) async fn look_up(configured: &[Endpoint]) -> Vec<io::Result<Vec<SocketAddr>>> {
    let mut found: Vec<io::Result<Vec<SocketAddr>>> = configured
        .iter()
        .map(|one| Ok(one.literal().into_iter().collect()))
        .collect();
    let names = configured.iter().enumerate();
    let names = names.filter(|(_, one)| one.literal().is_none());
    let look_ups = names.map(|(at, one)| {
        let (host, port) = (one.host.clone(), one.port);
        async move {
            // The semaphore is never closed.
            let _permit = LOOK_UPS.acquire().await;
            (at, lookup(&host, port).await)
        }
    });
    tasks::run(look_ups, MAX_AT_ONCE, |(at, result)| found[at] = result).await;
    found
}

async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut found: Vec<SocketAddr> = lookup_host((host, port))
        .await?
        .take(MAX_ADDRESSES + 1)
        .collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str) -> Endpoint {
        Endpoint {
            host: host.to_owned(),
            port: 80,
        }
    }

    fn addresses(count: u16) -> Vec<SocketAddr> {
        (0..count)
            .map(|n| {
                let [high, low] = n.to_be_bytes();
                SocketAddr::from(([10, 0, high, low], 80))
            })
            .collect()
    }

    fn upstream() -> Upstream {
        let text = "upstreams: { u: { endpoints: ['a:80'], resolve_interval: 20s } }\n\
                    listeners: [{ address: '127.0.0.1:0' }]\n\
                    routes: [{ upstream: u }]\n";
        let config = crate::config::Config::parse(text, std::path::Path::new("x.yaml"));
        let mut config = config.expect("valid");
        config.upstreams.remove(0)
    }

    #[test]
    fn the_last_good_answer_is_kept() {
        let configured = [endpoint("a"), endpoint("10.9.9.9"), endpoint("b")];
        let now = Instant::now();
        let mut resolution = Resolution::new(&configured, now);
        let count = |resolution: &Resolution| resolution.addresses(&configured).len();
        assert_eq!((count(&resolution), resolution.next()), (1, now));
        let literal = || Ok(configured[1].literal().into_iter().collect());
        let failed = || Err(io::Error::other("no name server"));
        let upstream = upstream();
        let (second, interval) = (Duration::from_secs(1), Duration::from_secs(20));
        for (found, expected, wait) in [
            ([failed(), literal(), failed()], 1, second),
            ([Ok(addresses(2)), literal(), failed()], 3, second),
            ([Ok(addresses(2)), literal(), Ok(addresses(3))], 6, interval),
            // Neither an error nor an empty answer takes an address away.
            ([failed(), literal(), Ok(Vec::new())], 6, second),
            ([Ok(addresses(1)), literal(), failed()], 5, second),
            ([Ok(addresses(1)), literal(), Ok(addresses(1))], 3, interval),
            (
                [Ok(addresses(1_500)), literal(), Ok(addresses(1))],
                1_000,
                interval,
            ),
        ] {
            resolution.take(&upstream, &configured, found.into(), now);
            assert_eq!(count(&resolution), expected);
            assert_eq!(resolution.next(), now + wait);
        }
        let renamed = [endpoint("b"), endpoint("c")];
        let taken_over = resolution.taken_over(&configured, &renamed);
        assert_eq!(taken_over.addresses(&renamed).len(), 1);
    }
}
