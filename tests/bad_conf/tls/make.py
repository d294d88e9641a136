"""Makes the certificates and keys of this folder anew; needs the package `cryptography`. For tests alone."""

from datetime import datetime, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

HERE = Path(__file__).parent


def day(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=timezone.utc)


def write_key(name: str, key, encryption=NoEncryption()) -> bytes:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    (HERE / name).write_bytes(pem)
    return pem


def write_certificate(file: str, key, names: list[str], start=2025, end=2125, is_ca=False) -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0] if names else "only.example.com")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(day(start))
        .not_valid_after(day(end))
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternative, critical=False)
    if is_ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    pem = certificate.public_bytes(Encoding.PEM)
    (HERE / file).write_bytes(pem)
    return pem


def main() -> None:
    api, other, wildcard, expired = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
    big = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    unknown = ec.generate_private_key(ec.SECP256K1())
    api_pem = write_key("api.key", api)
    for name, key in [("other", other), ("wildcard", wildcard), ("expired", expired), ("rsa", big), ("unknown", unknown)]:
        write_key(f"{name}.key", key)
    write_key("encrypted.key", api, BestAvailableEncryption(b"secret"))
    api_names = ["api.example.com", "www.example.com"]
    chain = write_certificate("api.crt", api, api_names)
    write_certificate("rsa.crt", big, api_names)
    others = write_certificate("other.crt", other, ["www.example.com", "other.example.com"])
    write_certificate("same.crt", other, ["www.example.com"])
    write_certificate("wildcard.crt", wildcard, ["*.example.com"])
    write_certificate("expired.crt", expired, ["old.example.com"], end=2026)
    write_certificate("early.crt", expired, ["new.example.com"], start=2124)
    write_certificate("nameless.crt", other, [])
    write_certificate("unknown.crt", unknown, ["api.example.com"])
    write_certificate("clients.pem", other, ["clients.example"], is_ca=True)
    (HERE / "key-first.pem").write_bytes(api_pem + chain)
    (HERE / "leaf-last.crt").write_bytes(others + chain)
    (HERE / "cut.crt").write_bytes(chain[:300])
    (HERE / "empty.pem").write_bytes(b"")
    (HERE / "api.der").write_bytes(x509.load_pem_x509_certificate(chain).public_bytes(Encoding.DER))


if __name__ == "__main__":
    main()
