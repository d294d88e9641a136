//! Who is being rejected: the origins, methods and headers that CORS says no to most often, for the admin
//! listener, and one of them per second in the log.
//!
//! *Invariant:* whatever clients send, memory is bounded, their values are escaped where they are shown,
//! and a request never waits: one that finds the tables in use is counted and left out.

mod page;
mod table;

use crate::cors::{Reason, SingleValue};
use crate::once_per_second::OncePerSecond;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use table::{Last, MAX_VALUE, Table, start_of};
use tracing::info;

/// Maximum number of refused headers of one preflight that are noted; more are left out.
const MAX_HEADERS: usize = 8;

/// The value in place of a field that is missing.
const MISSING: &[u8] = b"(missing)";
/// The value in place of a field of which there are several lines.
const SEVERAL_LINES: &[u8] = b"(several)";
/// The value in place of the names in a list that is past its bounds.
const TOO_MANY: &[u8] = b"(too-long)";

/// The requests of a gateway that CORS has said no to, since its start.
#[derive(Debug)]
pub struct Rejections {
    tables: Mutex<Tables>,
    /// Number of requests that found the tables in use.
    missed: AtomicU64,
    started: SystemTime,
    log_lines: OncePerSecond,
}

#[derive(Debug, Default)]
struct Tables {
    origins: Table,
    methods: Table,
    headers: Table,
}

/// A request that CORS says no to. All but the route's name was sent by a client.
#[derive(Debug, Clone, Copy)]
pub struct Rejected<'a> {
    pub route: &'a str,
    pub reason: Reason,
    pub origin: SingleValue<'a>,
    /// The method of the script: that which a preflight asks for.
    pub method: SingleValue<'a>,
    /// Without a query, which may hold secrets.
    pub path: &'a [u8],
}

// === impl Rejections ===

impl Default for Rejections {
    fn default() -> Self {
        Self {
            tables: Mutex::default(),
            missed: AtomicU64::new(0),
            // An earlier time can't be written.
            started: SystemTime::now().max(UNIX_EPOCH),
            log_lines: OncePerSecond::since(Instant::now()),
        }
    }
}

impl Rejections {
    /// Notes a request that came at `now`, and logs it unless another one was logged in this second or later.
    /// `headers` are the names that it was refused for.
    pub fn note<'a>(
        &self,
        rejected: &Rejected<'a>,
        headers: impl Iterator<Item = &'a [u8]> + Clone,
        now: Instant,
    ) {
        self.log(rejected, headers.clone(), now);
        let Some(mut tables) = self.tables.try_lock() else {
            self.missed.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let Rejected {
            route,
            reason,
            origin,
            method,
            path,
        } = *rejected;
        let (origin, method) = (value_of(origin), value_of(method));
        let last = Last {
            at: now,
            origin,
            method,
            path,
        };
        match reason {
            Reason::Allowed | Reason::RoutePassthrough => {}
            Reason::OriginNotAllowed | Reason::MalformedOrigin | Reason::NoRoute => {
                tables.origins.add(route, reason, origin, last);
            }
            // The method is OPTIONS.
            Reason::MethodNotAllowed | Reason::MalformedMethod | Reason::NotAPreflight => {
                tables.methods.add(route, reason, method, last);
            }
            Reason::HeadersNotAllowed | Reason::MalformedHeaders => {
                let mut headers = headers.take(MAX_HEADERS).peekable();
                if headers.peek().is_none() {
                    tables.headers.add(route, reason, TOO_MANY, last);
                }
                for name in headers {
                    tables.headers.add(route, reason, name, last);
                }
            }
        }
    }

    fn log<'a>(
        &self,
        rejected: &Rejected<'a>,
        mut headers: impl Iterator<Item = &'a [u8]>,
        now: Instant,
    ) {
        let Some(left_out) = self.log_lines.take(now) else {
            return;
        };
        let header = match rejected.reason {
            Reason::HeadersNotAllowed | Reason::MalformedHeaders => headers.next(),
            _ => None,
        };
        info!(
            reason = rejected.reason.as_str(),
            route = rejected.route,
            origin = told(value_of(rejected.origin)),
            method = told(value_of(rejected.method)),
            path = told(rejected.path),
            header = header.map(told),
            left_out = (left_out > 0).then_some(left_out),
            "rejected by CORS; /rejections on the admin listener has the most frequent ones"
        );
    }

    /// Forgets a route that the configuration no longer has.
    pub fn forget_route(&self, name: &str) {
        let mut tables = self.tables.lock();
        let Tables {
            origins,
            methods,
            headers,
        } = &mut *tables;
        for table in [origins, methods, headers] {
            table.forget_route(name);
        }
    }
}

/// Returns bytes that a client sent, as they are safe to show: ASCII, and not endless. The log quotes them.
fn told(bytes: &[u8]) -> String {
    page::shown(start_of(bytes, MAX_VALUE)).to_string()
}

/// Returns the value of a field, or what stands for it.
fn value_of(field: SingleValue<'_>) -> &[u8] {
    match field {
        SingleValue::One(value) => value,
        SingleValue::Many => SEVERAL_LINES,
        SingleValue::Absent => MISSING,
    }
}

#[cfg(test)]
mod tests;
