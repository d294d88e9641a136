use super::{PATIENCE, Response};
use bytes::Bytes;
use h2::client::SendRequest;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// A client that speaks HTTP/2 with prior knowledge, and waits for each answer.
pub(crate) struct Http2Client {
    runtime: Runtime,
    sender: SendRequest<Bytes>,
}

impl Http2Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.expect("it listens");
            let (sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
            tokio::spawn(connection);
            sender
        });
        Self { runtime, sender }
    }

    /// Sends a request without a body and reads the response to its end; the error where the stream
    /// was reset instead.
    pub(crate) fn exchange(
        &mut self,
        method: &str,
        fields: &[(&str, &str)],
    ) -> Result<Response, h2::Error> {
        let mut request = http::Request::builder()
            .method(method)
            .uri("http://a.test/");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a request");
        let exchange = async {
            let (response, _) = self.sender.send_request(request, true)?;
            let (parts, mut body) = response.await?.into_parts();
            let mut whole = Vec::new();
            while let Some(chunk) = body.data().await {
                let chunk = chunk?;
                body.flow_control().release_capacity(chunk.len())?;
                whole.extend_from_slice(&chunk);
            }
            let text =
                |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let headers = parts.headers.iter();
            Ok(Response {
                status: parts.status.as_u16(),
                headers: headers
                    .map(|(name, value)| (name.to_string(), text(value)))
                    .collect(),
                body: String::from_utf8_lossy(&whole).into_owned(),
            })
        };
        self.runtime.block_on(async {
            let in_time = tokio::time::timeout(PATIENCE, exchange).await;
            in_time.expect("an answer")
        })
    }
}
