//! The cost of finding a route, in instructions, by the number of routes: with the configurations and
//! requests that need the most look-ups. It has to be the same for ten routes and for ten thousand.
//!
//! `cargo bench --bench routing --no-default-features`. valgrind counts the instructions, so that the
//! numbers are the same in every run on one machine. For path templates there is the time as well.

use corsgate::cors::CorsRequest;
use corsgate::routing::{
    HostMatch, PathMatch, PreflightMethod, RouteMatch, RouteRequest, Router, Segment, each_reading,
    normalized_path,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

const COUNTS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

/// A kind of configuration, and the request that costs it most.
struct Case {
    name: &'static str,
    route: fn(usize) -> RouteMatch,
    method: &'static str,
    host: &'static str,
    path: String,
    fields: Vec<(&'static str, String)>,
}

fn any() -> RouteMatch {
    RouteMatch {
        hosts: Vec::new(),
        path: PathMatch::Prefix(String::new()),
        methods: Vec::new(),
        headers: Vec::new(),
        is_fallback: false,
    }
}

fn header(name: &str, value: usize) -> (String, String) {
    (name.to_owned(), value.to_string())
}

fn by_value(i: usize) -> RouteMatch {
    RouteMatch {
        headers: vec![header("x-a", i)],
        ..any()
    }
}

/// A hundred values of each of two headers.
fn by_two(i: usize) -> RouteMatch {
    RouteMatch {
        headers: vec![header("x-a", i % 100), header("x-b", i / 100)],
        ..any()
    }
}

fn by_name(i: usize) -> RouteMatch {
    RouteMatch {
        path: PathMatch::Prefix(format!("/{i}")),
        headers: vec![header(&format!("x-{i}"), 1)],
        ..any()
    }
}

fn by_method(i: usize) -> RouteMatch {
    RouteMatch {
        methods: vec![format!("M{i}")],
        ..any()
    }
}

fn by_host(i: usize) -> RouteMatch {
    RouteMatch {
        hosts: vec![HostMatch::Subdomains(format!("h{i}.test"))],
        ..any()
    }
}

fn by_path(i: usize) -> RouteMatch {
    RouteMatch {
        path: PathMatch::Prefix(format!("/p{i}/x")),
        ..any()
    }
}

/// Makes the rule of a template: `*` is one segment, and what is behind a colon a verb.
fn template(text: &str) -> RouteMatch {
    let (text, verb) = match text.split_once(':') {
        Some((text, verb)) => (text, Some(verb.to_owned())),
        None => (text, None),
    };
    let segments = text.split('/').skip(1).map(|segment| match segment {
        "*" => Segment::Any,
        _ => Segment::Literal(segment.to_owned()),
    });
    RouteMatch {
        path: PathMatch::template(segments.collect(), false, verb).expect("few segments"),
        ..any()
    }
}

/// The methods of an API: every other resource has one more that is told by a verb.
fn by_template(i: usize) -> RouteMatch {
    match i % 2 {
        0 => template(&format!("/v1/shelves{}/*/books/*", i / 2)),
        _ => template(&format!("/v1/shelves{}/*/books/*:archive", i / 2)),
    }
}

/// Where the beginning of a path leads to one branch and the rest to the other, at each of three segments. The
/// first routes are these branches.
fn by_branches(i: usize) -> RouteMatch {
    let any = |bit: usize| if i >> bit & 1 == 1 { "*" } else { "a" };
    match i {
        0..8 => template(&format!("/{}/{}/{}/*/x", any(0), any(1), any(2))),
        _ => template(&format!("/a{i}/*/*/*/x")),
    }
}

fn cases() -> Vec<Case> {
    let asking = |names: String| {
        vec![
            ("origin", "https://a.example".to_owned()),
            ("access-control-request-method", "PUT".to_owned()),
            ("access-control-request-headers", names),
        ]
    };
    let case = |name, route, method, fields| Case {
        name,
        route,
        method,
        host: "a.b.c.d.test",
        path: "/p0/x/y/z".to_owned(),
        fields,
    };
    // As many names as are looked at.
    let many = "x-a,".repeat((8 << 10) / 4);
    let others: String = (0..1_000).map(|i| format!("x-{i},")).collect();
    let odd = "/a%2Fb;c//d%5Ce%252Ff./".to_owned() + &"x".repeat(300);
    vec![
        case(
            "a value of one header",
            by_value,
            "GET",
            vec![("x-a", "0".to_owned())],
        ),
        case(
            "no value of one header",
            by_value,
            "GET",
            vec![("x-a", "none".to_owned())],
        ),
        case(
            "values of two headers",
            by_two,
            "GET",
            vec![("x-a", "0".to_owned()), ("x-b", "0".to_owned())],
        ),
        case(
            "the value of one of two headers",
            by_two,
            "GET",
            vec![("x-a", "0".to_owned())],
        ),
        case(
            "a preflight that names the header 2,048 times",
            by_value,
            "OPTIONS",
            asking(many),
        ),
        case(
            "a preflight that names one of two headers",
            by_two,
            "OPTIONS",
            asking("x-a".to_owned()),
        ),
        case(
            "a preflight that names a thousand headers",
            by_name,
            "OPTIONS",
            asking(others),
        ),
        case("a method", by_method, "GET", Vec::new()),
        case("a host", by_host, "GET", Vec::new()),
        case("a path", by_path, "GET", Vec::new()),
        Case {
            path: "/v1/shelves0/17/books/4711".to_owned(),
            ..case("a template", by_template, "GET", Vec::new())
        },
        Case {
            path: "/v1/shelves0/17/books/4711:archive".to_owned(),
            ..case("a template with a verb", by_template, "GET", Vec::new())
        },
        Case {
            path: "/v1/shelves0/17/books/4711/x".to_owned(),
            ..case("no template", by_template, "GET", Vec::new())
        },
        Case {
            path: "/a/a/a/a/y".to_owned(),
            ..case(
                "templates, along eight branches",
                by_branches,
                "GET",
                Vec::new(),
            )
        },
        Case {
            path: odd,
            ..case("a path with 200 readings", by_path, "GET", Vec::new())
        },
    ]
}

/// Finds the route of the request, and those of all readings of its path.
#[inline(never)]
fn measured(router: &Router, request: &RouteRequest<'_>) {
    let search = router.search(request);
    black_box(search.find(request.path));
    let read = each_reading(request.path, |path| {
        black_box(search.find(path));
        true
    });
    black_box(read).expect("a path of this length is read");
}

/// Returns the time of one look-up: the least of several tries, because others can only add to it.
fn time(router: &Router, request: &RouteRequest<'_>) -> Duration {
    const LOOK_UPS: u32 = 100_000;
    let tries = (0..10).map(|_| {
        let start = Instant::now();
        (0..LOOK_UPS).for_each(|_| measured(black_box(router), black_box(request)));
        start.elapsed() / LOOK_UPS
    });
    tries.min().unwrap_or_default()
}

fn run<T>(case: &Case, count: usize, measure: fn(&Router, &RouteRequest<'_>) -> T) -> T {
    let routes: Vec<RouteMatch> = (0..count).map(case.route).collect();
    let router = Router::new(&routes);
    let method = Method::from_bytes(case.method.as_bytes()).expect("a method");
    let field = |(name, value): &(&'static str, String)| {
        let value = HeaderValue::from_str(value).expect("a value");
        (HeaderName::from_static(name), value)
    };
    let headers: HeaderMap = case.fields.iter().map(field).collect();
    let path = normalized_path(&case.path);
    let request = RouteRequest {
        host: case.host.as_bytes(),
        path: &path,
        fields: Some(&headers),
        cors: &CorsRequest::new(&method, &headers),
        preflight_method: PreflightMethod::Announced,
    };
    measure(black_box(&router), black_box(&request))
}

/// Counts the instructions of [`measured`] in a process of its own.
fn instructions(case: &str, count: usize) -> u64 {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=*measured*",
        ])
        .arg(program)
        .args(["--one", case, &count.to_string()])
        .output()
        .expect("valgrind is installed");
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected :"));
    let (_, number) = collected.unwrap_or_else(|| panic!("valgrind says:\n{text}"));
    number.trim().parse().expect("a number")
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let cases = cases();
    if let [_, one, name, count] = arguments.as_slice()
        && one == "--one"
    {
        let case = cases.iter().find(|case| case.name == name).expect("a case");
        return run(case, count.parse().expect("a number"), measured);
    }
    println!(
        "| time of a look-up, by the number of routes | {} |",
        COUNTS.map(|n| n.to_string()).join(" | ")
    );
    println!("|---{}|", "|---".repeat(COUNTS.len()));
    for case in cases.iter().filter(|case| case.name.contains("template")) {
        let row = COUNTS.map(|count| format!("{} ns", run(case, count, time).as_nanos()));
        println!("| {} | {} |", case.name, row.join(" | "));
    }
    println!();
    println!(
        "| instructions, by the number of routes | {} |",
        COUNTS.map(|n| n.to_string()).join(" | ")
    );
    println!("|---{}|", "|---".repeat(COUNTS.len()));
    for case in &cases {
        let row = COUNTS.map(|count| instructions(case.name, count).to_string());
        println!("| {} | {} |", case.name, row.join(" | "));
    }
}
