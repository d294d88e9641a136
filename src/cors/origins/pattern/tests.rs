use super::*;

#[test]
fn patterns_have_one_normal_form() {
    for (written, normal) in [
        ("*", "*"),
        ("null", "null"),
        ("https://a.example", "https://a.example"),
        ("https://a.example:443", "https://a.example"),
        ("http://a.example:80", "http://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("https://*.a.example:443", "https://*.a.example"),
        ("https://*.a.example:*", "https://*.a.example:*"),
        ("http://localhost:*", "http://localhost:*"),
        ("http://[::1]:*", "http://[::1]:*"),
        ("https://a.example.", "https://a.example."),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
    ] {
        let pattern = OriginPattern::parse(written).map(|p| p.text());
        assert_eq!(pattern.as_deref(), Ok(normal), "{written}");
    }
}

#[test]
fn what_no_origin_can_equal_is_refused_with_a_remedy() {
    use OriginError as E;
    use PatternErrorKind as K;
    for (written, kind, remedy) in [
        ("", K::Origin(E::Empty), ""),
        (
            "https://a.example/",
            K::Origin(E::Path),
            "write `https://a.example`",
        ),
        (
            "https://a.example:8443/x?y",
            K::Origin(E::Path),
            "write `https://a.example:8443`",
        ),
        (
            "https://*.a.example/",
            K::Origin(E::Path),
            "write `https://*.a.example`",
        ),
        (
            "https://A.Example",
            K::Origin(E::UpperCase),
            "write `https://a.example`",
        ),
        (
            "a.example",
            K::Origin(E::MissingScheme),
            "write `https://a.example`",
        ),
        (
            "//a.example",
            K::Origin(E::MissingScheme),
            "write `https://a.example`",
        ),
        ("*.a.example", K::MisplacedWildcard, "write a wildcard like"),
        (
            " https://a.example",
            K::Origin(E::WhiteSpace),
            "write `https://a.example`",
        ),
        (
            "https://b\u{fc}cher.example",
            K::Origin(E::NotAscii),
            "write `https://xn--bcher-kva.example`",
        ),
        (
            "https://*.b\u{fc}cher.example:8443/",
            K::Origin(E::NotAscii),
            "write `https://*.xn--bcher-kva.example:8443`",
        ),
        (
            "https://a.example/\u{fc}",
            K::Origin(E::NotAscii),
            "Punycode",
        ),
        ("https://xn--f.example", K::BadPunycode, "look at `xn--f`"),
        ("https://*.a.xn--f:8443", K::BadPunycode, "look at `xn--f`"),
        ("https://*.xn--:*", K::BadPunycode, "look at `xn--`"),
        (
            "https://u:p@a.example",
            K::Origin(E::UserInfo),
            "write `https://a.example`",
        ),
        ("https://a.example:0", K::Origin(E::BadPort), ""),
        ("https://a.example:65536", K::Origin(E::BadPort), ""),
        (
            "https://a.example:06060",
            K::Origin(E::BadPort),
            "write `https://a.example:6060`",
        ),
        ("https://a.example:8080:*", K::Origin(E::BadPort), ""),
        ("http://127.1", K::Origin(E::BadIpv4), ""),
        (
            "http://[0:0::1]",
            K::Origin(E::BadIpv6),
            "write `http://[::1]`",
        ),
        (
            "http://[::ffff:127.0.0.1]",
            K::Origin(E::BadIpv6),
            "write `http://127.0.0.1`",
        ),
        (
            "http://[::ffff:7f00:1]",
            K::Ipv4Mapped,
            "write `http://127.0.0.1`",
        ),
        ("https://*.127.0.0.1", K::WildcardAddress, ""),
        ("https://*", K::MisplacedWildcard, "write a wildcard like"),
        ("https://*:8080", K::MisplacedWildcard, ""),
        ("https://a.*.example", K::MisplacedWildcard, ""),
        ("https://*a.example", K::MisplacedWildcard, ""),
        ("https://a*.example", K::MisplacedWildcard, ""),
        ("https://*.*.example", K::MisplacedWildcard, ""),
        ("https://a.example:80*", K::MisplacedWildcard, ""),
        ("*://a.example", K::MisplacedWildcard, ""),
        ("file://", K::Origin(E::FileScheme), "null"),
        ("**", K::MisplacedWildcard, ""),
    ] {
        match OriginPattern::parse(written) {
            Ok(pattern) => panic!("{written:?} was taken for {}", pattern.text()),
            Err(error) => {
                assert_eq!(error.kind, kind, "{written:?}");
                let hint = error.hint.unwrap_or_default();
                assert!(hint.contains(remedy), "{written:?}: {hint:?}");
            }
        }
    }
}
