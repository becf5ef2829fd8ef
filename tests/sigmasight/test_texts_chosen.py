"""Whose steps and which conversation a page shows before somebody chooses: of who was active last in its time range."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from exporters.core.sql import TextRows, newest
from exporters.demo.postgres import Postgres
from exporters.sigmasight.texts_chats import CONVERSATION_ROWS, MESSAGE_ROWS
from exporters.sigmasight.texts_learning import REMEMBERED_ROWS
from exporters.sigmasight.texts_people import (
    LANES,
    NEWEST_EVENTS,
    NEWEST_STEPS,
    NEWEST_WITH_NOBODY,
    STEP_ROWS,
    USER_ROWS,
)
from tests.sigmasight.databases import NOW, Databases
from tests.sigmasight.texts_house import Range, Readers, World, readers

pytestmark = pytest.mark.servers
DAY = timedelta(days=1)
WEEK = Range(NOW - 7 * DAY, NOW)
RANGES = [Range(NOW - back * DAY, NOW - (back - 2) * DAY) for back in (2, 4, 7)]


def shown(readers_: Readers, rows: TextRows, column: str, when: Range = WEEK, **typed: str) -> set[Any]:
    """Whose, or which, rows a page shows."""
    return {value for (value,) in readers_.ask(newest(rows).table([column], limit=100_000), when, typed)}


def last(world: World, ask: str, when: Range, user: str | None = None) -> str:
    given = {"start": when.start, "stop": when.stop, "user": user}
    return str(world.databases.rows(ask, given)[0][0])


@pytest.mark.parametrize("when", RANGES)
def test_steps_are_those_of_who_did_something_last(world: World, when: Range) -> None:
    ask = """SELECT user_id FROM (
        SELECT user_id, created_at FROM user_activity_events WHERE user_id IS NOT NULL
        UNION ALL SELECT user_id, created_at FROM agent_conversations) AS done
        WHERE created_at BETWEEN %(start)s AND %(stop)s ORDER BY created_at DESC, user_id LIMIT 1"""
    expected = last(world, ask, when)
    assert shown(world.readers, STEP_ROWS, "user", when) == {expected}
    assert shown(world.readers, STEP_ROWS, "user", when, user="  ") == {expected}
    for asked in (newest(STEP_ROWS).table(), newest(STEP_ROWS).moments("lane", LANES)):
        rows = world.readers.ask(asked, when)
        assert rows == world.readers.ask(asked, when, {"user": expected})
        assert rows


SPOKE = """SELECT m.conversation_id FROM agent_messages m JOIN agent_conversations c ON c.id = m.conversation_id
    WHERE m.created_at BETWEEN %(start)s AND %(stop)s AND (%(user)s::uuid IS NULL OR c.user_id = %(user)s)
    ORDER BY m.created_at DESC, m.conversation_id LIMIT 1"""


@pytest.mark.parametrize("when", RANGES)
def test_the_conversation_is_the_one_where_somebody_spoke_last(world: World, when: Range) -> None:
    expected = last(world, SPOKE, when)
    told = world.readers.ask(newest(MESSAGE_ROWS).table(limit=1000), when)
    assert told == world.readers.ask(newest(MESSAGE_ROWS).table(limit=1000), when, {"conversation": expected})
    assert shown(world.readers, MESSAGE_ROWS, "conversation", when) == {expected}


def test_of_a_user_it_is_the_last_one_of_that_user(world: World) -> None:
    when = Range(NOW - 12 * DAY, NOW)
    users = [str(key) for (key,) in world.databases.rows("SELECT DISTINCT user_id FROM agent_conversations")]
    assert len(users) > 5
    for user in users:
        expected = last(world, SPOKE, when, user)
        assert shown(world.readers, MESSAGE_ROWS, "conversation", when, user=user) == {expected}
    assert shown(world.readers, MESSAGE_ROWS, "conversation", when, user=str(uuid.uuid4())) == set()
    other = last(world, SPOKE, when, users[0])
    # What is chosen by its id is shown, whoever stands beside it.
    assert shown(world.readers, MESSAGE_ROWS, "conversation", when, user=users[1], conversation=other) == {other}


def test_nobody_active_in_the_time_range_shows_nothing(world: World) -> None:
    before = Range(NOW - 900 * DAY, NOW - 800 * DAY)
    assert shown(world.readers, STEP_ROWS, "user", before) == set()
    assert shown(world.readers, MESSAGE_ROWS, "conversation", before) == set()


@pytest.mark.parametrize("rows", [STEP_ROWS, USER_ROWS, REMEMBERED_ROWS], ids=lambda rows: rows.name)
@pytest.mark.parametrize("cut", [lambda user: user[:-1], lambda user: user + "x", lambda _: "somebody@mail.invalid"])
def test_what_is_no_id_is_not_taken_for_an_empty_box(world: World, rows: TextRows, cut: Callable[[str], str]) -> None:
    assert len(shown(world.readers, rows, "user", user=world.user)) == 1
    assert shown(world.readers, rows, "user", user=cut(world.user)) == set()
    assert shown(world.readers, rows, "user") != set()


@pytest.mark.parametrize("rows", [MESSAGE_ROWS, CONVERSATION_ROWS], ids=lambda rows: rows.name)
@pytest.mark.parametrize("box", ["user", "conversation"])
def test_nor_is_what_is_no_id_in_either_box(world: World, rows: TextRows, box: str) -> None:
    assert shown(world.readers, rows, "conversation", WEEK, **{box: "somebody@mail.invalid"}) == set()
    assert shown(world.readers, rows, "conversation") != set()


EVENT = "INSERT INTO user_activity_events (user_id, event_type, event_category, created_at) "


def test_neither_a_stamp_of_the_future_nor_errors_of_nobody_hide_who_was_last(sigmasight_postgres: Postgres) -> None:
    with Databases(sigmasight_postgres) as databases:
        he, she = str(uuid.uuid4()), str(uuid.uuid4())

        def did(user: str, at: datetime) -> None:
            databases.core.execute(EVENT.encode() + b"VALUES (%s, 'auth.logout', 'auth', %s)", (user, at))

        did(he, NOW + 365 * DAY)
        did(he, NOW - 2 * DAY)
        did(she, NOW - DAY)
        flood = (
            EVENT
            + """SELECT NULL, 'onboarding.login_error', 'onboarding', %s - n * interval '1 second'
            FROM generate_series(1, %s) AS numbers (n)"""
        )
        databases.core.execute(flood.encode(), (NOW, NEWEST_WITH_NOBODY - 1))
        with readers(sigmasight_postgres, databases, "chosen") as asking:
            assert shown(asking, STEP_ROWS, "user") == {she}
            assert shown(asking, STEP_ROWS, "user", Range(WEEK.start, NOW - 1.5 * DAY)) == {he}
            # A conversation has a row even where no event was written.
            databases.core.execute(
                "INSERT INTO agent_conversations VALUES (%s, %s, 'green', 'o', NULL, NULL, %s, %s, '{}')",
                (uuid.uuid4(), he, NOW, NOW),
            )
            assert shown(asking, STEP_ROWS, "user") == {he}
            assert shown(asking, MESSAGE_ROWS, "conversation") == set()


def test_a_journey_of_last_month_is_there_however_much_came_after_it(sigmasight_postgres: Postgres) -> None:
    """The bounds are those of the page's range: what is younger does not use them up."""
    with Databases(sigmasight_postgres) as databases:
        user = str(uuid.uuid4())
        events = (
            EVENT
            + """SELECT %s, 'auth.logout', 'auth', %s - n * interval '1 minute'
            FROM generate_series(%s::int, %s::int) AS s (n)"""
        )
        talks = """INSERT INTO agent_conversations SELECT gen_random_uuid(), %s, 'green', 'o', NULL, NULL, at, at, '{}'
            FROM (SELECT %s - n * interval '1 minute' AS at FROM generate_series(%s::int, %s::int) AS s (n)) AS made"""
        failed = """INSERT INTO ai_request_metrics (conversation_id, message_id, model, user_id, error_type, created_at)
            SELECT gen_random_uuid(), gen_random_uuid(), 'm', %s, 'timeout', %s - n * interval '1 minute'
            FROM generate_series(%s::int, %s::int) AS s (n)"""
        for asked, most in ((events, NEWEST_EVENTS), (talks, NEWEST_STEPS), (failed, NEWEST_STEPS)):
            databases.core.execute(asked.encode(), (user, NOW, 0, most))
            databases.core.execute(asked.encode(), (user, NOW - 30 * DAY, 0, 2))
        with readers(sigmasight_postgres, databases, "journey") as asking:
            when = Range(NOW - 31 * DAY, NOW - 29 * DAY)
            found = asking.dicts(newest(STEP_ROWS).table(), when, {"user": user})
            assert sorted(row["step"] for row in found) == sorted(
                ["auth.logout", "conversation began", "request failed"] * 3
            )
