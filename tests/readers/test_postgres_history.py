"""History beside what is live, and the page of it that is read ahead."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import Any

import pytest

from exporters.core.errors import SourceDown
from exporters.readers.postgres_client import Connection, close
from exporters.readers.postgres_history import HistoryPages, Page
from tests.readers.rows_house import NOW, House, another


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
