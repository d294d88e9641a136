//! Backends, and the answers that the gateway gives in place of one.

use super::routes::Routes;
use super::text::{Text, quoted, scalar};
use super::written;
use crate::compat::address::Address;
use crate::compat::description::{Backend, Description};
use crate::compat::flags::Options;
use crate::config::bracketed;
use std::collections::BTreeMap;

/// The backend of the flag.
pub(super) const LOCAL: &str = "backend";
/// The upstreams that answer by themselves.
pub(super) const HEALTHY: &str = "healthy";
pub(super) const NOT_FOUND: &str = "not-found";
pub(super) const METHOD_NOT_ALLOWED: &str = "method-not-allowed";

/// Seconds after which ESPv2 gives a backend up, where the description says nothing else.
pub(super) const DEADLINE_SECONDS: u64 = 15;

/// The servers that requests go to, each with a name.
pub(super) struct Upstreams {
    names: BTreeMap<Server, String>,
}

/// A server, and the protocol that it is spoken to in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Server {
    host: String,
    port: u16,
    has_tls: bool,
    is_http2: bool,
}

// === impl Upstreams ===

impl Upstreams {
    pub(super) fn of(options: &Options, description: Option<&Description>) -> Self {
        let mut names = BTreeMap::from([(Server::local(options), LOCAL.to_owned())]);
        let operations = description.into_iter().flat_map(|d| &d.operations);
        for server in operations.filter_map(|o| Server::of(o.backend.as_ref()?)) {
            let name = server.name();
            names.entry(server).or_insert(name);
        }
        Self { names }
    }

    /// Returns the name of the upstream of a backend, or of the flag's if it has no address.
    pub(super) fn name(&self, backend: Option<&Backend>) -> &str {
        let server = backend.and_then(Server::of);
        let name = server.and_then(|server| self.names.get(&server));
        name.map_or(LOCAL, String::as_str)
    }

    pub(super) fn write(&self, text: &mut Text, options: &Options, routes: &Routes<'_>) {
        text.blank();
        text.line(0, "upstreams:");
        for (server, name) in self.names.iter().filter(|(_, name)| routes.need(name)) {
            if name == LOCAL {
                text.comment(2, &written(options, "backend"));
            }
            text.line(2, &format!("{}:", scalar(name)));
            server.write(text, options);
        }
        for (name, status, message) in [
            (HEALTHY, 200, None),
            (
                NOT_FOUND,
                404,
                Some("The current request is not defined by this API."),
            ),
            (
                METHOD_NOT_ALLOWED,
                405,
                Some(
                    "The path of the current request is defined by this API, but not its HTTP method.",
                ),
            ),
        ] {
            if !routes.need(name) {
                continue;
            }
            let body = message.map(|message| {
                let body = format!("{{\"code\":{status},\"message\":\"{message}\"}}");
                format!(", body: {}", quoted(&body))
            });
            let body = body.unwrap_or_default();
            let answer = format!("{{ respond: {{ status: {status}{body} }} }}");
            text.line(2, &format!("{name}: {answer}"));
        }
    }
}

// === impl Server ===

impl Server {
    fn local(options: &Options) -> Self {
        Self::new(&options.backend, false)
    }

    /// Returns the server of a backend; `None` for the flag's.
    fn of(backend: &Backend) -> Option<Self> {
        let address = backend.address.as_ref()?;
        Some(Self::new(address, backend.is_http2))
    }

    fn new(address: &Address, is_http2: bool) -> Self {
        let Address {
            scheme, host, port, ..
        } = address;
        Self {
            host: host.clone(),
            port: *port,
            has_tls: scheme.is_tls(),
            is_http2: is_http2 || scheme.is_grpc(),
        }
    }

    /// Returns a name that no other server has.
    fn name(&self) -> String {
        let protocol = match (self.has_tls, self.is_http2) {
            (false, false) => "http",
            (true, false) => "https",
            (false, true) => "h2c",
            (true, true) => "h2",
        };
        format!("{protocol}-{}-{}", self.host, self.port)
    }

    fn write(&self, text: &mut Text, options: &Options) {
        let endpoint = quoted(&format!("{}:{}", bracketed(&self.host), self.port));
        text.line(4, &format!("endpoints: [{endpoint}]"));
        match (self.is_http2, self.has_tls) {
            (false, _) => {}
            (true, false) => text.line(4, "protocol: h2c"),
            (true, true) => text.line(4, "protocol: h2"),
        }
        if self.has_tls {
            text.line(4, "tls:");
            text.line(6, &format!("server_name: {}", quoted(&self.host)));
            if let Some(ca) = &options.backend_tls.root_certificates {
                text.comment(6, &written(options, "ssl_backend_client_root_certs_file"));
                text.line(6, &format!("ca: {}", quoted(ca)));
            }
            if let Some(files) = &options.backend_tls.client_certificate {
                text.comment(6, &written(options, files.flag));
                text.line(6, &format!("certificate: {}", quoted(&files.certificate)));
                text.line(6, &format!("private_key: {}", quoted(&files.private_key)));
            }
        }
        text.line(4, &format!("read_timeout: {DEADLINE_SECONDS}s"));
        text.line(4, &format!("retries: {}", options.backend_retries));
    }
}
