"""HER's PostgreSQL server as an account with the documented grants sees it, and as one with pg_read_all_stats does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from exporters.core.contract import Sample
from exporters.demo.postgres import Postgres
from exporters.her.sql_grants import grants
from exporters.her.sql_server import ServerProbe
from exporters.readers import postgres_client
from exporters.readers.postgres_client import Connection

NOW = datetime(2026, 2, 22, 12, tzinfo=UTC)
PASSWORD = "an observer's password"

pytestmark = pytest.mark.servers


class House:
    """A server with HER's administrator and our account."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.owner: psycopg.Connection[Any] = psycopg.connect(server.dsn(), autocommit=True)
        self.owner.execute("CREATE ROLE observer LOGIN PASSWORD 'an observer''s password'")
        self.owner.execute("CREATE TABLE work (n int)")

    def connect(self) -> Connection:
        return postgres_client.connect(
            host="127.0.0.1", port=self.server.port, user="observer", dbname="postgres", password=PASSWORD
        )

    def client(self, **options: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(self.server.dsn(), **options)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    from exporters.demo.ports import free_port

    folder = tmp_path_factory.mktemp("sql-server")
    with Postgres(folder / "postgres", free_port(), password_file=folder / "password", settings={"fsync": "off"}) as up:
        made = House(up)
        yield made
        made.owner.close()


@pytest.fixture
def connection(house: House) -> Iterator[Connection]:
    made = house.connect()
    yield made
    postgres_client.close(made)


def shown(samples: list[Sample]) -> dict[str, float]:
    values = {" ".join((sample.metric.name, *sample.labels)): sample.value for sample in samples}
    assert len(values) == len(samples)
    return values


def settled(house: House, clients: int) -> None:
    """Until as many clients are connected: a closed one takes a moment to be gone."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    while house.owner.execute(query).fetchone() != (clients,):
        pass


def test_the_grants_that_are_documented_do_not_include_it() -> None:
    assert "pg_read_all_stats" not in grants()


def test_the_server_as_gauges(house: House, connection: Connection) -> None:
    found = shown(ServerProbe().collect(connection, NOW))
    ((version, started, size, limit),) = house.owner.execute(
        "SELECT split_part(current_setting('server_version'), ' ', 1), extract(epoch FROM pg_postmaster_start_time()),"
        " pg_database_size('postgres'), current_setting('max_connections')::int"
    ).fetchall()
    assert found[f"her_postgres_info {version}"] == 1
    assert found["her_postgres_start_timestamp_seconds"] == pytest.approx(float(started))
    assert found["her_postgres_database_bytes"] == pytest.approx(size, rel=0.05)
    assert found["her_postgres_max_connections"] == limit
    assert found["her_postgres_oldest_transaction_seconds"] == 0


def test_a_plain_account_counts_connections_and_does_not_see_what_they_do(house: House, connection: Connection) -> None:
    with house.client() as one, house.client(autocommit=True):
        one.execute("SELECT 1")
        settled(house, 4)
        found = shown(ServerProbe().collect(connection, NOW))
        assert found["her_postgres_connections hidden"] == 3
        assert found["her_postgres_connections active"] == 1, "our own"
        assert found["her_postgres_connections idle_in_transaction"] == found["her_postgres_connections idle"] == 0
    settled(house, 2)


def test_with_pg_read_all_stats_it_does(house: House) -> None:
    house.owner.execute("GRANT pg_read_all_stats TO observer")
    with ExitStack() as stack:
        stack.callback(house.owner.execute, "REVOKE pg_read_all_stats FROM observer")
        connection = house.connect()
        stack.callback(postgres_client.close, connection)
        one, failed = stack.enter_context(house.client()), stack.enter_context(house.client())
        one.execute("INSERT INTO work VALUES (1)")
        with pytest.raises(psycopg.errors.DivisionByZero):
            failed.execute("SELECT 1/0")
        settled(house, 4)
        found = shown(ServerProbe().collect(connection, NOW))
        assert found["her_postgres_connections hidden"] == 0
        assert found["her_postgres_connections idle_in_transaction"] == 2
        assert found["her_postgres_connections idle"] == 1
        assert found["her_postgres_connections active"] == 1
        # The server's own clock, at the first look already.
        assert 0 < found["her_postgres_oldest_transaction_seconds"] < 60
        one.rollback()
        failed.rollback()
    settled(house, 1)


def test_the_oldest_transaction_is_at_least_as_old_as_it_was_seen(house: House, connection: Connection) -> None:
    probe = ServerProbe()

    def held(seconds: float) -> float:
        samples = shown(probe.collect(connection, NOW + timedelta(seconds=seconds)))
        return samples["her_postgres_oldest_transaction_seconds"]

    with house.client() as one, house.client() as two:
        one.execute("INSERT INTO work VALUES (1)")
        assert held(0) == 0
        two.execute("INSERT INTO work VALUES (2)")
        assert held(15) == 15
        assert held(3600) == 3600
        one.commit()
        # Another one is the oldest now, and was not looked at before.
        assert held(3615) == 0
        assert held(3630) == 15
        two.commit()
    assert held(3645) == 0


def test_who_only_reads_holds_nothing(house: House, connection: Connection) -> None:
    """A reader has no number of its own; what it reads stays readable to us as well."""
    probe = ServerProbe()
    with house.client() as reader:
        reader.execute("SELECT count(*) FROM work")
        probe.collect(connection, NOW)
        samples = shown(probe.collect(connection, NOW + timedelta(hours=1)))
        assert samples["her_postgres_oldest_transaction_seconds"] == 0
        reader.rollback()
