"""A release is fetched once, checked, unpacked; whatever is wrong with it is told in one line and leaves nothing."""

from __future__ import annotations

import hashlib
import http.server
import io
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from exporters.demo.fetch_release import (
    RELEASES_FILE,
    Release,
    ReleaseUnavailableError,
    fetch,
    how_to_install,
    release_of,
)

PROGRAM = b"#!/bin/sh\necho it runs\n"


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def file(name: str, content: bytes = b"x", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.mode = mode
    return info, content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info, b""


GOOD = archive(file("shop-1.0/bin/shop", PROGRAM, 0o4755), file("shop-1.0/public/index.html"))


@dataclass
class Vendor:
    """A web server that gives out what `files` says; `asked` are the paths asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    cut_short: bool = False
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def release(self, content: bytes, path: str = "/shop.tar.gz") -> Release:
        self.files[path] = content
        return Release("shop", "Shop", "1.0", self.address + path, hashlib.sha256(content).hexdigest())


def serve(vendor: Vendor) -> http.server.ThreadingHTTPServer:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            vendor.asked.append(self.path)
            if self.path in vendor.redirects:
                self.send_response(302)
                self.send_header("Location", vendor.redirects[self.path])
                self.end_headers()
                return
            content = vendor.files.get(self.path)
            self.send_response(200 if content is not None else 404)
            content = content or b"nothing here"
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if vendor.cut_short else content)

        def log_message(self, *args: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            """A client that does not trust us goes away in the middle of the handshake."""

    return Server(("127.0.0.1", 0), Handler)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    made = Vendor()
    with serve(made) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        made.address = f"http://127.0.0.1:{server.server_address[1]}"
        yield made
        server.shutdown()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vendor")])
    now = datetime.now(tz=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    both = tmp_path / "vendor.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return both


@pytest.fixture
def secure_vendor(certificate: Path) -> Iterator[Vendor]:
    made = Vendor()
    with serve(made) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # In the handler's thread, not in accept, which would block and leave refused connections open.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        made.address = f"https://127.0.0.1:{server.server_address[1]}"
        yield made
        server.shutdown()


def refused(release: Release, folder: Path) -> str:
    with pytest.raises(ReleaseUnavailableError) as caught:
        fetch(release, folder, print)
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_good_release_is_fetched_once_and_runs(vendor: Vendor, tmp_path: Path) -> None:
    said: list[str] = []
    program = fetch(vendor.release(GOOD), tmp_path / "releases", said.append)
    assert program == tmp_path / "releases/shop-1.0/shop-1.0/bin/shop"
    assert subprocess.check_output([program]) == b"it runs\n"
    assert program.stat().st_mode & 0o7777 == 0o755, "only whether it can be run is taken over"
    assert (program.parent.parent / "public/index.html").stat().st_mode & 0o7777 == 0o644
    assert said[0] == "fetching Shop 1.0 from 127.0.0.1, 0 MB"
    assert fetch(vendor.release(GOOD), tmp_path / "releases", said.append) == program
    assert vendor.asked == ["/shop.tar.gz"]
    assert [path.name for path in (tmp_path / "releases").iterdir()] == ["shop-1.0"]


def test_over_https_from_a_vendor_we_trust(
    secure_vendor: Vendor, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert fetch(secure_vendor.release(GOOD), tmp_path / "releases", print).name == "shop"


def test_not_over_https_from_one_we_do_not_know(secure_vendor: Vendor, tmp_path: Path) -> None:
    assert "CERTIFICATE_VERIFY_FAILED" in refused(secure_vendor.release(GOOD), tmp_path / "releases")


def test_a_wrong_checksum_is_refused(vendor: Vendor, tmp_path: Path) -> None:
    wrong = replace(vendor.release(GOOD), sha256="0" * 64)
    assert f"its SHA-256 is {hashlib.sha256(GOOD).hexdigest()}, not {'0' * 64}" in refused(wrong, tmp_path / "r")


def test_a_truncated_answer_is_refused(vendor: Vendor, tmp_path: Path) -> None:
    vendor.cut_short = True
    assert f"only {len(GOOD) // 2} of {len(GOOD)} bytes came" in refused(vendor.release(GOOD), tmp_path / "r")


@pytest.mark.parametrize(
    "content",
    [GOOD[: len(GOOD) // 2], b"this is no archive", GOOD[:60] + bytes(40) + GOOD[100:]],
    ids=["half", "something else", "a hole"],
)
def test_a_damaged_archive_is_refused(vendor: Vendor, tmp_path: Path, content: bytes) -> None:
    assert "the archive is damaged" in refused(vendor.release(content), tmp_path / "r")


@pytest.mark.parametrize(
    ("member", "complaint"),
    [
        (file("../escaped"), "leads out of its folder"),
        (file("shop/../../escaped"), "leads out of its folder"),
        (file("/tmp/escaped"), "leads out of its folder"),
        (link("shop/link", "/etc/passwd"), "other than files and folders"),
        (link("shop/link", "../../escaped", tarfile.LNKTYPE), "other than files and folders"),
        (link("shop/device", "", tarfile.CHRTYPE), "other than files and folders"),
        (file("shop/bin/shop"), "twice"),
    ],
)
def test_an_archive_that_reaches_out_is_refused(
    vendor: Vendor, tmp_path: Path, member: tuple[tarfile.TarInfo, bytes], complaint: str
) -> None:
    content = archive(file("shop/bin/shop", PROGRAM, 0o755), member)
    assert complaint in refused(vendor.release(content), tmp_path / "a/b/releases")
    assert not list(tmp_path.rglob("escaped"))
    assert not Path("/tmp/escaped").exists()


def test_an_archive_without_the_program_is_refused(vendor: Vendor, tmp_path: Path) -> None:
    content = archive(file("shop/readme"), file("shop/shop", mode=0o644))
    assert "there is no program shop in it" in refused(vendor.release(content), tmp_path / "r")


def test_a_missing_file_and_a_closed_port_are_told(vendor: Vendor, tmp_path: Path) -> None:
    missing = replace(vendor.release(GOOD), url=vendor.address + "/other")
    assert "HTTP Error 404: Not Found" in refused(missing, tmp_path / "r")
    closed = replace(missing, url="http://127.0.0.1:1/shop.tar.gz")
    assert "Connection refused" in refused(closed, tmp_path / "r")


def test_plain_http_is_for_this_machine_only(vendor: Vendor, tmp_path: Path) -> None:
    release = vendor.release(GOOD)
    elsewhere = "http://downloads.example.org/shop.tar.gz"
    assert f"{elsewhere} is not https" in refused(replace(release, url=elsewhere), tmp_path / "r")
    vendor.redirects["/moved"] = elsewhere
    assert f"{elsewhere} is not https" in refused(replace(release, url=vendor.address + "/moved"), tmp_path / "r")


def test_stopping_ends_the_download(vendor: Vendor, tmp_path: Path) -> None:
    with pytest.raises(ReleaseUnavailableError, match="stopped"):
        fetch(vendor.release(GOOD), tmp_path / "r", print, give_up=lambda: True)


def test_a_machine_without_a_release_is_told() -> None:
    with pytest.raises(ReleaseUnavailableError, match=r"no release of Grafana [\d.]+ for riscv64"):
        release_of("grafana", machine="riscv64")
    with pytest.raises(ReleaseUnavailableError, match="no release of shop"):
        release_of("shop")


def test_every_known_release_is_complete_and_over_https() -> None:
    known = yaml.safe_load(RELEASES_FILE.read_text())
    assert set(known) == {"grafana", "influxd"}
    for program, entry in known.items():
        assert how_to_install(program).startswith("https://")
        for machine in entry["machines"]:
            release = release_of(program, machine=machine)
            assert release.url.startswith("https://")
            assert release.version in release.url
            assert len(bytes.fromhex(release.sha256)) == 32
