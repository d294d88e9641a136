//! Streams that are quiet: for how long they may be, and what ends them.

use super::calls::calls;
use super::scripted::{Scripted, Step, VERSIONS, post};
use super::service::{Backend, NotesClient, note};
use super::{ORIGIN, config};
use crate::support::Gateway;
use std::time::{Duration, Instant};
use tonic::{Code, Request};

/// The longest silence of a stream in these tests, and about how long its end may then take.
const QUIET: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_secs(20);
const TIMEOUTS: &str = "read_timeout: 300ms, write_timeout: 300ms, stream_timeout: 2s";
/// Over HTTP/2, pingora bounds what the client and the upstream do by one time-out.
const LIMITS: &str = "limits: { body_timeout: 300ms }\n";

/// Checks that a stream which was quiet since `since` was cut off by its own time-out.
fn assert_in_time(since: Instant) {
    let quiet = since.elapsed();
    assert!(quiet >= QUIET, "cut off after {quiet:?}");
    assert!(quiet < SOON, "cut off after {quiet:?}");
}

#[test]
fn a_stream_may_be_quiet_for_longer_than_other_responses() {
    let backend = Backend::start();
    let gateway = Gateway::start(&(LIMITS.to_owned() + &config(&backend, TIMEOUTS)));
    calls(async {
        let mut client = NotesClient::connect(gateway.address).await;
        // The server does not say anything more.
        let stream = client.count(Request::new(note("wait", 1))).await;
        let mut stream = stream.expect("a stream").into_inner();
        assert_eq!(
            stream.message().await.expect("a note"),
            Some(note("wait", 0))
        );
        let since = Instant::now();
        let status = stream.message().await.expect_err("it is cut off");
        assert_ne!(status.code(), Code::Ok);
        assert_in_time(since);
        backend.wait_for("Count ended", 1).await;
        // Nor does it before its first message, with which many servers send the header. The answer is 504.
        let since = Instant::now();
        let status = client.say(Request::new(note("wait", 0))).await;
        assert_eq!(status.expect_err("too late").code(), Code::Unavailable);
        assert_in_time(since);
    });
}

#[test]
fn in_a_conversation_the_client_may_be_quiet_as_well_once_the_server_has_answered() {
    let backend = Backend::start();
    let gateway = Gateway::start(&(LIMITS.to_owned() + &config(&backend, TIMEOUTS)));
    calls(async {
        let mut client = NotesClient::connect(gateway.address).await;
        let (send, response) = client.chat().await.expect("a conversation");
        let mut stream = response.into_inner();
        send.send(note("ping", 0)).await.expect("it is open");
        assert_eq!(
            stream.message().await.expect("a note"),
            Some(note("ping", 0))
        );
        let since = Instant::now();
        let status = stream.message().await.expect_err("it is cut off");
        assert_ne!(status.code(), Code::Ok);
        assert_in_time(since);
        backend.wait_for("Chat ended", 1).await;
    });
}

#[test]
fn a_quiet_stream_of_grpc_web_is_cut_off_at_the_same_time() {
    const STEPS: &[Step] = &[
        Step::Header(200, &[("content-type", "application/grpc")]),
        Step::Data(b"\0\0\0\0\0"),
        Step::Wait,
    ];
    let backend = Scripted::start(STEPS);
    let gateway = Gateway::start(&format!(
        "{LIMITS}upstreams: {{ notes: {{ endpoints: ['{}'], protocol: h2c, {TIMEOUTS} }} }}\n\
         policies: {{ web: {{ allow_origins: ['{ORIGIN}'], presets: [grpc_web] }} }}\n\
         routes: [{{ name: notes, upstream: notes, cors: web, grpc_web: true }}]\n",
        backend.address
    ));
    for version in VERSIONS {
        for content_type in ["application/grpc-web", "application/grpc-web-text"] {
            let since = Instant::now();
            let got = post(
                version,
                gateway.address,
                &[("content-type", content_type)],
                &[],
            );
            assert!(!got.is_whole, "{got:?}");
            assert_in_time(since);
        }
    }
}
