"""Certificates for servers and clients on loopback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.core.web_clients import CERTIFIES


class Authority:
    """A certificate authority for loopback, in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        self.file = self._write("ca.crt", self._sign("authority", self._key, authority=True))

    def issue(self, name: str, *, alternative: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        certificate = self._sign(name, key, alternative=alternative)
        return self._write(f"{name}.crt", certificate), self._write(f"{name}.key", pem)

    def _sign(
        self, name: str, key: ec.EllipticCurvePrivateKey, *, alternative: str = "localhost", authority: bool = False
    ) -> bytes:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(alternative)]), critical=False)
        )
        # Without these Python 3.13 takes no certificate.
        own = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        if authority:
            builder = builder.add_extension(CERTIFIES, critical=True).add_extension(own, critical=False)
        else:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
            builder = builder.add_extension(identifier, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path
