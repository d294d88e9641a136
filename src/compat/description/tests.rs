use super::*;
use proptest::prelude::*;
use std::collections::HashSet;
use std::fmt::Write as _;

/// Writes a description as the expected texts have it.
fn written(text: &str, prepare: impl FnOnce(&mut Description)) -> String {
    let mut description = match read(text, Path::new("f")) {
        Ok(description) => description,
        Err(errors) => {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            return errors.join("\n");
        }
    };
    prepare(&mut description);
    let mut out = format!("{} `{}`", description.kind.as_str(), description.name);
    out.push_str(match description.allows_cors {
        true => ", allows CORS\n",
        false => "\n",
    });
    for operation in &description.operations {
        let Operation {
            name,
            selector,
            method,
            template,
            backend,
            is_streaming,
            is_call,
            place,
        } = operation;
        let method = method.as_str();
        let _ = write!(out, "{}: {method} {template} {name}", place.line);
        let variables: Vec<&str> = template.variables().collect();
        if !variables.is_empty() {
            let _ = write!(out, " ({})", variables.join(", "));
        }
        if selector != name {
            let _ = write!(out, " of {selector}");
        }
        out.push_str(if *is_streaming { " stream" } else { "" });
        out.push_str(if *is_call { " call\n" } else { "\n" });
        if let Some(backend) = backend {
            out.push_str(&backend_written(backend));
        }
    }
    for demand in &description.demands {
        let Demand { place, path, .. } = demand;
        let _ = writeln!(
            out,
            "{}:{} {path}: demands {demand}",
            place.line, place.column
        );
    }
    for remark in &description.remarks {
        let _ = writeln!(out, "{remark}");
    }
    out
}

fn backend_written(backend: &Backend) -> String {
    let Backend {
        address,
        translation,
        is_http2,
        deadline,
        audience,
    } = backend;
    let mut words = vec![match address {
        Some(address) => address.to_string(),
        None => "default".to_owned(),
    }];
    if *translation != PathTranslation::Unset {
        words.push(translation.as_str().to_owned());
    }
    if *is_http2 {
        words.push("h2".to_owned());
    }
    words.extend(deadline.map(|deadline| format!("{deadline:?}")));
    words.extend(audience.as_ref().map(|audience| format!("for {audience}")));
    format!("  {}\n", words.join(", "))
}

#[test]
fn a_service_configuration_is_read() {
    crate::expect::cases("compat/service_config.txt", |text| written(text, |_| ()));
}

#[test]
fn an_openapi_document_is_read() {
    crate::expect::cases("compat/openapi.txt", |text| written(text, |_| ()));
}

#[test]
fn an_unfit_description_is_refused() {
    crate::expect::cases("compat/refused.txt", |text| {
        assert!(read(text, Path::new("f")).is_err(), "{text}");
        written(text, |_| ())
    });
}

/// A service with backends of both kinds.
const MIXED: &str = "
name: s
apis: [{name: a.B, methods: [{name: C}, {name: D}, {name: E}]}]
http: {rules: [{selector: a.B.C, get: /c}, {selector: a.B.D, post: /a.B/D}]}
backend:
  rules:
    - {selector: a.B.C, address: 'SCHEME://c', deadline: 3, disable_auth: true}
    - {selector: a.B.D, address: 'http://d/x', path_translation: CONSTANT_ADDRESS, disable_auth: true}
";

#[test]
fn methods_of_grpc_are_declared_if_any_backend_is_one_of_grpc() {
    let lines = |scheme: &str, prepare: &dyn Fn(&mut Description)| {
        let text = MIXED.replace("SCHEME", scheme);
        let written = written(&text, prepare);
        let lines = written.lines().skip(1);
        lines.map(str::trim).collect::<Vec<_>>().join("; ")
    };
    let http = "4: GET /c a.B.C; http://c:80, 3s; \
                4: POST /a.B/D a.B.D; http://d:80/x, CONSTANT_ADDRESS";
    let declare = |is_grpc| move |d: &mut Description| d.declare_grpc_methods(is_grpc);
    assert_eq!(lines("http", &|_| ()), http);
    assert_eq!(lines("http", &declare(false)), http);
    let declared = format!(
        "{http}; 3: POST /a.B/C a.B.C_2 of a.B.C call; http://c:80, 3s; 3: POST /a.B/E a.B.E call"
    );
    assert_eq!(lines("http", &declare(true)), declared);
    let grpc = declared.replace("http://c", "grpc://c");
    assert_eq!(lines("grpc", &declare(false)), grpc);
    // Only the default backend's protocol counts if it takes the place of all others.
    let overridden = |d: &mut Description| {
        d.override_backends();
        d.declare_grpc_methods(false);
    };
    let expected = "4: GET /c a.B.C; default, 3s; 4: POST /a.B/D a.B.D";
    assert_eq!(lines("grpc", &overridden), expected);
}

#[test]
fn methods_of_grpc_are_declared_where_an_http_rule_has_the_backend() {
    let text = "apis: [{name: a, methods: [{name: B}, {name: C}]}]\n\
                http: {rules: [{selector: a.B, post: /a/B}]}\n\
                backend: {rules: [{selector: a.B, address: 'grpc://b', disable_auth: true}]}\n";
    let mut description = read(text, Path::new("f")).expect("it is fit");
    description.declare_grpc_methods(false);
    let names = description.operations.iter().map(|o| o.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["a.B", "a.C"]);
}

#[test]
fn a_description_in_json_is_the_same_as_in_yaml() {
    let text = "name: s\napis: [{name: a, methods: [{name: B}]}]\n\
                http: {rules: [{selector: a.B, additional_bindings: [{post: '/{x}'}], get: /}]}\n";
    let json = r#"{"name": "s", "apis": [{"name": "a", "methods": [{"name": "B"}]}],
        "http": {"rules": [{"selector": "a.B", "additionalBindings": [{"post": "/{x}"}], "get": "/"}]}}"#;
    let operations = |text: &str| {
        let written = written(text, |_| ());
        // Lines differ.
        written.replace(|c: char| c.is_ascii_digit(), "")
    };
    assert_eq!(operations(json), operations(text));
    assert!(operations(text).contains("POST /{x}"));
}

#[test]
fn too_much_is_refused_and_many_errors_are_counted() {
    let document = |paths: usize, item: &str| {
        let mut text = "swagger: '2.0'\npaths:\n".to_owned();
        for path in 0..paths {
            let _ = writeln!(text, "  /p{path}: {item}");
        }
        written(&text, |_| ())
    };
    assert!(document(2_000, "{get: {}}").lines().count() == 2_001);
    let expected = "has more than 2000 operations\n  hint: describe the service in several parts";
    assert!(document(1_001, "{get: {}, put: {}}").contains(expected));
    let expected = "has more than 2000 paths\n  hint: describe the service in several parts";
    assert!(document(2_001, "{}").contains(expected));
    let errors = document(150, "{get: 1}");
    assert_eq!(errors.lines().count(), 201);
    assert!(errors.ends_with("error: f: 50 more errors are not listed"));
}

#[test]
fn json_writes_characters_as_pairs_of_surrogates() {
    for (text, expected) in [
        (r#"{"a": "\ud83d\ude00"}"#, "{\"a\": \"\u{1f600}\"}"),
        (r#"{"a": "\\ud83d\ude00"}"#, r#"{"a": "\\ud83d\ude00"}"#),
        (r#"{"a": "\ud83d"}"#, r#"{"a": "\ud83d"}"#),
        (r#"{"a": "\u00e9\n"}"#, r#"{"a": "\u00e9\n"}"#),
        (r#"a: "\ud83d\ude00""#, r#"a: "\ud83d\ude00""#),
        ("{\\", "{\\"),
        ("{\\u\u{e9}", "{\\u\u{e9}"),
    ] {
        assert_eq!(without_surrogates(text), expected, "{text}");
    }
}

#[test]
fn a_large_document_of_json_is_read_within_seconds() {
    let mut text = r#"{"name": "s", "apis": [{"name": "a", "methods": ["#.to_owned();
    for method in 0..2_000 {
        let comma = if method == 0 { "" } else { "," };
        let _ = write!(
            text,
            r#"{comma}{{"name": "M{method}", "options": [{{"name": "o"}}]}}"#
        );
    }
    text += r#"]}], "http": {"rules": ["#;
    for method in 0..2_000 {
        let comma = if method == 0 { "" } else { "," };
        let _ = write!(
            text,
            r#"{comma}{{"selector": "a.M{method}", "get": "/v1/m{method}/{{id}}"}}"#
        );
    }
    text += "]}}";
    let begin = std::time::Instant::now();
    let description = read(&text, Path::new("f")).expect("it is fit");
    assert_eq!(description.operations.len(), 2_000);
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}

/// The documents of the expected texts, good and bad.
const DOCUMENTS: [&str; 3] = [
    include_str!("../../../tests/expect/compat/service_config.txt"),
    include_str!("../../../tests/expect/compat/openapi.txt"),
    include_str!("../../../tests/expect/compat/refused.txt"),
];

/// Lines that replace others.
const LINES: [&str; 16] = [
    "apis: [{name: a, methods: [{name: B}, {name: B_2}]}]",
    "    - {selector: a.B, get: /x}",
    "    - {selector: a.B_2, get: /y}",
    "  rules: 1",
    "http:",
    "swagger: '2.0'",
    "openapi: 3.0.0",
    "paths: {/a: {get: {operationId: a}, put: {operationId: a}}}",
    "  /a: {$ref: '#/paths/~1a'}",
    "x-google-backend: &a {address: http://a, deadline: 1e300}",
    "x-google-backend: *a",
    "<<: [*a, *a]",
    "    get:",
    "- [[]]",
    "name: ~",
    "\u{0}\t\u{85}",
];

/// Whether no two operations have the same name, or the same method and template.
fn is_unambiguous(description: &Description) -> bool {
    let operations = description.operations.iter();
    let names: HashSet<_> = operations.clone().map(|o| &o.name).collect();
    let keys: HashSet<_> = operations
        .map(|o| (&o.method, o.template.shape()))
        .collect();
    let count = description.operations.len();
    names.len() == count && keys.len() == count
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn garbage_is_refused_or_read(text in "[ -~\n]{0,60}") {
        let _ = read(&text, Path::new("f"));
    }

    #[test]
    fn a_document_with_other_lines_is_refused_or_read(
        file in 0..DOCUMENTS.len(),
        document in 0..100_usize,
        edits in proptest::collection::vec((0..30_usize, 0..3_usize, 0..LINES.len()), 0..4),
    ) {
        let documents: Vec<&str> = DOCUMENTS[file].split("\n\n").collect();
        let document = documents[document % documents.len()];
        let mut lines: Vec<&str> = document.lines().filter(|l| !l.starts_with(['|', '#'])).collect();
        for (at, cut, line) in edits {
            let at = at.min(lines.len());
            let end = (at + cut).min(lines.len());
            lines.splice(at..end, [LINES[line]]);
        }
        if let Ok(mut description) = read(&lines.join("\n"), Path::new("f")) {
            prop_assert!(is_unambiguous(&description));
            description.declare_grpc_methods(true);
            prop_assert!(is_unambiguous(&description));
        }
    }

    #[test]
    fn operations_have_names_of_their_own(
        rules in proptest::collection::vec((0..3_usize, 0..9_usize, any::<bool>()), 0..8)
    ) {
        const METHODS: [&str; 3] = ["B", "B_2", "B_2_2"];
        let mut text = "apis: [{name: a, methods: [{name: B}, {name: B_2}, {name: B_2_2}]}]\n\
                        http:\n  rules:\n    - {selector: a.B, post: /a/B_2}\n".to_owned();
        for (method, path, is_put) in rules {
            let verb = if is_put { "put" } else { "get" };
            let _ = writeln!(text, "    - {{selector: a.{}, {verb}: /p{path}}}", METHODS[method]);
        }
        if let Ok(mut description) = read(&text, Path::new("f")) {
            description.declare_grpc_methods(true);
            prop_assert!(is_unambiguous(&description));
        }
    }
}
