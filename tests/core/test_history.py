"""What lies further back is read last, only while there is room for it, and only once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from exporters.core.admission import Admission
from exporters.core.contract import Batch, Json, SeenChange, SeenIds, Stream
from exporters.core.errors import StreamError
from exporters.core.outbox import Outbox
from exporters.core.runtime import Runtime
from exporters.core.source_loop import SourceLoop
from exporters.core.stream_worker import StreamWorker
from tests.core.test_source_loop import until
from tests.core.tiny import Clock, Words, exposed, open_runtime, source, stream

RED = 'tiny_seen_total{colour="red",deployment="default"}'
WHO = 'deployment="default",source="words",stream="things",system="tiny"'
LEFT = f"observatory_stream_history_left{{{WHO}}}"
LATE = f"observatory_stream_late_total{{{WHO}}}"
PENDING = f"observatory_stream_pending_rows{{{WHO}}}"


def hashed(record: bytes) -> bytes:
    return blake2b(record, digest_size=16).digest()


@dataclass
class Rows:
    """A remembering reader: `old` was there before the first read, the words of the connection come after it."""

    old: list[bytes] = field(default_factory=list)
    page: int = 2
    order: list[str] = field(default_factory=list)
    refuse_history: bool = False
    ahead: bool = False

    def read(self, connection: Words, cursor: Json, now: datetime) -> Batch:
        del connection, cursor, now
        raise AssertionError("a remembering reader is asked by its own methods")

    def place_anew(self) -> Json:
        return "anew"

    def rest(self) -> None:
        self.ahead = False

    def read_live(self, connection: Words, cursor: Json, now: datetime, seen: SeenIds) -> Batch:
        self.order.append("live")
        assert not self.ahead, "the connection is still in use"
        connection.fail()
        if cursor == "anew":
            known = [(hashed(r), 0) for r in connection.produced + self.old]
            return Batch([], [len(connection.produced), None], now, seen=SeenChange(known))
        start, left = cursor or [0, 0]
        records = connection.produced[start : start + self.page]
        end = start + len(records)
        fresh = [r for r in records if hashed(r) not in seen.among([hashed(r)])]
        return Batch(
            fresh, [end, left], now, more=end < len(connection.produced), history=left is not None,
            seen=SeenChange([(hashed(r), 0) for r in fresh]), late=len(fresh), pending=len(records) - len(fresh),
        )  # fmt: skip

    def read_history(self, connection: Words, cursor: Json, now: datetime, seen: SeenIds) -> Batch:
        del connection
        self.order.append("history")
        self.ahead = True
        if self.refuse_history:
            raise StreamError("timeout", "too slow")
        start, left = cursor
        records = self.old[left : left + self.page]
        fresh = [r for r in records if hashed(r) not in seen.among([hashed(r)])]
        after = left + len(records)
        done = after >= len(self.old)
        return Batch(fresh, [start, None if done else after], now, history=not done)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    made = open_runtime(tmp_path, Clock())
    yield made
    made.checkpoint.close()


def rows_stream(rows: Rows, interval: float = 5.0) -> Stream[Words, Any, Any]:
    return replace(stream(interval=interval), reader=rows)


def worker(runtime: Runtime, words: Words, rows: Rows, *, rebase: bool = False) -> StreamWorker[Words]:
    made = StreamWorker(source(words), rows_stream(rows), runtime, Admission())
    made.load(rebase=rebase)
    return made


def test_counters_show_once_history_is_in_them(runtime: Runtime) -> None:
    words, rows = Words(), Rows([f"{n} red old".encode() for n in range(5)])
    words.say("7 red new")
    work = worker(runtime, words, rows)
    work.run(words)
    assert work.history is True
    assert exposed(runtime)[LEFT] == 1
    while work.history:
        assert RED not in exposed(runtime), "a total in the middle of history would look like an increase"
        work.run_history(words)
    assert exposed(runtime)[RED] == 6
    assert exposed(runtime)[LEFT] == 0
    assert exposed(runtime)[LATE] == 1
    assert exposed(runtime)[PENDING] == 0


def test_a_record_is_taken_by_whoever_meets_it_first(runtime: Runtime) -> None:
    words, rows = Words(), Rows([b"7 red both", b"8 red old"])
    words.say("7 red both")
    work = worker(runtime, words, rows)
    work.run(words)
    while work.history:
        work.run_history(words)
    assert exposed(runtime)[RED] == 2


def test_a_restart_goes_on_where_history_stopped(tmp_path: Path) -> None:
    words, rows = Words(), Rows([f"{n} red old".encode() for n in range(6)])
    first = open_runtime(tmp_path, Clock())
    work = worker(first, words, rows)
    work.run(words)
    work.run_history(words)
    first.checkpoint.close()
    second = open_runtime(tmp_path, Clock())
    work = worker(second, words, rows)
    work.run(words)
    while work.history:
        work.run_history(words)
    assert exposed(second)[RED] == 6
    second.checkpoint.close()


def test_another_hash_key_learns_the_place_and_counts_nothing(runtime: Runtime) -> None:
    words, rows = Words(), Rows([b"1 red old"])
    words.say("2 red new")
    work = worker(runtime, words, rows, rebase=True)
    work.run(words)
    assert exposed(runtime)[RED] == 0
    assert exposed(runtime)[f"observatory_stream_gaps_total{{{WHO}}}"] == 1
    words.say("3 red newer")
    work.run(words)
    assert exposed(runtime)[RED] == 1


def test_what_is_due_or_has_more_comes_before_history(runtime: Runtime) -> None:
    words, rows = Words(), Rows([f"{n} red old".encode() for n in range(3)])
    words.say(*(f"{n} red new" for n in range(10, 15)))
    loop = SourceLoop(source(words, rows_stream(rows, interval=60)), runtime)
    loop.start()
    until(lambda: exposed(runtime).get(RED) == 8, "everything is read")
    loop.stop()
    loop.join(5)
    assert rows.order[:5] == ["live", "live", "live", "history", "history"]


def test_history_waits_while_the_outbox_is_half_full(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    full = threading.Event()
    full.set()
    monkeypatch.setattr(Outbox, "fill", lambda _outbox, _conn: 0.5 if full.is_set() else 0.49)
    words, rows = Words(), Rows([b"1 red old"])
    loop = SourceLoop(source(words, rows_stream(rows, interval=0.02)), runtime)
    loop.start()
    until(lambda: rows.order.count("live") > 5, "what is new is read all the same")
    assert "history" not in rows.order
    full.clear()
    until(lambda: exposed(runtime).get(RED) == 1, "history goes on")
    loop.stop()
    loop.join(5)


def test_history_that_cannot_be_read_is_not_tried_in_a_loop(runtime: Runtime) -> None:
    words, rows = Words(), Rows([b"1 red old"], refuse_history=True)
    loop = SourceLoop(source(words, rows_stream(rows, interval=0.1)), runtime)
    loop.start()
    until(lambda: rows.order.count("history") >= 3, "it is tried again")
    assert rows.order.count("history") <= rows.order.count("live")
    labels = 'deployment="default",reason="timeout",source="words",stream="things",system="tiny"'
    errors = f"observatory_stream_errors_total{{{labels}}}"
    assert exposed(runtime)[errors] >= 2
    rows.refuse_history = False
    until(lambda: exposed(runtime).get(RED) == 1, "history goes on")
    loop.stop()
    loop.join(5)
