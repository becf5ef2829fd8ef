"""The dead-panel detector: asks every panel of the generated dashboards its own queries.

A panel is alive when it shows a number that is not zero, or a row. One that shows nothing, or nothing but zeros, is
dead unless its description says why that is normal: counters start at zero, so a panel that asks the wrong thing looks
just like one of a quiet system.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from exporters.core.errors import ConfigError
from exporters.export import moment
from exporters.panel_queries import Answer, InfluxDB, Prometheus, QueryFailed, Range
from exporters.panel_sql import Database, Grafana

State = Literal["alive", "quiet", "empty", "zero", "failing", "not asked"]
DEAD: frozenset[State] = frozenset({"empty", "zero", "failing"})
EVERYTHING = ".*"
SQL = "postgres"
"""The type of a data source that is asked in SQL."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one panel (or variable) shows. state: `quiet` is zero or empty, and marked so. detail: why it fails."""

    board: str
    panel: str
    state: State
    detail: str = ""

    @property
    def dead(self) -> bool:
        return self.state in DEAD


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One generated file. system: whose it is; a folder that is no system's belongs to everybody."""

    system: str
    json: Mapping[str, Any]

    @property
    def reads(self) -> set[str]:
        """Sources without which it is not mounted: its tags `reads-<source>`."""
        return {tag.removeprefix("reads-") for tag in self.json.get("tags", ()) if tag.startswith("reads-")}


def generated(root: Path | None = None) -> list[Dashboard]:
    """Every generated dashboard: of the installed package, or below `root`/grafana/dashboards/generated."""
    folder = (
        root / "grafana" / "dashboards" / "generated"
        if root
        else Path(str(files("grafana.dashboards").joinpath("generated")))
    )
    found = [
        Dashboard(path.parent.name, json.loads(path.read_text("utf-8"))) for path in sorted(folder.glob("*/*/*.json"))
    ]
    if not found:
        raise ConfigError([f"no dashboards in {folder}: run `observatory render`"])
    return found


def inspect(
    dashboards: Sequence[Dashboard],
    prometheus: Prometheus,
    influxdb: InfluxDB | None,
    when: Range,
    grafana: Grafana | None = None,
) -> Iterator[Finding]:
    """What every panel and every variable shows. Dashboards of systems or sources that nobody watches are left out.

    influxdb, grafana: without it the panels that ask Flux, or SQL, are not asked.
    """
    from exporters.registry import SYSTEMS

    unwatched = {system.name for system in SYSTEMS} - prometheus.systems()
    for dashboard in dashboards:
        if dashboard.system in unwatched:
            continue
        if not dashboard.reads or dashboard.reads <= prometheus.sources(dashboard.system):
            yield from _Page(dashboard.json, prometheus, influxdb, grafana, when).findings()


def report(findings: Sequence[Finding]) -> str:
    """The dead ones by name, and how many there are of each kind."""
    lines = [f"{f.state:8} {f.board}: {f.panel}" + (f" ({f.detail})" if f.detail else "") for f in findings if f.dead]
    counts = {
        state: sum(f.state == state for f in findings) for state in ("alive", "quiet", "not asked", *sorted(DEAD))
    }
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return "\n".join([*lines, f"{len(findings)} panels and variables: {told}"])


def main(arguments: argparse.Namespace) -> int:
    """`observatory panels`. Returns 1 if a panel is dead."""
    now = datetime.now(UTC)
    if arguments.influxdb and not arguments.token_file:
        raise ConfigError(["--influxdb needs --influxdb.token-file"])
    influxdb = InfluxDB(arguments.influxdb, arguments.org, arguments.token_file) if arguments.influxdb else None
    if arguments.grafana and not arguments.grafana_password_file:
        raise ConfigError(["--grafana needs --grafana.password-file"])
    grafana = (
        Grafana(arguments.grafana, arguments.grafana_user, arguments.grafana_password_file)
        if arguments.grafana
        else None
    )
    when = Range(moment(arguments.start, now), now)
    if when.seconds <= 0:
        raise ConfigError([f"--from {arguments.start}: is not before now"])
    findings = list(inspect(generated(), Prometheus(arguments.prometheus), influxdb, when, grafana))
    print(report(findings))
    return 1 if any(finding.dead for finding in findings) else 0


class _Page:
    """One dashboard, and whom to ask."""

    def __init__(
        self,
        json_: Mapping[str, Any],
        prometheus: Prometheus,
        influxdb: InfluxDB | None,
        grafana: Grafana | None,
        when: Range,
    ) -> None:
        self._json = json_
        self._prometheus = prometheus
        self._influxdb = influxdb
        self._grafana = grafana
        self._when = when
        self._board = str(json_["title"])
        listed = json_["templating"]["list"]
        self._asked = [v for v in listed if v["type"] == "query"]
        self._chosen = [v for v in listed if v["type"] == "datasource"]
        self._variables = {
            str(v["name"]): "" if v["type"] == "textbox" else str(v.get("allValue") or EVERYTHING) for v in listed
        }

    def findings(self) -> Iterator[Finding]:
        """What each variable and each panel shows."""
        for variable in (*self._chosen, *self._asked):
            yield self._found(f"variable ${variable['name']}", variable, partial(self._offered, variable))
        for panel in self._json["panels"]:
            if panel["type"] != "row" and panel.get("targets"):
                yield self._found(str(panel["title"]), panel, partial(self._shown, panel))

    def _found(self, name: str, thing: Mapping[str, Any], state: Callable[[], State]) -> Finding:
        missing = self._nobody_to_ask(thing)
        if missing:
            return Finding(self._board, name, "not asked", f"no {missing} given")
        try:
            return Finding(self._board, name, state())
        except QueryFailed as error:
            return Finding(self._board, name, "failing", str(error))

    def _nobody_to_ask(self, thing: Mapping[str, Any]) -> str:
        kind = SQL if thing["type"] == "datasource" else thing.get("datasource", {}).get("type")
        if kind == "influxdb" and self._influxdb is None:
            return "InfluxDB"
        return "Grafana" if kind == SQL and self._grafana is None else ""

    def _offered(self, variable: Mapping[str, Any]) -> State:
        if variable["type"] == "datasource":
            return "alive" if self._databases() else "empty"
        if variable.get("datasource", {}).get("type") == SQL:
            return "alive" if any(answer.rows for answer in self._rows(str(variable["query"]))) else "empty"
        return "alive" if self._prometheus.values_of(str(variable["query"]["query"]), self._variables) else "empty"

    def _shown(self, panel: Mapping[str, Any]) -> State:
        answers: list[Answer] = []
        for target in panel["targets"]:
            kind = target["datasource"]["type"]
            if kind == SQL:
                answers += self._rows(str(target["rawSql"]))
                continue
            asked = self._influxdb if kind == "influxdb" else self._prometheus
            if asked is not None:
                answers.append(asked.ask(target, self._variables, self._when, str(panel.get("interval", ""))))
        return judged(answers, str(panel.get("description", "")), is_table=panel["type"] == "table")

    def _rows(self, sql: str) -> list[Answer]:
        return self._grafana.ask(sql, self._variables, self._when, self._databases()) if self._grafana else []

    def _databases(self) -> list[Database]:
        return [found for v in self._chosen for found in self._grafana.databases(v)] if self._grafana else []


def judged(answers: Sequence[Answer], description: str, *, is_table: bool = False) -> State:
    """The state of a panel whose queries gave these answers. A table of labels shows rows even where all are zero."""
    from grafana.dashboards._panel import EMPTY_IS_NORMAL, ZERO_IS_NORMAL

    if not any(answer.rows for answer in answers):
        return "quiet" if EMPTY_IS_NORMAL in description else "empty"
    if any(answer.moved for answer in answers):
        return "alive"
    return "quiet" if ZERO_IS_NORMAL in description or (is_table and EMPTY_IS_NORMAL in description) else "zero"
