//! Small, complete responses of the listeners beside traffic: admin, echo and demo.

use http::{HeaderValue, Response, StatusCode, header};

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
