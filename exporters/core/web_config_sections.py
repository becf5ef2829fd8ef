"""The four sections of a web configuration file, each from YAML to the type the server works with.

Facts: prometheus/exporter-toolkit, docs/web-configuration.md and web/tls_config.go as of July 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from exporters.core.web_rate import RateLimit
from exporters.core.web_tls import (
    CIPHER_SUITES,
    CLIENT_AUTH,
    CURVES,
    TLS13_SUITES,
    TLS_VERSIONS,
    UNVERIFIED_CLIENT_AUTH,
    Pem,
    TlsTerms,
)
from exporters.core.web_yaml import Section

SECTIONS = ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")

_TLS_KEYS = (
    *("cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type"),
    *("client_allowed_sans", "min_version", "max_version", "cipher_suites", "prefer_server_cipher_suites"),
    "curve_preferences",
)
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-Content-Type-Options": ("nosniff",),
    "X-XSS-Protection": (),
    "Strict-Transport-Security": (),
}
"""Header -> its legal values; empty: any text."""

_BCRYPT = re.compile(r"\$2[abxy]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}\Z")
_COSTS = range(4, 19)
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|μs|ms|s|m|h))+\Z")
_DURATION_PART = re.compile(r"([0-9.]+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def tls_terms(root: Section, folder: Path) -> TlsTerms | None:
    """`tls_server_config`; None when it is absent or empty. Relative files lie in `folder`, the file's own."""
    section = root.section("tls_server_config", _TLS_KEYS)
    if not section:
        return None
    certificate = _pem(section, "cert", folder)
    key = _pem(section, "key", folder)
    client_ca = _pem(section, "client_ca", folder)
    for pem, name in ((certificate, "cert"), (key, "key")):
        if pem is None:
            section.problem(None, f"needs {name}_file (or {name}, inline)")
    client_auth = _client_auth(section)
    verified = CLIENT_AUTH.get(client_auth, 0) != 0
    if verified and client_ca is None:
        section.problem("client_auth_type", f"{client_auth} needs client_ca_file (or client_ca, inline)")
    if client_ca is not None and client_auth == "NoClientCert":
        section.problem(client_ca.name.rpartition(".")[2], "needs client_auth_type: RequireAndVerifyClientCert")
    sans = section.texts("client_allowed_sans")
    if sans and client_auth in ("NoClientCert", "VerifyClientCertIfGiven"):
        section.problem(
            "client_allowed_sans",
            f"needs client_auth_type: RequireAndVerifyClientCert; with {client_auth} "
            "a client without a certificate has no names to compare",
        )
    minimum = section.choice("min_version", TLS_VERSIONS, "TLS12")
    maximum = section.choice("max_version", TLS_VERSIONS, "TLS13")
    if TLS_VERSIONS[minimum] > TLS_VERSIONS[maximum]:
        section.problem("min_version", f"{minimum} is newer than max_version, {maximum}")
    suites = _known(section, "cipher_suites", (*TLS13_SUITES, *CIPHER_SUITES))
    if suites and maximum != "TLS13" and not any(name in CIPHER_SUITES for name in suites):
        section.problem("cipher_suites", f"none of them can be used up to {maximum}")
    curves = _known(section, "curve_preferences", CURVES)
    if len(curves) > 1:
        section.problem(
            "curve_preferences",
            "Python's ssl takes one curve; name the one to use, or leave this out for OpenSSL's own list",
        )
    server_order = section.flag("prefer_server_cipher_suites", default=True)
    if certificate is None or key is None:
        return None
    return TlsTerms(
        certificate=certificate,
        key=key,
        client_ca=client_ca,
        client_auth=client_auth if client_auth in CLIENT_AUTH else "NoClientCert",
        allowed_sans=sans,
        minimum=minimum,
        maximum=maximum,
        cipher_suites=suites,
        curves=curves,
        server_order=server_order,
    )


def response_headers(root: Section) -> dict[str, str]:
    """`http_server_config.headers`, the blank ones left out. `http2` is read and changes nothing: this server
    speaks HTTP/1.1, which every HTTP/2 client falls back to."""
    section = root.section("http_server_config", ("http2", "headers"))
    section.flag("http2", default=True)
    values = section.section("headers", _HEADERS)
    found: dict[str, str] = {}
    for name, legal in _HEADERS.items():
        value = values.choice(name, legal, "") if legal else values.text(name)
        if value is None or value == "":
            continue
        if not re.fullmatch(r"[\x20-\x7e]+", value):
            values.problem(name, "must be printable ASCII on one line")
        else:
            found[name] = value
    return found


def basic_auth_users(root: Section, content: object) -> dict[str, str]:
    """`basic_auth_users`: name -> bcrypt hash."""
    names = tuple(content) if isinstance(content, dict) else ("<user>: <bcrypt hash>",)
    section = root.section("basic_auth_users", names)
    found: dict[str, str] = {}
    for name in names if isinstance(content, dict) else ():
        hashed = section.text(name)
        parts = _BCRYPT.match(hashed or "")
        if not name or ":" in name:
            section.problem(name, "a user name is not empty and has no colon")
        elif hashed is None or parts is None:
            section.problem(name, "must be a bcrypt hash, as made by: htpasswd -nBC 10 ''")
        elif int(parts["cost"]) not in _COSTS:
            section.problem(name, f"bcrypt cost {parts['cost']} is outside {_COSTS.start} to {_COSTS.stop - 1}")
        else:
            found[name] = hashed
    return found


def rate_limit(root: Section) -> RateLimit | None:
    """`rate_limit`; None when it is absent or its interval is 0."""
    section = root.section("rate_limit", ("interval", "burst"))
    interval = _duration(section, "interval")
    burst = section.number("burst")
    if not interval:
        return None
    if not burst:
        section.problem("burst", "must be at least 1, or no request would ever pass")
        return None
    return RateLimit(interval, burst)


def _client_auth(section: Section) -> str:
    named = section.text("client_auth_type")
    if named not in UNVERIFIED_CLIENT_AUTH:
        return section.choice("client_auth_type", CLIENT_AUTH, "NoClientCert")
    section.problem(
        "client_auth_type",
        f"{named} takes certificates without verifying them, which Python's ssl cannot do; use one of "
        + ", ".join(CLIENT_AUTH),
    )
    return named


def _pem(section: Section, name: str, folder: Path) -> Pem | None:
    inline, file = section.text(name), section.text(f"{name}_file")
    if inline is not None and file is not None:
        section.problem(name, f"give either {name} or {name}_file, not both")
    if file is not None:
        return Pem(section.name_of(f"{name}_file"), folder / file)
    return Pem(section.name_of(name), None, inline) if inline is not None else None


def _known(section: Section, key: str, legal: tuple[str, ...] | Mapping[str, str]) -> tuple[str, ...]:
    names = section.texts(key)
    for name in names:
        if name not in legal:
            section.problem(key, f"{name!r} is not one of {', '.join(sorted(legal))}")
    return tuple(name for name in names if name in legal)


def _duration(section: Section, key: str) -> float:
    text = section.text(key)
    if text is None or text == "0":
        return 0.0
    if not _DURATION.match(text):
        section.problem(key, "must be a duration with a unit, such as 1s, 500ms or 1m30s (0 switches the limit off)")
        return 0.0
    return sum(float(amount) * _SECONDS[unit] for amount, unit in _DURATION_PART.findall(text))
