"""The certificate of all servers, and the settings of OpenSSL for all clients that use it."""

import subprocess
from pathlib import Path

from console import BenchError
from traffic import HOST

# What every connection has, so that no target is measured with a cheaper one: Chrome's first choice
# of ciphers, and a key exchange that all targets have.
CIPHER = "TLS_AES_128_GCM_SHA256"
GROUP = "X25519"

CHAIN = "tls.crt"
KEY = "tls.key"
# Both in one file, for HAProxy.
BOTH = "tls.pem"
# For OPENSSL_CONF: wrk and nghttp have no options for it.
CLIENTS = "clients.cnf"

_CLIENTS = f"""\
openssl_conf = settings
[settings]
ssl_conf = ssl
[ssl]
system_default = clients
[clients]
MinProtocol = TLSv1.3
Ciphersuites = {CIPHER}
Groups = {GROUP}
"""


def make(directory: Path) -> None:
    """Writes all files. The key is ECDSA P-256, and signed by itself: no client verifies it."""
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    name = f"-subj /CN={HOST} -addext subjectAltName=DNS:{HOST}"
    command = f"openssl req -x509 -days 2 {key} {name} -keyout {KEY} -out {CHAIN}"
    try:
        subprocess.run(command.split(), cwd=directory, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise BenchError(f"openssl makes no certificate: {error.stderr.strip()[-500:]}") from error
    both = [(directory / name).read_text() for name in (CHAIN, KEY)]
    (directory / BOTH).write_text("".join(both))
    (directory / CLIENTS).write_text(_CLIENTS)
