//! The JSON Schema of the file: it takes what loads, and not what doesn't.

use crate::cases::form::all_cases;
use crate::support::corsgate;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn validator() -> (Value, Validator) {
    let output = corsgate(&["schema"]);
    assert!(output.status.success());
    let schema: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    jsonschema::meta::validate(&schema).expect("a schema");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    (schema, validator)
}

/// The YAML files of a folder, as JSON; those that need more than JSON has are left out.
fn documents(folder: &str) -> Vec<(PathBuf, Value)> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let yaml = paths.filter(|path| path.extension().is_some_and(|e| e == "yaml"));
    yaml.filter_map(|path| {
        let text = fs::read_to_string(&path).ok()?;
        let mut value: serde_yaml::Value = serde_yaml::from_str(&text).ok()?;
        value.apply_merge().ok()?;
        Some((path, serde_json::to_value(value).ok()?))
    })
    .collect()
}

fn assert_valid(validator: &Validator, document: &Value, name: &str) {
    let errors = validator.iter_errors(document);
    let errors: Vec<String> = errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name}:\n{}", errors.join("\n"));
}

#[test]
fn every_file_that_loads_is_valid() {
    let (_, validator) = validator();
    let folders = [
        "conf",
        "conf/examples",
        "tests/bad_conf/warnings",
        "tests/bad_conf/notes",
    ];
    let mut count = 0;
    for (path, document) in folders.into_iter().flat_map(documents) {
        assert_valid(&validator, &document, &path.display().to_string());
        count += 1;
    }
    assert!(count > 20, "only {count} files");
}

#[test]
fn every_policy_of_the_cases_is_valid() {
    let (_, validator) = validator();
    for case in all_cases() {
        let mut document = json!({
            "listeners": [{ "address": "127.0.0.1:0" }],
            "upstreams": { "u": { "echo": true } },
            "routes": [{ "upstream": "u", "cors": "p" }],
        });
        let object = document.as_object_mut().expect("a mapping");
        if let Some(policy) = &case.policy {
            object.insert("policies".to_owned(), json!({ "p": policy }));
        }
        if let Some(Value::Object(config)) = case.config.as_ref().map(|config| json!(config)) {
            object.extend(config);
            for route in object["routes"].as_array_mut().expect("a list") {
                route["upstream"] = json!("u");
            }
        }
        assert_valid(&validator, &document, &case.to_string());
    }
}

/// A document that is valid, with the value at a JSON pointer replaced, added, or removed by `null`.
fn changed(pointer: &str, value: Value) -> Value {
    let mut document = json!({
        "listeners": [{ "address": "127.0.0.1:8080" }],
        "admin": { "address": "127.0.0.1:9901" },
        "server": { "threads": 0, "express_lane": true },
        "limits": { "max_connections": 1, "header_timeout": "10s", "rate_limit": { "requests": 1 } },
        "upstreams": { "u": { "endpoints": ["127.0.0.1:9000"], "protocol": "http1" } },
        "policies": { "p": { "allow_origins": ["https://app.example.com"] } },
        "routes": [{ "upstream": "u", "match": { "path": "/a" }, "cors": "p" }],
    });
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = document.pointer_mut(parent).expect(pointer);
    match (parent, value) {
        (Value::Object(map), Value::Null) => drop(map.remove(key)),
        (Value::Object(map), value) => drop(map.insert(key.to_owned(), value)),
        (Value::Array(list), value) => list[key.parse::<usize>().expect("an index")] = value,
        _ => panic!("{pointer} leads nowhere"),
    }
    document
}

#[test]
fn what_does_not_load_for_its_shape_is_not_valid() {
    let (_, validator) = validator();
    assert_valid(
        &validator,
        &changed("/limits/header_timeout", json!("1h 30m")),
        "the base",
    );
    for (pointer, value) in [
        ("/listeners", Value::Null),
        ("/upstreams", Value::Null),
        ("/routes", Value::Null),
        ("/listeners", json!([])),
        ("/upstreams", json!({})),
        ("/routes", json!([])),
        ("/listeners/0", json!({})),
        ("/listeners/0/address", json!(8080)),
        ("/listeners/0/address", json!("localhost:8080")),
        ("/listeners/0", json!("127.0.0.1:8080")),
        ("/listeners/0/tls", json!({})),
        ("/lissteners", json!([])),
        ("/admin", json!({ "hosts": ["gate.internal"] })),
        ("/admin/address", json!("localhost:9901")),
        ("/admin/hosts", json!("gate.internal")),
        ("/metrics", json!({})),
        ("/trusted_proxies", json!("10.0.0.0/8")),
        ("/trusted_proxies", json!(["proxy.internal"])),
        ("/server/threads", json!("four")),
        ("/server/threads", json!(1.5)),
        ("/server/threads", json!(-1)),
        ("/server/express_lane", json!("yes")),
        ("/server/grace_period", json!(5)),
        ("/server/grace_period", json!("5")),
        ("/limits/max_connections", json!(0)),
        ("/limits/max_requests", json!(0)),
        ("/limits/max_request_headers", json!(257)),
        ("/limits/max_concurrent_streams", json!(0)),
        ("/limits/max_concurrent_streams", json!(1001)),
        ("/limits/max_request_header_bytes", json!(65536)),
        ("/limits/max_request_body_bytes", json!(65536)),
        ("/limits/rate_limit", json!(50)),
        ("/limits/rate_limit", json!({})),
        ("/limits/rate_limit", json!({ "period": "1s" })),
        ("/limits/rate_limit", json!({ "requests": 0 })),
        ("/limits/rate_limit", json!({ "requests": 100_001 })),
        ("/limits/rate_limit", json!({ "requests": 1, "burst": 0 })),
        ("/limits/rate_limit", json!({ "requests": 1, "period": 60 })),
        ("/limits/rate_limit", json!({ "requests": 1, "bursts": 2 })),
        ("/routes/0/rate_limit", json!({ "burst": 1 })),
        ("/routes/0/max_request_body_bytes", json!("large")),
        ("/upstreams/u", json!({})),
        ("/upstreams/u/endpoints", json!([])),
        ("/upstreams/u/max_connections", json!(0)),
        ("/upstreams/u/endpoints", json!("127.0.0.1:9000")),
        ("/upstreams/u/protocol", json!("h3")),
        ("/upstreams/u/load_balancing", json!("least_conn")),
        ("/upstreams/u/hash_key", json!("ip")),
        ("/upstreams/u/retries", json!(11)),
        ("/upstreams/u/tls", json!({ "ca": "ca.pem" })),
        (
            "/upstreams/u/health_check",
            json!({ "path": "/", "healthy_threshold": 0 }),
        ),
        (
            "/upstreams/u/outlier_detection",
            json!({ "max_ejection_percent": 101 }),
        ),
        ("/policies/p", json!({ "max_age": "2h" })),
        ("/policies/p/allow_origins", json!([])),
        (
            "/policies/p/allow_origins/0",
            json!("https://app.example.com/"),
        ),
        (
            "/policies/p/allow_origins/0",
            json!("https://App.example.com"),
        ),
        ("/policies/p/allow_origins/0", json!("app.example.com")),
        (
            "/policies/p/allow_origins/0",
            json!({ "regex": "a", "file": "b" }),
        ),
        ("/policies/p/allow_origins/0", json!({})),
        ("/policies/p/allow_origins/0", json!({ "regexp": "a" })),
        ("/policies/p/allow_origins", json!({ "regexp": "a" })),
        ("/policies/p/allow_methods", json!([7])),
        ("/policies/p/allow_credentials", json!("true")),
        ("/policies/p/max_age", json!(7200)),
        ("/policies/p/preflight_status", json!(201)),
        ("/policies/p/upstream_cors_headers", json!("stripp")),
        ("/policies/p/allow_origin", json!("*")),
        ("/routes/0", json!({ "cors": "p" })),
        ("/routes/0/cors", json!(false)),
        ("/routes/0/cors", json!({ "max_age": "2h" })),
        ("/routes/0/match/path", json!("a")),
        ("/routes/0/match/path_prefix", json!("/b")),
        ("/routes/0/match/path_template", json!("/b/*")),
        ("/routes/0/match", json!({ "path_template": "b/*" })),
        (
            "/routes/0/match",
            json!({ "path_prefix": "/b", "path_template": "/b/*" }),
        ),
        ("/routes/0/match/hosts", json!([])),
        ("/routes/0/match/headers", json!(["a"])),
        ("/default_policy", json!(["p"])),
    ] {
        let document = changed(pointer, value);
        assert!(!validator.is_valid(&document), "{pointer}: {document:#}");
    }
}

#[test]
fn a_variable_may_stand_wherever_a_value_does() {
    let (_, validator) = validator();
    for pointer in [
        "/listeners/0/address",
        "/admin/address",
        "/server/threads",
        "/server/express_lane",
        "/server/grace_period",
        "/limits/max_connections",
        "/limits/max_requests",
        "/limits/max_request_headers",
        "/limits/max_concurrent_streams",
        "/limits/max_request_header_bytes",
        "/limits/max_request_body_bytes",
        "/limits/rate_limit/requests",
        "/limits/rate_limit/period",
        "/limits/rate_limit/burst",
        "/routes/0/max_request_body_bytes",
        "/upstreams/u/protocol",
        "/upstreams/u/endpoints/0",
        "/policies/p/allow_origins/0",
        "/policies/p/allow_origins",
        "/policies/p/allow_credentials",
        "/policies/p/preflight_status",
        "/policies/p/on_rejected_preflight",
        "/routes/0/match/path",
        "/routes/0/match/hosts",
        "/routes/0/cors",
    ] {
        for text in ["${NAME}", "${NAME:-1}"] {
            assert_valid(&validator, &changed(pointer, json!(text)), pointer);
        }
    }
}

#[test]
fn every_key_is_described_and_nothing_inside_shows() {
    let (schema, _) = validator();
    let definitions = schema["$defs"].as_object().expect("definitions");
    let mut keys = 0;
    for (name, definition) in definitions.iter().chain([(&"file".to_owned(), &schema)]) {
        assert!(!name.starts_with("Raw"), "{name}");
        assert!(definition.get("description").is_some(), "{name}");
        let Some(properties) = definition.get("properties").and_then(Value::as_object) else {
            continue;
        };
        assert_eq!(definition["additionalProperties"], json!(false), "{name}");
        for (key, property) in properties {
            assert!(
                property["description"].is_string(),
                "{name}.{key}: {property}"
            );
            keys += 1;
        }
    }
    assert!(keys > 40, "only {keys} keys");
    let text = schema.to_string();
    for word in ["\"null\"", ":null", "\"default\"", "\"format\":\""] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    assert_eq!(
        schema["required"],
        json!(["listeners", "upstreams", "routes"]),
        "the rest has defaults"
    );
}
