//! `corsgate espv2` beside the real Envoy, configured as ESPv2 configures it for the same flags and the same
//! description. `tests/expect/espv2.txt` has Envoy's answers, so that corsgate is held to them where there is no Envoy,
//! too; `espv2/differences.rs` has all that is different, and why.
//!
//! Compared are the status, all `Access-Control-*` lines, the method and the target that reach the backend, and type
//! and text of the gateways' own answers. Vary is not: ESPv2 sends none, and without it caches mix up origins.

mod differences;
mod document;
mod envoy;
mod exchange;
mod generate;
mod image;
mod scenarios;
mod templates;

use crate::expect;
use crate::support::{Folder, Running};
use differences::{Asked, DIFFERENCES};
use envoy::Envoy;
use exchange::{Answer, Backends, Request};
use generate::{ALLOWED_HEADERS, ALLOWED_METHODS, BAD_PREFLIGHT, EXPOSED, Flags, UNDECLARED};
use scenarios::{SCENARIOS, Scenario};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

const RECORD: &str = "espv2.txt";

/// Minimum number of requests, so that a set that is not found does not pass for one.
const REQUESTS: usize = 1_300;

/// Texts that stand in many answers, and their names in the record.
const NAMES: [(&str, &str); 6] = [
    ("{methods}", ALLOWED_METHODS),
    ("{headers}", ALLOWED_HEADERS),
    ("{exposed}", EXPOSED),
    ("{bad preflight}", BAD_PREFLIGHT),
    ("{undeclared}", UNDECLARED),
    (" | ac-", " | access-control-"),
];

/// A running `corsgate espv2`.
struct Corsgate {
    address: SocketAddr,
    _running: Running,
    _folder: Folder,
}

/// Envoy's answers by the title of the scenario and the line of the request.
struct Record(BTreeMap<(String, String), Answer>);

// === impl Scenario ===

impl Scenario {
    /// Returns the requests of the scenario's sets, each once.
    fn requests(&self) -> Vec<Request> {
        let mut seen = BTreeSet::new();
        let sets = self.sets.iter().flat_map(|name| set(name));
        let lines = sets.filter(|line| seen.insert(*line));
        lines.map(Request::parse).collect()
    }

    fn title(&self) -> String {
        format!("# {}: {}", self.name, self.flags.join(" "))
            .trim_end()
            .to_owned()
    }
}

// === impl Corsgate ===

impl Corsgate {
    fn start(scenario: &Scenario, backends: &Backends) -> Self {
        let folder = Folder::new();
        let mut arguments = vec![format!("--backend=http://{}", backends.address)];
        if let Some(text) = scenario.description(backends.other) {
            let path = folder.write("service.json", &text);
            arguments.push(format!("--service_json_path={}", path.display()));
        }
        arguments.push(format!("--listener_port={}", free_port()));
        let arguments = arguments.iter().map(String::as_str);
        let arguments: Vec<&str> = ["espv2"]
            .into_iter()
            .chain(scenario.flags.iter().copied())
            .chain(arguments)
            .collect();
        let mut running = Running::start(&arguments);
        let port = running.log().listener().port();
        Self {
            address: ([127, 0, 0, 1], port).into(),
            _running: running,
            _folder: folder,
        }
    }
}

// === impl Record ===

impl Record {
    fn read() -> Self {
        let text = std::fs::read_to_string(expect::path(RECORD)).expect("it is there");
        let (mut title, mut request) = ("", "");
        let mut answers = BTreeMap::new();
        for line in text.lines() {
            if let Some(answer) = line.strip_prefix("| ") {
                let names = NAMES.iter();
                let answer = names.fold(answer.to_owned(), |line, (name, text)| {
                    line.replace(name, text)
                });
                answers.insert(
                    (title.to_owned(), request.to_owned()),
                    Answer::parse(&answer),
                );
            } else if line.starts_with('#') {
                title = line;
            } else {
                request = line;
            }
        }
        Self(answers)
    }

    fn answer(&self, asked: &Asked) -> &Answer {
        let key = (asked.scenario.title(), asked.request.line.clone());
        let answer = self.0.get(&key);
        answer
            .unwrap_or_else(|| panic!("{key:?} is not recorded: `UPDATE=1` with Envoy records it"))
    }
}

/// Returns the lines of a set of requests.
fn set(name: &str) -> impl Iterator<Item = &'static str> {
    let title = format!("[{name}]");
    let lines = include_str!("espv2/requests.txt").lines();
    let mut lines = lines.skip_while(move |line| *line != title);
    assert!(lines.next().is_some(), "there is no set {name}");
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Returns the line of the record for an answer.
fn line(answer: &Answer) -> String {
    let names = NAMES.iter();
    names.fold(answer.to_string(), |line, (name, text)| {
        line.replace(text, name)
    })
}

/// Returns a port that no server listens on. It lies below those that the system gives to clients, which would be
/// faster now and then.
fn free_port() -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + std::process::id() % 10_000;
    let ports = std::iter::repeat_with(|| TRIED.fetch_add(1, Ordering::Relaxed));
    let ports = ports.map(|tried| u16::try_from(first).expect("small") + tried);
    let mut free = ports.filter(|&port| TcpListener::bind(("0.0.0.0", port)).is_ok());
    free.next().expect("there is one")
}

#[test]
fn envoy_answers_as_recorded_when_it_is_configured_like_espv2() {
    let Some(program) = envoy::program() else {
        return;
    };
    let backends = Backends::start();
    let listeners = SCENARIOS.iter().map(|scenario| {
        let description = scenario.description(backends.other);
        generate::listener(scenario.name, Flags(scenario.flags), description.as_deref())
    });
    let (address, other) = (backends.address, backends.other);
    let config = generate::bootstrap(listeners.collect(), address, other);
    let mut envoy = Envoy::start(&program, &config);
    let addresses = envoy.listeners();
    let mut record = String::from(
        "Envoy's answers in the place of ESPv2. `sh scripts/envoy.sh` fetches it, and `UPDATE=1` writes this file.\n",
    );
    let known = Record::read();
    let mut wrong = Vec::new();
    for scenario in SCENARIOS {
        let title = scenario.title();
        record += &format!("\n{title}\n");
        for request in scenario.requests() {
            let answer = request.send(addresses[scenario.name], &backends);
            let line = format!("{}\n| {}\n", request.line, line(&answer));
            if known.0.get(&(title.clone(), request.line)) != Some(&answer) {
                wrong.push(format!("{title}\n{line}"));
            }
            record += &line;
        }
    }
    let is_same = expect::compare(&expect::path(RECORD), &record).is_ok();
    let (count, wrong) = (wrong.len(), wrong.join("\n"));
    assert!(
        is_same,
        "{count} answers are not those of {RECORD}, or it has more:\n{wrong}"
    );
}

#[test]
fn every_listed_difference_is_one_that_a_request_shows() {
    let record = Record::read();
    let mut shown = BTreeMap::new();
    let mut count = 0;
    for scenario in SCENARIOS {
        for request in scenario.requests() {
            let request = &request;
            let asked = Asked { request, scenario };
            let mut answer = record.answer(&asked).clone();
            for difference in DIFFERENCES {
                let before = answer.clone();
                (difference.change)(&asked, &mut answer);
                *shown.entry(difference.name).or_insert(0) += usize::from(answer != before);
            }
            count += 1;
        }
    }
    assert_eq!(shown.len(), DIFFERENCES.len(), "two have one name");
    assert!(
        shown.values().all(|&count| count > 0),
        "no request shows one: {shown:?}"
    );
    assert!(count >= REQUESTS, "{count} requests");
    for difference in DIFFERENCES {
        assert!(
            !difference.reason.is_empty(),
            "{} has no reason",
            difference.name
        );
    }
}

#[test]
fn corsgate_answers_as_espv2_does_but_for_the_listed_differences() {
    let record = Record::read();
    let backends = Backends::start();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for scenario in SCENARIOS {
        let corsgate = Corsgate::start(scenario, &backends);
        for request in scenario.requests() {
            let request = &request;
            let asked = Asked { request, scenario };
            let theirs = record.answer(&asked);
            let mut expected = theirs.clone();
            for difference in DIFFERENCES {
                (difference.change)(&asked, &mut expected);
            }
            let ours = request.send(corsgate.address, &backends);
            count += 1;
            if ours != expected {
                wrong.push(format!(
                    "{}\n{}\n  ESPv2:    {}\n  expected: {}\n  corsgate: {}\n",
                    scenario.title(),
                    request.line,
                    line(theirs),
                    line(&expected),
                    line(&ours)
                ));
            }
        }
    }
    let (failed, wrong) = (wrong.len(), wrong.join("\n"));
    assert!(failed == 0, "{failed} of {count} answers differ:\n{wrong}");
}
