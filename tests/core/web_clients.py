"""What the web server's tests share: a telemetry to show, clients to ask with, certificates to show each other."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from exporters.core.web import Limits, SourceRow, WebConfig, WebServer

TEXT = b"# TYPE her_replies_total counter\nher_replies_total 7\n"
OPENMETRICS = b"# TYPE her_replies counter\nher_replies_total 7.0\n# EOF\n"


class Shown:
    """A Telemetry whose content a test sets."""

    def __init__(self, text: bytes = TEXT) -> None:
        self.text = text
        self.reasons: list[str] = []
        self.rows: list[SourceRow] = []
        self.before_metrics: Callable[[], object] = lambda: None

    def metrics(self, openmetrics: bool) -> bytes:  # noqa: FBT001 - the protocol's
        self.before_metrics()
        return OPENMETRICS if openmetrics else self.text

    def not_ready(self) -> Sequence[str]:
        return self.reasons

    def overview(self) -> Sequence[SourceRow]:
        return self.rows


@contextlib.contextmanager
def serving(
    shown: Shown | None = None,
    config: WebConfig | None = None,
    limits: Limits | None = None,
    addresses: Sequence[str] = ("127.0.0.1:0",),
) -> Iterator[WebServer]:
    server = WebServer(addresses, "/metrics", shown or Shown(), config, limits=limits)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def host_and_port(server: WebServer, place: int = 0) -> tuple[str, int]:
    host, _, port = server.addresses[place].rpartition(":")
    return host.strip("[]"), int(port)


def connect(server: WebServer, *, timeout: float = 10) -> socket.socket:
    return socket.create_connection(host_and_port(server), timeout=timeout)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(
    server: WebServer,
    path: str = "/metrics",
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """One request on a connection of its own."""
    host, port = host_and_port(server)
    connection = (
        http.client.HTTPSConnection(host, port, timeout=10, context=tls)
        if tls
        else http.client.HTTPConnection(host, port, timeout=10)
    )
    with contextlib.closing(connection):
        connection.request(method, path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())


def exchange(server: WebServer, request: bytes) -> bytes:
    """Send raw bytes, say that no more will come, and read until the server ends the connection."""
    with connect(server) as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        return read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something that comes by itself; fails when it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path

    def in_place_of(self, other: Issued) -> None:
        """Put these where the other's files are, as a renewal does."""
        other.key.write_bytes(self.key.read_bytes())
        other.certificate.write_bytes(self.certificate.read_bytes())


CERTIFIES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
"""What an authority's key is for."""


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        certificate = (
            _builder(self._name, self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(CERTIFIES, critical=True)
            .add_extension(self._identifier(), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = folder / "ca.pem"
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *, client: bool = False, sans: Sequence[x509.GeneralName] = ()) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        names = [*sans] if client else [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        builder = _builder(_named(name), self._name, key).add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        # Without it Python 3.13 takes no certificate.
        identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._identifier())
        builder = builder.add_extension(identifier, critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        issued = Issued(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        certificate = builder.sign(self._key, hashes.SHA256())
        issued.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        issued.key.write_bytes(private_pem(key))
        return issued

    def _identifier(self) -> x509.SubjectKeyIdentifier:
        return x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())

    def trusting(self, client: Issued | None = None) -> ssl.SSLContext:
        """A client's context that trusts this authority and shows `client`."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        if client is not None:
            context.load_cert_chain(client.certificate, client.key)
        return context


def private_pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
    )
