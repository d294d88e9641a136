//! The service that a document describes: its name, the base path of its paths, and whether it allows
//! CORS.

use super::MANAGEMENT;
use crate::compat::description::model::Kind;
use crate::compat::description::other_endpoint;
use crate::compat::description::reader::Reader;
use crate::config::TreeValue;

const ENDPOINTS: &str = "x-google-endpoints";
const ENDPOINT: &str = "x-google-endpoint";

/// The service of a document.
pub(super) struct Service {
    /// Its host, with a port if there is one; empty if the document has none.
    pub name: String,
    /// The beginning of all its paths, without a slash at the end.
    pub base: String,
    pub allows_cors: bool,
}

// === impl Service ===

impl Service {
    pub(super) fn read(reader: &mut Reader<'_>, root: TreeValue<'_>, kind: Kind) -> Self {
        match kind {
            Kind::OpenApi3 => Self::of_servers(reader, root),
            _ => Self::of_host(reader, root),
        }
    }

    /// Reads `host`, `basePath` and the endpoints of OpenAPI 2.0.
    fn of_host(reader: &mut Reader<'_>, root: TreeValue<'_>) -> Self {
        let host = reader.text(root, "host").map(|(host, _)| host);
        let base = match reader.text(root, "basePath") {
            Some((base, field)) => base_of(reader, base, field),
            None => String::new(),
        };
        let mut name = host.map(str::to_owned);
        let mut allows_cors = false;
        for endpoint in reader.mappings(root, ENDPOINTS) {
            let own = reader.text(endpoint, "name").map(|(name, _)| name);
            if !reader.flag(endpoint, "allow_cors") {
                continue;
            }
            match (&name, own) {
                (Some(name), own) if Some(name.as_str()) == own => allows_cors = true,
                (Some(name), own) => other_endpoint(reader, endpoint, name, own),
                (None, own) => {
                    let message = "CORS is allowed for an endpoint of a document without a host: it is \
                                   taken for the service's";
                    reader.remark(endpoint, message, "write its name as the `host`");
                    name = Some(own.unwrap_or_default().to_owned());
                    allows_cors = true;
                }
            }
        }
        Self {
            name: name.unwrap_or_default(),
            base,
            allows_cors,
        }
    }

    /// Reads the servers of OpenAPI 3: the one with the extension, or the first.
    fn of_servers(reader: &mut Reader<'_>, root: TreeValue<'_>) -> Self {
        let servers = reader.mappings(root, "servers");
        let endpoints: Vec<(TreeValue<'_>, TreeValue<'_>)> = servers
            .iter()
            .filter_map(|server| Some((*server, server.get(ENDPOINT)?)))
            .collect();
        for (_, endpoint) in endpoints.iter().skip(1) {
            let message = format!("a second server has `{ENDPOINT}`");
            reader.error(*endpoint, message, "keep it at one server");
        }
        let mut allows_cors = false;
        for (_, endpoint) in endpoints.iter().take(1) {
            allows_cors = reader.flag(*endpoint, "allow_cors");
        }
        if let Some(management) = reader.mapping(root, MANAGEMENT) {
            allows_cors |= reader.flag(management, "allow_cors");
        }
        let chosen = endpoints.first().map(|(server, _)| *server);
        let (name, base) = match chosen.or(servers.first().copied()) {
            Some(server) => host_and_base(reader, server),
            None => (String::new(), String::new()),
        };
        Self {
            name,
            base,
            allows_cors,
        }
    }
}

/// Reads the URL of a server, with the defaults of its variables.
fn host_and_base(reader: &mut Reader<'_>, server: TreeValue<'_>) -> (String, String) {
    const MAX_BYTES: usize = 2_000;
    let Some((url, field)) = reader.text(server, "url") else {
        return (String::new(), String::new());
    };
    let mut url = url.to_owned();
    let variables = reader.mapping(server, "variables");
    for (name, variable) in variables.map(TreeValue::entries).unwrap_or_default() {
        let default = variable.get("default").and_then(TreeValue::written);
        if url.len() <= MAX_BYTES {
            url = url.replacen(&format!("{{{name}}}"), default.unwrap_or_default(), 1);
        }
    }
    if url.len() > MAX_BYTES {
        let message = format!("the URL is longer than {MAX_BYTES} bytes");
        reader.error(field, message, "write a shorter one");
        return (String::new(), String::new());
    }
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", url.as_str()),
    };
    (host.to_owned(), base_of(reader, path, field))
}

/// Returns a base path without the slash at its end; an invalid one is an error, and empty.
fn base_of(reader: &mut Reader<'_>, text: &str, field: TreeValue<'_>) -> String {
    let base = text.strip_suffix('/').unwrap_or(text);
    if !base.is_empty() && !base.starts_with('/') {
        let message = format!("the base path `{text}` does not begin with a slash");
        reader.error(field, message, "write `/` before it");
        return String::new();
    }
    base.to_owned()
}
