"""Many rows by few statements are the rows that one statement each would have made."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from exporters.core.insert_many import insert_many


@pytest.fixture
def table() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT, n INTEGER)")
        yield connection


@pytest.mark.parametrize("number", [0, 1, 332, 333, 334, 666, 1001])
def test_every_row_once_and_in_order(table: sqlite3.Connection, number: int) -> None:
    rows = [(f"row {n}", n) for n in range(number)]
    insert_many(table, "INSERT INTO thing (name, n) VALUES", rows)
    assert table.execute("SELECT name, n FROM thing ORDER BY id").fetchall() == rows


def test_an_upsert(table: sqlite3.Connection) -> None:
    rows = [(n % 700, "name", n) for n in range(1400)]
    then = "ON CONFLICT (id) DO UPDATE SET n = max(n, excluded.n)"
    insert_many(table, "INSERT INTO thing VALUES", rows, then)
    assert table.execute("SELECT id, n FROM thing ORDER BY id").fetchall() == [(n, n + 700) for n in range(700)]


def test_few_statements(table: sqlite3.Connection) -> None:
    asked: list[str] = []
    table.set_trace_callback(asked.append)
    insert_many(table, "INSERT INTO thing (name, n) VALUES", [("row", n) for n in range(5000)])
    assert len([text for text in asked if text.startswith("INSERT")]) == 10
