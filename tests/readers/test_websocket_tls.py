"""wss://: a server is believed if the authority that was named signed for its name, and what is wrong is told."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection, serve

from exporters.core.errors import SourceDown
from exporters.her.settings import HerSettings
from exporters.her.sources import sources
from exporters.readers.websocket import Address, Listener, Patience
from tests.her.deployments import HASH_KEY
from tests.readers.authority import Authority

PATIENT = Patience(first_answer=10.0)


def greet(connection: ServerConnection) -> None:
    connection.send("hello")
    for _ in connection:
        pass


@contextmanager
def server(certificate: tuple[Path, Path] | None) -> Iterator[int]:
    """A WebSocket server on loopback, with this certificate; its port."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    with serve(greet, "127.0.0.1", 0, ssl=context) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made.socket.getsockname()[1]
        made.shutdown()
        thread.join(10)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def port(authority: Authority) -> Iterator[int]:
    with server(authority.issue("debugger", alternative="localhost")) as found:
        yield found


def listener(port: int, ca_file: Path | None, on_text: Callable[[str], None] = lambda _: None) -> Listener:
    return Listener(Address.of(f"wss://localhost:{port}/ws"), on_text, patience=PATIENT, ca_file=ca_file)


def refusal(made: Listener) -> SourceDown:
    with pytest.raises(SourceDown) as caught:
        made.start()
    made.close()
    return caught.value


def test_a_server_of_the_named_authority_is_heard(port: int, authority: Authority) -> None:
    told = threading.Event()
    frames: list[str] = []

    def hear(text: str) -> None:
        frames.append(text)
        told.set()

    made = listener(port, authority.file, hear)
    made.start()
    assert told.wait(10)
    assert (made.state(), frames) == ("open", ["hello"])
    made.close()


def test_without_the_authority_it_is_not_believed_and_told_what_to_do(port: int) -> None:
    error = refusal(listener(port, None))
    assert error.reason == "tls"
    assert "checked with the system's authorities" in str(error)
    assert "ca_file" in str(error)


def test_another_authority_is_none(port: int, tmp_path: Path) -> None:
    other = Authority(tmp_path)
    error = refusal(listener(port, other.file))
    assert error.reason == "tls"
    assert str(other.file) in str(error)


def test_a_certificate_for_another_name_is_none(authority: Authority) -> None:
    with server(authority.issue("elsewhere", alternative="elsewhere.example.org")) as found:
        error = refusal(listener(found, authority.file))
    assert error.reason == "tls"
    assert "localhost" in str(error)


def test_a_server_without_tls_is_told_apart() -> None:
    with server(None) as found:
        assert refusal(listener(found, None)).reason == "tls"


@pytest.mark.parametrize(("content", "told"), [("no certificate\n", "no certificate in PEM form"), (None, "No such")])
def test_a_file_without_a_certificate_is_named(port: int, tmp_path: Path, content: str | None, told: str) -> None:
    file = tmp_path / "ca.crt"
    if content is not None:
        file.write_text(content)
    error = refusal(listener(port, file))
    assert error.reason == "tls"
    assert str(file) in str(error)
    assert told in str(error)


def test_a_changed_authority_counts_from_the_next_start_on(port: int, authority: Authority, tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_bytes(Authority(tmp_path).file.read_bytes())
    assert refusal(listener(port, file)).reason == "tls"
    file.write_bytes(authority.file.read_bytes())
    made = listener(port, file)
    made.start()
    assert made.state() == "open"
    made.close()


def test_a_deployment_names_the_authority_of_its_debugger(port: int, authority: Authority) -> None:
    workflow = {"url": f"wss://localhost:{port}/ws/workflow", "ca_file": str(authority.file)}
    *_, made = sources(HerSettings.model_validate({"redis": {"host": "127.0.0.1"}, "workflow": workflow}), HASH_KEY)
    connection = made.connect()
    assert connection.listener.state() in {"open", "connecting"}
    assert connection.listener.ended is None
    made.close(connection)
