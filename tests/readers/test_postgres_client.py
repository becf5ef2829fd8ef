"""A connection's failures on a real PostgreSQL and on servers that are none: the right reason, and nobody's words."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from exporters.core.errors import SourceDown, StreamError
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.readers.postgres_client import Tls, close, connect, reading
from exporters.readers.postgres_errors import at_the_door, translate

CANARY = "canary-7f3a91"


def address(server: Postgres, **given: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1", "port": server.port, "user": "postgres", "dbname": "postgres",
        "password": server.password, "timeout": 2.0, **given,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"password": CANARY}, "auth"),
        ({"password": None}, "auth"),
        ({"user": CANARY}, "auth"),
        ({"dbname": CANARY}, "refused"),
        ({"host": f"{CANARY}.invalid"}, "name"),
        ({"tls": Tls(mode="require")}, "tls"),
    ],
)
def test_who_does_not_get_in(postgres_server: Postgres, given: dict[str, Any], reason: str) -> None:
    with pytest.raises(SourceDown) as refused:
        connect(**address(postgres_server, **given))
    assert refused.value.reason == reason
    assert CANARY not in str(refused.value)
    assert postgres_server.password not in str(refused.value)
    assert refused.value.__context__ is None
    assert refused.value.__cause__ is None


def test_nobody_there() -> None:
    with pytest.raises(SourceDown, match="refused: connection refused"):
        connect(host="127.0.0.1", port=free_port(), user="u", dbname="d")


@contextmanager
def listening(answer: bytes | None) -> Iterator[int]:
    """A port where something else answers, or nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                held.append(client)
                if answer is not None:
                    client.recv(1000)
                    client.sendall(answer)
                    client.close()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        for client in held:
            client.close()


@pytest.mark.parametrize(
    ("answer", "reasons"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", {"protocol", "tls", "refused"}), (b"", {"refused"}), (None, {"timeout"})],
)
def test_what_is_no_postgres(answer: bytes | None, reasons: set[str]) -> None:
    with listening(answer) as port, pytest.raises(SourceDown) as refused:
        connect(host="127.0.0.1", port=port, user="u", dbname="d", timeout=2.0)
    assert refused.value.reason in reasons


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT canary FROM canary_table", "missing"),
        ("SELECT canary FROM pg_class", "missing"),
        ("SELECT pg_sleep(9), 'canary'", "timeout"),
        ("SELECT 'canary'::int", "wrong_type"),
        ("SELECT rolpassword AS canary FROM pg_authid", "no_permission"),
        ("SELECT canary FROM", "defect"),
        ("DELETE FROM canary_mine", "defect"),
    ],
)
def test_what_a_query_can_fail_of(postgres_server: Postgres, query: str, reason: str) -> None:
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as admin:
        admin.execute(
            "CREATE ROLE plain LOGIN PASSWORD 'plain'; CREATE TABLE canary_mine (); GRANT ALL ON canary_mine TO plain"
        )
    link = connect(**address(postgres_server, user="plain", password="plain", timeout=0.5))
    with pytest.raises(StreamError) as failed, reading(link) as tx:
        tx.execute(query)
    assert failed.value.reason == reason
    assert "canary" not in str(failed.value)
    assert failed.value.__context__ is None
    with reading(link) as tx:
        assert tx.execute("SELECT 1").fetchone() == (1,), "the connection is whole"
    close(link)


def test_a_server_that_goes_away_is_the_sources_failure(postgres_server: Postgres) -> None:
    link = connect(**address(postgres_server))
    postgres_server.stop()
    with pytest.raises(SourceDown), reading(link) as tx:
        tx.execute("SELECT 1")
    close(link)
    close(link)


def test_everything_in_a_reading_is_of_one_moment(postgres_server: Postgres) -> None:
    link = connect(**address(postgres_server))
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as writer:
        writer.execute("CREATE TABLE t (n int)")
        with reading(link) as tx:
            assert tx.execute("SELECT count(*) FROM t").fetchone() == (0,)
            writer.execute("INSERT INTO t VALUES (1)")
            assert tx.execute("SELECT count(*) FROM t").fetchone() == (0,)
        with reading(link) as tx:
            assert tx.execute("SELECT count(*) FROM t").fetchone() == (1,)
    close(link)


def test_a_password_of_a_file_beside_is_not_used(postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", postgres_server.password)
    monkeypatch.setenv("PGUSER", "postgres")
    with pytest.raises(SourceDown, match="auth"):
        connect(**address(postgres_server, password=""))


def test_what_is_nobodys() -> None:
    assert translate(ValueError("ours")) is None
    assert at_the_door(psycopg.OperationalError("what nobody has ever said")).reason == "refused"
