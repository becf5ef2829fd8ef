"""What the restricted Grafana can see of SigmaSight: the pages' own statements, asked by their own accounts."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg
import pytest

from exporters.core.sql import newest
from exporters.demo.postgres import Postgres
from exporters.sigmasight import grants
from exporters.sigmasight.texts import BY_HALF, TEXT_ROWS
from tests.sigmasight.databases import Databases
from tests.sigmasight.test_grants import PERSONAL, WORDS
from tests.sigmasight.texts_house import Statement, World, page_statements, readers

pytestmark = pytest.mark.servers
STATEMENTS = page_statements()
each_statement = pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.name)


def test_pages_ask_both_halves() -> None:
    assert Counter(statement.half for statement in STATEMENTS).keys() == {"core", "ai"}
    assert len(STATEMENTS) > 25


@each_statement
def test_every_statement_of_every_page_is_answered(world: World, statement: Statement) -> None:
    rows = [row for typed in world.typed for row in world.readers.ask_page(statement, typed=typed)]
    assert rows


def test_nothing_personal_is_seen_on_any_page_and_the_words_are(world: World) -> None:
    seen = ""
    for statement in STATEMENTS:
        for typed in world.typed:
            seen += repr(world.readers.ask_page(statement, typed=typed))
    words = {f"{table}.{column}" for table, columns in WORDS.items() for column in columns}
    personal = {f"{table}.{column}" for table, columns in PERSONAL.items() for column in columns} - words
    assert len(personal & world.tokens.keys()) > 15
    assert [name for name in personal & world.tokens.keys() if world.tokens[name] in seen] == []
    assert [name for name in words & world.tokens.keys() if world.tokens[name] not in seen] == []
    assert "@" not in seen


def test_what_is_read_is_granted() -> None:
    for half, kinds in BY_HALF.items():
        granted = {f"{table}.{column}" for table, columns in grants.TEXTS[half].items() for column in columns}
        assert {name for rows in kinds for name in rows.reads} <= granted


@pytest.mark.parametrize("rows", TEXT_ROWS, ids=lambda rows: rows.name)
def test_what_a_statement_says_it_reads_is_all_it_reads(world: World, rows: Any) -> None:
    """With a grant of these columns alone, and with none of them less."""
    (half,) = (half for half, kinds in BY_HALF.items() if rows in kinds)
    owner = world.databases.side(half)
    owner.execute("CREATE ROLE narrow")
    try:
        for column in rows.reads:
            table, name = column.split(".")
            owner.execute(f"GRANT SELECT ({name}) ON {table} TO narrow".encode())
        text = world.readers.filled(newest(rows).table(), typed={"user": world.user})
        owner.execute("SET ROLE narrow")
        owner.execute(text.encode())
        for column in rows.reads:
            table, name = column.split(".")
            owner.execute("RESET ROLE")
            owner.execute(f"REVOKE SELECT ({name}) ON {table} FROM narrow".encode())
            owner.execute("SET ROLE narrow")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute(text.encode())
            owner.execute("RESET ROLE")
            owner.execute(f"GRANT SELECT ({name}) ON {table} TO narrow".encode())
    finally:
        owner.execute("RESET ROLE; DROP OWNED BY narrow; DROP ROLE narrow")


def test_one_database_for_both_has_one_reader(sigmasight_postgres: Postgres) -> None:
    with Databases(sigmasight_postgres, single=True) as databases:
        sigma = databases.sigma(seed=3)
        sigma.found()
        sigma.backfill(4)
        with readers(sigmasight_postgres, databases, "single") as asking:
            user = str(databases.number("SELECT user_id FROM agent_conversations LIMIT 1"))
            for statement in STATEMENTS:
                assert (
                    asking.ask_page(statement)
                    or asking.ask_page(statement, typed={"user": user})
                    or ("conversation" in statement.name)
                )
