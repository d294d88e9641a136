//! A real browser, and the page that it shows: the page carries out a plan of fetches and reports.

use crate::support::{Answer, Folder, PATIENCE, Received, Upstream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Where a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On a page of a server.
    Page,
    /// In a sandboxed frame, whose origin is `null`.
    Frame,
}

pub(super) const PLACES: [Place; 2] = [Place::Page, Place::Frame];

/// One `fetch()`, or the same one several times after another.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Fetch {
    /// Its place in the plan.
    pub(super) id: usize,
    pub(super) url: String,
    pub(super) method: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) credentials: bool,
    pub(super) cache: &'static str,
    pub(super) times: usize,
    #[serde(skip)]
    pub(super) place: Place,
}

/// A script's result of each fetch: the names of the response's fields that it can read, or an error.
pub(super) type Seen = Vec<Option<Vec<String>>>;

/// The fetches of a page.
#[derive(Debug)]
struct Plan {
    fetches: Vec<Fetch>,
    /// The number of them that are under way at once.
    at_once: usize,
}

/// The number of connections that a browser opens to a server with HTTP/1.1.
pub(super) const AT_ONCE: usize = 6;

/// The results of a plan.
pub(super) struct Done {
    pub(super) seen: BTreeMap<usize, Seen>,
    /// The messages about CORS in the browser's console, by the URL that they are about.
    pub(super) console: BTreeMap<String, Vec<String>>,
}

/// The server of the page, bound before there is a plan: plans name its origin.
pub(super) struct Site {
    server: Upstream,
    plan: Arc<OnceLock<Plan>>,
    reports: Receiver<String>,
}

/// The cookie that the page sets. Ports don't tell cookies apart, so every server here gets it, with
/// credentials.
pub(super) const COOKIE: &str = "corsgate=1";

/// Arguments for a browser that has no window and talks to our servers only.
pub(super) const ARGUMENTS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-first-run",
    "--no-proxy-server",
];

/// The report of a page.
#[derive(Debug, Deserialize)]
struct Report {
    page: String,
    #[serde(default)]
    seen: Vec<ReportedFetch>,
    failed: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ReportedFetch {
    id: usize,
    readable: Option<Vec<String>>,
}

/// The browser, if there is one.
pub(super) fn program() -> Option<Command> {
    const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
    let is_there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let found = NAMES.into_iter().find(is_there);
    let required = std::env::var("CORSGATE_TEST_BROWSER").is_ok_and(|v| v == "require");
    assert!(found.is_some() || !required, "no browser: {NAMES:?}");
    if found.is_none() {
        eprintln!("there is no Chromium: what browsers do is not tested here");
    }
    found.map(Command::new)
}

// === impl Site ===

impl Site {
    pub(super) fn start() -> Self {
        let plan: Arc<OnceLock<Plan>> = Arc::default();
        let (send, reports) = mpsc::channel();
        let (theirs, send) = (Arc::clone(&plan), Mutex::new(send));
        let server = Upstream::start_with(move |request| answer(request, &theirs, &send));
        Self {
            server,
            plan,
            reports,
        }
    }

    /// The origin of scripts on the page.
    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Shows the page to the browser and waits until all fetches are done.
    pub(super) fn run(self, program: Command, fetches: Vec<Fetch>, at_once: usize) -> Done {
        let plan = Plan { fetches, at_once };
        self.plan.set(plan).expect("there was no plan yet");
        let browser = Running::start(program, &format!("{}{}", self.origin(), "/page"));
        let mut seen: BTreeMap<usize, Seen> = BTreeMap::new();
        for _ in PLACES {
            let report = self.reports.recv_timeout(PATIENCE);
            let report = report.expect("the browser reports in time");
            let report: Report = serde_json::from_str(&report).expect("a report");
            assert_eq!(report.failed, None, "{}", report.page);
            for ReportedFetch { id, readable } in report.seen {
                seen.entry(id).or_default().push(readable);
            }
        }
        Done {
            seen,
            console: browser.console(),
        }
    }
}

fn answer(request: &Received, plan: &OnceLock<Plan>, send: &Mutex<Sender<String>>) -> Answer {
    let html = "text/html; charset=utf-8";
    let plan_of = |place: Place| {
        let plan = plan.get().expect("a plan before a browser");
        let of_place = plan.fetches.iter().filter(|fetch| fetch.place == place);
        let fetches: Vec<&Fetch> = of_place.collect();
        serde_json::json!({ "at_once": plan.at_once, "fetches": fetches }).to_string()
    };
    let (content_type, body) = match request.target.as_str() {
        "/page" | "/null" => (html, include_str!("page.html").to_owned()),
        "/plan/page" => ("application/json", plan_of(Place::Page)),
        "/plan/null" => ("application/json", plan_of(Place::Frame)),
        "/seen" => {
            let report = String::from_utf8_lossy(&request.body).into_owned();
            let _ = send.lock().expect("no test panics with it").send(report);
            (html, String::new())
        }
        _ => return Answer::new(404, &[]),
    };
    // The frame asks for its plan across origins.
    let head = format!(
        "HTTP/1.1 200 X\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Set-Cookie: {COOKIE}\r\nAccess-Control-Allow-Origin: *\r\n\r\n",
        body.len()
    );
    Answer([head.into_bytes(), body.into_bytes()].concat())
}

/// A browser that shows a page until the value ends.
pub(super) struct Running {
    child: Child,
    profile: Folder,
    /// Apart from the profile, which goes with the browser.
    log: Folder,
}

/// The file with the browser's log.
const LOG: &str = "log";

impl Running {
    pub(super) fn start(mut program: Command, url: &str) -> Self {
        let (profile, log) = (Folder::new(), Folder::new());
        let log_file = File::create(log.path(LOG)).expect("a file");
        let child = program
            .args(ARGUMENTS)
            .arg("--enable-logging=stderr")
            .arg(format!("--user-data-dir={}", profile.path("").display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file)
            .spawn()
            .expect("it runs");
        Self {
            child,
            profile,
            log,
        }
    }

    /// Returns what it has logged so far, its console included.
    pub(super) fn log(&self) -> String {
        let log = std::fs::read(self.log.path(LOG)).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Ends the browser, and reads what its console said about CORS.
    fn console(mut self) -> BTreeMap<String, Vec<String>> {
        end(&mut self.child, &self.profile);
        let log = std::fs::read(self.log.path(LOG)).expect("it wrote a log");
        let mut console: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in String::from_utf8_lossy(&log).lines() {
            let Some((_, after)) = line.split_once("\"Access to fetch at '") else {
                continue;
            };
            let (url, after) = after.split_once('\'').expect("a URL's end");
            let (_, message) = after
                .split_once("has been blocked by CORS policy: ")
                .expect("the reason");
            let message = message.split("\", source:").next().unwrap_or(message);
            console
                .entry(url.to_owned())
                .or_default()
                .push(message.to_owned());
        }
        console
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once it has been waited for, its number may be another process's.
        if matches!(self.child.try_wait(), Ok(None)) {
            end(&mut self.child, &self.profile);
        }
    }
}

/// Asks a browser to end, and insists after a while. Its helpers may write to its profile until they end.
pub(super) fn end(browser: &mut Child, profile: &Folder) {
    let id = browser.id().to_string();
    let _ = Command::new("kill").args(["-s", "TERM", &id]).status();
    within_seconds(10, || !matches!(browser.try_wait(), Ok(None)));
    let _ = browser.kill();
    let _ = browser.wait();
    let profile = profile.path("");
    within_seconds(10, || {
        let _ = std::fs::remove_dir_all(&profile);
        !profile.exists()
    });
}

/// Waits for something that says nothing when it happens.
fn within_seconds(seconds: u64, mut has_happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !has_happened() && started.elapsed() < Duration::from_secs(seconds) {
        std::thread::yield_now();
    }
}
