//! Who asks too often: a token bucket for each client, in memory of a fixed size.
//!
//! A bucket is one number, the time at which it will be full again. That is GCRA, the algorithm of ITU-T
//! I.371: nothing runs between two requests, and a bucket that is full is the same as none, so that its
//! place is free.
//!
//! *Invariant:* whatever addresses clients have, memory is bounded, no client is refused for the requests
//! of another, and a client can't exchange its empty bucket for a full one, short of having more
//! addresses than the table has places.
//!
//! The table has sets of eight places. A keyed hash says which set a client is in, so that no client can
//! choose addresses that share one. In a set without a free place, a new client gets the place of the bucket
//! that will be full first; the client that loses it starts again with a full one. So only buckets that take
//! longer to fill push out an empty one, and they have to be in all sets. With so many addresses an attacker
//! may send as many requests as it likes in any case.
//!
//! Refused: `governor` has its stores take its own clock, and counts from the start of a limiter, so that
//! buckets would not outlive a reload; its bounded store would be this table. `pingora-limits` adds up
//! clients whose hashes collide: with many addresses, one refuses all others. Caches that are bounded by
//! number, such as `quick_cache`, throw out by age, and so the buckets of those that are waiting.

mod rate;

pub use rate::{Rate, Wait};

use parking_lot::Mutex;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::time::Instant;

/// Number of places in a set, which are looked through one by one.
const PLACES: usize = 8;
/// Number of sets; a power of two.
const SETS: usize = 1 << 14;

/// The buckets of all clients.
#[derive(Debug)]
pub struct Buckets {
    sets: Box<[Mutex<Set>]>,
    /// Keyed afresh in every process.
    hasher: RandomState,
    /// Times are counted from here.
    started: Instant,
}

/// The buckets that have one name: those of a route, or those that routes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope(u64);

/// The one that a bucket belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    pub scope: Scope,
    pub client: IpAddr,
    /// Preflights have buckets of their own, so that a page's preflights can't use up its requests.
    pub is_preflight: bool,
}

#[derive(Debug, Default)]
struct Set([Bucket; PLACES]);

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    /// The hash of its owner. That two clients have the same one is as likely as guessing a key of 61 bits.
    owner: u64,
    /// Nanoseconds from the start of the table; a full bucket's time has passed.
    full_at: u64,
}

// === impl Buckets ===

impl Default for Buckets {
    fn default() -> Self {
        Self {
            sets: std::iter::repeat_with(Mutex::default).take(SETS).collect(),
            hasher: RandomState::new(),
            started: Instant::now(),
        }
    }
}

impl Buckets {
    /// Maximum bytes that the table takes.
    pub const BYTES: usize = SETS * size_of::<Mutex<Set>>();

    /// Returns the scope of a route's own buckets. It is the same after a reload.
    pub fn scope_of_route(&self, name: &str) -> Scope {
        Scope(self.hasher.hash_one(Some(name)))
    }

    /// Returns the scope of all routes that have no buckets of their own.
    pub fn shared_scope(&self) -> Scope {
        Scope(self.hasher.hash_one(None::<&str>))
    }

    /// Takes a token for a request that comes at `now`, or says when there will be one. A request that is
    /// refused takes none.
    pub fn take(&self, owner: Owner, rate: Rate, now: Instant) -> Result<(), Wait> {
        let Owner {
            scope: Scope(scope),
            client,
            is_preflight,
        } = owner;
        let owner = self.hasher.hash_one((scope, network(client), is_preflight));
        let now = now.saturating_duration_since(self.started);
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        // The set's number is a part of the hash, and its other bits tell the owners in the set apart.
        let at = usize::try_from(owner % SETS as u64).unwrap_or_default();
        match self.sets.get(at) {
            Some(set) => set.lock().take(owner, rate, now),
            None => Ok(()),
        }
    }
}

/// Returns the number of an address, and whether it is one of IPv6. There, a /64 is one client: every host
/// has all the addresses of its network to choose from.
fn network(address: IpAddr) -> (bool, u64) {
    match address.to_canonical() {
        IpAddr::V4(address) => (false, u64::from(address.to_bits())),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments().map(u64::from);
            (true, a << 48 | b << 32 | c << 16 | d)
        }
    }
}

// === impl Set ===

impl Set {
    fn take(&mut self, owner: u64, rate: Rate, now: u64) -> Result<(), Wait> {
        let Self(buckets) = self;
        if let Some(bucket) = buckets.iter_mut().find(|bucket| bucket.owner == owner) {
            return rate.take(&mut bucket.full_at, now);
        }
        // One that is full, or else the one that will be first.
        match buckets.iter_mut().min_by_key(|bucket| bucket.full_at) {
            Some(bucket) => {
                *bucket = Bucket { owner, full_at: 0 };
                rate.take(&mut bucket.full_at, now)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
