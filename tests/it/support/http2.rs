use super::{PATIENCE, Response};
use bytes::Bytes;
use h2::client::SendRequest;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// The beginning of a connection: its preface (RFC 9113 §3.4), and an empty SETTINGS frame.
pub(crate) const HTTP2_START: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A frame: RFC 9113 §4.1.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [head.as_slice(), payload].concat()
}

fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime")
}

/// Runs a future to its end, on a runtime of its own.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

/// Connects with HTTP/2; the connection is driven by a task.
pub(crate) async fn http2(address: SocketAddr) -> SendRequest<Bytes> {
    http2_with(&h2::client::Builder::new(), address).await
}

/// Does the same with other settings.
pub(crate) async fn http2_with(
    settings: &h2::client::Builder,
    address: SocketAddr,
) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.expect("it listens");
    // Half of the time of a body would be waits of 40 ms for an acknowledgement.
    stream.set_nodelay(true).expect("an option");
    let (sender, connection) = settings.handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    sender
}

/// A client that speaks HTTP/2 with prior knowledge, and waits for each answer.
pub(crate) struct Http2Client {
    runtime: Runtime,
    sender: SendRequest<Bytes>,
}

impl Http2Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let runtime = runtime();
        let sender = runtime.block_on(http2(address));
        Self { runtime, sender }
    }

    /// Sends a request without a body and reads the response to its end; the error where the stream
    /// was reset instead.
    pub(crate) fn exchange(
        &mut self,
        method: &str,
        fields: &[(&str, &str)],
    ) -> Result<Response, h2::Error> {
        self.exchange_at(method, "/", fields)
    }

    /// Does the same with a path.
    pub(crate) fn exchange_at(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Response, h2::Error> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("http://a.test{path}"));
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
