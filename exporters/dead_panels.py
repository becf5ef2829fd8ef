"""The dead-panel detector: asks every panel of the generated dashboards its own queries.

A panel is alive when it shows a number that is not zero, or a row. One that shows nothing, or nothing but zeros, is
dead unless its description says why that is normal: counters start at zero, so a panel that asks the wrong thing looks
just like one of a quiet system.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from exporters.core.errors import ConfigError
from exporters.export import moment
from exporters.panel_queries import Answer, InfluxDB, Prometheus, QueryFailed, Range

State = Literal["alive", "quiet", "empty", "zero", "failing", "not asked"]
DEAD: frozenset[State] = frozenset({"empty", "zero", "failing"})
EVERYTHING = ".*"


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
    dashboards: Sequence[Dashboard], prometheus: Prometheus, influxdb: InfluxDB | None, when: Range
) -> Iterator[Finding]:
    """What every panel and every variable shows. Dashboards of systems or sources that nobody watches are left out."""
    from exporters.registry import SYSTEMS

    unwatched = {system.name for system in SYSTEMS} - prometheus.systems()
    for dashboard in dashboards:
        if dashboard.system in unwatched:
            continue
        if not dashboard.reads or dashboard.reads <= prometheus.sources(dashboard.system):
            yield from _inspect(dashboard.json, prometheus, influxdb, when)


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
    when = Range(moment(arguments.start, now), now)
    if when.seconds <= 0:
        raise ConfigError([f"--from {arguments.start}: is not before now"])
    findings = list(inspect(generated(), Prometheus(arguments.prometheus), influxdb, when))
    print(report(findings))
    return 1 if any(finding.dead for finding in findings) else 0


def _inspect(
    json_: Mapping[str, Any], prometheus: Prometheus, influxdb: InfluxDB | None, when: Range
) -> Iterator[Finding]:
    board = str(json_["title"])
    variables = {str(v["name"]): "" if v["type"] == "textbox" else EVERYTHING for v in json_["templating"]["list"]}
    for variable in json_["templating"]["list"]:
        if variable["type"] == "query":
            yield _variable(board, variable, prometheus, variables)
    for panel in json_["panels"]:
        if panel["type"] == "row" or not panel.get("targets"):
            continue
        if influxdb is None and panel["datasource"]["type"] == "influxdb":
            yield Finding(board, str(panel["title"]), "not asked", "no InfluxDB given")
        else:
            yield _panel(board, panel, prometheus, influxdb, variables, when)


def _variable(board: str, variable: Mapping[str, Any], prometheus: Prometheus, variables: Mapping[str, str]) -> Finding:
    name = f"variable ${variable['name']}"
    try:
        values = prometheus.values_of(str(variable["query"]["query"]), variables)
    except QueryFailed as error:
        return Finding(board, name, "failing", str(error))
    return Finding(board, name, "alive" if values else "empty")


def _panel(
    board: str,
    panel: Mapping[str, Any],
    prometheus: Prometheus,
    influxdb: InfluxDB | None,
    variables: Mapping[str, str],
    when: Range,
) -> Finding:
    title = str(panel["title"])
    answers: list[Answer] = []
    try:
        for target in panel["targets"]:
            asked = influxdb if target["datasource"]["type"] == "influxdb" else prometheus
            if asked is not None:
                answers.append(asked.ask(target, variables, when, str(panel.get("interval", ""))))
    except QueryFailed as error:
        return Finding(board, title, "failing", str(error))
    return Finding(board, title, judged(answers, str(panel.get("description", "")), is_table=panel["type"] == "table"))


def judged(answers: Sequence[Answer], description: str, *, is_table: bool = False) -> State:
    """The state of a panel whose queries gave these answers. A table of labels shows rows even where all are zero."""
    from grafana.dashboards._panel import EMPTY_IS_NORMAL, ZERO_IS_NORMAL

    if not any(answer.rows for answer in answers):
        return "quiet" if EMPTY_IS_NORMAL in description else "empty"
    if any(answer.moved for answer in answers):
        return "alive"
    return "quiet" if ZERO_IS_NORMAL in description or (is_table and EMPTY_IS_NORMAL in description) else "zero"
