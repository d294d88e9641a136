#!/usr/bin/env python3
"""Asks real servers what they serve for odd paths, and writes tests/readings/served.yaml.

    scripts/readings.py [--nginx PROGRAM] [--envoy PROGRAM] [--node PROGRAM]

The test `what_a_server_reads_as_another_route_is_refused` compares the gateway with that table. A
server whose program is not there keeps what the table says of it.
"""

import argparse
import contextlib
import http.server
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import wsgiref.simple_server
from pathlib import Path
from urllib.parse import unquote, urlsplit

TABLE = Path(__file__).parent.parent / "tests" / "readings" / "served.yaml"

# Every file has its own path for its content.
FILES = ["/admin/x", "/public/x", "/public/a/b", "/x"]

PATHS = r"""
/admin/x /admi%6E/x /%61dmin/x
//admin/x ///admin/x /admin//x //public//x
/admin%2fx /admin%2Fx /%2Fadmin/x /%2fadmin%2fx /admi%6E%2fx /%2F%2Fadmin%2Fx //admin%2Fx
/admin\x /\admin/x /\\admin/x /admin%5cx /%5Cadmin/x /%5Cadmin%5Cx
//h/admin/x /\h/admin/x /%2Fh/admin/x //h//admin/x //h/x
/admin;v=1/x /admin;/x /;/admin/x /;v=1/admin/x /admin/x;v=1 /admin%3Bv=1/x /;%2Fadmin/x
/%2561dmin/x /admin%252fx /%252Fadmin/x /%252561dmin/x /admin%255Cx
/admin./x /admin../x /admin/x. /admin%20/x /admin/x%20 /admin%2E/x /admin.%20/x /.../admin/x
/admin%00/x /admin/x%00.txt /admin/x%3Fy /admin/x%3F /admin/x%23y
/public/%252e%252e/admin/x /public/..%20/admin/x /public/.%252e/admin/x
/public/../admin/x /public/%2e%2e/admin/x /public/..%2fadmin/x /public/..%5cadmin/x /public/..;/admin/x
http://h/admin/x http://h//admin/x http://h/admin%2Fx http://h/\admin/x
/public/x /public/a%2Fb /public//x /public/x;v=1 /public%2Fx /public/%78 /x /ADMIN/x
""".split()


def served_as(path: str) -> str | None:
    """The file that a path means to a server that reads nothing into it."""
    return path if path in FILES else None


class Files(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        # A NUL is an error that its caller does not expect.
        with contextlib.suppress(ValueError):
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


class QuietWsgi(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def application(environ: dict[str, str], start_response):
    found = served_as(environ["PATH_INFO"])
    start_response("200 OK" if found else "404 Not Found", [("Content-Type", "text/plain")])
    return [(found or "").encode()]


class Split(http.server.BaseHTTPRequestHandler):
    """What many small servers do: split the URL, and decode its path."""

    def do_GET(self) -> None:
        found = served_as(unquote(urlsplit(self.path).path))
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write((found or "").encode())

    def log_message(self, *_: object) -> None:
        pass


NGINX = """
daemon off; master_process off; pid {dir}/pid; error_log /dev/null;
events {{}}
http {{
  access_log off;
  client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
  uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""

# `new URL` as Node's documentation has it for requests; `join` as file servers do.
NODE = """
const http = require('http'), fs = require('fs'), path = require('path');
const [kind, port, root] = process.argv.slice(2);
const name = {
  url: (url) => new URL(url, 'http://h').pathname,
  url_decoded: (url) => decodeURIComponent(new URL(url, 'http://h').pathname),
  file: (url) => path.posix.normalize(decodeURIComponent(url.split('?')[0])),
}[kind];
http.createServer((request, response) => {
  try { response.end(fs.readFileSync(root + name(request.url))); }
  catch { response.writeHead(404).end(); }
}).listen(port, '127.0.0.1');
"""


def envoy_config(port: int, normalizing: bool) -> str:
    routes = [
        {"match": {"path": path}, "direct_response": {"status": 200, "body": {"inline_string": path}}}
        for path in FILES
    ]
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network."
        "http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "x",
        "http_protocol_options": {"allow_absolute_url": True},
        "route_config": {"virtual_hosts": [{"name": "x", "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {
                "name": "router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                },
            }
        ],
    }
    if normalizing:
        manager |= {
            "normalize_path": True,
            "merge_slashes": True,
            "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
        }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return json.dumps({"static_resources": {"listeners": [listener]}})


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def process(command: list[str], port: int):
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port
    finally:
        child.kill()
        child.wait()


@contextlib.contextmanager
def in_process(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def ask(port: int, path: str) -> str | None:
    """The file that the server sends for a path, written on the wire as it is."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200" not in head.split(b"\r\n")[0]:
        return None
    return next((file for file in FILES if file.encode() in body), None)


def version(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return (done.stdout + done.stderr).strip().splitlines()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ["nginx", "envoy", "node"]:
        parser.add_argument(f"--{name}", default=shutil.which(name))
    programs = parser.parse_args()
    served: dict[str, dict[str, str | None]] = {}
    versions: dict[str, str] = {}
    if TABLE.exists():
        old = read_table()
        versions, served = old["versions"], old["served"]
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "root"
        for file in FILES:
            place = root / file[1:]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(file)
        for name, running, of in servers(programs, Path(directory), root):
            with running as port:
                print(f"asking {name}", file=sys.stderr)
                served[name] = {path: ask(port, path) for path in PATHS}
            versions[name] = of
    write_table(versions, served)


def servers(programs, directory: Path, root: Path):
    python = "Python " + sys.version.split()[0]
    local = ("127.0.0.1", 0)
    files = lambda *args: Files(*args, directory=str(root))  # noqa: E731
    yield "python_files", in_process(http.server.ThreadingHTTPServer(local, files)), python
    wsgi = wsgiref.simple_server.make_server(*local, application, handler_class=QuietWsgi)
    yield "python_wsgi", in_process(wsgi), python
    yield "python_urlsplit", in_process(http.server.ThreadingHTTPServer(local, Split)), python
    if programs.nginx:
        port = free_port()
        config = directory / "nginx.conf"
        config.write_text(NGINX.format(dir=directory, port=port, root=root))
        command = [programs.nginx, "-c", str(config), "-e", "/dev/null"]
        yield "nginx", process(command, port), "nginx " + version([programs.nginx, "-v"]).split("/")[-1]
    if programs.node:
        script = directory / "server.js"
        script.write_text(NODE)
        for kind in ["url", "url_decoded", "file"]:
            port = free_port()
            command = [programs.node, str(script), kind, str(port), str(root)]
            of = "Node " + version([programs.node, "--version"])
            yield f"node_{kind}", process(command, port), of
    if programs.envoy:
        for name, normalizing in [("envoy", False), ("envoy_normalizing", True)]:
            port = free_port()
            config = directory / f"{name}.json"
            config.write_text(envoy_config(port, normalizing))
            command = [programs.envoy, "-c", str(config), "--concurrency", "1"]
            command += ["--disable-hot-restart", "--log-level", "off"]
            found = re.search(r"/(\d+\.\d+\.\d+)/", version([programs.envoy, "--version"]))
            of = "Envoy " + (found[1] if found else "")
            yield name, process(command, port), of


def read_table() -> dict:
    """The table is JSON inside YAML's braces, but for its comments."""
    lines = [line for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    versions = {}
    served: dict[str, dict[str, str | None]] = {}
    for line in lines:
        if line.startswith("  - "):
            row = json.loads(line.removeprefix("  - "))
            for name, file in row["served"].items():
                served.setdefault(name, {})[row["path"]] = file
        elif line.startswith("  "):
            name, _, of = line.strip().partition(": ")
            versions[name] = json.loads(of)
    return {"versions": versions, "served": served}


def write_table(versions: dict[str, str], served: dict[str, dict[str, str | None]]) -> None:
    lines = ["# Which file a server sends for a path; null for none. Written by scripts/readings.py."]
    lines += ["versions:", *(f"  {name}: {json.dumps(of)}" for name, of in versions.items())]
    lines += ["paths:"]
    for path in PATHS:
        row = {"path": path, "served": {name: files.get(path) for name, files in served.items()}}
        lines.append(f"  - {json.dumps(row)}")
    TABLE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
