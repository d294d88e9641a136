//! The gateway's own responses, as data: a status, CORS fields, and at most a short body.

use super::check::RequestError;
use super::request_id::{self, RequestId};
use crate::cors::{
    CorsRequest, FieldName, FieldValue, HeaderPlan, MessageFields as _, PreflightAnswer,
    RequestKind, Rule, joined_vary,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use once_cell::sync::Lazy;
use pingora_core::Result;
use pingora_http::ResponseHeader;
use std::io::Write;

/// Fields for which a response's header has room; with more it has to grow. A preflight's answer
/// and the fields that pingora adds fit.
const FIELDS: usize = 12;

/// An answer that the gateway makes itself: a status, CORS fields, and a body if the operator wrote one.
pub(crate) struct Answer<'a> {
    pub status: StatusCode,
    fields: Fields<'a>,
    /// JSON; `None` for an answer without a body.
    pub body: Option<&'a Bytes>,
    /// The field that belongs to its status, with its value.
    own_field: Option<OwnField>,
    request_id: Option<HeaderValue>,
}

/// A field of an answer that neither CORS nor the length of its body asks for.
type OwnField = (&'static str, HeaderValue);

/// The type of the only bodies that there are.
pub(crate) const CONTENT_TYPE: (&str, &str) = ("Content-Type", "application/json");

enum Fields<'a> {
    None,
    /// The fields of an answer that lists what a policy allows.
    Listed(PreflightAnswer<'a>),
    Planned(Planned<'a>),
}

/// The fields of the plan that the rule's decision made for the request.
struct Planned<'a> {
    rule: &'a Rule,
    plan: HeaderPlan,
    request: &'a CorsRequest<'a>,
    /// More names for the Vary.
    vary: Option<HeaderValue>,
}

// === impl Answer ===

impl<'a> Answer<'a> {
    /// Makes the answer that lists what a policy allows.
    pub(crate) fn to_preflight(answer: PreflightAnswer<'a>) -> Self {
        Self {
            status: answer.status(),
            fields: Fields::Listed(answer),
            body: None,
            own_field: None,
            request_id: None,
        }
    }

    /// Adds a body, unless it is empty.
    pub(crate) fn with_json(self, body: &'a Bytes) -> Self {
        Self {
            body: Some(body).filter(|body| !body.is_empty()),
            ..self
        }
    }

    /// Leaves out the field that belongs to the status. An Allow, or a time to wait, would be a guess where
    /// the operator says what the status stands for.
    pub(crate) fn without_own_field(self) -> Self {
        Self {
            own_field: None,
            ..self
        }
    }

    /// Says where the resource is instead.
    pub(crate) fn at(self, location: HeaderValue) -> Self {
        Self {
            own_field: Some(("Location", location)),
            ..self
        }
    }

    /// Says in how many seconds the client may ask again.
    fn again_in(self, seconds: u64) -> Self {
        let seconds = match seconds {
            // Made from a number it would allocate, and this is by far the most frequent.
            1 => HeaderValue::from_static("1"),
            _ => HeaderValue::from(seconds),
        };
        Self {
            own_field: Some(("Retry-After", seconds)),
            ..self
        }
    }

    /// Says what belongs to a refusal beside its status: when the client may ask again, if it asks too often.
    pub(crate) fn refused_for(self, error: RequestError) -> Self {
        match error {
            RequestError::RateLimited { retry_after } => self.again_in(retry_after),
            _ => self,
        }
    }

    /// Makes any other answer to `request`; `plan` is of the decision that `rule` made about it, and
    /// `vary` has the headers that its route was chosen by.
    pub(crate) fn planned(
        status: StatusCode,
        rule: &'a Rule,
        plan: HeaderPlan,
        request: &'a CorsRequest<'a>,
        vary: Option<HeaderValue>,
    ) -> Self {
        Self {
            status,
            fields: Fields::Planned(Planned {
                rule,
                plan,
                request,
                vary,
            }),
            body: None,
            own_field: status_field(status),
            request_id: None,
        }
    }

    /// Makes the answer to bytes that are not a request, so that no rule is known.
    pub(crate) fn bare(status: StatusCode) -> Self {
        Self {
            status,
            fields: Fields::None,
            body: None,
            own_field: status_field(status),
            request_id: None,
        }
    }

    /// Says the id of the request, if it is not a preflight: no script can read the answer to one.
    pub(crate) fn with_request_id(self, id: Option<&RequestId>) -> Self {
        let is_told = match &self.fields {
            Fields::None | Fields::Listed(_) => false,
            Fields::Planned(planned) => planned.request.kind() != RequestKind::Preflight,
        };
        Self {
            request_id: id.filter(|_| is_told).map(RequestId::to_header),
            ..self
        }
    }

    /// Returns the field that belongs to the answer's status.
    pub(crate) fn own_field(&self) -> Option<&(&'static str, HeaderValue)> {
        self.own_field.as_ref()
    }

    /// Returns the CORS fields of the answer.
    pub(crate) fn fields(&self) -> HeaderMap {
        let mut fields = HeaderMap::new();
        self.insert_into(&mut fields);
        fields
    }

    /// Returns the body that is sent. The answer to HEAD has none, and says the length that GET's has.
    pub(crate) fn content(&self) -> Option<&'a Bytes> {
        let method = match &self.fields {
            Fields::None | Fields::Listed(_) => None,
            Fields::Planned(planned) => Some(planned.request.method),
        };
        self.body.filter(|_| method != Some(b"HEAD"))
    }

    /// Calls `each` with every CORS field, and with the request whose parts it may repeat.
    fn for_each_field(&self, mut each: impl FnMut(FieldName, &FieldValue, &CorsRequest<'_>)) {
        match &self.fields {
            Fields::None => {}
            Fields::Listed(answer) => {
                answer.for_each_field(|name, value| each(name, value, answer.request()));
            }
            Fields::Planned(planned) => planned.for_each_field(each),
        }
    }

    fn insert_into(&self, fields: &mut HeaderMap) {
        self.for_each_field(|name, value, request| {
            if let Some(value) = value.to_header_value(request) {
                fields.insert(HeaderName::from(name), value);
            }
        });
    }

    /// Returns the answer for pingora, which adds Date and Connection.
    pub(crate) fn to_header(&self) -> Result<Box<ResponseHeader>> {
        // Most answers are this one; a copy is cheaper than building it.
        static NO_CONTENT: Lazy<Option<ResponseHeader>> =
            Lazy::new(|| ResponseHeader::build(StatusCode::NO_CONTENT, Some(FIELDS)).ok());
        let mut header = match (self.status, &*NO_CONTENT) {
            (StatusCode::NO_CONTENT, Some(header)) => Box::new(header.clone()),
            (status, _) => Box::new(ResponseHeader::build(status, Some(FIELDS))?),
        };
        if has_length(self.status) {
            header.insert_header("Content-Length", self.length_value())?;
        }
        if self.body.is_some() {
            header.insert_header(CONTENT_TYPE.0, CONTENT_TYPE.1)?;
        }
        if let Some((name, value)) = &self.own_field {
            header.insert_header(*name, value)?;
        }
        if let Some(id) = &self.request_id {
            header.insert_header(request_id::FIELD, id)?;
        }
        self.for_each_field(|name, value, request| {
            if let Some(value) = value.to_header_value(request) {
                header.set(name.as_str(), value);
            }
        });
        Ok(header)
    }

    /// Returns the same answer for HTTP/2, where names have no case. Its body, if it has one, is not in it.
    pub(crate) fn to_http2_header(&self) -> Box<ResponseHeader> {
        let mut fields = HeaderMap::with_capacity(FIELDS);
        if has_length(self.status) {
            fields.insert(header::CONTENT_LENGTH, self.length_value());
        }
        if let Some((name, value)) = &self.own_field
            && let Ok(name) = HeaderName::try_from(*name)
        {
            fields.insert(name, value.clone());
        }
        // A place for the date, which is written last.
        fields.insert(header::DATE, HeaderValue::from_static(""));
        self.insert_into(&mut fields);
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = self.status;
        parts.headers = fields;
        Box::new(parts.into())
    }

    /// Writes the same answer as an HTTP/1.1 response, behind the bytes in `out`.
    pub(crate) fn write_http1(&self, date: &[u8], keep_alive: bool, out: &mut Vec<u8>) {
        write_start(self.status, self.length(), out);
        if let Some((name, value)) = &self.own_field {
            for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
        if self.body.is_some() {
            for part in [CONTENT_TYPE.0, ": ", CONTENT_TYPE.1, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        if let Some(id) = &self.request_id {
            for part in [request_id::FIELD.as_bytes(), b": ", id.as_bytes(), b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
        self.for_each_field(|name, value, request| {
            let start = out.len();
            out.extend_from_slice(name.line_start().as_bytes());
            match value.write_to(request, out) {
                true => out.extend_from_slice(b"\r\n"),
                false => out.truncate(start),
            }
        });
        out.extend_from_slice(b"Date: ");
        out.extend_from_slice(date);
        out.extend_from_slice(match keep_alive {
            true => b"\r\nConnection: keep-alive\r\n\r\n".as_slice(),
            false => b"\r\nConnection: close\r\n\r\n",
        });
        if let Some(body) = self.body {
            out.extend_from_slice(body);
        }
    }

    /// Returns the bytes of the body.
    pub(crate) fn length(&self) -> usize {
        self.body.map_or(0, Bytes::len)
    }

    fn length_value(&self) -> HeaderValue {
        match self.length() {
            // Made from a number it would allocate.
            0 => HeaderValue::from_static("0"),
            length => length.into(),
        }
    }
}

// === impl Planned ===

impl Planned<'_> {
    fn for_each_field(&self, mut each: impl FnMut(FieldName, &FieldValue, &CorsRequest<'_>)) {
        let Self { request, .. } = self;
        let mut more = self.vary.as_ref();
        for (name, value) in self.rule.fields(self.plan) {
            match (name, &value, more) {
                (FieldName::Vary, FieldValue::Fixed(vary), Some(names)) => {
                    more = None;
                    each(name, &FieldValue::Fixed(joined_vary(vary, names)), request);
                }
                _ => each(name, &value, request),
            }
        }
        if let Some(names) = more {
            each(FieldName::Vary, &FieldValue::Fixed(names.clone()), request);
        }
    }
}

/// Whether a response has a Content-Length. RFC 9110 §8.6 forbids it with 204; without it, any
/// other response would end with the connection.
pub(crate) fn has_length(status: StatusCode) -> bool {
    status != StatusCode::NO_CONTENT
}

/// Returns the field that belongs to a status, with its value.
fn status_field(status: StatusCode) -> Option<OwnField> {
    match status {
        // In seconds: there is too much to do now, and it may be less very soon.
        StatusCode::SERVICE_UNAVAILABLE => Some(("Retry-After", HeaderValue::from_static("1"))),
        // RFC 9110 §15.5.6 requires it. Which of them a resource knows is for the upstream to say.
        StatusCode::METHOD_NOT_ALLOWED => Some((
            "Allow",
            HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        )),
        _ => None,
    }
}

/// Writes the status line and the fields before those of CORS.
fn write_start(status: StatusCode, length: usize, out: &mut Vec<u8>) {
    // Most answers have this status; in one piece it is written sooner.
    if status == StatusCode::NO_CONTENT {
        return out.extend_from_slice(b"HTTP/1.1 204 No Content\r\n");
    }
    let phrase = status.canonical_reason().unwrap_or_default();
    for part in ["HTTP/1.1 ", status.as_str(), " ", phrase, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    if has_length(status) {
        // The buffer takes all that is written.
        let _ = write!(out, "Content-Length: {length}\r\n");
    }
}
