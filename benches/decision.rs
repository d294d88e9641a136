//! The cost of a decision: by kind and number of patterns, for hits, misses and hostile input; and
//! what it costs to compile patterns.
//!
//! `cargo bench --bench decision`. Origins rotate, so that large tables are not measured from the
//! processor's nearest cache alone; `hot` repeats one origin.

use corsgate::cors::{
    CorsRequest, Decision, FieldLines, NameList, OriginMatcher, OriginPattern, Policy, PolicySpec,
    PreflightDecision, RegexPattern, Rule, SingleValue, decide,
};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;

/// Number of different origins that take turns.
const ROTATION: usize = 4096;

fn exact(i: usize) -> String {
    format!("https://tenant-{i}.example.com")
}

fn patterns(count: usize, text: impl Fn(usize) -> String) -> Vec<OriginPattern> {
    let parse = |i| OriginPattern::parse(&text(i)).expect("valid");
    (0..count).map(parse).collect()
}

fn regexes(count: usize) -> Vec<OriginPattern> {
    let text = |i| format!(r"https://pr-[0-9]+\.preview-{i}\.example-{}\.com", i % 97);
    let parse = |i| OriginPattern::Regex(RegexPattern::parse(&text(i)).expect("valid"));
    (0..count).map(parse).collect()
}

fn rule(origins: Vec<OriginPattern>) -> Rule {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    let spec = PolicySpec {
        origins,
        methods: NameList {
            any: false,
            names: names(&["PUT", "PATCH", "DELETE"]),
        }
        .into(),
        headers: NameList {
            any: false,
            names: names(&[
                "authorization",
                "content-type",
                "x-request-id",
                "x-csrf-token",
            ]),
        }
        .into(),
        credentials: true,
        max_age: Some(7200),
        ..PolicySpec::default()
    };
    Rule::policy(Policy::new(spec).expect("valid"))
}

fn preflight<'a>(origin: &'a str, headers: &'a str) -> CorsRequest<'a> {
    CorsRequest {
        method: b"OPTIONS",
        origin: SingleValue::One(origin.as_bytes()),
        request_method: SingleValue::One(b"PUT"),
        request_headers: FieldLines::from_iter([headers.as_bytes()]),
        ..CorsRequest::default()
    }
}

const FOUR: &str = "authorization,content-type,x-csrf-token,x-request-id";

fn is_handled(rule: &Rule, request: &CorsRequest<'_>) -> bool {
    matches!(
        decide(rule, request),
        Decision::Preflight(PreflightDecision::Handled(..))
    )
}

/// One allowed preflight after the other, from origins that take turns.
fn rotate(
    c: &mut Criterion,
    group: &str,
    count: usize,
    rule: &Rule,
    hit: bool,
    origin: impl Fn(usize) -> String,
) {
    // Multiplying by an odd number spreads the origins over the whole table.
    let spread = |i: usize| (i.wrapping_mul(2_654_435_761)) % count.max(1);
    let origins: Vec<String> = (0..ROTATION).map(|i| origin(spread(i))).collect();
    let requests: Vec<CorsRequest<'_>> = origins.iter().map(|o| preflight(o, FOUR)).collect();
    for request in &requests {
        assert_eq!(is_handled(rule, request), hit, "{group}");
    }
    let mut next = 0;
    let name = if hit { "hit" } else { "miss" };
    c.benchmark_group(group)
        .bench_function(BenchmarkId::new(name, count), |b| {
            b.iter(|| {
                next = (next + 1) % ROTATION;
                is_handled(black_box(rule), black_box(&requests[next]))
            });
        });
}

fn by_number(c: &mut Criterion) {
    for count in [1, 10, 1_000, 100_000] {
        let rule = rule(patterns(count, exact));
        rotate(c, "exact", count, &rule, true, exact);
        rotate(c, "exact", count, &rule, false, |i| {
            format!("https://tenant-{i}.example.org")
        });
    }
    for count in [10, 10_000] {
        let rule = rule(patterns(count, |i| {
            format!("https://*.tenant-{i}.example.com")
        }));
        rotate(c, "wildcard", count, &rule, true, |i| {
            format!("https://app.tenant-{i}.example.com")
        });
        rotate(c, "wildcard", count, &rule, false, |i| {
            format!("https://app.tenant-{i}.example.org")
        });
    }
    for count in [10, 1_000] {
        let rule = rule(regexes(count));
        let hit = |i| format!("https://pr-42.preview-{i}.example-{}.com", i % 97);
        rotate(c, "regex", count, &rule, true, hit);
        rotate(c, "regex", count, &rule, false, |i| {
            format!("https://app-{i}.example.org")
        });
    }
}

fn hot(c: &mut Criterion) {
    for count in [10, 100_000] {
        let rule = rule(patterns(count, exact));
        let origin = exact(count / 2);
        let request = preflight(&origin, FOUR);
        assert!(is_handled(&rule, &request));
        c.benchmark_group("hot")
            .bench_function(BenchmarkId::new("exact", count), |b| {
                b.iter(|| is_handled(black_box(&rule), black_box(&request)));
            });
    }
}

fn hostile(c: &mut Criterion) {
    let mut origins = patterns(1_000, |i| format!("https://*.tenant-{i}.example.com"));
    origins.extend(regexes(100));
    let rule = rule(origins);
    let deep = format!("https://{}example.com", "a.".repeat(120));
    let long = "x".repeat(8192);
    let near = format!("https://pr-{}.preview-1.example-1.org", "1".repeat(60));
    let thousand = vec!["content-type"; 600].join(",");
    let other = vec!["x-zzzzzzzz"; 700].join(",");
    let commas = ",".repeat(8192);
    let mut group = c.benchmark_group("hostile");
    for (name, origin, headers) in [
        ("origin of 120 labels", deep.as_str(), FOUR),
        ("origin of 8 KiB", &long, FOUR),
        ("origin near a regex", &near, FOUR),
        (
            "8 KiB of allowed names",
            "https://a.tenant-1.example.com",
            &thousand,
        ),
        (
            "8 KiB of other names",
            "https://a.tenant-1.example.com",
            &other,
        ),
        ("8 KiB of commas", "https://a.tenant-1.example.com", &commas),
        (
            "a thousand names",
            "https://a.tenant-1.example.com",
            &"x-abc,".repeat(1000),
        ),
        (
            "names past the bound",
            "https://a.tenant-1.example.com",
            &"a-header,".repeat(1000),
        ),
    ] {
        let request = preflight(origin, headers);
        group.bench_function(name, |b| {
            b.iter(|| is_handled(black_box(&rule), black_box(&request)));
        });
    }
}

fn compile(c: &mut Criterion) {
    let exact = patterns(100_000, exact);
    let (text, tables) = OriginMatcher::new(&exact, true)
        .expect("compiles")
        .memory_usage();
    println!(
        "100000 exact origins: {text} bytes of text, {} bytes a pattern above",
        tables / 100_000
    );
    let wildcards = patterns(10_000, |i| format!("https://*.tenant-{i}.example.com"));
    let regexes = regexes(1_000);
    let mut group = c.benchmark_group("compile");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(3));
    for (name, patterns) in [
        ("exact/100000", &exact),
        ("wildcard/10000", &wildcards),
        ("regex/1000", &regexes),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| OriginMatcher::new(black_box(patterns), true).expect("compiles"));
        });
    }
    // From the text of a file, as a reload has it.
    let lines: Vec<String> = exact.iter().map(OriginPattern::text).collect();
    group.bench_function("exact/100000 from text", |b| {
        b.iter(|| {
            let parsed: Vec<OriginPattern> = lines
                .iter()
                .map(|l| OriginPattern::parse(l).expect("valid"))
                .collect();
            OriginMatcher::new(&parsed, true).expect("compiles")
        });
    });
    group.finish();
}

criterion_group!(benches, by_number, hot, hostile, compile);
criterion_main!(benches);
