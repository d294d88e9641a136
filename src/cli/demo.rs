//! `corsgate demo`: a gateway to try, with an upstream and a page, from nothing.

mod certificate;

use super::CommandError;
use super::log::{Log, run_logged};
use super::output::print;
use crate::config::{Config, ConfigSource};
use crate::pages::{Pages, RequestBody, empty, with_body};
use crate::server::{HeldSignals, Process};
use async_trait::async_trait;
use certificate::{AUTHORITY, CERTIFICATE, CertificateFolder, KEY};
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
    /// Serve https as well, with a certificate that is made now.
    #[arg(long)]
    tls: bool,
    /// Address of the gateway's https.
    #[arg(
        long,
        value_name = "IP:PORT",
        default_value = "127.0.0.1:8443",
        requires = "tls"
    )]
    tls_gateway: SocketAddr,
}

/// The gateway's https.
struct Https {
    address: SocketAddr,
    certificate: CertificateFolder,
}

pub(super) fn run(held: HeldSignals, options: Options) -> Result<ExitCode, CommandError> {
    run_logged(held, |process, log| serve(options, process, log))
}

fn serve(options: Options, process: Process, log: &Log) -> Result<(), CommandError> {
    let Options {
        gateway,
        admin,
        page,
        tls,
        tls_gateway,
    } = options;
    let https = tls.then(|| Https::new(tls_gateway)).transpose()?;
    let socket = TcpListener::bind(page)
        .map_err(|error| format!("can't listen on {page} (--page): {error}"))?;
    let page = socket.local_addr()?;
    // The configuration is text, so that it is read as an operator's would be.
    let text = configuration(gateway, https.as_ref(), admin, page);
    let name = Path::new("demo");
    let config = Config::parse(&text, name)?;
    log.subscribe(config.log)?;
    process.serve(config, ConfigSource::file(name), false, |server| {
        let addresses = server.addresses();
        let (gateway, tls_gateway, admin) = match (addresses.listeners.as_slice(), addresses.admin)
        {
            ([gateway, tls @ ..], Some(admin)) => (*gateway, tls.first(), admin),
            _ => return Err("the demo's configuration has a listener and an admin".into()),
        };
        let html = PAGE
            .replace("{{GATEWAY}}", &format!("http://{gateway}"))
            .replace("{{ADMIN}}", &format!("http://{admin}"));
        server.add_pages("page", DemoApp { html }, socket)?;
        let mut introduction = introduction(gateway, admin, page);
        if let (Some(https), Some(address)) = (&https, tls_gateway) {
            introduction.push_str(&https.introduction(*address, page));
        }
        introduction.push_str("  Ctrl-C ends it.\n\n");
        Ok(print(&introduction)?)
    })
}

// === impl Https ===

impl Https {
    fn new(address: SocketAddr) -> Result<Self, CommandError> {
        let certificate = CertificateFolder::new(address.ip())
            .map_err(|error| format!("can't make a certificate (--tls): {error}"))?;
        Ok(Self {
            address,
            certificate,
        })
    }

    /// Returns the listener, as a line of a configuration.
    fn listener(&self) -> String {
        let file = |name: &str| {
            let path = self.certificate.path().join(name).display().to_string();
            serde_json::Value::from(path).to_string()
        };
        let (certificate, key) = (file(CERTIFICATE), file(KEY));
        format!(
            "- {{ address: '{}', tls: {{ certificates: [{{ certificate: {certificate}, private_key: {key} }}] }} }}\n",
            self.address
        )
    }

    fn introduction(&self, gateway: SocketAddr, page: SocketAddr) -> String {
        let authority = self.certificate.path().join(AUTHORITY);
        let authority = authority.display();
        format!(
            "    # the same over TLS, HTTP/2; this file is the authority to trust, and is gone with the demo
    curl -i --cacert '{authority}' -X OPTIONS https://{gateway}/allowed -H 'Origin: http://{page}' \\
      -H 'Access-Control-Request-Method: PUT'

"
        )
    }
}

fn configuration(
    gateway: SocketAddr,
    https: Option<&Https>,
    admin: SocketAddr,
    page: SocketAddr,
) -> String {
    let port = page.port();
    let https = https.map_or(String::new(), Https::listener);
    format!(
        "\
listeners:
- {{ address: '{gateway}' }}
{https}\
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
