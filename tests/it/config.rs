//! Bad configurations and their whole messages; example configurations, which load.
//!
//! `UPDATE=1 cargo test` writes the messages as they are now: read the difference before it is
//! committed.

use corsgate::config::{Config, Diagnostic, UpstreamKind};
use corsgate::cors::Rule;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    paths.sort();
    paths
}

/// What `check` says, with files named as from their own folder.
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
    for path in files(folder) {
        let (usable, actual) = messages(&path);
        assert_eq!(usable, is_usable, "{}:\n{actual}", path.display());
        let expected = path.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &actual).expect("written");
        }
        let expected = fs::read_to_string(expected).unwrap_or_default();
        if actual != expected {
            failures.push(format!(
                "{}\n--- expected\n{expected}--- actual\n{actual}",
                path.display()
            ));
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
fn every_example_and_the_reference_load_without_a_word() {
    let mut loaded = 0;
    for path in files("conf").into_iter().chain(files("conf/examples")) {
        let config = Config::load(&path).unwrap_or_else(|error| panic!("{error}"));
        // That `*` and `null` are what they are is what these files show.
        let is_plain = |note: &&Diagnostic| {
            let plain = ["`*` lets any site read", "have the origin `null`"];
            plain.iter().any(|words| note.message.contains(words))
        };
        let (_, messages) = messages(&path);
        assert_eq!(config.warnings, [], "{messages}");
        assert!(
            config.notes.iter().all(|note| is_plain(&note)),
            "{messages}"
        );
        loaded += 1;
    }
    assert!(loaded >= 5, "only {loaded} files");
}

#[test]
fn an_origins_file_that_can_not_be_read_is_named_with_its_place() {
    let text = "listeners: [{ address: '127.0.0.1:0' }]\nupstreams: { u: { echo: true } }\n\
                routes:\n- upstream: u\n  cors:\n    allow_origins:\n    - file: no-such.txt\n";
    let error = Config::parse(text, Path::new("conf/x.yaml")).expect_err("it is not there");
    let message = error.to_string();
    assert!(message.starts_with("error: conf/x.yaml:7:7: routes[0].cors.allow_origins[0].file: can't read `conf/no-such.txt`"), "{message}");
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
    assert_eq!(config.listeners[0].address.to_string(), "127.0.0.1:0");
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
    let Rule::Policy(policy) = &config.routes[0].rule else {
        panic!("it has a policy");
    };
    assert!(matches!(
        policy.origins().find(b"https://app.example.com"),
        Ok(Some(_))
    ));
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
    let error = refused("a: b\n- {c: d}")
        .expect_err("a control character")
        .to_string();
    assert!(
        error.starts_with(
            "error: x.yaml:8:5: routes[0].name: `${NAME}`: `a: b\\n- {c: d}` can't be"
        ),
        "{error}"
    );
}

#[test]
fn the_reference_names_every_key() {
    let reference = fs::read_to_string(root().join("conf/corsgate.yaml")).expect("readable");
    let raw = fs::read_to_string(root().join("src/config/raw.rs")).expect("readable");
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
