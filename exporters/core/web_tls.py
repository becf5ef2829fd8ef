"""From the TLS half of a web configuration file to an `ssl.SSLContext`.

The names are Go's, because the file format is. What Python's `ssl` cannot express is refused by name: a server that
silently did less than its file says would look safe and not be.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import ssl
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from exporters.core.errors import ConfigError

TLS_VERSIONS: Mapping[str, ssl.TLSVersion] = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}

TLS13_SUITES = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
"""Always offered with TLS 1.3: neither Go nor Python lets a server choose among them."""

CIPHER_SUITES: Mapping[str, str] = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
"""Go's secure suites up to TLS 1.2 (crypto/tls.CipherSuites) -> OpenSSL's names."""

CURVES: Mapping[str, str] = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}

CLIENT_AUTH: Mapping[str, ssl.VerifyMode] = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}

_OPEN_FILES = Path("/proc/self/fd")

UNVERIFIED_CLIENT_AUTH = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")
"""Take any certificate without checking it: Python's ssl checks each one it asks for. The last is an older spelling."""


@dataclass(frozen=True, slots=True)
class Pem:
    """PEM text, from a file or inline; `name` is how the configuration file calls it, for messages."""

    name: str
    path: Path | None
    text: str | None = None

    def read(self) -> str:
        """The text. Raises ConfigError naming the setting and the file, never the content."""
        if self.path is None:
            return self.text if self.text and self.text.isascii() else ""
        try:
            return self.path.read_text("ascii")
        except UnicodeDecodeError:
            raise ConfigError((f"{self.name}: {self.path} is not a PEM file",)) from None
        except OSError as error:
            raise ConfigError((f"{self.name}: cannot read {self.path}: {error.strerror}",)) from None
        except ValueError:  # a NUL in it, for one
            raise ConfigError((f"{self.name}: {str(self.path)!r} is no path",)) from None


@dataclass(frozen=True, slots=True)
class TlsTerms:
    """`tls_server_config`, every name checked."""

    certificate: Pem
    key: Pem
    client_ca: Pem | None
    client_auth: str
    allowed_sans: tuple[str, ...]
    minimum: str
    maximum: str
    cipher_suites: tuple[str, ...]
    curves: tuple[str, ...]
    server_order: bool

    def files(self) -> tuple[Path, ...]:
        """Every file these terms are made of."""
        return tuple(pem.path for pem in (self.certificate, self.key, self.client_ca) if pem and pem.path)


def build_context(terms: TlsTerms) -> ssl.SSLContext:
    """The context new connections are accepted with. Raises ConfigError with every problem of the three files."""
    problems: list[str] = []
    texts: dict[str, str] = {}
    for pem, mark in ((terms.certificate, "CERTIFICATE"), (terms.key, "PRIVATE KEY"), (terms.client_ca, "CERTIFICATE")):
        if pem is None:
            continue
        try:
            texts[pem.name] = pem.read()
        except ConfigError as error:
            problems.extend(error.problems)
        else:
            if f"{mark}-----" not in texts[pem.name]:
                problems.append(f"{pem.name}: holds no PEM block of a {mark.lower()}")
    if problems:
        raise ConfigError(problems)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        _set_versions_and_ciphers(context, terms)
        if terms.curves:
            context.set_ecdh_curve(CURVES[terms.curves[0]])
    except (ssl.SSLError, ValueError):
        # An OpenSSL built or configured (FIPS, for one) without what the file names.
        raise ConfigError(
            ("tls_server_config: this system's OpenSSL lacks one of its versions, suites, curves",)
        ) from None
    # One scrape a connection or a few: resumption saves nothing, and a ticket would outlive a withdrawn certificate.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    _load_chain(context, terms, texts)
    if terms.client_ca is not None:
        try:
            context.load_verify_locations(cadata=texts[terms.client_ca.name])
        except ssl.SSLError:
            raise ConfigError((f"{terms.client_ca.name}: holds no certificate that can be read",)) from None
        # As in Go, whatever stands in the file is trusted, an intermediate too.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_mode = CLIENT_AUTH[terms.client_auth]
    return context


def san_allowed(certificate: Mapping[str, Any] | None, allowed: tuple[str, ...]) -> bool:
    """Whether one subject alternative name (DNS, IP, e-mail, URI) of `SSLSocket.getpeercert()` is in the list."""
    if not allowed:
        return True
    names = certificate.get("subjectAltName", ()) if certificate else ()
    wanted = {_canonical(name) for name in allowed}
    return any(kind in ("DNS", "IP Address", "email", "URI") and _canonical(name) in wanted for kind, name in names)


def _canonical(name: str) -> str:
    """IPv6 has many spellings, and OpenSSL's is not the one people write."""
    try:
        return ipaddress.ip_address(name).compressed
    except ValueError:
        return name


def _set_versions_and_ciphers(context: ssl.SSLContext, terms: TlsTerms) -> None:
    with warnings.catch_warnings():
        # TLS 1.0 and 1.1 are deprecated; the file asked for them by name.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = TLS_VERSIONS[terms.minimum]
        context.maximum_version = TLS_VERSIONS[terms.maximum]
    suites = [CIPHER_SUITES[name] for name in terms.cipher_suites if name in CIPHER_SUITES]
    if terms.cipher_suites and not suites:
        # Only TLS 1.3 suites are listed, so nothing older can be agreed on.
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    legacy = min(TLS_VERSIONS[terms.minimum], TLS_VERSIONS[terms.maximum]) < ssl.TLSVersion.TLSv1_2
    if legacy:
        # OpenSSL 3 signs no TLS 1.0 or 1.1 handshake above security level 0.
        context.set_ciphers(":".join([*(suites or ["DEFAULT"]), "@SECLEVEL=0"]))
    elif suites:
        context.set_ciphers(":".join(suites))
    if terms.server_order:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE


def _load_chain(context: ssl.SSLContext, terms: TlsTerms, texts: Mapping[str, str]) -> None:
    def refuse() -> NoReturn:
        # Without this OpenSSL would ask for the passphrase on the terminal.
        raise ConfigError((f"{terms.key.name}: the private key is encrypted; store it without a passphrase",))

    try:
        with _as_file(texts[terms.certificate.name]) as certificate, _as_file(texts[terms.key.name]) as key:
            context.load_cert_chain(certificate, key, password=refuse)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            problem = f"{terms.key.name}: is not the key of the certificate in {terms.certificate.name}"
        else:
            problem = (
                f"{terms.certificate.name} and {terms.key.name}: OpenSSL cannot load them ({error.reason or 'damaged'})"
            )
        raise ConfigError((problem,)) from None


@contextlib.contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A path to the text for as long as OpenSSL, which reads only files, needs it; in memory where the system can."""
    if sys.platform == "linux" and _OPEN_FILES.is_dir():
        with os.fdopen(os.memfd_create("pem", os.MFD_CLOEXEC), "wb", buffering=0) as file:
            file.write(text.encode())
            yield str(_OPEN_FILES / str(file.fileno()))
        return
    with tempfile.TemporaryDirectory() as folder:  # mode 0700
        path = Path(folder, "chain.pem")
        path.write_text(text)
        yield str(path)
