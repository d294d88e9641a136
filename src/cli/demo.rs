//! `corsgate demo`: a gateway to try, with an upstream and a page, from nothing.

use super::CommandError;
use super::log::{Log, run_logged};
use super::output::print;
use crate::config::Config;
use crate::pages::{Pages, RequestBody, empty, with_body};
use crate::server::{HeldHangups, Process};
use async_trait::async_trait;
use clap::Args;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

const PAGE: &str = include_str!("demo/page.html");

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Address of the gateway.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    gateway: SocketAddr,
    /// Address of the admin listener, which has the metrics.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9901")]
    admin: SocketAddr,
    /// Address of the page: another origin than the gateway's.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8081")]
    page: SocketAddr,
}

pub(super) fn run(held: HeldHangups, options: Options) -> Result<ExitCode, CommandError> {
    run_logged(held, |process, log| serve(options, process, log))
}

fn serve(options: Options, process: Process, log: &Log) -> Result<(), CommandError> {
    let Options {
        gateway,
        admin,
        page,
    } = options;
    let socket = TcpListener::bind(page)
        .map_err(|error| format!("can't listen on {page} (--page): {error}"))?;
    let page = socket.local_addr()?;
    // The configuration is text, so that it is read as an operator's would be.
    let text = configuration(gateway, admin, page);
    let config = Config::parse(&text, Path::new("demo"))?;
    log.subscribe()?;
    process.serve(config, Path::new("demo"), |server| {
        let addresses = server.addresses();
        let (gateway, admin) = match (addresses.listeners.as_slice(), addresses.admin) {
            ([gateway], Some(admin)) => (*gateway, admin),
            _ => return Err("the demo's configuration has one listener and an admin".into()),
        };
        let html = PAGE
            .replace("{{GATEWAY}}", &format!("http://{gateway}"))
            .replace("{{ADMIN}}", &format!("http://{admin}"));
        server.add_pages("page", DemoApp { html }, socket)?;
        Ok(print(&introduction(gateway, admin, page))?)
    })
}

fn configuration(gateway: SocketAddr, admin: SocketAddr, page: SocketAddr) -> String {
    let port = page.port();
    format!(
        "\
listeners: [{{ address: '{gateway}' }}]
admin: {{ address: '{admin}' }}
upstreams:
  echo: {{ echo: true }}
  does-cors-itself: {{ endpoints: ['{page}'] }}
policies:
  page:
    allow_origins: ['http://{page}', 'http://localhost:{port}']
    allow_methods: [PUT, DELETE]
    allow_headers: [content-type, x-demo]
    expose_headers: [date]
    allow_credentials: true
    max_age: 2h
  elsewhere:
    allow_origins: [https://app.example.com]
    allow_methods: [PUT]
    allow_headers: [x-demo]
routes:
  - {{ name: allowed, match: {{ path_prefix: /allowed }}, upstream: echo, cors: page }}
  - {{ name: passthrough, match: {{ path_prefix: /passthrough }}, upstream: does-cors-itself, cors: passthrough }}
  - {{ name: rejected, match: {{ path_prefix: /rejected }}, upstream: echo, cors: elsewhere }}
"
    )
}

fn introduction(gateway: SocketAddr, admin: SocketAddr, page: SocketAddr) -> String {
    let preflight = |path: &str| {
        format!(
            "curl -i -X OPTIONS http://{gateway}{path} -H 'Origin: http://{page}' \\\n      \
             -H 'Access-Control-Request-Method: PUT' -H 'Access-Control-Request-Headers: x-demo'"
        )
    };
    let (allowed, passthrough, rejected) = (
        preflight("/allowed"),
        preflight("/passthrough"),
        preflight("/rejected"),
    );
    format!(
        "
corsgate demo

  In a browser:  http://{page}/

  On the command line:

    # answered at the edge, the upstream never hears of it
    {allowed}

    # passed through to a backend that does CORS itself
    {passthrough}

    # rejected: the policy allows another origin
    {rejected}

    # the request itself: the upstream echoes what it was sent
    curl -i http://{gateway}/allowed -H 'Origin: http://{page}'

    # what became of them, counted
    curl -s http://{admin}/metrics | grep ^corsgate_preflights

    # who was rejected, and why
    curl -s http://{admin}/rejections

  Ctrl-C ends it.

"
    )
}

/// The page, and a backend that does CORS itself.
#[derive(Debug)]
struct DemoApp {
    html: String,
}

#[async_trait]
impl Pages for DemoApp {
    async fn respond(&self, request: &Parts, _body: &mut dyn RequestBody) -> Response<Vec<u8>> {
        let (method, path) = (&request.method, request.uri.path());
        if path.starts_with("/passthrough") {
            return backend(method, request.headers.get(header::ORIGIN));
        }
        match (method, path) {
            (&Method::GET, "/") => {
                let html = self.html.clone().into_bytes();
                with_body(StatusCode::OK, "text/html; charset=utf-8", html)
            }
            _ => empty(StatusCode::NOT_FOUND),
        }
    }
}

fn backend(method: &Method, origin: Option<&HeaderValue>) -> Response<Vec<u8>> {
    let mut response = match *method {
        Method::OPTIONS => empty(StatusCode::NO_CONTENT),
        _ => {
            let body = br#"{ "answered_by": "a backend that does CORS itself" }"#;
            with_body(StatusCode::OK, "application/json", body.to_vec())
        }
    };
    let headers = response.headers_mut();
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "PUT"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, x-demo"),
        (header::VARY, "Origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
