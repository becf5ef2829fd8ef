"""Rows by snapshot horizon on a real PostgreSQL: each case that makes `created_at > cursor` lose or double rows."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from exporters.core.contract import RememberingReader, identity
from exporters.core.errors import SourceDown, StreamError
from exporters.readers import postgres_moment, postgres_snapshot
from exporters.readers.postgres_client import close
from exporters.readers.postgres_table import Table
from tests.readers.rows_house import BY_KIND, DAYS, FACTS, NOW, House, another


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


def test_a_row_that_becomes_an_event_later_is_found_then_and_once(house: House) -> None:
    done = another(house, replace(FACTS, only="kind = 'done' AND word IS NOT NULL"))
    with closing(done):
        house.say("old", kind="done")
        house.say("begun", "given up")
        assert done.everything() == ["old"]
        house.say("whole", kind="done")
        assert done.everything() == ["whole"]
        house.writer.execute("UPDATE facts SET kind = 'done' WHERE word = 'begun'")
        assert done.everything() == ["begun"]
        house.writer.execute("UPDATE facts SET kind = 'done' WHERE word = 'begun'")
        assert done.everything() == [], "an id is told once, however often its row is written"
        house.writer.execute("ALTER TABLE facts ALTER COLUMN word TYPE varchar(99)")
        assert done.everything() == []
        done.audit_next()
        assert done.everything() == []
        assert done.words == ["old", "whole", "begun"]
