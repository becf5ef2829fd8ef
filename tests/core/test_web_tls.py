"""TLS with real certificates: who is let in, with which version and suite, and what the others are told."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import socket
import ssl
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509

from exporters.core.web import Limits, WebServer, load_web_config
from tests.core.web_clients import (
    TEXT,
    Authority,
    Issued,
    Reply,
    Shown,
    ask,
    connect,
    read_all,
    serving,
    until,
)

Serve = Callable[..., contextlib.AbstractContextManager[WebServer]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.issue("server")


@pytest.fixture
def serve(tmp_path: Path, issued: Issued) -> Serve:
    @contextlib.contextmanager
    def start(*settings: str, limits: Limits | None = None, shown: Shown | None = None) -> Iterator[WebServer]:
        path = tmp_path / "web.yml"
        lines = [f"cert_file: {issued.certificate}", f"key_file: {issued.key}", *settings]
        path.write_text("tls_server_config:\n" + "".join(f"  {line}\n" for line in lines))
        with serving(shown, load_web_config(path), limits) as server:
            yield server

    return start


def refused(server: WebServer, tls: ssl.SSLContext) -> bool:
    """Whether a request with this context gets no answer. With TLS 1.3 a client hears of it only when it reads."""
    try:
        reply: Reply | None = ask(server, tls=tls)
    except (ssl.SSLError, ConnectionError):
        reply = None
    return reply is None


def negotiated(server: WebServer, tls: ssl.SSLContext) -> ssl.SSLSocket:
    with tls.wrap_socket(connect(server), server_hostname="localhost") as sock:
        return sock


def test_scrape(serve: Serve, authority: Authority) -> None:
    with serve(shown=Shown(TEXT * 50_000)) as server:
        reply = ask(server, tls=authority.trusting())
    assert reply.body == TEXT * 50_000


def test_service_discovery_says_https(serve: Serve, authority: Authority) -> None:
    with serve() as server:
        assert b'"__scheme__": "https"' in ask(server, "/sd/prometheus", tls=authority.trusting()).body


def test_one_connection_serves_many_scrapes(serve: Serve, authority: Authority) -> None:
    with serve() as server, authority.trusting().wrap_socket(connect(server), server_hostname="localhost") as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\n\r\n" * 3 + b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert read_all(sock).count(b"\nok\n") == 4


def test_the_offered_protocol_is_http_1_1_and_there_are_no_tickets(serve: Serve, authority: Authority) -> None:
    tls = authority.trusting()
    tls.set_alpn_protocols(["h2", "http/1.1"])
    with serve() as server, tls.wrap_socket(connect(server), server_hostname="localhost") as sock:
        assert sock.selected_alpn_protocol() == "http/1.1"
        sock.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        read_all(sock)
        assert sock.session is None or not sock.session.has_ticket


def test_plain_http_is_told_that_this_is_tls(serve: Serve) -> None:
    with serve() as server, connect(server) as sock:
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_all(sock).startswith(b"HTTP/1.1 400 Bad Request")


@pytest.mark.parametrize("noise", [b"\x00" * 100, b"SSH-2.0-x\r\n", b"\x16\x03\x01\x00\x05hello"])
def test_noise_instead_of_a_handshake(serve: Serve, authority: Authority, noise: bytes) -> None:
    with serve() as server, connect(server) as sock:
        sock.sendall(noise)
        sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            read_all(sock)
        assert ask(server, tls=authority.trusting()).status == 200
        assert server.defects == 0


def test_200_handshakes_that_never_end(serve: Serve, authority: Authority) -> None:
    with serve() as server, contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connect(server)).sendall(b"\x16\x03\x01")
        begin = time.monotonic()
        assert ask(server, tls=authority.trusting()).status == 200
        assert time.monotonic() - begin < 2
        begin = time.monotonic()
        server.stop()
        assert time.monotonic() - begin < 1


def test_a_handshake_has_its_time(serve: Serve) -> None:
    with serve(limits=Limits(handshake=0.2)) as server, connect(server) as sock:
        sock.sendall(b"\x16\x03\x01")
        assert sock.recv(1) == b""
        assert server.turned_away == 1


def test_a_client_that_does_not_take_its_answer(serve: Serve, authority: Authority) -> None:
    with (
        serve(limits=Limits(workers=1), shown=Shown(TEXT * 200_000)) as server,
        authority.trusting().wrap_socket(connect(server), server_hostname="localhost") as slow,
    ):
        slow.sendall(b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert slow.recv(9) == b"HTTP/1.1 "
        assert ask(server, "/healthz", tls=authority.trusting()).status == 200
        assert read_all(slow).partition(b"\r\n\r\n")[2] == TEXT * 200_000


def test_required_client_certificate(serve: Serve, authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "other").issue("scraper", client=True)
    with serve(f"client_ca_file: {authority.certificate}", "client_auth_type: RequireAndVerifyClientCert") as server:
        assert ask(server, tls=authority.trusting(authority.issue("scraper", client=True))).status == 200
        assert refused(server, authority.trusting())
        assert refused(server, authority.trusting(stranger))
        # A server's certificate is no client's, even from the right authority.
        assert refused(server, authority.trusting(authority.issue("another-server")))


def test_client_certificate_checked_if_given(serve: Serve, authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "other").issue("scraper", client=True)
    with serve(f"client_ca_file: {authority.certificate}", "client_auth_type: VerifyClientCertIfGiven") as server:
        assert ask(server, tls=authority.trusting()).status == 200
        assert ask(server, tls=authority.trusting(authority.issue("scraper", client=True))).status == 200
        assert refused(server, authority.trusting(stranger))


@pytest.mark.parametrize(
    "san",
    [
        x509.DNSName("scraper.example"),
        x509.IPAddress(ipaddress.ip_address("10.1.2.3")),
        x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
        x509.RFC822Name("scraper@example.org"),
        x509.UniformResourceIdentifier("spiffe://example.org/scraper"),
    ],
)
def test_allowed_names(
    serve: Serve, authority: Authority, san: x509.GeneralName, caplog: pytest.LogCaptureFixture
) -> None:
    other = authority.issue("other", client=True, sans=[x509.DNSName("other.example")])
    nameless = authority.issue("nameless", client=True)
    allowed = authority.issue("allowed", client=True, sans=[x509.DNSName("more.example"), san])
    with serve(
        f"client_ca_file: {authority.certificate}",
        "client_auth_type: RequireAndVerifyClientCert",
        f'client_allowed_sans: ["{san.value}", "third.example"]',
    ) as server:
        assert ask(server, tls=authority.trusting(allowed)).status == 200
        assert refused(server, authority.trusting(other))
        assert refused(server, authority.trusting(nameless))
    assert caplog.text.count("has none of the allowed names") == 2


@pytest.mark.parametrize(
    ("version", "accepted"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
def test_versions_unless_told_otherwise(
    serve: Serve, authority: Authority, version: ssl.TLSVersion, *, accepted: bool
) -> None:
    with serve() as server:
        assert refused(server, only(authority.trusting(), version)) is not accepted


@pytest.mark.parametrize("name", ["TLS10", "TLS11"])
def test_old_versions_where_the_file_asks_for_them(serve: Serve, authority: Authority, name: str) -> None:
    version = {"TLS10": ssl.TLSVersion.TLSv1, "TLS11": ssl.TLSVersion.TLSv1_1}[name]
    with serve(f"min_version: {name}", f"max_version: {name}") as server:
        sock = negotiated(server, only(authority.trusting(), version))
        assert sock is not None
        assert refused(server, only(authority.trusting(), ssl.TLSVersion.TLSv1_3))


def test_only_tls_13(serve: Serve, authority: Authority) -> None:
    with serve("min_version: TLS13") as server:
        assert ask(server, tls=authority.trusting()).status == 200
        assert refused(server, only(authority.trusting(), ssl.TLSVersion.TLSv1_2))


def test_cipher_suites(serve: Serve, authority: Authority) -> None:
    with serve("cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]", "max_version: TLS12") as server:
        with authority.trusting().wrap_socket(connect(server), server_hostname="localhost") as sock:
            assert sock.cipher() == ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLSv1.2", 256)
        without = authority.trusting()
        without.set_ciphers("ECDHE+AESGCM")
        assert refused(server, without)


@pytest.mark.parametrize(("ours", "expected"), [("true", "AES128"), ("false", "AES256")])
def test_whose_order_of_suites_counts(serve: Serve, authority: Authority, ours: str, expected: str) -> None:
    suites = "[TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]"
    client = authority.trusting()
    client.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256")
    settings = (f"cipher_suites: {suites}", "max_version: TLS12", f"prefer_server_cipher_suites: {ours}")
    with serve(*settings) as server, client.wrap_socket(connect(server), server_hostname="localhost") as sock:
        cipher = sock.cipher()
        assert cipher is not None
        assert expected in cipher[0]


def test_curve(serve: Serve, authority: Authority) -> None:
    with serve("curve_preferences: [CurveP384]") as server:
        for curve, accepted in (("secp384r1", True), ("X25519", False)):
            client = authority.trusting()
            client.set_ecdh_curve(curve)
            assert refused(server, client) is not accepted


def test_nothing_of_the_certificates_is_logged_and_failures_are(
    serve: Serve, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = (f"client_ca_file: {authority.certificate}", "client_auth_type: RequireAndVerifyClientCert")
    with serve(*settings) as server:
        assert refused(server, authority.trusting())
        until(lambda: "TLS handshake with 127.0.0.1 failed" in caplog.text)
    assert "PRIVATE" not in caplog.text


def only(tls: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    """The client's context limited to one version, OpenSSL's ban on old ones lifted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        tls.minimum_version = tls.maximum_version = version
    if version < ssl.TLSVersion.TLSv1_2:
        tls.set_ciphers("DEFAULT:@SECLEVEL=0")
    return tls
