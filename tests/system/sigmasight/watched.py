"""`observatory serve` over an invented SigmaSight, and what a test does to its state between a kill and a start."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from exporters.sigmasight.intervals import INTERVALS
from tests.sigmasight.houses import House
from tests.system.exporter import Watching

FIVE_MINUTES = 301 * 1_000_000
"""Microseconds after which the wide window is looked through again."""


def watched(
    folder: Path,
    house: House,
    *,
    seconds: float = 1.0,
    influx: Mapping[str, Any] | None = None,
    log_level: str = "info",
    **given: object,
) -> Watching:
    """The exporter, reading everything at least so often. given: more of the deployment's settings."""
    addresses = {half: house.address(half) for half in ("core", "ai")}
    for address in addresses.values():
        address["password_file"] = str(address["password_file"])
    deployment = {
        "deployment": "default",
        **addresses,
        "intervals": {name: min(interval, seconds) for name, interval in INTERVALS.items()},
        **given,
    }
    return Watching(folder, {"sigmasight": [deployment]}, influx=influx, log_level=log_level)


def five_minutes_pass(exporter: Watching) -> int:
    """While it is dead: its streams of rows owe an audit when it starts. Returns how many."""
    with closing(sqlite3.connect(exporter.folder / "state" / "observatory.db")) as state, state:
        rows = state.execute("SELECT feed, cursor FROM stream WHERE cursor IS NOT NULL").fetchall()
        changed = 0
        for feed, stored in rows:
            cursor = json.loads(stored)
            place = cursor.get("rows", cursor) if isinstance(cursor, dict) else {}
            if place.get("wide"):
                place["wide"][1] -= FIVE_MINUTES
                state.execute("UPDATE stream SET cursor = ? WHERE feed = ?", (json.dumps(cursor), feed))
                changed += 1
    return changed
