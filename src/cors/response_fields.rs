//! The response fields of the CORS protocol, and their values before they are bytes.

use super::request::{CorsRequest, FieldLines};
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
    /// A field of our own: the reason of a refusal, if the policy has a debug header.
    Reason,
    Vary,
}

/// The value of a field, as far as it is known before a request arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// The same for every request: rendered when the policy was compiled.
    Fixed(HeaderValue),
    /// Repeated from the request, which must have been checked.
    Echo(RequestPart),
}

/// A part of a preflight that its answer may repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestPart {
    Origin,
    /// The method that is asked for.
    Method,
    /// The header names that are asked for, as a list in lower case.
    HeaderNames,
    /// `true`, if access to a private network is asked for.
    PrivateNetwork,
}

/// The request fields that a response's Vary must name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VarySet {
    /// The response is the same for every origin.
    Nothing,
    Origin,
    Preflight,
    /// The answer to a preflight, if the policy looks at Access-Control-Request-Private-Network.
    PrivateNetworkPreflight,
}

// === impl FieldName ===

impl FieldName {
    /// Returns the name in the letter case that HTTP/1.1 programs write.
    pub const fn as_str(self) -> &'static str {
        let line = self.line_start();
        line.split_at(line.len() - ": ".len()).0
    }

    /// Returns the beginning of the field's line in HTTP/1.1: its name, a colon and a blank.
    pub const fn line_start(self) -> &'static str {
        match self {
            Self::AllowOrigin => "Access-Control-Allow-Origin: ",
            Self::AllowCredentials => "Access-Control-Allow-Credentials: ",
            Self::AllowMethods => "Access-Control-Allow-Methods: ",
            Self::AllowHeaders => "Access-Control-Allow-Headers: ",
            Self::ExposeHeaders => "Access-Control-Expose-Headers: ",
            Self::MaxAge => "Access-Control-Max-Age: ",
            Self::AllowPrivateNetwork => "Access-Control-Allow-Private-Network: ",
            Self::Reason => "X-Corsgate-Reason: ",
            Self::Vary => "Vary: ",
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

impl FieldValue {
    /// Writes the value's bytes behind those in `out`. Returns false, and writes nothing, if it
    /// repeats a part that `request` does not have: the response is then without the field.
    pub fn write_to(&self, request: &CorsRequest<'_>, out: &mut Vec<u8>) -> bool {
        let value = match self {
            Self::Fixed(value) => Some(value.as_bytes()),
            Self::Echo(RequestPart::Origin) => request.origin.one(),
            Self::Echo(RequestPart::Method) => request.requested_method(),
            Self::Echo(RequestPart::HeaderNames) => {
                return write_names(&request.request_headers, out);
            }
            Self::Echo(RequestPart::PrivateNetwork) => {
                let asked = request.request_private_network.one();
                asked.filter(|&asked| asked == b"true")
            }
        };
        if let Some(value) = value {
            out.extend_from_slice(value);
        }
        value.is_some()
    }

    /// Returns the value for a header map, or `None` where [`FieldValue::write_to`] returns false.
    /// Allocates only for a repeated part.
    pub fn to_header_value(&self, request: &CorsRequest<'_>) -> Option<HeaderValue> {
        match self {
            Self::Fixed(value) => Some(value.clone()),
            Self::Echo(_) => {
                let mut bytes = Vec::new();
                // Checked bytes always make a value; the field is left out rather than to panic.
                self.write_to(request, &mut bytes)
                    .then(|| HeaderValue::try_from(bytes).ok())
                    .flatten()
            }
        }
    }
}

/// Writes the names as one list in lower case; returns whether there are any.
fn write_names(lines: &FieldLines<'_>, out: &mut Vec<u8>) -> bool {
    let mut is_any = false;
    for name in lines.elements() {
        if is_any {
            out.extend_from_slice(b", ");
        }
        out.extend(name.iter().map(u8::to_ascii_lowercase));
        is_any = true;
    }
    is_any
}

// === impl VarySet ===

impl VarySet {
    /// Returns the Vary of an answer to a preflight; `private_network` says whether the policy
    /// looks at Access-Control-Request-Private-Network.
    pub(super) fn of_preflight(private_network: bool) -> Self {
        match private_network {
            true => Self::PrivateNetworkPreflight,
            false => Self::Preflight,
        }
    }

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

    /// Returns the whole value, for a response that has no Vary of its own.
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
