//! Small servers of whole responses: the admin pages, the built-in upstream, the demo's page.
//!
//! They see a request and its body, and nothing of the library that serves them, which only the proxy
//! knows.

use async_trait::async_trait;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};

/// A server that answers every request with a whole response.
#[async_trait]
pub trait Pages: Send + Sync {
    async fn respond(&self, request: &Parts, body: &mut dyn RequestBody) -> Response<Vec<u8>>;
}

/// The bounds of what the clients of a server of pages may take.
#[derive(Debug, Clone, Copy)]
pub struct PageLimits {
    /// Maximum number of open connections; one more closes the one whose last request is the longest
    /// ago.
    pub max_connections: usize,
    /// Maximum size of a request's header; a larger one is answered with 431.
    pub max_header_bytes: u64,
    /// Maximum number of header fields; a header with more is answered with 431.
    pub max_headers: usize,
}

/// The body of a request, read only as far as a page asks for it, and the client that sends it.
#[async_trait]
pub trait RequestBody: Send {
    /// Reads the next piece; `None` at the end of the body.
    ///
    /// # Errors
    ///
    /// If the client breaks off, or the body is malformed.
    async fn next(&mut self) -> Result<Option<Bytes>, BrokenBody>;

    /// Waits until the client closes its side of the connection. What is left of the body is lost.
    async fn closed(&mut self);
}

/// A request body that cannot be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request body breaks off or is malformed")]
pub struct BrokenBody;

/// A page for people or for programs, whole.
#[derive(Debug)]
pub struct WrittenPage {
    pub content_type: &'static str,
    pub text: String,
}

/// The form in which a page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageForm {
    Text,
    Json,
}

// === impl PageForm ===

impl PageForm {
    /// Reads it from a query; without one, the form is text.
    ///
    /// # Errors
    ///
    /// A message for the person who asked, if the query has anything but `format=text` or `format=json`.
    pub fn of_query(query: &str) -> Result<Self, String> {
        let mut form = Self::Text;
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            form = match (&*key, &*value) {
                ("format", "json") => Self::Json,
                ("format", "text") => Self::Text,
                _ => {
                    let (key, value) = (key.escape_debug(), value.escape_debug());
                    let message = "is not known here: write `format=text` or `format=json`";
                    return Err(format!("`{key}={value}` {message}"));
                }
            };
        }
        Ok(form)
    }

    /// Writes content in this form. Content that can't be written as JSON makes an empty page.
    pub fn page<T: serde::Serialize>(self, content: &T, text: fn(&T) -> String) -> WrittenPage {
        match self {
            Self::Json => WrittenPage {
                content_type: "application/json",
                text: serde_json::to_string_pretty(content).unwrap_or_default() + "\n",
            },
            Self::Text => WrittenPage {
                content_type: "text/plain; charset=utf-8",
                text: text(content),
            },
        }
    }
}

/// Makes a response with a body of `content_type`.
pub(crate) fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
) -> Response<Vec<u8>> {
    let length = body.len();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Makes a response of one line of text.
pub(crate) fn text(status: StatusCode, line: &str) -> Response<Vec<u8>> {
    with_body(
        status,
        "text/plain; charset=utf-8",
        format!("{line}\n").into_bytes(),
    )
}

/// Makes a response without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    if status != StatusCode::NO_CONTENT {
        let none = HeaderValue::from_static("0");
        response.headers_mut().insert(header::CONTENT_LENGTH, none);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_two_forms_and_no_other() {
        for (query, expected) in [
            ("", Some(PageForm::Text)),
            ("format=text", Some(PageForm::Text)),
            ("format=json", Some(PageForm::Json)),
            ("format=xml", None),
            ("route=a", None),
            ("%1b=%1b", None),
        ] {
            let form = PageForm::of_query(query);
            assert_eq!(form.as_ref().ok(), expected.as_ref(), "{query}");
            if let Err(message) = form {
                assert!(!message.contains('\u{1b}'), "{message:?}");
            }
        }
    }
}
