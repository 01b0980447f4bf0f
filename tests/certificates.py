"""RSA keys and certificates about them, made as they are needed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def certificate(path: Path, name: str) -> tuple[Path, Path]:
    """An RSA key and a certificate about it, as PEM files."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .not_valid_before(EPOCH)
        .not_valid_after(EPOCH.replace(year=2200))
        .sign(key, hashes.SHA256())
    )
    of_key, of_certificate = path / f"{name}.key", path / f"{name}.pem"
    encoding, none = serialization.Encoding.PEM, serialization.NoEncryption()
    of_key.write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, none))
    of_certificate.write_bytes(made.public_bytes(encoding))
    return of_key, of_certificate
