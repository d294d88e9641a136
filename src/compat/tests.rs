use super::*;
use crate::config::WarningName;

const SERVICE: &str = include_str!("../../tests/expect/cli/bookstore.json");

/// Makes flags of the elements of a product: one of each group.
fn product(groups: &[&[&[&str]]]) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = vec![Vec::new()];
    for group in groups {
        all = all
            .iter()
            .flat_map(|flags| {
                group.iter().map(move |more| {
                    let more = more.iter().map(|flag| (*flag).to_owned());
                    flags.iter().cloned().chain(more).collect()
                })
            })
            .collect();
    }
    all
}

/// Translates flags, with the description if there is one, and reads the result.
fn config(flags: &[String], description: Option<&str>) -> Config {
    let options = flags::parse(flags, &|_| None).unwrap_or_else(|e| panic!("{flags:?}: {e:?}"));
    let options = options.expect("no `--help`");
    let description = description.map(|text| {
        let read = description::read(text, Path::new("service"));
        let mut description = read.unwrap_or_else(|e| panic!("{e:?}"));
        description.declare_grpc_methods(options.backend.scheme.is_grpc());
        description
    });
    let translation = translate(&options, description.as_ref());
    let text = translation.expect("it can be translated").text;
    Config::parse(&text, Path::new("made")).unwrap_or_else(|e| panic!("{flags:?}: {e}\n{text}"))
}

#[test]
fn whatever_flags_mean_is_a_configuration_without_odd_warnings() {
    let presets: &[&[&str]] = &[
        &[],
        &["--cors_preset=basic"],
        &[
            "--cors_preset=basic",
            "--cors_allow_origin=https://a.example",
        ],
        &[
            "--cors_preset=basic",
            "--cors_allow_origin=http://a.example",
        ],
        &[
            "--cors_preset=basic",
            "--cors_allow_origin=https://*.a.example",
        ],
        &[
            "--cors_preset=basic",
            "--cors_allow_origin=https://a.example,https://b.example",
        ],
        &[
            "--cors_preset=basic",
            "--cors_allow_origin=https://A.example/",
        ],
        &[
            "--cors_preset=basic",
            "--cors_allow_origin=https://a.example:443",
        ],
        &["--cors_preset=basic", "--cors_allow_origin=null"],
        &["--cors_preset=basic", "--cors_allow_origin=${HOME}"],
        &["--cors_preset=basic", "--cors_allow_origin=file://"],
        &[
            "--cors_preset=basic",
            "--cors_allow_origin=http://localhost:*",
        ],
        &[
            "--cors_preset=cors_with_regex",
            "--cors_allow_origin_regex=.*",
        ],
        &[
            "--cors_preset=cors_with_regex",
            "--cors_allow_origin_regex=^$",
        ],
        &[
            "--cors_preset=cors_with_regex",
            r"--cors_allow_origin_regex=^https?://(a|b)\.example$",
        ],
        &[
            "--cors_preset=cors_with_regex",
            r#"--cors_allow_origin_regex=\Q"'${a}\E|null"#,
        ],
        &[
            "--cors_preset=cors_with_regex",
            r"--cors_allow_origin_regex=https://[a-z]+\.com",
        ],
    ];
    let credentials: &[&[&str]] = &[&[], &["--cors_allow_credentials"]];
    let lists: &[&[&str]] = &[
        &[],
        &[
            "--cors_allow_methods=",
            "--cors_allow_headers=",
            "--cors_expose_headers=",
        ],
        &[
            "--cors_allow_methods=*",
            "--cors_allow_headers=*",
            "--cors_expose_headers=*",
        ],
        &[
            "--cors_allow_methods=get,TRACE,*",
            "--cors_allow_headers=Cookie, ,x y",
            "--cors_max_age=0",
        ],
    ];
    let strict: &[&[&str]] = &[&[], &["--corsgate_strict"]];
    let others: &[&[&str]] = &[
        &[],
        &["-z", "healthz", "--backend=grpc://a.example:90"],
        &[
            "-z/v1/books",
            "--backend=https://[::1]",
            "--disallow_colon_in_wildcard_path_segment",
        ],
    ];
    for flags in product(&[presets, credentials, lists, strict, others]) {
        for description in [None, Some(SERVICE)] {
            let config = config(&flags, description);
            for warning in config.warnings {
                let is_expected = matches!(
                    warning.name,
                    Some(
                        WarningName::DangerousKey
                            | WarningName::RegexMatchesTooMuch
                            | WarningName::RegexMatchesNoOrigin
                            | WarningName::GrpcWebWithoutPreset
                            | WarningName::HeaderNeverAsked
                            | WarningName::MethodCase
                            | WarningName::LiteralOfAPage
                            | WarningName::SchemeOfNoPage
                            | WarningName::CoveredOrigin
                            | WarningName::UnreadableList
                            | WarningName::StarIsAName
                    )
                );
                assert!(is_expected, "{flags:?}: {warning}");
            }
        }
    }
}

#[test]
fn as_many_operations_as_there_may_be_become_a_configuration() {
    let mut text = "swagger: '2.0'\nhost: a.example\nx-google-endpoints: [{name: a.example, allowCors: true}]\n\
                    paths:\n"
        .to_owned();
    for path in 0..2_000 {
        text += &format!(
            "  /v1/things/{{id}}/parts/of/p{path}: {{get: {{operationId: getPart{path}}}}}\n"
        );
    }
    let config = config(&["--cors_preset=basic".to_owned()], Some(&text));
    assert_eq!(config.routes.len(), 3 * 2_000 + 1);
    assert_eq!(
        config
            .routes
            .iter()
            .filter(|route| route.matches.is_fallback)
            .count(),
        2_001
    );
}

#[test]
fn an_argument_is_shown_as_a_shell_reads_it() {
    for (argument, expected) in [
        ("--backend=grpc://a:1", "--backend=grpc://a:1"),
        ("", "''"),
        ("a b", "'a b'"),
        ("$(id)", "'$(id)'"),
        ("it's", r"'it'\''s'"),
    ] {
        assert_eq!(shell_word(argument), expected);
    }
}
