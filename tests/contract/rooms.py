"""Where the parts of a system lie, and what of it is asked for. Everything follows from the system's name."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from exporters.core.contract import Probe, Source, Stream, System
from exporters.registry import SYSTEMS
from tests.contract.observer import HASH_KEY

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "grafana" / "dashboards" / "generated"
RULES = ROOT / "prometheus" / "rules"
QUERIES = ROOT / "docs" / "queries.md"
Part = Stream[Any, Any, Any] | Probe[Any]
_FENCE = re.compile(r"^```(promql|flux)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def home(system: System) -> Path:
    """The system's folder."""
    return ROOT / "exporters" / system.name


def life_module(system: System) -> ModuleType:
    """tests/<system>/golden/life.py."""
    return importlib.import_module(f"tests.{system.name}.golden.life")


@cache
def sources(name: str) -> tuple[Source[Any], ...]:
    """The system's sources as its own environment variables make them; nothing is connected to."""
    (system,) = (system for system in SYSTEMS if system.name == name)
    settings = system.settings(**life_module(system).EXAMPLE)
    return system.sources(settings, HASH_KEY)


def parts(system: System) -> list[tuple[str, Part]]:
    """(source/name, stream or probe) of one deployment."""
    found: list[tuple[str, Part]] = []
    for source in sources(system.name):
        found += [(f"{source.name}/{stream.name}", stream) for stream in source.streams]
        found += [(f"{source.name}/{probe.name}", probe) for probe in source.probes]
    return found


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of one file. language: promql, flux or sql. place: what a person would look for."""

    file: Path
    place: str
    language: str
    text: str


def dashboards(folder: str = "**") -> list[Path]:
    """The generated dashboards, of one system or of all."""
    return sorted(GENERATED.glob(f"*/{folder}/*.json"))


def of_dashboard(file: Path) -> Iterator[Asked]:
    """Every query of a dashboard: panels, variables, annotations."""
    document = json.loads(file.read_text(encoding="utf-8"))
    for panel in _panels(document.get("panels", [])):
        for target in panel.get("targets", []):
            yield from _asked(file, f"panel {panel['title']!r}", target)
    for variable in document.get("templating", {}).get("list", []):
        if variable.get("type") == "query":
            query = variable["query"]
            language = "sql" if variable["datasource"]["type"] == "postgres" else "promql"
            yield Asked(
                file, f"variable {variable['name']}", language, query["query"] if isinstance(query, dict) else query
            )
    for annotation in document.get("annotations", {}).get("list", []):
        yield from _asked(file, f"annotation {annotation['name']!r}", annotation)


def _asked(file: Path, place: str, target: dict[str, Any]) -> Iterator[Asked]:
    if target.get("rawSql"):
        yield Asked(file, place, "sql", target["rawSql"])
    elif target.get("expr"):
        yield Asked(file, place, "promql", target["expr"])
    elif isinstance(target.get("query"), str) and target["query"]:
        yield Asked(file, place, "flux", target["query"])


def _panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels", []))


def of_rules(file: Path) -> Iterator[Asked]:
    """Every expression of a rule file."""
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            yield Asked(file, rule.get("alert") or rule["record"], "promql", rule["expr"])


def of_queries() -> Iterator[Asked]:
    """Every query that docs/queries.md teaches."""
    for number, found in enumerate(_FENCE.finditer(QUERIES.read_text(encoding="utf-8")), 1):
        yield Asked(QUERIES, f"query {number}", found[1], found[2])


def everything_asked() -> list[Asked]:
    """Every query of the product."""
    asked = [query for file in dashboards() for query in of_dashboard(file)]
    asked += [query for file in sorted(RULES.glob("*.yml")) for query in of_rules(file)]
    return asked + (list(of_queries()) if QUERIES.exists() else [])
