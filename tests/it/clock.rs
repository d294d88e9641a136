//! A wall clock that is stepped while the gateway runs, for its process alone: libfaketime changes the time of day
//! that it reads, and leaves the clock that only moves forward as it is.

use crate::support::{
    Answer, Authority, Client, File, Folder, PATIENCE, Refusing, Response, Running, TlsClient,
    Upstream, run,
};
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// In seconds, as clocks are stepped here.
const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;
/// Much more than a run of these tests takes, and much less than a step.
const NEAR: f64 = 600.0;

const ORIGIN: &str = "https://app.example.com";

/// Returns libfaketime, if it is installed. `CORSGATE_TEST_CLOCK=require` makes it a failure that it is not.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let folders = folders.map(|folder| folder.path().join("faketime"));
    let more = [
        "/usr/lib/faketime",
        "/usr/lib64/faketime",
        "/usr/local/lib/faketime",
    ];
    let folders = folders.chain(more.map(PathBuf::from));
    let mut files = folders.map(|folder| folder.join("libfaketimeMT.so.1"));
    let found = files.find(|file| file.exists());
    let is_required = std::env::var("CORSGATE_TEST_CLOCK").is_ok_and(|v| v == "require");
    assert!(
        found.is_some() || !is_required,
        "libfaketime is not installed"
    );
    if found.is_none() {
        eprintln!("libfaketime is not installed: what needs it is not tested here");
    }
    found
}

/// Returns the seconds since 1970 by the real clock.
fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("it is later").as_secs_f64()
}

fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.expect("it is later").as_secs_f64()
}

/// A gateway with a clock of its own, and its upstreams.
struct Site {
    process: Running,
    plain: SocketAddr,
    tls: SocketAddr,
    admin: SocketAddr,
    /// Says when a request has reached the upstream that holds it, and lets it go.
    held: Receiver<()>,
    let_go: Sender<()>,
    tls_client: TlsClient,
    folder: Folder,
    _refusing: [Refusing; 2],
    _file: File,
}

impl Site {
    fn start(library: PathBuf) -> Self {
        let (has_come, held) = channel();
        let (let_go, goes) = channel();
        let (has_come, goes) = (Mutex::new(has_come), Mutex::new(goes));
        let upstream = Upstream::start_with(move |request| {
            match request.target.as_str() {
                path if path.starts_with("/held") => {
                    let _ = has_come.lock().expect("unpoisoned").send(());
                    let _ = goes.lock().expect("unpoisoned").recv();
                }
                "/late" => thread::park_timeout(PATIENCE),
                _ => {}
            }
            Answer::ok()
        });
        let (folder, authority) = (Folder::new(), Authority::new("servers"));
        authority.issue(&["a.test"]).write(&folder, "api");
        folder.write("clock", "+0");
        let refusing = [Refusing::new(), Refusing::new()];
        let (up, tls, access) = (upstream.address, folder.path("api"), folder.path("access"));
        let [bad, brief] = [&refusing[0], &refusing[1]].map(|one| one.address);
        let file = File::new(&format!(
            "listeners:\n- {{ address: '127.0.0.1:0' }}\n\
             - {{ address: '127.0.0.1:0', tls: {{ certificates: [{{ certificate: '{tls}.crt', private_key: '{tls}.key' }}] }} }}\n\
             admin: {{ address: '127.0.0.1:0' }}\nserver: {{ threads: 1 }}\nlog: {{ format: json }}\n\
             access_log: {{ path: '{access}' }}\nlimits: {{ header_timeout: 1s }}\n\
             upstreams:\n  u: {{ endpoints: ['{up}'] }}\n\
             \x20 bad: {{ endpoints: ['{bad}', '{up}'], outlier_detection: {{ consecutive_failures: 1, ejection_time: 30m }} }}\n\
             \x20 brief: {{ endpoints: ['{brief}', '{up}'], outlier_detection: {{ consecutive_failures: 1, ejection_time: 300ms }} }}\n\
             policies: {{ p: {{ allow_origins: ['{ORIGIN}'] }} }}\n\
             routes:\n- {{ name: r, upstream: u, cors: p }}\n\
             - {{ name: late, match: {{ path: /late }}, upstream: u, cors: p, read_timeout: 300ms }}\n\
             - {{ name: limited, match: {{ path: /limited }}, upstream: u, cors: p, rate_limit: {{ requests: 1, period: 1h }} }}\n\
             - {{ name: quick, match: {{ path: /quick }}, upstream: u, cors: p, rate_limit: {{ requests: 1, period: 1s }} }}\n\
             - {{ name: bad, match: {{ path: /bad }}, upstream: bad, cors: p }}\n\
             - {{ name: brief, match: {{ path: /brief }}, upstream: brief, cors: p }}\n",
            tls = tls.display(),
            access = access.display(),
        ));
        let mut command = Command::new(env!("CARGO_BIN_EXE_corsgate"));
        command.args(["serve", "--config", &file.path]);
        command.env("LD_PRELOAD", library);
        command.env("FAKETIME_TIMESTAMP_FILE", folder.path("clock"));
        // The file is read whenever the time is.
        command.env("FAKETIME_NO_CACHE", "1");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command.env("NO_FAKE_STAT", "1");
        let mut process = Running::start_as(&mut command);
        let log = process.log();
        let address = |mark| {
            let line = log.line(mark);
            let line: Value = serde_json::from_str(&line).expect("JSON");
            let message = line["message"].as_str().expect("a message");
            let address = message.rsplit(' ').next().expect("words");
            address.parse().expect("an address")
        };
        let traffic = "traffic: listening on";
        let (plain, tls, admin) = (
            address(traffic),
            address(traffic),
            address("admin: listening on"),
        );
        log.line("gateway serves");
        // The rest of the log has a reader, too.
        thread::spawn(move || log.whole());
        Self {
            process,
            plain,
            tls,
            admin,
            held,
            let_go,
            tls_client: TlsClient::new(&authority, "a.test", &["http/1.1"]),
            folder,
            _refusing: refusing,
            _file: file,
        }
    }

    /// Sets the gateway's clock to the real time and so many seconds more.
    fn step(&self, by: i64) {
        self.folder.replace("clock", &format!("{by:+}"));
    }

    fn get(&self, path: &str) -> Response {
        Client::connect(self.plain).exchange(&get(path))
    }

    fn ask_admin(&self, line: &str) -> Response {
        let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        Client::connect(self.admin).exchange(&request)
    }

    /// The number of endpoints of an upstream that are left out.
    fn ejected(&self, upstream: &str) -> bool {
        let series =
            format!("corsgate_upstream_endpoints{{state=\"ejected\",upstream=\"{upstream}\"}} 1\n");
        self.ask_admin("GET /metrics").body.contains(&series)
    }

    /// Returns the time until the limited route takes a request again, in seconds.
    fn retry_after(&self) -> u64 {
        let refused = self.get("/limited");
        assert_eq!(refused.status, 429, "{refused:?}");
        let wait = refused.get("retry-after").expect("it says when");
        wait.parse().expect("a number")
    }

    /// Waits for the line of the access log about a path.
    fn line(&self, path: &str) -> Value {
        let started = Instant::now();
        loop {
            let text = fs::read_to_string(self.folder.path("access")).expect("readable");
            let mut lines = text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok());
            match lines.find(|line: &Value| line["path"] == path) {
                Some(line) => return line,
                None => assert!(started.elapsed() < PATIENCE, "{path} has no line"),
            }
        }
    }

    /// Waits until the gateway drains and ends.
    fn end(mut self) {
        self.process.signal("TERM");
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.0.try_wait().expect("it runs") {
                assert!(status.success(), "{status}");
                return;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            thread::yield_now();
        }
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\n\r\n")
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        thread::yield_now();
    }
}

/// Steps the clock while a request is under way, and looks at all that goes by time.
fn hold_over(site: &Site, kept: &mut Client, number: usize, by: i64) {
    let began = Instant::now();
    let mut held = Client::connect(site.plain);
    let path = format!("/held-{number}");
    held.write(get(&path).as_bytes());
    site.held.recv_timeout(PATIENCE).expect("it comes");
    let mut begun = Client::connect(site.plain);
    begun.write(b"GET /begun HTTP/1.1\r\n");
    let wait = site.retry_after();
    site.step(by);

    // The times of the day follow.
    let stepped = format!("/step-{number}");
    let answer = kept.exchange(&get(&stepped));
    assert_eq!(answer.status, 200, "a kept connection is kept");
    wait_until("Date follows", || {
        let date = site.get("/").get("date").expect("a date");
        let date = httpdate::parse_http_date(&date).expect("its form");
        (seconds(date) - (now() + by as f64)).abs() < NEAR
    });
    let line = site.line(&stepped);
    let time = humantime::parse_rfc3339(line["time"].as_str().expect("a time"));
    let time = seconds(time.expect("its form"));
    assert!((time - (now() + by as f64)).abs() < NEAR, "{line}");

    // Rates and ejections do not.
    let still = site.retry_after();
    assert!(
        still <= wait && still + NEAR as u64 > wait,
        "{still}, {wait} before"
    );
    assert!(site.ejected("bad"));
    wait_until("a rate of one a second", || {
        site.get("/quick").status == 429
    });
    wait_until("a second passes", || site.get("/quick").status == 200);
    wait_until("it fails", || {
        assert_eq!(site.get("/brief").status, 200);
        site.ejected("brief")
    });
    wait_until("it is back", || !site.ejected("brief"));

    // Time-outs pass as ever.
    assert_eq!(site.get("/late").status, 504);
    assert_eq!(begun.read(false).expect("an answer").status, 408);
    let over_tls = run(site.tls_client.exchange(site.tls, "GET", &[]));
    assert_eq!(over_tls.expect("an answer").status, 200);
    assert_eq!(site.ask_admin("POST /reload").status, 200);

    assert!(
        !held.has_news_within(Duration::from_millis(1)),
        "it is still under way"
    );
    site.let_go.send(()).expect("it waits");
    assert_eq!(held.read(false).expect("an answer").status, 200);
    let line = site.line(&path);
    let most = began.elapsed().as_secs_f64() * 1000.0;
    let took = line["duration_ms"].as_f64().expect("a number");
    assert!((0.0..=most).contains(&took), "{most} ms: {line}");
}

#[test]
fn a_stepped_clock_changes_the_time_of_lines_and_nothing_else() {
    let Some(library) = library() else { return };
    let site = Site::start(library);
    assert_eq!(site.get("/limited").status, 200);
    wait_until("it fails", || {
        assert_eq!(site.get("/bad").status, 200);
        site.ejected("bad")
    });
    let mut kept = Client::connect(site.plain);
    assert_eq!(kept.exchange(&get("/")).status, 200);
    let to_1970 = DAY - now() as i64;
    for (number, by) in [HOUR, -HOUR, to_1970, 0].into_iter().enumerate() {
        hold_over(&site, &mut kept, number, by);
    }
    site.end();
}

/// Linux refuses to set a clock to such a time. The libraries below the gateway panic at it, which must not be the end
/// of more than a connection.
#[test]
fn a_clock_before_1970_is_survived() {
    let Some(library) = library() else { return };
    let site = Site::start(library);
    let preflight = format!(
        "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\nAccess-Control-Request-Method: GET\r\n\r\n"
    );
    site.step(-DAY - now() as i64);
    for _ in 0..3 {
        // By the express lane, which is the gateway's own.
        let answer = Client::connect(site.plain).exchange(&preflight);
        assert_eq!(answer.status, 204);
        let date = answer.get("date");
        assert_eq!(date.as_deref(), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
        let mut forwarded = Client::connect(site.plain);
        forwarded.write(get("/").as_bytes());
        assert_eq!(forwarded.read(false).expect("an answer").status, 200);
        let over_tls = run(site.tls_client.exchange(site.tls, "GET", &[]));
        over_tls.expect_err("no handshake");
        site.process.signal("HUP");
        let mut reload = Client::connect(site.admin);
        reload.write(b"POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        assert!(reload.read(false).is_none(), "pages are pingora's");
    }
    site.step(0);
    assert_eq!(site.get("/").status, 200);
    let over_tls = run(site.tls_client.exchange(site.tls, "GET", &[]));
    assert_eq!(over_tls.expect("an answer").status, 200);
    for page in ["GET /config", "GET /rejections", "POST /reload"] {
        assert_eq!(site.ask_admin(page).status, 200, "{page}");
    }
    wait_until("all connections have ended", || {
        let page = site.ask_admin("GET /metrics").body;
        page.contains("corsgate_downstream_connections 0\n")
    });
    site.end();
}
