"""Databases of SigmaSight for tests: made from templates, and asked as their owner or as an account of ours."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from exporters.demo.postgres import Postgres
from exporters.sigmasight import schema
from exporters.sigmasight.simulate import Habits, Sigma

NOW = datetime(2026, 1, 14, 9, 0, tzinfo=UTC)
"""A Wednesday."""
TEMPLATES = {"core": "template_core", "ai": "template_ai", "both": "template_both"}
_numbers = count()


def prepare(server: Postgres) -> None:
    """Make the templates."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for name in TEMPLATES.values():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    for key, name in TEMPLATES.items():
        with psycopg.connect(server.dsn(name), autocommit=True) as connection:
            if key != "ai":
                schema.create(connection, "core")
            if key != "core":
                schema.create(connection, "ai")


class Databases:
    """core and ai: connections of the owner, in autocommit."""

    def __init__(self, server: Postgres, *, single: bool = False) -> None:
        self.server = server
        self.single = single
        number = next(_numbers)
        self.core_name = f"core_{number}"
        self.ai_name = self.core_name if single else f"ai_{number}"
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            templates = {self.core_name: TEMPLATES["both" if single else "core"], self.ai_name: TEMPLATES["ai"]}
            if single:
                templates = {self.core_name: TEMPLATES["both"]}
            for name, template in templates.items():
                admin.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                        sql.Identifier(name), sql.Identifier(template)
                    )
                )
        self.core = self.connect()
        self.ai = self.core if single else psycopg.connect(server.dsn(self.ai_name), autocommit=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.core.close()
        self.ai.close()

    def connect(self) -> psycopg.Connection[Any]:
        """One more connection to core."""
        return psycopg.connect(self.server.dsn(self.core_name), autocommit=True)

    def sigma(
        self,
        seed: int = 1,
        *,
        clock: Callable[[], datetime] = lambda: NOW,
        canaries: dict[str, str] | None = None,
        habits: Habits | None = None,
        legacy: bool = True,
    ) -> Sigma:
        """A SigmaSight that writes here."""
        return Sigma(
            self.core,
            None if self.single else self.ai,
            seed=seed,
            clock=clock,
            another=self.connect,
            canaries=canaries,
            habits=habits,
            legacy=legacy,
        )

    def side(self, half: str) -> psycopg.Connection[Any]:
        return self.core if half == "core" else self.ai

    def rows(self, query: str, values: Mapping[str, object] | None = None, *, half: str = "core") -> list[Any]:
        """What the database says, rows as tuples."""
        return self.side(half).execute(query.encode(), values).fetchall()

    def dicts(self, query: str, *, half: str = "core") -> list[dict[str, Any]]:
        """What the database says, rows by column."""
        with self.side(half).cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode()).fetchall()

    def number(self, query: str, values: Mapping[str, object] | None = None, *, half: str = "core") -> Any:
        """The only value of the only row."""
        ((found,),) = self.rows(query, values, half=half)
        return found

    def everything(self) -> dict[str, list[Any]]:
        """Every row of every table, as text, sorted."""
        found = {}
        for half in ("core",) if self.single else ("core", "ai"):
            names = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1", half=half)
            for (table,) in names:
                found[f"{half}.{table}"] = self.rows(f"SELECT t::text FROM {table} AS t ORDER BY 1", half=half)
        return found
