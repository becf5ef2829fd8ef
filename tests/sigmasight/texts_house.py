"""SigmaSight's words as the restricted Grafana's accounts read them: a life with canaries, and statements filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from exporters.core.sql import ALL, Sql
from exporters.demo.postgres import Postgres
from exporters.sigmasight import grants
from exporters.sigmasight.texts import BY_HALF
from tests.sigmasight.databases import Databases

PASSWORD = "an invented reader's password"
Row = tuple[Any, ...]
_FORMATTED = re.compile(r"\$\{(\w+):(percentencode|sqlstring)\}")
_MACRO = re.compile(r"\$__time(From|To)\(\)")


@dataclass(frozen=True, slots=True)
class Range:
    """The page's time range."""

    start: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    stop: datetime = datetime(2100, 1, 1, tzinfo=UTC)


EVER = Range()


def as_grafana(text: str, when: Range = EVER, typed: Mapping[str, str] | None = None, **chosen: str) -> str:
    """A statement as Grafana fills it in. typed: into text variables. chosen: by variable, the text of a value."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if found[2] == "percentencode":
            return quote((typed or {}).get(name, ""), safe="")
        return f"'{chosen[name].encode().hex()}'" if name in chosen else ALL

    def moment(found: re.Match[str]) -> str:
        at = when.start if found[1] == "From" else when.stop
        return "'" + at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") + "'"

    made = _MACRO.sub(moment, _FORMATTED.sub(value, text))
    assert "$" not in made.replace("$'", "")
    return made


def half_of(asked: Sql) -> grants.Half:
    """Which database it is asked of."""
    (half,) = (half for half, rows in BY_HALF.items() if asked.rows in rows)
    return half


@dataclass(slots=True)
class Readers:
    """One account per half, each as the README makes it."""

    databases: Databases
    connections: dict[grants.Half, psycopg.Connection[Any]] = field(default_factory=dict)

    def ask(self, asked: Sql, when: Range = EVER, typed: Mapping[str, str] | None = None, **chosen: str) -> list[Row]:
        text = as_grafana(asked.text, when, typed, **chosen)
        return self.connections[half_of(asked)].execute(text.encode()).fetchall()

    def dicts(
        self, asked: Sql, when: Range = EVER, typed: Mapping[str, str] | None = None, **chosen: str
    ) -> list[dict[str, Any]]:
        return [dict(zip(asked.columns, row, strict=True)) for row in self.ask(asked, when, typed, **chosen)]

    def plan(self, asked: Sql, when: Range = EVER, typed: Mapping[str, str] | None = None) -> str:
        """How the reader's own session would answer it, and what that took."""
        text = "EXPLAIN (ANALYZE, BUFFERS) " + as_grafana(asked.text, when, typed)
        return "\n".join(line for (line,) in self.connections[half_of(asked)].execute(text.encode()))


@contextmanager
def readers(server: Postgres, databases: Databases, prefix: str) -> Iterator[Readers]:
    """Accounts of these names, let in to both halves; one for both where there is one database."""
    made = Readers(databases)
    halves: tuple[grants.Half, ...] = ("core", "ai")
    names = {half: f"{prefix}_{'both' if databases.single else half}" for half in halves}
    for half in halves:
        owner = databases.side(half)
        if half == "core" or not databases.single:
            owner.execute(grants.reader(names[half]).encode())
            owner.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(names[half]), PASSWORD))
        owner.execute(grants.texts(half, names[half]).encode())
        owner.execute("ANALYZE")
        made.connections[half] = psycopg.connect(
            host="127.0.0.1",
            port=server.port,
            user=names[half],
            password=PASSWORD,
            dbname=databases.core_name if half == "core" else databases.ai_name,
            autocommit=True,
        )
    try:
        yield made
    finally:
        for connection in made.connections.values():
            connection.close()


def around(at: datetime, days: float = 40) -> Range:
    """A range that ends here."""
    return Range(at - timedelta(days=days), at + timedelta(days=days))
