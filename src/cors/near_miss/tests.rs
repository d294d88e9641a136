use super::super::origins::literal::LiteralPattern;
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
    let pattern = |text: &&str| match text.split_once(':') {
        Some(("regex", regex)) => OriginPattern::Regex(RegexPattern::parse(regex).expect(text)),
        Some(("literal", literal)) => {
            OriginPattern::Literal(LiteralPattern::parse(literal).expect(text))
        }
        _ => OriginPattern::parse(text).expect(text),
    };
    Policy::new(PolicySpec {
        origins: origins.iter().map(pattern).collect(),
        methods: names(methods).into(),
        headers: names(headers).into(),
        ..PolicySpec::default()
    })
    .expect("a policy without dangers")
}

#[test]
fn a_value_is_told_what_it_lacks() {
    let listed = policy(
        &[
            "https://app.example.com",
            "https://*.sites.example",
            "https://api.example.org:8443",
            "http://localhost:*",
            "https://www.shop.example",
            "regex:https://pr-[0-9]+\\.example\\.net",
            "literal:app://.",
        ],
        &["PATCH", "PURGE"],
        &["authorization", "x-request-id"],
    );
    let any = policy(&["*"], &["*"], &["*"]);
    crate::expect::cases("cors/near_miss.txt", |input| {
        let (kind, value) = input.split_once(':').expect("a kind");
        let value = value.trim_start().as_bytes();
        let miss = match kind {
            "origin" => origin(listed.origins(), value).map(|miss| miss.words),
            "method" => method(&listed, value),
            "header" => header(&listed, value),
            "header under *" => header(&any, value),
            other => panic!("there is no `{other}`"),
        };
        miss.unwrap_or_default()
    });
}

#[test]
fn patterns_are_listed_as_they_were_written() {
    let texts = [
        "https://b.example",
        "https://*.a.example:*",
        "null",
        "regex:https://x",
        "literal:app://.",
        "https://b.example",
        "literal:app://.",
    ];
    let policy = policy(&texts, &[], &[]);
    let listed: Vec<String> = policy
        .origins()
        .patterns()
        .map(|pattern| match pattern {
            PatternRef::Text(text) => text.to_owned(),
            PatternRef::Regex(text) => format!("regex:{text}"),
            PatternRef::Literal(text) => format!("literal:{text}"),
        })
        .collect();
    assert_eq!(listed, texts[..5]);
}
