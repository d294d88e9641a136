use super::check::preflight;
use super::client::Answer;
use super::requests::head;
use super::site::{HOST, ORIGIN, Site, Stage, name, word};
use super::tally::{End, Tally};
use crate::support::{Client, PATIENCE, Response, Running, TlsClient, run};
use serde_json::Value;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// Time between two things that the operator does.
const PAUSE: Duration = Duration::from_millis(600);
/// Time between two looks whether something has come about.
const LOOK: Duration = Duration::from_millis(20);

/// The operator: reloads, and moves files.
pub(super) struct Operator<'a> {
    stage: &'a Stage,
    site: &'a Site,
    configuration: usize,
    certificate: usize,
    /// Number of times that the access log was moved away.
    moved: usize,
    lines: Lines,
    pub(super) done: Done,
}

/// Number of times that each thing was done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Done {
    pub(super) reloads: usize,
    pub(super) refused: usize,
    pub(super) certificates: usize,
    pub(super) rotations: usize,
}

/// The lines of the access log so far.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) count: u64,
    /// The first line that is not as it should be.
    pub(super) bad: Option<String>,
}

/// Waits until it is so.
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), String> {
    let began = Instant::now();
    while !is_so() {
        if began.elapsed() > PATIENCE {
            return Err(format!("{what}: not within {PATIENCE:?}"));
        }
        thread::park_timeout(LOOK);
    }
    Ok(())
}

/// Sends a request line to the admin listener.
pub(super) fn ask_admin(site: &Site, line: &str) -> Response {
    let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    Client::connect(site.admin).exchange(&request)
}

// === impl Operator ===

impl<'a> Operator<'a> {
    pub(super) fn new(stage: &'a Stage, site: &'a Site) -> Self {
        Self {
            stage,
            site,
            configuration: 0,
            certificate: 0,
            moved: 0,
            lines: Lines::default(),
            done: Done::default(),
        }
    }

    /// Does one thing after the other until the end.
    pub(super) fn work(&mut self, process: &Running, tally: &Tally) {
        let things = [
            Self::reload,
            Self::replace_certificate,
            Self::move_log,
            Self::try_broken_file,
            Self::reload_by_signal,
        ];
        for thing in things.iter().cycle() {
            if !self.site.is_on() {
                return;
            }
            let began = Instant::now();
            tally.note(began, thing(self, process));
            thread::park_timeout(PAUSE);
        }
    }

    fn reload(&mut self, _: &Running) -> Result<End, String> {
        self.configuration += 1;
        self.stage.configure(self.configuration);
        self.expect_reload(200)?;
        self.done.reloads += 1;
        self.is_served()
    }

    fn reload_by_signal(&mut self, process: &Running) -> Result<End, String> {
        self.configuration += 1;
        self.stage.configure(self.configuration);
        process.signal("HUP");
        until("reload by SIGHUP", || self.is_served().is_ok())?;
        self.done.reloads += 1;
        Ok(End::Answered)
    }

    fn try_broken_file(&mut self, _: &Running) -> Result<End, String> {
        self.stage.folder.replace("gate.yaml", "listeners: 7\n");
        self.expect_reload(422)?;
        self.done.refused += 1;
        self.is_served()?;
        self.stage.configure(self.configuration);
        self.expect_reload(200)?;
        self.done.reloads += 1;
        Ok(End::Provoked)
    }

    fn expect_reload(&self, status: u16) -> Result<(), String> {
        let answer = ask_admin(self.site, "POST /reload");
        match answer.status == status {
            true => Ok(()),
            false => Err(format!("a reload that should get {status}: {answer:?}")),
        }
    }

    /// Whether preflights are answered by the configuration that is in place.
    fn is_served(&self) -> Result<End, String> {
        let fields = "Access-Control-Request-Method: PUT\r\n";
        let request = head("OPTIONS", "/rude", ORIGIN, fields);
        let request = String::from_utf8_lossy(&request).into_owned();
        let head = Client::connect(self.site.plain).exchange(&request);
        let served = preflight(&Answer {
            head,
            body: Vec::new(),
        })?;
        match word(self.configuration).0 {
            word if word == served => Ok(End::Answered),
            word => Err(format!("{served} is served, not {word}")),
        }
    }

    fn replace_certificate(&mut self, _: &Running) -> Result<End, String> {
        self.certificate += 1;
        self.stage.write_certificate(self.certificate);
        let client = TlsClient::new(&self.stage.authority, &name(self.certificate), &["h2"]);
        let is_shown = || run(async { client.connect(self.site.tls).await.is_ok() });
        until("the new certificate", is_shown)?;
        // The old name is another certificate's.
        let old = TlsClient::new(&self.stage.authority, HOST, &["h2"]);
        run(old.connect(self.site.tls)).map_err(|error| format!("{HOST}: {error}"))?;
        self.done.certificates += 1;
        Ok(End::Answered)
    }

    fn log(&self, moved: usize) -> PathBuf {
        self.stage.folder.path(&format!("access.{moved}"))
    }

    fn move_log(&mut self, process: &Running) -> Result<End, String> {
        // Nothing is written any more to the one that was moved away before.
        if self.moved > 0 {
            self.read_log(self.log(self.moved));
        }
        self.moved += 1;
        let log = self.stage.folder.path("access");
        std::fs::rename(&log, self.log(self.moved)).map_err(|error| error.to_string())?;
        process.signal("USR1");
        until("a new access log", || log.exists())?;
        self.done.rotations += 1;
        Ok(End::Answered)
    }

    fn read_log(&mut self, path: PathBuf) {
        let text = std::fs::read_to_string(&path).expect("readable");
        for line in text.lines() {
            self.lines.count += 1;
            if self.lines.bad.is_none() && !is_line(line) {
                self.lines.bad = Some(line.to_owned());
            }
        }
        std::fs::remove_file(path).expect("it is there");
    }

    /// Reads the rest of the access log of a process that has ended.
    pub(super) fn all_lines(mut self) -> Lines {
        if self.moved > 0 {
            self.read_log(self.log(self.moved));
        }
        self.read_log(self.stage.folder.path("access"));
        self.lines
    }
}

/// Whether a line of the access log is whole, and its numbers can be.
fn is_line(line: &str) -> bool {
    let Ok(line) = serde_json::from_str::<Value>(line) else {
        return false;
    };
    let is_status = line["status"].is_null()
        || (100..600).contains(&line["status"].as_u64().unwrap_or_default());
    let time = line["time"]
        .as_str()
        .and_then(|time| humantime::parse_rfc3339(time).ok());
    let duration = line["duration_ms"].as_f64().unwrap_or(-1.0);
    let is_duration = (0.0..2.0 * PATIENCE.as_secs_f64() * 1000.0).contains(&duration);
    is_status && is_duration && time.is_some() && line["route"].is_string()
}
