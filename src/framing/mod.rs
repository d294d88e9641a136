//! Where the body of a request ends, HTTP/2's frames, gRPC-Web, and the PROXY protocol's header. Pure: facts and bytes in, an answer out.
//!
//! Two readers that disagree about it see different requests on one connection, which is how requests
//! are smuggled past a gateway. So there is one decision about a header's fields, [`framing`], and one
//! reader of chunks, [`Chunks`]. Both refuse what RFC 9112 lets a recipient mend.

mod chunk;
mod chunks;
mod content;
mod content_reader;
mod fields;
mod frames;
mod grpc_web;
mod header_block;
mod proxy_protocol;

pub use chunk::{LAST_CHUNK, write_chunk};
pub use chunks::{Chunks, MalformedChunk, is_text};
pub use content::{Content, UnclearLength, keeps_connection, stated_length};
pub use content_reader::{ContentReader, CutOff};
pub use fields::{Framing, FramingError, framing, is_framing_field};
pub use frames::{Frames, PREFACE};
pub use grpc_web::{Encoding, GrpcWeb, NotBase64, TextDecoder, is_grpc, trailers_frame};
pub use proxy_protocol::{Addressed, ProxyHeader};
