//! Ports, and the TLS that they speak.

use super::arguments::shown;
use super::backend::{NGINX_FOLDER, files};
use super::given::{Given, Value};
use super::options::{ListenerOptions, TlsVersion};
use super::report::{Report, Source};

const ADMIN: &str = "--status_port";
const DEFAULT: &str = "--listener_port";
const TLS_PORT: &str = "--ssl_port";
const CERTIFICATE: &str = "--ssl_server_cert_path";
const CLIENT_AUTHORITIES: &str = "--ssl_server_root_cert_path";
const LOWEST: &str = "--ssl_minimum_protocol";
const HIGHEST: &str = "--ssl_maximum_protocol";
const PROTOCOLS: &str = "--ssl_protocols";

const PORTS: [&str; 4] = [DEFAULT, "--http_port", "--http2_port", TLS_PORT];
const DEFAULT_PORT: u16 = 8080;
/// The variable that gives way to flags.
const PORT_VARIABLE: Source = Source::Variable("PORT");

/// The versions of TLS and their names: ESPv2's, and those that nginx has in place of or besides them.
const VERSIONS: [(&str, u8); 7] = [
    ("SSLv2", 0),
    ("SSLv3", 0),
    ("TLSv1", 10),
    ("TLSv1.0", 10),
    ("TLSv1.1", 11),
    ("TLSv1.2", 12),
    ("TLSv1.3", 13),
];

/// Ports that clients and operators connect to.
pub(super) struct Ports {
    pub listeners: Vec<ListenerOptions>,
    pub admin: Option<u16>,
}

/// Reads the ports.
pub(super) fn read(given: &Given, report: &mut Report) -> Ports {
    given.refuse_both(
        TLS_PORT,
        CERTIFICATE,
        "they name different certificates",
        report,
    );
    let mut named: Vec<(&'static str, &Value)> = PORTS
        .into_iter()
        .filter_map(|flag| Some((flag, given.last(flag)?)))
        .collect();
    if named.iter().any(|(_, value)| value.source != PORT_VARIABLE) {
        let of_flags = |(flag, value): &(&'static str, &Value)| {
            let is_of_flag = value.source != PORT_VARIABLE;
            if !is_of_flag {
                report.warn(
                    flag,
                    value.source,
                    "a flag names another port, which counts",
                );
            }
            is_of_flag
        };
        named.retain(of_flags);
    }
    let certificate = given
        .filled(CERTIFICATE)
        .map(|value| files(&value.text, ("server", "nginx"), CERTIFICATE));
    if let Some(value) = given
        .last(CERTIFICATE)
        .filter(|value| value.text.is_empty())
    {
        report.warn(
            CERTIFICATE,
            value.source,
            "it is empty, and so the ports speak no TLS",
        );
    }
    let mut listeners: Vec<ListenerOptions> = Vec::new();
    for (flag, value) in named {
        let Some(port) = port(flag, value, 1, report) else {
            continue;
        };
        if let Some(other) = listeners.iter().find(|other| other.port == port) {
            let message = format!("`{}` has the same port {port}", other.flag);
            report.error(
                flag,
                value.source,
                message,
                "write another port, or remove it",
            );
        }
        let certificate = match flag {
            TLS_PORT => Some(files(NGINX_FOLDER, ("server", "nginx"), TLS_PORT)),
            _ => certificate.clone(),
        };
        listeners.push(ListenerOptions {
            port,
            flag,
            certificate,
        });
    }
    if listeners.is_empty() {
        listeners.push(ListenerOptions {
            port: DEFAULT_PORT,
            flag: DEFAULT,
            certificate,
        });
    }
    let admin = given.last(ADMIN);
    let admin_port = admin.and_then(|value| port(ADMIN, value, 0, report));
    let admin_port = admin_port.filter(|port| *port != 0);
    if let Some(other) = listeners
        .iter()
        .find(|other| Some(other.port) == admin_port)
    {
        let message = format!("`{}` has the same port {}", other.flag, other.port);
        report.error(
            ADMIN,
            given.source(ADMIN),
            message,
            "write another port, or 0 for no admin pages",
        );
    }
    Ports {
        listeners,
        admin: admin_port,
    }
}

fn port(flag: &str, value: &Value, least: u16, report: &mut Report) -> Option<u16> {
    let is_number = value.text.bytes().all(|byte| byte.is_ascii_digit());
    let port = value.text.parse::<u16>().ok();
    let port = port.filter(|port| is_number && *port >= least);
    if port.is_none() {
        report.error(
            flag,
            value.source,
            format!("`{}` is not a port", shown(&value.text)),
            format!("write a number from {least} to 65535"),
        );
    }
    port
}

/// Reads the authorities of client certificates.
pub(super) fn client_authorities(
    listeners: &[ListenerOptions],
    given: &Given,
    report: &mut Report,
) -> Option<String> {
    let value = given.last(CLIENT_AUTHORITIES)?;
    if value.text.is_empty() {
        let message = "it is empty, and so clients need no certificate";
        report.warn(CLIENT_AUTHORITIES, value.source, message);
        return None;
    }
    let is_plain = |listener: &ListenerOptions| listener.certificate.is_none();
    if let Some(plain) = listeners.iter().find(|listener| is_plain(listener)) {
        let message = format!(
            "port {} speaks no TLS, and clients show no certificate there; `{CERTIFICATE}` makes it speak TLS",
            plain.port
        );
        report.warn(CLIENT_AUTHORITIES, value.source, message);
    }
    Some(value.text.clone())
}

/// Reads the lowest version of TLS.
pub(super) fn lowest_tls(given: &Given, report: &mut Report) -> TlsVersion {
    for flag in [LOWEST, HIGHEST] {
        given.refuse_both(
            PROTOCOLS,
            flag,
            "both say which versions of TLS there are",
            report,
        );
    }
    let mut versions: Vec<(&'static str, Source, u8)> = Vec::new();
    for flag in [LOWEST, HIGHEST] {
        let value = given.filled(flag);
        let version = value.and_then(|value| Some((flag, value.source, version(&value.text)?)));
        versions.extend(version);
    }
    let bound = |wanted: &str| {
        let found = versions.iter().find(|(flag, ..)| *flag == wanted);
        found.map(|(flag, source, version)| (*flag, *source, *version))
    };
    let (mut lowest, mut highest) = (bound(LOWEST), bound(HIGHEST));
    for value in given.all(PROTOCOLS) {
        for name in value.text.split_ascii_whitespace() {
            let Some(version) = version(name) else {
                let message = format!("`{}` is not a version of TLS", shown(name));
                report.error(
                    PROTOCOLS,
                    value.source,
                    message,
                    "write `TLSv1.2` or `TLSv1.3`",
                );
                continue;
            };
            let this = (PROTOCOLS, value.source, version);
            lowest = Some(lowest.filter(|other| other.2 <= version).unwrap_or(this));
            highest = Some(highest.filter(|other| other.2 >= version).unwrap_or(this));
        }
    }
    if let (Some((flag, source, lowest)), Some((_, _, highest))) = (lowest, highest)
        && lowest > highest
    {
        let message = format!("it is higher than `{HIGHEST}`");
        report.error(
            flag,
            source,
            message,
            "write a lower version, or remove one of them",
        );
    }
    if let Some((flag, source, version)) = lowest
        && version < 12
    {
        report.warn(
            flag,
            source,
            "TLSv1.2 is the lowest version that there is; older clients can't connect",
        );
    }
    if let Some((flag, source, version)) = highest
        && version < 13
    {
        report.warn(flag, source, "TLSv1.3 is spoken, too, by clients that can");
    }
    match lowest {
        Some((_, _, 13)) => TlsVersion::V1_3,
        _ => TlsVersion::V1_2,
    }
}

fn version(name: &str) -> Option<u8> {
    let found = VERSIONS.iter().find(|(known, _)| *known == name);
    found.map(|(_, version)| *version)
}
