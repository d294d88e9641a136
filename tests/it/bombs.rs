//! Configurations that are small and cost much: each is refused, soon and in little memory.

use crate::support::{Client, Folder, PATIENCE, Running, within};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Instant;

/// The address space of a process that reads a bomb. A thread's stack and the allocator's reserves are part
/// of it.
const MEGABYTES: usize = 512;

/// The longest output about a bomb.
const MAX_OUTPUT: usize = 300_000;

const AROUND: &str = "listeners: [{ address: '127.0.0.1:0' }]\nadmin: { address: '127.0.0.1:0' }\n\
                      server: { threads: 1 }\nupstreams: { u: { echo: true } }\n";
const ROUTE: &str = "routes: [{ upstream: u }]\n";

/// A configuration, the content of `origins.txt` beside it, and words of its error.
struct Bomb {
    name: &'static str,
    text: String,
    origins: String,
    says: &'static str,
}

fn numbered(count: usize, separator: &str, each: impl Fn(usize) -> String) -> String {
    let all: Vec<String> = (0..count).map(each).collect();
    all.join(separator)
}

fn bombs() -> Vec<Bomb> {
    let of_text = |name, text: String, says| Bomb {
        name,
        text,
        origins: String::new(),
        says,
    };
    // Behind sections that are right.
    let with = |name, text: String, says| of_text(name, format!("{AROUND}{text}"), says);
    let of_origins = |name, origins: String, says| Bomb {
        origins,
        ..with(
            name,
            format!("policies: {{ p: {{ allow_origins: [{{ file: origins.txt }}] }} }}\n{ROUTE}"),
            says,
        )
    };
    let policy =
        |origins: String| format!("policies: {{ p: {{ allow_origins: [{origins}] }} }}\n{ROUTE}");
    let many = ["x"; 30_000].join(",");
    let big_map = numbered(10_000, ", ", |i| format!("k{i}: 1"));
    let deep = |open: &str| open.repeat(100_000);
    vec![
        // Aliases.
        of_text(
            "aliases in breadth",
            format!("x: &x [{many}]\ny: [{}]\n", ["*x"; 10_000].join(",")),
            "values up to here",
        ),
        of_text(
            "an alias of a long text",
            format!(
                "x: &x {}\ny: [{}]\n",
                "a".repeat(500_000),
                ["*x"; 10_000].join(",")
            ),
            "MiB of text up to here",
        ),
        of_text(
            "aliases in keys",
            format!(
                "x: &x [{many}]\ny:\n{}",
                numbered(5_000, "", |i| format!("  ? [*x, {i}]\n  : 1\n"))
            ),
            "values up to here",
        ),
        of_text(
            "aliases in depth",
            format!(
                "x0: &x0 [a]\n{}",
                numbered(20_000, "", |i| format!("x{}: &x{} [*x{i}]\n", i + 1, i + 1))
            ),
            "64 deep",
        ),
        of_text(
            "merge keys",
            format!(
                "x: &x {{{big_map}}}\n{}",
                numbered(5_000, "", |i| format!("y{i}: {{<<: *x}}\n"))
            ),
            "values up to here",
        ),
        of_text(
            "one merge key of many",
            format!(
                "x: &x {{{big_map}}}\ny: {{<<: [{}]}}\n",
                ["*x"; 5_000].join(",")
            ),
            "values up to here",
        ),
        of_text(
            "merge keys in a chain",
            format!(
                "x0: &x0 {{a: 1}}\n{}",
                numbered(20_000, "", |i| format!(
                    "x{}: &x{} {{<<: *x{i}}}\n",
                    i + 1,
                    i + 1
                ))
            ),
            "64 deep",
        ),
        of_text(
            "an alias in a circle",
            format!("x: &x [{many}, *x]\n"),
            "within the value that it repeats",
        ),
        of_text(
            "tags with a long prefix",
            format!(
                "%TAG !e! tag:{}\n---\n{}",
                "x".repeat(100_000),
                "- !e!a x\n".repeat(20_000)
            ),
            "MiB of text up to here",
        ),
        // Work for each warning.
        with(
            "acknowledgements",
            format!(
                "acknowledged_warnings: [{}]\n{ROUTE}",
                ["duplicate_origin"; 20_000].join(",")
            ),
            "there twice",
        ),
        // Work for each request.
        with(
            "trusted proxies",
            format!(
                "trusted_proxies: [{}]\n{ROUTE}",
                numbered(1_001, ", ", |i| format!("10.0.{}.{}", i / 256, i % 256))
            ),
            "more than 1000",
        ),
        // Depth.
        of_text("lists in lists", deep("["), "recursion limit"),
        of_text("mappings in mappings", deep("{"), "recursion limit"),
        of_text("lists in values", deep("{a: ["), "recursion limit"),
        of_text("lists in lines", deep("[\n"), "recursion limit"),
        of_text("sequences of dashes", deep("- "), "64 deep"),
        of_text("keys of keys", deep("? "), "64 deep"),
        of_text(
            "indentation",
            numbered(1_400, "", |i| format!("{}a:\n", " ".repeat(i))),
            "64 deep",
        ),
        of_text(
            "deep for YAML 1.1 alone",
            format!("{AROUND}{ROUTE}# \u{2028}x: {}", deep("[")),
            "U+2028",
        ),
        // Size.
        of_text("newlines", "\n".repeat(20_000_000), "larger than 1 MiB"),
        of_text(
            "commas",
            format!("[{}", ",".repeat(1_000_000)),
            "values up to here",
        ),
        of_text(
            "keys without names",
            format!("[{}", ":,".repeat(500_000)),
            "values up to here",
        ),
        with(
            "a long key",
            format!("{}: 1\n", "a.".repeat(200)),
            "longer than 256 bytes",
        ),
        with(
            "a long name",
            format!(
                "routes: [{{ upstream: u, name: {} }}]\n",
                "a".repeat(900_000)
            ),
            "can't be a route's name",
        ),
        with(
            "a long origin",
            policy(format!("'https://{}'", "a.".repeat(400_000))),
            "is not an origin pattern",
        ),
        with(
            "a long regex",
            policy(format!(
                "{{ regex: 'https://({})' }}",
                numbered(50_000, "|", |i| format!("a{i}"))
            )),
            "bytes, more than 65535",
        ),
        // Number.
        with(
            "routes",
            format!("routes:\n{}", "- { upstream: u }\n".repeat(50_000)),
            "more than 10000",
        ),
        with(
            "routes of one path",
            format!(
                "routes:\n{}",
                numbered(9_000, "", |i| format!(
                    "- {{ upstream: u, match: {{ headers: {{ x: '{i}' }} }} }}\n"
                ))
            ),
            "more than 1000 routes",
        ),
        with(
            "unknown upstreams",
            format!(
                "routes:\n{}",
                numbered(9_000, "", |i| format!(
                    "- {{ upstream: upstream-number-{i} }}\n"
                ))
            ),
            "17899 more errors",
        ),
        with(
            "unknown keys",
            format!("{ROUTE}{}", numbered(80_000, "", |i| format!("k{i}: 1\n"))),
            "not read further",
        ),
        with(
            "keys without values",
            format!("{ROUTE}{}", numbered(80_000, "", |i| format!("k{i}:\n"))),
            "79900 more errors",
        ),
        with(
            "keys twice",
            format!(
                "routes:\n{}",
                "- { upstream: u, upstream: u }\n".repeat(30_000)
            ),
            "29900 more errors",
        ),
        with(
            "variables",
            policy(["'${BIG}'"; 20_000].join(", ")),
            "more errors",
        ),
        with(
            "a variable many times",
            policy(format!("'{}'", "${BIG}".repeat(100_000))),
            "values of variables",
        ),
        with(
            "regexes that explode",
            format!(
                "policies:\n{}{ROUTE}",
                numbered(20, "", |i| format!(
                    "  p{i}: {{ allow_origins: [{{ regex: 'https://.*a.{{18}}{i}' }}] }}\n"
                ))
            ),
            "all regexes together",
        ),
        with(
            "regexes that multiply",
            policy(numbered(150, ", ", |i| {
                format!("{{ regex: 'https://[a-z0-9-]+-team{i}-[a-z0-9-]+\\.example\\.com' }}")
            })),
            "regexes together",
        ),
        Bomb {
            origins: "https://a.example\n".to_owned(),
            ..with(
                "files of origins",
                policy(["{ file: origins.txt }"; 2_000].join(", ")),
                "more than 1000 times",
            )
        },
        // Files of origins.
        of_origins(
            "a file of newlines",
            "\n".repeat(8_000_000),
            "has no origins",
        ),
        of_origins(
            "a file of bad lines",
            numbered(100_000, "", |i| format!("https://a{i}.example/\n")),
            "99900 more errors",
        ),
        of_origins(
            "a file of regexes",
            r"^https://[a-z]+\.a\.example$,^https://b\.example$
"
            .repeat(500_000),
            "499900 more errors",
        ),
        with(
            "a list of bad origins",
            policy(format!("{{ list: '{}' }}", "^ ".repeat(60_000))),
            "59900 more errors",
        ),
        with(
            "long lists",
            policy(["{ list: '${BIG}' }"; 2_000].join(", ")),
            "more errors",
        ),
        of_origins(
            "a file of origins without end",
            numbered(600_000, "", |i| format!("https://a{i}.x\n")),
            "more than 500000 patterns",
        ),
        of_origins(
            "a file of one line",
            format!("https://{}", "a.".repeat(8_000_000)),
            "is not an origin pattern",
        ),
        of_origins("a large file", "#".repeat(33 << 20), "larger than 32 MiB"),
    ]
}

impl Bomb {
    fn write(&self, folder: &Folder) -> String {
        folder.write("origins.txt", &self.origins);
        folder.write("gate.yaml", &self.text).display().to_string()
    }
}

#[test]
fn a_configuration_that_costs_much_is_an_error_in_little_memory_and_time() {
    let big = "x".repeat(100_000);
    let mut failures = String::new();
    for bomb in bombs() {
        let folder = Folder::new();
        let file = bomb.write(&folder);
        let started = Instant::now();
        let output = within(MEGABYTES, &["check", &file])
            .env("BIG", &big)
            .output();
        let output = output.expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        let is_refused = output.status.code() == Some(1) && errors.contains(bomb.says);
        let is_short = errors.len() < MAX_OUTPUT && output.stdout.is_empty();
        let took = started.elapsed();
        if !(is_refused && is_short && took < PATIENCE) {
            let start: String = errors.chars().take(500).collect();
            let status = output.status;
            let _ = writeln!(failures, "{}: {status}, {took:?}: {start}", bomb.name);
        }
    }
    assert_eq!(failures, "");
}

fn ask(address: SocketAddr, line: &str) -> (u16, String) {
    let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    let mut client = Client::connect(address).with_patience(PATIENCE * 5);
    let answer = client.exchange(&request);
    (answer.status, answer.body)
}

#[test]
fn a_gateway_with_little_memory_outlives_every_reload_of_such_a_configuration() {
    let folder = Folder::new();
    let good = format!("{AROUND}{ROUTE}");
    let file = folder.write("gate.yaml", &good).display().to_string();
    // More than for `check`: the threads of a gateway have stacks, and its allocator has pools.
    let mut gateway = Running::start_within(2 * MEGABYTES, &["serve", "--config", &file]);
    let log = gateway.log();
    let (traffic, admin) = (log.listener(), log.admin());
    // A reload gives way to all else on the machine: some of them, so that it does not take minutes.
    for bomb in bombs().into_iter().step_by(4) {
        bomb.write(&folder);
        let (status, body) = ask(admin, "POST /reload");
        // Variables are not set here.
        let says = if bomb.text.contains("BIG") {
            "BIG"
        } else {
            bomb.says
        };
        assert_eq!(status, 422, "{}", bomb.name);
        assert!(
            body.contains(says) && body.len() < MAX_OUTPUT,
            "{}: {} bytes: {}",
            bomb.name,
            body.len(),
            body.chars().take(500).collect::<String>()
        );
        assert_eq!(ask(traffic, "GET /").0, 200, "{}", bomb.name);
        let (status, page) = ask(admin, "GET /config");
        assert!(status == 200 && page.len() < MAX_OUTPUT, "{}", bomb.name);
    }
    folder.write("gate.yaml", &good);
    assert_eq!(ask(admin, "POST /reload").0, 200);
    gateway.signal("TERM");
    let longest = log.whole().lines().map(str::len).max();
    assert!(longest < Some(MAX_OUTPUT), "{longest:?}");
}
