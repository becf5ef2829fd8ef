"""The invented databases have exactly the real ones' columns, defaults, indexes and constraints."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from exporters.sigmasight import schema
from tests.sigmasight.databases import NOW, Databases
from tests.sigmasight.schema_facts_query import COLUMNS, INDEXES

FACTS = Path(__file__).with_name("schema_facts.txt")


def facts(databases: Databases, half: str) -> list[str]:
    columns = [" ".join(row) for row in databases.rows(COLUMNS, half=half)]
    indexes = [row[0] for row in databases.rows(INDEXES, half=half)]
    return [f"-- {half}: columns", *columns, f"-- {half}: indexes and constraints", *indexes]


def test_two_databases_have_the_columns_and_indexes_of_the_real_ones(databases: Databases) -> None:
    known = FACTS.read_text(encoding="utf-8").splitlines()
    assert facts(databases, "core") + facts(databases, "ai") == known
    assert known.index("-- core: indexes and constraints") == 109, "108 columns in core"


def test_one_database_has_all_of_them(one_database: Databases) -> None:
    known = FACTS.read_text(encoding="utf-8").splitlines()
    both = sorted(line for line in known if not line.startswith("--"))
    found = facts(one_database, "core")
    assert sorted(line for line in found if not line.startswith("--")) == both


def test_revisions_are_told_apart(databases: Databases, one_database: Databases) -> None:
    asked = "SELECT version_num FROM alembic_version ORDER BY 1"
    assert databases.rows(asked) == [("s5t6u7v8w9x0",)]
    assert databases.rows(asked, half="ai") == [("0002",)]
    assert one_database.rows(asked) == [("0002",), ("s5t6u7v8w9x0",)]


def test_nothing_enforces_the_values_and_no_trigger_runs(databases: Databases) -> None:
    for half in ("core", "ai"):
        assert databases.number("SELECT count(*) FROM pg_constraint WHERE contype = 'c'", half=half) == 2, (
            "information_schema's own two"
        )
        assert databases.number("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal", half=half) == 0
        assert databases.number("SELECT count(*) FROM pg_type WHERE typtype = 'e'", half=half) == 0


def test_making_them_twice_is_refused_and_asked_first(databases: Databases) -> None:
    assert schema.exists(databases.core, "core")
    assert not schema.exists(databases.core, "ai")
    with pytest.raises(psycopg.errors.DuplicateTable):
        schema.create(databases.core, "core")
    databases.sigma().create()
    assert databases.number("SELECT count(*) FROM alembic_version") == 1


def test_constraints_hold(databases: Databases) -> None:
    sigma = databases.sigma()
    sigma.found(2)
    with pytest.raises(psycopg.errors.UniqueViolation):
        databases.rows(
            "INSERT INTO admin_users (email, hashed_password, full_name) SELECT email, 'x', 'x' FROM admin_users"
        )
    with pytest.raises(psycopg.errors.NotNullViolation):
        databases.rows(
            "INSERT INTO batch_run_history (batch_run_id, triggered_by, started_at, status)"
            " VALUES ('a', 'b', now(), 'c')"
        )
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        databases.rows("DELETE FROM users")
    sigma.tell(sigma.company.desk(), NOW)
    databases.core.execute("DELETE FROM admin_users")
    assert databases.number("SELECT count(*) FROM admin_sessions") == 0, "they go with their administrator"
