//! The same gateway twice, each with an upstream of its own, and the exchanges that are held with both.

use super::client::{self, Heard};
use super::compare::Outcome;
use super::counts::{AccessLog, Counts, counts, difference};
use super::coverage::Coverage;
use super::exchange::{Exchange, Step};
use super::play::{Clients, Play};
use super::upstream::{Seen, Upstream};
use crate::support::{Folder, Gateway, Refusing, WITH_LANE, WITHOUT_LANE};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Every kind of policy and of route. `nowhere.test` has none.
const CONFIG: &str = r#"
access_log: { path: 'LOG' }
limits: { header_timeout: 20s, body_timeout: 20s }
upstreams:
  u: { endpoints: ['UPSTREAM'] }
  once: { endpoints: ['UPSTREAM'], retries: 0 }
  gone: { endpoints: ['GONE'] }
policies:
  exact:
    allow_origins: [https://app.example.com, https://*.example.org]
    allow_methods: [PUT, PATCH]
    expose_headers: [etag, x-request-id]
    allow_credentials: true
  any: { allow_origins: '*', allow_methods: '*', expose_headers: '*' }
  fill: { allow_origins: [https://app.example.com], upstream_cors_headers: fill }
  keep: { allow_origins: [https://app.example.com], upstream_cors_headers: keep }
  forward: { allow_origins: [https://app.example.com], on_rejected_preflight: forward }
  block: { allow_origins: [https://app.example.com], block_disallowed_origins: all }
  debug: { allow_origins: [https://app.example.com, "null"], debug_header: true }
routes:
  - { name: exact, match: { hosts: [exact.test] }, upstream: u, cors: exact }
  - { name: any, match: { hosts: [any.test] }, upstream: u, cors: any }
  - { name: fill, match: { hosts: [fill.test] }, upstream: u, cors: fill }
  - { name: keep, match: { hosts: [keep.test] }, upstream: u, cors: keep }
  - { name: forward, match: { hosts: [forward.test] }, upstream: u, cors: forward }
  - { name: pass, match: { hosts: [pass.test] }, upstream: u, cors: passthrough }
  - { name: off, match: { hosts: [off.test] }, upstream: u, cors: off }
  - { name: list, match: { hosts: [list.test] }, upstream: u, cors: [exact, any] }
  - { name: small, match: { hosts: [small.test] }, upstream: u, cors: exact, max_request_body_bytes: 1KiB }
  - { name: block, match: { hosts: [block.test] }, upstream: u, cors: block }
  - name: moved
    match: { hosts: [moved.test], path_prefix: /x }
    upstream: u
    cors: exact
    rewrite: { path_prefix: /moved/here, host: upstream }
  - name: edited
    match: { hosts: [edited.test] }
    upstream: u
    cors: exact
    rewrite: { prepend: /edited }
    request_headers: { remove: [x-debug, x-remove, referer], set: { X-A: edge, x-stays: "2" }, add: { x-oDD-cAsE: edge } }
    response_headers:
      remove: [server, etag, content-type]
      set: { Strict-Transport-Security: max-age=31536000, X-A: edge }
      add: { Vary: x-edge, Set-Cookie: e=f }
  - { name: once, match: { hosts: [once.test] }, upstream: once, cors: exact }
  - { name: debug, match: { hosts: [debug.test] }, upstream: u, cors: debug }
  - { name: fixed, match: { hosts: [fixed.test] }, upstream: u, cors: any, rewrite: { path: /fixed } }
  - { name: slow, match: { hosts: [slow.test] }, upstream: u, cors: exact, read_timeout: 250ms }
  - { name: gone, match: { hosts: [gone.test] }, upstream: gone, cors: exact }
"#;

/// The second kind of configuration: the client is a trusted proxy, each request has a span, and those that
/// no route matches have a policy. The spans go nowhere.
const TRUSTING: &str = "trusted_proxies: [127.0.0.1]\ndefault_policy: exact\n\
    traces: { endpoint: 'http://GONE', sample_ratio: 1, service_name: exchanges }\n";

/// Number of times that an exchange is held again whose outcomes differ.
const RETRIES: usize = 2;
/// Number of differences after which no more are looked for.
const ENOUGH: usize = 3;
/// Maximum time until the counts and the logs of two gateways are the same.
const SOON: Duration = Duration::from_secs(10);

pub(super) struct Twins {
    with: Half,
    without: Half,
    /// The differences in counts that are known, by noise.
    noise: Counts,
    /// The exchanges that may be cut off at different places.
    inexact: BTreeSet<usize>,
    /// The kind of the configuration.
    variant: usize,
    clients: Clients,
    _gone: Refusing,
}

pub(super) struct Half {
    gateway: Gateway,
    upstream: Upstream,
    log: AccessLog,
    own: Vec<(String, &'static str)>,
    _folder: Folder,
}

/// The result of many exchanges.
#[derive(Default)]
pub(super) struct Settled {
    /// Differences that may be noise: the exchanges were held again.
    pub(super) retried: Vec<String>,
    pub(super) differences: Vec<String>,
    pub(super) coverage: Coverage,
}

// === impl Twins ===

impl Twins {
    /// Starts the twins of that number; there are two kinds.
    pub(super) fn start(number: usize, clients: Clients) -> Self {
        let gone = Refusing::new();
        let more = [TRUSTING, ""][usize::from(number.is_multiple_of(2))];
        let config = (CONFIG.to_owned() + more).replace("GONE", &gone.address.to_string());
        Self {
            with: Half::start(WITH_LANE, &config),
            without: Half::start(WITHOUT_LANE, &config),
            noise: Counts::new(),
            inexact: BTreeSet::new(),
            variant: number % 2,
            clients,
            _gone: gone,
        }
    }

    pub(super) fn halves(&self) -> [(&'static str, &Half); 2] {
        [("with", &self.with), ("without", &self.without)]
    }

    /// Holds the exchanges of these numbers, and compares what is counted and logged.
    pub(super) fn run(&mut self, numbers: Range<usize>) -> Settled {
        let mut settled = Settled::default();
        for number in numbers.clone() {
            self.run_one(number, &mut settled);
            if settled.differences.len() >= ENOUGH {
                return settled;
            }
        }
        let is_noisy = !settled.retried.is_empty() || !settled.differences.is_empty();
        if let Err(difference) = self.compare_counts(is_noisy) {
            settled.differences.extend(self.find(numbers.clone()));
            settled.retried.push(difference);
        }
        settled
    }

    /// Finds the exchange that is counted differently; none if that does not happen again.
    fn find(&mut self, numbers: Range<usize>) -> Option<String> {
        for number in numbers {
            let mut settled = Settled::default();
            self.run_one(number, &mut settled);
            if let Err(again) = self.compare_counts(!settled.retried.is_empty()) {
                return Some(format!("{}{again}", self.clients.play(number)));
            }
        }
        None
    }

    fn run_one(&mut self, number: usize, settled: &mut Settled) {
        let play = self.clients.play(number);
        let exchange = &play.exchange;
        if exchange.allowed.shorter_fragments {
            self.inexact.insert(number);
        }
        for retry in 0..=RETRIES {
            let mut with = self.with.hold(&play);
            let mut without = self.without.hold(&play);
            if exchange
                .steps
                .iter()
                .any(|step| matches!(step, Step::EndSending))
            {
                with.forget_who_ends();
                without.forget_who_ends();
            }
            if play.is_http2() {
                with.forget_how_names_are_written();
                without.forget_how_names_are_written();
            }
            let problems: Vec<String> = [("with", &with), ("without", &without)]
                .into_iter()
                .flat_map(|(name, outcome)| {
                    let found = outcome.violations(exchange).into_iter();
                    found.map(move |found| format!("{found} ({name} the lane)\n"))
                })
                .collect();
            if problems.is_empty() && with.agrees_with(&without) {
                settled.coverage.add(exchange, &without);
                return;
            }
            let (variant, problems) = (self.variant, problems.concat());
            let text = format!(
                "{play}{problems}=== with the lane, variant {variant} ===\n{with}\
                 === without ===\n{without}"
            );
            match retry < RETRIES {
                true => settled.retried.push(text),
                false => settled.differences.push(text),
            }
        }
    }

    /// Compares what has been counted and logged since the last time. After noise, it can't be compared.
    fn compare_counts(&mut self, is_noisy: bool) -> Result<(), String> {
        let started = Instant::now();
        loop {
            let is_late = started.elapsed() > SOON / if is_noisy { 10 } else { 1 };
            for half in [&mut self.with, &mut self.without] {
                half.log.read(&half.own, &self.inexact);
            }
            let (with, without) = (self.with.log.lines(), self.without.log.lines());
            if with != without && !is_late {
                thread::yield_now();
                continue;
            }
            let (here, there) = (counts(&self.with.gateway), counts(&self.without.gateway));
            let found = difference(&here, &there);
            let is_logged =
                self.with.log.is_complete(&here) && self.without.log.is_complete(&there);
            if with == without && is_logged && found == self.noise {
                break;
            }
            if !is_late {
                thread::yield_now();
                continue;
            }
            let mut text = format!("--- each request has a line: {is_logged}\n");
            text += &format!("--- counted more with the lane: {found:#?}\n");
            text += &format!("--- known before: {:#?}\n", self.noise);
            for (name, lines, others) in [("with", with, without), ("without", without, with)] {
                let own = lines.iter().filter(|line| !others.contains(line));
                own.for_each(|line| text += &format!("--- logged {name} the lane alone: {line}\n"));
            }
            if with.len() != without.len() {
                text += &format!("--- {} lines, and {}\n", with.len(), without.len());
            }
            self.noise = found;
            self.forget();
            return if is_noisy { Ok(()) } else { Err(text) };
        }
        self.forget();
        Ok(())
    }

    fn forget(&mut self) {
        self.with.log.forget();
        self.without.log.forget();
        self.inexact.clear();
    }
}

// === impl Half ===

impl Half {
    fn start(lane: &str, config: &str) -> Self {
        let upstream = Upstream::start();
        let folder = Folder::new();
        let log = folder.path("access");
        let config = config
            .replace("UPSTREAM", &upstream.address.to_string())
            .replace("LOG", &log.display().to_string());
        let gateway = Gateway::start_with(lane, &config);
        upstream.is_behind(gateway.address);
        let own = vec![
            (upstream.address.to_string(), "{upstream}"),
            (gateway.address.to_string(), "{gateway}"),
        ];
        Self {
            log: AccessLog::new(log),
            gateway,
            upstream,
            own,
            _folder: folder,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.gateway.address
    }

    pub(super) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Does what a client does in an exchange that the upstream has begun.
    pub(super) fn visit(&self, visit: &Exchange) -> Heard {
        client::hold(visit, self.gateway.address, &self.upstream)
    }

    /// Holds exchanges that have one upstream's part in common, one after the other.
    pub(super) fn hold_each(&self, exchanges: &[Arc<Exchange>]) -> (Vec<Heard>, Seen) {
        self.upstream.begin(&exchanges[0]);
        let heard = exchanges.iter();
        let heard = heard.map(|each| self.visit(each));
        (heard.collect(), self.upstream.end())
    }

    fn hold(&self, play: &Play) -> Outcome {
        self.upstream.begin(&play.exchange);
        let heard = play.visit(self);
        let seen = self.upstream.end();
        let own = self
            .own
            .iter()
            .map(|(own, name)| (own.clone().into_bytes(), *name));
        let own: Vec<_> = own.collect();
        Outcome { heard, seen }.normalized(&own)
    }
}
