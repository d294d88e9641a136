//! A real gRPC server, and a client for it. The messages and the methods are written by hand, so that no
//! compiler for them is needed.

use crate::support::PATIENCE;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot, watch};
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::tokio_stream::{Stream, StreamExt, wrappers};
use tonic::codegen::{BoxFuture, BoxStream, Context, Pin, Poll, Service, http};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::server::{
    ClientStreamingService, NamedService, ServerStreamingService, StreamingService, UnaryService,
};
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

/// The one message: `message Note { string text = 1; uint32 number = 2; }`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Note {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
    #[prost(uint32, tag = "2")]
    pub(crate) number: u32,
}

pub(crate) fn note(text: &str, number: u32) -> Note {
    let text = text.to_owned();
    Note { text, number }
}

/// ```proto
/// service Notes {
///   rpc Say(Note) returns (Note);
///   rpc Count(Note) returns (stream Note);
///   rpc Sum(stream Note) returns (Note);
///   rpc Chat(stream Note) returns (stream Note);
/// }
/// ```
///
/// | text of the first note | what the methods do |
/// |---|---|
/// | `fail` | end with a status, details and metadata; `Count` and `Chat` behind `number` notes |
/// | `wait` | wait, without end; `Count` behind `number` notes |
/// | `cookie` | `Say` answers with the request's cookies |
/// | anything else | answer |
#[derive(Clone, Default)]
struct Notes {
    log: Arc<Log>,
}

/// The events of a server, each by its name and the number of times that it happened.
#[derive(Default)]
struct Log(watch::Sender<HashMap<&'static str, usize>>);

/// A gRPC server in a thread of its own; it ends with the value.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    log: Arc<Log>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Notes that a call has ended, for whatever reason.
struct Ends(Arc<Log>, &'static str);

// === impl Backend ===

impl Backend {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        listener.set_nonblocking(true).expect("a socket");
        let notes = Notes::default();
        let log = Arc::clone(&notes.log);
        let (end, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                let incoming = wrappers::TcpListenerStream::new(listener);
                let server = Server::builder().add_service(notes);
                tokio::select! {
                    served = server.serve_with_incoming(incoming) => served.expect("it serves"),
                    // Without a word to its clients.
                    _ = ended => {}
                }
            });
        });
        Self {
            address,
            log,
            end: Some(end),
            thread: Some(thread),
        }
    }

    /// Ends the server in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it does not panic");
        }
    }

    /// Waits until something has happened so many times.
    pub(crate) async fn wait_for(&self, event: &str, times: usize) {
        let mut events = self.log.0.subscribe();
        let happened = events.wait_for(|events| events.get(event).is_some_and(|&n| n >= times));
        let in_time = tokio::time::timeout(PATIENCE, happened).await;
        if in_time.is_err() {
            panic!("{event} is missing in {:?}", self.log.0.borrow());
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Log {
    fn note(&self, event: &'static str) {
        self.0
            .send_modify(|events| *events.entry(event).or_default() += 1);
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.note(self.1);
    }
}

// === impl Notes ===

/// The end of a call that fails.
pub(crate) fn failure() -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert("x-trailer", MetadataValue::from_static("behind"));
    metadata.insert_bin("x-bytes-bin", MetadataValue::from_bytes(b"\0\xff"));
    let message = "no such note: é %";
    // google.rpc.Status, with the code and the message once more.
    let mut details = vec![0x08, 0x05, 0x12, message.len() as u8];
    details.extend_from_slice(message.as_bytes());
    Status::with_details_and_metadata(Code::NotFound, message, details.into(), metadata)
}

/// Returns the response to a call: it has the metadata `x-ask` as `x-answer`, and the call's deadline.
fn answer<T>(metadata: &MetadataMap, message: T) -> Response<T> {
    let mut response = Response::new(message);
    for (from, to) in [
        ("x-ask", "x-answer"),
        ("grpc-timeout", "x-timeout"),
        ("te", "x-te"),
    ] {
        if let Some(value) = metadata.get(from) {
            response.metadata_mut().insert(to, value.clone());
        }
    }
    let content_type = metadata.get("content-type");
    if let Some(value) = content_type {
        response
            .metadata_mut()
            .insert("x-content-type", value.clone());
    }
    response
}

impl UnaryService<Note> for Notes {
    type Response = Note;
    type Future = BoxFuture<Response<Note>, Status>;

    fn call(&mut self, request: Request<Note>) -> Self::Future {
        let ends = Ends(Arc::clone(&self.log), "Say ended");
        Box::pin(async move {
            let _ends = ends;
            let (metadata, _, note) = request.into_parts();
            match note.text.as_str() {
                "fail" => Err(failure()),
                "wait" => {
                    _ends.0.note("Say waits");
                    std::future::pending().await
                }
                "cookie" => {
                    let cookie = metadata.get("cookie").and_then(|value| value.to_str().ok());
                    let text = cookie.unwrap_or("none").to_owned();
                    Ok(answer(&metadata, Note { text, ..note }))
                }
                _ => Ok(answer(&metadata, note)),
            }
        })
    }
}

impl ServerStreamingService<Note> for Notes {
    type Response = Note;
    type ResponseStream = BoxStream<Note>;
    type Future = BoxFuture<Response<BoxStream<Note>>, Status>;

    fn call(&mut self, request: Request<Note>) -> Self::Future {
        let ends = Ends(Arc::clone(&self.log), "Count ended");
        Box::pin(async move {
            let (metadata, _, first) = request.into_parts();
            let (send, notes) = mpsc::channel(1);
            tokio::spawn(async move {
                let ends = ends;
                for number in 0..first.number {
                    let text = first.text.clone();
                    if send.send(Ok(Note { text, number })).await.is_err() {
                        return;
                    }
                }
                match first.text.as_str() {
                    // The client may be gone already.
                    "fail" => drop(send.send(Err(failure())).await),
                    "wait" => {
                        ends.0.note("Count waits");
                        send.closed().await;
                    }
                    _ => {}
                }
            });
            let notes: BoxStream<Note> = Box::pin(wrappers::ReceiverStream::new(notes));
            Ok(answer(&metadata, notes))
        })
    }
}

impl ClientStreamingService<Note> for Notes {
    type Response = Note;
    type Future = BoxFuture<Response<Note>, Status>;

    fn call(&mut self, request: Request<Streaming<Note>>) -> Self::Future {
        let ends = Ends(Arc::clone(&self.log), "Sum ended");
        Box::pin(async move {
            let (metadata, _, mut notes) = request.into_parts();
            let mut sum = Note::default();
            while let Some(note) = notes.next().await {
                let note = note?;
                if note.text == "fail" {
                    return Err(failure());
                }
                ends.0.note("Sum got one");
                sum.number += note.number;
                sum.text.push_str(&note.text);
            }
            Ok(answer(&metadata, sum))
        })
    }
}

impl StreamingService<Note> for Notes {
    type Response = Note;
    type ResponseStream = BoxStream<Note>;
    type Future = BoxFuture<Response<BoxStream<Note>>, Status>;

    fn call(&mut self, request: Request<Streaming<Note>>) -> Self::Future {
        let ends = Ends(Arc::clone(&self.log), "Chat ended");
        Box::pin(async move {
            let (metadata, _, notes) = request.into_parts();
            let notes = notes.map(move |note| {
                let _until_it_ends = &ends;
                match note {
                    Ok(note) if note.text == "fail" => Err(failure()),
                    note => note,
                }
            });
            let notes: BoxStream<Note> = Box::pin(notes);
            Ok(answer(&metadata, notes))
        })
    }
}

impl NamedService for Notes {
    const NAME: &'static str = "test.Notes";
}

impl Service<http::Request<Body>> for Notes {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let notes = self.clone();
        Box::pin(async move {
            let codec = ProstCodec::<Note, Note>::default();
            let mut grpc = tonic::server::Grpc::new(codec).max_decoding_message_size(LARGE * 2);
            Ok(match request.uri().path() {
                "/test.Notes/Say" => grpc.unary(notes, request).await,
                "/test.Notes/Count" => grpc.server_streaming(notes, request).await,
                "/test.Notes/Sum" => grpc.client_streaming(notes, request).await,
                "/test.Notes/Chat" => grpc.streaming(notes, request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

/// Bytes of a message that is larger than a window of HTTP/2, and than what clients of gRPC take unasked.
pub(crate) const LARGE: usize = 6 << 20;

/// A client of the service.
#[derive(Clone)]
pub(crate) struct NotesClient {
    grpc: Grpc<Channel>,
}

type Notings<'a> = Pin<Box<dyn Stream<Item = Note> + Send + 'a>>;

// === impl NotesClient ===

impl NotesClient {
    /// Connects with HTTP/2, without TLS.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let endpoint = Channel::from_shared(format!("http://{address}")).expect("a URL");
        let channel = endpoint.connect().await.expect("it listens");
        Self {
            grpc: Grpc::new(channel).max_decoding_message_size(LARGE * 2),
        }
    }

    async fn ready(&mut self) -> (ProstCodec<Note, Note>, &mut Grpc<Channel>) {
        self.grpc.ready().await.expect("it is connected");
        (ProstCodec::default(), &mut self.grpc)
    }

    pub(crate) async fn say(&mut self, request: Request<Note>) -> Result<Response<Note>, Status> {
        let (codec, grpc) = self.ready().await;
        grpc.unary(request, path("/test.Notes/Say"), codec).await
    }

    pub(crate) async fn count(
        &mut self,
        request: Request<Note>,
    ) -> Result<Response<Streaming<Note>>, Status> {
        let (codec, grpc) = self.ready().await;
        grpc.server_streaming(request, path("/test.Notes/Count"), codec)
            .await
    }

    pub(crate) async fn sum(
        &mut self,
        notes: Request<Notings<'static>>,
    ) -> Result<Response<Note>, Status> {
        let (codec, grpc) = self.ready().await;
        grpc.client_streaming(notes, path("/test.Notes/Sum"), codec)
            .await
    }

    /// Begins a conversation, to which notes can be sent.
    pub(crate) async fn chat(
        &mut self,
    ) -> Result<(mpsc::Sender<Note>, Response<Streaming<Note>>), Status> {
        let (send, notes) = mpsc::channel(1);
        let notes = Request::new(wrappers::ReceiverStream::new(notes));
        let (codec, grpc) = self.ready().await;
        let response = grpc
            .streaming(notes, path("/test.Notes/Chat"), codec)
            .await?;
        Ok((send, response))
    }
}

/// The notes of a call that has several.
pub(crate) fn notes(notes: Vec<Note>) -> Request<Notings<'static>> {
    Request::new(Box::pin(tonic::codegen::tokio_stream::iter(notes)))
}

/// Sends notes as they come.
pub(crate) fn notes_of(notes: mpsc::Receiver<Note>) -> Request<Notings<'static>> {
    Request::new(Box::pin(wrappers::ReceiverStream::new(notes)))
}

fn path(path: &'static str) -> http::uri::PathAndQuery {
    http::uri::PathAndQuery::from_static(path)
}
