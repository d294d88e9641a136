use super::super::origins::regex::RegexPattern;
use super::super::policy::{NameList, PolicySpec};
use super::*;

fn policy(origins: &[&str], methods: &[&str], headers: &[&str]) -> Policy {
    let names = |names: &[&str]| NameList {
        any: names.contains(&"*"),
        names: names
            .iter()
            .filter(|name| **name != "*")
            .map(|name| (*name).to_owned())
            .collect(),
    };
    let pattern = |text: &&str| match text.strip_prefix("regex:") {
        Some(regex) => OriginPattern::Regex(RegexPattern::parse(regex).expect(text)),
        None => OriginPattern::parse(text).expect(text),
    };
    Policy::new(PolicySpec {
        origins: origins.iter().map(pattern).collect(),
        methods: names(methods),
        headers: names(headers),
        ..PolicySpec::default()
    })
    .expect("a policy without dangers")
}

#[test]
fn an_origin_is_told_what_it_lacks() {
    let policy = policy(
        &[
            "https://app.example.com",
            "https://*.sites.example",
            "https://api.example.org:8443",
            "http://localhost:*",
            "https://www.shop.example",
            "regex:https://pr-[0-9]+\\.example\\.net",
        ],
        &[],
        &[],
    );
    for (value, expected) in [
        (
            "https://app.example.com:8443",
            "port differs: 8443: `https://app.example.com` is allowed",
        ),
        (
            "https://app.example.com:443",
            "browsers leave a default port out: `https://app.example.com` is allowed",
        ),
        (
            "http://app.example.com",
            "scheme is http: `https://app.example.com` is allowed",
        ),
        (
            "http://app.example.com:81",
            "scheme is http, and port differs: 81: `https://app.example.com` is allowed",
        ),
        (
            "https://app.example.com.",
            "it has a trailing dot: `https://app.example.com` is allowed",
        ),
        (
            "https://app.example.com/",
            "it has a trailing slash: `https://app.example.com` is allowed",
        ),
        (
            "https://app.example.com/a?b",
            "it has a path: `https://app.example.com` is allowed",
        ),
        (
            "https://APP.example.com",
            "it has upper-case letters: `https://app.example.com` is allowed",
        ),
        (
            "app.example.com",
            "the scheme is missing: `https://app.example.com` is allowed",
        ),
        (
            "\"https://app.example.com\"",
            "there is something around it: `https://app.example.com` is allowed",
        ),
        (
            "https://www.app.example.com",
            "it is a subdomain: `https://app.example.com` is allowed",
        ),
        (
            "https://api.example.org",
            "port differs: 443, and `https://api.example.org:8443` wants 8443",
        ),
        (
            "https://api.example.org:9000",
            "port differs: 9000, and `https://api.example.org:8443` wants 8443",
        ),
        (
            "https://sites.example",
            "the wildcard needs at least one label: `https://www.sites.example` is allowed by `https://*.sites.example`",
        ),
        (
            "https://a.sites.example:1",
            "port differs: 1: `https://a.sites.example` is allowed by `https://*.sites.example`",
        ),
        (
            "https://localhost:3000",
            "scheme is https: `http://localhost:3000` is allowed by `http://localhost:*`",
        ),
        (
            "http://pr-7.example.net",
            "scheme is http: `https://pr-7.example.net` is allowed by `https://pr-[0-9]+\\.example\\.net`",
        ),
        (
            "https://aap.example.com",
            "it is spelled nearly like `https://app.example.com`",
        ),
        (
            "http://api.example.org",
            "scheme is http, and the port differs too: `https://api.example.org:8443` is allowed",
        ),
        (
            "https://shop.example",
            "`www.` is missing: `https://www.shop.example` is allowed",
        ),
        (
            "null",
            "opaque origins are matched by the pattern `null`, and by `*` without credentials",
        ),
        ("https://evil.test", ""),
        ("https://app.example.com.evil.test", ""),
        ("\u{fffd}://", ""),
        ("", ""),
    ] {
        let actual = origin(policy.origins(), value.as_bytes());
        assert_eq!(actual.as_deref().unwrap_or_default(), expected, "{value}");
    }
}

#[test]
fn methods_and_headers_are_told_what_they_lack() {
    let listed = policy(
        &["*"],
        &["PATCH", "PURGE"],
        &["authorization", "x-request-id"],
    );
    for (value, expected) in [
        ("patch", "`patch` is not `PATCH`: methods have a case"),
        ("get", "`get` is not `GET`: methods have a case"),
        ("PATHC", "`PATCH` is allowed"),
        ("TRACE", "no script may use it"),
        ("DELETE", ""),
        ("X", ""),
    ] {
        let actual = method(&listed, value.as_bytes());
        assert_eq!(actual.as_deref().unwrap_or_default(), expected, "{value}");
    }
    for (value, expected) in [
        ("x-requestid", "`x-request-id` is allowed"),
        ("autorization", "`authorization` is allowed"),
        ("content-type", ""),
        ("a b", "`a b` is no header name"),
    ] {
        let actual = header(&listed, value.as_bytes());
        assert_eq!(actual.as_deref().unwrap_or_default(), expected, "{value}");
    }
    let any = policy(&["*"], &["*"], &["*"]);
    let actual = header(&any, b"Authorization");
    let expected = "`authorization` is never covered by `*`: list it beside the `*`";
    assert_eq!(actual.as_deref(), Some(expected));
}

#[test]
fn patterns_are_listed_as_they_were_written() {
    let texts = [
        "https://b.example",
        "https://*.a.example:*",
        "null",
        "regex:https://x",
        "https://b.example",
    ];
    let policy = policy(&texts, &[], &[]);
    let listed: Vec<String> = policy
        .origins()
        .patterns()
        .map(|pattern| match pattern {
            PatternRef::Text(text) => text.to_owned(),
            PatternRef::Regex(text) => format!("regex:{text}"),
        })
        .collect();
    assert_eq!(listed, texts[..4]);
}
