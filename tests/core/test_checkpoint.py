"""The state file: private, exclusive, refused when newer, restarted where shapes changed."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from exporters.core import hash_key
from exporters.core.checkpoint import VERSION, Checkpoint, Commit, StoredStream, write_series
from exporters.core.contract import SeenChange
from exporters.core.errors import StateError
from exporters.core.metric import counter, histogram
from exporters.core.outbox import Outbox, OutboxLine
from tests.core.tiny import COLOUR, METRICS, SEEN, WORD


def opened(path: Path) -> Checkpoint:
    """A state file with the tiny system's metrics."""
    return Checkpoint(path / "state" / "observatory.db", METRICS, Outbox())


def test_what_is_committed_is_found_again(tmp_path: Path) -> None:
    stream = StoredStream(
        {"p": [1, "é"]}, {"open": {}}, 3, caught_up=True, last_event=1.5, last_success=2.5, stamps=b"\0\1"
    )
    checkpoint = opened(tmp_path)
    with checkpoint.transaction() as connection:
        line = OutboxLine("tiny", 7, "tiny_thing length=1i 7")
        checkpoint.write(connection, Commit("f", stream, [(SEEN, ("d", "red"), 3.0, ())], [line]), {})
    checkpoint.close()
    again = opened(tmp_path)
    assert again.stream("f") == stream
    assert [(s.metric, s.values, s.value) for s in again.series("f")] == [("tiny_seen_total", ("d", "red"), 3.0)]
    assert again.stream("other") == StoredStream()
    again.close()


def test_files_are_private(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path)
    checkpoint.set_meta("a", "b")
    for file in (tmp_path / "state").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    checkpoint.close()


def test_a_second_process_is_refused_with_the_reason(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path)
    with pytest.raises(StateError, match="held by another running exporter"):
        opened(tmp_path)
    checkpoint.close()
    opened(tmp_path).close()


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path)
    checkpoint.close()
    connection = sqlite3.connect(checkpoint.path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(StateError, match="a newer program wrote it"):
        opened(tmp_path)
    connection = sqlite3.connect(checkpoint.path)
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION + 1,)
    connection.close()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state" / "observatory.db"
    path.parent.mkdir()
    path.write_bytes(b"this is no database, however long it is made to be" * 50)
    with pytest.raises(StateError, match=r"observatory\.db cannot be used"):
        opened(tmp_path)


def test_a_metric_whose_labels_or_edges_changed_starts_again_and_others_do_not(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    before = [
        counter("tiny_seen_total", "Seen.", (COLOUR,)),
        histogram("tiny_wait_seconds", "Wait.", (1.0, 2.0)),
        counter("tiny_kept_total", "Kept."),
    ]
    checkpoint = Checkpoint(path, before, Outbox())
    with checkpoint.transaction() as connection:
        rows = [(before[0], ("d", "red"), 3.0, ()), (before[1], ("d",), 3.0, (1, 1, 0)), (before[2], ("d",), 9.0, ())]
        write_series(connection, "f", rows)
    checkpoint.close()
    after = [
        counter("tiny_seen_total", "Seen.", (COLOUR, WORD)),
        histogram("tiny_wait_seconds", "Wait.", (1.0, 3.0)),
        before[2],
    ]
    again = Checkpoint(path, after, Outbox())
    assert [s.metric for s in again.series("f")] == ["tiny_kept_total"]
    again.close()


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path)

    def half() -> None:
        with checkpoint.transaction() as connection:
            connection.execute("INSERT INTO meta VALUES ('half', 'done')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert checkpoint.meta("half") is None
    checkpoint.close()


def test_the_hash_key_is_made_once_private_and_checked(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "hash.key"
    key = hash_key.load_or_create(file)
    assert hash_key.load_or_create(file) == key
    assert len(key) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("short")
    with pytest.raises(StateError, match="64 hexadecimal digits"):
        hash_key.load_or_create(file)


def test_a_hash_key_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "hash.key"

    def power_cut(_: int) -> None:
        raise OSError(errno.EIO, "power cut")

    with monkeypatch.context() as cut:
        cut.setattr(os, "fsync", power_cut)
        with pytest.raises(StateError, match="power cut"):
            hash_key.load_or_create(file)
    assert list(tmp_path.iterdir()) == []
    assert len(hash_key.load_or_create(file)) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["hash.key"]


def test_another_key_is_a_declared_gap(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path)
    assert hash_key.places_lost(checkpoint, b"a" * 32) == frozenset()
    with checkpoint.transaction() as connection:
        checkpoint.write(connection, Commit("f", StoredStream(cursor=[1], stamps=b"12345678"), (), ()), {})
    assert hash_key.places_lost(checkpoint, b"a" * 32) == frozenset()
    assert hash_key.places_lost(checkpoint, b"b" * 32) == frozenset({"f"})
    assert checkpoint.stream("f") == StoredStream()
    # Its source may be out of reach for days, the exporter restarted meanwhile: read as new, all of it would double.
    checkpoint.close()
    checkpoint = opened(tmp_path)
    assert hash_key.places_lost(checkpoint, b"b" * 32) == frozenset({"f"})
    with checkpoint.transaction() as connection:
        checkpoint.write(connection, Commit("f", StoredStream(cursor=[2]), (), ()), {})
    assert hash_key.places_lost(checkpoint, b"b" * 32) == frozenset()
    checkpoint.close()


def test_a_full_disk_undoes_the_transaction_and_no_more(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path)
    undone: list[str] = []

    def write(label: str, text: str) -> None:
        with checkpoint.transaction() as connection:
            checkpoint.if_undone(lambda: undone.append(label))
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (label, text))

    write("a", "1")
    with checkpoint.read() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StateError, match="disk is full"):
        write("b", "x" * 100_000)
    assert undone == ["b"]
    assert checkpoint.meta("b") is None
    with checkpoint.read() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    write("b", "y" * 100_000)
    assert checkpoint.meta("b") == "y" * 100_000
    assert undone == ["b"]
    checkpoint.close()


def test_a_commit_that_fails_is_not_the_last_one(tmp_path: Path) -> None:
    """The transaction it leaves open would make every later one fail, for ever."""
    checkpoint = opened(tmp_path)
    with checkpoint.transaction() as connection:
        connection.execute("CREATE TABLE one (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE many (one REFERENCES one DEFERRABLE INITIALLY DEFERRED)")
    with checkpoint.read() as connection:
        connection.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(StateError), checkpoint.transaction() as connection:
        connection.execute("INSERT INTO many VALUES (7)")  # checked by COMMIT alone
    checkpoint.set_meta("a", "b")
    assert checkpoint.meta("a") == "b"
    checkpoint.close()


RELEASED = Path(__file__).parent / "released"


def test_a_file_of_the_first_release_is_taken_over(tmp_path: Path) -> None:
    """The file was written by the release that knew version 1: two streams' worth of counters and a backlog."""
    path = tmp_path / "state.db"
    path.write_bytes((RELEASED / "state-v1.db").read_bytes())
    before = sqlite3.connect(path)
    assert before.execute("PRAGMA user_version").fetchone() == (1,)
    lines = before.execute("SELECT bucket, time_ns, line FROM outbox ORDER BY id").fetchall()
    before.close()
    checkpoint = Checkpoint(path, METRICS, Outbox())
    assert checkpoint.stream("tiny/default/words/things").cursor == 4
    counted = {(s.metric, s.values): s.value for s in checkpoint.series("tiny/default/words/things")}
    assert counted["tiny_seen_total", ("default", "red")] == 2
    assert counted["tiny_seen_total", ("default", "blue")] == 1
    with checkpoint.transaction() as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("SELECT bucket, time_ns, line FROM outbox ORDER BY id").fetchall() == lines != []
        change = SeenChange([(b"a", 1)])
        checkpoint.write(connection, Commit("f", StoredStream(), (), (), change), {})
    assert checkpoint.seen("f").among([b"a", b"b"]) == {b"a"}
    checkpoint.close()


def test_ids_are_remembered_by_stream_and_forgotten_by_time(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path)
    many = [(number.to_bytes(16, "big"), number) for number in range(2000)]

    def commit(feed: str, change: SeenChange) -> None:
        with checkpoint.transaction() as connection:
            checkpoint.write(connection, Commit(feed, StoredStream(), (), (), change), {})

    commit("f", SeenChange(many))
    commit("g", SeenChange([(b"only g", 5)]))
    everything = [hashed for hashed, _ in many] + [b"only g", b"never"]
    assert checkpoint.seen("f").among(everything) == {hashed for hashed, _ in many}
    assert checkpoint.seen("g").among(everything) == {b"only g"}
    commit("f", SeenChange([(many[3][0], 5000)], 1990))
    assert checkpoint.seen("f").among(everything) == {many[3][0]} | {hashed for hashed, _ in many[1990:]}
    assert checkpoint.seen("g").among(everything) == {b"only g"}, "another stream's ids are its own"
    checkpoint.close()
    again = opened(tmp_path)
    assert again.seen("g").among([b"only g"]) == {b"only g"}
    again.close()


def test_ids_of_a_transaction_that_fails_are_not_remembered(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path)

    def half() -> None:
        with checkpoint.transaction() as connection:
            checkpoint.write(connection, Commit("f", StoredStream(), (), (), SeenChange([(b"a", 1)])), {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert checkpoint.seen("f").among([b"a"]) == set()
    checkpoint.close()


def test_another_key_forgets_the_ids_as_well(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path)
    hash_key.places_lost(checkpoint, b"a" * 32)
    with checkpoint.transaction() as connection:
        checkpoint.write(connection, Commit("f", StoredStream(cursor=1), (), (), SeenChange([(b"a", 1)])), {})
    assert hash_key.places_lost(checkpoint, b"b" * 32) == frozenset({"f"})
    assert checkpoint.seen("f").among([b"a"]) == set()
    checkpoint.close()
