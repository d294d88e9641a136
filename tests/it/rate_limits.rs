//! `rate_limit`: past it a client gets 429 that a script can read. Each test runs with the express lane and
//! without it, and speaks HTTP/1.1 and HTTP/2.
//!
//! Tokens come once a day here, so that no test depends on the time that it takes. When they come is tested
//! beside the code, in `src/buckets`.

use crate::support::{
    Answer, Client, Folder, Gateway, Http2Client, LANES, Response, Upstream, WITH_LANE,
    WITHOUT_LANE,
};
use std::sync::Mutex;
use std::sync::mpsc;

const ORIGIN: &str = "https://app.example.com";
/// The tests' clients are at 127.0.0.1, and say who they are.
const TRUSTED: &str = "trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]";

/// The ways in which a request can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

/// A running gateway before an upstream, and the way in which it is asked.
struct Asked {
    gateway: Gateway,
    upstream: Upstream,
    protocol: Protocol,
}

/// The kinds of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Get,
    Preflight,
    /// A preflight that the policy does not allow.
    Rejected,
    /// OPTIONS that is not a preflight.
    Options,
}
use Kind::{Get, Options, Preflight, Rejected};

const ROUTES: &str = "\
routes:
- { name: shared, match: { path_prefix: / }, upstream: u, cors: p }
- { name: shared-too, match: { path_prefix: /too }, upstream: u, cors: p }
- { name: own, match: { path_prefix: /own }, upstream: u, cors: p, rate_limit: { requests: 3, period: 1day } }
- { name: passed, match: { path_prefix: /passed }, upstream: u, cors: passthrough }
- { name: written, match: { path_prefix: /written }, upstream: u, cors: w }
- { name: rejecting, match: { path_prefix: /rejecting }, upstream: u, cors: o }
- { name: small, match: { path_prefix: /small }, upstream: u, cors: p, max_request_body_bytes: 1B }
";

const TWO_PER_DAY: &str = "limits: { rate_limit: { requests: 2, period: 1day } }";

fn config(upstream: &Upstream, limits: &str) -> String {
    format!(
        "{limits}\nupstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
         policies:\n  p: {{ allow_origins: ['{ORIGIN}'], allow_methods: [PUT] }}\n  \
           w: {{ allow_origins: ['{ORIGIN}'], on_rejected_preflight: {{ status: 404, body: '{{}}' }} }}\n  \
           o: {{ allow_origins: ['{ORIGIN}'], other_options_requests: reject }}\n\
         default_policy: p\n{ROUTES}",
        upstream.address
    )
}

/// Runs with each lane and each protocol.
fn in_every_way(limits: &str, run: impl Fn(&Asked)) {
    for (server, protocol) in [
        (WITH_LANE, Protocol::Http1),
        (WITHOUT_LANE, Protocol::Http1),
        (WITH_LANE, Protocol::Http2),
        (WITHOUT_LANE, Protocol::Http2),
    ] {
        let upstream = Upstream::start(Answer::ok());
        let gateway = Gateway::start_with(server, &config(&upstream, limits));
        run(&Asked {
            gateway,
            upstream,
            protocol,
        });
    }
}

impl Asked {
    fn ask(&self, kind: Kind, path: &str, fields: &[(&str, &str)]) -> Response {
        let method = match kind {
            Get => "GET",
            Preflight | Rejected | Options => "OPTIONS",
        };
        let mut all = vec![("origin", ORIGIN)];
        match kind {
            Get | Options => {}
            Preflight => all.push(("access-control-request-method", "PUT")),
            Rejected => all.push(("access-control-request-method", "DELETE")),
        }
        all.extend(fields);
        match self.protocol {
            Protocol::Http1 => {
                let lines = all
                    .iter()
                    .map(|(name, value)| format!("{name}: {value}\r\n"));
                let lines: String = lines.collect();
                self.gateway.send(&format!(
                    "{method} {path} HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n"
                ))
            }
            Protocol::Http2 => Http2Client::connect(self.gateway.address)
                .exchange_at(method, path, &all)
                .expect("an answer"),
        }
    }

    fn statuses(&self, kind: Kind, path: &str, times: usize) -> Vec<u16> {
        let ask = |_| self.ask(kind, path, &[]).status;
        (0..times).map(ask).collect()
    }

    /// The statuses of a client that a trusted proxy names.
    fn statuses_of(&self, client: &str, times: usize) -> Vec<u16> {
        let fields = [("x-forwarded-for", client)];
        let ask = |_| self.ask(Get, "/", &fields).status;
        (0..times).map(ask).collect()
    }
}

fn limited(route: &str) -> String {
    format!("corsgate_requests_refused_total{{reason=\"rate_limited\",route=\"{route}\"}}")
}

#[test]
fn options_that_is_rejected_as_no_preflight_counts_with_the_requests() {
    in_every_way(TWO_PER_DAY, |asked| {
        let way = asked.protocol;
        assert_eq!(
            asked.statuses(Options, "/rejecting", 3),
            [403, 403, 429],
            "{way:?}"
        );
        assert_eq!(asked.statuses(Get, "/rejecting", 1), [429], "{way:?}");
        assert_eq!(asked.statuses(Preflight, "/rejecting", 1), [204], "{way:?}");
        assert!(asked.upstream.received().is_empty());
        // It counts as the preflight that it is not; one past the rate is only a request.
        for (series, count) in [
            (
                "preflights_total{outcome=\"rejected\",reason=\"not_a_preflight\"",
                2.0,
            ),
            ("requests_total{code=\"4xx\",kind=\"preflight\"", 2.0),
            ("requests_total{code=\"4xx\",kind=\"request\"", 2.0),
        ] {
            let series = format!("corsgate_{series},route=\"rejecting\"}}");
            assert_eq!(asked.gateway.metric(&series), count, "{series}, {way:?}");
        }
        let metrics = asked.gateway.metrics();
        let others = metrics
            .lines()
            .filter(|line| line.contains("not_a_preflight"));
        let has_one = others
            .map(|line| line.contains("route=\"rejecting\""))
            .eq([true]);
        assert!(has_one, "{metrics}");
    });
}

#[test]
fn a_client_past_its_rate_gets_429_that_a_script_can_read() {
    in_every_way(TWO_PER_DAY, |asked| {
        let way = asked.protocol;
        assert_eq!(asked.gateway.metric(&limited("shared")), 0.0);
        assert!(asked.gateway.metrics().contains(&limited("unmatched")));
        for (number, kind) in [Get, Preflight].into_iter().enumerate() {
            for _ in 0..2 {
                assert!(asked.ask(kind, "/a", &[]).status < 300, "{kind:?}, {way:?}");
            }
            let refused = asked.ask(kind, "/a", &[]);
            assert_eq!(refused.status, 429, "{kind:?}, {way:?}");
            // Half a day, for one token; the seconds of this test are part of it.
            let seconds = refused.get("retry-after").expect("the field");
            let seconds: u32 = seconds.parse().expect("a number");
            assert!((43_100..=43_200).contains(&seconds), "{seconds}");
            let allowed = refused.get("access-control-allow-origin");
            assert_eq!(allowed.as_deref(), Some(ORIGIN), "{kind:?}, {way:?}");
            assert_eq!(refused.get("content-length").as_deref(), Some("0"));
            let vary = refused.get("vary").expect("one");
            assert!(vary.contains("Origin"), "{vary}");
            asked
                .gateway
                .wait_for_metric(&limited("shared"), (number + 1) as f64);
        }
        assert_eq!(asked.upstream.received().len(), 2, "{way:?}");
        let count = |kind: &str| {
            let series =
                format!("corsgate_requests_total{{code=\"4xx\",kind=\"{kind}\",route=\"shared\"}}");
            asked.gateway.metric(&series)
        };
        assert_eq!(
            (count("request"), count("preflight")),
            (1.0, 1.0),
            "{way:?}"
        );
    });
}

#[test]
fn a_connection_is_kept_when_its_client_asks_too_often() {
    for server in LANES {
        let upstream = Upstream::start(Answer::ok());
        let gateway = Gateway::start_with(server, &config(&upstream, TWO_PER_DAY));
        let mut client = Client::connect(gateway.address);
        let preflight = format!(
            "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\n\
             Access-Control-Request-Method: PUT\r\n\r\n"
        );
        let post = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello";
        for (request, statuses) in [
            (&*preflight, [204, 204, 429, 429]),
            (post, [200, 200, 429, 429]),
        ] {
            for status in statuses {
                assert_eq!(client.exchange(request).status, status, "{request}");
            }
        }
    }
}

#[test]
fn a_token_is_taken_once_whatever_lane_answers_in_the_end() {
    // The express lane looks at these preflights, and leaves them to pingora.
    for (path, answered) in [("/passed", 200), ("/written", 404)] {
        in_every_way(TWO_PER_DAY, |asked| {
            let statuses = asked.statuses(Rejected, path, 4);
            let expected = [answered, answered, 429, 429];
            assert_eq!(statuses, expected, "{path}, {:?}", asked.protocol);
        });
    }
}

#[test]
fn every_request_counts_but_those_that_are_refused_for_another_reason() {
    for (kind, path, fields, status) in [
        (Get, "/a", &[][..], 200),
        (Preflight, "/a", &[], 204),
        (Rejected, "/a", &[], 204),
        (Rejected, "/written", &[], 404),
        (Preflight, "/passed", &[], 200),
        (Preflight, "/own", &[], 204),
    ] {
        in_every_way(TWO_PER_DAY, |asked| {
            let way = (kind, path, asked.protocol);
            let tokens = if path == "/own" { 3 } else { 2 };
            for _ in 0..tokens {
                assert_eq!(asked.ask(kind, path, fields).status, status, "{way:?}");
            }
            assert_eq!(asked.ask(kind, path, fields).status, 429, "{way:?}");
        });
    }
    for (path, fields, status) in [
        ("/a/%2e%2e/b", &[][..], 400),
        ("/small", &[("content-length", "2")], 413),
    ] {
        in_every_way(TWO_PER_DAY, |asked| {
            let way = (path, asked.protocol);
            // A stream that ends can't have a body.
            if fields.is_empty() || asked.protocol == Protocol::Http1 {
                for _ in 0..4 {
                    let mut client = Client::connect(asked.gateway.address);
                    let lines: String = fields
                        .iter()
                        .map(|(n, v)| format!("{n}: {v}\r\n"))
                        .collect();
                    let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{lines}\r\nab");
                    assert_eq!(client.exchange(&request).status, status, "{way:?}");
                }
            }
            assert_eq!(asked.statuses(Get, "/a", 3), [200, 200, 429], "{way:?}");
        });
    }
}

#[test]
fn a_request_without_a_route_counts_as_well() {
    let routes = "routes: [{ upstream: u, match: { hosts: [other.test] } }]\n";
    for server in LANES {
        let gateway = Gateway::start_with(
            server,
            &format!("{TWO_PER_DAY}\nupstreams: {{ u: {{ echo: true }} }}\n{routes}"),
        );
        for status in [404, 404, 429] {
            let response = gateway.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
            assert_eq!(response.status, status, "{server}");
        }
        gateway.wait_for_metric(&limited("unmatched"), 1.0);
    }
}

#[test]
fn preflights_do_not_use_up_requests_nor_one_route_those_of_another() {
    in_every_way(TWO_PER_DAY, |asked| {
        for (kind, path, statuses) in [
            (Get, "/a", &[200, 200, 429][..]),
            // The same bucket.
            (Get, "/too", &[429]),
            (Preflight, "/too", &[204, 204, 429]),
            (Preflight, "/a", &[429]),
            (Get, "/own", &[200, 200, 200, 429]),
            (Preflight, "/own", &[204, 204, 204, 429]),
        ] {
            let way = (kind, path, asked.protocol);
            assert_eq!(
                asked.statuses(kind, path, statuses.len()),
                statuses,
                "{way:?}"
            );
        }
    });
    // A route alone has one.
    in_every_way("", |asked| {
        assert_eq!(asked.statuses(Get, "/own", 4), [200, 200, 200, 429]);
        assert_eq!(asked.statuses(Get, "/a", 4), [200; 4]);
    });
}

#[test]
fn clients_behind_a_trusted_proxy_are_told_apart() {
    let limits = format!("{TWO_PER_DAY}\n{TRUSTED}");
    in_every_way(&limits, |asked| {
        let way = asked.protocol;
        for (client, statuses) in [
            ("192.0.2.1", [200, 200, 429]),
            ("192.0.2.2", [200, 200, 429]),
            ("192.0.2.1", [429, 429, 429]),
            // The client's own word stands before it.
            ("198.51.100.9, 192.0.2.1", [429, 429, 429]),
            ("192.0.2.2, 10.0.0.1", [429, 429, 429]),
            ("192.0.2.1, 192.0.2.3", [200, 200, 429]),
            ("unknown", [200, 200, 429]),
            // It is the proxy itself.
            ("127.0.0.1", [429, 429, 429]),
            ("2001:db8:0:1::1", [200, 200, 429]),
            ("[2001:db8:0:1:ffff::2]:4711", [429, 429, 429]),
            ("2001:db8:0:2::1", [200, 200, 429]),
            ("::ffff:192.0.2.1", [429, 429, 429]),
        ] {
            assert_eq!(asked.statuses_of(client, 3), statuses, "{client}, {way:?}");
        }
        // The last line counts.
        let lines = [
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-for", "192.0.2.77"),
        ];
        assert_eq!(asked.ask(Get, "/", &lines).status, 200, "{way:?}");
        // Preflights as well.
        for (client, statuses) in [
            ("192.0.2.1", [204, 204, 429]),
            ("192.0.2.2", [204, 204, 429]),
        ] {
            let fields = [("x-forwarded-for", client)];
            let asked = statuses.map(|_| asked.ask(Preflight, "/", &fields).status);
            assert_eq!(asked, statuses, "{client}, {way:?}");
        }
    });
    // From any other peer they are all one.
    in_every_way(TWO_PER_DAY, |asked| {
        assert_eq!(asked.statuses_of("192.0.2.1", 2), [200, 200]);
        assert_eq!(asked.statuses_of("192.0.2.2", 1), [429]);
    });
}

#[test]
fn a_reload_keeps_what_clients_have_sent() {
    let upstream = Upstream::start(Answer::ok());
    let folder = Folder::new();
    let whole = |limits: &str| {
        format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\n\
             server: {{ threads: 1 }}\n{}",
            config(&upstream, limits)
        )
    };
    let path = folder.write("gate.yaml", &whole(TWO_PER_DAY));
    let gateway = Gateway::of_file(&path);
    let get = |path: &str| {
        gateway
            .send(&format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n"))
            .status
    };
    assert_eq!([get("/"), get("/"), get("/")], [200, 200, 429]);
    assert_eq!([get("/own"), get("/own")], [200, 200]);
    for (limits, statuses) in [
        (
            "limits: { rate_limit: { requests: 2, period: 1day }, max_requests: 7 }",
            [429, 429, 429],
        ),
        // Without a limit, and with one again.
        ("", [200, 200, 200]),
        (TWO_PER_DAY, [429, 429, 429]),
    ] {
        folder.replace("gate.yaml", &whole(limits));
        assert!(gateway.ask_admin("POST /reload").status < 300);
        assert_eq!([get("/"), get("/"), get("/")], statuses, "{limits}");
    }
    assert_eq!(
        [get("/own"), get("/own")],
        [200, 429],
        "a route keeps its own"
    );
}

#[test]
fn a_request_that_there_is_no_room_for_takes_no_token() {
    let (go_on, may_go_on) = mpsc::channel();
    let (has_come, come) = mpsc::channel();
    let (may_go_on, has_come) = (Mutex::new(may_go_on), Mutex::new(has_come));
    let upstream = Upstream::start_with(move |_| {
        has_come
            .lock()
            .expect("no panic")
            .send(())
            .expect("it waits");
        may_go_on
            .lock()
            .expect("no panic")
            .recv()
            .expect("the word");
        Answer::ok()
    });
    let limits = "limits: { max_requests: 1, rate_limit: { requests: 2, period: 1day } }";
    let gateway = Gateway::start(&config(&upstream, limits));
    let get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let mut first = Client::connect(gateway.address);
    first.write(get.as_bytes());
    come.recv().expect("the first request");
    for _ in 0..3 {
        assert_eq!(gateway.send(get).status, 503);
    }
    go_on.send(()).expect("it waits");
    assert_eq!(first.read(false).expect("an answer").status, 200);
    gateway.wait_for_metric(
        "corsgate_requests_total{code=\"2xx\",kind=\"request\",route=\"shared\"}",
        1.0,
    );
    go_on.send(()).expect("it waits");
    assert_eq!(first.exchange(get).status, 200, "the second token");
    // It leaves the room that it had taken.
    for _ in 0..3 {
        assert_eq!(gateway.send(get).status, 429);
    }
}

#[test]
fn explain_says_that_there_is_a_limit_and_takes_no_token() {
    in_every_way(TWO_PER_DAY, |asked| {
        for (path, expected) in [
            (
                "/a",
                "`limits.rate_limit` lets each client send 2 requests in 1day, 2 at once",
            ),
            (
                "/own",
                "`rate_limit` of the route lets each client send 3 requests in 1day, 3 at once",
            ),
        ] {
            for _ in 0..5 {
                let url = format!("http://a.test{path}");
                let answer = asked.gateway.ask_admin(&format!(
                    "GET /explain?url={url}&origin={ORIGIN}&method=PUT"
                ));
                assert!(answer.body.contains(expected), "{}", answer.body);
            }
        }
        assert_eq!(asked.statuses(Get, "/a", 3), [200, 200, 429]);
        assert_eq!(asked.statuses(Preflight, "/a", 3), [204, 204, 429]);
    });
    in_every_way("", |asked| {
        let line = format!("GET /explain?url=http://a.test/&origin={ORIGIN}");
        let answer = asked.gateway.ask_admin(&line);
        assert!(!answer.body.contains("rate_limit"), "{}", answer.body);
    });
}
