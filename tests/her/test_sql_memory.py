"""Long-term memory: for every shape of the table, the numbers are those that PostgreSQL itself computes another way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from pydantic import SecretStr

from exporters.core.contract import Sample
from exporters.core.errors import StreamError
from exporters.core.metric import Metric
from exporters.demo.postgres import Postgres
from exporters.her import sql_grants, sql_memory
from exporters.her import sql_metrics as m
from exporters.her.simulate_tables import MemoryShape
from exporters.readers import postgres_pages
from exporters.readers.postgres_client import Connection
from tests.her.database import NOW, OBSERVER_PASSWORD, Database, shown

SHAPES: tuple[MemoryShape, ...] = ("mem0", "legacy", "hybrid")
PASSWORD = SecretStr(OBSERVER_PASSWORD)
WHOLE = "SELECT owner, category, importance, created FROM plain"
"""Of the view below: memories as a person would tabulate them, by casts that only well-formed payloads survive."""
PLAIN: dict[MemoryShape, str] = {
    "mem0": """
        SELECT payload ->> 'user_id' AS owner, payload ->> 'category' AS category,
               CASE jsonb_typeof(payload -> 'importance') WHEN 'number'
                    THEN (payload ->> 'importance')::numeric END AS importance,
               (payload ->> 'created_at')::timestamptz AS created FROM memories""",
    "legacy": """
        SELECT user_id AS owner, category, importance_score::numeric AS importance, created_at AS created
        FROM memories""",
    "hybrid": """
        SELECT coalesce(user_id, payload ->> 'user_id') AS owner,
               coalesce(category, payload ->> 'category') AS category,
               coalesce(importance_score::numeric, (payload ->> 'importance')::numeric) AS importance,
               coalesce(created_at, (payload ->> 'created_at')::timestamptz) AS created FROM memories""",
}


@pytest.fixture
def database(postgres_server: Postgres) -> Iterator[Database]:
    made = Database(postgres_server)
    with closing(made.owner):
        yield made


def fill(database: Database, shape: MemoryShape) -> None:
    """A table of this shape with well-formed memories, and all of it for the observer to read."""
    tables = database.tables
    if shape == "legacy":
        tables.older_memory(300)
    else:
        tables.start_memory()
        tables.backfill(40)
        if shape == "hybrid":
            tables.hybrid_memory()
    database.owner.execute("GRANT SELECT ON memories TO observer")


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    made = database.source(port=database.server.port, dbname="postgres", password=PASSWORD).connect()
    with closing(made):
        yield made


def rest(probe: sql_memory.MemoryProbe, connection: Connection) -> list[Sample]:
    while (samples := probe.collect(connection, NOW)) is None:
        continue
    return samples


def groups(database: Database, query: str) -> dict[str, float]:
    return {str(key): float(count) for key, count in database.ask(query, {"now": NOW})}


def without_zeros(found: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in found.items() if value}


COMPUTED: dict[Metric, str] = {
    m.MEMORIES: "SELECT '', count(*) FROM plain",
    m.MEMORY_OWNERS: "SELECT CASE WHEN owner ~ '^group:' THEN 'group' ELSE 'user' END, count(DISTINCT owner)"
    " FROM plain WHERE owner IS NOT NULL GROUP BY 1",
    m.MEMORY_CATEGORIES: "SELECT coalesce(category, 'uncategorized'), count(*) FROM plain GROUP BY 1",
    m.MEMORY_BANDS: "SELECT to_char(greatest(0.1, ceil(importance * 10) / 10), 'FM0.0'), count(*)"
    " FROM plain WHERE importance IS NOT NULL GROUP BY 1",
    m.MEMORY_DAYS: "SELECT to_char(%(now)s::date - created::date, 'FM00'), count(*) FROM plain"
    " WHERE created::date > %(now)s::date - 30 GROUP BY 1",
    m.MEMORY_CREATED: "SELECT name, (SELECT count(*) FROM plain WHERE created > %(now)s - back::interval)"
    " FROM (VALUES ('24h', '24 hours'), ('7d', '7 days'), ('30d', '30 days')) AS windows (name, back)",
    m.MEMORY_NEWEST: "SELECT '', extract(epoch FROM max(created)) FROM plain",
    m.MEMORY_LARGEST: "SELECT row_number() OVER (ORDER BY count(*) DESC), count(*) FROM plain"
    " WHERE owner IS NOT NULL GROUP BY owner ORDER BY 1 LIMIT 10",
    m.MEMORY_OWNER_SIZES: "SELECT CASE WHEN n < 2 THEN '1' WHEN n < 6 THEN '2-5' WHEN n < 21 THEN '6-20'"
    " WHEN n < 101 THEN '21-100' ELSE 'over-100' END, count(*) FROM"
    " (SELECT count(*) AS n FROM plain WHERE owner IS NOT NULL GROUP BY owner) AS sizes GROUP BY 1",
    m.MEMORY_WITHOUT: "SELECT * FROM (SELECT 'user', count(*) - count(owner) FROM plain"
    " UNION ALL SELECT 'category', count(*) - count(category) FROM plain"
    " UNION ALL SELECT 'importance', count(*) - count(importance) FROM plain"
    " UNION ALL SELECT 'created', count(*) - count(created) FROM plain) AS parts",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_numbers_are_those_of_the_database(database: Database, shape: MemoryShape) -> None:
    fill(database, shape)
    database.owner.execute(f"CREATE VIEW plain AS {PLAIN[shape]}".encode())
    samples = database.read("memory")
    assert without_zeros(shown(samples, m.MEMORY_SHAPE)) == {shape: 1}
    assert shown(samples, m.MEMORY_EXAMINED) == {"": 1}
    for metric, query in COMPUTED.items():
        expected = without_zeros(groups(database, query))
        assert expected or metric is m.MEMORY_WITHOUT, metric.name
        assert without_zeros(shown(samples, metric)) == pytest.approx(expected), metric.name
    mean = float(database.number("SELECT avg(importance) FROM plain"))
    assert shown(samples, m.MEMORY_IMPORTANCE)[""] == pytest.approx(mean)


@pytest.mark.parametrize("shape", SHAPES)
def test_in_parts_of_one_page_the_numbers_are_the_same(
    database: Database, shape: MemoryShape, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, shape)
    if shape != "legacy":
        database.tables.malformed()
    assert database.number("SELECT pg_relation_size('memories') / current_setting('block_size')::int") > 3
    database.owner.execute("DELETE FROM memories WHERE ctid >= '(1,0)' AND ctid < '(2,0)'")  # a page without a row
    expected = {(sample.metric, sample.labels): sample.value for sample in database.read("memory")}
    monkeypatch.setattr(postgres_pages.Pages, "took", lambda *_: None)
    monkeypatch.setattr(sql_memory, "Pages", lambda: postgres_pages.Pages(1))
    samples = database.read("memory")
    assert {(sample.metric, sample.labels): sample.value for sample in samples} == pytest.approx(expected)
    assert shown(samples, m.MEMORIES)[""] == database.number("SELECT count(*) FROM memories")


def test_each_part_is_a_read_of_its_own_and_what_comes_meanwhile_is_met(
    database: Database, connection: Connection
) -> None:
    fill(database, "mem0")
    probe = sql_memory.MemoryProbe("memories")
    probe._pages = postgres_pages.Pages(1)
    assert probe.collect(connection, NOW) is None
    before = database.number("SELECT count(*) FROM memories")
    database.tables.remember("5551001", "profile_identity", 0.95)
    # Nothing is open between two parts: whoever alters the table waits for no reader.
    database.owner.execute("SET lock_timeout = '1s'; ALTER TABLE memories ADD COLUMN later text; RESET lock_timeout")
    assert shown(rest(probe, connection), m.MEMORIES) == {"": before + 1}


def test_after_a_lost_connection_a_look_begins_anew(database: Database, connection: Connection) -> None:
    fill(database, "mem0")
    probe = sql_memory.MemoryProbe("memories")
    probe._pages = postgres_pages.Pages(1)
    for _ in range(3):
        assert probe.collect(connection, NOW) is None
    another = database.source(port=database.server.port, dbname="postgres", password=PASSWORD).connect()
    with closing(another):
        assert shown(rest(probe, another), m.MEMORIES) == {"": database.number("SELECT count(*) FROM memories")}


def test_a_table_that_is_replaced_meanwhile_is_looked_at_anew(database: Database, connection: Connection) -> None:
    database.tables.older_memory(300)
    database.owner.execute("GRANT SELECT ON memories TO observer")
    probe = sql_memory.MemoryProbe("memories")
    assert probe.collect(connection, NOW) is None
    database.tables.start_memory()
    database.tables.remember("5551001", "profile_identity", 0.95)
    database.owner.execute("GRANT SELECT ON memories, memories_legacy TO observer")
    samples = rest(probe, connection)
    assert shown(samples, m.MEMORIES) == {"": 1}
    assert shown(samples, m.MEMORY_LEGACY) == {"": 300}
    assert shown(samples, m.MEMORY_SHAPE)["mem0"] == 1


def test_a_part_that_runs_out_of_time_is_made_smaller(database: Database, connection: Connection) -> None:
    fill(database, "mem0")
    probe = sql_memory.MemoryProbe("memories")
    probe._pages = postgres_pages.Pages(64)
    assert probe.collect(connection, NOW) is None
    connection.execute("SET statement_timeout = 100")
    database.owner.execute("CREATE FUNCTION slow(jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT pg_sleep(9); SELECT $1'")
    database.owner.execute("ALTER TABLE memories RENAME TO quick")
    database.owner.execute("CREATE VIEW memories AS SELECT slow(payload) AS payload, ctid FROM quick")
    database.owner.execute("GRANT SELECT ON memories TO observer")
    with pytest.raises(StreamError, match="timeout"):
        probe.collect(connection, NOW)
    assert probe._pages.count == 8


def test_malformed_payloads_are_counted_and_stop_nothing(database: Database) -> None:
    fill(database, "mem0")
    before = database.read("memory")
    odd = database.tables.malformed()
    after = database.read("memory")
    with pytest.raises(psycopg.Error, match=r"."):
        database.ask("SELECT (payload ->> 'created_at')::timestamptz FROM memories")
    assert shown(after, m.MEMORIES)[""] == shown(before, m.MEMORIES)[""] + odd
    # None of them has a time or an importance that can be used.
    assert shown(after, m.MEMORY_WITHOUT)["created"] == odd
    assert shown(after, m.MEMORY_WITHOUT)["importance"] == odd
    for metric in (m.MEMORY_BANDS, m.MEMORY_DAYS, m.MEMORY_CREATED, m.MEMORY_NEWEST, m.MEMORY_IMPORTANCE):
        assert shown(after, metric) == shown(before, metric), metric.name
    assert shown(after, m.MEMORY_CATEGORIES)["nested"] == 1
    assert sum(shown(after, m.MEMORY_CATEGORIES).values()) == shown(after, m.MEMORIES)[""]


def test_what_is_renamed_and_what_is_deleted(database: Database) -> None:
    tables = database.tables
    tables.older_memory(7)
    tables.start_memory()
    kept = [tables.remember("5551001", "profile_identity", 0.95) for _ in range(3)]
    database.owner.execute("GRANT SELECT ON memories, memories_legacy TO observer")
    samples = database.read("memory")
    assert shown(samples, m.MEMORY_LEGACY) == {"": 7}
    assert shown(samples, m.MEMORIES) == {"": 3}
    tables.forget(kept[0])
    assert shown(database.read("memory"), m.MEMORIES) == {"": 2}


def test_no_table_is_a_shape_too(database: Database) -> None:
    samples = database.read("memory")
    assert without_zeros(shown(samples, m.MEMORY_SHAPE)) == {"none": 1}
    assert shown(samples, m.MEMORIES) == {}


def test_an_empty_table_is_zero(database: Database) -> None:
    database.tables.start_memory()
    database.owner.execute("GRANT SELECT (payload, ctid) ON memories TO observer")
    samples = database.read("memory")
    assert shown(samples, m.MEMORIES) == {"": 0}
    assert shown(samples, m.MEMORY_IMPORTANCE) == {}
    assert set(shown(samples, m.MEMORY_DAYS).values()) == {0}


def test_a_table_too_large_is_estimated(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database, "mem0")
    database.owner.execute("ANALYZE memories")
    monkeypatch.setattr(sql_memory, "LARGEST_HEAP", 1000)
    samples = database.read("memory")
    assert shown(samples, m.MEMORY_EXAMINED) == {"": 0}
    assert shown(samples, m.MEMORIES) == {"": database.number("SELECT count(*) FROM memories")}
    assert shown(samples, m.MEMORY_DAYS) == {}


def test_a_view_is_as_large_as_the_table_under_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database, "mem0")
    database.owner.execute(sql_grants.FACTS_VIEW.encode())
    database.owner.execute("ANALYZE memories")
    monkeypatch.setattr(sql_memory, "LARGEST_HEAP", 1000)
    samples = database.read("memory", memory_table="her_memory_facts")
    assert shown(samples, m.MEMORY_EXAMINED) == {"": 0}
    assert shown(samples, m.MEMORIES) == {"": database.number("SELECT count(*) FROM memories")}


def test_where_the_place_of_a_row_is_secret_only_a_small_table_is_read_through(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, "mem0")
    whole = database.read("memory")
    database.owner.execute("REVOKE ALL ON memories FROM observer; GRANT SELECT (payload) ON memories TO observer")
    assert database.read("memory") == whole
    monkeypatch.setattr(sql_memory, "LARGEST_AT_ONCE", 1000)
    assert shown(database.read("memory"), m.MEMORY_EXAMINED) == {"": 0}


def test_without_the_grant_it_says_so(database: Database) -> None:
    database.tables.start_memory()
    with pytest.raises(StreamError, match="no_permission"):
        database.read("memory")


def test_legacy_needs_no_text(database: Database) -> None:
    """The least privilege of the legacy shape: every number, and the text stays unreadable."""
    database.tables.older_memory(20)
    database.owner.execute(f"GRANT SELECT ({', '.join(sql_grants.LEGACY_MEMORIES)}) ON memories TO observer".encode())
    samples = database.read("memory")
    assert shown(samples, m.MEMORIES) == {"": 20}
    assert shown(samples, m.MEMORY_OWNERS)["user"] == 12
    assert not database.number("SELECT has_column_privilege('observer', 'memories', 'memory_text', 'SELECT')")


def test_the_view_gives_the_same_numbers_without_the_text(database: Database) -> None:
    fill(database, "mem0")
    database.tables.malformed()
    through_payloads = database.read("memory")
    database.owner.execute("REVOKE ALL ON memories FROM observer")
    database.owner.execute(sql_grants.FACTS_VIEW.encode())
    through_view = database.read("memory", memory_table="her_memory_facts")
    for metric in COMPUTED:
        assert shown(through_view, metric) == shown(through_payloads, metric), metric.name
    assert not database.number("SELECT has_any_column_privilege('observer', 'memories', 'SELECT')")


def test_no_words_of_anybody_leave(postgres_server: Postgres) -> None:
    canaries: dict[str, str] = {}
    database = Database(postgres_server, canaries)
    with closing(database.owner):
        fill(database, "mem0")
        database.tables.create()
        for person in database.tables.world.people:
            database.tables.seen(person)
        database.tables.minute()
        database.owner.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO observer")
        told = [label for probe in database.source().probes for s in database.read(probe.name) for label in s.labels]
    assert len(canaries) > 10
    assert [(field, label) for field, token in canaries.items() for label in told if token in label] == []
