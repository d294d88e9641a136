//! Mixed traffic for as long as `CORSGATE_SOAK_SECONDS` says, while the operator reloads, replaces certificates and
//! moves the access log away, a backend comes and goes, and some clients are slow or rude. Every response is
//! checked, and so is the process at the end: its memory, its descriptors, and its counters beside its log.
//!
//! `make soak` runs it for ten minutes with the program as it is deployed; `make test` for less.

mod backend;
mod check;
mod client;
mod events;
mod grpc_web;
mod metrics;
mod operator;
mod report;
mod requests;
mod rude;
mod site;
mod slow;
mod sockets;
mod tally;
mod uploads;
mod watch;

use crate::support::{Log, Running};
use metrics::Metrics;
use operator::{Operator, ask_admin, until};
use report::{Report, mebibytes};
use site::{Site, Stage};
use std::env;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tally::Tally;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use watch::{Sample, thirds, watch};

/// The workloads whose requests all come to their own route, so that the gateway has to count as many.
const EXACT: [&str; 13] = [
    "plain", "tls", "http2", "rejected", "limited", "uploads", "events", "sockets", "grpc_web",
    "secure", "pair", "flapping", "slow",
];

/// A soak of this length has a warm-up that is over after its first third.
const LONG: Duration = Duration::from_secs(300);

/// Maximum growth of the memory between the second and the last third of a long soak. Bodies under way take less
/// than 1 MiB each, and there are few at a time. At the pace of `make soak`, a leak of 100 bytes per
/// request is more.
const GROWTH: usize = 4 << 20;
/// The same for a short soak: pages of the allocator, threads and pools are still being used for the first time.
/// It finds what leaks a body or a buffer per request, and no less.
const SHORT_GROWTH: usize = 8 << 20;

/// Descriptors that may be left when all clients are gone.
const DESCRIPTORS: usize = 4;

/// The clients of all workloads.
struct Load {
    site: Arc<Site>,
    tallies: Vec<Arc<Tally>>,
    clients: JoinSet<()>,
}

// === impl Load ===

impl Load {
    /// Starts the clients of a workload.
    fn add<F>(&mut self, name: &'static str, count: usize, run: impl Fn(Arc<Site>, Arc<Tally>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tally = Arc::new(Tally::new(name));
        for _ in 0..count {
            let client = run(Arc::clone(&self.site), Arc::clone(&tally));
            self.clients.spawn(client);
        }
        self.tallies.push(tally);
    }

    fn start(runtime: &Runtime, site: &Arc<Site>) -> Self {
        let _inside = runtime.enter();
        let mut load = Self {
            site: Arc::clone(site),
            tallies: Vec::new(),
            clients: JoinSet::new(),
        };
        load.add("plain", 2, |site, tally| {
            requests::http1(site, tally, false)
        });
        load.add("tls", 2, |site, tally| requests::http1(site, tally, true));
        load.add("rejected", 1, requests::rejected);
        load.add("limited", 1, requests::limited);
        load.add("secure", 1, requests::gets);
        load.add("pair", 1, requests::gets);
        load.add("flapping", 1, requests::flapping);
        load.add("uploads", 1, uploads::uploads);
        load.add("events", 3, events::events);
        load.add("sockets", 2, sockets::sockets);
        load.add("grpc_web", 1, grpc_web::calls);
        load.add("slow", 3, slow::slow);
        load.add("rude", 1, rude::rude);
        load.add("late", 1, rude::late);
        load.add("http2", 1, |site, tally| requests::http2(site, tally, true));
        load
    }

    /// Waits until all clients have ended.
    fn end(self, runtime: &Runtime) -> Vec<Arc<Tally>> {
        runtime.block_on(self.clients.join_all());
        self.tallies
    }
}

/// Lets a backend come and go.
fn flap(site: &Site, stage: &Stage) {
    const PAUSE: Duration = Duration::from_millis(800);
    while site.is_on() {
        thread::park_timeout(PAUSE);
        stage.flapping.kill();
        thread::park_timeout(PAUSE);
        stage.flapping.revive();
    }
}

/// Waits until no client and no request is there any more, and returns what is left.
fn settle(site: &Site, process: &Running, before: &Sample, problems: &mut Vec<String>) -> Sample {
    let is_quiet = || {
        let connections = Metrics::of(site).sum("corsgate_downstream_connections", &[]);
        let page = ask_admin(site, "GET /upstreams").body;
        let endpoints = page.matches(" requests under way").count();
        connections == 0 && endpoints == page.matches("; 0 requests under way").count()
    };
    problems.extend(until("all connections and requests have ended", is_quiet).err());
    let are_back =
        || Sample::take(process, Instant::now()).descriptors <= before.descriptors + DESCRIPTORS;
    problems.extend(until("descriptors are back", are_back).err());
    Sample::take(process, Instant::now())
}

/// Compares what the gateway has counted with what its clients have.
fn compare(page: &Metrics, tallies: &[Arc<Tally>], problems: &mut Vec<String>) {
    for name in EXACT {
        let sent = tallies.iter().find(|tally| tally.name == name);
        let sent = sent
            .map(|tally| tally.counts().requests)
            .unwrap_or_default();
        let counted = page.sum("corsgate_requests_total", &[("route", name)]);
        if sent != counted || sent == 0 {
            problems.push(format!("{name}: {sent} requests sent, {counted} counted"));
        }
        let errors = page.sum(
            "corsgate_requests_total",
            &[("route", name), ("code", "5xx")],
        );
        if errors > 0 && name != "flapping" {
            problems.push(format!("{name}: {errors} responses of 5xx"));
        }
    }
    for counter in [
        "corsgate_log_dropped_total",
        "corsgate_access_log_dropped_total",
    ] {
        match page.sum(counter, &[]) {
            0 => {}
            dropped => problems.push(format!("{counter} is {dropped}")),
        }
    }
}

/// Ends the process, and looks at its log.
fn end(mut process: Running, log: Log, problems: &mut Vec<String>) {
    process.signal("TERM");
    let log = log.whole();
    let status = process.0.wait().expect("it was started");
    if !status.success() {
        problems.push(format!("the process ended with {status}"));
    }
    // The operator's broken file is an error.
    let is_bad = |line: &&str| {
        let is_error = line.starts_with("ERROR") && !line.contains("configuration rejected");
        is_error || line.contains("panicked")
    };
    let bad = log.lines().filter(is_bad);
    problems.extend(bad.take(5).map(|line| format!("the log says: {line}")));
}

fn has_leaked(samples: &[Sample], lasts: Duration) -> Option<String> {
    let [_, middle, last] = thirds(samples);
    let most = if lasts >= LONG { GROWTH } else { SHORT_GROWTH };
    let [from, to] = [middle, last].map(mebibytes);
    (last > middle + most).then(|| format!("memory grows from {from} to {to}"))
}

/// Reads a number from a variable.
fn number(name: &str, default: u32) -> u32 {
    let text = env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// Prints the report, and writes it where `CORSGATE_SOAK_REPORT` says.
fn report(text: &str) {
    println!("{text}");
    if let Ok(path) = env::var("CORSGATE_SOAK_REPORT") {
        std::fs::write(path, text).expect("written");
    }
}

#[test]
fn mixed_traffic_ends_with_level_memory_and_no_error_that_was_not_provoked() {
    let lasts = Duration::from_secs(number("CORSGATE_SOAK_SECONDS", 20).into());
    let program = env::var("CORSGATE_SOAK_PROGRAM");
    let program = program.as_deref().unwrap_or(env!("CARGO_BIN_EXE_corsgate"));
    let stage = Stage::new();
    let (process, log, site) = stage.start(program, lasts, number("CORSGATE_SOAK_PACE", 1));
    let (site, began) = (Arc::new(site), Instant::now());
    // What is made once is there after a request.
    ask_admin(&site, "GET /upstreams");
    let before = Sample::take(&process, began);
    let runtime = Runtime::new().expect("a runtime");
    let load = Load::start(&runtime, &site);
    let tally = Arc::new(Tally::new("operator"));
    let mut operator = Operator::new(&stage, &site);
    let (samples, mut tallies) = thread::scope(|scope| {
        scope.spawn(|| flap(&site, &stage));
        scope.spawn(|| operator.work(&process, &tally));
        let samples = scope.spawn(|| watch(&site, &process, lasts));
        let tallies = load.end(&runtime);
        (samples.join().expect("no panic"), tallies)
    });
    tallies.push(tally);

    let mut problems = Vec::new();
    for tally in &tallies {
        let errors = tally.counts().errors;
        problems.extend(
            errors
                .iter()
                .map(|error| format!("{}: {error}", tally.name)),
        );
    }
    let after = settle(&site, &process, &before, &mut problems);
    let page = Metrics::of(&site);
    compare(&page, &tallies, &mut problems);
    problems.extend(has_leaked(&samples, lasts));
    end(process, log, &mut problems);
    let done = operator.done;
    let lines = operator.all_lines();
    let counted = page.sum("corsgate_requests_total", &[]);
    if lines.count != counted {
        problems.push(format!(
            "{counted} requests counted, {} lines in the access log",
            lines.count
        ));
    }
    problems.extend(lines.bad.map(|line| format!("in the access log: {line}")));
    report(
        &Report {
            lasted: began.elapsed(),
            program,
            tallies: &tallies,
            samples: &samples,
            ends: [before, after],
            done,
            counted: (counted, lines.count),
            problems: &problems,
        }
        .to_text(),
    );
    assert!(problems.is_empty(), "{problems:#?}");
}
