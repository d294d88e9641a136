use crate::support::{PATIENCE, Response};
use bytes::Bytes;
use h2::client::SendRequest;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A stream of bytes, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A response and its body, byte for byte.
pub(super) struct Answer {
    pub(super) head: Response,
    pub(super) body: Vec<u8>,
}

/// A connection of HTTP/1.1, whose problems are errors and not panics.
pub(super) struct Http1 {
    stream: Box<dyn Stream>,
    /// Read, but not yet part of a response.
    buffer: Vec<u8>,
}

/// Waits for the end of something; one that takes too long is an error.
pub(super) async fn in_time<T>(
    what: &str,
    future: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let ended = tokio::time::timeout(PATIENCE, future).await;
    let ended = ended.unwrap_or_else(|_| Err(format!("no end within {PATIENCE:?}")));
    ended.map_err(|error| format!("{what}: {error}"))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

// === impl Http1 ===

impl Http1 {
    pub(super) fn new(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            buffer: Vec::new(),
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).await.map_err(text)?;
        self.stream.flush().await.map_err(text)
    }

    /// Sends a request and reads the response to its end.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Answer, String> {
        self.write(request).await?;
        let head = self.head().await?;
        let body = self.body(&head).await?;
        Ok(Answer { head, body })
    }

    /// Reads the header of the next final response, or of a change of protocols.
    pub(super) async fn head(&mut self) -> Result<Response, String> {
        loop {
            let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n");
            let Some(end) = end else {
                self.fill().await?;
                continue;
            };
            let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
            let head = Response::parse(&head).ok_or("a header without an end")?;
            if head.status >= 200 || head.status == 101 {
                return Ok(head);
            }
        }
    }

    pub(super) async fn body(&mut self, head: &Response) -> Result<Vec<u8>, String> {
        if let Some(length) = head.get("content-length") {
            let length = length.parse().map_err(text)?;
            return self.take(length).await;
        }
        let mut body = Vec::new();
        if head.get("transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk().await? {
                body.extend(chunk);
            }
        }
        Ok(body)
    }

    /// Reads the next chunk of a body; `None` behind the last one.
    pub(super) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, String> {
        let size = self.line().await?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(text)?;
        let chunk = self.take(size).await?;
        self.line().await?;
        Ok((size > 0).then_some(chunk))
    }

    pub(super) async fn take(&mut self, length: usize) -> Result<Vec<u8>, String> {
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// Reads what has come, of at most `most` bytes; empty at the end of the connection.
    pub(super) async fn some(&mut self, most: usize) -> Result<Vec<u8>, String> {
        if self.buffer.is_empty() {
            let mut piece = vec![0; most];
            let length = self.stream.read(&mut piece).await.map_err(text)?;
            piece.truncate(length);
            return Ok(piece);
        }
        let length = self.buffer.len().min(most);
        Ok(self.buffer.drain(..length).collect())
    }

    async fn line(&mut self) -> Result<String, String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line = self.buffer.drain(..=end).collect();
                return String::from_utf8(line).map_err(text);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), String> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err("the connection ended".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

// === HTTP/2 ===

/// Makes an HTTP/2 connection of a stream; a task drives it.
pub(super) async fn http2(stream: impl Stream + 'static) -> Result<SendRequest<Bytes>, String> {
    let (sender, connection) = h2::client::handshake(stream).await.map_err(text)?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends a request by HTTP/2 and reads the response to its end.
pub(super) async fn exchange(
    sender: &SendRequest<Bytes>,
    request: http::request::Builder,
    content: Bytes,
) -> Result<Answer, String> {
    let request = request.body(()).map_err(text)?;
    let mut sender = sender.clone().ready().await.map_err(text)?;
    let (response, mut body) = sender
        .send_request(request, content.is_empty())
        .map_err(text)?;
    if !content.is_empty() {
        body.send_data(content, true).map_err(text)?;
    }
    let (parts, mut content) = response.await.map_err(text)?.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = content.data().await {
        let piece = piece.map_err(text)?;
        let flow = content.flow_control();
        flow.release_capacity(piece.len()).map_err(text)?;
        body.extend_from_slice(&piece);
    }
    let value = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter();
    let head = Response {
        status: parts.status.as_u16(),
        headers: headers
            .map(|(name, text)| (name.to_string(), value(text)))
            .collect(),
        body: String::new(),
    };
    Ok(Answer { head, body })
}
