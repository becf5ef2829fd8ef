"""The outbox loses nothing it does not count, whatever is done to it and wherever it is interrupted."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporters.core.outbox import Ledger, Outbox, OutboxLine
from tests.standins.outbox_file import OutboxFile

SMALL = Outbox(max_lines=10, max_bytes=200, max_dead_letters=3)


def lines(count: int, bucket: str = "b", start: int = 0) -> list[OutboxLine]:
    return [OutboxLine(bucket, number, f"m f={number:05d}i {number}") for number in range(start, start + count)]


def waiting(file: OutboxFile, bucket: str = "b") -> list[str]:
    return [line.line for line in file.store.peek(bucket, 10**6, 10**9)]


def accounted(ledger: Ledger) -> int:
    return (
        ledger.lines + ledger.written + ledger.partial_dropped + ledger.dropped + ledger.expired + ledger.dead_lettered
    )


@pytest.fixture
def file(tmp_path: Path) -> Iterator[OutboxFile]:
    opened = OutboxFile(tmp_path / "outbox.sqlite", Outbox(max_lines=1000, max_bytes=10**6, max_dead_letters=3))
    yield opened
    opened.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[OutboxFile]:
    opened = OutboxFile(tmp_path / "small.sqlite", SMALL)
    yield opened
    opened.close()


def test_lines_come_out_in_the_order_they_went_in_bucket_by_bucket(file: OutboxFile) -> None:
    for number in range(20):
        file.append(lines(1, "ab"[number % 2], number))
    assert waiting(file, "a") == [line.line for number in range(0, 20, 2) for line in lines(1, start=number)]
    assert [line.time_ns for line in file.store.peek("b", 3, 10**6)] == [1, 3, 5]


def test_peek_is_bounded_by_lines_and_by_bytes_but_gives_one_line_however_large(file: OutboxFile) -> None:
    file.append(lines(50))
    size = len(lines(1)[0].line) + 1
    assert len(file.store.peek("b", 7, 10**6)) == 7
    assert len(file.store.peek("b", 50, 3 * size)) == 3
    assert len(file.store.peek("b", 50, 3 * size - 1)) == 2
    assert len(file.store.peek("b", 50, 1)) == 1


def test_text_survives_as_it_is(file: OutboxFile) -> None:
    text = 'm s="é😀\n\r\t\x00\x01\\"\\\\ \u2028" 5'
    file.append([OutboxLine("b", 5, text)])
    (line,) = file.store.peek("b", 1, 10**6)
    assert line.line == text
    assert line.size == len(text.encode()) + 1


def test_an_append_is_undone_with_its_transaction(file: OutboxFile) -> None:
    def interrupted() -> None:
        with file.transaction() as connection:
            file.outbox.append(connection, lines(5, start=3))
            raise ZeroDivisionError

    file.append(lines(3))
    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert len(waiting(file)) == 3
    assert file.store.backlog()["b"].appended == 3


def test_over_the_bound_the_oldest_lines_go_and_are_counted(small: OutboxFile) -> None:
    assert small.append(lines(8, "a")).dropped == {}
    appended = small.append(lines(5, "b", 100))
    assert (appended.appended, appended.dropped) == (5, {"a": 3})
    assert waiting(small, "a") == [line.line for line in lines(5, "a", 3)]
    assert small.append(lines(25, "b", 200)).dropped == {"a": 5, "b": 20}
    assert waiting(small, "b") == [line.line for line in lines(10, "b", 215)]
    assert {name: accounted(ledger) for name, ledger in small.store.backlog().items()} == {"a": 8, "b": 30}


def test_the_bound_in_bytes_holds_too(small: OutboxFile) -> None:
    small.append(lines(5))
    big = OutboxLine("b", 9, 'm s="' + "x" * 150 + '" 9')
    dropped = small.append([big]).dropped["b"]
    ledger = small.store.backlog()["b"]
    assert ledger.bytes <= SMALL.max_bytes
    assert waiting(small)[-1] == big.line
    assert ledger.lines == 6 - dropped
    # Had one line fewer been dropped, it would be over the bound.
    assert ledger.bytes + len(lines(1)[0].line) + 1 > SMALL.max_bytes


def test_a_line_larger_than_the_whole_bound_goes_too(small: OutboxFile) -> None:
    assert small.append([OutboxLine("b", 1, "m s=" + "x" * 500)]).dropped == {"b": 1}
    assert small.store.backlog()["b"].lines == 0


def test_ids_are_never_used_again(file: OutboxFile) -> None:
    file.append(lines(3))
    first = [line.id for line in file.store.peek("b", 9, 10**6)]
    file.store.delete(first)
    file.append(lines(3))
    assert min(line.id for line in file.store.peek("b", 9, 10**6)) > max(first)


def test_a_line_dropped_while_it_was_on_its_way_is_counted_once(small: OutboxFile) -> None:
    small.append(lines(10))
    on_their_way = [line.id for line in small.store.peek("b", 4, 10**6)]
    small.append(lines(2, start=50))
    assert small.store.delete(on_their_way, partial_dropped=1) == 2
    ledger = small.store.backlog()["b"]
    assert (ledger.dropped, ledger.written, ledger.partial_dropped, ledger.lines) == (2, 1, 1, 8)
    assert accounted(ledger) == ledger.appended == 12
    assert small.store.delete(on_their_way) == 0


def test_a_partial_write_cannot_lose_more_than_was_sent(file: OutboxFile) -> None:
    file.append(lines(2))
    file.store.delete([line.id for line in file.store.peek("b", 2, 10**6)], partial_dropped=99)
    ledger = file.store.backlog()["b"]
    assert (ledger.written, ledger.partial_dropped) == (0, 2)


def test_points_too_old_for_their_bucket_are_counted_and_not_kept(file: OutboxFile) -> None:
    with file.transaction() as connection:
        appended = file.outbox.append(connection, [*lines(10, "a"), *lines(10, "b")], oldest_ns={"a": 4})
    assert (appended.appended, appended.expired) == (16, {"a": 4})
    assert len(waiting(file, "a")) == 6
    file.store.expire([line.id for line in file.store.peek("b", 3, 10**6)])
    ledgers = file.store.backlog()
    assert (ledgers["a"].expired, ledgers["b"].expired) == (4, 3)
    assert all(accounted(ledger) == ledger.appended == 10 for ledger in ledgers.values())


def test_dead_letters_are_kept_with_their_reason_and_bounded(file: OutboxFile) -> None:
    file.append(lines(5))
    for line in file.store.peek("b", 5, 10**6):
        assert file.store.dead_letter(line.id, "malformed")
        assert not file.store.dead_letter(line.id, "malformed")
    assert file.dead_letters() == [("b", "malformed", line.line) for line in lines(3, start=2)]
    ledger = file.store.backlog()["b"]
    assert (ledger.dead_lettered, ledger.lines, ledger.bytes) == (5, 0, 0)


def test_a_huge_dead_letter_is_cut(file: OutboxFile) -> None:
    file.append([OutboxLine("b", 1, "x" * 900_000)])
    file.store.dead_letter(file.store.peek("b", 1, 10**6)[0].id, "too_large")
    assert len(file.dead_letters()[0][2]) == 65_536
    with file.read() as connection:
        assert connection.execute("SELECT size FROM dead_letter").fetchone() == (900_001,)


def test_the_backlog_knows_since_when_it_waits(file: OutboxFile) -> None:
    with file.transaction() as connection:
        file.outbox.append(connection, lines(2), now_ns=1000)
        file.outbox.append(connection, lines(2), now_ns=2000)
    assert file.store.backlog()["b"].oldest_queued_ns == 1000
    file.store.delete([line.id for line in file.store.peek("b", 2, 10**6)])
    assert file.store.backlog()["b"].oldest_queued_ns == 2000
    file.store.delete([line.id for line in file.store.peek("b", 2, 10**6)])
    assert file.store.backlog()["b"].oldest_queued_ns is None


def test_no_commit_and_no_look_reads_the_whole_backlog(file: OutboxFile) -> None:
    """A full table scan would be invisible in small tests and ruin a commit when a million lines wait."""
    statements: list[str] = []
    with file.transaction() as connection:
        connection.set_trace_callback(statements.append)
        file.outbox.append(connection, lines(3))
        file.outbox.backlog(connection)
        file.outbox.fill(connection)
        ids = [line.id for line in file.outbox.peek(connection, "b", 5, 10**6)]
        file.outbox.delete(connection, ids[:1])
        file.outbox.expire(connection, ids[1:2])
        file.outbox.dead_letter(connection, ids[2], "malformed")
        connection.set_trace_callback(None)
        asked = [text for text in statements if text.split()[0] in {"SELECT", "DELETE", "UPDATE"}]
        plans = {text: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}")] for text in asked}
    assert len(plans) >= 8
    for text, plan in plans.items():
        scans = [
            step for step in plan if step.startswith("SCAN") and step not in {"SCAN json_each VIRTUAL TABLE INDEX 1:"}
        ]
        assert all("outbox_ledger" in step or step == "SCAN l" for step in scans), (text, plan)


def test_how_full_it_is_counts_the_nearer_bound(small: OutboxFile) -> None:
    def fill() -> float:
        with small.read() as connection:
            return small.outbox.fill(connection)

    assert fill() == 0
    small.append(lines(5))
    assert fill() == 0.5
    small.append([OutboxLine("b", 1, "x" * 120)])
    assert fill() > 0.8


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from("ab"), st.integers(0, 12)),
        st.tuples(st.sampled_from(["delete", "expire", "partial", "dead"]), st.sampled_from("ab"), st.integers(0, 6)),
        st.tuples(st.just("reopen"), st.just(""), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS)
def test_every_line_is_in_exactly_one_account(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, str, int]]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "outbox.sqlite"
    file = OutboxFile(path, SMALL)
    appended: Counter[str] = Counter()
    try:
        for operation, bucket, count in operations:
            if operation == "reopen":
                file.close()
                file = OutboxFile(path, SMALL)
            elif operation == "append":
                appended[bucket] += count
                file.append(lines(count, bucket, appended[bucket]))
            else:
                ids = [line.id for line in file.store.peek(bucket, count, 10**6)]
                if operation == "dead":
                    for line_id in ids:
                        file.store.dead_letter(line_id, "too_large")
                elif operation == "expire":
                    file.store.expire(ids)
                else:
                    file.store.delete(ids, partial_dropped=count // 2 if operation == "partial" else 0)
        for bucket, ledger in file.store.backlog().items():
            there = file.store.peek(bucket, 10**6, 10**9)
            assert accounted(ledger) == ledger.appended == appended[bucket]
            assert (ledger.lines, ledger.bytes) == (len(there), sum(line.size for line in there))
            assert min(ledger.lines, ledger.bytes, ledger.written, ledger.partial_dropped, ledger.dropped) >= 0
        total = file.store.backlog().values()
        assert sum(ledger.lines for ledger in total) <= SMALL.max_lines
        assert sum(ledger.bytes for ledger in total) <= SMALL.max_bytes
    finally:
        file.close()


def test_the_tables_may_be_made_again_on_an_existing_file(file: OutboxFile) -> None:
    file.append(lines(2))
    with file.read() as connection:
        connection.executescript(Outbox.schema)
    assert len(waiting(file)) == 2


def test_a_wrong_type_is_refused_by_the_table(file: OutboxFile) -> None:
    with pytest.raises(sqlite3.IntegrityError), file.transaction() as connection:
        connection.execute(
            "INSERT INTO outbox (bucket, time_ns, queued_ns, size, line) VALUES ('b', 'soon', 1, 1, 'l')"
        )
    assert waiting(file) == []
