"""HER's sign of life in PostgreSQL: a clock astray neither hides a dead HER nor invents one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from exporters.demo.postgres import Postgres
from exporters.her import sql_grants, sql_locks
from exporters.her import sql_metrics as m
from exporters.her.sql_locks import LocksProbe
from exporters.readers import postgres_client
from tests.her.database import OBSERVER_PASSWORD, Database, shown

RENEW = "UPDATE scheduler_job_locks SET updated_at = %(at)s WHERE lock_name = 'system:reminder_processor'"
OFFSETS = pytest.mark.parametrize("ahead", [-3600, -600, 0, 600, 3600])
"""Seconds that the clock which stamps is ahead of ours."""


class Watch:
    """A probe, the lock it reads, and our clock, which `passes` sets on. ahead: of the server's clock and of stamps."""

    def __init__(self, database: Database, connection: postgres_client.Connection) -> None:
        self._database = database
        self._connection = connection
        self.probe = LocksProbe()
        self.start = datetime.now(UTC)
        self.now = self.start

    def passes(self, seconds: float) -> Watch:
        self.now += timedelta(seconds=seconds)
        return self

    def renewed(self, ahead: float) -> Watch:
        self._database.owner.execute(RENEW, {"at": self.now + timedelta(seconds=ahead)})
        return self

    def age(self) -> float:
        """Seconds since the sign of life, as alerts and pages tell it."""
        (at,) = shown(self.probe.collect(self._connection, self.now), m.LOCK_TIME).values()
        return self.now.timestamp() - at


@pytest.fixture
def watch(postgres_server: Postgres) -> Iterator[Watch]:
    made = Database(postgres_server)
    with closing(made.owner):
        made.tables.create()
        made.tables.heartbeat()
        made.owner.execute(sql_grants.grants().encode())
        connection = postgres_client.connect(
            host="127.0.0.1",
            port=postgres_server.port,
            user="observer",
            dbname="postgres",
            password=OBSERVER_PASSWORD,
            tls=postgres_client.Tls(mode="disable"),
            timeout=10,
        )
        try:
            yield Watch(made, connection)
        finally:
            postgres_client.close(connection)


def server_ahead(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The server's clock is another than ours."""
    clock = f"clock_timestamp() + interval '{seconds} seconds'"
    changed = sql_locks._LOCKS.replace("clock_timestamp()", clock)
    assert changed != sql_locks._LOCKS
    monkeypatch.setattr(sql_locks, "_LOCKS", changed)


@OFFSETS
@pytest.mark.parametrize("whose", ["server", "her"])
def test_a_her_that_lives_is_heard_whatever_the_clocks_say(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, ahead: float, whose: str
) -> None:
    if whose == "server":
        server_ahead(monkeypatch, ahead)
    watch.renewed(ahead).age()
    for _ in range(10):
        assert watch.passes(60).renewed(ahead).age() == 0
        assert watch.passes(15).age() == 15


@OFFSETS
@pytest.mark.parametrize("whose", ["server", "her"])
def test_a_her_that_died_ages_from_the_last_renewal_that_was_seen(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, ahead: float, whose: str
) -> None:
    if whose == "server":
        server_ahead(monkeypatch, ahead)
    watch.renewed(ahead).age()
    watch.passes(60).renewed(ahead).age()
    for minute in range(1, 10):
        assert watch.passes(60).age() == minute * 60


@OFFSETS
def test_what_lay_there_at_the_first_look_is_as_old_as_the_server_says(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    server_ahead(monkeypatch, ahead)
    assert watch.passes(-500).renewed(ahead).passes(500).age() == pytest.approx(500, abs=30)
    assert watch.passes(60).age() == pytest.approx(560, abs=30)


def test_a_stamp_from_the_future_is_as_old_as_our_first_look(watch: Watch) -> None:
    assert watch.renewed(3600).age() == 0
    assert watch.passes(400).age() == 400


@OFFSETS
def test_who_died_while_nobody_looked_is_not_heard_at_the_next_look(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    server_ahead(monkeypatch, ahead)
    watch.renewed(ahead).age()
    watch.passes(60).renewed(ahead).age()
    watch.passes(300).renewed(ahead)
    assert watch.passes(3000).age() == pytest.approx(3000, abs=30)


def test_a_clock_that_is_put_right_ends_nothing(watch: Watch) -> None:
    watch.renewed(3600).age()
    assert watch.passes(60).renewed(3600).age() == 0
    assert watch.passes(60).renewed(0).age() == 0
    assert watch.passes(60).renewed(0).age() == 0
    assert watch.passes(400).age() == 400
