//! The flags of ESPv2's `start_proxy.py`. Those that ESP has as well have their short names of there, too.

use super::Effect::{None as NoEffect, Refused, Warns, Works};
use super::Kind::{Choice, Help, Integer, List, Switch, Text};
use super::{Group, v2};

const TLS_VERSIONS: &[&str] = &["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

pub(super) const GROUPS: &[Group] = &[
    Group {
        effect: Works("prints the flags"),
        flags: &[v2(&["-h", "--help"], Help)],
    },
    Group {
        effect: Works("answers preflights: `basic` or `cors_with_regex`"),
        flags: &[v2(&["--cors_preset"], Text)],
    },
    Group {
        effect: Works("the one origin that is allowed, or `*`, with the preset `basic`"),
        flags: &[v2(&["--cors_allow_origin"], Text)],
    },
    Group {
        effect: Works("a regex for the whole origin, with the preset `cors_with_regex`"),
        flags: &[v2(&["--cors_allow_origin_regex"], Text)],
    },
    Group {
        effect: Works("sent as it is written, with a preset"),
        flags: &[
            v2(&["--cors_allow_methods"], Text),
            v2(&["--cors_allow_headers"], Text),
            v2(&["--cors_expose_headers"], Text),
        ],
    },
    Group {
        effect: Works("permits credentials, with a preset"),
        flags: &[v2(&["--cors_allow_credentials"], Switch)],
    },
    Group {
        effect: Works("the time for which browsers keep the answer, with a preset"),
        flags: &[v2(&["--cors_max_age"], Text)],
    },
    Group {
        effect: Works("the backend"),
        flags: &[v2(&["-a", "--backend"], Text)],
    },
    Group {
        effect: Works("sends everything to `--backend`, whatever the description says"),
        flags: &[v2(&["--enable_backend_address_override"], Switch)],
    },
    Group {
        effect: Works("a port for HTTP/1.1, HTTP/2 and gRPC; the certificate's, if there is one"),
        flags: &[
            v2(&["--listener_port"], Integer),
            v2(&["-p", "--http_port"], Integer),
            v2(&["-P", "--http2_port"], Integer),
        ],
    },
    Group {
        effect: Works("a port for TLS, with the files /etc/nginx/ssl/nginx.crt and nginx.key"),
        flags: &[v2(&["-S", "--ssl_port"], Integer)],
    },
    Group {
        effect: Works("the folder of server.crt and server.key; all ports speak TLS then"),
        flags: &[v2(&["--ssl_server_cert_path"], Text)],
    },
    Group {
        effect: Works("the authorities of client certificates, which clients need then"),
        flags: &[v2(&["--ssl_server_root_cert_path"], Text)],
    },
    Group {
        effect: Works("the lowest version of TLS for clients; TLSv1.2 is the lowest there is"),
        flags: &[v2(&["--ssl_minimum_protocol"], Choice(TLS_VERSIONS))],
    },
    Group {
        effect: Works("the versions of TLS for clients, of which the lowest one counts"),
        flags: &[v2(&["--ssl_protocols"], List)],
    },
    Group {
        effect: Works("the highest version of TLS for clients; TLSv1.3 is always spoken"),
        flags: &[v2(&["--ssl_maximum_protocol"], Choice(TLS_VERSIONS))],
    },
    Group {
        effect: Works("the folder of the gateway's own certificate for backends with TLS"),
        flags: &[
            v2(&["--ssl_backend_client_cert_path"], Text),
            v2(&["--ssl_client_cert_path"], Text),
        ],
    },
    Group {
        effect: Works("shows backends /etc/nginx/ssl/backend.crt"),
        flags: &[v2(&["-t", "--tls_mutual_auth"], Switch)],
    },
    Group {
        effect: Works("the authorities of backends' certificates"),
        flags: &[
            v2(&["--ssl_backend_client_root_certs_file"], Text),
            v2(&["--ssl_client_root_certs_file"], Text),
        ],
    },
    Group {
        effect: Works("takes the `--grpc_backend_ssl_` flags into account"),
        flags: &[v2(&["--enable_grpc_backend_ssl"], Switch)],
    },
    Group {
        effect: Works(
            "the authorities of backends' certificates, with `--enable_grpc_backend_ssl`",
        ),
        flags: &[v2(&["--grpc_backend_ssl_root_certs_file"], Text)],
    },
    Group {
        effect: Works("adds Strict-Transport-Security to responses"),
        flags: &[v2(&["--enable_strict_transport_security"], Switch)],
    },
    Group {
        effect: Works("a path that the gateway answers with 200"),
        flags: &[v2(&["-z", "--healthz"], Text)],
    },
    Group {
        effect: Works("a port for the admin pages; 0 is off"),
        flags: &[v2(&["-N", "--status_port", "--admin_port"], Integer)],
    },
    Group {
        effect: Works("the description of the service"),
        flags: &[v2(&["--service_json_path"], Text)],
    },
    Group {
        effect: Works("names the service; its description can't be fetched from Google"),
        flags: &[v2(&["-s", "--service"], Text)],
    },
    Group {
        effect: Works("lets no colon into a segment that `*` stands for"),
        flags: &[v2(&["--disallow_colon_in_wildcard_path_segment"], Switch)],
    },
    Group {
        effect: Works("sets a field to a constant value, NAME=VALUE"),
        flags: &[
            v2(&["--add_request_header"], List),
            v2(&["--add_response_header"], List),
        ],
    },
    Group {
        effect: Works("adds a field with a constant value, NAME=VALUE"),
        flags: &[
            v2(&["--append_request_header"], List),
            v2(&["--append_response_header"], List),
        ],
    },
    Group {
        effect: Works("the number of further tries"),
        flags: &[v2(&["--backend_retry_num"], Text)],
    },
    Group {
        effect: Works(
            "no further tries if it is empty; otherwise the gateway's own conditions hold",
        ),
        flags: &[v2(&["--backend_retry_ons"], Text)],
    },
    Group {
        effect: NoEffect("Google's control plane is not asked for the service's configuration"),
        flags: &[
            v2(&["-v", "--version"], Text),
            v2(&["-R", "--rollout_strategy"], Choice(&["fixed", "managed"])),
            v2(&["-g", "--management"], Text),
            v2(&["--check_metadata"], Switch),
            v2(&["--non_gcp"], Switch),
            v2(&["-k", "--service_account_key"], Text),
            v2(&["--enable_application_default_credentials"], Switch),
            v2(&["--http_request_timeout_s"], Integer),
        ],
    },
    Group {
        effect: NoEffect("nothing is reported to Google's Service Control"),
        flags: &[
            v2(&["--log_request_headers"], Text),
            v2(&["--log_response_headers"], Text),
            v2(&["--log_jwt_payloads"], Text),
            v2(
                &[
                    "--service_control_enable_api_key_uid_reporting",
                    "--no-service_control_enable_api_key_uid_reporting",
                ],
                Switch,
            ),
            v2(&["--service_control_url"], Text),
            v2(&["--service_control_check_timeout_ms"], Text),
            v2(&["--service_control_quota_timeout_ms"], Text),
            v2(&["--service_control_report_timeout_ms"], Text),
            v2(&["--service_control_check_retries"], Text),
            v2(&["--service_control_quota_retries"], Text),
            v2(&["--service_control_report_retries"], Text),
        ],
    },
    Group {
        effect: Warns(
            "keys and quotas are not checked, so that a failure to check them stops nothing",
        ),
        flags: &[v2(
            &["--service_control_network_fail_policy"],
            Choice(&["open", "close"]),
        )],
    },
    Group {
        effect: NoEffect("tokens are not checked here"),
        flags: &[
            v2(&["--disable_jwks_async_fetch"], Switch),
            v2(&["--jwks_async_fetch_fast_listener"], Switch),
            v2(&["--jwt_cache_size"], Text),
            v2(&["--jwks_cache_duration_in_s"], Text),
            v2(&["--jwks_fetch_num_retries"], Text),
            v2(&["--jwks_fetch_retry_back_off_base_interval_ms"], Text),
            v2(&["--jwks_fetch_retry_back_off_max_interval_ms"], Text),
            v2(&["--jwt_pad_forward_payload_header"], Switch),
            v2(&["--disable_jwt_audience_service_name_check"], Switch),
        ],
    },
    Group {
        effect: NoEffect("no traces are sent"),
        flags: &[
            v2(&["--disable_tracing"], Switch),
            v2(&["--tracing_project_id"], Text),
            v2(&["--tracing_sample_rate"], Text),
            v2(&["--disable_cloud_trace_auto_sampling"], Switch),
            v2(&["--tracing_incoming_context"], Text),
            v2(&["--tracing_outgoing_context"], Text),
            v2(&["--cloud_trace_url_override"], Text),
        ],
    },
    Group {
        effect: Works("the file of the access log"),
        flags: &[v2(&["--access_log"], Text)],
    },
    Group {
        effect: NoEffect("the access log's lines are JSON, with fields of their own"),
        flags: &[v2(&["--access_log_format"], Text)],
    },
    Group {
        effect: NoEffect("the detail of the log is set by the variable RUST_LOG"),
        flags: &[v2(&["--enable_debug"], Switch)],
    },
    Group {
        effect: NoEffect("Envoy is not run"),
        flags: &[
            v2(&["--ads_named_pipe"], Text),
            v2(&["--envoy_connection_buffer_limit_bytes"], Text),
            v2(&["--on_serverless"], Switch),
        ],
    },
    Group {
        effect: NoEffect("the gateway always does so"),
        flags: &[
            v2(&["--envoy_use_remote_address"], Switch),
            v2(&["--enable_backend_routing"], Switch),
            v2(&["--underscores_in_headers"], Switch),
        ],
    },
    Group {
        effect: NoEffect("the scheme of `--backend` says which protocol it speaks"),
        flags: &[v2(
            &["--backend_protocol"],
            Choice(&["http1", "http2", "grpc"]),
        )],
    },
    Group {
        effect: NoEffect("addresses of both families are used, as the system's resolver has them"),
        flags: &[v2(
            &["--backend_dns_lookup_family"],
            Choice(&["auto", "v4only", "v6only", "v4preferred", "all"]),
        )],
    },
    Group {
        effect: Warns("names are resolved by the system's resolver alone"),
        flags: &[
            v2(&["--dns_resolver_addresses"], Text),
            v2(&["--dns"], Text),
        ],
    },
    Group {
        effect: Warns(
            "the suites of TLS can't be chosen; all that are spoken have forward secrecy",
        ),
        flags: &[
            v2(&["--ssl_server_cipher_suites"], Text),
            v2(&["--ssl_backend_client_cipher_suites"], Text),
        ],
    },
    Group {
        effect: Warns(
            "the client is the connection's own address, and X-Forwarded-For of clients is removed; list the \
             proxies in front by `--xff_trusted_proxy_list`",
        ),
        flags: &[v2(&["--envoy_xff_num_trusted_hops"], Text)],
    },
    Group {
        effect: Warns(
            "the backend's gRPC health service is not asked; health says that the gateway runs",
        ),
        flags: &[
            v2(&["--health_check_grpc_backend"], Switch),
            v2(&["--health_check_grpc_backend_service"], Text),
            v2(&["--health_check_grpc_backend_interval"], Text),
            v2(&["--health_check_grpc_backend_no_traffic_interval"], Text),
        ],
    },
    Group {
        effect: Warns("X-Endpoint-API-Operation-Name is not sent, and a client's own is removed"),
        flags: &[v2(&["--enable_operation_name_header"], Switch)],
    },
    Group {
        effect: Warns("a path with a dot segment is always refused with 400"),
        flags: &[v2(&["--disable_normalize_path"], Switch)],
    },
    Group {
        effect: Warns(
            "backends get slashes as clients sent them; a path that leads to another route without the empty \
             segments is refused with 400",
        ),
        flags: &[v2(&["--disable_merge_slashes_in_path"], Switch)],
    },
    Group {
        effect: Warns(
            "no request is redirected for an encoded slash; a path that leads to another route with it decoded \
             is refused with 400",
        ),
        flags: &[v2(&["--disallow_escaped_slashes_in_path"], Switch)],
    },
    Group {
        effect: Warns("no response's status makes the gateway try again"),
        flags: &[v2(&["--backend_retry_on_status_codes"], Text)],
    },
    Group {
        effect: Warns("the time-outs of the configuration hold, which are for each try"),
        flags: &[v2(&["--backend_per_try_timeout"], Text)],
    },
    Group {
        effect: Warns("JSON is not transcoded to gRPC and back; clients need gRPC or gRPC-Web"),
        flags: &[
            v2(&["--transcoding_always_print_primitive_fields"], Switch),
            v2(&["--transcoding_always_print_enums_as_ints"], Switch),
            v2(&["--transcoding_stream_newline_delimited"], Switch),
            v2(&["--transcoding_case_insensitive_enum_parsing"], Switch),
            v2(&["--transcoding_preserve_proto_field_names"], Switch),
            v2(&["--transcoding_ignore_query_parameters"], Text),
            v2(&["--transcoding_ignore_unknown_query_parameters"], Switch),
            v2(
                &["--transcoding_query_parameters_disable_unescape_plus"],
                Switch,
            ),
        ],
    },
    Group {
        effect: Warns("a verb that no template has is part of its segment"),
        flags: &[v2(
            &["--transcoding_match_unregistered_custom_verb"],
            Switch,
        )],
    },
    Group {
        effect: Warns("responses are not compressed"),
        flags: &[v2(&["--enable_response_compression"], Switch)],
    },
    Group {
        effect: Warns("Envoy is not run, and its configuration is not read"),
        flags: &[v2(&["--envoy_extra_config_yaml"], Text)],
    },
    Group {
        effect: Refused {
            reason: "no certificate is made here, and without one a port would not speak TLS",
            remedy: "make a certificate as server.crt and server.key, and name its folder by \
                     `--ssl_server_cert_path`",
        },
        flags: &[v2(&["--generate_self_signed_cert"], Switch)],
    },
];
