//! The backend of the benchmark for gRPC: HTTP/2 without TLS, and one answer to every unary call.
//! `grpc_backend PORT` serves on 127.0.0.1, on one thread, until it is killed.

use std::io;
use std::net::Ipv4Addr;

use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{Error, RecvStream};
use http::{HeaderMap, HeaderValue, Response};
use tokio::net::{TcpListener, TcpStream};

/// Size of the message of each call, its prefix included: that of `traffic.py`.
const CALL: usize = 5 + 32;

/// The answer: not compressed, and so many bytes.
const MESSAGE: &[u8; 5 + 100] = &{
    let mut message = [b'x'; 105];
    message[0] = 0;
    message[1] = 0;
    message[2] = 0;
    message[3] = 0;
    message[4] = 100;
    message
};

/// More streams than a gateway opens on one connection.
const MAX_STREAMS: u32 = 1_000;

fn main() -> io::Result<()> {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .ok_or_else(|| io::Error::other("no port to listen on, start it as `grpc_backend PORT`"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(accept(port))
}

async fn accept(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // The error of a connection is its client's business, who counts failed calls.
        tokio::spawn(serve(stream));
    }
}

async fn serve(stream: TcpStream) -> Result<(), Error> {
    let mut connection = server::Builder::new()
        .max_concurrent_streams(MAX_STREAMS)
        .handshake(stream)
        .await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        tokio::spawn(answer(request.into_body(), respond));
    }
    Ok(())
}

/// Answers a call once its message is here; one of another size fails, as INTERNAL.
async fn answer(mut body: RecvStream, mut respond: SendResponse<Bytes>) -> Result<(), Error> {
    let mut received = 0;
    while let Some(data) = body.data().await {
        let length = data?.len();
        body.flow_control().release_capacity(length)?;
        received += length;
    }
    let mut response = Response::new(());
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", grpc);
    let status = if received == CALL { "0" } else { "13" };
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    let mut stream = respond.send_response(response, false)?;
    stream.send_data(Bytes::from_static(MESSAGE), false)?;
    stream.send_trailers(trailers)
}
