//! The built-in upstream: answers with the request it got, as JSON. It is a real server on a loopback
//! port, so that requests take the same way to it as to any other upstream.

use async_trait::async_trait;
use http::{Response, StatusCode};
use pingora_core::apps::http_app::ServeHttp;
use pingora_core::protocols::http::ServerSession;
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
impl ServeHttp for Echo {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = session.read_request_body().await {
            let room = MAX_BODY - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        let request = session.req_header();
        let headers = request.headers.iter();
        let echoed = Echoed {
            method: request.method.as_str(),
            path: String::from_utf8_lossy(request.raw_path()).into_owned(),
            headers: headers
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes());
                    (name.as_str(), value.into_owned())
                })
                .collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        match serde_json::to_vec_pretty(&echoed) {
            Ok(json) => crate::http_response::with_body(StatusCode::OK, "application/json", json),
            Err(_) => crate::http_response::empty(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}
