"""Asks a panel's SQL as a person's browser does: through Grafana, which alone has the accounts of the databases."""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from exporters.core.errors import ConfigError
from exporters.panel_queries import Answer, QueryFailed, Range, answer_of, checked_url, filled_in

_DEPLOYMENT = re.compile(r"\$\{deployment(?::regex)?\}")
_EVERY_DEPLOYMENT = ".*"
_MACROS = {"__timeFrom": "$__timeFrom", "__timeTo": "$__timeTo"}
"""What Grafana itself replaces, after the browser."""


@dataclass(frozen=True, slots=True)
class Database:
    """One data source that a page may choose."""

    uid: str
    name: str


class Grafana:
    """One Grafana. url: without user or password; the password is read from its file and stands in a header only."""

    def __init__(self, url: str, user: str, password_file: Path) -> None:
        self._url = checked_url(url, "--grafana")
        self._user = user
        self._password_file = password_file

    def databases(self, variable: Mapping[str, Any]) -> list[Database]:
        """Those that a page's variable of the type `datasource` offers, for every deployment. Raises QueryFailed."""
        wanted = re.compile(_DEPLOYMENT.sub(_EVERY_DEPLOYMENT, str(variable["regex"]).strip("/")))
        return [
            Database(str(one["uid"]), str(one["name"]))
            for one in self._data_sources
            if one["type"] == variable["query"] and wanted.search(str(one["name"]))
        ]

    def ask(self, sql: str, variables: Mapping[str, str], when: Range, databases: Sequence[Database]) -> list[Answer]:
        """What each of these databases answers. Raises QueryFailed, which names the one that does not."""
        answers = []
        for database in databases:
            try:
                answers.append(self._ask(filled_in(sql, {**_MACROS, **variables}), when, database))
            except QueryFailed as error:
                msg = f"{database.name}: {error}"
                raise QueryFailed(msg) from None
        return answers

    @cached_property
    def _data_sources(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._call("/api/datasources")
        return found

    def _ask(self, sql: str, when: Range, database: Database) -> Answer:
        query = {"refId": "A", "datasource": {"uid": database.uid}, "rawSql": sql, "format": "table"}
        start, stop = (str(round(at.timestamp() * 1000)) for at in (when.start, when.stop))
        told = self._call("/api/ds/query", {"queries": [query], "from": start, "to": stop})
        return frames_answer(told["results"]["A"])

    def _call(self, path: str, document: Any = None) -> Any:
        try:
            password = self._password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError([f"{self._password_file}: {error.strerror}"]) from None
        pair = base64.b64encode(f"{self._user}:{password}".encode()).decode()
        request = urllib.request.Request(  # noqa: S310 - scheme checked
            self._url + path,
            data=None if document is None else json.dumps(document).encode(),
            headers={"Authorization": f"Basic {pair}", "Content-Type": "application/json"},
        )
        try:
            return json.loads(answer_of(request))
        except ValueError:
            msg = f"{self._url} does not answer as Grafana does"
            raise QueryFailed(msg) from None


def frames_answer(result: Mapping[str, Any]) -> Answer:
    """Grafana's data frames. As with Flux, a table without numbers moves by having a row. Raises QueryFailed."""
    if result.get("error"):
        raise QueryFailed(str(result["error"])[:300])
    rows, moved = 0, False
    for frame in result.get("frames", ()):
        fields, columns = frame["schema"]["fields"], frame["data"]["values"]
        rows += len(columns[0]) if columns else 0
        texts = any(field["type"] == "string" for field in fields)
        numbers = [column for field, column in zip(fields, columns, strict=True) if field["type"] == "number"]
        moved = moved or any(any(column) for column in numbers) or (texts and bool(columns and columns[0]))
    return Answer(rows, moved)
