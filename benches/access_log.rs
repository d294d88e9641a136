//! The cost of a line of the access log, from what is known of a request to the queue, and through it to a file
//! that takes all.
//!
//! `cargo bench --bench access_log`

use corsgate::access_log::{AccessLog, Entry, UpstreamEntry};
use corsgate::config::{self, AccessLogFormat, LogFields, LogPath};
use corsgate::metrics::Metrics;
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;

const AGENT: &[u8] = b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

fn preflight() -> Entry<'static> {
    Entry {
        time: Duration::from_micros(1_795_719_740_123_999),
        duration: Duration::from_micros(17),
        client: Some([192, 0, 2, 7].into()),
        listener: Some(([0, 0, 0, 0], 8443).into()),
        protocol: Some("HTTP/1.1"),
        tls_version: Some("TLSv1.3"),
        method: Some(b"OPTIONS"),
        host: Some(b"api.example.com"),
        path: Some(b"/v1/orders/42"),
        origin: Some(b"https://app.example.com"),
        user_agent: Some(AGENT),
        referer: Some(b"https://app.example.com/"),
        request_id: Some(b"4bf92f35-77b3-4da6-a3ce-929d0e0e4736"),
        status: Some(204),
        route: "orders",
        policy: Some("web-app"),
        outcome: Some("handled"),
        reason: Some("allowed"),
        ..Entry::default()
    }
}

fn forwarded() -> Entry<'static> {
    Entry {
        method: Some(b"GET"),
        status: Some(200),
        response_bytes: 1024,
        outcome: Some("allowed"),
        reason: None,
        upstream: Some(UpstreamEntry {
            name: "orders",
            endpoint: Some(([127, 0, 0, 1], 9000).into()),
            duration: Some(Duration::from_millis(12)),
            retries: 1,
        }),
        ..preflight()
    }
}

fn lines(c: &mut Criterion) {
    let metrics = Metrics::new().expect("metrics");
    for (name, format) in [
        ("json", AccessLogFormat::Json(LogFields::ALL)),
        ("combined", AccessLogFormat::Combined),
    ] {
        let config = config::AccessLog {
            format,
            path: LogPath::File("/dev/null".into()),
            place: None,
        };
        let log = AccessLog::open(config, metrics.access_log(), None).expect("opens");
        let mut group = c.benchmark_group(name);
        for (kind, entry) in [("preflight", preflight()), ("forwarded", forwarded())] {
            group.bench_function(kind, |b| b.iter(|| log.log(black_box(&entry))));
        }
        group.finish();
    }
}

criterion_group!(benches, lines);
criterion_main!(benches);
