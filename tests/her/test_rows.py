"""HER's tables on a real PostgreSQL, through an account that may read a few columns and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from exporters.core.contract import Batch, Effects, Record, RememberingReader, Source, Stream
from exporters.core.errors import SourceDown, StreamError
from exporters.core.metric import Metric
from exporters.demo.postgres import Postgres
from exporters.her import metrics
from exporters.her.settings import HerSettings
from exporters.her.simulate import Her
from exporters.her.simulate_sql import SqlTwin, create_schema
from exporters.her.sources import sources
from exporters.her.sql_grants import ROWS, grants
from tests.her.deployments import HASH_KEY
from tests.her.effects_check import assert_declared
from tests.her.whole_life import tell_everything
from tests.servers.fixtures import StartRedis
from tests.standins.remembered_ids import RememberedIds

PASSWORD = "a password of the test's"


@dataclass
class Reader:
    """One stream of rows, with everything it did."""

    stream: Stream[Any, Any, Any]
    connection: Any
    cursor: Any = None
    state: Any = None
    memory: RememberedIds = field(default_factory=RememberedIds)
    effects: Effects = field(default_factory=Effects)
    records: list[Record] = field(default_factory=list)
    gaps: int = 0
    late: int = 0

    def __post_init__(self) -> None:
        self.state = self.stream.initial()
        assert isinstance(self.stream.reader, RememberingReader)
        self.reader: RememberingReader[Any] = self.stream.reader

    def read(self) -> None:
        """Read until there is nothing more, history included."""
        batch = self._live()
        while batch.more:
            batch = self._live()
        while batch.history:
            batch = self.reader.read_history(self.connection, self.cursor, datetime.now(UTC), self.memory)
            self.reader.rest()
            self._take(batch)

    def _live(self) -> Batch:
        return self._take(self.reader.read_live(self.connection, self.cursor, datetime.now(UTC), self.memory))

    def _take(self, batch: Batch) -> Batch:
        for record in batch.records:
            self.state, effects = self.stream.fold(self.state, self.stream.parse(record))
            self._add(effects)
            self.records.append(record)
        if self.stream.expire is not None:
            self.state, effects = self.stream.expire(self.state, datetime.now(UTC))
            self._add(effects)
        self.memory.update(batch.seen.add)
        self.gaps += batch.gap
        self.late += batch.late
        self.cursor = batch.next_cursor
        return batch

    def _add(self, effects: Effects) -> None:
        assert_declared(effects, self.stream.feeds)
        self.effects.counts += effects.counts
        self.effects.points += effects.points

    def by_labels(self, metric: Metric) -> Counter[tuple[str, ...]]:
        found: Counter[tuple[str, ...]] = Counter()
        for seen, labels, amount in self.effects.counts:
            if seen is metric:
                found[labels] += int(amount)
        return found


class House:
    """HER with a Redis and a database of its own, and the exporter's account there."""

    def __init__(self, start_redis: StartRedis, postgres: Postgres, folder: Path) -> None:
        self.postgres = postgres
        self.admin = psycopg.connect(postgres.dsn(), autocommit=True)
        create_schema(self.admin)
        self.admin.execute(f"CREATE ROLE observer LOGIN PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'")
        self.admin.execute(f"GRANT USAGE ON SCHEMA public TO observer; {grants()}")
        self.redis = start_redis(password=False)
        self.client = redis.Redis(port=self.redis.port)
        self.her = Her(self.client, seed=5)
        self.twin = SqlTwin(psycopg.connect(postgres.dsn(), autocommit=True), seed=5)
        self.her.pen.twin = self.twin
        self.password_file = folder / "observer"
        self.password_file.write_text(PASSWORD + "\n")

    def close(self) -> None:
        for connection in (self.admin, self.client, self.twin.connection):
            connection.close()

    def source(self, **given: object) -> Source[Any]:
        address = {"host": "127.0.0.1", "port": self.postgres.port, "user": "observer", "dbname": "postgres"}
        address |= {"password_file": self.password_file, **given}
        made = HerSettings(redis={"host": "127.0.0.1"}, postgres=address)
        return sources(made, HASH_KEY)[1]

    @contextmanager
    def readers(self) -> Iterator[dict[str, Reader]]:
        source = self.source()
        connection = source.connect()
        try:
            yield {stream.name: Reader(stream, connection) for stream in source.streams}
        finally:
            source.close(connection)

    def asked(self, query: str) -> Counter[tuple[str, ...]]:
        """An independent count: the last column is the number, the others are the labels."""
        rows = self.admin.execute(query).fetchall()
        return Counter({tuple(map(str, labels)): number for *labels, number in rows})


@pytest.fixture
def house(start_redis: StartRedis, postgres_server: Postgres, tmp_path: Path) -> Iterator[House]:
    with closing(House(start_redis, postgres_server, tmp_path)) as made:
        yield made


DECISIONS_BY_HAND = "SELECT event_type, source, count(*) FROM decision_logs GROUP BY 1, 2"
PROACTIVE_BY_HAND = """
    SELECT message_kind, CASE WHEN success THEN 'success' ELSE 'failed' END, count(*)
    FROM proactive_message_audit GROUP BY 1, 2
"""


def test_history_and_what_comes_after_are_what_sql_counts(house: House) -> None:
    tell_everything(house.her)
    with house.readers() as streams:
        for reader in streams.values():
            reader.read()
        assert streams["decision_rows"].by_labels(metrics.DECISION_ROWS) == house.asked(DECISIONS_BY_HAND)
        for _ in range(3):
            house.her.chat()
            house.her.agent_request()
            house.her.daily()
            for minute in range(5):
                house.her.tick(house.her.minute + 1 + minute)
            for reader in streams.values():
                reader.read()
        decisions, proactive, reflections = streams.values()
        by_hand = house.asked(DECISIONS_BY_HAND)
        assert decisions.by_labels(metrics.DECISION_ROWS) == by_hand
        assert by_hand.total() == house.twin.rows["decision_logs"] > 100
        assert proactive.by_labels(metrics.PROACTIVE_ROWS) == house.asked(PROACTIVE_BY_HAND) != Counter()
        assert reflections.by_labels(metrics.REFLECTION_ROWS).total() == house.twin.rows["autonomy_reflections"] > 0
        points = [point for point in decisions.effects.points if point.measurement is metrics.DECISION_ROW_POINT]
        assert len(points) == by_hand.total()
        assert [reader.gaps for reader in streams.values()] == [0, 0, 0]


def test_a_reflection_that_is_written_again_counts_once(house: House) -> None:
    person = house.her.world.people[0]
    house.her.reflection(person)
    with house.readers() as streams:
        reader = streams["reflection_rows"]
        reader.read()
        for _ in range(3):
            house.her.reflection(person)
            reader.read()
        house.her.reflection(house.her.world.people[1])
        reader.read()
        assert reader.by_labels(metrics.REFLECTION_ROWS).total() == 2
        house.admin.execute("ALTER TABLE autonomy_reflections ALTER COLUMN notes TYPE varchar(9000)")
        house.admin.execute("UPDATE autonomy_reflections SET created_at = now()")
        reader.read()
        assert reader.by_labels(metrics.REFLECTION_ROWS).total() == 2


def test_a_failed_insert_leaves_a_hole_in_the_table_alone(house: House) -> None:
    house.her.sandbox_execution(output="a NUL \x00 in it")
    house.her.heartbeat()
    assert house.twin.holes["decision_logs"] == 2
    assert house.client.llen("her:decision:logs") == 2
    with house.readers() as streams:
        streams["decision_rows"].read()
        assert streams["decision_rows"].records == []


@pytest.mark.parametrize("table", ROWS)
def test_a_missing_table_or_grant_fails_its_own_stream_alone(house: House, table: str) -> None:
    owners = dict(zip(ROWS, ("decision_rows", "proactive_audit", "reflection_rows"), strict=True))
    for change, reason in (
        (f"REVOKE ALL ON {table} FROM observer", "no_permission"),
        (f"DROP TABLE {table}", "missing"),
    ):
        house.admin.execute(change)
        failed = {}
        with house.readers() as streams:
            for name, reader in streams.items():
                try:
                    reader.read()
                except StreamError as error:
                    failed[name] = error.reason
        assert failed == {owners[table]: reason}


def test_the_password_is_read_at_each_connect_and_never_told(house: House) -> None:
    source = house.source()
    source.close(source.connect())
    house.password_file.write_text("hunter2")
    with pytest.raises(SourceDown, match="auth") as refused:
        source.connect()
    assert "hunter2" not in str(refused.value)
    assert refused.value.__context__ is None
    house.password_file.unlink()
    with pytest.raises(SourceDown, match=r"auth: .*No such file"):
        source.connect()


def test_the_session_can_only_read(house: House) -> None:
    source = house.source()
    connection = source.connect()
    house.admin.execute("GRANT ALL ON decision_logs TO observer")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("DELETE FROM decision_logs")
    found = dict(connection.execute("SELECT name, setting FROM pg_settings").fetchall())
    assert found["application_name"] == "llm-observatory"
    assert int(found["statement_timeout"]) == 5000
    assert 0 < int(found["lock_timeout"]) < 5000
    assert int(found["idle_in_transaction_session_timeout"]) > 0
    source.close(connection)


def test_a_late_row_is_marked(house: House) -> None:
    house.her.heartbeat()
    with house.readers() as streams:
        reader = streams["decision_rows"]
        reader.read()
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        house.admin.execute(
            'INSERT INTO decision_logs ("timestamp", event_type, source, summary, details)'
            " VALUES (%s, 'tool_call', 'mcp_tools', '', '{}')",
            (an_hour_ago,),
        )
        reader.read()
        assert (len(reader.records), reader.late) == (1, 0), "beyond the narrow window"
        reader.cursor["wide"][1] -= 301 * 1_000_000  # five minutes pass
        reader.read()
        assert (len(reader.records), reader.late) == (2, 1)
        (point,) = [p for p in reader.effects.points if p.fields["late"]]
        assert abs(point.at - an_hour_ago) < timedelta(milliseconds=1)
