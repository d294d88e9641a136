//! Addresses given in place of a name's own, as curl's `--resolve` has them.

use super::Target;
use crate::cors::default_port;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// The addresses for one host and port: `HOST:PORT:ADDRESS[,ADDRESS]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// In lower case; `*` for every host.
    host: String,
    port: u16,
    addresses: Vec<IpAddr>,
}

/// Maximum number of addresses for one host; more are an error, because a client tries so many at most.
const MAX_ADDRESSES: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    #[error("it is not HOST:PORT:ADDRESS, such as `api.example.com:443:192.0.2.1`")]
    NoParts,
    #[error("`{0}` is not a port: write a number up to 65535")]
    NoPort(String),
    #[error("`{0}` is not an address")]
    NoAddress(String),
    #[error("it has more than {MAX_ADDRESSES} addresses")]
    TooMany,
}

// === impl Resolve ===

impl Resolve {
    /// Returns the addresses to connect to, if they are for this URL.
    pub fn addresses_for(&self, target: &Target) -> Option<Vec<SocketAddr>> {
        let uri = target.uri();
        let port = uri.port_u16().or_else(|| default_port(uri.scheme_str()?))?;
        let host = target.host();
        let is_meant = self.host == "*" || self.host.eq_ignore_ascii_case(host);
        (is_meant && self.port == port).then(|| {
            let addresses = self.addresses.iter();
            addresses
                .map(|address| SocketAddr::new(*address, port))
                .collect()
        })
    }
}

impl FromStr for Resolve {
    type Err = ResolveError;

    fn from_str(text: &str) -> Result<Self, ResolveError> {
        // curl's `+` is about how long it remembers the address.
        let text = text.strip_prefix('+').unwrap_or(text);
        let end = match text.starts_with('[') {
            true => text.find("]:").map(|at| at + 1),
            false => text.find(':'),
        };
        let (host, rest) = text.split_at(end.ok_or(ResolveError::NoParts)?);
        let (port, addresses) = rest[1..].split_once(':').ok_or(ResolveError::NoParts)?;
        if host.is_empty() {
            return Err(ResolveError::NoParts);
        }
        let port = port
            .parse()
            .map_err(|_| ResolveError::NoPort(port.to_owned()))?;
        let address = |text: &str| {
            let bare = text
                .strip_prefix('[')
                .and_then(|text| text.strip_suffix(']'));
            let address = bare.unwrap_or(text).parse();
            address.map_err(|_| ResolveError::NoAddress(text.to_owned()))
        };
        let addresses: Vec<IpAddr> = addresses
            .split(',')
            .map(address)
            .collect::<Result<_, _>>()?;
        if addresses.len() > MAX_ADDRESSES {
            return Err(ResolveError::TooMany);
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port,
            addresses,
        })
    }
}
