//! Floods of HTTP/2 frames: what costs a client a few bytes must not cost the gateway, or its upstreams,
//! more than a bounded amount. Each attack goes on until the gateway ends its connection.

use crate::support::{
    Answer, File, Frame, Frames, Gateway, HTTP2_START, Http2Client, PATIENCE, Running, Upstream,
    codes, frame, kinds,
};
use codes::ENHANCE_YOUR_CALM;
use kinds::{
    CONTINUATION, DATA, GOAWAY, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE,
};
use std::time::{Duration, Instant};

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// `:method: GET`, `:scheme: http`, `:path: /`, `:authority: a.test`.
const GET: &[u8] = b"\x82\x86\x84\x41\x06a.test";
/// The same with `:method: POST`.
const POST: &[u8] = b"\x83\x86\x84\x41\x06a.test";

const FLOODED: &str =
    r#"corsgate_requests_refused_total{reason="too_many_requests",route="unmatched"} "#;

fn gateway(upstream: &Upstream, limits: &str) -> Gateway {
    Gateway::start(&format!(
        "limits: {{ {limits} }}\n\
         upstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
         routes: [{{ name: r, upstream: u, cors: off }}]\n",
        upstream.address
    ))
}

/// One way of sending frames without end.
struct Attack {
    name: &'static str,
    /// Sent at first.
    start: Vec<u8>,
    /// Sent again and again, with the number of the round.
    each: fn(u32) -> Vec<u8>,
    /// Maximum number of rounds, each of which waits until the gateway has read it; `None` if they are sent
    /// as fast as they can be.
    most: Option<u32>,
}

/// The stream of a round's request; the first has number 1.
fn stream(round: u32) -> u32 {
    2 * round + 1
}

fn request(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, stream, block)
}

fn attacks() -> Vec<Attack> {
    let open = || request(1, 0, POST);
    let fast = |name, start, each: fn(u32) -> Vec<u8>| Attack {
        name,
        start,
        each,
        most: None,
    };
    let slow = |name, most, start, each| Attack {
        most: Some(most),
        ..fast(name, start, each)
    };
    vec![
        fast("pings", vec![], |_| frame(PING, 0, 0, &[7; 8])),
        fast("pongs", vec![], |_| frame(PING, 1, 0, &[7; 8])),
        fast("settings", vec![], |_| frame(SETTINGS, 0, 0, &[])),
        fast(
            "settings that change the windows of all streams",
            (0..50)
                .flat_map(|round| request(stream(round), 0, POST))
                .collect(),
            |round| frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, (round % 2) as u8]),
        ),
        fast("long settings", vec![], |_| {
            frame(SETTINGS, 0, 0, &[0, 9, 0, 0, 0, 0].repeat(2000))
        }),
        fast("priorities", vec![], |round| {
            frame(PRIORITY, 0, stream(round), &[0, 0, 0, 0, 9])
        }),
        fast("windows of the connection", vec![], |_| {
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])
        }),
        fast("windows of a stream", open(), |_| {
            frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])
        }),
        fast(
            "windows of a stream that is closed",
            [open(), frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])].concat(),
            |_| frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        ),
        fast("frames of an unknown kind", vec![], |_| {
            frame(0xbe, 0, 0, &[])
        }),
        fast("empty data", open(), |_| frame(DATA, 0, 1, &[])),
        fast("data that is padding alone", open(), |_| {
            frame(DATA, PADDED, 1, &[3, 0, 0, 0])
        }),
        fast("continuations", frame(HEADERS, 0, 1, GET), |_| {
            frame(CONTINUATION, 0, 1, &[])
        }),
        fast("requests that are taken back", vec![], |round| {
            let id = stream(round);
            let reset = frame(RST_STREAM, 0, id, &[0, 0, 0, 8]);
            [request(id, END_STREAM, GET), reset].concat()
        }),
        slow(
            "requests that are taken back when the upstream is asked",
            2500,
            request(stream(0), END_STREAM, GET),
            |round| {
                let back = frame(RST_STREAM, 0, stream(round), &[0, 0, 0, 8]);
                [back, request(stream(round + 1), END_STREAM, GET)].concat()
            },
        ),
        slow(
            "requests that the gateway is made to reset, by a window too wide",
            300,
            vec![],
            |round| {
                let id = stream(round);
                let wide = frame(WINDOW_UPDATE, 0, id, &[0x7f, 0xff, 0xff, 0xff]);
                [request(id, END_STREAM, GET), wide].concat()
            },
        ),
        slow(
            "requests that the gateway is made to reset, by a priority of their own",
            300,
            vec![],
            |round| {
                let id = stream(round);
                let own = [&id.to_be_bytes()[..], &[9]].concat();
                [request(id, END_STREAM, GET), frame(PRIORITY, 0, id, &own)].concat()
            },
        ),
        slow("headers without a field", 300, vec![], |round| {
            request(stream(round), END_STREAM, b"")
        }),
        slow(
            "headers of which one is not for HTTP/2",
            300,
            vec![],
            |round| {
                request(
                    stream(round),
                    END_STREAM,
                    &[GET, b"\0\x07upgrade\x01x"].concat(),
                )
            },
        ),
        slow(
            "requests beyond those that may be open",
            300,
            (0..50)
                .flat_map(|round| request(stream(round), 0, POST))
                .collect(),
            |round| request(stream(round + 50), 0, POST),
        ),
    ]
}

/// Number of rounds that are sent at once where they are fast.
const AT_ONCE: u32 = 200;

#[test]
fn floods_of_frames_end_their_connection_before_they_cost_much() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream, "max_concurrent_streams: 50");
    for attack in attacks() {
        let name = attack.name;
        let before = gateway.metric(FLOODED);
        let started = Instant::now();
        let mut client = Frames::connect(gateway.address);
        client.send(&[HTTP2_START, &attack.start].concat());
        let mut round = 0;
        let code = loop {
            let rounds = if attack.most.is_some() { 1 } else { AT_ONCE };
            let frames = (round..round + rounds).flat_map(attack.each);
            client.send(&frames.collect::<Vec<_>>());
            round += rounds;
            let read = match attack.most {
                Some(_) => client.settle().map(|_| ()),
                // Takes what is here, so that nothing the gateway sends is in its way.
                None => drain(&mut client),
            };
            if let Err(code) = read {
                break code;
            }
            assert!(started.elapsed() < PATIENCE, "{name}: {round} rounds");
        };
        assert_eq!(code, Some(ENHANCE_YOUR_CALM), "{name}: {round} rounds");
        if let Some(most) = attack.most {
            assert!(round <= most, "{name}: {round} rounds");
        }
        gateway.wait_for_metric(FLOODED, before + 1.0);
    }
    let get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert_eq!(gateway.send(get).status, 200, "it still serves");
    // Each of the requests that were taken back, or reset, may have reached it.
    let asked = upstream.received().len();
    assert!(asked < 5000, "{asked} requests reached the upstream");
}

/// Reads what is here; the code of the GOAWAY frame where the connection has ended.
fn drain(client: &mut Frames) -> Result<(), Option<u32>> {
    loop {
        match client.next_within(Duration::from_millis(1)) {
            Ok(Some(frame)) if frame.kind == GOAWAY => return Err(Some(frame.code())),
            Ok(Some(_)) => {}
            Ok(None) => return Err(None),
            Err(_) => return Ok(()),
        }
    }
}

/// A field that takes 4 KB, which is put into the table, and the byte that stands for it from then on.
fn large_field() -> (Vec<u8>, u8) {
    // A length of 4000: RFC 7541 §5.1.
    let field = [b"\x40\x01x\x7f\xa1\x1e".as_slice(), &[b'y'; 4000]].concat();
    (field, 0xbe)
}

/// `GET` that leaves the table as it is.
const PLAIN_GET: &[u8] = b"\x82\x86\x84\x01\x06a.test";

/// Whether a response is 431: in Huffman's code, or from the table that the first one was put into.
fn is_431(frame: &Frame) -> bool {
    let status = frame.payload.first();
    frame.payload.starts_with(b"\x48\x83\x69\x90\xff") || status.is_some_and(|&index| index >= 0xbe)
}

#[test]
fn a_header_that_is_small_on_the_wire_and_large_in_memory_is_refused() {
    let upstream = Upstream::start(Answer::ok());
    let file = File::new(&format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]\nserver: {{ threads: 1 }}\n\
         upstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
         routes: [{{ name: r, upstream: u, cors: off }}]\n",
        upstream.address
    ));
    let mut gateway = Running::start(&["serve", "--config", &file.path]);
    let address = gateway.log().listener();
    let (field, repeated) = large_field();
    let mut before = None;
    // Within the room for headers, beyond it, and far beyond it.
    for count in [20, 60, 70, 250] {
        let bomb = [PLAIN_GET, &[repeated].repeat(count)].concat();
        let mut refused = 0;
        let mut client = None;
        let mut id = 1;
        while refused < 200 {
            let connection = client.get_or_insert_with(|| {
                let mut client = Frames::connect(address);
                client.send(HTTP2_START);
                client.send(&request(1, END_STREAM, &[PLAIN_GET, &field].concat()));
                id = 1;
                client
            });
            id += 2;
            connection.send(&request(id, END_STREAM, &bomb));
            loop {
                match connection.next() {
                    Some(frame) if frame.stream == id && frame.kind == HEADERS => {
                        assert!(is_431(&frame), "{count}: {frame:?}");
                        break;
                    }
                    Some(frame) if frame.kind == GOAWAY => {
                        assert_eq!(frame.code(), ENHANCE_YOUR_CALM, "{count}");
                        client = None;
                        break;
                    }
                    Some(_) => {}
                    None => panic!("{count}: it ends without a word"),
                }
            }
            refused += 1;
        }
        // What is allocated once is allocated by then.
        let before = *before.get_or_insert_with(|| gateway.most_memory());
        let taken = gateway.most_memory() - before;
        assert!(taken < 16 << 20, "{count}: {} MiB", taken >> 20);
    }
}

#[test]
fn a_client_is_told_how_many_requests_it_may_open() {
    let upstream = Upstream::start(Answer::ok());
    for (limits, expected) in [("", 100), ("max_concurrent_streams: 7", 7)] {
        let gateway = gateway(&upstream, limits);
        let mut client = Frames::connect(gateway.address);
        client.send(HTTP2_START);
        let settings = client.next().expect("the gateway's settings");
        assert_eq!(settings.kind, SETTINGS);
        let told = [&[0, 3][..], &u32::to_be_bytes(expected)].concat();
        assert!(settings.payload.chunks(6).any(|setting| setting == told));
        // One more is refused, and the others are served.
        let requests = (0..=expected).map(|round| request(stream(round), 0, POST));
        client.send(&requests.flatten().collect::<Vec<_>>());
        let refused = loop {
            let frame = client.next().expect("an open connection");
            if frame.kind == RST_STREAM {
                break frame;
            }
        };
        assert_eq!(refused.stream, stream(expected));
        assert_eq!(refused.code(), codes::REFUSED_STREAM);
        client.send(&frame(DATA, END_STREAM, 1, b""));
        while client.next().expect("an open connection").stream != 1 {}
    }
}

#[test]
fn an_http_2_header_past_its_limit_is_answered_with_431() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = Gateway::start(&format!(
        "limits: {{ max_request_header_bytes: 1KiB }}\n\
         upstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
         routes: [{{ name: r, upstream: u, cors: {{ allow_origins: ['https://a.example'] }} }}]\n",
        upstream.address
    ));
    let mut client = Http2Client::connect(gateway.address);
    for (length, status, has_cors) in [
        (500, 200, true),
        (2000, 431, true),
        // From here on h2 answers by itself.
        (5000, 431, false),
        (10_000, 431, false),
    ] {
        let long = "x".repeat(length);
        let fields = [("origin", "https://a.example"), ("x-long", &long)];
        let response = client.exchange("GET", &fields).expect("an answer");
        assert_eq!(response.status, status, "{length}");
        let allowed = response.get("access-control-allow-origin");
        assert_eq!(allowed.is_some(), has_cors, "{length}");
    }
}

#[test]
fn an_http_2_header_of_endless_fields_ends_its_connection_before_they_are_kept() {
    const REFUSED: &str =
        r#"corsgate_requests_refused_total{reason="header_too_large",route="unmatched"} "#;
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream, "");
    // `accept-encoding: gzip, deflate`, as one byte of the static table.
    let field = [0x90];
    let endless = [GET, &field.repeat(7600)].concat();
    let pieces = |first: &[u8]| {
        let mut frames = frame(HEADERS, END_STREAM, 1, first);
        for _ in 0..30 {
            frames.extend(frame(CONTINUATION, 0, 1, &field.repeat(10)));
        }
        frames
    };
    let attacks = [
        request(1, END_STREAM, &endless),
        pieces(GET),
        // As trailers of a request with a body.
        [
            request(1, 0, POST),
            request(1, END_STREAM, &field.repeat(7600)),
        ]
        .concat(),
    ];
    for (index, attack) in attacks.iter().enumerate() {
        let mut client = Frames::connect(gateway.address);
        client.send(&[HTTP2_START, attack].concat());
        assert_eq!(client.goaway(), Some(ENHANCE_YOUR_CALM), "attack {index}");
        assert_eq!(gateway.metric(REFUSED), index as f64 + 1.0);
    }
    let get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert_eq!(gateway.send(get).status, 200, "it still serves");
}

#[test]
fn pings_do_not_keep_an_http_2_connection_open() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream, "keepalive_timeout: 500ms");
    let mut client = Frames::connect(gateway.address);
    client.send(HTTP2_START);
    let started = Instant::now();
    let code = loop {
        if let Err(code) = client.settle() {
            break code;
        }
        assert!(started.elapsed() < PATIENCE / 4, "it has no request");
        // So slowly that they are not a flood.
        let _ = client.next_within(Duration::from_millis(1));
    };
    assert_eq!(code, None, "it ends without a word");
    assert!(started.elapsed() >= Duration::from_millis(450));
}
