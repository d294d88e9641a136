use super::*;
use crate::compat::flags::{FlagError, Options, RemarkKind, parse};

fn options(arguments: &[&str]) -> Result<Options, Vec<FlagError>> {
    let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
    Ok(parse(&arguments, &|_| None)?.expect("no `--help`"))
}

#[test]
fn a_preset_has_espv2s_defaults() {
    let options = options(&["--cors_preset=basic"]).expect("valid");
    let expected = CorsOptions {
        origin: OriginOption::Any,
        allow_methods: "GET, POST, PUT, PATCH, DELETE, OPTIONS".to_owned(),
        allow_headers:
            "DNT,User-Agent,X-User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,\
                        Content-Type,Range,Authorization"
                .to_owned(),
        expose_headers: "Content-Length,Content-Range".to_owned(),
        allow_credentials: false,
        max_age_seconds: 1_728_000,
    };
    assert_eq!(options.cors, Some(expected));
    assert_eq!(options.remarks, []);
}

#[test]
fn without_a_preset_there_is_no_cors() {
    for (arguments, remarks) in [
        (&[][..], 0),
        (&["--cors_preset="], 0),
        (
            &[
                "--cors_allow_origin=",
                "--cors_max_age=1",
                "--cors_allow_credentials",
            ],
            3,
        ),
    ] {
        let options = options(arguments).expect("valid");
        assert_eq!(options.cors, None, "{arguments:?}");
        assert_eq!(options.remarks.len(), remarks, "{arguments:?}");
        let is_no_effect =
            |remark: &crate::compat::flags::Remark| remark.kind == RemarkKind::NoEffect;
        assert!(options.remarks.iter().all(is_no_effect));
    }
}

#[test]
fn an_origin_is_one_literal() {
    // The origin, and whether there is a warning.
    for (origin, has_warning) in [
        ("https://a.example", false),
        ("http://localhost:3000", false),
        ("null", false),
        ("https://*.a.example", true),
        ("https://a.example/", true),
        ("https://A.example", true),
        ("https://a.example,https://b.example", true),
        ("https://a.example https://b.example", true),
        ("a.example", true),
        ("**", true),
        (" *", true),
    ] {
        let argument = format!("--cors_allow_origin={origin}");
        let options = options(&["--cors_preset=basic", &argument]).expect(origin);
        let cors = options.cors.expect("a preset");
        assert_eq!(cors.origin, OriginOption::Exact(origin.to_owned()));
        assert_eq!(!options.remarks.is_empty(), has_warning, "{origin}");
    }
    let any = options(&["--cors_preset=basic", "--cors_allow_origin=*"]).expect("valid");
    assert_eq!(any.cors.map(|cors| cors.origin), Some(OriginOption::Any));
}

#[test]
fn a_regex_is_translated_and_warned_of_if_it_matches_no_origin() {
    for (regex, expected, has_warning) in [
        (r"https://.*\.a\.example", r"https://.*\.a\.example", false),
        (r"\Qhttps://a.example\E", r"https://a\.example", false),
        (".*", ".*", false),
        (r"a\.example$", r"a\.example$", true),
        (r"https://a\.example/", r"https://a\.example/", true),
        ("^$", r"\xFF", true),
        ("b\u{fc}cher", r"b\xFFcher", true),
    ] {
        let argument = format!("--cors_allow_origin_regex={regex}");
        let options = options(&["--cors_preset=cors_with_regex", &argument]).expect(regex);
        let expected = OriginOption::Regex {
            written: regex.to_owned(),
            pattern: expected.to_owned(),
        };
        assert_eq!(
            options.cors.map(|cors| cors.origin),
            Some(expected),
            "{regex}"
        );
        assert_eq!(!options.remarks.is_empty(), has_warning, "{regex}");
    }
    assert!(RegexPattern::parse(NO_ORIGIN).is_ok_and(|regex| !regex.can_match_an_origin()));
}

#[test]
fn the_other_presets_origin_does_nothing() {
    for (preset, other) in [
        ("basic", "--cors_allow_origin_regex=("),
        ("cors_with_regex", "--cors_allow_origin="),
    ] {
        let preset = format!("--cors_preset={preset}");
        let options = options(&[&preset, other, "--cors_allow_origin_regex=.*"]).expect("valid");
        let flags: Vec<_> = options
            .remarks
            .iter()
            .map(|remark| &remark.flag[..])
            .collect();
        let (flag, _) = other.split_once('=').expect("a value");
        assert_eq!(flags, [flag]);
    }
}

#[test]
fn a_list_is_the_value_of_a_header_field() {
    for flag in [ALLOW_METHODS, ALLOW_HEADERS, EXPOSE_HEADERS] {
        for (value, is_valid) in [
            ("", true),
            ("*", true),
            ("GET,\tPOST", true),
            ("not a list", true),
            ("GET\r\nX: y", false),
            ("GET\0", false),
            ("GET\x7F", false),
        ] {
            let argument = format!("{flag}={value}");
            let options = options(&["--cors_preset=basic", &argument]);
            assert_eq!(options.is_ok(), is_valid, "{argument:?}");
        }
    }
}
