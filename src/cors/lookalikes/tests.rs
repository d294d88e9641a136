use super::*;
use crate::cors::{OriginMatcher, OriginPattern};

fn of(trusted: &str, kind: ProbeKind) -> Vec<String> {
    let probes = probes(trusted).into_iter();
    let probes = probes.filter(|probe| probe.kind == kind);
    probes.map(|probe| probe.origin).collect()
}

#[test]
fn the_probes_are_what_scanners_send() {
    let trusted = "https://app.example.com";
    for (kind, expected) in [
        (ProbeKind::Reflected, "https://evil.test"),
        (ProbeKind::Prefix, "https://app.example.com.evil.test"),
        (ProbeKind::Prefix, "https://app.example.comevil.test"),
        (ProbeKind::Suffix, "https://evilexample.com"),
        (ProbeKind::Suffix, "https://evil-example.com"),
        (ProbeKind::Truncated, "https://xample.com"),
        (ProbeKind::Truncated, "https://app.example.co"),
        (ProbeKind::UnescapedDot, "https://appxexample.com"),
        (ProbeKind::UnescapedDot, "https://app.examplexcom"),
        (ProbeKind::LookAlike, "https://app.examp1e.com"),
        (ProbeKind::LookAlike, "https://app.xn--xample-2of.com"),
        (ProbeKind::Null, "null"),
        (ProbeKind::Insecure, "http://app.example.com"),
        (ProbeKind::Port, "https://app.example.com:8443"),
        (ProbeKind::Port, "https://app.example.com:443.evil.test"),
        (
            ProbeKind::SpecialCharacter,
            "https://app.example.com_.evil.test",
        ),
        (
            ProbeKind::SpecialCharacter,
            "https://app.example.com%60.evil.test",
        ),
        (
            ProbeKind::SpecialCharacter,
            "https://app.example.com{.evil.test",
        ),
        (ProbeKind::UpperCase, "https://APP.EXAMPLE.COM"),
        (ProbeKind::TrailingDot, "https://app.example.com."),
        (ProbeKind::UserInfo, "https://app.example.com@evil.test"),
        (ProbeKind::Backslash, "https://app.example.com\\@evil.test"),
        (ProbeKind::Subdomain, "https://evil.app.example.com"),
    ] {
        let all = of(trusted, kind);
        assert!(all.iter().any(|o| o == expected), "{expected} in {all:?}");
    }
    let kinds: Vec<ProbeKind> = probes(trusted).iter().map(|probe| probe.kind).collect();
    assert!(ProbeKind::ALL.iter().all(|kind| kinds.contains(kind)));
}

#[test]
fn what_belongs_to_the_same_owner_is_no_look_alike() {
    // `github.io` is a public suffix: another name below it has another owner.
    assert!(
        of("https://mine.github.io", ProbeKind::Suffix)
            .contains(&"https://evilmine.github.io".to_owned())
    );
    assert_eq!(
        of("https://a.b.example.co.uk", ProbeKind::UnescapedDot),
        [
            "https://a.bxexample.co.uk",
            "https://a.b.examplexco.uk",
            "https://a.b.example.coxuk"
        ]
    );
}

#[test]
fn an_exact_pattern_lets_no_probe_through() {
    for trusted in [
        "https://app.example.com",
        "https://example.co.uk:8443",
        "http://localhost:3000",
        "http://localhost",
        "http://127.0.0.1:8080",
        "https://[::1]",
        "chrome-extension://abcdefgh",
        "https://a.example.com.",
        "https://q",
    ] {
        let pattern = OriginPattern::parse(trusted).unwrap();
        let matcher = OriginMatcher::new(&[pattern], false).unwrap();
        for probe in probes(trusted) {
            let found = matcher.find(probe.origin.as_bytes());
            assert!(!matches!(found, Ok(Some(_))), "{probe:?}");
        }
    }
}

#[test]
fn what_is_no_tuple_origin_gives_the_two_probes_that_need_none() {
    for text in ["null", "", "*", "https://a.example/"] {
        let kinds = probes(text).into_iter().map(|probe| probe.kind);
        let known = [ProbeKind::Reflected, ProbeKind::Null];
        assert!(
            kinds.into_iter().all(|kind| known.contains(&kind)),
            "{text}"
        );
    }
}

#[test]
fn homographs_are_punycode() {
    // As Python's `punycode` codec has them.
    assert_eq!(homograph("a").as_deref(), Some("xn--80a"));
    assert_eq!(homograph("apple").as_deref(), Some("xn--pple-43d"));
    assert_eq!(homograph("example").as_deref(), Some("xn--xample-2of"));
    assert_eq!(homograph("bbb"), None);
}
