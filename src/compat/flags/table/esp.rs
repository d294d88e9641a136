//! The flags of ESP's `start_esp.py` that ESPv2 does not have.

use super::Effect::{None as NoEffect, Refused, Warns, Works};
use super::Kind::{Integer, List, Switch, Text};
use super::{Group, v1};

pub(super) const GROUPS: &[Group] = &[
    Group {
        effect: Works("the proxies whose X-Forwarded-For is believed, as networks"),
        flags: &[v1(&["-x", "--xff_trusted_proxy_list"], Text)],
    },
    Group {
        effect: Works(
            "the maximum size of a request's body, as nginx writes sizes; 0 for any size",
        ),
        flags: &[v1(&["--client_max_body_size"], Text)],
    },
    Group {
        effect: Works(
            "the gateway's own certificate for backends, with `--enable_grpc_backend_ssl`",
        ),
        flags: &[
            v1(&["--grpc_backend_ssl_private_key_file"], Text),
            v1(&["--grpc_backend_ssl_cert_chain_file"], Text),
        ],
    },
    Group {
        effect: NoEffect("Google's control plane is not asked for the service's configuration"),
        flags: &[
            v1(&["-c", "--service_config_url"], Text),
            v1(&["-m", "--metadata"], Text),
            v1(&["--rollout_fetch_throttle_window_in_s"], Integer),
            v1(&["--compute_platform_override"], Text),
        ],
    },
    Group {
        effect: NoEffect("nothing is reported to Google's Service Control"),
        flags: &[
            v1(&["--service_control_url_override"], Text),
            v1(&["--service_control_network_fail_open"], Switch),
            v1(&["--log_jwt_payload"], Text),
            v1(&["--enable_api_key_uid_reporting"], Text),
        ],
    },
    Group {
        effect: NoEffect("tokens are not checked here"),
        flags: &[v1(&["--enable_jwt_authorization_url_redirect"], Switch)],
    },
    Group {
        effect: NoEffect("nginx is not run"),
        flags: &[
            v1(&["--config_dir"], Text),
            v1(&["--server_config_dir"], Text),
            v1(&["--server_config_template"], Text),
            v1(&["--server_config_generation_path"], Text),
            v1(&["--nginx"], Text),
            v1(&["--nginx_debug"], Text),
            v1(&["--pid_file"], Text),
            v1(&["--client_body_buffer_size"], Text),
        ],
    },
    Group {
        effect: NoEffect("`server.threads` of the configuration is one per core"),
        flags: &[v1(&["--worker_processes"], Text)],
    },
    Group {
        effect: NoEffect("the gateway always does so"),
        flags: &[
            v1(&["--enable_websocket"], Switch),
            v1(&["--allow_invalid_headers"], Switch),
        ],
    },
    Group {
        effect: Warns("the time-outs of the configuration hold: `limits.body_timeout`"),
        flags: &[v1(&["--client_body_timeout"], Text)],
    },
    Group {
        effect: Warns("the time-outs of the configuration hold: `limits.keepalive_timeout`"),
        flags: &[v1(&["--keepalive_timeout"], Text)],
    },
    Group {
        effect: Warns("the bound of the configuration holds: `limits.max_request_header_bytes`"),
        flags: &[v1(&["--large_client_header_buffers"], Text)],
    },
    Group {
        effect: Warns("no path is rewritten by a regex"),
        flags: &[v1(&["--rewrite"], List)],
    },
    Group {
        effect: Warns("the backend is asked for the host that the client asked for"),
        flags: &[v1(&["--experimental_proxy_backend_host_header"], Text)],
    },
    Group {
        effect: Warns("a gateway has one description"),
        flags: &[v1(&["--experimental_enable_multiple_api_configs"], Switch)],
    },
    Group {
        effect: Warns(
            "the client is the connection's own address, or as `--xff_trusted_proxy_list` has it",
        ),
        flags: &[
            v1(&["--client_ip_header"], Text),
            v1(&["--client_ip_position"], Text),
        ],
    },
    Group {
        effect: Refused {
            reason: "nginx is not run, and what its configuration protects would be open",
            remedy: "remove the flag, and write what the file adds into a configuration: `corsgate import espv2` \
                     prints one for the other flags",
        },
        flags: &[
            v1(&["-n", "--nginx_config"], Text),
            v1(&["--template"], Text),
        ],
    },
    Group {
        effect: Refused {
            reason: "ESP writes its configuration and ends, and this would serve",
            remedy: "run `corsgate import espv2` with the other flags, which prints a configuration",
        },
        flags: &[v1(&["--generate_config_file_only"], Switch)],
    },
];
