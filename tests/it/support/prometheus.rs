use super::{Client, Folder, PATIENCE};
use serde_json::Value;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

/// Returns a program of Prometheus, if it is installed. `CORSGATE_TEST_PROMETHEUS=require` makes it a
/// failure that it is not.
pub(crate) fn program(name: &str) -> Option<Command> {
    let found = Command::new(name).arg("--version").output().is_ok();
    let required = std::env::var("CORSGATE_TEST_PROMETHEUS").is_ok_and(|v| v == "require");
    assert!(found || !required, "{name} is not installed");
    if !found {
        eprintln!("{name} is not installed: what needs it is not tested here");
    }
    found.then(|| Command::new(name))
}

/// A Prometheus that runs until the value ends.
pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
}

/// One series of an answer.
pub(crate) struct Series {
    /// An object with its labels.
    pub(crate) labels: Value,
    pub(crate) value: f64,
}

impl Prometheus {
    /// Starts the real one, if it is installed, with a configuration and its data in the folder.
    pub(crate) fn start(folder: &Folder, config: &str) -> Option<Self> {
        let config = folder.write("prometheus.yml", config);
        let data = folder.path("data");
        let started = Instant::now();
        loop {
            let mut prometheus = Self::try_start(program("prometheus")?, &config, &data);
            while !prometheus.has_ended() {
                if prometheus.is_ready() {
                    return Some(prometheus);
                }
                assert!(started.elapsed() < PATIENCE, "Prometheus does not start");
                thread::yield_now();
            }
            // Another program took its port, unless that goes on.
            assert!(started.elapsed() < PATIENCE, "Prometheus ends at once");
        }
    }

    fn try_start(mut command: Command, config: &Path, data: &Path) -> Self {
        // Prometheus does not say which port it took for 0: one that was free a moment ago it is.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
        let address = free.expect("a port");
        let child = command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        Self { child, address }
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it was started").is_some()
    }

    fn is_ready(&self) -> bool {
        TcpStream::connect(self.address).is_ok() && self.ask("/-/ready").0 == 200
    }

    fn ask(&self, target: &str) -> (u16, String) {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = Client::connect(self.address).exchange(&request);
        (answer.status, answer.body)
    }

    /// Returns the `data` of an answer of the HTTP API; the error is Prometheus' own.
    pub(crate) fn data(&self, target: &str) -> Result<Value, String> {
        let (_, body) = self.ask(&format!("/api/v1/{target}"));
        let mut answer: Value =
            serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["data"].take()),
        }
    }

    /// Returns the series that an expression has now.
    pub(crate) fn series(&self, expression: &str) -> Result<Vec<Series>, String> {
        let encoded: String = form_urlencoded::byte_serialize(expression.as_bytes()).collect();
        let data = self.data(&format!("query?query={encoded}"))?;
        let Some(vector) = data["result"].as_array() else {
            return Err(format!("no series: {data}"));
        };
        let series = |series: &Value| {
            let text = series["value"][1].as_str();
            let value = text.and_then(|text| text.parse().ok());
            Ok(Series {
                labels: series["metric"].clone(),
                value: value.ok_or_else(|| format!("no vector: {series}"))?,
            })
        };
        vector.iter().map(series).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
