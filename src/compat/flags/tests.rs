use super::*;
use crate::compat::address::{Address, Scheme};

/// Reads a command line of words, with variables, which does not ask for help.
fn read(line: &[&str], variables: &[(&str, &str)]) -> Result<Options, Vec<FlagError>> {
    let options = read_or_help(line, variables)?;
    Ok(options.unwrap_or_else(|| panic!("{line:?} asks for help")))
}

fn read_or_help(
    line: &[&str],
    variables: &[(&str, &str)],
) -> Result<Option<Options>, Vec<FlagError>> {
    let arguments: Vec<String> = line.iter().map(|text| (*text).to_owned()).collect();
    let environment = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    parse(&arguments, &environment)
}

fn valid(line: &[&str]) -> Options {
    read(line, &[]).unwrap_or_else(|errors| panic!("{line:?}: {errors:?}"))
}

fn ports(options: &Options) -> Vec<(&'static str, u16, &str)> {
    let certificate = |listener: &'_ ListenerOptions| {
        let files = listener.certificate.as_ref();
        files.map_or("", |files| {
            if files.certificate.contains("nginx") {
                "nginx"
            } else {
                "server"
            }
        })
    };
    let listeners = options.listeners.iter();
    listeners
        .map(|one| (one.flag, one.port, certificate(one)))
        .collect()
}

/// The cases have an argument on each line, and variables behind `$`. Errors are followed by nothing else.
#[test]
fn errors_and_remarks_read_well() {
    crate::expect::cases("compat/flags.txt", |input| {
        let (variables, line): (Vec<_>, Vec<_>) = input.lines().partition(|l| l.starts_with('$'));
        let variables = variables
            .iter()
            .filter_map(|line| line[1..].split_once('='));
        match read(&line, &variables.collect::<Vec<_>>()) {
            Ok(options) if options.remarks.is_empty() => "ok".to_owned(),
            Ok(options) => lines("", &options.remarks),
            Err(errors) => lines("error: ", &errors),
        }
    });
}

fn lines(start: &str, texts: &[impl std::fmt::Display]) -> String {
    let lines: Vec<_> = texts.iter().map(|text| format!("{start}{text}")).collect();
    lines.join("\n")
}

#[test]
fn nothing_given_is_espv2s_default() {
    let options = valid(&[]);
    assert_eq!(options.cors, None);
    assert_eq!(
        options.backend,
        Address {
            scheme: Scheme::Http,
            host: "127.0.0.1".to_owned(),
            port: 8082,
            path: String::new(),
        }
    );
    assert_eq!(ports(&options), [("--listener_port", 8080, "")]);
    assert_eq!((options.admin_port, &options.healthz), (None, &None));
    assert_eq!(
        (options.backend_retries, options.lowest_tls),
        (1, TlsVersion::V1_2)
    );
    assert_eq!(options.backend_tls, BackendTls::default());
    assert_eq!(
        (
            options.request_headers.len(),
            options.response_headers.len()
        ),
        (0, 0)
    );
    assert!(options.remarks.is_empty());
    assert_eq!(options.source("--backend"), Source::Default);
}

#[test]
fn variables_are_named_and_give_way_to_flags() {
    let variables = [
        ("PORT", "9000"),
        ("ENDPOINTS_SERVICE_PATH", "/etc/service.json"),
        (
            "ESPv2_ARGS",
            "^++^--cors_preset=basic++--cors_allow_methods=\"GET,POST\"++--backend=http://a",
        ),
    ];
    let options = read(
        &["--backend=https://b", "--unknown_is_not=here"],
        &variables,
    );
    assert!(options.is_err());
    let options = read(&["--backend=https://b"], &variables).expect("valid");
    assert_eq!(ports(&options), [("--http_port", 9000, "")]);
    assert_eq!(options.description.as_deref(), Some("/etc/service.json"));
    assert_eq!(options.backend.host, "b");
    assert_eq!(
        options.cors.as_ref().map(|cors| &cors.allow_methods[..]),
        Some("GET,POST")
    );
    for (flag, source) in [
        ("--http_port", Source::Variable("PORT")),
        ("-p", Source::Variable("PORT")),
        (
            "--service_json_path",
            Source::Variable("ENDPOINTS_SERVICE_PATH"),
        ),
        ("--cors_preset", Source::Variable("ESPv2_ARGS")),
        ("--backend", Source::Flag),
        ("--healthz", Source::Default),
        ("--foo", Source::Default),
    ] {
        assert_eq!(options.source(flag), source, "{flag}");
    }
}

#[test]
fn ports_of_flags_count_and_those_of_variables_give_way() {
    for (line, port, expected) in [
        (
            &["-p80", "-P81", "-S82"][..],
            None,
            &[
                ("--http_port", 80, ""),
                ("--http2_port", 81, ""),
                ("--ssl_port", 82, "nginx"),
            ][..],
        ),
        (
            &["--listener_port=80"],
            Some("9000"),
            &[("--listener_port", 80, "")],
        ),
        (
            &["--http_port=80"],
            Some("9000"),
            &[("--http_port", 80, "")],
        ),
        (&["-S", "82"], Some("9000"), &[("--ssl_port", 82, "nginx")]),
        (&[], Some("9000"), &[("--http_port", 9000, "")]),
        (
            &["--ssl_server_cert_path=/a"],
            Some("9000"),
            &[("--http_port", 9000, "server")],
        ),
        (
            &["--ssl_server_cert_path=/a"],
            None,
            &[("--listener_port", 8080, "server")],
        ),
        (
            &["--ssl_server_cert_path=/etc/nginx/ssl/"],
            None,
            &[("--listener_port", 8080, "nginx")],
        ),
        (
            &["--ssl_server_cert_path=/a", "-p1", "-P2"],
            None,
            &[("--http_port", 1, "server"), ("--http2_port", 2, "server")],
        ),
        (
            &["--ssl_server_cert_path="],
            None,
            &[("--listener_port", 8080, "")],
        ),
    ] {
        let variables: Vec<_> = port.map(|port| ("PORT", port)).into_iter().collect();
        let options = read(line, &variables).expect("valid");
        assert_eq!(ports(&options), expected, "{line:?}");
        let gives_way = port.is_some() && expected[0].1 != 9000 && expected[0].0 != "--http_port";
        let is_empty = line.last().is_some_and(|last| last.ends_with('='));
        assert_eq!(
            !options.remarks.is_empty(),
            gives_way || is_empty,
            "{line:?}"
        );
    }
    let options = valid(&["--ssl_server_cert_path=/a/", "-N", "8001"]);
    let files = options.listeners[0]
        .certificate
        .clone()
        .expect("a certificate");
    assert_eq!(
        (files.certificate.as_str(), files.private_key.as_str()),
        ("/a/server.crt", "/a/server.key")
    );
    assert_eq!(options.admin_port, Some(8001));
    assert_eq!(valid(&["-N0"]).admin_port, None);
}

#[test]
fn certificates_for_backends_have_three_places() {
    for (line, roots, certificate) in [
        (
            &["--ssl_backend_client_cert_path=/a"][..],
            None,
            Some(("/a/client.crt", "/a/client.key")),
        ),
        (
            &[
                "--ssl_client_cert_path=/a/",
                "--ssl_client_root_certs_file=/r",
            ],
            Some("/r"),
            Some(("/a/client.crt", "/a/client.key")),
        ),
        (
            &["-t"],
            None,
            Some(("/etc/nginx/ssl/backend.crt", "/etc/nginx/ssl/backend.key")),
        ),
        (
            &["--ssl_backend_client_cert_path=/etc/nginx/ssl"],
            None,
            Some(("/etc/nginx/ssl/backend.crt", "/etc/nginx/ssl/backend.key")),
        ),
        (
            &[
                "--ssl_backend_client_root_certs_file=/r",
                "--grpc_backend_ssl_root_certs_file=/no",
            ],
            Some("/r"),
            None,
        ),
        (
            &[
                "--enable_grpc_backend_ssl",
                "--grpc_backend_ssl_root_certs_file=/r",
                "--grpc_backend_ssl_private_key_file=/k",
                "--grpc_backend_ssl_cert_chain_file=/c",
            ],
            Some("/r"),
            Some(("/c", "/k")),
        ),
        (&["--enable_grpc_backend_ssl"], None, None),
    ] {
        let tls = valid(line).backend_tls;
        assert_eq!(tls.root_certificates.as_deref(), roots, "{line:?}");
        let files = tls.client_certificate.as_ref();
        let files = files.map(|files| (&files.certificate[..], &files.private_key[..]));
        assert_eq!(files, certificate, "{line:?}");
    }
}

#[test]
fn the_lowest_version_of_tls_is_one_that_is_spoken() {
    use TlsVersion::{V1_2, V1_3};
    for (line, expected, remarks) in [
        (&["--ssl_minimum_protocol=TLSv1.3"][..], V1_3, 0),
        (
            &[
                "--ssl_minimum_protocol=TLSv1.2",
                "--ssl_maximum_protocol=TLSv1.3",
            ],
            V1_2,
            0,
        ),
        (&["--ssl_minimum_protocol=TLSv1.0"], V1_2, 1),
        (&["--ssl_maximum_protocol=TLSv1.2"], V1_2, 1),
        (&["--ssl_maximum_protocol=TLSv1.1"], V1_2, 1),
        (
            &["--ssl_protocols=TLSv1.3", "--ssl_protocols=TLSv1.2"],
            V1_2,
            0,
        ),
        (&["--ssl_protocols=TLSv1.3"], V1_3, 0),
        (&["--ssl_protocols=TLSv1 TLSv1.1 TLSv1.2"], V1_2, 2),
    ] {
        let options = valid(line);
        assert_eq!(
            (options.lowest_tls, options.remarks.len()),
            (expected, remarks),
            "{line:?}"
        );
    }
}

#[test]
fn header_flags_are_edits_of_constant_values() {
    let edits = |line: &[&str]| {
        let options = valid(line);
        let shown = |edit: &HeaderEdit| match &edit.action {
            HeaderAction::Replace(value) => format!("{} = {value}", edit.name),
            HeaderAction::Append(value) => format!("{} + {value}", edit.name),
            HeaderAction::Remove => format!("{} removed", edit.name),
        };
        let all = options
            .request_headers
            .iter()
            .map(|edit| format!("> {}", shown(edit)));
        let all = all.chain(
            options
                .response_headers
                .iter()
                .map(|edit| format!("< {}", shown(edit))),
        );
        (all.collect::<Vec<_>>(), options.remarks.len())
    };
    for (line, expected, remarks) in [
        (
            &["--add_request_header=a=1", "--add_request_header=B=2"][..],
            &["> a = 1", "> B = 2"][..],
            0,
        ),
        (
            &["--add_request_header=a=1;b=2;"],
            &["> a = 1", "> b = 2"],
            0,
        ),
        (
            &["--add_request_header=a=1", "--add_request_header=A=2"],
            &["> a = 2"],
            0,
        ),
        (
            &[
                "--append_request_header=a=1",
                "--append_request_header=A=2",
                "--add_request_header=a=0",
            ],
            &["> a = 0", "> a + 1, 2"],
            0,
        ),
        (
            &[
                "--add_response_header=a=50%%",
                "--append_response_header=b=x",
            ],
            &["< a = 50%", "< b + x"],
            0,
        ),
        (
            &["--add_request_header=x-ip=%DOWNSTREAM_REMOTE_ADDRESS%"],
            &["> x-ip removed"],
            1,
        ),
        (
            &["--append_request_header=x-ip=%DOWNSTREAM_REMOTE_ADDRESS%"],
            &[],
            1,
        ),
        (
            &["--add_response_header=x-ip=%DOWNSTREAM_REMOTE_ADDRESS%"],
            &[],
            1,
        ),
        (&["--add_request_header=\"a=1\""], &["> a = 1"], 1),
        (
            &["--enable_operation_name_header"],
            &["> X-Endpoint-API-Operation-Name removed"],
            1,
        ),
        (
            &["--enable_strict_transport_security"],
            &["< Strict-Transport-Security = max-age=31536000; includeSubdomains"],
            0,
        ),
        (
            &[
                "--enable_strict_transport_security",
                "--add_response_header=strict-transport-security=a",
            ],
            &["< Strict-Transport-Security = a"],
            0,
        ),
    ] {
        let (found, count) = edits(line);
        assert_eq!(found, expected, "{line:?}");
        assert_eq!(count, remarks, "{line:?}");
    }
}

#[test]
fn other_flags_have_their_effects() {
    let options = valid(&[
        "--healthz=healthz",
        "--enable_backend_address_override",
        "--disallow_colon_in_wildcard_path_segment",
        "--corsgate_strict",
        "--corsgate_dangerously_no_authentication",
        "--client_max_body_size=32m",
        "--xff_trusted_proxy_list=10.0.0.0/8, ::1,",
        "--backend_retry_num=3",
        "--ssl_server_root_cert_path=/ca.crt",
        "--ssl_server_cert_path=/a",
    ]);
    assert_eq!(options.healthz.as_deref(), Some("/healthz"));
    assert!(options.overrides_backend_addresses && options.disallows_colons);
    assert!(options.is_strict && options.dangerously_no_authentication);
    assert_eq!(options.max_request_body_bytes, Some(32 << 20));
    assert_eq!(options.trusted_proxies, ["10.0.0.0/8", "::1/128"]);
    assert_eq!(options.backend_retries, 3);
    assert_eq!(options.client_authorities.as_deref(), Some("/ca.crt"));
    assert_eq!(options.remarks, []);
    assert_eq!(valid(&["-z", "/a"]).healthz.as_deref(), Some("/a"));
    assert_eq!(valid(&["-z="]).healthz, None);
    assert_eq!(
        valid(&["--client_max_body_size=0"]).max_request_body_bytes,
        None
    );
    assert_eq!(valid(&["--backend_retry_ons="]).backend_retries, 0);
    assert_eq!(valid(&["--backend_retry_num=11"]).backend_retries, 10);
}

#[test]
fn help_ends_the_reading() {
    for line in [
        &["--help"][..],
        &["-h", "--quux"],
        &["--quux", "--hel"],
        &["-th"],
    ] {
        assert_eq!(read_or_help(line, &[]), Ok(None), "{line:?}");
    }
}

#[test]
fn every_flag_is_listed_with_its_effect_and_works_as_listed() {
    let flags = flags();
    assert_eq!(flags.len(), 113 + 35 + 2);
    assert_eq!(flags.iter().filter(|flag| flag.is_of_espv2).count(), 113);
    for flag in &flags {
        let name = flag
            .names
            .iter()
            .find(|name| name.starts_with("--"))
            .expect("a long name");
        let argument = if flag.takes_value {
            format!("{name}=1")
        } else {
            (*name).to_owned()
        };
        // Asking for help has no options.
        let read = read_or_help(&[&argument], &[]);
        let options = read.as_ref().ok().and_then(Option::as_ref);
        let remarks = options.map_or(&[][..], |options| &options.remarks);
        let of_flag = remarks.iter().find(|remark| remark.flag == *name);
        let kind = of_flag.map(|remark| remark.kind);
        match flag.effect {
            Effect::Works(_) => {}
            // A choice does not take `1`.
            Effect::None(_) if read.is_ok() => {
                assert_eq!(kind, Some(RemarkKind::NoEffect), "{name}");
            }
            Effect::Warns(_) if read.is_ok() => {
                assert_eq!(kind, Some(RemarkKind::Warning), "{name}");
            }
            Effect::None(_) | Effect::Warns(_) => {}
            Effect::Refused { .. } => assert!(read.is_err(), "{name}"),
        }
        assert!(!flag.effect.to_string().contains('\n'), "{name}");
    }
    assert_eq!(flags[1].usage(), "--cors_preset=VALUE");
    assert_eq!(
        flags[1].effect.to_string(),
        "answers preflights: `basic` or `cors_with_regex`"
    );
}

#[test]
fn errors_are_bounded() {
    let line = vec!["x"; 10_000];
    assert_eq!(
        read(&line, &[]).map_err(|errors| errors.len()).err(),
        Some(100)
    );
}
