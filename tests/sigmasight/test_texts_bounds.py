"""A look at SigmaSight's words is small however large the tables are, and nothing that is typed becomes SQL."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exporters.core.sql import TextRows, newest
from exporters.demo.postgres import Postgres
from exporters.sigmasight import grants
from exporters.sigmasight.texts import TEXT_ROWS
from exporters.sigmasight.texts_chats import CONVERSATION_ROWS, FOUND_ROWS, MESSAGE_ROWS
from exporters.sigmasight.texts_cuts import LONGEST
from exporters.sigmasight.texts_learning import DOCUMENT_ROWS, REMEMBERED_ROWS
from exporters.sigmasight.texts_people import STEP_ROWS, USER_ROWS
from exporters.sigmasight.texts_tuning import ANNOTATION_ROWS, RATING_ROWS
from tests.sigmasight.databases import NOW, Databases
from tests.sigmasight.texts_house import EVER, Range, Readers, Statement, World, page_statements, readers
from tests.sigmasight.texts_large import CONVERSATION, CONVERSATIONS, LARGE, USER, USERS, enlarge

pytestmark = pytest.mark.servers
MONTH = Range(NOW - timedelta(days=30), NOW)
each_statement = pytest.mark.parametrize("statement", page_statements(), ids=lambda statement: statement.name)


@pytest.fixture(scope="module")
def large(sigmasight_postgres: Postgres) -> Iterator[Readers]:
    with Databases(sigmasight_postgres) as databases:
        enlarge(databases)
        with readers(sigmasight_postgres, databases, "large") as asking:
            yield asking


@pytest.fixture(scope="module")
def typed(large: Readers) -> list[dict[str, str]]:
    """Nothing; a user who is there; a conversation; a message; who and what is not there; and what is no id."""
    number = large.databases.number
    user, conversation = number(f"SELECT {USER.format(7, USERS)}"), number(
        f"SELECT {CONVERSATION.format(7, CONVERSATIONS)}"
    )  # fmt: skip
    message, nobody = number("SELECT md5('message7')::uuid"), number("SELECT md5('nobody')::uuid")
    named = [{}, {"user": user}, {"conversation": conversation}, {"conversation": message}]
    named += [{"user": nobody, "conversation": nobody}, {"user": "nobody", "conversation": "none"}]
    return [{name: str(value) for name, value in one.items()} for one in named]


@each_statement
def test_no_large_table_is_read_through(large: Readers, typed: list[dict[str, str]], statement: Statement) -> None:
    for when in (MONTH, EVER):
        for one in typed:
            plan = "\n".join(line for (line,) in large.ask_page(statement, when, one, "EXPLAIN"))
            assert set(re.findall(r"Seq Scan on (\w+)", plan)) & LARGE == set(), plan


@pytest.mark.parametrize("rows", [STEP_ROWS, MESSAGE_ROWS], ids=lambda rows: rows.name)
def test_who_was_active_last_is_found_at_the_end_of_an_index(
    large: Readers, typed: list[dict[str, str]], rows: TextRows
) -> None:
    """No step of the plan handles more than a few rows: nothing is sorted to find the last one."""
    for when in (MONTH, EVER):
        for one in typed:
            plan = "\n".join(large.explained(newest(rows).table(), when, one))
            handled = [int(number) for number in re.findall(r"\(actual .*?rows=(\d+)", plan)]
            assert 0 < max(handled) < 1000, plan


@pytest.mark.parametrize("rows", TEXT_ROWS, ids=lambda rows: rows.name)
def test_no_more_rows_are_looked_through_than_it_says(
    large: Readers, typed: list[dict[str, str]], rows: TextRows
) -> None:
    for one in typed:
        ((_, examined),) = large.ask(newest(rows).count(), typed=one)
        assert examined <= rows.at_most


def test_the_newest_are_those_that_are_looked_through(large: Readers) -> None:
    for rows, table in (
        (CONVERSATION_ROWS, "agent_conversations"),
        (FOUND_ROWS, "agent_messages"),
        (RATING_ROWS, "ai_feedback"),
        (REMEMBERED_ROWS, "ai_memories"),
        (DOCUMENT_ROWS, "ai_kb_documents"),
        (USER_ROWS, "users"),
    ):
        half = "ai" if table.startswith("ai_") else "core"
        ask = f"SELECT created_at FROM {table} ORDER BY created_at DESC LIMIT {rows.at_most}"
        assert large.ask(newest(rows).table([_when(rows)], limit=rows.at_most)) == large.databases.rows(ask, half=half)


def _when(rows: TextRows) -> str:
    return next(column.name for column in rows.columns if column.type == "time")


def test_the_account_has_bounds_that_a_session_begins_with(large: Readers) -> None:
    for connection in large.connections.values():
        for name, value in {**grants.READER_BOUNDS, "statement_timeout": "5s"}.items():
            assert connection.execute(f"SHOW {name}".encode()).fetchone() == (value,)


def test_long_texts_are_cut(sigmasight_postgres: Postgres) -> None:
    with Databases(sigmasight_postgres) as databases:
        databases.ai.execute("INSERT INTO ai_memories (scope, content) VALUES ('user', repeat('é', 100000))")
        with readers(sigmasight_postgres, databases, "cut") as asking:
            assert asking.ask(newest(REMEMBERED_ROWS).table(["words"])) == [("é" * LONGEST,)]


# What is odd in a table stops nothing.

MALFORMED = (
    "[]",
    "null",
    '"a"',
    "7",
    '{"confidence": 1e400}',
    '{"confidence": 1e-400}',
    '{"confidence": "x", "source": {"a": 1}}',
    "[[1], {}]",
)


def test_tags_of_any_shape_stop_nothing(sigmasight_postgres: Postgres) -> None:
    with Databases(sigmasight_postgres) as databases:
        for tags in MALFORMED:
            databases.ai.execute("INSERT INTO ai_memories (scope, content, tags) VALUES ('user', 'x', %s)", (tags,))
            databases.ai.execute(
                "INSERT INTO ai_admin_annotations (message_id, admin_user_id, annotation_type, content, tags)"
                " VALUES (gen_random_uuid(), gen_random_uuid(), 'flag', 'x', %s)",
                (tags,),
            )
        with readers(sigmasight_postgres, databases, "odd") as asking:
            assert len(asking.ask(newest(REMEMBERED_ROWS).table())) == len(MALFORMED)
            shown = {tags for (tags,) in asking.ask(newest(ANNOTATION_ROWS).table(["tags"]))}
            assert shown == {"", None, "[1], {}"}
            assert {text for text, _ in asking.ask(newest(ANNOTATION_ROWS).options("tags"))} == {"[1]", "{}"}


# What is typed.

ODD = (
    "100% sure", "under_score", "it's", '"quoted"', "back\\slash", "'; DROP TABLE users; --", "$1(x) $__timeFrom()",
    "${user} $z", "Große Köchin İda", "%41 + %", "''", "日本語 🌱", "/* */", "$$;", "[[user]]",
)  # fmt: skip


@pytest.fixture(scope="module")
def odd(sigmasight_postgres: Postgres) -> Iterator[Readers]:
    """Every odd text as a message, as an annotation with its tag, and as a document."""
    with Databases(sigmasight_postgres) as databases:
        talk = "INSERT INTO agent_conversations VALUES (%s, gen_random_uuid(), 'green', 'o', NULL, NULL, %s, %s, '{}')"
        talks = databases.number("SELECT gen_random_uuid()")
        databases.core.execute(talk, (talks, NOW, NOW))
        for text in (*ODD, "plain"):
            databases.core.execute(
                "INSERT INTO agent_messages (id, conversation_id, role, content, tool_calls, created_at)"
                " VALUES (gen_random_uuid(), %s, 'user', %s, '[]', %s)",
                (talks, text, NOW),
            )
            databases.ai.execute(
                "INSERT INTO ai_admin_annotations (message_id, admin_user_id, annotation_type, content, tags)"
                " VALUES (gen_random_uuid(), gen_random_uuid(), 'flag', 'x', to_jsonb(ARRAY[%s, 'other']))",
                (text,),
            )
            databases.ai.execute("INSERT INTO ai_kb_documents (scope, title, content) VALUES ('s', %s, 'x')", (text,))
        with readers(sigmasight_postgres, databases, "typed") as asking:
            yield asking


@pytest.mark.parametrize("text", ODD)
def test_what_is_typed_stands_for_itself(odd: Readers, text: str) -> None:
    for rows, column in ((FOUND_ROWS, "words"), (DOCUMENT_ROWS, "title")):
        asked = newest(rows).contains("search", column).table([column])
        found = {shown for (shown,) in odd.ask(asked, typed={"search": text})}
        assert text in found
        assert "plain" not in found
    chosen = newest(ANNOTATION_ROWS).chosen(tags="tag").table(["tags"])
    assert odd.ask(chosen, tag=text) == [(f"{text}, other",)]
    within = newest(ANNOTATION_ROWS).contains("search", "words", "tags").count()
    assert odd.ask(within, typed={"search": text})[0][0] >= 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
@example("")
@example("  ")
@example("' OR true --")
@example("00000000-0000-0000-0000-000000000000'::uuid OR true --")
@example("%27")
@example("00000000-0000-0000-0000-00000000000g")
def test_what_is_no_id_is_no_id(odd: Readers, typed: str) -> None:
    """Whatever it is, it finds nobody and fails nothing. Blanks alone are an empty box."""
    there = 0 if typed.strip(" ") else 1
    for given_ in ({"user": typed}, {"conversation": typed}, {"user": typed, "conversation": typed}):
        if "user" in given_:
            assert len(odd.ask(newest(STEP_ROWS).table(), typed=given_)) == there
        assert len(odd.ask(newest(MESSAGE_ROWS).table(), typed=given_)) == there * (len(ODD) + 1)
        assert odd.ask(newest(CONVERSATION_ROWS).count(), typed=given_) == [(there, there)]


def test_an_id_is_one_in_capitals_and_with_blanks_around_it_too(world: World) -> None:
    plain = world.readers.ask(newest(STEP_ROWS).table(), typed={"user": world.user})
    assert plain
    for typed in (world.user.upper(), f"  {world.user} "):
        assert world.readers.ask(newest(STEP_ROWS).table(), typed={"user": typed}) == plain
