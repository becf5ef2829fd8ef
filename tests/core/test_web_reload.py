"""The web configuration file and its certificates change under a running server."""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from exporters.core.web import WebServer, load_web_config
from exporters.core.web_config import inspect_web_config
from exporters.core.web_reload import LiveWebConfig
from tests.core.test_web_auth import basic
from tests.core.web_clients import Authority, Issued, ask, connect, read_all, serving


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "web.yml"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def issued(authority: Authority) -> Issued:
    return authority.issue("server")


@pytest.fixture
def server(path: Path, issued: Issued) -> Iterator[WebServer]:
    path.write_text(f"tls_server_config:\n  cert_file: {issued.certificate}\n  key_file: {issued.key}\n")
    with serving(config=load_web_config(path)) as running:
        yield running


def shown_certificate(server: WebServer, tls: ssl.SSLContext) -> bytes:
    with tls.wrap_socket(connect(server), server_hostname="localhost") as sock:
        return sock.getpeercert(binary_form=True) or b""


def test_users_change_at_once(path: Path) -> None:
    path.write_text(f"basic_auth_users:\n  alice: {hashed('one')}\n")
    one, two = {"Authorization": basic("alice", "one")}, {"Authorization": basic("alice", "two")}
    with serving(config=load_web_config(path)) as server:
        assert (ask(server, headers=one).status, ask(server, headers=two).status) == (200, 401)
        path.write_text(f"basic_auth_users:\n  alice: {hashed('two')}\n")
        assert (ask(server, headers=one).status, ask(server, headers=two).status) == (401, 200)
        path.write_text(f"basic_auth_users:\n  bob: {hashed('two')}\n")
        assert (ask(server, headers=one).status, ask(server, headers=two).status) == (401, 401)
        assert server.reload_failures == 0


def test_a_kept_connection_notices_too(path: Path) -> None:
    path.write_text("")
    with serving(config=load_web_config(path)) as server, connect(server) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
        path.write_text(f"basic_auth_users:\n  alice: {hashed('one')}\n")
        sock.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_a_broken_file_changes_nothing_and_is_counted_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_text(f"basic_auth_users:\n  alice: {hashed('one')}\n")
    one = {"Authorization": basic("alice", "one")}
    with serving(config=load_web_config(path)) as server:
        path.write_text("basic_auth_users:\n  alice: canary-plain\nextra: 1\n")
        for _ in range(5):
            assert ask(server, headers=one).status == 200
            assert ask(server).status == 401
        assert server.reload_failures == 1
        assert caplog.text.count("the last good one stays in force") == 2  # two problems
        assert "canary" not in caplog.text
        path.unlink()
        assert ask(server, headers=one).status == 200
        assert server.reload_failures == 2
        path.write_text("")
        caplog.set_level(logging.INFO)
        assert ask(server).status == 200
        assert server.reload_failures == 2
        assert "read again, now in force" in caplog.text


def test_a_renewed_certificate_is_shown_to_new_connections(
    server: WebServer, authority: Authority, issued: Issued
) -> None:
    before = shown_certificate(server, authority.trusting())
    with authority.trusting().wrap_socket(connect(server), server_hostname="localhost") as kept:
        kept.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert kept.recv(4096).startswith(b"HTTP/1.1 200 ")
        authority.issue("renewed").in_place_of(issued)
        after = shown_certificate(server, authority.trusting())
        assert after != before
        assert after == ssl.PEM_cert_to_DER_cert(issued.certificate.read_text())
        kept.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert read_all(kept).startswith(b"HTTP/1.1 200 ")
    assert server.reload_failures == 0


def test_a_renewal_seen_half_done_keeps_the_old_certificate(
    server: WebServer, authority: Authority, issued: Issued, caplog: pytest.LogCaptureFixture
) -> None:
    before = shown_certificate(server, authority.trusting())
    renewed = authority.issue("renewed")
    issued.key.write_bytes(renewed.key.read_bytes())
    assert shown_certificate(server, authority.trusting()) == before
    assert server.reload_failures == 1
    assert "is not the key of the certificate" in caplog.text
    issued.certificate.write_bytes(renewed.certificate.read_bytes())
    assert shown_certificate(server, authority.trusting()) != before
    assert server.reload_failures == 1


def test_a_certificate_replaced_by_a_link_as_kubernetes_does(path: Path, authority: Authority, tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        made = authority.issue(name)
        (folder / "tls.crt").write_bytes(made.certificate.read_bytes())
        (folder / "tls.key").write_bytes(made.key.read_bytes())
    current = tmp_path / "current"
    current.symlink_to("one")
    path.write_text("tls_server_config: {cert_file: current/tls.crt, key_file: current/tls.key}\n")
    with serving(config=load_web_config(path)) as server:
        before = shown_certificate(server, authority.trusting())
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").replace(current)
        assert shown_certificate(server, authority.trusting()) != before


def test_a_file_named_by_a_broken_configuration_is_waited_for(
    server: WebServer, path: Path, authority: Authority, tmp_path: Path
) -> None:
    made = authority.issue("later")
    path.write_text(f"tls_server_config:\n  cert_file: later.crt\n  key_file: {made.key}\n")
    before = shown_certificate(server, authority.trusting())
    assert server.reload_failures == 1
    (tmp_path / "later.crt").write_bytes(made.certificate.read_bytes())
    assert shown_certificate(server, authority.trusting()) != before


def test_client_certificates_may_be_demanded_later(
    server: WebServer, path: Path, authority: Authority, issued: Issued
) -> None:
    assert ask(server, tls=authority.trusting()).status == 200
    with path.open("a") as file:
        file.write(f"  client_ca_file: {authority.certificate}\n  client_auth_type: RequireAndVerifyClientCert\n")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(server, tls=authority.trusting())
    assert ask(server, tls=authority.trusting(authority.issue("scraper", client=True))).status == 200


def test_tls_is_not_switched_off_by_a_changed_file(server: WebServer, path: Path, authority: Authority) -> None:
    path.write_text("")
    assert ask(server, tls=authority.trusting()).status == 200
    assert server.reload_failures == 1


def test_two_changes_within_one_tick_of_the_file_system_clock(path: Path) -> None:
    """Same size, same times, same inode: only reading again a little later tells them apart."""
    first, second = (f"basic_auth_users:\n  {name}: {hashed('one')}\n" for name in ("alice", "carol"))
    path.write_text(first)
    live = LiveWebConfig(load_web_config(path))
    assert list(live.current().users) == ["alice"]
    seen = path.stat()
    path.write_text(second)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert list(live.current().users) == ["carol"]


def test_an_old_unchanged_file_is_not_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("")
    config = load_web_config(path)
    # Files seem a minute old, which a test cannot make them: their change time is the kernel's to set.
    now = time.time_ns
    monkeypatch.setattr("exporters.core.web_reload.time.time_ns", lambda: now() + 60_000_000_000)
    read: list[Path] = []

    def counting(path: Path) -> object:
        read.append(path)
        return inspect_web_config(path)

    monkeypatch.setattr("exporters.core.web_reload.inspect_web_config", counting)
    live = LiveWebConfig(config)
    for _ in range(10):
        live.current()
    assert len(read) == 1
