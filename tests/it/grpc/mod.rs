//! gRPC through the gateway, with a real server and client, and gRPC-Web, byte for byte.

mod calls;
mod scripted;
pub(crate) mod service;
mod streams;
mod web;

use crate::support::Gateway;
use service::Backend;

pub(crate) const ORIGIN: &str = "https://app.example.com";

/// A gRPC server behind a gateway.
struct Site {
    backend: Backend,
    gateway: Gateway,
}

impl Site {
    fn start() -> Self {
        let backend = Backend::start();
        let gateway = Gateway::start(&config(&backend, ""));
        Self { backend, gateway }
    }
}

/// The configuration of a gateway before a gRPC server, behind the listeners.
fn config(backend: &Backend, upstream: &str) -> String {
    let address = backend.address;
    format!(
        "upstreams: {{ notes: {{ endpoints: ['{address}'], protocol: h2c, {upstream} }} }}\n\
         policies: {{ web: {{ allow_origins: ['{ORIGIN}'], presets: [grpc_web] }} }}\n\
         routes: [{{ name: notes, upstream: notes, cors: web, grpc_web: true }}]\n"
    )
}
