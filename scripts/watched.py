"""Which systems an installation watches: what its observatory.yml says, as far as the stack depends on it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

RETENTIONS: Mapping[str, str] = {"events": "retention_days", "text": "text_retention_days"}
"""The setting of each kind of bucket; the daily ones keep their points for ever."""


class ContradictionError(Exception):
    """Settings that cannot be used together; the message names them."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the stack depends on in observatory.yml. systems: their names. scrape_interval: seconds.

    asked: the kinds of buckets whose retention stands there, and is no default.

    sources: by system, what any of its deployments says something about (`redis`, `postgres`). deployments: by system,
    as they stand there.

    The defaults are those of the exporter's own settings.
    """

    systems: frozenset[str]
    scrape_interval: float
    retention_days: float
    text_retention_days: float
    asked: frozenset[str] = frozenset()
    sources: Mapping[str, frozenset[str]] = field(default_factory=dict)
    deployments: Mapping[str, object] = field(default_factory=dict)


def watched(config: Path) -> Watched:
    """Read observatory.yml, as far as it matters here; `observatory check` finds everything else.

    Raises ContradictionError.
    """
    try:
        document = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as problem:
        message = f"{config}: {problem}"
        raise ContradictionError(message) from None
    document = document if isinstance(document, dict) else {}
    systems = document.get("systems")
    names = frozenset(name for name, deployments in systems.items() if deployments) if isinstance(systems, dict) else ()
    if not names:
        message = f"{config}: no system under `systems:`"
        raise ContradictionError(message)
    unknown = sorted(frozenset(names) - known_systems())
    if unknown:
        message = f"{config}: unknown system {', '.join(unknown)} (known: {', '.join(sorted(known_systems()))})"
        raise ContradictionError(message)
    influxdb = document.get("influxdb")
    influxdb = influxdb if isinstance(influxdb, dict) else {}

    def positive(section: dict[str, object], name: str, otherwise: float) -> float:
        number = section.get(name, otherwise)
        if not isinstance(number, int | float) or isinstance(number, bool) or not number > 0:
            message = f"{config}: {name}: a number above 0, not {number!r}"
            raise ContradictionError(message)
        return float(number)

    return Watched(
        systems=frozenset(names),
        scrape_interval=positive(document, "scrape_interval_seconds", 15),
        retention_days=positive(influxdb, "retention_days", 30),
        text_retention_days=positive(influxdb, "text_retention_days", 30),
        asked=frozenset(kind for kind, name in RETENTIONS.items() if influxdb.get(name) is not None),
        sources={name: _said(systems[name]) for name in names},
        deployments={name: systems[name] for name in names},
    )


def _said(deployments: object) -> frozenset[str]:
    """The keys that any deployment gives a value to."""
    given = deployments if isinstance(deployments, list) else [deployments]
    return frozenset(str(key) for one in given if isinstance(one, dict) for key, value in one.items() if value)


def known_systems() -> frozenset[str]:
    """Every system of the installed package: a folder that declares metrics is one."""
    package = importlib.util.find_spec("exporters")
    if package is None or not package.submodule_search_locations:
        message = "the package llm-observatory is not installed for this Python"
        raise ContradictionError(message)
    places = [Path(place) for place in package.submodule_search_locations]
    return frozenset(metrics.parent.name for place in places for metrics in place.glob("*/metrics.py"))
