"""HTTP GET against real servers on loopback: well-behaved ones, and those that misbehave in one way each."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from exporters.core.errors import SourceDown, StreamError
from exporters.demo.ports import free_port
from exporters.readers.http_json import Address, HttpClient, Limits
from tests.readers.authority import Authority
from tests.readers.odd_server import OddServer, answering, closing

QUICK = Limits(connect=1.0, whole=0.4, largest=1000)
CANARY = "canary-5f1c"


class _Pages(BaseHTTPRequestHandler):
    """What `pages` says; `asked` notes the requests with their headers."""

    pages: dict[str, tuple[int, bytes]]
    asked: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        self.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        status, body = self.pages.get(self.path, (404, b"not here"))
        self.send_response(status)
        if status in {301, 302}:
            self.send_header("Location", body.decode())
            body = b""
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def serving(
    pages: dict[str, tuple[int, bytes]], tls: tuple[Path, Path] | None = None
) -> Iterator[tuple[int, list[tuple[str, dict[str, str]]]]]:
    """A server on loopback: (its port, what was asked)."""
    asked: list[tuple[str, dict[str, str]]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Pages", (_Pages,), {"pages": pages, "asked": asked}))
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def client(port: int, *, limits: Limits = QUICK, scheme: str = "http", host: str = "127.0.0.1") -> HttpClient:
    return HttpClient(Address.of(f"{scheme}://{host}:{port}"), limits=limits)


def test_an_answer_and_its_json() -> None:
    with serving({"/api/health": (200, b'{"status":"ok"}')}) as (port, asked):
        answer = client(port).get("/api/health")
    assert (answer.status, answer.json()) == (200, {"status": "ok"})
    assert 0 < answer.seconds < QUICK.whole
    ((path, headers),) = asked
    assert path == "/api/health"
    assert headers["host"] == f"127.0.0.1:{port}"
    assert headers["connection"] == "close"
    assert "authorization" not in headers
    assert "cookie" not in headers


def test_a_path_in_front_of_every_path() -> None:
    with serving({"/her/api/health": (200, b"1")}) as (port, _):
        assert HttpClient(Address.of(f"http://127.0.0.1:{port}/her/")).get("/api/health").status == 200


@pytest.mark.parametrize("status", [404, 500, 503])
def test_any_status_is_an_answer(status: int) -> None:
    with serving({"/": (status, b"{}")}) as (port, _):
        assert client(port).get("/").status == status


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving({"/": (200, b"{}")}) as (port, _):
        assert client(port).get("/").status == 200


def test_a_redirect_is_not_followed() -> None:
    with serving({"/": (200, b"{}")}) as (elsewhere, asked_elsewhere):
        with serving({"/": (302, f"http://127.0.0.1:{elsewhere}/".encode())}) as (port, asked):
            assert client(port).get("/").status == 302
        assert (len(asked), asked_elsewhere) == (1, [])


def test_http_1_0_without_a_length() -> None:
    """HER's liveness port answers like this."""
    with OddServer(closing(b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"status":"ok"}')) as odd:
        assert client(odd.port).get("/").json() == {"status": "ok"}


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"status":', b"\xff\xfe", b"[" * 900])
def test_what_is_no_json_is_told_without_being_quoted(body: bytes) -> None:
    with serving({"/": (200, body + CANARY.encode())}) as (port, _):
        answer = client(port).get("/")
    with pytest.raises(StreamError, match="wrong_type") as error:
        answer.json()
    assert CANARY not in str(error.value)


def test_nobody_listens() -> None:
    with pytest.raises(SourceDown, match="refused"):
        client(free_port()).get("/")


def test_no_such_host() -> None:
    with pytest.raises(SourceDown, match="name"):
        client(80, host="her.invalid").get("/")


def test_nobody_accepts() -> None:
    """A listener whose queue is full: the kernel leaves the handshake without an answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        try:
            for _ in range(4):
                made = socket.socket()
                made.settimeout(0)
                made.connect_ex(("127.0.0.1", port))
                waiting.append(made)
            with pytest.raises(SourceDown, match="timeout"):
                client(port, limits=Limits(connect=0.3, whole=5)).get("/")
        finally:
            for made in waiting:
                made.close()


def test_accepted_and_never_answered() -> None:
    """The kernel accepts for a program that is busy."""
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(StreamError, match="timeout"):
        client(listener.getsockname()[1]).get("/")


def dripping(head: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    """Never silent for long, never done."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head)
        pause = threading.Event()
        while not pause.wait(0.02):
            connection.sendall(drop)

    return behave


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x"),
    ],
    ids=["status line", "header", "body"],
)
def test_dripping_does_not_buy_time(head: bytes, drop: bytes) -> None:
    with OddServer(dripping(head, drop)) as odd, pytest.raises(StreamError, match="timeout"):
        client(odd.port).get("/")


@pytest.mark.parametrize("length", [b"Content-Length: 5000000\r\n", b"", b"Transfer-Encoding: chunked\r\n"])
def test_a_huge_body_is_not_held(length: bytes) -> None:
    body = b"1000\r\n" + b"x" * 4096 + b"\r\n" if length.startswith(b"Transfer") else b"x" * 4096

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n")
        while True:
            connection.sendall(body)

    with OddServer(behave) as odd, pytest.raises(StreamError, match=r"wrong_type: .*more than 1000 bytes"):
        client(odd.port, limits=Limits(whole=5, largest=1000)).get("/")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"-ERR unknown command\r\n",
        b"HTTP/1.1 twohundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["nothing", "no HTTP", "no status", "cut short", "endless header", "no chunk"],
)
def test_what_is_no_http_is_told_without_being_quoted(said: bytes) -> None:
    with OddServer(closing(said)) as odd, pytest.raises(SourceDown, match="protocol") as error:
        client(odd.port).get("/")
    assert "short" not in str(error.value)
    assert "ERR" not in str(error.value)


def test_tls_with_an_authority_of_our_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with serving({"/": (200, b"{}")}, tls=authority.issue("server", alternative="localhost")) as (port, _):
        trusting = HttpClient(Address.of(f"https://localhost:{port}"), limits=Limits(), ca_file=authority.file)
        assert trusting.get("/").status == 200
        with pytest.raises(SourceDown, match=r"tls: .*(self.signed|issuer)"):
            client(port, scheme="https", host="localhost", limits=Limits()).get("/")
        other_name = HttpClient(Address.of(f"https://127.0.0.1:{port}"), limits=Limits(), ca_file=authority.file)
        with pytest.raises(SourceDown, match="tls"):
            other_name.get("/")


def test_tls_where_there_is_none() -> None:
    with OddServer(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as odd, pytest.raises(SourceDown, match="tls"):
        client(odd.port, scheme="https", limits=Limits()).get("/")


def test_an_authority_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("no certificate")
    with pytest.raises(SourceDown, match=r"tls: .*ca\.crt"):
        HttpClient(Address.of("https://localhost"), ca_file=tmp_path / "ca.crt")


@pytest.mark.parametrize(
    "url",
    [
        "her:8000",
        "ftp://her",
        "http://",
        "http://user:canary@her",
        "http://her/?token=canary",
        "http://her/#x",
        "ws://her",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match=r"^an address") as error:
        Address.of(url)
    assert "canary" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://her", Address("her", 80, tls=False)),
        ("https://her/base/", Address("her", 443, tls=True, path="/base")),
        ("http://[::1]:8000/", Address("::1", 8000, tls=False)),
        ("http://her/a b\r\nX: y", Address("her", 80, tls=False, path="/a%20bX:%20y")),
    ],
)
def test_addresses(url: str, wanted: Address) -> None:
    assert Address.of(url) == wanted
