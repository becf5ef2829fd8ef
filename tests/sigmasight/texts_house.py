"""SigmaSight's words as the restricted Grafana's accounts read them: a life with canaries, and statements filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from exporters.core.sql import ALL, Sql
from exporters.demo.postgres import Postgres
from exporters.sigmasight import grants
from exporters.sigmasight.texts import BY_HALF
from grafana.dashboards.panels import to_json
from grafana.dashboards.sigmasight import BOARDS
from tests.sigmasight.databases import NOW, Databases

PASSWORD = "an-invented-reader_s.Own"
"""Grafana could not use blanks or quotes."""
Row = tuple[Any, ...]
_FORMATTED = re.compile(r"\$\{(\w+):(percentencode|sqlstring)\}")
_MACRO = re.compile(r"\$__time(From|To)\(\)")


@dataclass(frozen=True, slots=True)
class Range:
    """The page's time range."""

    start: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    stop: datetime = datetime(2100, 1, 1, tzinfo=UTC)


EVER = Range()


def in_the_browser(text: str, typed: Mapping[str, str] | None = None, **chosen: str) -> str:
    """A statement as Grafana's pages send it. typed: into text variables. chosen: by variable, the text of a value."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if found[2] == "percentencode":
            return quote((typed or {}).get(name, ""), safe="")
        return f"'{chosen[name].encode().hex()}'" if name in chosen else ALL

    return _FORMATTED.sub(value, text)


def as_grafana(text: str, when: Range = EVER, typed: Mapping[str, str] | None = None, **chosen: str) -> str:
    """A statement as PostgreSQL gets it, the macros replaced as well."""

    def moment(found: re.Match[str]) -> str:
        at = when.start if found[1] == "From" else when.stop
        return "'" + at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") + "'"

    made = _MACRO.sub(moment, in_the_browser(text, typed, **chosen))
    assert "$" not in made.replace("$'", "")
    return made


@dataclass(frozen=True, slots=True)
class Statement:
    """One that a page asks: of a panel, or of a filter."""

    name: str
    half: grants.Half
    text: str


def page_statements() -> list[Statement]:
    """Every one, as the generated pages have it."""
    found = []
    for board in BOARDS:
        page = to_json(board)
        asked = [(panel["title"], target) for panel in page["panels"] for target in panel.get("targets", [])]
        asked += [("$" + v["name"], v) for v in page["templating"]["list"] if v["type"] == "query"]
        for name, target in asked:
            if target["datasource"]["type"] == "postgres":
                half: grants.Half = "ai" if target["datasource"]["uid"] == "${ai_database}" else "core"
                text = target.get("rawSql") or target["query"]
                found.append(Statement(f"{board.uid} {name}", half, text))
    return found


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

    def filled(self, asked: Sql, typed: Mapping[str, str] | None = None) -> str:
        """The statement as Grafana would send it."""
        return as_grafana(asked.text, EVER, typed)

    def ask_page(
        self, asked: Statement, when: Range = EVER, typed: Mapping[str, str] | None = None, explain: str = ""
    ) -> list[Row]:
        """What a page's own statement answers; or with `EXPLAIN …` how."""
        text = f"{explain} {as_grafana(asked.text, when, typed)}"
        return self.connections[asked.half].execute(text.encode()).fetchall()

    def dicts(
        self, asked: Sql, when: Range = EVER, typed: Mapping[str, str] | None = None, **chosen: str
    ) -> list[dict[str, Any]]:
        return [dict(zip(asked.columns, row, strict=True)) for row in self.ask(asked, when, typed, **chosen)]


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


@dataclass(frozen=True, slots=True)
class World:
    databases: Databases
    readers: Readers
    tokens: dict[str, str]
    user: str
    conversation: str

    @property
    def typed(self) -> list[dict[str, str]]:
        """Nothing; a user; a conversation."""
        return [{}, {"user": self.user}, {"conversation": self.conversation, "user": self.user}]


@contextmanager
def lived_world(server: Postgres) -> Iterator[World]:
    """A life with every odd row, and canaries in every text."""
    tokens: dict[str, str] = {}
    with Databases(server) as databases:
        sigma = databases.sigma(seed=8, canaries=tokens)
        sigma.found()
        sigma.backfill(12, stories_per_day=70)
        sigma.edges(NOW)
        with readers(server, databases, "words") as asking:
            most = "SELECT {0} FROM {1} WHERE {0} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
            user = str(databases.number(most.format("user_id", "user_activity_events")))
            conversation = str(databases.number(most.format("conversation_id", "agent_messages")))
            yield World(databases, asking, tokens, user, conversation)
