//! The response fields of the CORS protocol, and their values before they are bytes.

use super::request::FieldLines;
use http::{HeaderName, HeaderValue, header};

/// A response field that CORS may set: <https://fetch.spec.whatwg.org/#http-responses>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldName {
    AllowOrigin,
    AllowCredentials,
    AllowMethods,
    AllowHeaders,
    ExposeHeaders,
    MaxAge,
    AllowPrivateNetwork,
    /// Our own: why a request got no permission, where the policy has a debug header.
    Reason,
    Vary,
}

/// The value of a field: rendered when the policy was compiled, or borrowed from the request and
/// validated there.
#[derive(Debug, Clone, Copy)]
pub enum FieldValue<'a> {
    Static(&'static str),
    Rendered(&'a HeaderValue),
    /// One validated value of the request: its origin, or the method it asks for.
    Echo(&'a [u8]),
    /// Validated names of the request, as a list in lower case.
    EchoNames(&'a FieldLines<'a>),
}

/// What a response's Vary must name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VarySet {
    /// The response is the same for every origin.
    Nothing,
    Origin,
    Preflight,
    /// A preflight of a policy that looks at Access-Control-Request-Private-Network.
    PrivateNetworkPreflight,
}

// === impl FieldName ===

impl FieldName {
    /// The name as HTTP/1.1 programs write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllowOrigin => "Access-Control-Allow-Origin",
            Self::AllowCredentials => "Access-Control-Allow-Credentials",
            Self::AllowMethods => "Access-Control-Allow-Methods",
            Self::AllowHeaders => "Access-Control-Allow-Headers",
            Self::ExposeHeaders => "Access-Control-Expose-Headers",
            Self::MaxAge => "Access-Control-Max-Age",
            Self::AllowPrivateNetwork => "Access-Control-Allow-Private-Network",
            Self::Reason => "X-Corsgate-Reason",
            Self::Vary => "Vary",
        }
    }
}

impl From<FieldName> for HeaderName {
    fn from(name: FieldName) -> Self {
        const PRIVATE_NETWORK: HeaderName =
            HeaderName::from_static("access-control-allow-private-network");
        const REASON: HeaderName = HeaderName::from_static("x-corsgate-reason");
        match name {
            FieldName::AllowOrigin => header::ACCESS_CONTROL_ALLOW_ORIGIN,
            FieldName::AllowCredentials => header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            FieldName::AllowMethods => header::ACCESS_CONTROL_ALLOW_METHODS,
            FieldName::AllowHeaders => header::ACCESS_CONTROL_ALLOW_HEADERS,
            FieldName::ExposeHeaders => header::ACCESS_CONTROL_EXPOSE_HEADERS,
            FieldName::MaxAge => header::ACCESS_CONTROL_MAX_AGE,
            FieldName::AllowPrivateNetwork => PRIVATE_NETWORK,
            FieldName::Reason => REASON,
            FieldName::Vary => header::VARY,
        }
    }
}

// === impl FieldValue ===

impl FieldValue<'_> {
    /// Writes the value's bytes behind those in `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Static(text) => out.extend_from_slice(text.as_bytes()),
            Self::Rendered(value) => out.extend_from_slice(value.as_bytes()),
            Self::Echo(bytes) => out.extend_from_slice(bytes),
            Self::EchoNames(lines) => {
                for (index, name) in lines.elements().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(b", ");
                    }
                    out.extend(name.iter().map(u8::to_ascii_lowercase));
                }
            }
        }
    }

    /// The value for a header map. Allocates for what is echoed and for nothing else.
    ///
    /// `None` can't happen for validated bytes; it leaves the field out rather than to panic.
    pub fn to_header_value(&self) -> Option<HeaderValue> {
        match self {
            Self::Static(text) => Some(HeaderValue::from_static(text)),
            Self::Rendered(value) => Some((*value).clone()),
            Self::Echo(bytes) => HeaderValue::from_bytes(bytes).ok(),
            Self::EchoNames(_) => {
                let mut bytes = Vec::new();
                self.write_to(&mut bytes);
                HeaderValue::try_from(bytes).ok()
            }
        }
    }
}

// === impl VarySet ===

impl VarySet {
    pub fn names(self) -> &'static [&'static str] {
        const NAMES: [&str; 4] = [
            "Origin",
            "Access-Control-Request-Method",
            "Access-Control-Request-Headers",
            "Access-Control-Request-Private-Network",
        ];
        match self {
            Self::Nothing => &[],
            Self::Origin => &NAMES[..1],
            Self::Preflight => &NAMES[..3],
            Self::PrivateNetworkPreflight => &NAMES,
        }
    }

    /// The whole value for a response that has no Vary of its own.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Origin => "Origin",
            Self::Preflight => {
                "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
            }
            Self::PrivateNetworkPreflight => {
                "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, \
                 Access-Control-Request-Private-Network"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_in_both_forms() {
        for name in [
            FieldName::AllowOrigin,
            FieldName::AllowCredentials,
            FieldName::AllowMethods,
            FieldName::AllowHeaders,
            FieldName::ExposeHeaders,
            FieldName::MaxAge,
            FieldName::AllowPrivateNetwork,
            FieldName::Reason,
            FieldName::Vary,
        ] {
            let lower = name.as_str().to_ascii_lowercase();
            assert_eq!(HeaderName::from(name).as_str(), lower);
        }
    }

    #[test]
    fn a_vary_value_is_its_names_joined() {
        for set in [
            VarySet::Nothing,
            VarySet::Origin,
            VarySet::Preflight,
            VarySet::PrivateNetworkPreflight,
        ] {
            assert_eq!(set.as_str(), set.names().join(", "));
        }
    }
}
