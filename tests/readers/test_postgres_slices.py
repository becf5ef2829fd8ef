"""The audit of a table, in parts that no poll feels, finds what one query would."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from exporters.core.errors import StreamError
from exporters.readers import postgres_slices
from exporters.readers.postgres_slices import Slices
from exporters.readers.postgres_table import Table
from tests.readers.rows_house import BY_KIND, DAYS, FACTS, House, another


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
