//! Documents that look like configurations, with every key of the reference and mistakes of every
//! kind. In YAML's flow style, where nothing depends on indentation.

use super::bytes::Bytes;

/// A word in angle brackets is replaced by one of its alternatives. The first one ends soonest: it is
/// taken where the bytes are used up.
const RULES: &[(&str, &[&str])] = &[
    (
        "document",
        &[
            "listeners: <listeners>\nupstreams: <upstreams>\nroutes: <routes>\n",
            "listeners: <listeners>\nupstreams: <upstreams>\npolicies: <policies>\nroutes: <routes>\ndefault_policy: <policy-name>\n",
            "<shared>listeners: <listeners>\nupstreams: <upstreams>\npolicies: <policies>\nroutes: <routes>\n<sections>",
            "<sections><sections>",
            "<value>",
        ],
    ),
    (
        "shared",
        &[
            "",
            "x: &a <value>\n",
            "x: &a <origin>\n",
            "<key>: &a <policy>\n",
        ],
    ),
    (
        "sections",
        &[
            "",
            "admin: <listener>\n<sections>",
            "metrics: <listener>\n<sections>",
            "server: { <server-keys> }\n<sections>",
            "limits: { <limit-keys> }\n<sections>",
            "default_policy: <policy-name>\n<sections>",
            "policies: <policies>\n<sections>",
            "<key>: <value>\n<sections>",
            "# <text>\n<sections>",
            "---\n<sections>",
        ],
    ),
    (
        "listeners",
        &["[<listener>]", "[<listener>, <listener>]", "[]", "<value>"],
    ),
    (
        "listener",
        &[
            "{ address: 127.0.0.1:8080 }",
            "{ address: <address> }",
            "{ address: 0.0.0.0:8443, <pair> }",
            "<value>",
        ],
    ),
    (
        "address",
        &[
            "127.0.0.1:0",
            "'[::1]:8080'",
            "'[::]:80'",
            "localhost:80",
            ":80",
            "1.2.3.4",
            "1.2.3.4:99999",
            "<text>",
        ],
    ),
    (
        "upstreams",
        &[
            "{ up: <upstream> }",
            "{ up: <upstream>, <name>: <upstream> }",
            "{}",
            "<value>",
        ],
    ),
    (
        "upstream",
        &[
            "{ echo: true }",
            "{ endpoints: [<endpoint>] }",
            "{ endpoints: [<endpoint>, <endpoint>], protocol: <protocol>, load_balancing: round_robin }",
            "{ endpoints: <value>, connect_timeout: <duration>, read_timeout: <duration> }",
            "{ echo: <value>, <pair> }",
            "<value>",
        ],
    ),
    (
        "endpoint",
        &[
            "127.0.0.1:9000",
            "books.internal:80",
            "'[::1]:9'",
            "a:0",
            "a b:1",
            "<text>",
        ],
    ),
    ("protocol", &["http1", "h2c", "h2", "htpp1", "<value>"]),
    (
        "policies",
        &[
            "{ web: <policy> }",
            "{ web: <policy>, <name>: <policy> }",
            "{}",
            "<value>",
        ],
    ),
    (
        "policy",
        &[
            "{ allow_origins: <origins> }",
            "{ allow_origins: <origins>, <policy-keys> }",
            "{ allow_origins: <origins>, allow_credentials: true, <policy-keys> }",
            "{ <policy-keys> }",
            "{ <<: *a, <policy-keys> }",
            "<value>",
        ],
    ),
    (
        "policy-keys",
        &[
            "max_age: <duration>",
            "allow_methods: <names>, <policy-keys>",
            "allow_headers: <names>, <policy-keys>",
            "expose_headers: <names>, <policy-keys>",
            "allow_credentials: <bool>, <policy-keys>",
            "preflight_status: <number>, <policy-keys>",
            "on_rejected_preflight: <word>, <policy-keys>",
            "other_options_requests: <word>, <policy-keys>",
            "upstream_cors_headers: <word>, <policy-keys>",
            "allow_private_network: <bool>, <policy-keys>",
            "dangerously_allow_any_origin_with_credentials: <bool>, <policy-keys>",
            "dangerously_allow_null_with_credentials: <bool>, <policy-keys>",
            "dangerously_allow_insecure_origins: <bool>, <policy-keys>",
            "dangerously_allow_app_schemes: <bool>, <policy-keys>",
            "dangerously_allow_public_suffix_wildcards: <bool>, <policy-keys>",
            "<pair>",
        ],
    ),
    (
        "origins",
        &[
            "[<origin>]",
            "[<origin>, <origin>]",
            "[<origin>, <origin>, <origin>, <origin>]",
            "<origin>",
            "[]",
            "<value>",
        ],
    ),
    (
        "origin",
        &[
            "https://app.example.com",
            "'https://*.example.com'",
            "'http://localhost:*'",
            "'https://*.<host>:*'",
            "'*'",
            "'null'",
            "null",
            "'<scheme>://<host>'",
            "'<scheme>://<host>:<number>'",
            "{ regex: '<regex>' }",
            "{ regex: '<regex><regex>' }",
            "{ literal: '<literal>' }",
            "{ file: tenants.txt }",
            "{ file: <text> }",
            "{ regex: '<regex>', file: tenants.txt }",
            "<value>",
        ],
    ),
    (
        "scheme",
        &[
            "https",
            "http",
            "wss",
            "capacitor",
            "file",
            "HTTPS",
            "<text>",
        ],
    ),
    (
        "host",
        &[
            "app.example.com",
            "localhost",
            "127.0.0.1",
            "[::1]",
            "com",
            "github.io",
            "b\u{fc}cher.example",
            "a..b",
            "127.1",
            "*.*",
            "<text>",
        ],
    ),
    (
        "literal",
        &["app://.", "file://", "<scheme>://<host>", "*", "", "<text>"],
    ),
    (
        "regex",
        &[
            "https://a",
            "https://[a-z]+\\.example\\.com",
            ".*",
            "https?://.*",
            "(",
            "[0-9]{1,9}",
            "(a|b)*a(a|b){9}",
            "\\.com$",
            "^",
            "(?i)x",
            "\\b",
            "",
            "(<regex>|<regex>)*",
            "<text>",
        ],
    ),
    (
        "names",
        &[
            "[PUT]",
            "'*'",
            "['*', authorization]",
            "[<name>, <name>]",
            "{ verbatim: '<name>, <name>' }",
            "{ verbatim: \"<text>\" }",
            "[]",
            "<value>",
        ],
    ),
    (
        "name",
        &[
            "x-a",
            "PUT",
            "put",
            "patch",
            "TRACE",
            "authorization",
            "cookie",
            "set-cookie",
            "dnt",
            "sec-a",
            "access-control-x",
            "x-*",
            "a b",
            "a,b",
            "<text>",
        ],
    ),
    (
        "routes",
        &[
            "[<route>]",
            "[<route>, <route>]",
            "[<route>, <route>, <route>]",
            "[]",
            "<value>",
        ],
    ),
    (
        "route",
        &[
            "{ upstream: up, cors: off }",
            "{ name: r, upstream: up, cors: <cors> }",
            "{ name: <name>, match: { <matches> }, upstream: up, cors: <cors> }",
            "{ match: { <matches> }, upstream: <name>, cors: <cors> }",
            "{ <pair>, upstream: up }",
            "<value>",
        ],
    ),
    (
        "matches",
        &[
            "path_prefix: /",
            "path: <path>, <matches>",
            "path_prefix: <path>, <matches>",
            "path_template: '<template>', <matches>",
            "hosts: <hosts>, <matches>",
            "methods: <names>, <matches>",
            "headers: { <name>: <value> }, <matches>",
            "<pair>",
        ],
    ),
    (
        "path",
        &[
            "/", "/v1", "/v1/", "/a/../b", "/%61", "/%zz", "/a?b", "a", "//", "<text>",
        ],
    ),
    (
        "template",
        &[
            "/a",
            "/a<template>",
            "/*<template>",
            "/{a}<template>",
            "/{a=b/*}<template>",
            "/{a=**}",
            "/**",
            "/*:a",
            "/**:a",
            "<path>",
        ],
    ),
    (
        "hosts",
        &[
            "[api.example.com]",
            "['*.example.com']",
            "[<host>, <host>]",
            "'<host>'",
            "<value>",
        ],
    ),
    (
        "cors",
        &[
            "off",
            "passthrough",
            "web",
            "<policy>",
            "passthru",
            "<policy-name>",
            "<value>",
        ],
    ),
    ("policy-name", &["web", "off", "wbe", "<name>", "<value>"]),
    (
        "server-keys",
        &[
            "threads: <number>",
            "express_lane: <bool>",
            "grace_period: <duration>, <server-keys>",
            "shutdown_timeout: <duration>",
            "<pair>",
        ],
    ),
    (
        "limit-keys",
        &[
            "max_connections: <number>",
            "max_request_header_bytes: <size>, <limit-keys>",
            "header_timeout: <duration>, <limit-keys>",
            "keepalive_timeout: <duration>",
            "<pair>",
        ],
    ),
    (
        "pair",
        &[
            "x: 1",
            "<key>: <value>",
            "<value>: <value>",
            "<key>: <value>, <pair>",
            "? <value> : <value>",
        ],
    ),
    (
        "key",
        &[
            "name",
            "address",
            "cors",
            "match",
            "upstream",
            "allow_origin",
            "allow_origins",
            "file",
            "regex",
            "protocol",
            "listeners",
            "adress",
            "1",
            "null",
            "<<",
            "<text>",
        ],
    ),
    (
        "word",
        &[
            "forward", "reject", "respond", "strip", "keep", "fill", "kepp", "<value>",
        ],
    ),
    ("bool", &["true", "false", "yes", "'true'", "<value>"]),
    (
        "number",
        &[
            "0",
            "204",
            "200",
            "8443",
            "65536",
            "-1",
            "1.5",
            "99999999999999999999",
            "0x10",
            "'7'",
        ],
    ),
    (
        "duration",
        &[
            "2h",
            "0s",
            "10s",
            "500ms",
            "7200",
            "-1s",
            "1000y",
            "25h",
            "1 fortnight",
            "<value>",
        ],
    ),
    (
        "size",
        &[
            "64KiB",
            "1B",
            "65536",
            "9EiB",
            "99999999999999999999GB",
            "-1KiB",
            "<value>",
        ],
    ),
    (
        "value",
        &[
            "x",
            "[]",
            "{}",
            "null",
            "~",
            "''",
            "<bool>",
            "<number>",
            "<text>",
            "\"<text>\"",
            "'<text>'",
            "[<value>, <value>]",
            "{ <pair> }",
            "*a",
            "&a <value>",
            "!tag <value>",
            "!!str <value>",
            "<origin>",
            "<policy>",
        ],
    ),
    (
        "text",
        &[
            "a",
            "A b",
            "\u{e4}",
            "\u{7}",
            "\\x07",
            "\\u2028",
            "\u{2028}",
            "\t",
            "\r",
            "${A}",
            "$",
            "#",
            "x: y",
            "a\n b",
            "*",
            "&",
            "`",
            "%41",
            "<text><text>",
        ],
    ),
];

/// Maximum length of a document; beyond it, every choice is the first.
const MAX_LEN: usize = 4 << 10;

pub fn document(choices: &mut Bytes<'_>) -> String {
    let mut text = String::new();
    let mut waiting = vec!["<document>"];
    while let Some(part) = waiting.pop() {
        let Some((before, rest)) = next_word(part) else {
            text.push_str(part);
            continue;
        };
        text.push_str(before);
        let (word, after) = rest;
        waiting.push(after);
        let (_, alternatives) = RULES
            .iter()
            .find(|(name, _)| *name == word)
            .unwrap_or_else(|| panic!("no rule for <{word}>"));
        let ends = text.len() > MAX_LEN || waiting.len() > 200;
        let index = if ends {
            0
        } else {
            choices.below(alternatives.len())
        };
        waiting.push(alternatives[index]);
    }
    text
}

/// The text up to the first word in angle brackets, the word, and what is behind it.
fn next_word(part: &str) -> Option<(&str, (&str, &str))> {
    // `<<` is YAML's merge key.
    let is_word = |c: char| c.is_ascii_lowercase() || c == '-';
    part.match_indices('<').find_map(|(at, _)| {
        let (word, after) = part[at + 1..].split_once('>')?;
        let is_one = !word.is_empty() && word.chars().all(is_word);
        is_one.then_some((&part[..at], (word, after)))
    })
}
