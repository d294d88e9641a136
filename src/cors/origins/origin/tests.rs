use super::*;

fn check(value: &str, expected: Result<(&str, &str, Option<u16>), OriginError>) {
    let parsed = Origin::parse(value.as_bytes()).map(|origin| match origin {
        Origin::Null => ("null", "", None),
        Origin::Tuple(o) => (o.scheme(), o.host(), o.port()),
    });
    assert_eq!(parsed, expected, "{value:?}");
}

#[test]
fn serialized_origins_are_taken_apart() {
    for (value, scheme, host, port) in [
        ("https://app.example.com", "https", "app.example.com", None),
        ("http://localhost:3000", "http", "localhost", Some(3000)),
        ("https://a.example:443", "https", "a.example", Some(443)),
        ("https://my_app.example", "https", "my_app.example", None),
        ("https://a.example.", "https", "a.example.", None),
        ("http://127.0.0.1:65535", "http", "127.0.0.1", Some(65535)),
        ("http://[::1]:8080", "http", "[::1]", Some(8080)),
        ("http://[2001:db8::1]", "http", "[2001:db8::1]", None),
        ("http://[::ffff:7f00:1]", "http", "[::ffff:7f00:1]", None),
        ("capacitor://localhost", "capacitor", "localhost", None),
        ("chrome-extension://abcd", "chrome-extension", "abcd", None),
        (
            "https://xn--bcher-kva.example",
            "https",
            "xn--bcher-kva.example",
            None,
        ),
    ] {
        check(value, Ok((scheme, host, port)));
    }
    check("null", Ok(("null", "", None)));
    // 253 bytes, and a final dot.
    let longest = format!("{}b.", "a.".repeat(126));
    let origin = format!("https://{longest}");
    check(&origin, Ok(("https", longest.as_str(), None)));
}

#[test]
fn everything_else_is_refused_with_its_reason() {
    use OriginError::*;
    let long = format!("https://{}.example", "a.".repeat(200));
    let too_long_a_name = format!("https://{}bb", "a.".repeat(126));
    for (value, error) in [
        ("", Empty),
        (long.as_str(), TooLong),
        ("NULL", UpperCase),
        ("app.example.com", MissingScheme),
        ("//app.example.com", MissingScheme),
        ("://app.example.com", MissingScheme),
        ("localhost:3000", MissingScheme),
        ("file://", FileScheme),
        ("1http://a", BadScheme),
        ("ht tp://a", WhiteSpace),
        ("https://", MissingHost),
        ("https://:80", MissingHost),
        ("https://*", BadHostCharacter),
        ("https://a.example/", Path),
        ("https://a.example?x", Path),
        ("https://a.example#x", Path),
        ("https://a.example:443/", Path),
        ("https://a.example\\@b.example", UserInfo),
        ("https://u@a.example", UserInfo),
        ("https://A.example", UpperCase),
        ("https://b\u{fc}cher.example", NotAscii),
        ("https://a.example, https://b.example", WhiteSpace),
        ("https://a.example,https://b.example", BadHostCharacter),
        ("https://a..example", BadLabel),
        ("https://.example", BadLabel),
        ("https://.", BadLabel),
        (too_long_a_name.as_str(), BadLabel),
        ("https://127.1", BadIpv4),
        ("https://0x7f000001", BadIpv4),
        ("https://1.2.3.4.", BadIpv4),
        ("https://1.2.3.256", BadIpv4),
        ("https://01.2.3.4", BadIpv4),
        ("https://[::0001]", BadIpv6),
        ("https://[0:0:0:0:0:0:0:1]", BadIpv6),
        ("https://[::ffff:127.0.0.1]", BadIpv6),
        ("https://[::1", BadIpv6),
        ("https://a.example:", BadPort),
        ("https://a.example:0", BadPort),
        ("https://a.example:0443", BadPort),
        ("https://a.example:65536", BadPort),
        ("https://a.example:99999999", BadPort),
        ("https://a.example:8o", BadPort),
        ("https://[::1]x", BadHostCharacter),
    ] {
        check(value, Err(error));
    }
}

#[test]
fn a_url_has_the_origin_that_a_browser_sends() {
    for (scheme, authority, origin) in [
        ("https", "A.example:443", "https://a.example"),
        ("https", "a.example:8443", "https://a.example:8443"),
        ("http", "a.example:443", "http://a.example:443"),
        ("http", "[::1]:80", "http://[::1]"),
        ("http", "[::1]", "http://[::1]"),
        ("http", "a.example:", "http://a.example"),
    ] {
        assert_eq!(origin_of(scheme, authority), origin, "{authority}");
    }
}

#[test]
fn a_port_is_digits_up_to_65535() {
    for authority in ["a", "a:", "a:0", "a:65535", "[::1]", "[::1]:80"] {
        assert_eq!(invalid_port(authority), None, "{authority}");
    }
    for (authority, port) in [
        ("a:65536", "65536"),
        ("a:+80", "+80"),
        ("a:x", "x"),
        ("[::1]:8x", "8x"),
    ] {
        assert_eq!(invalid_port(authority), Some(port), "{authority}");
    }
}
