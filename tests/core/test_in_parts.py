"""A probe in parts: one after the other, anew after a failure or on another connection."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from exporters.core.contract import Sample
from exporters.core.in_parts import InParts, Look
from tests.core.tiny import DEPTH

NOW = datetime(2026, 1, 14, tzinfo=UTC)


def look(connection: list[str], now: datetime) -> Look:
    connection.append("first")
    yield
    if "broken" in connection:
        raise ZeroDivisionError
    connection.append("second")
    yield
    return [Sample(DEPTH, now.day)]


def test_one_part_after_the_other_of_one_moment() -> None:
    collect, connection = InParts(look), list[str]()
    assert collect(connection, NOW) is None
    assert connection == ["first"]
    assert collect(connection, NOW + timedelta(days=1)) is None
    assert collect(connection, NOW + timedelta(days=2)) == [Sample(DEPTH, 14)]
    assert connection == ["first", "second"]
    assert collect(connection, NOW + timedelta(days=3)) is None, "the next look"
    assert connection[2:] == ["first"]


def test_another_connection_begins_anew() -> None:
    collect, old, new = InParts(look), list[str](), list[str]()
    assert collect(old, NOW) is None
    assert [collect(new, NOW) for _ in range(3)] == [None, None, [Sample(DEPTH, 14)]]
    assert (old, new) == (["first"], ["first", "second"])


def test_what_fails_begins_anew() -> None:
    collect, connection = InParts(look), ["broken"]
    assert collect(connection, NOW) is None
    with pytest.raises(ZeroDivisionError):
        collect(connection, NOW)
    connection.remove("broken")
    assert [collect(connection, NOW) for _ in range(3)] == [None, None, [Sample(DEPTH, 14)]]
