use super::*;
use http::HeaderMap;

fn networks(texts: &[&str]) -> Vec<IpNet> {
    let parse = |text: &&str| {
        text.parse()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
    };
    texts
        .iter()
        .map(|text| parse(text).expect("a network"))
        .collect()
}

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        fields.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    fields
}

#[test]
fn the_client_is_the_last_address_that_is_not_a_trusted_proxy() {
    let many = vec!["10.0.0.1"; 10_000].join(",");
    let first_32 = format!("{}10.0.0.9", "10.0.0.1, ".repeat(MAX_PROXIES));
    for (peer, lines, expected) in [
        ("192.0.2.1", &[][..], "192.0.2.1"),
        ("10.0.0.9", &[], "10.0.0.9"),
        // Written by a client.
        ("192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.9", &["198.51.100.7"], "198.51.100.7, 10.0.0.9"),
        // Written by the client behind the proxy, and continued by the proxy.
        (
            "10.0.0.9",
            &["1.1.1.1, 198.51.100.7"],
            "198.51.100.7, 10.0.0.9",
        ),
        (
            "10.0.0.9",
            &["1.1.1.1", "198.51.100.7"],
            "198.51.100.7, 10.0.0.9",
        ),
        (
            "10.0.0.9",
            &["10.0.0.1, 198.51.100.7"],
            "198.51.100.7, 10.0.0.9",
        ),
        // Several proxies.
        (
            "10.0.0.9",
            &["1.1.1.1, 198.51.100.7, 10.0.0.8"],
            "198.51.100.7, 10.0.0.8, 10.0.0.9",
        ),
        (
            "10.0.0.9",
            &["fd00::1, 10.0.0.8"],
            "fd00::1, 10.0.0.8, 10.0.0.9",
        ),
        ("fd00::1", &["2001:DB8::7"], "2001:db8::7, fd00::1"),
        // Forms.
        ("10.0.0.9", &["198.51.100.7:4711"], "198.51.100.7, 10.0.0.9"),
        ("10.0.0.9", &["[2001:db8::7]:4711"], "2001:db8::7, 10.0.0.9"),
        ("10.0.0.9", &["[2001:db8::7]"], "2001:db8::7, 10.0.0.9"),
        (
            "10.0.0.9",
            &["::ffff:198.51.100.7"],
            "198.51.100.7, 10.0.0.9",
        ),
        (
            "10.0.0.9",
            &["1.1.1.1, ::ffff:10.0.0.8"],
            "1.1.1.1, 10.0.0.8, 10.0.0.9",
        ),
        (
            "10.0.0.9",
            &[" , 198.51.100.7 ,, "],
            "198.51.100.7, 10.0.0.9",
        ),
        // Not addresses.
        ("10.0.0.9", &["unknown"], "10.0.0.9"),
        (
            "10.0.0.9",
            &["198.51.100.7, _hidden, 10.0.0.8"],
            "10.0.0.8, 10.0.0.9",
        ),
        ("10.0.0.9", &["198.51.100.7 10.0.0.8"], "10.0.0.9"),
        ("10.0.0.9", &["198.51.100.07"], "10.0.0.9"),
        ("10.0.0.9", &["[198.51.100.7"], "10.0.0.9"),
        ("10.0.0.9", &["\"198.51.100.7\""], "10.0.0.9"),
        ("10.0.0.9", &[""], "10.0.0.9"),
        ("10.0.0.9", &[&many], &first_32),
    ] {
        let lines: Vec<_> = lines.iter().map(|line| (FOR.as_str(), *line)).collect();
        let trusted = networks(&["10.0.0.0/8", "fd00::/8"]);
        let peer = peer.parse().expect("an address");
        let chain = forwarded_for(peer, &fields(&lines), &trusted);
        assert_eq!(chain, expected, "{lines:?} from {peer}");
        let client = client_address(peer, &fields(&lines), &trusted).to_string();
        assert_eq!(chain.split(", ").next(), Some(client.as_str()), "{lines:?}");
    }
}

#[test]
fn statements_are_found_in_all_their_spellings() {
    for name in [
        "x-forwarded-for",
        "x_forwarded_for",
        "x-forwarded_for",
        "x_forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-client-cert",
        "x-forwarded",
        "forwarded",
        "x-real-ip",
        "x_real_ip",
        "x-real_ip",
        "X-Real-IP",
        "Forwarded",
        "X_Forwarded-FOR",
    ] {
        assert!(is_statement(name), "{name}");
    }
    for name in [
        "forwarded-for",
        "x-real-ips",
        "x-forward",
        "x-request-id",
        "host",
        "x",
        "",
    ] {
        assert!(!is_statement(name), "{name}");
    }
}

#[test]
fn a_trusted_proxys_statements_must_make_sense() {
    for (name, sound, unsound) in [
        (
            PROTO.as_str(),
            &["http", "https", "HTTPS", "wss"][..],
            &["", "ftp", "https, http", "https "][..],
        ),
        (
            HOST.as_str(),
            &["a.test", "a.test:8443", "[::1]:80", "A.test"],
            &[
                "",
                "a b",
                "a.test, b.test",
                "u@a.test",
                "a.test/x",
                "a.test:65536",
                "a%00",
                "a.test:",
            ],
        ),
        (
            PORT.as_str(),
            &["443", "1", "65535"],
            &["", "0", "65536", "+443", "443, 80", "x"],
        ),
        (
            REAL_IP.as_str(),
            &["192.0.2.1", "2001:db8::1"],
            &["", "a.test", "192.0.2.1, 192.0.2.2", "192.0.2.1:1"],
        ),
        ("forwarded", &["for=192.0.2.1;proto=https", "x"], &[]),
        ("x-forwarded-user", &["someone"], &[]),
    ] {
        for value in sound {
            assert!(is_sound(&fields(&[(name, value)]), name), "{name}: {value}");
        }
        for value in unsound {
            assert!(
                !is_sound(&fields(&[(name, value)]), name),
                "{name}: {value}"
            );
        }
        if !unsound.is_empty() {
            let twice = fields(&[(name, sound[0]), (name, sound[0])]);
            assert!(!is_sound(&twice, name), "{name}, twice");
        }
    }
}
