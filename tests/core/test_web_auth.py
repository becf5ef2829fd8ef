"""Basic authentication: who gets in, who does not, and what it costs."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from exporters.core.web import Limits, WebServer, load_web_config
from exporters.core.web_auth import BasicAuth, SignIn
from tests.core.web_clients import TEXT, ask, connect, read_all, serving, until

ALICE = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()
# As htpasswd spells it, of a name and a password outside ASCII.
ZOE = bcrypt.hashpw("pässword".encode(), bcrypt.gensalt(5)).decode().replace("$2b$", "$2y$")
USERS = {"alice": ALICE, "zoë": ZOE}
PATHS = ["/", "/metrics", "/healthz", "/readyz", "/sd/prometheus", "/nope"]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The passwords that really went through bcrypt."""
    seen: list[bytes] = []
    real = bcrypt.checkpw

    def counting(password: bytes, hashed: bytes) -> bool:
        seen.append(password)
        return real(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counting)
    return seen


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    path = tmp_path / "web.yml"
    path.write_text(f"basic_auth_users:\n  alice: {ALICE}\n  zoë: {ZOE}\n", encoding="utf-8")
    with serving(config=load_web_config(path)) as running:
        yield running


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_nothing_is_shown_to_strangers(server: WebServer, path: str, method: str) -> None:
    reply = ask(server, path, method=method)
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == 'Basic realm="LLM Observatory", charset="UTF-8"'
    assert TEXT not in reply.body


@pytest.mark.parametrize(("user", "password"), [("alice", "correct horse"), ("zoë", "pässword")])
def test_the_right_password(server: WebServer, user: str, password: str) -> None:
    for _ in range(2):
        assert ask(server, headers={"Authorization": basic(user, password)}).body == TEXT
    assert ask(server, headers={"Authorization": basic(user, password).replace("Basic", "bAsIc")}).status == 200


@pytest.mark.parametrize(
    "header",
    [
        basic("alice", "wrong"),
        basic("alice", ""),
        basic("alice", "correct horse "),
        basic("Alice", "correct horse"),
        basic("zoë", "correct horse"),
        basic("nobody", "correct horse"),
        basic("", ""),
        "Basic",
        "Basic ",
        "Basic %%%",
        "Basic " + base64.b64encode(b"alice").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\x00").decode(),
        "Bearer correct horse",
        pytest.param(f"Basic alice:{ALICE}", id="the hash itself"),
        pytest.param(basic("alice", ALICE), id="the hash as the password"),
    ],
)
def test_anything_else(server: WebServer, header: str) -> None:
    for _ in range(2):
        assert ask(server, headers={"Authorization": header}).status == 401
    assert server.defects == 0


def test_bytes_outside_ascii_in_the_header(server: WebServer) -> None:
    with connect(server) as sock:
        sock.sendall(b"GET /metrics HTTP/1.0\r\nAuthorization: Basic \xff\xe4\r\n\r\n")
        assert read_all(sock).startswith(b"HTTP/1.1 401 ")


def test_bcrypt_reads_72_bytes_and_so_do_we() -> None:
    long = "p" * 100
    users = {"a": bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()}
    assert BasicAuth(waiting=1).check(users, basic("a", long)) is SignIn.ALLOWED


def test_a_known_answer_costs_no_bcrypt(compared: list[bytes]) -> None:
    auth = BasicAuth(waiting=1)
    for _ in range(3):
        assert auth.check(USERS, basic("alice", "correct horse")) is SignIn.ALLOWED
        assert auth.check(USERS, basic("alice", "wrong")) is SignIn.REFUSED
    assert compared == [b"correct horse", b"wrong"]


def test_an_unknown_user_costs_a_bcrypt_as_a_known_one_does(compared: list[bytes]) -> None:
    auth = BasicAuth(waiting=1)
    assert auth.check(USERS, basic("nobody", "guess")) is SignIn.REFUSED
    assert auth.check(USERS, basic("alice", "guess")) is SignIn.REFUSED
    assert compared == [b"guess", b"guess"]


def test_an_unknown_user_with_the_password_of_a_known_one_stays_out() -> None:
    auth = BasicAuth(waiting=1)
    for name in map(str, range(20)):
        assert auth.check({"alice": ALICE}, basic(name, "correct horse")) is SignIn.REFUSED


def test_a_new_hash_ends_what_was_remembered() -> None:
    auth = BasicAuth(waiting=1)
    assert auth.check(USERS, basic("alice", "correct horse")) is SignIn.ALLOWED
    changed = {**USERS, "alice": bcrypt.hashpw(b"new", bcrypt.gensalt(4)).decode()}
    assert auth.check(changed, basic("alice", "correct horse")) is SignIn.REFUSED
    assert auth.check(changed, basic("alice", "new")) is SignIn.ALLOWED
    assert auth.check({"zoë": ZOE}, basic("alice", "new")) is SignIn.REFUSED


def test_what_is_remembered_is_bounded_and_guessing_drives_nobody_out(compared: list[bytes]) -> None:
    auth = BasicAuth(waiting=1, remembered_refusals=10)
    assert auth.check(USERS, basic("alice", "correct horse")) is SignIn.ALLOWED
    for guess in range(50):
        assert auth.check(USERS, basic(f"user{guess}", "x")) is SignIn.REFUSED
    assert len(auth._refused) == 10
    assert len(auth._allowed) == 1
    del compared[:]
    assert auth.check(USERS, basic("alice", "correct horse")) is SignIn.ALLOWED
    assert compared == []


def test_no_password_is_kept() -> None:
    auth = BasicAuth(waiting=1)
    auth.check(USERS, basic("alice", "correct horse"))
    auth.check(USERS, basic("alice", "wrong horse"))
    assert b"horse" not in repr((auth._allowed, auth._refused)).encode()


def test_guessing_does_not_keep_out_those_who_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every thread the server may hold up with bcrypt is held up; who is known still gets through at once."""
    path = tmp_path / "web.yml"
    path.write_text(f"basic_auth_users:\n  alice: {ALICE}\n")
    held, go_on = threading.Semaphore(0), threading.Event()
    real = bcrypt.checkpw

    def slow(password: bytes, hashed: bytes) -> bool:
        if password != b"correct horse":
            held.release()
            go_on.wait(30)
        return real(password, hashed)

    with serving(config=load_web_config(path), limits=Limits(workers=4)) as server:
        known = {"Authorization": basic("alice", "correct horse")}
        assert ask(server, headers=known).status == 200
        monkeypatch.setattr(bcrypt, "checkpw", slow)
        statuses: list[int] = []

        def guess(number: int) -> None:
            statuses.append(ask(server, headers={"Authorization": basic("alice", f"guess {number}")}).status)

        guessers = [threading.Thread(target=guess, args=(number,)) for number in range(10)]
        for guesser in guessers:
            guesser.start()
        assert held.acquire(timeout=10)
        until(lambda: statuses == [503] * 8)  # half of the threads wait, and nobody else has to
        begin = time.monotonic()
        assert ask(server, headers=known).status == 200
        assert time.monotonic() - begin < 2
        go_on.set()
        for guesser in guessers:
            guesser.join(10)
    assert statuses == [503] * 8 + [401] * 2
