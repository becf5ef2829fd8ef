"""Each account reads what it should and is refused every other column, on a real PostgreSQL."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exporters.demo.postgres import Postgres
from exporters.sigmasight import grants
from tests.sigmasight.databases import NOW, Databases

README = Path(grants.__file__).with_name("README.md")
PASSWORD = "an invented account's password"
PERSONAL = {
    "users": {"email", "full_name", "hashed_password", "clerk_user_id"},
    "portfolios": {"name", "description", "account_name", "equity_balance"},
    "admin_users": {"email", "full_name", "hashed_password"},
    "admin_sessions": {"token_hash", "ip_address", "user_agent"},
    "user_activity_events": {"event_data", "error_message", "ip_address", "user_agent"},
    "ai_request_metrics": {"error_message"},
    "batch_run_history": {"activity_log", "error_summary", "triggered_by"},
    "agent_conversations": {"metadata"},
    "agent_messages": {"content", "tool_calls", "error"},
    "ai_feedback": {"edited_text", "comment"},
    "ai_memories": {"content", "tags"},
    "ai_kb_documents": {"title", "content", "metadata", "embedding"},
    "ai_admin_annotations": {"content", "suggested_response"},
}
"""Columns with words, addresses, secrets or money."""
WORDS = {
    "agent_messages": {"content"},
    "ai_feedback": {"edited_text", "comment"},
    "ai_memories": {"content", "tags"},
    "ai_kb_documents": {"title", "content"},
    "ai_admin_annotations": {"content", "suggested_response"},
}
"""Of those, what the text account may show."""


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    half: grants.Half
    texts: bool
    connection: psycopg.Connection[Any]

    def may(self, query: str) -> bool:
        """Whether the account may ask that."""
        try:
            self.connection.execute(query.encode())
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True


@dataclass(frozen=True, slots=True)
class World:
    databases: Databases
    tokens: dict[str, str]
    accounts: tuple[Account, ...]

    def columns(self, half: str) -> list[tuple[str, str]]:
        """(table, column) of all that is there."""
        return self.databases.rows(
            "SELECT table_name::text, column_name::text FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY 1, 2",
            half=half,
        )


@pytest.fixture(scope="module")
def world(sigmasight_postgres: Postgres) -> Iterator[World]:
    """A life with canaries in every text, and one account per half and kind; two of each, by set-up."""
    tokens: dict[str, str] = {}
    with Databases(sigmasight_postgres) as databases:
        sigma = databases.sigma(seed=8, canaries=tokens)
        sigma.found()
        sigma.backfill(6, stories_per_day=60)
        sigma.edges(NOW)
        accounts = []
        for half in ("core", "ai"):
            for texts in (False, True):
                side: grants.Half = "core" if half == "core" else "ai"
                name = f"observer_{half}_{'texts' if texts else 'numbers'}"
                owner = databases.side(half)
                owner.execute((grants.reader(name) if texts else grants.account(name)).encode())
                owner.execute(f"ALTER ROLE {name} PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'".encode())
                made = grants.texts(side, name) if texts else grants.numbers(side, name)
                for _ in range(2):
                    owner.execute(made.encode())
                owner.execute("ANALYZE")
                connection = psycopg.connect(
                    host="127.0.0.1",
                    port=sigmasight_postgres.port,
                    user=name,
                    password=PASSWORD,
                    dbname=databases.core_name if half == "core" else databases.ai_name,
                    autocommit=True,
                )
                accounts.append(Account(name, side, texts, connection))
        yield World(databases, tokens, tuple(accounts))
        for account in accounts:
            account.connection.close()


def test_the_personal_columns_here_are_all_there_are(world: World) -> None:
    known = {(t, c) for half in ("core", "ai") for t, c in world.columns(half)}
    for table, columns in PERSONAL.items():
        assert {(table, column) for column in columns} <= known
    planted = {tuple(name.split(".")) for name in world.tokens} - {("log", "email"), ("log", "traceback")}
    assert planted <= {(table, column) for table, columns in PERSONAL.items() for column in columns}


def test_each_account_reads_its_columns_and_no_other(world: World) -> None:
    for account in world.accounts:
        granted = (grants.TEXTS if account.texts else grants.NUMBERS)[account.half]
        for table, column in world.columns(account.half):
            allowed = column in granted.get(table, ())
            personal = column in PERSONAL.get(table, set())
            word = column in WORDS.get(table, set())
            assert account.may(f"SELECT {column} FROM public.{table} LIMIT 1") is allowed, (account.name, table, column)
            assert not (allowed and personal) or (account.texts and word), f"{account.name} may read {table}.{column}"


def test_transactions_can_be_ordered_where_rows_are_events(world: World) -> None:
    for account in world.accounts:
        if not account.texts:
            for table, columns in grants.NUMBERS[account.half].items():
                assert account.may(f"SELECT age(xmin) FROM public.{table} LIMIT 1") is ("xmin" in columns)


def test_nobody_reads_whole_rows_or_writes(world: World) -> None:
    for account in world.accounts:
        account.connection.execute("SET default_transaction_read_only = off")
        granted = (grants.TEXTS if account.texts else grants.NUMBERS)[account.half]
        for table in {table for table, _ in world.columns(account.half)}:
            whole = {column for name, column in world.columns(account.half) if name == table}
            every = whole <= set(granted.get(table, ()))
            assert account.may(f"SELECT to_jsonb(t) FROM public.{table} AS t LIMIT 1") is every
            assert account.may(f"SELECT t FROM public.{table} AS t LIMIT 1") is every
            assert not every or whole <= {"version_num"} or account.texts
            assert not account.may(f"DELETE FROM public.{table}")
            assert not account.may(f"TRUNCATE public.{table}")
        assert not account.may("CREATE TABLE public.mine (id int)")
        assert not account.may("CREATE TABLE observatory.mine (id int)")


def test_the_account_is_read_only_and_impatient(world: World) -> None:
    for account in world.accounts:
        with psycopg.connect(world.databases.server.dsn(), autocommit=True) as owner:
            row = owner.execute("SELECT rolconfig, rolconnlimit FROM pg_roles WHERE rolname = %s", (account.name,))
            config, limit = row.fetchone() or ([], 0)
        bounds = {f"{name}={value}" for name, value in grants.READER_BOUNDS.items()} if account.texts else set()
        assert set(config) == {"default_transaction_read_only=on", "statement_timeout=5s"} | bounds
        assert limit == 8


def test_statistics_give_nothing_away(world: World) -> None:
    """The planner's samples of a column are shown only to who may read the column."""
    for account in world.accounts:
        shown = account.connection.execute("SELECT tablename::text, attname::text FROM pg_stats").fetchall()
        assert {(table, column) for table, column in shown if column in PERSONAL.get(table, set())} <= {
            (table, column) for table, columns in WORDS.items() for column in columns if account.texts
        }


def test_no_canary_can_be_read_as_a_number(world: World) -> None:
    """Everything an account of numbers may see, views included, whole."""
    read = 0
    for account in world.accounts:
        if account.texts:
            continue
        queries = [f"SELECT {', '.join(c)} FROM public.{t}" for t, c in grants.NUMBERS[account.half].items()]
        queries += [f"SELECT * FROM {grants.SCHEMA}.{view}" for view in grants.VIEWS[account.half]]
        for query in queries:
            for row in account.connection.execute(query.encode()):
                read += 1
                text = repr(row)
                assert "CANARY" not in text, query
                assert "@" not in text, query
    assert read > 1000
    assert len(world.tokens) > 20


@pytest.mark.parametrize(
    "commands",
    [
        *(grants.account("observer"), grants.numbers("core", "observer"), grants.numbers("ai", "observer")),
        *(grants.reader("reader"), grants.texts("core", "reader"), grants.texts("ai", "reader")),
    ],
    ids=["account", "core", "ai", "reader", "core texts", "ai texts"],
)
def test_the_readme_has_the_commands_to_paste(commands: str) -> None:
    """Word for word: who pastes them gives what the tests above have tried."""
    assert f"```sql\n{commands}```" in README.read_text(encoding="utf-8")


def test_every_text_column_holds_a_canary(world: World) -> None:
    """What the other tests look for was there to be found."""
    for name, token in world.tokens.items():
        table, column = name.split(".")
        half = "ai" if table.startswith("ai_") and table != "ai_request_metrics" else "core"
        found = world.databases.number(
            f"SELECT count(*) FROM {table} WHERE {column}::text LIKE '%%' || %(token)s || '%%'",
            {"token": token},
            half=half,
        )
        assert found > 0, name
    covered = {tuple(name.split(".")) for name in world.tokens}
    wanted = {(table, column) for table, columns in PERSONAL.items() for column in columns}
    # Numbers and shapes that cannot hold a word, and what nobody writes.
    assert wanted - covered == {
        ("portfolios", "equity_balance"),
        ("agent_messages", "tool_calls"),
        ("agent_messages", "error"),
        ("ai_kb_documents", "embedding"),
    }


def test_the_view_of_runs_tells_facts_without_texts(world: World) -> None:
    account = next(a for a in world.accounts if a.half == "core" and not a.texts)
    rows = account.connection.execute(
        "SELECT trigger, uuid_id, status, batch_type, calc_date, with_errors, crashed, errors_listed"
        " FROM observatory.batch_runs"
    ).fetchall()
    owner = world.databases.number("SELECT count(*) FROM batch_run_history")
    assert len(rows) == owner
    by_trigger = {row[0] for row in rows}
    assert {"v2_cron", "v2_cron_portfolio", "user", "unknown", "other", "manual"} <= by_trigger
    assert all(row[1] and row[2] == "running" for row in rows if row[0] == "user"), "phantoms"
    for trigger, _, _, batch_type, calc_date, _, _, _ in rows:
        if trigger == "v2_cron":
            assert batch_type == "symbol_batch"
            assert re.fullmatch(r"\d{4}-\d\d-\d\d", calc_date)
    quiet = [row for row in rows if row[3] is not None and row[7] is None]
    assert quiet
    assert not any(row[5] for row in quiet), "a V2 run's facts are no errors"
    crashed = world.databases.number("SELECT count(*) FROM batch_run_history WHERE error_summary ? 'exception'")
    assert sum(row[6] for row in rows) == crashed > 0


def test_the_view_of_feedback_keeps_both_counts(world: World) -> None:
    account = next(a for a in world.accounts if a.half == "ai" and not a.texts)
    seen = account.connection.execute(
        "SELECT count(*) FILTER (WHERE with_edit), count(*) FILTER (WHERE with_edit_text),"
        " count(*) FILTER (WHERE with_comment), count(*) FILTER (WHERE with_comment_text) FROM observatory.feedback"
    ).fetchone()
    own = world.databases.rows(
        "SELECT count(edited_text), count(*) FILTER (WHERE edited_text <> ''), count(comment),"
        " count(*) FILTER (WHERE comment <> '') FROM ai_feedback",
        half="ai",
    )
    assert [seen] == own
    assert seen is not None
    assert seen[0] > seen[1] > 0


def test_views_are_read_through_their_tables_index(world: World) -> None:
    world.databases.core.execute("SET enable_seqscan = off")
    plan = world.databases.rows(
        "EXPLAIN SELECT id, age(xmin) FROM observatory.batch_runs WHERE created_at > now() - interval '1 day'"
    )
    assert any("ix_batch_run_history_created_at" in line for (line,) in plan)


def test_one_database_takes_both_grants_for_one_account(one_database: Databases) -> None:
    one_database.core.execute("CREATE ROLE observer_both")
    for half in ("core", "ai"):
        one_database.core.execute(grants.numbers("core" if half == "core" else "ai", "observer_both").encode())
    one_database.core.execute("SET ROLE observer_both")
    assert one_database.number("SELECT count(rating) FROM ai_feedback") == 0
    assert one_database.number("SELECT count(*) FROM observatory.batch_runs") == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        one_database.rows("SELECT comment FROM ai_feedback")
    one_database.core.execute("RESET ROLE")


@pytest.mark.parametrize("name", ["", "Robert", "a; DROP TABLE users", 'x"y', "x" * 64])
def test_odd_names_of_accounts_are_refused(name: str) -> None:
    for making in (grants.account, lambda n: grants.numbers("core", n), lambda n: grants.texts("ai", n)):
        with pytest.raises(ValueError, match="account's name"):
            making(name)
