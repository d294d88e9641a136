//! A request as a line of text, the backends behind both gateways, and an answer as a line of text.

use crate::support::{self, Client, Received, Upstream};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, mpsc};

/// A request: `METHOD TARGET | Name: value | …`, with a field per part.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) line: String,
    pub(super) method: String,
    pub(super) target: String,
    fields: Vec<(String, String)>,
}

/// The parts of an answer that are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) maker: Maker,
    /// All `Access-Control-*` lines, names in lower case, sorted.
    pub(super) cors: Vec<(String, String)>,
}

/// The server that made an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Maker {
    /// The backend, with the method and the target that reached it.
    Backend(String),
    /// The gateway, with the type and the text of its body.
    Gateway(String, String),
}

/// Two backends that tell what reaches them.
pub(super) struct Backends {
    pub(super) address: SocketAddr,
    /// The backend of the operations that have one of their own.
    pub(super) other: SocketAddr,
    reached: mpsc::Receiver<String>,
    _upstreams: [Upstream; 2],
}

// === impl Request ===

impl Request {
    pub(super) fn parse(line: &str) -> Self {
        let mut parts = line.split(" | ");
        let (method, target) = parts
            .next()
            .and_then(|start| start.split_once(' '))
            .unwrap_or_else(|| panic!("a method and a target in {line}"));
        let fields = parts.map(|part| part.split_once(':').expect("a field"));
        let fields = fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Self {
            line: line.to_owned(),
            method: method.to_owned(),
            target: target.to_owned(),
            fields: fields.collect(),
        }
    }

    pub(super) fn path(&self) -> &str {
        let target = self.target.as_str();
        let target = target
            .strip_prefix("http://api.example.com")
            .unwrap_or(target);
        target.split('?').next().unwrap_or_default()
    }

    /// Returns the status of the backend's answer, if the request reaches it.
    pub(super) fn status_of_backend(&self) -> u16 {
        match self.values("x-backend").as_slice() {
            ["preflight"] => 204,
            ["error"] => 500,
            _ => 200,
        }
    }

    /// Returns the values of a field, one per line.
    pub(super) fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.fields.iter();
        let lines = fields.filter(|(n, _)| n.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.as_str()).collect()
    }

    /// Sends the request on a connection of its own, and returns the answer.
    pub(super) fn send(&self, gateway: SocketAddr, backends: &Backends) -> Answer {
        let (method, target) = (&self.method, &self.target);
        let fields = self.fields.iter().map(|(n, v)| format!("{n}: {v}\r\n"));
        let fields: String = fields.collect();
        let length = match method.as_str() {
            "POST" | "PUT" | "PATCH" => "Content-Length: 0\r\n",
            _ => "",
        };
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: api.example.com\r\n{fields}{length}\r\n");
        let response = Client::connect(gateway).exchange(&head);
        let reached: Vec<String> = backends.reached.try_iter().collect();
        let field = |name| response.get(name).unwrap_or_default();
        let maker = match reached.as_slice() {
            [] => Maker::Gateway(field("content-type"), response.body.trim_end().to_owned()),
            [one] => Maker::Backend(one.clone()),
            more => panic!("one request reached the backend as {more:?}"),
        };
        let fields = response.headers.iter();
        let mut cors: Vec<_> = fields
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .filter(|(name, _)| name.starts_with("access-control-"))
            .collect();
        cors.sort();
        Answer {
            status: response.status,
            maker,
            cors,
        }
    }
}

// === impl Answer ===

impl Answer {
    /// Reads an answer as it is displayed.
    pub(super) fn parse(line: &str) -> Self {
        let mut parts = line.split(" | ");
        let status = parts.next().and_then(|part| part.parse().ok());
        let status = status.unwrap_or_else(|| panic!("a status in {line}"));
        let (mut maker, mut cors) = (Maker::Gateway(String::new(), String::new()), Vec::new());
        for part in parts {
            let (name, value) = part
                .split_once(": ")
                .unwrap_or((part.trim_end_matches(':'), ""));
            match name {
                "backend" => maker = Maker::Backend(value.to_owned()),
                name if name.starts_with("access-control-") => {
                    cors.push((name.to_owned(), value.to_owned()));
                }
                kind => maker = Maker::Gateway(kind.to_owned(), value.to_owned()),
            }
        }
        Self {
            status,
            maker,
            cors,
        }
    }

    /// Returns the value of the first line of a field, to be changed.
    pub(super) fn list(&mut self, name: &str) -> Option<&mut String> {
        let line = self.cors.iter_mut().find(|(n, _)| n == name);
        line.map(|(_, value)| value)
    }

    /// Whether the gateway made it without a text.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.maker, Maker::Gateway(_, text) if text.is_empty())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        match &self.maker {
            Maker::Backend(reached) => write!(f, " | backend: {reached}")?,
            Maker::Gateway(kind, body) if kind.is_empty() && body.is_empty() => {}
            Maker::Gateway(kind, body) => write!(f, " | {kind}: {body}")?,
        }
        for (name, value) in &self.cors {
            write!(f, " | {name}: {value}")?;
        }
        Ok(())
    }
}

// === impl Maker ===

impl Maker {
    /// The gateway, with an empty body.
    pub(super) const NOTHING: Self = Self::Gateway(String::new(), String::new());

    /// The gateway, with the body in which ESPv2 wraps a message.
    pub(super) fn json(code: u16, message: &str) -> Self {
        let body = format!(r#"{{"code":{code},"message":"{message}"}}"#);
        Self::Gateway("application/json".to_owned(), body)
    }
}

// === impl Backends ===

impl Backends {
    /// Starts the backends. The request's field `X-Backend` tells them what to answer.
    pub(super) fn start() -> Self {
        let (send, reached) = mpsc::channel();
        let upstreams = ["", "other "].map(|name| {
            let send = Mutex::new(send.clone());
            Upstream::start_with(move |request| {
                let line = format!("{name}{} {}", request.method, request.target);
                let _ = send.lock().expect("no test panics with it").send(line);
                answer(request)
            })
        });
        Self {
            address: upstreams[0].address,
            other: upstreams[1].address,
            reached,
            _upstreams: upstreams,
        }
    }
}

fn answer(request: &Received) -> support::Answer {
    let asked = request.get("x-backend").unwrap_or_default();
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let own = [
        field("Access-Control-Allow-Origin", "https://backend.example.com"),
        field("Access-Control-Allow-Credentials", "true"),
        field("Access-Control-Expose-Headers", "X-Backend"),
        field("Vary", "Accept"),
    ];
    let preflight = [
        field("Access-Control-Allow-Methods", "PURGE"),
        field("Access-Control-Allow-Headers", "X-Backend"),
        field("Access-Control-Max-Age", "7"),
    ];
    match asked.as_str() {
        "cors" => support::Answer::new(200, &own),
        "preflight" => support::Answer::new(204, &[own.to_vec(), preflight.to_vec()].concat()),
        "any" => support::Answer::new(200, &[field("Access-Control-Allow-Origin", "*")]),
        "error" => support::Answer::new(500, &[]),
        "" => support::Answer::ok(),
        other => panic!("the backend has no answer `{other}`"),
    }
}
