//! The gateway's own responses, as data: a status, CORS fields, and no body.

use super::snapshot::Route;
use crate::cors::{
    AnswerValue, FieldName, FieldValue, HeaderPlan, Policy, PreflightGrant, RequestValue,
    ResponseFields as _,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use once_cell::sync::Lazy;
use pingora_core::Result;
use pingora_http::ResponseHeader;

/// So many fields have room in a response's header before it has to grow: a preflight's answer, and
/// what pingora adds.
const FIELDS: usize = 12;

/// The answer to an allowed preflight of one policy, as far as it is the same for every request.
#[derive(Debug, Default)]
pub(crate) struct PreflightTemplate {
    http1: Vec<Part>,
    /// With something in the place of what isn't the same.
    http2: HeaderMap,
}

#[derive(Debug)]
enum Part {
    Bytes(Vec<u8>),
    Line(FieldName, RequestValue),
}

/// An answer that the gateway makes itself: a status, CORS fields, and no body.
pub(crate) struct Answer<'a> {
    pub status: StatusCode,
    fields: Fields<'a>,
}

enum Fields<'a> {
    Grant(PreflightGrant<'a>, &'a PreflightTemplate),
    Plan {
        plan: HeaderPlan,
        policy: Option<&'a Policy>,
        origin: Option<&'a [u8]>,
    },
}

// === impl Answer ===

impl<'a> Answer<'a> {
    /// The answer to an allowed preflight.
    pub(crate) fn handled(grant: PreflightGrant<'a>, template: &'a PreflightTemplate) -> Self {
        Self {
            status: grant.status(),
            fields: Fields::Grant(grant, template),
        }
    }

    /// Any other answer, to a request of `route` with this plan and origin.
    pub(crate) fn refusal(
        status: StatusCode,
        route: &'a Route,
        plan: HeaderPlan,
        origin: Option<&'a [u8]>,
    ) -> Self {
        let policy = route.rule.responding_policy();
        Self {
            status,
            fields: Fields::Plan {
                plan,
                policy,
                origin,
            },
        }
    }

    /// The answer to what can't be taken for a request, so that no policy is known.
    pub(crate) fn bare(status: StatusCode) -> Self {
        Self {
            status,
            fields: Fields::Plan {
                plan: HeaderPlan::Untouched,
                policy: None,
                origin: None,
            },
        }
    }

    /// The CORS fields of the answer.
    pub(crate) fn fields(&self) -> HeaderMap {
        let mut fields = HeaderMap::new();
        self.for_each_field(|name, value| insert(&mut fields, name, value));
        fields
    }

    fn for_each_field(&self, each: impl FnMut(FieldName, FieldValue<'a>)) {
        match &self.fields {
            Fields::Grant(grant, _) => grant.for_each_field(each),
            Fields::Plan {
                plan,
                policy,
                origin,
            } => plan.for_each_field(*policy, *origin, each),
        }
    }

    /// The answer as pingora sends it, which adds Date and Connection.
    pub(crate) fn to_header(&self) -> Result<Box<ResponseHeader>> {
        // Most answers are this one; a copy is cheaper than a new one.
        static NO_CONTENT: Lazy<Option<ResponseHeader>> =
            Lazy::new(|| ResponseHeader::build(StatusCode::NO_CONTENT, Some(FIELDS)).ok());
        let mut header = match (self.status, &*NO_CONTENT) {
            (StatusCode::NO_CONTENT, Some(header)) => Box::new(header.clone()),
            (status, _) => Box::new(ResponseHeader::build(status, Some(FIELDS))?),
        };
        if has_length(self.status) {
            header.insert_header("Content-Length", "0")?;
        }
        self.for_each_field(|name, value| {
            if let Some(value) = value.to_header_value() {
                header.set(name.as_str(), value);
            }
        });
        Ok(header)
    }

    /// The same answer for HTTP/2, where names have no case.
    pub(crate) fn to_http2_header(&self) -> Box<ResponseHeader> {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = self.status;
        parts.headers = match &self.fields {
            Fields::Grant(grant, template) => template.http2_fields(grant),
            Fields::Plan { .. } => {
                let mut fields = http2_start(self.status);
                self.for_each_field(|name, value| insert(&mut fields, name, value));
                fields
            }
        };
        Box::new(parts.into())
    }

    /// The same answer as an HTTP/1.1 response, written behind what is in `out`.
    pub(crate) fn write_http1(&self, date: &[u8], keep_alive: bool, out: &mut Vec<u8>) {
        match &self.fields {
            Fields::Grant(grant, template) => template.write_http1(grant, out),
            Fields::Plan { .. } => {
                write_start(self.status, out);
                self.for_each_field(|name, value| write_field(name, value, out));
            }
        }
        out.extend_from_slice(b"Date: ");
        out.extend_from_slice(date);
        out.extend_from_slice(match keep_alive {
            true => b"\r\nConnection: keep-alive\r\n\r\n".as_slice(),
            false => b"\r\nConnection: close\r\n\r\n",
        });
    }
}

/// RFC 9110 §8.6 forbids the length with 204; anything else would end with the connection.
pub(crate) fn has_length(status: StatusCode) -> bool {
    status != StatusCode::NO_CONTENT
}

/// The status line, and what comes before CORS fields.
fn write_start(status: StatusCode, out: &mut Vec<u8>) {
    let phrase = status.canonical_reason().unwrap_or_default();
    for part in ["HTTP/1.1 ", status.as_str(), " ", phrase, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    if has_length(status) {
        out.extend_from_slice(b"Content-Length: 0\r\n");
    }
}

/// What an HTTP/2 answer has before CORS fields, and a place for its date.
fn http2_start(status: StatusCode) -> HeaderMap {
    let mut fields = HeaderMap::with_capacity(FIELDS);
    if has_length(status) {
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    fields.insert(header::DATE, HeaderValue::from_static(""));
    fields
}

fn insert(fields: &mut HeaderMap, name: FieldName, value: FieldValue<'_>) {
    if let Some(value) = value.to_header_value() {
        fields.insert(HeaderName::from(name), value);
    }
}

fn write_field(name: FieldName, value: FieldValue<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    value.write_to(out);
    out.extend_from_slice(b"\r\n");
}

// === impl PreflightTemplate ===

impl PreflightTemplate {
    pub(crate) fn new(policy: &Policy) -> Self {
        let mut bytes = Vec::new();
        let mut http1 = Vec::new();
        let mut http2 = http2_start(policy.preflight_status());
        write_start(policy.preflight_status(), &mut bytes);
        policy.for_each_preflight_field(|name, value| match value {
            AnswerValue::Fixed(value) => {
                write_field(name, value, &mut bytes);
                insert(&mut http2, name, value);
            }
            AnswerValue::OfRequest(value) => {
                http1.push(Part::Bytes(std::mem::take(&mut bytes)));
                http1.push(Part::Line(name, value));
                insert(&mut http2, name, FieldValue::Static(""));
            }
        });
        http1.push(Part::Bytes(bytes));
        Self { http1, http2 }
    }

    fn http2_fields(&self, grant: &PreflightGrant<'_>) -> HeaderMap {
        let mut fields = self.http2.clone();
        for part in &self.http1 {
            let Part::Line(name, value) = part else {
                continue;
            };
            match grant.value(*value) {
                Some(value) => insert(&mut fields, *name, value),
                None => {
                    fields.remove(HeaderName::from(*name));
                }
            }
        }
        fields
    }

    fn write_http1(&self, grant: &PreflightGrant<'_>, out: &mut Vec<u8>) {
        for part in &self.http1 {
            match part {
                Part::Bytes(bytes) => out.extend_from_slice(bytes),
                Part::Line(name, value) => {
                    if let Some(value) = grant.value(*value) {
                        write_field(*name, value, out);
                    }
                }
            }
        }
    }
}
