"""Finished answers and whether they left a row: on a real PostgreSQL, with time told by the test."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from exporters.sigmasight import metrics
from exporters.sigmasight.recorded_answers import CLEANED_UP, SETTLES
from exporters.sigmasight.simulate_chat import Habits, begin, converse, end, metrics_row
from tests.sigmasight.houses import House
from tests.sigmasight.reading import Reader

pytestmark = pytest.mark.servers
SECOND = timedelta(seconds=1)


class Chat:
    """Requests, step by step, and the stream that watches them."""

    def __init__(self, house: House, reader: Reader) -> None:
        self.house = house
        self.pen = house.sigma.pen
        self.reader = reader
        self.reader.now = self.now = datetime.now(UTC)
        house.sigma.found(2)
        person = house.sigma.company.people.pick(self.pen)
        self.user = person.key
        self.conversation, _ = converse(self.pen, person)

    def begin(self) -> uuid.UUID:
        return begin(self.pen, self.conversation)

    def end(self, answer: uuid.UUID) -> uuid.UUID:
        end(self.pen, self.conversation, answer, first_token_ms=700, latency_ms=4_000)
        return answer

    def record(self, answer: uuid.UUID, error: str | None = None) -> None:
        row = metrics_row(self.pen, Habits(), self.conversation, answer, self.user, (700, 4_000), [], error)
        self.pen.insert("ai_request_metrics", row)

    def after(self, pause: timedelta = timedelta(0)) -> dict[str, int]:
        """What was told when so much time has passed since the beginning."""
        self.reader.now = self.now + pause
        self.reader.read()
        assert len(self.ids()) == len(set(self.ids())), "each answer is told once"
        return {labels[0]: int(number) for labels, number in self.reader.counted(metrics.AI_MESSAGES).items()}

    def ids(self) -> list[str]:
        return [str(row[0]) for row in self.reader.records]

    @property
    def waiting(self) -> int:
        return len(self.reader.cursor["waiting"])


@pytest.fixture
def chat(house: House) -> Iterator[Chat]:
    with house.readers() as streams:
        made = Chat(house, streams["ai_messages"])
        made.after()
        yield made


def test_an_answer_with_a_row_is_told_at_once(chat: Chat) -> None:
    chat.record(chat.end(chat.begin()))
    failed = chat.end(chat.begin())
    chat.record(failed, error="api_failure")
    assert chat.after() == {"yes": 2}
    assert chat.waiting == 0


def test_an_answer_in_progress_is_none_yet(chat: Chat) -> None:
    answer = chat.begin()
    assert chat.after() == {}
    assert chat.after(SETTLES * 10) == {}
    chat.record(chat.end(answer))
    assert chat.after(SETTLES * 10) == {"yes": 1}
    assert str(answer) in chat.ids()


def test_an_answer_without_a_row_waits_before_it_is_one(chat: Chat) -> None:
    lost = chat.end(chat.begin())
    assert chat.after() == {}
    assert chat.waiting == 1
    assert chat.after(SETTLES - SECOND) == {}
    assert chat.after(SETTLES) == {"no": 1}
    assert chat.ids() == [str(lost)]
    assert chat.waiting == 0
    chat.record(lost)
    assert chat.after(SETTLES * 2) == {"no": 1}, "what was told stays told"


def test_a_row_that_comes_while_the_answer_waits_is_found(chat: Chat) -> None:
    answer = chat.end(chat.begin())
    assert chat.after() == {}
    chat.record(answer)
    assert chat.after(SETTLES / 2) == {"yes": 1}


def test_two_rows_for_one_answer_are_one_answer(chat: Chat) -> None:
    answer = chat.end(chat.begin())
    chat.record(answer)
    chat.record(answer)
    assert chat.after() == {"yes": 1}


def test_what_was_there_before_is_not_told(house: House) -> None:
    house.sigma.found()
    house.sigma.backfill(2)
    with house.readers() as streams:
        chat = Chat(house, streams["ai_messages"])
        assert chat.after() == {}
        house.databases.core.execute("UPDATE agent_messages SET provider_message_id = 'again' WHERE role = 'assistant'")
        assert chat.after() == {}, "written again, and known all the same within the window"
        chat.record(chat.end(chat.begin()))
        assert chat.after(SETTLES) == {"yes": 1}


def test_a_deleted_conversation_takes_its_answers_along(chat: Chat) -> None:
    chat.begin()
    chat.record(chat.end(chat.begin()))
    waits = chat.end(chat.begin())
    assert chat.after() == {"yes": 1}
    chat.pen.delete("agent_conversations", chat.conversation)
    assert chat.after(SETTLES) == {"yes": 1, "no": 1}
    assert str(waits) in chat.ids()


@pytest.mark.parametrize("skew", [timedelta(hours=12), timedelta(hours=-5, minutes=-30), timedelta(hours=-14)])
def test_clocks_do_not_matter(chat: Chat, skew: timedelta) -> None:
    with chat.house.sigma.skewed(skew):
        chat.record(chat.end(chat.begin()))
        chat.end(chat.begin())
    chat.after()
    chat.reader.audit()
    assert chat.after(SETTLES) == {"yes": 1, "no": 1}


def test_a_late_commit_is_found(chat: Chat) -> None:
    slow = chat.begin()
    connection = chat.house.beside()
    with connection.transaction():
        connection.execute("UPDATE agent_messages SET latency_ms = 4000 WHERE id = %s", (slow,))
        for _ in range(3):
            chat.record(chat.end(chat.begin()))
            chat.after()
    assert chat.after(SETTLES) == {"yes": 3}
    assert chat.after(SETTLES * 2) == {"yes": 3, "no": 1}


def test_an_answer_as_old_as_what_is_cleaned_up_says_nothing(chat: Chat) -> None:
    with chat.house.sigma.skewed(-timedelta(minutes=5)):
        chat.end(chat.begin())
    assert chat.after(CLEANED_UP) == {"unknown": 1}


def test_a_clean_up_makes_no_answer_rowless(house: House) -> None:
    house.sigma.found()
    house.sigma.backfill(40, stories_per_day=4)
    with house.readers() as streams:
        chat = Chat(house, streams["ai_messages"])
        chat.after()
        chat.record(chat.end(chat.begin()))
        assert house.sigma.clean_up()["ai_request_metrics"] > 0
        chat.reader.audit()
        assert chat.after(SETTLES) == {"yes": 1}


def test_a_read_that_was_not_committed_is_made_again(chat: Chat) -> None:
    chat.end(chat.begin())
    chat.after()
    before, memory = chat.reader.cursor, dict(chat.reader.memory)
    chat.record(chat.end(chat.begin()))
    assert chat.after(SETTLES) == {"yes": 1, "no": 1}
    told = Counter(chat.ids())
    chat.reader.cursor = before
    chat.reader.memory.clear()
    chat.reader.memory.update(memory)
    chat.reader.records.clear()
    chat.reader.effects.counts.clear()
    assert chat.after(SETTLES) == {"yes": 1, "no": 1}
    assert Counter(chat.ids()) == told


def test_a_life_is_what_sql_counts(house: House) -> None:
    """Every ending there is, told in the past while the stream looks on."""
    house.sigma.found()
    with house.readers() as streams:
        chat = Chat(house, streams["ai_messages"])
        chat.after()
        for _ in range(3):
            house.sigma.backfill(0.2, stories_per_day=600)
            chat.after()
            chat.reader.audit()
        told = chat.after(SETTLES)
    by_sql = house.databases.rows("""
        SELECT CASE WHEN r.message_id IS NULL THEN 'no' ELSE 'yes' END, count(DISTINCT m.id)
        FROM agent_messages AS m LEFT JOIN ai_request_metrics AS r ON r.message_id = m.id
        WHERE m.role = 'assistant' AND m.latency_ms IS NOT NULL GROUP BY 1
    """)
    deleted = house.sigma.produced["agent_messages"] > house.databases.number("SELECT count(*) FROM agent_messages")
    assert told["no"] >= dict(by_sql)["no"] > 0
    assert told["yes"] >= dict(by_sql)["yes"] > 50
    if not deleted:
        assert told == dict(by_sql)
