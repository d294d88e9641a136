//! Bad configurations and their whole messages; example configurations, which load.

use crate::expect;
use crate::support::{Folder, Masks, PATIENCE};
use corsgate::config::{Config, UpstreamKind};
use corsgate::cors::Rule;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    paths.sort();
    paths
}

/// Runs `check`, with files named as from their own folder.
fn messages(path: &Path) -> (bool, String) {
    let folder = format!("{}/", path.parent().expect("a folder").display());
    let (is_usable, diagnostics) = match Config::load(path) {
        Ok(config) => (true, [config.warnings, config.notes].concat()),
        Err(error) => (false, error.diagnostics),
    };
    let lines: Vec<String> = diagnostics.iter().map(|d| format!("{d}\n")).collect();
    (is_usable, lines.concat().replace(&folder, ""))
}

fn check_messages(folder: &str, is_usable: bool) {
    let mut failures = Vec::new();
    for path in files(folder, "yaml") {
        let (usable, actual) = messages(&path);
        assert_eq!(usable, is_usable, "{}:\n{actual}", path.display());
        failures.extend(expect::compare(&path.with_extension("txt"), &actual).err());
    }
    for path in files(folder, "txt") {
        if !path.with_extension("yaml").exists() {
            failures.push(format!("{} has no configuration", path.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_bad_configuration_is_refused_with_its_whole_message() {
    check_messages("tests/bad_conf", false);
}

#[test]
fn every_doubtful_configuration_is_warned_of() {
    check_messages("tests/bad_conf/warnings", true);
}

#[test]
fn what_a_pattern_says_openly_is_noted() {
    check_messages("tests/bad_conf/notes", true);
}

#[test]
fn every_example_and_the_reference_load_with_no_more_than_notes() {
    let paths = ["conf", "conf/examples"].map(|folder| files(folder, "yaml"));
    let noted = |path: &PathBuf| {
        let (is_usable, messages) = messages(path);
        assert!(is_usable && !messages.contains("warning["), "{messages}");
        let name = path.strip_prefix(root()).expect("below it");
        (name.display().to_string(), messages)
    };
    let notes: Vec<_> = paths.concat().iter().map(noted).collect();
    assert!(notes.len() >= 5, "only {} files", notes.len());
    expect::texts("config/notes.txt", &notes);
}

#[test]
fn an_origins_file_that_can_not_be_read_is_named_with_its_place() {
    let text = "listeners: [{ address: '127.0.0.1:0' }]\nupstreams: { u: { echo: true } }\n\
                routes:\n- upstream: u\n  cors:\n    allow_origins:\n    - file: no-such.txt\n";
    let error = Config::parse(text, Path::new("conf/x.yaml")).expect_err("it is not there");
    expect::texts(
        "config/origins_file.txt",
        &[("conf/x.yaml", error.to_string())],
    );
}

#[test]
fn a_diagnostic_has_the_path_and_the_value_that_it_is_about() {
    const AROUND: &str =
        "listeners: [{ address: '127.0.0.1:0' }]\nupstreams: { u: { echo: true } }\n";
    // What is in the file; the path; the value.
    #[rustfmt::skip]
    let cases = [
        ("policies: { p: { allow_origins: [{ regex: 'https://a.example' }] } }", "policies.p.allow_origins[0].regex", "https://a.example"),
        ("policies: { p: { allow_origins: [{ regex: 'a' }] } }", "policies.p.allow_origins[0].regex", "a"),
        ("policies: { p: { allow_origins: [{ regex: '(' }] } }", "policies.p.allow_origins[0].regex", "("),
        ("policies: { p: { allow_credentials: true, allow_origins: [{ regex: '.*' }] } }", "policies.p.allow_origins[0].regex", ".*"),
        ("policies: { p: { allow_origins: [{ regex: 'b' }, { regex: 'b' }] } }", "policies.p.allow_origins[1].regex", "b"),
        ("policies: { p: { allow_origins: [{ file: none.txt }] } }", "policies.p.allow_origins[0].file", "none.txt"),
        ("policies: { p: { allow_origins: [https://a.example/] } }", "policies.p.allow_origins[0]", "https://a.example/"),
        ("server: { thread: 2 }", "server.thread", "thread"),
        ("routes: [{ upstream: u, cors_mode: report_only }]", "routes[0].cors_mode", "cors_mode"),
        ("access_log: { fields: [useragent] }", "access_log.fields[0]", "useragent"),
        ("upstreams2: { a: b }", "upstreams2", "upstreams2"),
        ("routes: [{ upstream: u, match: { headers: { 'x y': a } } }]", "routes[0].match.headers.x y", "x y"),
        ("policies: { p: { on_rejected_preflight: forwad } }", "policies.p.on_rejected_preflight", "forwad"),
    ];
    for (text, path, value) in cases {
        let result = Config::parse(&format!("{AROUND}{text}\n"), Path::new("conf/x.yaml"));
        let error = result.expect_err("something is always missing");
        let found = error.diagnostics.iter().filter(|d| d.path == path);
        let values: Vec<_> = found.map(|d| d.value.as_deref()).collect();
        assert!(values.contains(&Some(value)), "{text}: {values:?}\n{error}");
        assert!(!values.contains(&None), "{text}: {values:?}\n{error}");
    }
}

#[test]
fn an_element_that_is_an_alias_is_there_twice_where_the_alias_stands() {
    let text = "listeners: [{ address: '127.0.0.1:0' }]\nupstreams: { u: { echo: true } }\n\
                routes:\n- upstream: u\n  cors:\n    allow_origins:\n    \
                - &a { regex: 'https://a\\.example' }\n    - *a\n";
    let config = Config::parse(text, Path::new("x.yaml")).expect("it can be served");
    let [warning] = config.warnings.as_slice() else {
        panic!("one warning: {:?}", config.warnings);
    };
    let line = warning.place.map(|place| place.line);
    assert_eq!(
        (line, warning.path.as_str()),
        (Some(8), "routes[0].cors.allow_origins[1]")
    );
}

#[test]
fn every_probe_that_gets_through_is_in_the_diagnostic() {
    let with = |origins: &str| {
        let text = format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\nupstreams: {{ u: {{ echo: true }} }}\n\
             routes: [{{ upstream: u, cors: {{ allow_origins: {origins} }} }}]\n"
        );
        Config::parse(&text, Path::new("x.yaml")).expect("it can be served")
    };
    // The origins; at least so many probes; some of them.
    #[rustfmt::skip]
    let cases = [
        (r"[{ regex: 'https://app.example\.com' }]", 1, &[("unescaped_dot", "https://appxexample.com")][..]),
        (r"[{ regex: 'https://.*example\.com' }]", 2, &[("suffix", "https://evilexample.com"), ("suffix", "https://evil-example.com")]),
        (r"[{ regex: 'https://app\.example\.com.*' }]", 5, &[("prefix", "https://app.example.com.evil.test"), ("special_character", "https://app.example.com_.evil.test"), ("special_character", "https://app.example.com-.evil.test")]),
        (r"[{ regex: 'https://.*' }]", 5, &[("reflected", "https://evil.test")]),
        ("['*']", 3, &[("reflected", "https://evil.test"), ("null", "null")]),
        (r#"["null"]"#, 1, &[("null", "null")]),
        ("[https://a.example, http://a.example]", 1, &[("insecure", "http://a.example")]),
        ("['https://a.example:*']", 1, &[("port", "https://a.example:8443")]),
    ];
    for (origins, least, expected) in cases {
        let config = with(origins);
        let Some(found) = config.warnings.iter().chain(&config.notes).next() else {
            panic!("{origins}: nothing is said");
        };
        let probes = &found.probes;
        let probes: Vec<_> = probes
            .iter()
            .map(|p| (p.kind.as_str(), p.origin.as_str()))
            .collect();
        assert!(probes.len() >= least, "{origins}: {probes:?}");
        for probe in expected {
            assert!(probes.contains(probe), "{origins}: {probe:?} in {probes:?}");
        }
        let unique: std::collections::BTreeSet<_> =
            probes.iter().map(|(_, origin)| origin).collect();
        assert_eq!(unique.len(), probes.len(), "{origins}: {probes:?}");
        // It is said of one pattern, which lets all of them through.
        let Rule::Policies(policies) = &config.routes[0].rule else {
            panic!("it has a policy");
        };
        for (_, origin) in probes {
            let matched = policies.find(origin.as_bytes());
            assert!(matches!(matched, Ok(Some(_))), "{origins}: {origin}");
        }
    }
    // The message names some, and says how many there are beside them.
    let config = with(r"[{ regex: 'https://app\.example\.com.*' }]");
    let Some(warning) = config.warnings.first() else {
        panic!("it is warned of");
    };
    let quoted = |origin: &str| format!("`{origin}`");
    let named = warning.probes.iter();
    let named = named.filter(|probe| warning.message.contains(&quoted(&probe.origin)));
    let more = warning.probes.len() - named.count();
    let numbers = warning.message.split(' ');
    let numbers: Vec<usize> = numbers.filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers, [more], "{}", warning.message);
}

#[test]
fn what_is_no_file_is_refused_and_never_waited_for() {
    let folder = Folder::new();
    let origins = folder.write("origins.txt", "https://a.example\n");
    let text = "listeners: [{ address: '127.0.0.1:0' }]\nupstreams: { u: { echo: true } }\n\
                routes: [{ upstream: u, cors: { allow_origins: [{ file: origins.txt }] } }]\n";
    let path = folder.write("gate.yaml", text);
    let config = Config::load(&path).expect("it is right");
    assert!(!config.sources.have_changed());
    let masks = Masks::default().value("{folder}/", folder.path("").display());
    let mut errors = Vec::new();
    // A pipe without a writer.
    for (what, pipe) in [("origins.txt", &origins), ("gate.yaml", &path)] {
        fs::remove_file(pipe).expect("removed");
        let made = std::process::Command::new("mkfifo").arg(pipe).status();
        assert!(made.expect("it runs").success());
        let sources = config.sources.clone();
        assert!(in_time(move || sources.have_changed()));
        let path = path.clone();
        let error = in_time(move || Config::load(&path)).expect_err("a pipe is no file");
        errors.push((what, masks.hide(&error.to_string())));
    }
    expect::texts("config/pipes.txt", &errors);
}

/// Returns the result of `work`, unless it blocks.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(PATIENCE).expect("it does not block")
}

const WITH_VARIABLES: &str = r#"
listeners: [{ address: "${BIND}:${PORT:-0}" }]
server: { threads: "${THREADS}", express_lane: '${LANE:-false}', grace_period: "${GRACE:-7s}" }
limits:
  max_connections: ${CONNECTIONS:-100}
upstreams: { api: { endpoints: ["${HOST}:9000"] } }
routes:
  - name: ${NAME}
    match: { headers: { x-version: "${THREADS}" } }
    upstream: api
    cors:
      allow_origins: ["https://${DOMAIN}"]
      allow_credentials: ${LANE:-true}
      preflight_status: ${STATUS:-200}
"#;

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "BIND" => "127.0.0.1",
        "THREADS" => "3",
        "HOST" => "api.internal",
        "DOMAIN" => "app.example.com",
        "NAME" => "a: [b] # ${HOST}",
        _ => return None,
    };
    Some(value.to_owned())
}

#[test]
fn variables_stand_for_strings_numbers_and_truth_values_and_never_for_structure() {
    let path = Path::new("x.yaml");
    let config = Config::parse_in(WITH_VARIABLES, path, &environment).expect("it is right");
    assert_eq!(config.routes[0].name, "a: [b] # ${HOST}");
    assert_eq!(
        config.listeners[0].listen.address.to_string(),
        "127.0.0.1:0"
    );
    assert_eq!(
        (config.server.threads, config.server.express_lane),
        (3, false)
    );
    assert_eq!(config.server.grace_period.as_secs(), 7);
    assert_eq!(config.limits.max_connections, 100);
    let UpstreamKind::Endpoints(endpoints) = &config.upstreams[0].kind else {
        panic!("it has endpoints");
    };
    assert_eq!(
        (endpoints[0].host.as_str(), endpoints[0].port),
        ("api.internal", 9000)
    );
    let Rule::Policies(policies) = &config.routes[0].rule else {
        panic!("it has a policy");
    };
    assert!(matches!(
        policies.find(b"https://app.example.com"),
        Ok(Some(_))
    ));
    let policy = policies.policies().next().expect("it has one");
    assert_eq!(policy.preflight_status(), 200);
    // A control character in a name is refused, and everything else of it is a name.
    let refused = |name: &'static str| {
        let environment = move |asked: &str| match asked {
            "NAME" => Some(name.to_owned()),
            other => environment(other),
        };
        Config::parse_in(WITH_VARIABLES, path, &environment)
    };
    assert_eq!(refused("a: b").expect("a name").routes[0].name, "a: b");
    let error = refused("a: b\n- {c: d}").expect_err("a control character");
    expect::texts(
        "config/variable.txt",
        &[("a control character", error.to_string())],
    );
}

#[test]
fn an_acknowledged_danger_is_a_note_that_the_log_still_names() {
    let text = "listeners: [{ address: '127.0.0.1:0' }]\nupstreams: { u: { echo: true } }\n\
                acknowledged_warnings: [dangerous_key, max_age_too_long]\n\
                routes:\n- upstream: u\n  cors: { allow_origins: ['null'], allow_credentials: true, \
                max_age: 48h, dangerously_allow_null_with_credentials: true }\n";
    let config = Config::parse(text, Path::new("x.yaml")).expect("it can be served");
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let logged: Vec<&str> = config.logged().map(|d| d.path.as_str()).collect();
    let key = "routes[0].cors.dangerously_allow_null_with_credentials";
    assert_eq!(logged, [key]);
    assert_eq!(config.notes.len(), 2, "{:?}", config.notes);
}

#[test]
fn a_danger_is_not_lost_behind_a_thousand_other_notes() {
    let origins = "https://a.example, ".repeat(2_000);
    let text = format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]\nupstreams: {{ u: {{ echo: true }} }}\n\
         acknowledged_warnings: [dangerous_key, duplicate_origin]\n\
         policies:\n  a: {{ allow_origins: [{origins}] }}\n  b: {{ allow_origins: ['*'], \
         allow_credentials: true, dangerously_allow_any_origin_with_credentials: true }}\n\
         routes: [{{ upstream: u, cors: b }}]\n"
    );
    let config = Config::parse(&text, Path::new("x.yaml")).expect("it can be served");
    let logged: Vec<&str> = config.logged().map(|d| d.path.as_str()).collect();
    let key = "policies.b.dangerously_allow_any_origin_with_credentials";
    assert_eq!(logged, [key]);
}

#[test]
fn the_reference_names_every_key() {
    let reference = fs::read_to_string(root().join("conf/corsgate.yaml")).expect("readable");
    let mut raw = fs::read_to_string(root().join("src/config/raw.rs")).expect("readable");
    for file in files("src/config/raw", "rs") {
        raw += &fs::read_to_string(file).expect("readable");
    }
    let fields = raw
        .lines()
        .filter_map(|line| line.strip_prefix("    pub ")?.split(':').next());
    for field in fields {
        let key = if field == "matches" { "match" } else { field };
        assert!(
            reference.contains(&format!("{key}:")),
            "conf/corsgate.yaml does not show `{key}`"
        );
    }
}

/// The lines of the reference that are commented out, because their files are the operator's.
#[test]
fn what_is_commented_out_in_the_reference_loads() {
    let reference = fs::read_to_string(root().join("conf/corsgate.yaml")).expect("readable");
    let mut is_written = 0;
    let whole: String = reference
        .lines()
        .map(
            |line| match line.strip_prefix("# - ").or(line.strip_prefix("#   ")) {
                Some(_) if is_key(line) => {
                    is_written += 1;
                    format!(" {}\n", &line[1..])
                }
                _ => format!("{line}\n"),
            },
        )
        .collect();
    assert!(is_written > 8, "{is_written} lines");
    let whole = whole.replace("tls/", "../tests/bad_conf/tls/");
    let config = Config::parse(&whole, &root().join("conf/x.yaml"));
    let config = config.unwrap_or_else(|error| panic!("{error}\n{whole}"));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert!(config.listeners[1].tls.is_some());
}

/// Whether a comment of the reference is a line of YAML.
fn is_key(line: &str) -> bool {
    let text = line.trim_start_matches(['#', ' ', '-', '{']);
    let key = text.split(':').next().unwrap_or_default();
    text.contains(": ") || text.ends_with(':') && !key.contains(' ')
}

#[test]
fn one_variable_brings_several_origins_and_an_empty_one_is_an_error() {
    let text = "listeners: [{ address: '127.0.0.1:0' }]\nupstreams: { u: { echo: true } }\n\
                routes: [{ upstream: u, cors: { allow_origins: [{ list: '${ORIGINS}' }] } }]\n";
    let load = |origins: &'static str| {
        let environment = move |_: &str| Some(origins.to_owned());
        Config::parse_in(text, Path::new("x.yaml"), &environment)
    };
    for origins in [
        "https://a.example,https://*.b.example,http://localhost:*",
        "https://a.example, https://*.b.example, http://localhost:*,",
        "https://a.example\nhttps://*.b.example\r\n\thttp://localhost:*\n",
        "  https://a.example   https://*.b.example http://localhost:*",
    ] {
        let config = load(origins).expect(origins);
        let Rule::Policies(policies) = &config.routes[0].rule else {
            panic!("it has a policy");
        };
        let is_allowed = |origin: &str| matches!(policies.find(origin.as_bytes()), Ok(Some(_)));
        for origin in [
            "https://a.example",
            "https://x.b.example",
            "http://localhost:3000",
        ] {
            assert!(is_allowed(origin), "{origins:?}: {origin}");
        }
        for origin in ["https://b.example", "https://x.a.example", "null"] {
            assert!(!is_allowed(origin), "{origins:?}: {origin}");
        }
    }
    let errors = ["", " \n", ",", "*", "https://a.example,https://b.example/"].map(|origins| {
        let error = load(origins).expect_err(origins);
        (format!("{origins:?}"), error.to_string())
    });
    expect::texts("config/list.txt", &errors);
}
