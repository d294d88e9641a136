//! The built-in upstream: answers with the request it got, as JSON. It is a real server on a loopback
//! port, so that requests take the same way to it as to any other upstream.

use crate::pages::{Pages, RequestBody, empty, with_body};
use async_trait::async_trait;
use http::request::Parts;
use http::{Response, StatusCode};
use serde::Serialize;

/// Maximum length of a body that is echoed; a longer one is read to its end and cut.
const MAX_BODY: usize = 64 << 10;

/// The application of the echo listener.
#[derive(Debug, Default)]
pub struct Echo;

#[derive(Debug, Serialize)]
struct Echoed<'a> {
    method: &'a str,
    path: String,
    headers: Vec<(&'a str, String)>,
    body: String,
}

#[async_trait]
impl Pages for Echo {
    async fn respond(&self, request: &Parts, rest: &mut dyn RequestBody) -> Response<Vec<u8>> {
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = rest.next().await {
            let room = MAX_BODY - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        let headers = request.headers.iter();
        let echoed = Echoed {
            method: request.method.as_str(),
            path: request.uri.to_string(),
            headers: headers
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes());
                    (name.as_str(), value.into_owned())
                })
                .collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        match serde_json::to_vec_pretty(&echoed) {
            Ok(json) => with_body(StatusCode::OK, "application/json", json),
            Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}
