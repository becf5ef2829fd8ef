"""Every file that is made from the code: dashboards, alert rules, docs/metrics.md. Same code, same bytes.

`observatory render` writes them, `observatory render --check` and the tests compare. A file below one of the generated
folders that no code makes is drift, too.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exporters.core.contract import System
from exporters.metrics_doc import metrics_doc

if TYPE_CHECKING:
    from grafana.dashboards.panels import Board

DASHBOARDS = "grafana/dashboards"
RULES = "prometheus/rules"
METRICS_DOC = "docs/metrics.md"
GENERATED_FOLDERS = ((f"{DASHBOARDS}/generated", "**/*.json"), (RULES, "*.yml"))
"""Where nothing else may lie."""


def boards(systems: Sequence[System]) -> tuple[Board, ...]:
    """Every dashboard: those about all systems, then each system's own (`grafana.dashboards.<system>.BOARDS`)."""
    # grafanalib is needed here alone; a program that only serves metrics does without it.
    from grafana.dashboards import health, home
    from grafana.dashboards import systems as side_by_side

    found = [home.BOARD, side_by_side.BOARD, health.BOARD]
    for system in systems:
        found += importlib.import_module(f"grafana.dashboards.{system.name}").BOARDS
    return tuple(found)


def files(systems: Sequence[System]) -> dict[str, str]:
    """Path below the repository -> text, of everything generated."""
    from grafana.dashboards.panels import to_json
    from prometheus.alerts import rule_files

    made = {f"{DASHBOARDS}/{board.path}": _json(to_json(board)) for board in boards(systems)}
    made |= {f"{RULES}/{name}": text for name, text in rule_files().items()}
    made[METRICS_DOC] = metrics_doc(systems)
    return made


def render(root: Path, *, check: bool = False, systems: Sequence[System] | None = None) -> list[str]:
    """Bring the files below `root` up to date. check: write nothing.

    Returns the paths that differ (or differed), sorted; a file that nothing makes any more is one of them.
    """
    made = files(_registered() if systems is None else systems)
    stale = [path for path in _present(root) if path not in made]
    drift = [path for path, text in made.items() if _read(root / path) != text]
    if not check:
        for path in drift:
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(made[path], encoding="utf-8", newline="\n")
        for path in stale:
            (root / path).unlink()
    return sorted([*drift, *stale])


def _registered() -> tuple[System, ...]:
    from exporters.registry import SYSTEMS

    return SYSTEMS


def _present(root: Path) -> list[str]:
    return [
        path.relative_to(root).as_posix()
        for folder, pattern in GENERATED_FOLDERS
        for path in (root / folder).glob(pattern)
    ]


def _read(path: Path) -> str | None:
    return path.read_bytes().decode() if path.is_file() else None


def _json(dashboard: Mapping[str, object]) -> str:
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"
