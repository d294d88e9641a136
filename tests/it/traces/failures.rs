//! A collector that is away for a while, is busy, or takes only some of its spans.

use super::otlp::spans;
use super::{ask, configuration, traces};
use crate::support::{Answer, Client, File, Gateway, Mortal, PATIENCE, Running, Upstream};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const EXPORTED: &str = "corsgate_trace_spans_total{result=\"exported\"}";
const FAILED: &str = "corsgate_trace_spans_total{result=\"failed\"}";

/// Waits until a process has counted so many spans as failed.
fn wait_for_failed(admin: SocketAddr, count: usize) {
    let started = Instant::now();
    let line = format!("{FAILED} {count}");
    loop {
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let page = Client::connect(admin).exchange(request).body;
        if page.lines().any(|found| found == line) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{line}: {page}");
        std::thread::yield_now();
    }
}

#[test]
fn a_collector_that_goes_and_comes_is_told_once_with_the_reason() {
    let (collector, upstream) = (
        Mortal::start_with(|_| Answer::ok()),
        Upstream::start(Answer::ok()),
    );
    collector.kill();
    let listeners = "listeners: [{ address: '127.0.0.1:0' }]\nadmin: { address: '127.0.0.1:0' }\n";
    let text = configuration(&traces(collector.address, "1"), &upstream);
    let file = File::new(&format!("{listeners}{text}"));
    let mut gateway = Running::start(&["serve", "--config", &file.path]);
    let log = gateway.log();
    let (traffic, admin) = (log.listener(), log.admin());
    let ask = || {
        let request = "GET /books HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(Client::connect(traffic).exchange(request).status, 200);
    };
    ask();
    let line = log.line("the collector does not take spans");
    assert!(line.contains("can't connect"), "{line}");
    assert!(line.contains("refused"), "{line}");
    ask();
    wait_for_failed(admin, 2);
    collector.revive();
    ask();
    log.line("the collector takes spans again");
    gateway.signal("TERM");
    let told = log.whole();
    assert_eq!(
        told.matches("the collector does not take").count(),
        1,
        "{told}"
    );
    assert_eq!(told.matches("the collector takes").count(), 1, "{told}");
}

#[test]
fn a_message_is_sent_again_to_a_collector_that_is_busy() {
    let upstream = Upstream::start(Answer::ok());
    let asked = AtomicUsize::new(0);
    let collector = Upstream::start_with(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Answer::new(503, &[]),
        _ => Answer::ok(),
    });
    let gateway = Gateway::start(&configuration(&traces(collector.address, "1"), &upstream));
    assert_eq!(ask(&gateway, "GET /books", "").status, 200);
    gateway.wait_for_metric(EXPORTED, 1.0);
    assert_eq!(gateway.metric(FAILED), 0.0);
    let twice = spans(&collector, 2);
    assert_eq!(twice[0].span_id, twice[1].span_id);
}

#[test]
fn spans_that_a_collector_refuses_although_it_takes_the_message_have_failed() {
    let upstream = Upstream::start(Answer::ok());
    let refusal = b"\x0a\x0a\x08\x01\x12\x06is old";
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
        refusal.len()
    );
    answer.push_str(str::from_utf8(refusal).expect("text"));
    let collector = Upstream::start(Answer(answer.into_bytes()));
    let gateway = Gateway::start(&configuration(&traces(collector.address, "1"), &upstream));
    assert_eq!(ask(&gateway, "GET /books", "").status, 200);
    gateway.wait_for_metric(FAILED, 1.0);
    assert_eq!(gateway.metric(EXPORTED), 0.0);
}
