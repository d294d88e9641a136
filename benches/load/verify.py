"""Whether a target gives the right answers, asked over real sockets before anything is measured."""

import http.client
import re
import ssl
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import origins
import traffic
from certificate import CIPHER, GROUP
from console import BenchError
from process import Server
from traffic import Request
from works import Work

_ALLOWED_METHODS = {"PUT", "PATCH", "DELETE"}
_ALLOWED_HEADERS = {"authorization", "content-type", "x-requested-with", "x-api-key"}
_READY_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    status: int
    fields: dict[str, str]
    body: bytes
    # Fields after the body, over HTTP/2.
    trailers: dict[str, str] = field(default_factory=dict)

    def has(self, name: str, members: set[str]) -> bool:
        return members <= {member.strip() for member in self.fields.get(name, "").split(",")}


Ask = Callable[[Server, list[Request], bool], list[Answer]]


def bare(server: Server, work: Work) -> None:
    """The bare program looks at nothing: it only has to answer, or to forward."""
    request = work.requests()[0]
    (answer,) = _ask(server, [request], tls=False)
    status = 200 if work.pingora else 204
    if answer.status != status or answer.body != request.answer:
        raise BenchError(f"bare does not answer with {status} and the right body: {answer!s:.2000}")


def target(server: Server, work: Work, endpoints: int = 1) -> None:
    """Every request that the load will send, and origins that no policy allows."""
    ask = _ask_http2 if work.http2 else _ask
    requests = work.requests()
    if work.tls:
        _check_tls(server, work.http2)
    _wait_until_ready(server, requests[0], ask, work.tls)
    if work.request is not traffic.preflight and not work.grpc:
        _check_forwarding(server, work, ask, endpoints)
    answers = ask(server, requests, work.tls)
    for origin, answer in zip(origins.samples(work.policy), answers, strict=True):
        problem = _problem(answer, origin, work)
        if problem:
            raise BenchError(f"{server.name} answers {origin} with {problem}: {answer!s:.2000}")
    unknown = [work.request(origin) for origin in origins.UNKNOWN]
    for origin, answer in zip(origins.UNKNOWN, ask(server, unknown, work.tls), strict=True):
        if "access-control-allow-origin" in answer.fields:
            raise BenchError(
                f"{server.name} allows {origin}, which is not in the policy: {answer!s:.2000}"
            )


def _problem(answer: Answer, origin: str, work: Work) -> str | None:
    preflight = work.request is traffic.preflight
    # Envoy and Traefik can't answer with another status than 200, nor preflights with Vary.
    if answer.status not in ((200, 204) if preflight else (200,)):
        return f"status {answer.status}"
    if answer.fields.get("access-control-allow-origin") != origin:
        return "another Access-Control-Allow-Origin"
    if answer.fields.get("access-control-allow-credentials") != "true":
        return "no Access-Control-Allow-Credentials"
    if work.grpc and answer.trailers.get("grpc-status") != "0":
        return "no trailer `grpc-status: 0`"
    if not preflight:
        if answer.body != work.request(origin).answer:
            return "another body than the backend's"
        return None if answer.has("vary", {"Origin"}) else "no `Vary: Origin`"
    if answer.body:
        return "a body"
    if not answer.has("access-control-allow-methods", _ALLOWED_METHODS):
        return "other methods"
    if not answer.has("access-control-allow-headers", _ALLOWED_HEADERS):
        return "other headers"
    return None if answer.fields.get("access-control-max-age") == "7200" else "another max-age"


def _check_forwarding(server: Server, work: Work, ask: Ask, endpoints: int) -> None:
    """By what the backend says of one request more than it has endpoints: Host and X-Forwarded-*, so
    that all do the same work, and that a connection was used again. For a client on 127.0.0.1
    Envoy gives its own address."""
    request = traffic.get(origins.samples(work.policy)[0], traffic.SEEN_PATH)
    scheme = "https" if work.tls else "http"
    host = re.escape(traffic.HOST)
    expected = rf"HTTP/1\.1 {host}, for \d+\.\d+\.\d+\.\d+, {scheme}, {host}; (\d+)"
    counts = []
    for answer in ask(server, [request] * (endpoints + 1), work.tls):
        seen = re.fullmatch(expected, answer.body.decode())
        if not seen:
            raise BenchError(f"{server.name} does not forward `{expected}`: {answer!s:.2000}")
        counts.append(int(seen[1]))
    if max(counts) == 1:
        raise BenchError(f"{server.name} does not keep its connection to the backend")


def _check_tls(server: Server, http2: bool) -> None:
    """By openssl, with the settings that the load generators have from OPENSSL_CONF. It tells
    version, cipher, key exchange, the server's key and the protocol in lines of their own."""
    alpn = "h2" if http2 else "http/1.1"
    connect = f"openssl s_client -connect 127.0.0.1:{server.port} -servername {traffic.HOST}"
    command = [*connect.split(), "-alpn", alpn]
    run = subprocess.run(command, input="", capture_output=True, text=True, timeout=10)
    for expected in (
        rf"^New, TLSv1\.3, Cipher is {CIPHER}$",
        rf"^(Server|Peer) Temp Key: {GROUP}\b",
        r"^Server public key is 256 bit$",
        r"^Peer signature type: (ECDSA|ecdsa_secp256r1_sha256)$",
        rf"^ALPN protocol: {alpn}$",
    ):
        if not re.search(expected, run.stdout, re.MULTILINE):
            raise BenchError(f"{server.name} has no `{expected}` in its handshake: {run.stdout}")


def _wait_until_ready(server: Server, request: Request, ask: Ask, tls: bool) -> None:
    """Traefik listens before it has read its routes, and answers with 404 until then."""
    deadline = time.monotonic() + _READY_SECONDS
    while ask(server, [request], tls)[0].status == 404 and time.monotonic() < deadline:
        time.sleep(0.1)


def _ask(server: Server, requests: list[Request], tls: bool) -> list[Answer]:
    answers = []
    connection = _connection(server, tls)
    try:
        for request in requests:
            headers = {"Host": traffic.HOST, **dict(request.fields)}
            connection.request(request.method, request.path, request.body or None, headers)
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            answers.append(Answer(response.status, fields, response.read()))
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"{server.name} does not answer: {error!r}") from error
    finally:
        connection.close()
    return answers


def _connection(server: Server, tls: bool) -> http.client.HTTPConnection:
    if not tls:
        return http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    # The certificate is signed by itself.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return http.client.HTTPSConnection("127.0.0.1", server.port, timeout=10, context=context)


def _ask_http2(server: Server, requests: list[Request], tls: bool) -> list[Answer]:
    """By nghttp, since Python has no HTTP/2. It tells every field received in a line of its own,
    `[  0.001] recv (stream_id=13) vary: Origin`. A part of the body comes before a line's
    `[  0.001] recv DATA frame <length=105, flags=0x00, stream_id=13>`."""
    answers = []
    for request in requests:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{server.port}{request.path}"
        headers = [f"--header={field}" for field in request.http2()]
        data = ["--data=-"] if request.body else []
        command = ["nghttp", "--verbose", "--timeout=10", *data, *headers, url]
        run = subprocess.run(command, input=request.body, capture_output=True)
        output = run.stdout.decode(errors="replace")
        fields: dict[str, str] = {}
        trailers: dict[str, str] = {}
        body = ""
        for line in output.splitlines():
            _, received, field = line.partition(" recv (stream_id=")
            if received:
                name, _, value = field.partition(") ")[2].partition(": ")
                (trailers if body else fields)[name] = value
            elif " recv DATA frame " in line:
                body += line.rpartition("[")[0]
        if not fields.get(":status", "").isdigit():
            raise BenchError(f"{server.name} does not answer over HTTP/2: {output[-500:]}")
        answers.append(Answer(int(fields[":status"]), fields, body.encode(), trailers))
    return answers
