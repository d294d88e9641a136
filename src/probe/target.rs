//! The URL that is asked.

use crate::cors::{invalid_port, origin_of};
use http::Uri;
use std::fmt;
use std::str::FromStr;

/// An absolute http or https URL without user name, password or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(Uri);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("`{0}` is not a URL: {1}")]
    Unreadable(String, String),
    #[error("`{0}` has no scheme: write `https://{0}`")]
    NoScheme(String),
    #[error("`{0}`: browsers fetch `http:` and `https:` from servers, nothing else")]
    OtherScheme(String),
    #[error(
        "`{0}`: CORS does not guard WebSockets, so that there is nothing to probe: a browser opens one from any \
         page, and the server must check its Origin"
    )]
    WebSocket(String),
    #[error("`{0}` is not a port: write a number up to 65535")]
    NoPort(String),
    #[error("`{0}` has a user name: write it as `--header authorization`")]
    UserInfo(String),
}

// === impl Target ===

impl Target {
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    pub fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    /// Returns path and query as the request's first line has them.
    pub fn path_and_query(&self) -> &str {
        self.0.path_and_query().map_or("/", |path| path.as_str())
    }

    /// Returns the URL's own origin as a browser serializes it.
    pub fn origin(&self) -> String {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self
            .0
            .authority()
            .map_or("", |authority| authority.as_str());
        origin_of(scheme, authority)
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if !text.contains("://") {
            return Err(TargetError::NoScheme(text.to_owned()));
        }
        let uri: Uri = text.parse().map_err(|error: http::uri::InvalidUri| {
            TargetError::Unreadable(text.escape_debug().to_string(), error.to_string())
        })?;
        match uri.scheme_str() {
            Some("http" | "https") => {}
            Some("ws" | "wss") => return Err(TargetError::WebSocket(text.to_owned())),
            _ => return Err(TargetError::OtherScheme(text.to_owned())),
        }
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err(TargetError::UserInfo(text.to_owned()));
        }
        if let Some(port) = invalid_port(authority) {
            return Err(TargetError::NoPort(port.to_owned()));
        }
        Ok(Self(uri))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
