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
        (
            "*.a.example",
            K::MisplacedWildcard,
            "write `https://*.a.example`",
        ),
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
                let hint = error.hint().unwrap_or_default();
                assert!(hint.contains(remedy), "{written:?}: {hint:?}");
            }
        }
    }
}

#[test]
fn texts_in_the_spelling_of_other_software_are_told_what_to_write() {
    #[rustfmt::skip]
    let cases = [
        // nginx, HAProxy
        (r"~^https://app\.example\.com$", r"write `regex: 'https://app\.example\.com'`, or `https://app.example.com`"),
        ("~^https://app.example.com$", r"write `regex: 'https://app\.example\.com'`, or `https://app.example.com`"),
        (r"~*^https?://(www\.)?example\.com$", r"write `regex: 'https?://(www\.)?example\.com'`: it is the whole origin, always"),
        (r"~* ^https?://(a|b)\.example\.com$", r"write `regex: 'https?://(a|b)\.example\.com'`: it is the whole origin, always"),
        (r"(?i)^https://.*\.example\.com(:[0-9]+)?$", r"write `regex: 'https://.*\.example\.com(:[0-9]+)?'`: it is the whole origin, always"),
        // Kong, APISIX, Traefik, FastAPI
        (r".*\.example\.com", r"write `regex: 'https://.*\.example\.com'`, or `https://*.example.com`"),
        (r".*\.test.com$", r"write `regex: 'https://.*\.test\.com'`, or `https://*.test.com`"),
        (".*.example.com", r"write `regex: 'https://.*\.example\.com'`, or `https://*.example.com`"),
        (r"\.example\.com$", r"write `regex: 'https://[a-z0-9.-]+\.example\.com'`, or `https://*.example.com`"),
        (r"^https?:\/\/.+\.example\.com$", r"write `regex: 'https?://.+\.example\.com'`: it is the whole origin, always"),
        (r"^https://(.*\.)?example\.com$", r"write `regex: 'https://(.*\.)?example\.com'`: it is the whole origin, always"),
        (r"https://[^.]+\.example\.com", r"write `regex: 'https://[^.]+\.example\.com'`, or `https://*.example.com`"),
        (r"https://pr-\d+\.example\.com", r"write `regex: 'https://pr-\d+\.example\.com'`: it is the whole origin, always"),
        (r"https://pr-[0-9]{1,4}.example.com", r"write `regex: 'https://pr-[0-9]{1,4}\.example\.com'`: it is the whole origin, always"),
        (r"^(https://a\.example|https://b\.example)$", r"write `regex: '(https://a\.example|https://b\.example)'`: it is the whole origin, always"),
        (r"a\.example|b\.example", r"write `regex: 'https://(a\.example|b\.example)'`: it is the whole origin, always"),
        (r"^http://localhost:\d+$", r"write `regex: 'http://localhost:\d+'`: it is the whole origin, always"),
        ("^https://app.example.com", r"write `regex: 'https://app\.example\.com'`, or `https://app.example.com`"),
        (r"^https://app\.example\.com(/.*)?$", r"write `regex: 'https://app\.example\.com'`, or `https://app.example.com`"),
        (r"^https://.*\\.example\\.com$", r"write `regex: 'https://.*\.example\.com'`, or `https://*.example.com`"),
        // JavaScript, Ruby, Python, PHP
        (r"/\.example\.com$/", r"write `regex: 'https://[a-z0-9.-]+\.example\.com'`, or `https://*.example.com`"),
        (r"/^https:\/\/.*\.example\.com$/i", r"write `regex: 'https://.*\.example\.com'`, or `https://*.example.com`"),
        (r"new RegExp('^https://.*\.example\.com$')", r"write `regex: 'https://.*\.example\.com'`, or `https://*.example.com`"),
        (r"/\Ahttps:\/\/.*\.example\.com\z/", r"write `regex: 'https://.*\.example\.com'`, or `https://*.example.com`"),
        (r"%r{\Ahttps://.*\.example\.com\z}", r"write `regex: 'https://.*\.example\.com'`, or `https://*.example.com`"),
        (r#"r"^https://\w+\.example\.com$""#, r"write `regex: 'https://\w+\.example\.com'`: it is the whole origin, always"),
        (r"#^https://.*\.example\.com$#", r"write `regex: 'https://.*\.example\.com'`, or `https://*.example.com`"),
        (r"regex: 'https://.*\.example\.com'", r"write `regex: 'https://.*\.example\.com'`, or `https://*.example.com`"),
        (r"regex:^https://.*\.example\.com$", r"write `regex: 'https://.*\.example\.com'`, or `https://*.example.com`"),
        (".*", "write a regex as `regex: 'https://…'`; for any origin, write `*`"),
        ("^.*$", "write a regex as `regex: 'https://…'`; for any origin, write `*`"),
        ("^(.*)$", "write a regex as `regex: 'https://…'`; for any origin, write `*`"),
        (r"regex(https://.*\.example\.com)", r"write `regex: 'https://.*\.example\.com'`, or `https://*.example.com`"),
        ("https://{app,www}.example.com", "write one pattern per element, for each choice within the braces"),
        ("^https://($", "write a regex as `regex: 'https://…'`; for any origin, write `*`"),
        (r"^https://a\.example$ ^https://b\.example$", "write one `regex: '…'` per element"),
        // Spring, ingress-nginx, rs/cors, CloudFront
        ("https://*.example.com:[*]", "write `https://*.example.com:*`"),
        ("http://localhost:[*]", "write `http://localhost:*`"),
        ("https://*.example.com:[8080,8081]", "write one pattern per element: `https://*.example.com:8080`, `https://*.example.com:8081`"),
        ("http://localhost:[3000, 4000]", "write one pattern per element: `http://localhost:3000`, `http://localhost:4000`"),
        ("*.example.com", "write `https://*.example.com`"),
        ("*.example.com:8443", "write `https://*.example.com:8443`"),
        ("*://app.example.com", "write one pattern per element: `https://app.example.com`, `http://app.example.com`"),
        ("http*://app.example.com", "write one pattern per element: `https://app.example.com`, `http://app.example.com`"),
        ("https://*example.com", "write one pattern per element: `https://*.example.com`, `https://example.com`"),
        ("https://**.example.com", "write `https://*.example.com`"),
        ("https://app-*.example.com", r"write `regex: 'https://app-[a-z0-9-]+\.example\.com'`"),
        ("https://*-app.example.com:*", r"write `regex: 'https://[a-z0-9-]+-app\.example\.com(:[0-9]+)?'`"),
        ("https://app.*.example.com", r"write `regex: 'https://app\.[a-z0-9-]+\.example\.com'`"),
        ("https?://*.example.com", r"write `regex: 'https?://[a-z0-9.-]+\.example\.com'`: it is the whole origin, always"),
        ("http(s)?://app.example.com", r"write `regex: 'http(s)?://app\.example\.com'`: it is the whole origin, always"),
        ("https://(.*).example.com", r"write `regex: 'https://(.*)\.example\.com'`: it is the whole origin, always"),
        (".example.com", "write `https://*.example.com`"),
        ("https://.example.com", "write `https://*.example.com`"),
        ("*.example.com/*", "write `https://*.example.com`"),
        ("{http,https}://app.example.com/", "write one pattern per element: `https://app.example.com`, `http://app.example.com`"),
        ("'https://app.example.com'", "write `https://app.example.com`"),
        ("[https://app.example.com]", "write `https://app.example.com`"),
        // Several origins.
        ("https://a.example\\nhttps://b.example", "write one pattern per element: `https://a.example`, `https://b.example`"),
        ("localhost:3000 localhost:4000", "write one pattern per element: `http://localhost:3000`, `http://localhost:4000`"),
        ("https://a.example,https://b.example", "write one pattern per element: `https://a.example`, `https://b.example`"),
        ("https://a.example, https://b.example", "write one pattern per element: `https://a.example`, `https://b.example`"),
        ("https://a.example https://b.example", "write one pattern per element: `https://a.example`, `https://b.example`"),
        ("https://a.example\nhttps://b.example\n", "write one pattern per element: `https://a.example`, `https://b.example`"),
        ("https://a.example;https://b.example", "write one pattern per element: `https://a.example`, `https://b.example`"),
        ("https://a.example|https://b.example", "write one pattern per element: `https://a.example`, `https://b.example`"),
        ("https://a.example\thttps://*.b.example:*", "write one pattern per element: `https://a.example`, `https://*.b.example:*`"),
        ("https://a.example and https://b.example", "write one pattern per element: `https://a.example`, `https://b.example`"),
        ("https://a.example&https://b.example", "write one pattern per element: `https://a.example`, `https://b.example`"),
        ("https://a.example/https://b.example/", "write one pattern per element: `https://a.example`, `https://b.example`"),
        ("https://a.examplehttp://b.example", "write one pattern per element: `https://a.example`, `http://b.example`"),
        ("https://a.example/, https://b.example/", "write one pattern per element: `https://a.example`, `https://b.example`"),
        ("https://a.example,b.example", "write one pattern per element: `https://a.example`, `https://b.example`"),
        ("a.example b.example", "write one pattern per element: `https://a.example`, `https://b.example`"),
        ("*.a.example,*.b.example", "write one pattern per element: `https://*.a.example`, `https://*.b.example`"),
        ("*,https://a.example", "write one pattern per element: `*`, `https://a.example`"),
        ("null https://a.example", "write one pattern per element: `null`, `https://a.example`"),
        (r#"["https://a.example", "https://b.example"]"#, "write one pattern per element: `https://a.example`, `https://b.example`"),
        ("https://a.example;", "write one pattern per element, and nothing behind it"),
        // Words.
        ("any", "write `*` for any origin"),
        ("ALL", "write `*` for any origin"),
        ("'self'", "remove it: requests of a page to its own origin need no permission"),
        ("$http_origin", "list the origins: the gateway compares them and repeats the right one"),
        ("{http.request.header.Origin}", "list the origins: the gateway compares them and repeats the right one"),
    ];
    let mut wrong = String::new();
    for (written, expected) in cases {
        let error = OriginPattern::parse(written).expect_err(written);
        let hint = error.hint().unwrap_or_default();
        if hint != expected {
            wrong += &format!(
                "{written:?} ({}):\n  {hint}\n  {expected}\n",
                error.reason()
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn patterns_of_ours_are_taken_for_none_of_others() {
    for text in [
        "https://a.example/",
        "https://A.example",
        "https://[::1]:8080/x",
        "https://a.example?x=(1)",
        "https:\\\\www.example.com",
        "https://app_(1).example.com",
        "https://app.*",
        "https://u:p@a.example",
        "file:///C:\\www",
        "https://app .example.com",
    ] {
        let error = OriginPattern::parse(text).expect_err(text);
        let is_others = matches!(
            error.reason(),
            PatternErrorKind::Regex | PatternErrorKind::Several
        );
        assert!(!is_others, "{text:?}: {error}");
    }
}
