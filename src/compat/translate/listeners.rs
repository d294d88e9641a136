//! The addresses that the gateway listens on, and what holds for all of its clients.

use super::text::{Text, list, quoted};
use super::{Notes, written};
use crate::compat::flags::{Options, TlsVersion};

pub(super) fn write(text: &mut Text, notes: &mut Notes, options: &Options) {
    text.line(0, "listeners:");
    for listener in &options.listeners {
        text.comment(2, &written(options, listener.flag));
        text.line(2, &format!("- address: 0.0.0.0:{}", listener.port));
        if let Some(files) = &listener.certificate {
            text.line(4, "tls:");
            text.line(6, "certificates:");
            let (certificate, key) = (quoted(&files.certificate), quoted(&files.private_key));
            text.line(
                8,
                &format!("- {{ certificate: {certificate}, private_key: {key} }}"),
            );
            if options.lowest_tls == TlsVersion::V1_3 {
                text.comment(6, &written(options, "ssl_minimum_protocol"));
                text.line(6, "min_version: TLSv1.3");
            }
            if let Some(authorities) = &options.client_authorities {
                text.comment(6, &written(options, "ssl_server_root_cert_path"));
                text.line(6, &format!("client_ca: {}", quoted(authorities)));
                text.line(6, "client_certificate: always");
            }
        }
    }
    if let Some(port) = options.admin_port {
        text.blank();
        text.comment(0, &written(options, "status_port"));
        text.line(0, "admin:");
        text.line(2, &format!("address: 127.0.0.1:{port}"));
        notes.info(
            "--status_port: the admin pages (/metrics, /readyz, /config, /explain) are corsgate's own, and on the \
             loopback address alone; for Prometheus on another machine there is the section `metrics`"
                .to_owned(),
        );
    }
    if let Some(path) = &options.access_log {
        text.blank();
        text.comment(0, &written(options, "access_log"));
        text.line(0, "access_log:");
        text.line(2, &format!("path: {}", quoted(path)));
    }
    if !options.trusted_proxies.is_empty() {
        text.blank();
        text.comment(0, &written(options, "xff_trusted_proxy_list"));
        let proxies = list(options.trusted_proxies.iter().map(String::as_str));
        text.line(0, &format!("trusted_proxies: {proxies}"));
    }
    if let Some(bytes) = options.max_request_body_bytes {
        text.blank();
        text.line(0, "limits:");
        text.comment(2, &written(options, "client_max_body_size"));
        text.line(2, &format!("max_request_body_bytes: {bytes}B"));
    }
}
