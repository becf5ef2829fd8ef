"""Rows by snapshot horizon on a real PostgreSQL: each case that makes `created_at > cursor` lose or double rows."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from exporters.core.contract import Batch, Json, RememberingReader, identity
from exporters.core.errors import SourceDown, StreamError
from exporters.demo.postgres import Postgres
from exporters.readers import postgres_moment, postgres_slices, postgres_snapshot
from exporters.readers.postgres_client import Connection, close, connect
from exporters.readers.postgres_history import HistoryPages, Page
from exporters.readers.postgres_rows import PostgresRows
from exporters.readers.postgres_slices import Slices
from exporters.readers.postgres_table import Table

HASH_KEY = b"a hash key of the test's, 32 or more"
NOW = datetime(2026, 2, 22, tzinfo=UTC)
FACTS = Table(name="facts", key="id", key_type="bigint", time="at", columns={"word": "left(word, 20)"})
DAYS = Table(name="facts", key="id", key_type="bigint", time="day", time_type="date", columns={"word": "word"})
BY_KIND = Table(name="facts", key="id", key_type="bigint", time="at", lead="kind", columns={"word": "left(word, 20)"})
SCHEMA = """
    CREATE TABLE facts (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), day date,
                        kind text DEFAULT 'a', word text);
    CREATE INDEX facts_at ON facts (at);
    CREATE INDEX facts_kind ON facts (kind, at DESC);
    CREATE INDEX facts_day ON facts (day);
"""


class Memory(dict[bytes, int]):
    """Ids as the state file keeps them."""

    def among(self, hashes: Sequence[bytes]) -> set[bytes]:
        return {hashed for hashed in hashes if hashed in self}

    def oldest(self) -> int | None:
        return min(self.values(), default=None)

    def change(self, batch: Batch) -> None:
        self.update(batch.seen.add)
        if batch.seen.forget_before is not None:
            for hashed in [hashed for hashed, at in self.items() if at < batch.seen.forget_before]:
                del self[hashed]


class House:
    """A table, who writes it, and who reads it."""

    def __init__(self, server: Postgres, table: Table = FACTS, **options: Any) -> None:
        self.server = server
        self.writer = psycopg.connect(server.dsn(), autocommit=True)
        self.link = self.connect()
        self.memory = Memory()
        self.cursor: Json = None
        self.batches: list[Batch] = []
        self.words: list[str] = []
        self.reader = PostgresRows(table=table, hash_key=HASH_KEY, **options)

    def connect(self) -> Connection:
        return connect(
            host="127.0.0.1",
            port=self.server.port,
            user="postgres",
            dbname="postgres",
            password=self.server.password,
            timeout=2.0,
        )

    def close(self) -> None:
        self.writer.close()
        close(self.link)

    def say(self, *words: str, ago: float = 0, kind: str = "a") -> None:
        for word in words:
            self.writer.execute(
                "INSERT INTO facts (at, word, kind) VALUES (clock_timestamp() - make_interval(secs => %s), %s, %s)",
                (ago, word, kind),
            )

    def live(self) -> Batch:
        return self._take(self.reader.read_live(self.link, self.cursor, NOW, self.memory))

    def history(self) -> Batch:
        batch = self.reader.read_history(self.link, self.cursor, NOW, self.memory)
        self.reader.rest()
        return self._take(batch)

    def everything(self) -> list[str]:
        """Read until there is nothing; the words of this time."""
        before = len(self.words)
        batch = self.live()
        while batch.more:
            batch = self.live()
        while batch.history:
            batch = self.history()
        return self.words[before:]

    def audit_next(self) -> None:
        """Five minutes pass."""
        self.cursor["wide"][1] -= 301 * 1_000_000

    def _take(self, batch: Batch) -> Batch:
        self.cursor = json.loads(json.dumps(batch.next_cursor))
        self.memory.change(batch)
        self.batches.append(batch)
        self.words += [str(record[-1]) for record in batch.records]
        return batch


@pytest.fixture
def house(postgres_server: Postgres) -> Iterator[House]:
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        connection.execute(SCHEMA)
    with closing(House(postgres_server)) as made:
        yield made


def another(house: House, table: Table = FACTS, **options: Any) -> House:
    """Another reader of the same table."""
    return House(house.server, table, **options)


def test_it_is_a_remembering_reader(house: House) -> None:
    assert isinstance(house.reader, RememberingReader)


def test_a_record_is_the_row(house: House) -> None:
    house.writer.execute("INSERT INTO facts VALUES (7, '2026-02-22T12:00:00.5+01:00', NULL, 'a', 'wörd')")
    house.live()
    (row,) = house.history().records
    assert row == ("7", datetime(2026, 2, 22, 11, 0, 0, 500_000, UTC), False, "wörd")
    assert identity(row) == b"7"


def test_history_first_then_what_comes(house: House) -> None:
    house.say(*(f"old {n}" for n in range(25)), ago=1e6)
    with closing(another(house, history_page=10)) as reader:
        first = reader.live()
        assert (first.records, first.more, first.history) == ([], False, True)
        reader.say("new")
        assert reader.live().history is True
        assert reader.words == ["new"]
        sizes = []
        while reader.batches[-1].history:
            sizes.append(len(reader.history().records))
        assert sizes == [10, 10, 5]
        assert sorted(reader.words) == sorted([*(f"old {n}" for n in range(25)), "new"])
        assert reader.everything() == []
        assert len(reader.memory) == 1, "of old rows nothing is kept"


def test_a_transaction_that_commits_late(house: House) -> None:
    house.everything()
    with psycopg.connect(house.server.dsn()) as slow:
        slow.execute("INSERT INTO facts (word) VALUES ('slow')")
        house.say("quick")
        assert house.everything() == ["quick"]
        assert house.everything() == []
        assert house.batches[-1].pending == 1, "the open transaction holds the horizon: `quick` is looked at again"
        slow.commit()
        assert house.everything() == ["slow"]
    house.say("after")
    assert house.everything() == ["after"]
    house.everything()
    assert house.batches[-1].pending == 0


def test_savepoints(house: House) -> None:
    """`pg_visible_in_snapshot(xmin, …)` takes subtransactions for strangers and loses these."""
    house.everything()
    with psycopg.connect(house.server.dsn()) as slow:
        slow.execute("INSERT INTO facts (word) VALUES ('outer')")
        for number in range(5):
            slow.execute(f"SAVEPOINT s{number}")
            slow.execute("INSERT INTO facts (word) VALUES (%s)", (f"inner {number}",))
            slow.execute(f"{'ROLLBACK TO' if number % 2 else 'RELEASE'} SAVEPOINT s{number}")
            house.everything()
        slow.commit()
    assert sorted(house.everything()) == ["inner 0", "inner 2", "inner 4", "outer"]


def test_a_prepared_transaction_of_another_database_holds_the_horizon(house: House) -> None:
    """Not allowed by default; an open transaction elsewhere does the same."""
    house.writer.execute("CREATE DATABASE elsewhere")
    house.everything()
    with psycopg.connect(house.server.dsn("elsewhere")) as open_one:
        open_one.execute("CREATE TABLE t ()")
        house.say(*(f"w{n}" for n in range(6)))
        assert len(house.everything()) == 6
        house.everything()
        assert house.batches[-1].pending == 6
    house.everything()
    house.everything()
    assert house.batches[-1].pending == 0


def test_clocks_that_are_wrong(house: House) -> None:
    house.say("now")
    house.everything()
    house.say("behind", ago=300)
    house.say("ahead", ago=-3600)
    assert sorted(house.everything()) == ["ahead", "behind"]
    house.say("now again")
    assert house.everything() == ["now again"]


def test_what_only_the_audit_finds_is_late(house: House) -> None:
    house.everything()
    house.say("an hour old", ago=3600)
    house.say("new")
    assert house.everything() == ["new"]
    house.audit_next()
    assert house.everything() == ["an hour old"]
    assert house.batches[-1].late == 1
    assert house.batches[-1].records[0][2] is True
    house.audit_next()
    assert house.everything() == []


def test_a_pause_is_made_up_for(house: House) -> None:
    """The window begins where the last read ended, not ten minutes ago."""
    house.everything()
    house.cursor["narrow"][1] -= 5 * 3600 * 1_000_000
    house.cursor["wide"][1] = house.cursor["narrow"][1]
    house.say("while away", ago=4 * 3600)
    assert house.everything() == ["while away"]
    assert house.batches[-1].late == 0


def test_a_window_larger_than_a_page(house: House) -> None:
    with closing(another(house, BY_KIND, page=10)) as reader:
        reader.everything()
        for number in range(37):
            reader.say(f"w{number}", ago=100 - number, kind="abc"[number % 3])
        assert reader.live().more is True
        reader.say("in between", ago=99.5)  # behind the page's end
        reader.everything()
        assert sorted(reader.words) == sorted(f"w{n}" for n in range(37))
        assert reader.everything() == ["in between"]
        assert reader.everything() == []


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit looks at a 48th of its window at a time, as it comes to in a busy database."""
    monkeypatch.setattr(postgres_slices, "_FIRST_PART", 48)
    monkeypatch.setattr(postgres_slices, "_SHORT", 0.0)


@pytest.mark.parametrize("table", [FACTS, BY_KIND])
def test_an_audit_in_parts_finds_what_one_query_finds(house: House, in_parts: None, table: Table) -> None:
    with closing(another(house, table, page=4)) as reader:
        reader.everything()
        for hours in range(24):
            reader.say(*(f"{hours}h {n}" for n in range(1 + 7 * (hours == 9))), ago=hours * 3600 + 1)
        reader.say("ahead", ago=-3600)
        assert sorted(reader.everything()) == ["0h 0", "ahead"]
        reader.audit_next()
        reads = len(reader.batches)
        assert len(reader.everything()) == 23 + 7
        assert len(reader.batches) - reads > 40
        assert sum(batch.late for batch in reader.batches) == 30
        assert len(set(reader.words)) == len(reader.words) == 32
        reader.audit_next()
        assert reader.everything() == []


@pytest.mark.parametrize("wide", [timedelta(hours=24), timedelta(days=6)])
def test_a_part_of_days_that_is_larger_than_a_page(house: House, in_parts: None, wide: timedelta) -> None:
    """A part of less than a day has no day in it: what was left of the day that was cut would never be reached."""
    with closing(another(house, DAYS, page=4, wide=wide)) as reader:
        reader.everything()
        for back in range(2, wide.days + 2):
            for number in range(10):
                day = datetime.now(UTC).date() - timedelta(days=back)
                reader.writer.execute("INSERT INTO facts (day, word) VALUES (%s, %s)", (day, f"{back} {number}"))
        reader.audit_next()
        for _ in range(20 * wide.days):
            if not reader.live().more:
                break
        assert not reader.batches[-1].more
        assert len(reader.words) == len(set(reader.words)) == 10 * wide.days
        reader.audit_next()
        assert reader.everything() == []


@pytest.mark.parametrize("part", ["first", "second"])
def test_an_audit_that_runs_out_of_time_shrinks_and_lets_what_is_new_go_first(
    house: House, in_parts: None, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    with closing(another(house)) as reader:
        reader.link.execute("SET statement_timeout = 200")
        reader.everything()
        reader.say("late", ago=20 * 3600)
        reader.audit_next()
        if part == "second":
            assert reader.live().more is True
        reader.reader._slices.length = timedelta(hours=22)
        real = Table.window

        def slow(self: Table, *, filtered: bool, after: bool, bounded: bool = False) -> str:
            query = real(self, filtered=filtered, after=after, bounded=bounded)
            # A part waits longer than it may if it is longer than two hours.
            long = "%(start)s::timestamptz < coalesce(%(until)s, now()) - interval '2 hours'"
            return query.replace(
                "WHERE", f"WHERE (SELECT pg_sleep(CASE WHEN {long} THEN 1 ELSE 0 END)) IS NOT NULL AND"
            )

        monkeypatch.setattr(Table, "window", slow)
        timeouts: list[str] = []
        for number in range(8):
            reader.say(f"new {number}")
            try:
                while reader.live().more:
                    pass
            except StreamError as error:
                timeouts.append(error.reason)
                place = reader.cursor["sweep"]
                assert reader.live().more is False
                assert reader.words[-1] == f"new {number}", "before the audit is tried again"
                assert reader.cursor["sweep"] == place, "what the audit had done is not lost"
        assert timeouts == ["timeout"] * 2
        assert sorted(reader.words) == sorted(["late", *(f"new {n}" for n in range(8))])


def test_what_is_committed_behind_an_audit_in_parts_is_found_by_the_next(house: House, in_parts: None) -> None:
    with closing(another(house, BY_KIND)) as reader:
        reader.everything()
        reader.audit_next()
        with psycopg.connect(house.server.dsn()) as slow:
            slow.execute("INSERT INTO facts (at, word) VALUES (now() - interval '20 hours', 'slow')")
            while reader.cursor["sweep"] is None or datetime.fromisoformat(reader.cursor["sweep"][3]) < (
                datetime.now(UTC) - timedelta(hours=12)
            ):
                assert reader.live().more is True
            slow.commit()
        reader.say("behind", ago=18 * 3600)
        reader.say("before", ago=3 * 3600)
        assert reader.everything() == ["before"]
        reader.audit_next()
        assert sorted(reader.everything()) == ["behind", "slow"]
        reader.audit_next()
        assert reader.everything() == []


def test_parts_of_the_audit_grow_and_shrink_with_what_they_take() -> None:
    parts = Slices(timedelta(hours=24))
    now = datetime(2026, 2, 22, tzinfo=UTC)
    assert parts.until(now - timedelta(hours=24), now) == now - timedelta(hours=23)
    for _ in range(10):
        parts.took(0.001)
    assert parts.until(now - timedelta(hours=24), now) is None, "a small table is read in one"
    for _ in range(10):
        parts.took(1.0)
    assert parts.length == timedelta(minutes=30)
    assert parts.until(now - timedelta(minutes=30), now) is None, "the last part has no end"
    assert parts.until(None, now) is None
    for _ in range(10):
        parts.timed_out()
    assert parts.length < timedelta(minutes=1)
    parts.took(1.0)
    assert parts.length < timedelta(minutes=1), "never longer because it was slow"
    for _ in range(10):
        parts.took(0.02)
    assert parts.length == timedelta(minutes=30), "not many small ones for longer than needed"


def test_rows_of_the_same_time_share_pages(house: House) -> None:
    with closing(another(house, page=7)) as reader:
        reader.everything()
        house.writer.execute("INSERT INTO facts (at, word) SELECT now(), n::text FROM generate_series(1, 50) n")
        assert sorted(map(int, reader.everything())) == list(range(1, 51))


def test_new_values_before_the_time_are_found(house: House) -> None:
    with closing(another(house, BY_KIND)) as reader:
        reader.say("a", kind="a")
        reader.everything()
        reader.say("z", kind="z")
        reader.say("b", kind="b")
        assert sorted(reader.everything()) == ["b", "z"]


def test_history_meets_what_was_emitted_live(house: House) -> None:
    """The one boundary between them are the ids, for rows older than any of those are not even asked for."""
    with closing(another(house, history_page=10)) as reader:
        reader.say(*(f"old {n}" for n in range(15)), ago=1e6)
        reader.say("infinite")
        reader.writer.execute("UPDATE facts SET at = 'infinity' WHERE word = 'infinite'")
        reader.live()
        reader.say("new", "hours old", ago=3 * 3600)
        reader.writer.execute("INSERT INTO facts (at, word) VALUES ('infinity', 'for ever')")
        reader.audit_next()
        while reader.live().more:
            pass
        assert sorted(reader.words) == ["for ever", "hours old", "new"]
        while reader.batches[-1].history:
            reader.history()
        assert sorted(reader.words) == sorted(
            [*(f"old {n}" for n in range(15)), "infinite", "new", "hours old", "for ever"]
        )
        reader.audit_next()
        assert reader.everything() == []


def test_a_page_read_ahead_is_that_of_the_next_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.say(*(f"old {n}" for n in range(35)), ago=1e6)
    asked: list[str] = []
    real = HistoryPages._fetch

    def counted(self: HistoryPages, connection: Connection, after: str | None) -> Page:
        asked.append(threading.current_thread().name)
        return real(self, connection, after)

    monkeypatch.setattr(HistoryPages, "_fetch", counted)
    with closing(another(house, history_page=10)) as reader:
        reader.live()
        for _ in range(4):
            reader.history()
            reader.say("new")
            reader.live()  # on the same connection, between two pages
        assert sorted(reader.words) == sorted([*(f"old {n}" for n in range(35)), *["new"] * 4])
        assert not any(batch.gap for batch in reader.batches), "an older snapshot is not another database"
        assert reader.cursor["narrow"][0] is not None
    assert asked == [threading.current_thread().name, *["facts ahead"] * 3]


def test_a_page_read_ahead_of_another_connection_or_server_is_read_again(house: House) -> None:
    house.say(*(f"old {n}" for n in range(35)), ago=1e6)
    with closing(another(house, history_page=10)) as reader:
        reader.live()
        reader.history()
        house.writer.execute("UPDATE facts SET word = 'changed'")  # what was read ahead has the words of before
        close(reader.link)
        reader.link = reader.connect()
        assert [row[-1] for row in reader.history().records] == ["changed"] * 10
        reader.cursor["started"] = "another time"
        house.writer.execute("UPDATE facts SET word = 'again'")
        assert [row[-1] for row in reader.history().records] == ["again"] * 10
        assert reader.history().history is False
        assert len(reader.words) == 35


def test_a_defect_while_a_page_is_read_ahead_is_told_by_the_next_read_alone(
    house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    house.say(*(f"old {n}" for n in range(15)), ago=1e6)
    let_go: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", let_go.append)
    real = HistoryPages._fetch

    def broken(self: HistoryPages, connection: Connection, after: str | None) -> Page:
        if after:
            raise ValueError("canary-text")
        return real(self, connection, after)

    with closing(another(house, history_page=10)) as reader:
        reader.live()
        monkeypatch.setattr(HistoryPages, "_fetch", broken)
        assert len(reader.history().records) == 10
        with pytest.raises(ValueError, match="canary-text"):
            reader.history()
        assert let_go == []
        assert "canary" not in "".join(capfd.readouterr())
        monkeypatch.setattr(HistoryPages, "_fetch", real)
        assert len(reader.everything()) == 5


def test_a_connection_that_ends_while_a_page_is_read_ahead_is_told_by_the_next_read(house: House) -> None:
    house.say(*(f"old {n}" for n in range(25)), ago=1e6)
    with closing(another(house, history_page=10)) as reader:
        reader.live()
        batch = reader.reader.read_history(reader.link, reader.cursor, NOW, reader.memory)
        reader.reader.rest()
        reader._take(batch)
        reader.history()
        house.writer.execute("SELECT pg_terminate_backend(%s)", (reader.link.info.backend_pid,))
        with pytest.raises(SourceDown):
            reader.live()
        reader.link = reader.connect()
        assert len(reader.everything()) == 5
        assert len(set(reader.words)) == 25


@pytest.mark.parametrize("when", ["after", "during"])
def test_a_table_that_is_rewritten_doubles_nothing(house: House, when: str) -> None:
    with closing(another(house, history_page=10)) as reader:
        reader.say(*(f"recent {n}" for n in range(20)))
        reader.say(*(f"old {n}" for n in range(20)), ago=1e6)
        reader.live()
        if when == "after":
            reader.everything()
        else:
            reader.say("new")
            reader.live()
            reader.history()
        reader.writer.execute("ALTER TABLE facts ALTER COLUMN word TYPE varchar(100)")
        reader.audit_next()
        reader.everything()
        reader.audit_next()
        reader.everything()
        assert len(reader.words) == len(set(reader.words)) == 40 + (when == "during")


def test_a_rewrite_between_snapshot_and_read_is_no_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a snapshot taken before, a table rewritten since is empty: history would seem to be over."""
    house.say(*(f"old {n}" for n in range(20)), ago=1e6)
    with closing(another(house, history_page=10)) as reader:
        reader.live()
        times: list[int] = []

        def rewritten_meanwhile(cursor: Any, table: Table) -> Any:
            stands = postgres_moment.standing(cursor, table)
            if not times:
                wanted = "varchar(100)"
                house.writer.execute(f"ALTER TABLE facts ALTER COLUMN word TYPE {wanted}")
            times.append(1)
            return stands

        monkeypatch.setattr(postgres_snapshot, "standing", rewritten_meanwhile)
        while reader.batches[-1].history:
            reader.history()
        assert len(times) > 1
        assert len(reader.words) == len(set(reader.words)) == 20


def test_rows_that_are_deleted_take_nothing_back(house: House) -> None:
    house.say("a", "b")
    house.everything()
    house.writer.execute("DELETE FROM facts")
    house.say("c")
    assert house.everything() == ["c"]
    house.writer.execute("TRUNCATE facts")
    house.say("d")
    assert house.everything() == ["d"]


def test_ids_are_forgotten_when_they_leave_every_window(house: House) -> None:
    with closing(another(house, narrow=timedelta(minutes=1), wide=timedelta(hours=1))) as reader:
        reader.everything()
        reader.say("new")
        reader.everything()
        assert len(reader.memory) == 1
        for hashed in reader.memory:
            reader.memory[hashed] -= 3_700 * 1_000_000
        reader.audit_next()
        reader.everything()
        assert len(reader.memory) == 0


def test_a_row_that_is_written_again_in_place_counts_once(house: House) -> None:
    with closing(another(house, keeps_ids=True)) as reader:
        reader.say("old", ago=1e7)
        reader.everything()
        for _ in range(3):
            reader.writer.execute("UPDATE facts SET at = clock_timestamp()")
            reader.audit_next()
            assert reader.everything() == []


def test_a_column_of_days(house: House) -> None:
    with closing(another(house, DAYS)) as reader:
        reader.everything()
        for back in (0, 1):
            reader.writer.execute("INSERT INTO facts (day, word) VALUES (current_date - %s, %s)", (back, f"{back}"))
        assert sorted(reader.everything()) == ["0", "1"]
        assert reader.everything() == []


def test_another_database_is_a_gap_and_ids_tell_what_is_new(house: House) -> None:
    house.say("a", "b")
    house.everything()
    house.say("c")
    house.everything()
    house.cursor["database"] = "4711/1"  # dumped and restored elsewhere: transaction numbers began anew
    house.cursor["narrow"][0] = house.cursor["wide"][0] = 10**12
    house.say("d")
    assert house.everything() == ["d"]
    assert [batch.gap for batch in house.batches].count(True) == 1
    house.say("e")
    assert house.everything() == ["e"]
    assert [batch.gap for batch in house.batches].count(True) == 1


def test_numbers_that_went_back_are_a_gap(house: House) -> None:
    house.say("a")
    house.everything()
    house.cursor["narrow"][0] = house.cursor["wide"][0] = 10**9
    house.say("b")
    assert house.everything() == ["b"]
    assert [batch.gap for batch in house.batches].count(True) == 1


def test_a_restart_of_the_server_is_no_gap(house: House) -> None:
    house.say("a")
    house.everything()
    house.writer.close()
    house.server.restart()
    house.writer = psycopg.connect(house.server.dsn(), autocommit=True)
    close(house.link)
    house.link = house.connect()
    house.say("b")
    assert house.everything() == ["b"]
    assert not any(batch.gap for batch in house.batches)


def test_another_hash_key_learns_the_place(house: House) -> None:
    house.say("a", "b")
    house.say("very old", ago=1e6)
    house.cursor = house.reader.place_anew()
    assert house.everything() == []
    house.say("c")
    assert house.everything() == ["c"]


def test_who_only_looks_remembers_nothing(house: House) -> None:
    house.say("a")
    batch = house.reader.read(house.link, None, NOW)
    found = list(batch.records)
    while batch.more:
        batch = house.reader.read(house.link, batch.next_cursor, NOW)
        found += batch.records
    assert len(found) == 1


def test_the_state_holds_no_id(house: House) -> None:
    text = Table(name="notes", key="id", key_type="text", time="at", columns={"word": "word"})
    house.writer.execute("CREATE TABLE notes (id text PRIMARY KEY, at timestamptz DEFAULT now(), word text)")
    house.writer.execute("CREATE INDEX ON notes (at)")
    with closing(another(house, text)) as reader:
        reader.everything()
        reader.writer.execute("INSERT INTO notes (id, word) VALUES ('canary-id', 'canary-word')")
        assert reader.everything() == ["canary-word"]
        kept = json.dumps(reader.cursor) + repr(dict(reader.memory))
        assert "canary" not in kept


def test_a_time_that_is_none_comes_without_it(house: House) -> None:
    house.everything()
    house.writer.execute("INSERT INTO facts (at, word) VALUES ('infinity', 'for ever'), ('20000-01-01', 'far')")
    assert sorted(house.everything()) == ["far", "for ever"]
    assert [row[1] for row in house.batches[-1].records] == [None, None]
    assert house.everything() == []


def test_a_table_that_is_altered_is_waited_for_in_vain_but_not_for_long(house: House) -> None:
    house.everything()
    with psycopg.connect(house.server.dsn()) as other:
        other.execute("LOCK TABLE facts IN ACCESS EXCLUSIVE MODE")
        started = datetime.now(UTC)
        with pytest.raises(StreamError, match="busy"):
            house.live()
        assert datetime.now(UTC) - started < timedelta(seconds=1.5)
    house.say("a")
    assert house.everything() == ["a"]


def test_history_that_takes_too_long_goes_in_smaller_steps(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.say(*(f"w{n}" for n in range(5)))
    house.live()
    real = Table.history

    def slow(self: Table, *, after: bool) -> str:
        return real(self, after=after).replace("FROM", ", pg_sleep(%(limit)s * 0.001) FROM", 1)

    monkeypatch.setattr(Table, "history", slow)
    with pytest.raises(StreamError, match="timeout"):
        house.history()
    assert house.reader._history.limit == 2500


def test_no_poll_scans_the_table(house: House) -> None:
    house.writer.execute(
        "INSERT INTO facts (at, kind, word) SELECT now() - make_interval(mins => n), 'k' || n % 9, 'w'"
        " FROM generate_series(1, 60000) n"
    )
    house.writer.execute("VACUUM ANALYZE facts")
    with closing(another(house, BY_KIND)) as reader:
        reader.live()
        for _ in range(3):
            reader.say("w")
            reader.live()
        reader.audit_next()
        reader.live()
        while reader.batches[-1].history:
            reader.history()
        assert reader.words.count("w") == 60_003
        values = {
            "start": datetime.now(UTC) - timedelta(minutes=10), "early": None, "narrow": 9, "n": 9, "limit": 5000,
            "leads": [f"k{n}" for n in range(9)], "after_key": "100",
        }  # fmt: skip
        for query in (BY_KIND.leads(), BY_KIND.window(filtered=True, after=False), BY_KIND.history(after=True)):
            plan = "\n".join(row[0] for row in reader.link.execute("EXPLAIN " + query, values).fetchall())
            assert "Index" in plan
            assert "Seq Scan" not in plan
        assert "Sort" not in plan, "history is in the order of its index"


def test_the_runner_stops_a_server_that_stopped_itself(house: House) -> None:
    """A stopped process keeps none of the limits it was given."""
    house.everything()
    pid = house.link.info.backend_pid
    house.link.answer_within = 0.5
    subprocess.run(["kill", "-STOP", str(pid)], check=True)
    try:
        with pytest.raises(SourceDown, match="timeout"):
            house.live()
    finally:
        subprocess.run(["kill", "-CONT", str(pid)], check=True)
    house.link = house.connect()
    house.say("a")
    assert house.everything() == ["a"]
